// Work on elements that is put off until they are wanted, and then done in workers: which elements a pass has and in which
// order is known without looking at one picture.
import { FoveaError } from '../core/errors.js';
import { type HostArray, rowCount, sliceRows, stackRows } from './host-array.js';
import { isRandom, type Stage } from './steps.js';
import type { Example } from './streams.js';
import { fromPlainError, nameOf, type Source, type TaskResult } from './workers/messages.js';

/** An element before the work on it. */
export interface WorkItem {
  readonly source: Source;
  readonly y: HostArray | undefined;
  readonly sampleWeight: HostArray | undefined;
  /** Pass and index at each random stage. */
  readonly draws: readonly number[];
}

/** A picture that could not be read. */
export interface BrokenImage {
  readonly path: string;
  readonly problem: string;
}

/** Elements and what is to be done to each. */
export interface Work {
  open(pass: number): AsyncIterable<WorkItem>;
  readonly stages: readonly Stage[];
  /** Undefined: as many as the machine is good for. */
  readonly workers: number | undefined;
  readonly onError: 'throw' | 'skip';
  /** Batches or chunks to be ahead of the reader, where that is more than the workers hold. */
  readonly ahead?: number;
  /** Grows while a pass skips. */
  readonly broken: BrokenImage[];
}

/** Elements for a task where no batch says how many. */
const CHUNK = 8;

/** Adds a stage; a random one numbers the elements as they come to it. */
export function addStage(work: Work, stage: Omit<Stage, 'draw'>, workers: number | undefined): Work {
  const draws = stage.call !== undefined || (stage.steps ?? []).some(isRandom);
  const draw = draws ? work.stages.filter((each) => each.draw >= 0).length : -1;
  const { open } = work;
  async function* numbered(pass: number): AsyncGenerator<WorkItem> {
    let index = 0;
    for await (const item of open(pass)) yield { ...item, draws: [...item.draws, pass, index++] };
  }
  return {
    ...work,
    open: draws ? numbered : open,
    stages: [...work.stages, { ...stage, draw }],
    workers: workers ?? work.workers,
  };
}

/** Does a pass, element by element. */
export async function* runElements(work: Work, pass: number): AsyncGenerator<Example> {
  for await (const { result, items } of runChunks(work, pass, CHUNK)) {
    for (const [i, item] of items.entries()) {
      yield {
        x: result.x[i] as HostArray,
        y: result.ys === undefined ? item.y : result.ys[i],
        sampleWeight: result.weights?.[i] ?? item.sampleWeight,
      };
    }
  }
}

/**
 * Does a pass in batches, which workers stack. With `isReusing`, a batch's memory is used again as soon as the next one is asked
 * for: large arrays cost more to get and to collect than to fill.
 */
export async function* runBatches(
  work: Work,
  pass: number,
  { size, dropRemainder, isReusing }: { size: number; dropRemainder: boolean; isReusing: boolean },
): AsyncGenerator<Example> {
  // Rows of batches that lost elements, until there are enough for a whole one.
  let rest: Example[] = [];
  let first = 0;
  const spare: ArrayBuffer[] = [];
  for await (const { result, items } of runChunks(work, pass, size, spare)) {
    const [x] = result.x;
    if (x === undefined) continue;
    const ys = result.ys ?? items.map((item) => item.y);
    const weights = items.map((item, i) => result.weights?.[i] ?? item.sampleWeight);
    const batch: Example = {
      x,
      y: stackField(ys, 'y', first),
      sampleWeight: stackField(weights, 'sampleWeight', first),
    };
    if (rest.length === 0 && items.length === size) {
      first += size;
      yield batch;
      if (isReusing) spare.push(x.data.buffer as ArrayBuffer);
      continue;
    }
    rest.push(batch);
    while (rowsOf(rest) >= size) {
      const [whole, after] = cutRows(rest, size, first);
      rest = after;
      first += size;
      yield whole;
    }
  }
  if (rowsOf(rest) > 0 && !dropRemainder) yield cutRows(rest, rowsOf(rest), first)[0];
}

function stackField(fields: readonly (HostArray | undefined)[], name: string, first: number): HostArray | undefined {
  const missing = fields.indexOf(undefined);
  if (missing < 0) return stackRows(fields as HostArray[], `batch of examples ${first}.. (${name})`);
  if (fields.every((field) => field === undefined)) return undefined;
  throw new FoveaError({
    code: 'value',
    op: 'batch',
    message: `example ${first + missing} has no ${name}, others of its batch do.`,
    hint: `Give ${name} with every example or with none.`,
  });
}

function rowsOf(batches: readonly Example[]): number {
  return batches.reduce((sum, { x }) => sum + rowCount(x), 0);
}

/** The first `count` rows as one batch, and what is left. */
function cutRows(batches: readonly Example[], count: number, first: number): [Example, Example[]] {
  const parts: Example[] = [];
  const left: Example[] = [];
  let wanted = count;
  for (const batch of batches) {
    const rows = rowCount(batch.x);
    const taken = Math.min(rows, wanted);
    wanted -= taken;
    const part = (from: number, to: number): Example => ({
      x: sliceRows(batch.x, from, to),
      y: batch.y && sliceRows(batch.y, from, to),
      sampleWeight: batch.sampleWeight && sliceRows(batch.sampleWeight, from, to),
    });
    if (taken > 0) parts.push(part(0, taken));
    if (taken < rows) left.push(part(taken, rows));
  }
  const rows = (field: 'x' | 'y' | 'sampleWeight'): (HostArray | undefined)[] =>
    parts.flatMap((part) => {
      const array = part[field];
      return Array.from({ length: rowCount(part.x) }, (_, i) => array && rowAt(array, i));
    });
  const x = stackRows(rows('x') as HostArray[], `batch of examples ${first}.. (x)`);
  return [
    { x, y: stackField(rows('y'), 'y', first), sampleWeight: stackField(rows('sampleWeight'), 'sampleWeight', first) },
    left,
  ];
}

function rowAt(array: HostArray, index: number): HostArray {
  const row = sliceRows(array, index, index + 1);
  return { ...row, shape: array.shape.slice(1) };
}

interface Done {
  /** Of the elements that did not fail, which are in `items`. */
  readonly result: TaskResult;
  readonly items: readonly WorkItem[];
}

/**
 * Sends elements out in chunks and gives them back in order. At most as many chunks as the workers can hold are under way or
 * waiting to be read, so a reader that stops stops the work. With `spare`, memory for results, each chunk is stacked.
 */
async function* runChunks(work: Work, pass: number, size: number, spare?: ArrayBuffer[]): AsyncGenerator<Done> {
  // Loaded where pictures are worked on, which not every program does.
  const { defaultWorkers, hire } = await import('./workers/pool.js');
  const crew = await hire(work.workers ?? defaultWorkers());
  const chunks = chunked(work.open(pass), size);
  const ahead: { items: readonly WorkItem[]; result: Promise<TaskResult> }[] = [];
  const needsLabels = work.stages.some((stage) => stage.call !== undefined || stage.boxes);
  let isOver = false;
  try {
    for (;;) {
      while (!isOver && ahead.length < Math.max(crew.capacity, work.ahead ?? 0)) {
        const { value: items, done } = await chunks.next();
        if (done) {
          isOver = true;
          break;
        }
        const result = crew.run({
          stages: work.stages,
          sources: items.map((item) => item.source),
          draws: items.map((item) => item.draws),
          ys: needsLabels ? items.map((item) => item.y) : undefined,
          isStacked: spare !== undefined,
          spare: spare?.pop(),
        });
        // Handled when it is awaited below; until then a rejection must not count as unhandled.
        result.catch(() => {});
        ahead.push({ items, result });
      }
      const next = ahead.shift();
      if (next === undefined) return;
      const result = await next.result;
      yield { result, items: withoutFailures(work, next.items, result) };
    }
  } finally {
    crew.release();
    await chunks.return(undefined);
  }
}

/** Cuts a stream into lists of `size`; the last one may be shorter. */
export async function* chunked(
  items: AsyncIterable<WorkItem>,
  size: number,
): AsyncGenerator<readonly WorkItem[], void> {
  let chunk: WorkItem[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Throws for the first failure, or notes all. */
function withoutFailures(work: Work, items: readonly WorkItem[], { failures }: TaskResult): readonly WorkItem[] {
  if (failures.length === 0) return items;
  for (const { at, error } of failures) {
    const name = nameOf((items[at] as WorkItem).source);
    const failure = fromPlainError(error, name);
    // A programming mistake is no broken picture.
    const isSkipped = work.onError === 'skip' && ['data', 'file', 'network', 'unsupported'].includes(failure.code);
    if (!isSkipped) throw failure;
    const path = name ?? failure.path ?? 'an element';
    if (work.broken.some((each) => each.path === path)) continue;
    work.broken.push({ path, problem: failure.message.split('\n')[0] as string });
  }
  const failed = new Set(failures.map(({ at }) => at));
  return items.filter((_, i) => !failed.has(i));
}
