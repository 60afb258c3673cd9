import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ArrayDataset, selectSplit } from '../../src/data/array-dataset.js';
import { concatRows, gatherRows, hostArray, toHostArray } from '../../src/data/host-array.js';
import { md5 } from '../../src/data/md5.js';
import { Standardizer, scale, toCategorical } from '../../src/data/prepare.js';
import { parseSplit, resolveTerm } from '../../src/data/split.js';

function numbered(count: number, from = 0, name = 'numbers'): ArrayDataset {
  const values = Float32Array.from({ length: count * 2 }, (_, i) => from + (i >> 1));
  const labels = Int32Array.from({ length: count }, (_, i) => from + i);
  return new ArrayDataset({ name, x: hostArray(values, [count, 2]), y: hostArray(labels) });
}

const labels = (dataset: ArrayDataset): number[] => [...dataset.y.data];

describe('host arrays', () => {
  it('read nested numbers and refuse ragged ones', () => {
    expect(
      toHostArray([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    ).toEqual(hostArray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]));
    expect(toHostArray(7).shape).toEqual([]);
    expect(() => toHostArray([[1, 2], [3]])).toThrow(
      'toHostArray: nested arrays of unequal depth or length: the first ones say [2,2].\n' +
        '  Give nested arrays of numbers in which every level has one length.',
    );
    expect(() => toHostArray([1, [2]])).toThrow('unequal depth');
  });

  it('refuse a shape that does not hold the elements', () => {
    expect(() => hostArray(new Uint8Array(5), [2, 3])).toThrow(
      'hostArray: 5 elements do not fill the shape [2,3], which holds 6.',
    );
  });

  it('gather and join rows', () => {
    const array = toHostArray([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect([...gatherRows(array, [2, 0, 2]).data]).toEqual([5, 6, 1, 2, 5, 6]);
    expect(concatRows([array, array]).shape).toEqual([6, 2]);
    expect(() => concatRows([array, toHostArray([[1, 2, 3]])])).toThrow(
      'an array has shape [3] where the first has [2].',
    );
  });
});

describe('ArrayDataset', () => {
  it('slices without copying', () => {
    const data = numbered(10);
    const part = data.slice(-4, -1);
    expect(labels(part)).toEqual([6, 7, 8]);
    expect(part.x.data.buffer).toBe(data.x.data.buffer);
    expect(labels(data.take(3))).toEqual([0, 1, 2]);
    expect(labels(data.skip(8))).toEqual([8, 9]);
    expect([data.take(99).length, data.skip(99).length, data.skip(0).length]).toEqual([10, 0, 10]);
    expect(labels(data.gather([9, 0]))).toEqual([9, 0]);
  });

  it('refuses x and y of unequal length and keeps its other fields', () => {
    const data = new ArrayDataset({ ...numbered(3), classNames: ['a'], note: 'n' });
    expect(data.take(1)).toMatchObject({ name: 'numbers', classNames: ['a'], note: 'n' });
    expect(() => data.withY(hostArray(new Int32Array(2)))).toThrow(
      'ArrayDataset: x has 3 rows but y has 2.\n  x=[3,2] y=[2]\n  Give one label for each example.',
    );
  });
});

describe('splits', () => {
  const parts = { train: numbered(20), test: numbered(5, 100) };
  const pick = (expression: string): number[] => labels(selectSplit(parts, expression));
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

  it.each([
    ['train', range(0, 20)],
    ['train[:10%]', [0, 1]],
    ['train[10%:]', range(2, 20)],
    ['train[25%:75%]', range(5, 15)],
    ['train[-10%:]', [18, 19]],
    ['train[:-3]', range(0, 17)],
    ['test[1:3]', [101, 102]],
    ['test[3:99]', [103, 104]],
    ['test[4:2]', []],
    [' train[18:] + test[:1] ', [18, 19, 100]],
  ])('%s', (expression, expected) => {
    expect(pick(expression)).toEqual(expected);
  });

  it('meet without gap or overlap at every percentage and length', () => {
    for (const length of [1, 7, 10, 99, 1001]) {
      for (let percent = 0; percent <= 100; percent++) {
        const [low, high] = [`a[:${percent}%]`, `a[${percent}%:]`].map((text) => {
          const [term] = parseSplit(text, ['a']);
          return resolveTerm(term as NonNullable<typeof term>, length);
        });
        expect(low?.end).toBe(high?.start);
        expect([low?.start, high?.end]).toEqual([0, length]);
      }
    }
  });

  it.each([
    ['train[10]', "split: 'train[10]' in 'train[10]' is no split."],
    ['valid', "split: there is no split 'valid'.\n  Use 'train' or 'test'."],
    ['train[:120%]', "120% in 'train[:120%]' is over 100%."],
    ['train[:1.5]', "1.5 in 'train[:1.5]' is no whole number."],
    ['train+', "'' in 'train+' is no split."],
  ])('refuse %s', (expression, message) => {
    expect(() => pick(expression)).toThrow(message);
  });
});

describe('preparing', () => {
  it('standardises each pixel by the training part and applies the same to others', () => {
    const train = toHostArray([
      [0, 5, 200],
      [10, 5, 202],
      [20, 5, 204],
    ]);
    const standardizer = Standardizer.fit(train);
    expect([...standardizer.mean.data]).toEqual([10, 5, 202]);
    const deviation = Math.sqrt(200 / 3);
    expect(standardizer.std.data[0]).toBeCloseTo(deviation, 5);
    expect(standardizer.std.data[1]).toBeCloseTo(1e-7, 12);
    const out = standardizer.apply(toHostArray([[30, 5, 202]]));
    expect(out.data[0]).toBeCloseTo(20 / deviation, 5);
    expect([out.data[1], out.data[2], out.dtype]).toEqual([0, 0, 'float32']);
    expect(() => standardizer.apply(toHostArray([[1, 2]]))).toThrow(
      'x has shape [1,2] but the statistics were fitted on [3]',
    );
  });

  it('measures channels and everything too', () => {
    const x = hostArray(Uint8Array.of(0, 10, 2, 10, 4, 30, 6, 30), [2, 2, 2]);
    expect([...Standardizer.fit(x, { over: 'channel' }).mean.data]).toEqual([3, 20]);
    const all = Standardizer.fit(x, { over: 'all' });
    expect([all.mean.shape, all.mean.data[0]]).toEqual([[], 11.5]);
    expect(all.apply(x).shape).toEqual([2, 2, 2]);
    expect(() => Standardizer.fit(hostArray(new Uint8Array(0), [0, 4]))).toThrow('no examples to measure');
  });

  it('scales and makes labels categorical', () => {
    expect([...scale(Uint8Array.of(0, 51, 255)).data]).toEqual([0, Math.fround(0.2), 1]);
    expect([...scale(Uint8Array.of(0, 255), 2 / 255, -1).data]).toEqual([-1, 1]);
    const rows = toCategorical(Int32Array.of(2, 0));
    expect([rows.shape, [...rows.data]]).toEqual([
      [2, 3],
      [0, 0, 1, 1, 0, 0],
    ]);
    expect(toCategorical([[1], [0]], 4).shape).toEqual([2, 4]);
    expect(() => toCategorical(Int32Array.of(0, 3), 3)).toThrow('toCategorical: label 3 at index 1 is outside 0..2.');
    expect(() => toCategorical(Float32Array.of(0.5))).toThrow('label 0.5 at index 0');
  });

  it('agrees with the platform on MD5 around every block border', () => {
    for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 121, 1000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 31);
      expect(md5(bytes)).toBe(createHash('md5').update(bytes).digest('hex'));
    }
  });
});
