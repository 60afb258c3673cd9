// Streams of examples or batches: read one after another, so that they need not fit into memory.
// A dataset describes how to start a pass; each pass has a number, which fixes its shuffled order.
import { FoveaError } from '../core/errors.js';
import { keyFromSeed, permutation, type RandomKey, uniform } from '../core/random.js';
import { ArrayDataset } from './array-dataset.js';
import {
  type HostArray,
  type HostArrayLike,
  rowCount,
  rowOf,
  sliceRows,
  stackRows,
  toHostArray,
} from './host-array.js';

export * from './array-dataset.js';
export * from './host-array.js';

/** One example (no batch axis) or one batch (axis 0 counts examples). */
export interface Example {
  readonly x: HostArray;
  readonly y?: HostArray | undefined;
  /** A weight per example: a scalar in an example, `[n]` in a batch. */
  readonly sampleWeight?: HostArray | undefined;
}

/** An example as a generator or a map function may give it. */
export interface ExampleLike {
  readonly x: HostArrayLike;
  readonly y?: HostArrayLike | undefined;
  readonly sampleWeight?: HostArrayLike | undefined;
}

/** A batch of a `Dataset` on which `batch` was called. */
export type Batch = Example;

type MaybePromise<T> = T | Promise<T>;
type Source<T> = Iterable<T> | AsyncIterable<T>;

interface DatasetParts {
  open(pass: number): AsyncIterable<Example>;
  length: number | undefined;
  isBatched: boolean;
}

/**
 * An async iterable of examples or, after `batch`, of batches.
 * `length` counts what one pass yields: a number, `Infinity`, or undefined where it is not known.
 *
 * @example
 * const stream = Dataset.fromArrays(train.x, train.y).shuffle(10_000, { seed: 1 }).batch(32).prefetch(2);
 * for await (const { x, y } of stream) console.log(x.shape, y?.shape);
 */
export class Dataset implements AsyncIterable<Example> {
  /** Elements of one pass; `Infinity` for an endless stream, undefined where only a pass can tell. */
  readonly length: number | undefined;
  /** Whether elements are batches (axis 0 counts examples). */
  readonly isBatched: boolean;
  private readonly start: (pass: number) => AsyncIterable<Example>;
  private passes = 0;

  private constructor(parts: DatasetParts) {
    this.start = parts.open;
    this.length = parts.length;
    this.isBatched = parts.isBatched;
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
  open(pass: number): AsyncIterable<Example> {
    return this.start(pass);
  }

  /** Applies `fn` to each element, in order; up to `parallel` calls (default 1) of an async `fn` run at a time. */
  map(
    fn: (element: Example, index: number) => MaybePromise<ExampleLike>,
    options: { parallel?: number } = {},
  ): Dataset {
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
    const { start } = this;
    return this.derive({
      length: this.length === undefined ? undefined : Math.min(this.length, count),
      async *open(pass) {
        if (count <= 0) return;
        let taken = 0;
        for await (const element of start(pass)) {
          yield element;
          if (++taken >= count) return;
        }
      },
    });
  }

  /** All but the first `count` elements of each pass. */
  skip(count: number): Dataset {
    const { start } = this;
    return this.derive({
      length: this.length === undefined ? undefined : Math.max(0, this.length - count),
      async *open(pass) {
        let seen = 0;
        for await (const element of start(pass)) if (seen++ >= count) yield element;
      },
    });
  }

  /**
   * Mixes the order with a buffer of `bufferSize` elements (one as large as the dataset mixes perfectly).
   * Each pass has its own order, fixed by `seed` (default 0) and the pass's number.
   */
  shuffle(bufferSize: number, options: { seed?: number; reshuffle?: boolean } = {}): Dataset {
    positive(bufferSize, 'shuffle', 'bufferSize');
    const key = keyFromSeed(options.seed ?? 0);
    const { start } = this;
    return this.derive({
      open: (pass) => shuffled(start(pass), bufferSize, key, options.reshuffle === false ? 0 : pass),
    });
  }

  /** Repeats the passes `count` times, or without end; each repetition is a new pass with its own shuffled order. */
  repeat(count = Number.POSITIVE_INFINITY): Dataset {
    const { start } = this;
    return this.derive({
      length:
        count === 0 || this.length === 0
          ? 0
          : this.length === undefined && count < Infinity
            ? undefined
            : (this.length ?? 1) * count,
      async *open(pass) {
        for (let round = 0; round < count; round++) {
          let isEmpty = true;
          // An endless repetition is opened once, so its rounds may simply follow each other.
          for await (const element of start(count < Infinity ? pass * count + round : pass + round)) {
            isEmpty = false;
            yield element;
          }
          // Repeating nothing without end would hang.
          if (isEmpty) return;
        }
      },
    });
  }

  /** Stacks `size` examples into a batch; the last one is smaller unless `dropRemainder`. Re-batches batches. */
  batch(size: number, options: { dropRemainder?: boolean } = {}): Dataset {
    positive(size, 'batch', 'size');
    const drop = options.dropRemainder ?? false;
    const { start } = this;
    const source = this.isBatched ? (pass: number) => unbatched(start(pass)) : start;
    const examples = this.isBatched ? undefined : this.length;
    return new Dataset({
      isBatched: true,
      length: examples === undefined ? undefined : drop ? Math.floor(examples / size) : Math.ceil(examples / size),
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
    const { start } = this;
    return this.derive({ open: (pass) => prefetched(start(pass), count) });
  }

  private derive(parts: Pick<DatasetParts, 'open'> & { length?: number | undefined }): Dataset {
    return new Dataset({
      isBatched: this.isBatched,
      length: 'length' in parts ? parts.length : this.length,
      open: parts.open,
    });
  }
}

function readExample(element: ExampleLike): Example {
  return {
    x: toHostArray(element.x, 'Dataset'),
    y: element.y === undefined ? undefined : toHostArray(element.y, 'Dataset'),
    sampleWeight: element.sampleWeight === undefined ? undefined : toHostArray(element.sampleWeight, 'Dataset'),
  };
}

function stackExamples(examples: readonly Example[], first: number): Example {
  const stack = (name: 'x' | 'y' | 'sampleWeight'): HostArray | undefined => {
    const fields = examples.map((example) => example[name]);
    const missing = fields.indexOf(undefined);
    if (missing < 0) return stackRows(fields as HostArray[], `batch of examples ${first}.. (${name})`);
    if (fields.every((field) => field === undefined)) return undefined;
    throw new FoveaError({
      code: 'value',
      op: 'batch',
      message: `example ${first + missing} has no ${name}, others of its batch do.`,
      hint: `Give ${name} with every example or with none.`,
    });
  };
  return { x: stack('x') as HostArray, y: stack('y'), sampleWeight: stack('sampleWeight') };
}

async function* unbatched(batches: AsyncIterable<Example>): AsyncGenerator<Example> {
  for await (const { x, y, sampleWeight } of batches) {
    for (let i = 0; i < rowCount(x); i++) {
      yield { x: rowOf(x, i), y: y && rowOf(y, i), sampleWeight: sampleWeight && rowOf(sampleWeight, i) };
    }
  }
}

// Draws from the buffer at random and refills the place, so memory stays at bufferSize elements. A stream that ends
// while the buffer first fills (the usual case: the buffer holds everything) gets one exact permutation.
async function* shuffled(
  source: AsyncIterable<Example>,
  bufferSize: number,
  key: RandomKey,
  pass: number,
): AsyncGenerator<Example> {
  const buffer: Example[] = [];
  let drawn = 0;
  for await (const element of source) {
    if (buffer.length < bufferSize) {
      buffer.push(element);
      continue;
    }
    const at = Math.floor(uniform(key, 2 * pass, drawn++) * bufferSize);
    yield buffer[at] as Example;
    buffer[at] = element;
  }
  for (const at of permutation(buffer.length, key, 2 * pass + 1)) yield buffer[at] as Example;
}

async function* prefetched(source: AsyncIterable<Example>, count: number): AsyncGenerator<Example> {
  const iterator = source[Symbol.asyncIterator]();
  const ahead: Promise<IteratorResult<Example>>[] = [];
  // Async generators queue calls of next(), so several may be outstanding and they answer in order.
  const request = (): void => {
    const result = iterator.next();
    result.catch(() => {});
    ahead.push(result);
  };
  try {
    for (let i = 0; i < count; i++) request();
    while (ahead.length > 0) {
      const result = await (ahead.shift() as Promise<IteratorResult<Example>>);
      if (result.done) return;
      request();
      yield result.value;
    }
  } finally {
    await iterator.return?.();
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

/** Cuts arrays in memory into batches of views, in order; for callers that want no stream. */
export function batchesOf(dataset: ArrayDataset, size: number): Example[] {
  const batches: Example[] = [];
  for (let at = 0; at < dataset.length; at += size) {
    const end = Math.min(dataset.length, at + size);
    batches.push({ x: sliceRows(dataset.x, at, end), y: sliceRows(dataset.y, at, end) });
  }
  return batches;
}
