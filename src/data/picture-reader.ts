// Pictures from anywhere, read and prepared some steps ahead of who asks for them: what cannot be read is told, by name, in
// its place, and the others go on. ./work.ts does the same for examples that are trained on.
import { FoveaError } from '../core/errors.js';
import { isNode, nodeModule } from '../core/node-files.js';
import { formatShape } from '../core/shape.js';
import { type HostArray, isHostArray } from './host-array.js';
import type { PictureStep } from './steps.js';
import { fromPlainError, type PlainError, type Source, type TaskResult } from './workers/messages.js';

/** A path, an address, a file's bytes, or pixels from 0 to 255 `[height, width]` or `[height, width, channels]`. */
export type Picture = string | URL | Uint8Array | HostArray;

/** One picture, or many: a list or a stream. */
export type Pictures = Picture | Iterable<Picture> | AsyncIterable<Picture>;

/** A picture's name and, for each plan, what became of it; or why it could not be read. */
export interface ReadPicture {
  readonly name: string;
  readonly arrays: readonly HostArray[];
  readonly problem?: FoveaError;
}

/** How `readPictures` works. */
export interface ReadOptions {
  /** What asks, for messages. */
  readonly op: string;
  /** Pictures at a time. */
  readonly batchSize: number;
  /** Threads; default one per core, four at most. */
  readonly workers?: number | undefined;
}

/** Whether this is one picture and no list of them. */
export function isOnePicture(pictures: Pictures): pictures is Picture {
  if (typeof pictures === 'string' || pictures instanceof URL || pictures instanceof Uint8Array) return true;
  return isHostArray(pictures);
}

/** How many there are, where that is known without reading them. */
export function countOf(pictures: Pictures): number | undefined {
  if (isOnePicture(pictures)) return 1;
  return Array.isArray(pictures) ? pictures.length : undefined;
}

/**
 * Reads pictures in batches, in order, each put through every plan of steps. At most as many batches as the workers can hold
 * are under way or wait to be asked for, so that a stream may be endless.
 */
export async function* readPictures(
  pictures: Pictures,
  plans: readonly (readonly PictureStep[])[],
  { op, batchSize, workers }: ReadOptions,
): AsyncGenerator<readonly ReadPicture[]> {
  const { defaultWorkers, hire } = await import('./workers/pool.js');
  // For one picture a thread is started for nothing.
  const crew = await hire(isOnePicture(pictures) ? 0 : (workers ?? defaultWorkers()));
  const chunks = chunksOf(pictures, batchSize, op);
  const ahead: { named: readonly Named[]; results: Promise<readonly TaskResult[]> }[] = [];
  let isOver = false;
  try {
    for (;;) {
      while (!isOver && ahead.length < crew.capacity) {
        const { value: named, done } = await chunks.next();
        if (done) {
          isOver = true;
          break;
        }
        const sources = named.flatMap(({ source }) => (source instanceof FoveaError ? [] : [source]));
        const draws = sources.map(() => []);
        const tasks = plans.map((steps) =>
          crew.run({
            stages: [{ steps, seed: 0, boxes: false, draw: -1 }],
            sources,
            draws,
            ys: undefined,
            isStacked: false,
          }),
        );
        const results = Promise.all(tasks);
        // Handled when it is awaited below; until then a rejection must not count as unhandled.
        results.catch(() => {});
        ahead.push({ named, results });
      }
      const next = ahead.shift();
      if (next === undefined) return;
      yield together(next.named, await next.results);
    }
  } finally {
    crew.release();
    await chunks.return(undefined);
  }
}

interface Named {
  readonly name: string;
  readonly source: Source | FoveaError;
}

async function* chunksOf(pictures: Pictures, size: number, op: string): AsyncGenerator<readonly Named[], void> {
  let chunk: Named[] = [];
  let index = 0;
  for await (const picture of eachOf(pictures, op)) {
    chunk.push(await nameSource(picture, index++, op));
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

async function* eachOf(pictures: Pictures, op: string): AsyncGenerator<Picture> {
  if (isOnePicture(pictures)) yield pictures;
  else if (typeof pictures === 'object' && pictures !== null) {
    if (!(Symbol.iterator in pictures || Symbol.asyncIterator in pictures)) throw notPictures(pictures, op);
    yield* pictures;
  } else throw notPictures(pictures, op);
}

function notPictures(got: unknown, op: string, name = 'the pictures'): FoveaError {
  return new FoveaError({
    code: 'argument',
    op,
    message: `${name}: ${got === null ? 'null' : typeof got} is no picture.`,
    got,
    hint: "Give a path, an address, a file's bytes, pixels [height,width,channels], or a list or stream of these.",
  });
}

/** Where a picture is. What is none is told in its place. */
async function nameSource(picture: Picture, index: number, op: string): Promise<Named> {
  const unnamed = `picture ${index}`;
  if (typeof picture === 'string' || picture instanceof URL) {
    const text = String(picture);
    if (!isNode() || /^(https?|data|blob):/.test(text)) return { name: text, source: { kind: 'address', url: text } };
    const path = text.startsWith('file:') ? (await nodeModule('node:url', op)).fileURLToPath(text) : text;
    return { name: path, source: { kind: 'file', path } };
  }
  if (picture instanceof Uint8Array) {
    return { name: unnamed, source: { kind: 'array', x: { data: picture, shape: [picture.length], dtype: 'uint8' } } };
  }
  if (!isHostArray(picture)) return { name: unnamed, source: notPictures(picture, op, unnamed) };
  const { data, shape, dtype } = picture;
  if (shape.length < 2 || shape.length > 3 || data.length === 0) {
    const source = new FoveaError({
      code: 'shape',
      op,
      message: `${unnamed}: pixels are [height,width] or [height,width,channels], not ${formatShape(shape)}.`,
      got: shape,
      hint: 'Give the pictures of a batch as a list.',
    });
    return { name: unnamed, source };
  }
  const x = {
    data: dtype === 'int32' ? Float32Array.from(data) : data,
    shape: shape.length === 2 ? [...shape, 1] : shape,
    dtype: dtype === 'int32' ? ('float32' as const) : dtype,
  };
  return { name: unnamed, source: { kind: 'array', x } };
}

/** The plans' results by picture, in their order; those that failed with the reason. */
function together(named: readonly Named[], results: readonly TaskResult[]): readonly ReadPicture[] {
  const problems = results.map(({ failures }) => new Map(failures.map(({ at, error }) => [at, error])));
  const places = results.map(() => 0);
  let sent = 0;
  return named.map(({ name, source }): ReadPicture => {
    if (source instanceof FoveaError) return { name, arrays: [], problem: source };
    const at = sent++;
    let problem: FoveaError | undefined;
    const arrays = results.flatMap(({ x }, plan) => {
      const failure = problems[plan]?.get(at);
      if (failure === undefined) {
        const place = places[plan] as number;
        places[plan] = place + 1;
        return [x[place] as HostArray];
      }
      problem ??= fromPlainError(source.kind === 'array' ? renamed(failure, name) : failure, name);
      return [];
    });
    return problem === undefined ? { name, arrays } : { name, arrays: [], problem };
  });
}

/** What is in memory has no name that a worker could know. */
function renamed({ text, details }: PlainError, name: string): PlainError {
  const plain = { text: text.replaceAll('the picture', name) };
  return details === undefined ? plain : { ...plain, details: { ...details, path: name } };
}
