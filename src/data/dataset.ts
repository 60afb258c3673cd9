// Streams of examples or batches: read one after another, so that they need not fit into memory.
// A dataset describes how to start a pass; each pass has a number, which fixes its shuffled order.
import { FoveaError } from '../core/errors.js';
import { keyFromSeed } from '../core/random.js';
import { ArrayDataset } from './array-dataset.js';
import { type HostArray, type HostArrayLike, rowCount, rowOf, sliceRows, toHostArray } from './host-array.js';
import { checkSteps, type PictureStep, type Stage, type WorkerFunction } from './steps.js';
import { StreamBase } from './stream-base.js';
import {
  type Example,
  type ExampleLike,
  everyOf,
  prefetched,
  readExample,
  repeated,
  shuffled,
  skipped,
  stackExamples,
  taken,
  unbatched,
} from './streams.js';
import { addStage, chunked, runBatches, runElements, type Work, type WorkItem } from './work.js';

export * from './array-dataset.js';
export * from './host-array.js';
export type { Example, ExampleLike } from './streams.js';

/** A batch of a `Dataset` on which `batch` was called. */
export type Batch = Example;

type MaybePromise<T> = T | Promise<T>;
type Source<T> = Iterable<T> | AsyncIterable<T>;

interface DatasetParts {
  open(pass: number): AsyncIterable<Example>;
  length: number | undefined;
  isBatched: boolean;
  /** What `open` does, where it is work that is put off: what only chooses and orders elements is then done before it. */
  work?: Work | undefined;
  /** How batches of that work are cut. */
  batching?: Batching | undefined;
}

interface Batching {
  readonly size: number;
  readonly dropRemainder: boolean;
}

/** How a pass is read. */
export interface OpenOptions {
  /** Elements at the front to leave out; where it is known what they are, without doing the work on them. */
  skip?: number;
  /** Whether the memory of a batch may be used again once the next one is asked for; default false. */
  isReusing?: boolean;
}

/** How elements are worked on. */
export interface MapOptions {
  /** Calls of an async function that may run at a time, in the main thread; default 1. */
  parallel?: number;
  /** Threads for steps and worker functions; 0 works in the main thread. Default one per core, four at most. */
  workers?: number;
  /** Fixes what random steps and worker functions draw; default 0. The number of workers has no influence. */
  seed?: number;
  /** Whether y has boxes `[n, 4 or more]` (top, left, bottom, right in pixels) that steps move along. */
  boxes?: boolean;
}

/**
 * An async iterable of examples or, after `batch`, of batches.
 * `length` counts what one pass yields: a number, `Infinity`, or undefined where it is not known.
 *
 * @example
 * const stream = Dataset.fromArrays(train.x, train.y).shuffle(10_000, { seed: 1 }).batch(32).prefetch(2);
 * for await (const { x, y } of stream) console.log(x.shape, y?.shape);
 */
export class Dataset extends StreamBase implements AsyncIterable<Example> {
  /** Elements of one pass; `Infinity` for an endless stream, undefined where only a pass can tell. */
  readonly length: number | undefined;
  /** Whether elements are batches (axis 0 counts examples). */
  readonly isBatched: boolean;
  private readonly start: (pass: number) => AsyncIterable<Example>;
  private readonly work: Work | undefined;
  private readonly batching: Batching | undefined;
  private passes = 0;

  private constructor(parts: DatasetParts) {
    super();
    this.start = parts.open;
    this.length = parts.length;
    this.isBatched = parts.isBatched;
    this.work = parts.work;
    this.batching = parts.batching;
  }

  /** Streams the rows of arrays in memory as examples. Throws `shape` where their numbers of rows differ. */
  static fromArrays(x: HostArrayLike | ArrayDataset, y?: HostArrayLike, sampleWeight?: HostArrayLike): Dataset {
    if (x instanceof ArrayDataset) return Dataset.fromArrays(x.x, x.y, sampleWeight);
    const fields = [x, y, sampleWeight].map((field) => (field === undefined ? undefined : toHostArray(field)));
    const [inputs, labels, weights] = fields as [HostArray, HostArray?, HostArray?];
    const rows = rowCount(inputs);
    for (const [name, field] of [['y', labels] as const, ['sampleWeight', weights] as const]) {
      if (field !== undefined && rowCount(field) !== rows) {
        throw new FoveaError({
          code: 'shape',
          op: 'Dataset.fromArrays',
          message: `x has ${rows} rows but ${name} has ${rowCount(field)}.`,
          got: rowCount(field),
          want: rows,
          hint: 'Give one row for each example.',
        });
      }
    }
    return new Dataset({
      length: rows,
      isBatched: false,
      async *open() {
        for (let i = 0; i < rows; i++) {
          yield {
            x: rowOf(inputs, i),
            y: labels && rowOf(labels, i),
            sampleWeight: weights && rowOf(weights, i),
          };
        }
      },
    });
  }

  /**
   * Streams what `generate` yields; it is called anew for each pass, with the pass's number from 0.
   * `length` says how many elements a pass has (`Infinity` for an endless one); `isBatched`, that they are batches.
   */
  static fromGenerator(
    generate: (pass: number) => Source<ExampleLike>,
    options: { length?: number; isBatched?: boolean } = {},
  ): Dataset {
    return new Dataset({
      length: options.length,
      isBatched: options.isBatched ?? false,
      async *open(pass) {
        for await (const element of generate(pass)) yield readExample(element);
      },
    });
  }

  /** Starts the next pass: the first is number 0. */
  [Symbol.asyncIterator](): AsyncIterator<Example> {
    return this.open(this.passes++)[Symbol.asyncIterator]();
  }

  /** The pass with this number, whatever was read before: resuming at epoch 7 sees what epoch 7 would have seen. */
  open(pass: number, options: OpenOptions = {}): AsyncIterable<Example> {
    const { skip = 0, isReusing = false } = options;
    const rest = skip > 0 ? this.skip(skip) : this;
    const { work, batching } = rest;
    if (isReusing && work !== undefined && batching !== undefined) {
      return runBatches(work, pass, { ...batching, isReusing });
    }
    return rest.start(pass);
  }

  /** Elements that are work to be done; what a folder, a table or an archive of pictures is read by. */
  static fromWork(work: Work, length: number | undefined): Dataset {
    return new Dataset({ length, isBatched: false, work, open: (pass) => runElements(work, pass) });
  }

  /**
   * Applies a function to each element, in order. Steps for pictures and functions in a module of their own are done in worker threads,
   * those of a closure here: up to `parallel` calls of an async one run at a time.
   *
   * @example
   * const pictures = Dataset.fromArrays(fovea.hostArray(new Uint8Array(4 * 300), [4, 10, 10, 3]));
   * const stream = pictures.map([{ op: 'randomCrop', size: 8 }, { op: 'randomFlip' }, { op: 'rescale' }], { workers: 2 });
   * for await (const { x } of stream.batch(4)) console.log(x.shape, x.dtype); // [4, 8, 8, 3] float32
   */
  map(
    fn: ((element: Example, index: number) => MaybePromise<ExampleLike>) | readonly PictureStep[] | WorkerFunction,
    options: MapOptions = {},
  ): Dataset {
    if (typeof fn !== 'function') return this.mapInWorkers(fn, options);
    const parallel = positive(options.parallel ?? 1, 'map', 'parallel');
    const { start } = this;
    return this.derive({
      async *open(pass) {
        let index = 0;
        const apply = async (element: Example, at: number): Promise<Example> => readExample(await fn(element, at));
        const running: Promise<Example>[] = [];
        for await (const element of start(pass)) {
          const result = apply(element, index++);
          // Handled when it is awaited below; until then a rejection must not count as unhandled.
          result.catch(() => {});
          running.push(result);
          if (running.length >= parallel) yield (await running.shift()) as Example;
        }
        for (const rest of running) yield await rest;
      },
    });
  }

  private mapInWorkers(fn: readonly PictureStep[] | WorkerFunction, options: MapOptions): Dataset {
    const { workers, seed = 0, boxes = false } = options;
    if (workers !== undefined && !(Number.isInteger(workers) && workers >= 0)) {
      throw new FoveaError({
        code: 'argument',
        op: 'map',
        message: `workers is ${workers}.`,
        got: workers,
        hint: 'Give the number of threads, 0 for none but the main thread.',
      });
    }
    if (this.isBatched) {
      throw new FoveaError({
        code: 'argument',
        op: 'map',
        message: 'steps and worker functions take pictures one at a time, not batches.',
        hint: 'Call map before batch, or unbatch first.',
      });
    }
    let stage: Omit<Stage, 'draw'>;
    if ('module' in fn) {
      const call = { module: String(fn.module), name: fn.name ?? 'default', options: fn.options };
      stage = { call, seed, boxes: false };
    } else {
      checkSteps(fn);
      stage = { steps: fn, seed, boxes };
    }
    const { start } = this;
    const work: Work = this.work ?? {
      stages: [],
      workers: undefined,
      onError: 'throw',
      broken: [],
      async *open(pass) {
        for await (const { x, y, sampleWeight } of start(pass)) {
          yield { source: { kind: 'array', x }, y, sampleWeight, draws: [] };
        }
      },
    };
    return Dataset.fromWork(addStage(work, stage, workers), this.length);
  }

  /** Keeps the elements for which `keep` is true; the length is then unknown. */
  filter(keep: (element: Example, index: number) => MaybePromise<boolean>): Dataset {
    const { start } = this;
    return this.derive({
      length: this.length === 0 ? 0 : undefined,
      async *open(pass) {
        let index = 0;
        for await (const element of start(pass)) if (await keep(element, index++)) yield element;
      },
    });
  }

  /** The first `count` elements of each pass. */
  take(count: number): Dataset {
    const length = this.length === undefined ? undefined : Math.min(this.length, count);
    return this.choose(length, (source) => taken(source, count), count);
  }

  /** All but the first `count` elements of each pass. */
  skip(count: number): Dataset {
    const length = this.length === undefined ? undefined : Math.max(0, this.length - count);
    return this.choose(length, (source) => skipped(source, count), count);
  }

  /** Every `count`-th element, from number `index` on: the part of one of `count` readers. */
  shard(count: number, index: number): Dataset {
    positive(count, 'shard', 'count');
    if (!(Number.isInteger(index) && index >= 0 && index < count)) {
      throw new FoveaError({
        code: 'argument',
        op: 'shard',
        message: `index is ${index} of ${count}.`,
        got: index,
        hint: 'Give a whole number from 0 to below count.',
      });
    }
    const length = this.length === undefined ? undefined : Math.max(0, Math.ceil((this.length - index) / count));
    return this.choose(length, (source) => everyOf(source, count, index));
  }

  /**
   * Mixes the order with a buffer of `bufferSize` elements (one as large as the dataset mixes perfectly).
   * Each pass has its own order, fixed by `seed` (default 0) and the pass's number.
   */
  shuffle(bufferSize: number, options: { seed?: number; reshuffle?: boolean } = {}): Dataset {
    positive(bufferSize, 'shuffle', 'bufferSize');
    const key = keyFromSeed(options.seed ?? 0);
    return this.choose(this.length, (source, pass) =>
      shuffled(source, bufferSize, key, options.reshuffle === false ? 0 : pass),
    );
  }

  /** Repeats the passes `count` times, or without end; each repetition is a new pass with its own shuffled order. */
  repeat(count = Number.POSITIVE_INFINITY): Dataset {
    const length =
      count === 0 || this.length === 0
        ? 0
        : this.length === undefined && count < Infinity
          ? undefined
          : (this.length ?? 1) * count;
    const { start, work } = this;
    if (work !== undefined && !this.isBatched) {
      return Dataset.fromWork({ ...work, open: (pass) => repeated(work.open, count, pass) }, length);
    }
    return this.derive({ length, open: (pass) => repeated(start, count, pass) });
  }

  /**
   * Keeps the elements of the first whole pass in memory and gives them again in every later one, in the same order:
   * put random steps behind it, not before.
   */
  cache(): Dataset {
    const { start } = this;
    let kept: Example[] | undefined;
    return this.derive({
      async *open() {
        if (kept !== undefined) {
          yield* kept;
          return;
        }
        const elements: Example[] = [];
        for await (const element of start(0)) {
          elements.push(element);
          yield element;
        }
        kept = elements;
      },
    });
  }

  /**
   * Walks two datasets side by side until one ends. `join` makes an element of a pair; without it x is this one's and y the
   * other's x, as for pictures and their masks.
   */
  zip(other: Dataset, join?: (mine: Example, theirs: Example) => ExampleLike): Dataset {
    if (this.isBatched !== other.isBatched) {
      throw new FoveaError({
        code: 'argument',
        op: 'zip',
        message: 'one dataset gives batches, the other examples.',
        hint: 'Call batch on both or on neither.',
      });
    }
    const make = join ?? ((mine: Example, theirs: Example): ExampleLike => ({ ...mine, y: theirs.x }));
    const { start } = this;
    const lengths = [this.length, other.length].filter((length) => length !== undefined);
    return this.derive({
      length: lengths.length === 2 ? Math.min(...lengths) : undefined,
      async *open(pass) {
        const theirs = other.open(pass)[Symbol.asyncIterator]();
        try {
          for await (const mine of start(pass)) {
            const next = await theirs.next();
            if (next.done) return;
            yield readExample(make(mine, next.value));
          }
        } finally {
          await theirs.return?.();
        }
      },
    });
  }

  /** Stacks `size` examples into a batch; the last one is smaller unless `dropRemainder`. Re-batches batches. */
  batch(size: number, options: { dropRemainder?: boolean } = {}): Dataset {
    positive(size, 'batch', 'size');
    const drop = options.dropRemainder ?? false;
    const { start, work } = this;
    if (work !== undefined && !this.isBatched) {
      return Dataset.inBatches(work, this.length, { size, dropRemainder: drop });
    }
    const source = this.isBatched ? (pass: number) => unbatched(start(pass)) : start;
    const examples = this.isBatched ? undefined : this.length;
    return new Dataset({
      isBatched: true,
      length: batchCount(examples, { size, dropRemainder: drop }),
      async *open(pass) {
        let pending: Example[] = [];
        let first = 0;
        for await (const element of source(pass)) {
          pending.push(element);
          if (pending.length < size) continue;
          yield stackExamples(pending, first);
          first += size;
          pending = [];
        }
        if (pending.length > 0 && !drop) yield stackExamples(pending, first);
      },
    });
  }

  /** Takes batches apart into examples. */
  unbatch(): Dataset {
    const { start } = this;
    return new Dataset({ isBatched: false, length: undefined, open: (pass) => unbatched(start(pass)) });
  }

  /** Works up to `count` elements ahead of the reader, in order. */
  prefetch(count = 2): Dataset {
    positive(count, 'prefetch', 'count');
    const { start, work, batching } = this;
    // Workers are ahead anyway.
    if (work !== undefined && batching !== undefined) {
      const chosen = Dataset.inBatches({ ...work, ahead: count }, undefined, batching);
      return new Dataset({ ...chosen.parts(), length: this.length });
    }
    return this.derive({ open: (pass) => prefetched(start(pass), count) });
  }

  private static inBatches(work: Work, examples: number | undefined, batching: Batching): Dataset {
    return new Dataset({
      isBatched: true,
      length: batchCount(examples, batching),
      work,
      batching,
      open: (pass) => runBatches(work, pass, { ...batching, isReusing: false }),
    });
  }

  /**
   * A dataset of elements chosen without a look at them: before the work on them, where there is such. `whole` says that
   * this many batches at the front are taken or left, which can be told of elements too, if none can fail.
   */
  private choose(
    length: number | undefined,
    choose: <T>(source: AsyncIterable<T>, pass: number) => AsyncIterable<T>,
    whole?: number,
  ): Dataset {
    const { start, work, batching } = this;
    if (work !== undefined && !this.isBatched) {
      return Dataset.fromWork({ ...work, open: (pass) => choose(work.open(pass), pass) }, length);
    }
    if (work !== undefined && batching !== undefined && whole !== undefined && work.onError === 'throw') {
      return this.chooseBatches(work, batching, length, choose);
    }
    return this.derive({ length, open: (pass) => choose(start(pass), pass) });
  }

  private chooseBatches(
    work: Work,
    batching: Batching,
    length: number | undefined,
    choose: <T>(source: AsyncIterable<T>, pass: number) => AsyncIterable<T>,
  ): Dataset {
    const { size } = batching;
    async function* open(pass: number): AsyncGenerator<WorkItem> {
      for await (const chunk of choose(chunked(work.open(pass), size), pass)) yield* chunk;
    }
    const chosen = Dataset.inBatches({ ...work, open }, undefined, batching);
    return new Dataset({ ...chosen.parts(), length });
  }

  private parts(): DatasetParts {
    const { length, isBatched, work, batching, start } = this;
    return { length, isBatched, work, batching, open: start };
  }

  private derive(parts: Pick<DatasetParts, 'open'> & { length?: number | undefined }): Dataset {
    return new Dataset({
      isBatched: this.isBatched,
      length: 'length' in parts ? parts.length : this.length,
      open: parts.open,
    });
  }
}

function positive(value: number, op: string, name: string): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `${name} is ${value}.`,
    got: value,
    hint: `Give ${name} a whole number from 1.`,
  });
}

function batchCount(examples: number | undefined, { size, dropRemainder }: Batching): number | undefined {
  if (examples === undefined) return undefined;
  return dropRemainder ? Math.floor(examples / size) : Math.ceil(examples / size);
}

/** Cuts arrays in memory into batches of views, in order; for callers that want no stream. */
export function batchesOf(dataset: ArrayDataset, size: number): Example[] {
  const batches: Example[] = [];
  for (let at = 0; at < dataset.length; at += size) {
    const end = Math.min(dataset.length, at + size);
    batches.push({ x: sliceRows(dataset.x, at, end), y: sliceRows(dataset.y, at, end) });
  }
  return batches;
}
