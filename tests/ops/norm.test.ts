// Normalisation and resizing: formulas written out, derivatives and messages.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { add, cast, multiply } from '../../src/ops/arithmetic.js';
import { zeros } from '../../src/ops/create.js';
import { resizeBilinear, resizeNearest } from '../../src/ops/image.js';
import { layerNorm } from '../../src/ops/layer-norm.js';
import { batchNorm, batchNormTrain, l2Normalize, moments } from '../../src/ops/norm.js';
import { mean, sum, variance } from '../../src/ops/reduce.js';
import { transpose } from '../../src/ops/shape.js';
import { square } from '../../src/ops/unary.js';
import { expectGradient, messageOf, nestedOf, randomTensor, SEED, seeded, valuesOf } from './numeric.js';

function expectClose(got: Tensor, want: Tensor | ArrayLike<number>, digits = 12): void {
  const [a, b] = [valuesOf(got), 'shape' in want ? valuesOf(want) : want];
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i] as number, digits);
  });
}

describe(`normalisation, seed ${SEED}`, () => {
  it('finds mean and variance of every channel', () => {
    const both = moments([
      [1, 10],
      [3, 10],
      [5, 40],
    ]);
    expectClose(both.mean, [3, 20]);
    expectClose(both.variance, [8 / 3, 200]);
    const x = randomTensor(seeded(SEED), [2, 3, 4, 5]);
    expectClose(moments(x).mean, mean(x, { axis: [0, 1, 2] }));
    expectClose(moments(x).variance, variance(x, { axis: [0, 1, 2] }));
  });

  it('differentiates mean and variance, alone and together, twice', () => {
    const next = seeded(SEED + 1);
    const x = randomTensor(next, [4, 3]);
    const weights = randomTensor(next, [3]);
    const losses: ((x: Tensor) => Tensor)[] = [
      (x) => sum(multiply(square(moments(x).mean), weights)),
      (x) => sum(multiply(square(moments(x).variance), weights)),
      (x) => sum(multiply(multiply(moments(x).mean, moments(x).variance), weights)),
      (x) => {
        const { mean, variance } = moments(x);
        return sum(multiply(add(mean, square(variance)), weights));
      },
    ];
    for (const loss of losses) {
      expectGradient((x) => loss(x as Tensor), [x], next);
      expectGradient((x) => sum(square(gradients(loss(x as Tensor), [x as Tensor])[0] as Tensor)), [x], next);
    }
  });

  it('applies given statistics', () => {
    const given = { mean: [1, 2], variance: [4, 9] };
    const x = [[3, 5]];
    expectClose(batchNorm(x, { ...given, epsilon: 0 }), [1, 1]);
    expectClose(batchNorm(x, { ...given, epsilon: 0, gamma: [10, 20] }), [10, 20]);
    expectClose(batchNorm(x, { ...given, epsilon: 0, beta: [1, -1] }), [2, 0]);
    expectClose(
      batchNorm(x, { ...given, gamma: [10, 20], beta: [1, -1] }),
      [(10 * 2) / Math.sqrt(4.001) + 1, (20 * 3) / Math.sqrt(9.001) - 1],
      6,
    );
  });

  it('normalises a batch by its own statistics', () => {
    const next = seeded(SEED + 2);
    const x = randomTensor(next, [3, 4, 5, 2]);
    const { y, mean: average, variance: spread } = batchNormTrain(x, { epsilon: 1e-5 });
    expectClose(average, mean(x, { axis: [0, 1, 2] }));
    expectClose(mean(y, { axis: [0, 1, 2] }), [0, 0]);
    const shrunk = valuesOf(spread).map((value) => value / (value + Math.fround(1e-5)));
    expectClose(variance(y, { axis: [0, 1, 2] }), shrunk, 9);
  });

  it('has gradients through the statistics of a batch', () => {
    const next = seeded(SEED + 3);
    const [x, gamma, beta, weights] = [[4, 3], [3], [3], [4, 3]].map((shape) => randomTensor(next, shape)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const loss = (...xs: Tensor[]): Tensor => {
      const [x, gamma, beta] = xs as [Tensor, Tensor, Tensor];
      return sum(multiply(square(batchNormTrain(x, { gamma, beta }).y), weights));
    };
    expectGradient(loss, [x, gamma, beta], next);
    expectGradient((...xs) => sum(square(gradients(loss(...xs), xs)[0] as Tensor)), [x, gamma, beta], next);
  });

  it('keeps half precision outside and float32 inside', () => {
    const x = cast(randomTensor(seeded(SEED + 4), [4, 3]), 'bfloat16');
    const { y, mean: average } = batchNormTrain(x);
    expect([y.dtype, average.dtype]).toEqual(['bfloat16', 'float32']);
    expect(layerNorm(x).dtype).toBe('bfloat16');
  });

  it('normalises every example over its axes', () => {
    const x = [
      [1, 3],
      [10, 30],
    ];
    expectClose(layerNorm(x, { epsilon: 0 }), [-1, 1, -1, 1]);
    expectClose(layerNorm(x, { epsilon: 0, gamma: [2, 3], beta: [1, 0] }), [-1, 3, -1, 3]);
    const deep = randomTensor(seeded(SEED + 5), [2, 3, 4]);
    const y = layerNorm(deep, { axis: [1, 2], epsilon: 0, gamma: zeros([3, 4]), beta: zeros([3, 4]) });
    expectClose(y, new Float64Array(24));
    expectClose(mean(layerNorm(deep, { axis: 1 }), { axis: 1 }), new Float64Array(8));
  });

  it('gives vectors of length one', () => {
    expectClose(
      l2Normalize([
        [3, 4],
        [0, 0],
      ]),
      [0.6, 0.8, 0, 0],
      7,
    );
    const next = seeded(SEED + 6);
    expectGradient(
      (x) => sum(multiply(l2Normalize(x as Tensor), randomTensor(seeded(7), [2, 3]))),
      [randomTensor(next, [2, 3])],
      next,
    );
  });

  it('names an operand that does not fit', () => {
    expect(messageOf(() => batchNorm(zeros([2, 3]), { mean: [0, 0], variance: [1, 1, 1] }))).toBe(
      'batchNorm: mean is [2] but x has 3 channels.\n  x=[2,3]\n  Give one value per channel, the last axis of x.',
    );
    expect(messageOf(() => layerNorm(zeros([2, 3]), { gamma: [1, 1] }))).toBe(
      'layerNorm: gamma is [2] but the normalised axes are [3].\n  x=[2,3] axis=1',
    );
    expect(messageOf(() => moments(tensor(1)))).toBe(
      'moments: x must have an axis of channels; got a scalar.\n  Give x at least one axis; the last holds the channels.',
    );
  });
});

describe('resizing', () => {
  const square2 = tensor([
    [
      [[1], [2]],
      [[3], [4]],
    ],
  ]);

  it('repeats pixels', () => {
    expectClose(resizeNearest(square2, 2), [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
    expectClose(resizeNearest(square2, [1, 2]), [1, 1, 2, 2, 3, 3, 4, 4]);
  });

  it('interpolates between the centres of pixels', () => {
    const wide = resizeBilinear(tensor([[[[0], [4]]]]), [1, 4]);
    expectClose(wide, [0, 1, 3, 4]);
    const both = [1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4];
    expectClose(resizeBilinear(square2, 4), both);
    // Shrinking by two samples halfway between neighbours; by four it skips the outer ones.
    expectClose(resizeBilinear(tensor([[[[0], [4], [8], [12]]]]), [1, 2]), [2, 10]);
    expectClose(resizeBilinear(tensor([[[[0], [4], [8], [12]]]]), 1), [6]);
    expectClose(resizeBilinear(square2, 2), [1, 2, 3, 4]);
  });

  it('keeps channels and pictures apart, and has gradients', () => {
    const next = seeded(SEED + 7);
    const x = randomTensor(next, [2, 3, 4, 3]);
    const y = resizeBilinear(x, [5, 6]);
    expect(y.shape).toEqual([2, 5, 6, 3]);
    const turned = resizeBilinear(transpose(x, [3, 1, 2, 0]), [5, 6]);
    expect(nestedOf(transpose(turned, [3, 1, 2, 0]))).toEqual(nestedOf(y));
    expectGradient((x) => sum(square(resizeBilinear(x as Tensor, [5, 6]))), [x], next);
    expectGradient((x) => sum(square(resizeNearest(x as Tensor, [2, 3]))), [x], next);
  });

  it('refuses half a pixel', () => {
    expect(messageOf(() => resizeNearest(square2, 1.5))).toBe(
      'resizeNearest: factor must be whole numbers of at least 1; got 1.5, 1.5.',
    );
  });
});
