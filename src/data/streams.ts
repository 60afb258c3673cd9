// What a stream of anything can be put through, one element after another: examples, batches, or work to be done.
import { FoveaError } from '../core/errors.js';
import { permutation, type RandomKey, uniform } from '../core/random.js';
import { type HostArray, type HostArrayLike, rowCount, rowOf, stackRows, toHostArray } from './host-array.js';

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

export function readExample(element: ExampleLike): Example {
  return {
    x: toHostArray(element.x, 'Dataset'),
    y: element.y === undefined ? undefined : toHostArray(element.y, 'Dataset'),
    sampleWeight: element.sampleWeight === undefined ? undefined : toHostArray(element.sampleWeight, 'Dataset'),
  };
}

export function stackExamples(examples: readonly Example[], first: number): Example {
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

export async function* unbatched(batches: AsyncIterable<Example>): AsyncGenerator<Example> {
  for await (const { x, y, sampleWeight } of batches) {
    for (let i = 0; i < rowCount(x); i++) {
      yield { x: rowOf(x, i), y: y && rowOf(y, i), sampleWeight: sampleWeight && rowOf(sampleWeight, i) };
    }
  }
}

// Draws from the buffer at random and refills the place, so memory stays at bufferSize elements. A stream that ends
// while the buffer first fills (the usual case: the buffer holds everything) gets one exact permutation.
export async function* shuffled<T>(
  source: AsyncIterable<T>,
  bufferSize: number,
  key: RandomKey,
  pass: number,
): AsyncGenerator<T> {
  const buffer: T[] = [];
  let drawn = 0;
  for await (const element of source) {
    if (buffer.length < bufferSize) {
      buffer.push(element);
      continue;
    }
    const at = Math.floor(uniform(key, 2 * pass, drawn++) * bufferSize);
    yield buffer[at] as T;
    buffer[at] = element;
  }
  for (const at of permutation(buffer.length, key, 2 * pass + 1)) yield buffer[at] as T;
}

export async function* prefetched<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const ahead: Promise<IteratorResult<T>>[] = [];
  // Async generators queue calls of next(), so several may be outstanding and they answer in order.
  const request = (): void => {
    const result = iterator.next();
    result.catch(() => {});
    ahead.push(result);
  };
  try {
    for (let i = 0; i < count; i++) request();
    while (ahead.length > 0) {
      const result = await (ahead.shift() as Promise<IteratorResult<T>>);
      if (result.done) return;
      request();
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** The first `count`, and not one more is asked for. */
export async function* taken<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  if (count <= 0) return;
  let given = 0;
  for await (const element of source) {
    yield element;
    if (++given >= count) return;
  }
}

/** All but the first `count`. */
export async function* skipped<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let seen = 0;
  for await (const element of source) if (seen++ >= count) yield element;
}

/** Every `count`-th, from number `index` on. */
export async function* everyOf<T>(source: AsyncIterable<T>, count: number, index: number): AsyncGenerator<T> {
  let at = 0;
  for await (const element of source) if (at++ % count === index) yield element;
}

/** `count` passes one after another, or passes without end. */
export async function* repeated<T>(
  start: (pass: number) => AsyncIterable<T>,
  count: number,
  pass: number,
): AsyncGenerator<T> {
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
}
