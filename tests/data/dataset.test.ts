import { describe, expect, it } from 'vitest';
import { Dataset, type Example, hostArray } from '../../src/data/dataset.js';

const numbers = (count: number): Dataset => Dataset.fromArrays(Float32Array.from({ length: count }, (_, i) => i));

async function read(stream: AsyncIterable<Example>, most = 1000): Promise<number[][]> {
  const out: number[][] = [];
  for await (const { x } of stream) {
    out.push([...x.data]);
    if (out.length >= most) break;
  }
  return out;
}

const flat = async (stream: AsyncIterable<Example>, most?: number): Promise<number[]> =>
  (await read(stream, most)).flat();

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('Dataset', () => {
  it('streams rows and batches them, the last one smaller', async () => {
    const stream = Dataset.fromArrays(hostArray(Uint8Array.from(upTo(10)), [5, 2]), Int32Array.from(upTo(5)));
    expect([stream.length, stream.isBatched]).toEqual([5, false]);
    const batches: Example[] = [];
    for await (const batch of stream.batch(2)) batches.push(batch);
    expect(batches.map(({ x, y }) => [x.shape, y?.shape, [...(y?.data ?? [])]])).toEqual([
      [[2, 2], [2], [0, 1]],
      [[2, 2], [2], [2, 3]],
      [[1, 2], [1], [4]],
    ]);
    expect(batches[0]?.x.dtype).toBe('uint8');
  });

  it('knows its length where it can', () => {
    const ten = numbers(10);
    const unknown = Dataset.fromGenerator(function* () {});
    expect(ten.batch(3).length).toBe(4);
    expect(ten.batch(3, { dropRemainder: true }).length).toBe(3);
    expect(ten.repeat(3).batch(4).length).toBe(8);
    expect(ten.repeat().batch(4).length).toBe(Number.POSITIVE_INFINITY);
    expect(ten.repeat().take(7).length).toBe(7);
    expect(ten.skip(4).length).toBe(6);
    expect(ten.filter(() => true).length).toBeUndefined();
    expect(unknown.length).toBeUndefined();
    expect(unknown.repeat(2).length).toBeUndefined();
    expect(unknown.repeat().length).toBe(Number.POSITIVE_INFINITY);
    expect(ten.batch(3).unbatch().length).toBeUndefined();
  });

  it('maps in order, also with several calls running', async () => {
    let running = 0;
    let most = 0;
    const slow = numbers(8).map(
      async ({ x }, index) => {
        most = Math.max(most, ++running);
        // Later ones finish first.
        await new Promise((resolve) => setTimeout(resolve, 16 - 2 * index));
        running--;
        return { x: (x.data[0] as number) * 10 };
      },
      { parallel: 4 },
    );
    expect(await flat(slow)).toEqual(upTo(8).map((i) => i * 10));
    expect(most).toBe(4);
  });

  it('shuffles each pass differently, the same again for one seed, and any pass by its number', async () => {
    const make = (seed: number): Dataset => numbers(50).shuffle(50, { seed });
    const stream = make(3);
    const [first, second] = [await flat(stream), await flat(stream)];
    expect(first).not.toEqual(second);
    expect([...first].sort((a, b) => a - b)).toEqual(upTo(50));
    expect(await flat(make(3))).toEqual(first);
    expect(await flat(make(4))).not.toEqual(first);
    expect(await flat(make(3).open(1))).toEqual(second);
    const fixed = numbers(50).shuffle(50, { seed: 3, reshuffle: false });
    expect(await flat(fixed)).toEqual(await flat(fixed));
  });

  it('shuffles with a small buffer without losing or repeating, never far ahead', async () => {
    const order = await flat(numbers(200).shuffle(16, { seed: 1 }));
    expect([...order].sort((a, b) => a - b)).toEqual(upTo(200));
    order.forEach((value, place) => {
      expect(value).toBeLessThan(place + 16);
    });
    expect(order).not.toEqual(upTo(200));
  });

  it('repeats with a new order each time, and without end', async () => {
    const order = await flat(numbers(20).shuffle(20).repeat(2));
    expect(order.length).toBe(40);
    expect(order.slice(0, 20)).not.toEqual(order.slice(20));
    expect(await flat(numbers(3).repeat(), 8)).toEqual([0, 1, 2, 0, 1, 2, 0, 1]);
    expect(await flat(numbers(0).repeat())).toEqual([]);
  });

  it('prefetches ahead, in order, and stops the source when the reader stops', async () => {
    const made: number[] = [];
    let isClosed = false;
    const source = Dataset.fromGenerator(async function* () {
      try {
        for (let i = 0; i < 100; i++) {
          made.push(i);
          yield { x: i };
        }
      } finally {
        isClosed = true;
      }
    });
    const iterator = source.prefetch(3)[Symbol.asyncIterator]();
    expect((await iterator.next()).value.x.data[0]).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(made.length).toBeGreaterThanOrEqual(4);
    expect(made.length).toBeLessThanOrEqual(5);
    expect((await iterator.next()).value.x.data[0]).toBe(1);
    await iterator.return?.();
    expect(isClosed).toBe(true);
    expect(await flat(numbers(30).prefetch(4))).toEqual(upTo(30));
  });

  it('passes on what a generator throws, through every stage', async () => {
    const broken = Dataset.fromGenerator(async function* () {
      yield { x: 1 };
      throw new Error('the disk is gone');
    });
    const stages = broken
      .map((example) => example, { parallel: 2 })
      .shuffle(4)
      .batch(1)
      .prefetch(2);
    await expect(flat(stages)).rejects.toThrow('the disk is gone');
  });

  it('re-batches batches and takes them apart', async () => {
    const batched = numbers(7).batch(3);
    expect(await read(batched.batch(2))).toEqual([[0, 1], [2, 3], [4, 5], [6]]);
    expect(await read(batched.unbatch())).toEqual(upTo(7).map((i) => [i]));
    expect(await read(batched.batch(4, { dropRemainder: true }))).toEqual([[0, 1, 2, 3]]);
  });

  it('carries sample weights', async () => {
    const stream = Dataset.fromArrays(Float32Array.of(1, 2), Int32Array.of(0, 1), Float32Array.of(0.5, 2)).batch(2);
    for await (const { sampleWeight } of stream) expect([...(sampleWeight?.data ?? [])]).toEqual([0.5, 2]);
  });

  it('names the example that does not fit its batch', async () => {
    const shapes = Dataset.fromGenerator(function* () {
      yield { x: [1, 2] };
      yield { x: [1, 2, 3] };
    });
    await expect(flat(shapes.batch(2))).rejects.toThrow(
      'batch of examples 0.. (x): element 1 has shape [3] where the first has [2].',
    );
    const labels = Dataset.fromGenerator(function* () {
      yield { x: 1, y: 1 };
      yield { x: 1 };
    });
    await expect(flat(labels.batch(2))).rejects.toThrow('batch: example 1 has no y, others of its batch do.');
  });

  it('refuses sizes that are none', () => {
    expect(() => numbers(3).batch(0)).toThrow('batch: size is 0.\n  Give size a whole number from 1.');
    expect(() => numbers(3).shuffle(1.5)).toThrow('shuffle: bufferSize is 1.5.');
    expect(() => Dataset.fromArrays([1, 2], [1])).toThrow('Dataset.fromArrays: x has 2 rows but y has 1.');
  });
});
