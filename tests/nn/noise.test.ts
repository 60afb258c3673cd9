// Noise layers: nothing while predicting, the promised mean and deviation while training, the same for one seed.
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/graph/tensor.js';
import type { CallContext } from '../../src/nn/layer.js';
import { inferenceContext } from '../../src/nn/layer.js';
import * as layers from '../../src/nn/layers/index.js';
import { add } from '../../src/ops/arithmetic.js';
import { full } from '../../src/ops/create.js';
import { randomKey, randomNormal } from '../../src/ops/random.js';
import { evaluate } from './golden.js';

const SEED = 7;
const context = (step = 0): CallContext => ({
  training: true,
  random: () => ({ key: randomKey(SEED, step), stream: 3 }),
});

async function momentsOf(x: Tensor): Promise<{ mean: number; deviation: number }> {
  const [values] = (await evaluate([x])) as [ArrayLike<number>];
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return { mean, deviation: Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length) };
}

describe(`noise layers (seed ${SEED})`, () => {
  const ones = full([40, 500], 1);

  it('leave predictions alone', () => {
    for (const layer of [
      layers.gaussianNoise({ stddev: 1 }),
      layers.gaussianDropout({ rate: 0.5 }),
      layers.alphaDropout({ rate: 0.5 }),
      layers.spatialDropout1d({ rate: 0.5 }),
      layers.spatialDropout3d({ rate: 0.5 }),
    ]) {
      const x = layer.className === 'SpatialDropout1D' ? full([2, 3, 4], 1) : full([2, 3, 3, 3, 4], 1);
      expect(layer.run([x], inferenceContext)[0]).toBe(x);
    }
  });

  it('add and multiply normal numbers', async () => {
    const added = await momentsOf(layers.gaussianNoise({ stddev: 0.3 }).run([ones], context())[0] as Tensor);
    // 20,000 numbers: the mean's own deviation is 0.3 / 141.
    expect(Math.abs(added.mean - 1)).toBeLessThan(0.01);
    expect(Math.abs(added.deviation - 0.3)).toBeLessThan(0.01);
    const multiplied = await momentsOf(layers.gaussianDropout({ rate: 0.2 }).run([ones], context())[0] as Tensor);
    expect(Math.abs(multiplied.mean - 1)).toBeLessThan(0.015);
    expect(Math.abs(multiplied.deviation - 0.5)).toBeLessThan(0.015);
  });

  it('keep mean and deviation of normal inputs through alpha dropout', async () => {
    const x = randomNormal([40, 500], randomKey(1), { stream: 9 });
    const { mean, deviation } = await momentsOf(layers.alphaDropout({ rate: 0.3 }).run([x], context())[0] as Tensor);
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.03);
  });

  it('drop whole channels', async () => {
    for (const [layer, shape] of [
      [layers.spatialDropout1d({ rate: 0.5 }), [3, 5, 8]],
      [layers.spatialDropout3d({ rate: 0.5 }), [3, 2, 3, 4, 8]],
    ] as const) {
      const y = (await evaluate(layer.run([full(shape, 1)], context())))[0] as ArrayLike<number>;
      const inner = shape.slice(1, -1).reduce((size, dim) => size * dim, 1);
      for (let image = 0; image < 3; image++) {
        for (let channel = 0; channel < 8; channel++) {
          const values = Array.from({ length: inner }, (_, i) => y[(image * inner + i) * 8 + channel]);
          expect(new Set(values).size).toBe(1);
          expect([0, 2]).toContain(values[0]);
        }
      }
      expect(new Set(Array.from(y)).size).toBe(2);
    }
  });

  it('follow their own seed and the step', async () => {
    const layer = layers.gaussianNoise({ stddev: 1, seed: 4 });
    const values = async (step: number): Promise<number[]> =>
      Array.from((await evaluate([add(layer.run([ones], context(step))[0] as Tensor, 0)]))[0] as ArrayLike<number>);
    expect(await values(0)).toEqual(await values(0));
    expect(await values(0)).not.toEqual(await values(1));
  });
});
