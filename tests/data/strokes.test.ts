import { describe, expect, it } from 'vitest';
import type { ArrayDataset } from '../../src/data/array-dataset.js';
import { strokes } from '../../src/data/datasets.js';
import { md5 } from '../../src/data/md5.js';
import { cosineOfTurns, sineOfTurns } from '../../src/data/strokes-shapes.js';
import { processorTime } from '../processor-time.js';

const pixels = (dataset: ArrayDataset): Uint8Array => dataset.x.data as Uint8Array;

describe('datasets.strokes', () => {
  it('gives pictures, labels and names of ten classes', async () => {
    const { train, test } = await strokes({ count: 100 });
    expect(train.x.shape).toEqual([100, 28, 28, 1]);
    expect([train.x.dtype, train.y.dtype, train.y.shape]).toEqual(['uint8', 'int32', [100]]);
    expect(test.length).toBe(25);
    expect(train.classNames?.length).toBe(10);
    for (let label = 0; label < 10; label++) {
      expect(train.y.data.filter((each) => each === label).length).toBe(10);
    }
  });

  it('draws the same bytes on every machine', async () => {
    // The digest was taken when the shapes were settled: it changes only if the drawing or the random numbers do.
    const { train, test } = await strokes({ count: 200, testCount: 50, seed: 7 });
    expect([md5(pixels(train)), md5(pixels(test))]).toEqual([
      '64ba96a7a0567c48949e0507b016f08d',
      '57cfe3f4a2f426755ece7fcf790e4f31',
    ]);
  });

  it('depends on the seed, and a picture on its index alone', async () => {
    const [a, b] = [await strokes({ count: 50, seed: 1 }), await strokes({ count: 50, seed: 2 })];
    expect(pixels(a.train)).not.toEqual(pixels(b.train));
    const longer = await strokes({ count: 80, seed: 1 });
    expect(pixels(longer.train.take(50))).toEqual(pixels(a.train));
    expect(pixels(a.test.take(10))).not.toEqual(pixels(a.train.take(10)));
  });

  it('selects splits and refuses counts that are none', async () => {
    const part = await strokes({ count: 40, split: 'train[:25%]+test' });
    expect(part.length).toBe(20);
    await expect(strokes({ count: 0 })).rejects.toThrow('datasets.strokes: count is 0.');
  });

  it('cannot be told apart by where the ink lies', async () => {
    // The nearest training picture, pixel by pixel, is what a network without convolutions can lean on.
    const { train, test } = await strokes({ count: 1000, testCount: 200, seed: 5 });
    const [known, asked] = [pixels(train), pixels(test)];
    let right = 0;
    for (let i = 0; i < test.length; i++) {
      let best = Number.POSITIVE_INFINITY;
      let label = -1;
      for (let k = 0; k < train.length; k++) {
        let distance = 0;
        for (let p = 0; p < 784 && distance < best; p++) {
          distance += ((asked[i * 784 + p] as number) - (known[k * 784 + p] as number)) ** 2;
        }
        if (distance < best) [best, label] = [distance, train.y.data[k] as number];
      }
      if (label === test.y.data[i]) right++;
    }
    expect(right / test.length).toBeLessThan(0.9);
    expect(right / test.length).toBeGreaterThan(0.2);
  });

  it('draws 4,000 pictures within the wait of a first run', async () => {
    const start = processorTime();
    await strokes({ count: 4000, testCount: 1 });
    // 0.3 s on an idle machine; the bound leaves room for a busy one.
    expect(processorTime() - start).toBeLessThan(3000);
  });

  it('has its own sine, close to the real one', () => {
    for (let turns = -2; turns <= 2; turns += 0.01) {
      expect(sineOfTurns(turns)).toBeCloseTo(Math.sin(2 * Math.PI * turns), 3);
      expect(cosineOfTurns(turns)).toBeCloseTo(Math.cos(2 * Math.PI * turns), 3);
    }
  });
});
