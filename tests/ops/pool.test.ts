// Pooling: against loops written out, padding that never counts, ties, derivatives and messages.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { multiply } from '../../src/ops/arithmetic.js';
import { zeros } from '../../src/ops/create.js';
import { averagePool2d, globalAveragePool, globalMaxPool, maxPool2d } from '../../src/ops/pool.js';
import { sum } from '../../src/ops/reduce.js';
import { transpose } from '../../src/ops/shape.js';
import { square } from '../../src/ops/unary.js';
import type { Pair } from '../../src/ops/window.js';
import { dot, expectGradient, messageOf, nestedOf, randomTensor, SEED, seeded, valuesOf, whole } from './numeric.js';

interface Steps {
  poolSize: Pair;
  strides: Pair;
  padding: readonly [Pair, Pair];
}

/** Every window by its corners, clipped to the picture. */
function byHand(x: Tensor, { poolSize, strides, padding }: Steps, fold: (values: number[]) => number): number[] {
  const [n, h, w, channels] = x.shape as [number, number, number, number];
  const data = valuesOf(x);
  const out: number[] = [];
  for (let image = 0; image < n; image++) {
    for (let top = -padding[0][0]; top + poolSize[0] <= h + padding[0][1]; top += strides[0]) {
      for (let left = -padding[1][0]; left + poolSize[1] <= w + padding[1][1]; left += strides[1]) {
        for (let c = 0; c < channels; c++) {
          const seen: number[] = [];
          for (let i = Math.max(0, top); i < Math.min(h, top + poolSize[0]); i++) {
            for (let j = Math.max(0, left); j < Math.min(w, left + poolSize[1]); j++) {
              seen.push(data[((image * h + i) * w + j) * channels + c] as number);
            }
          }
          out.push(fold(seen));
        }
      }
    }
  }
  return out;
}

const average = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function randomPool(next: () => number): { x: Tensor; steps: Steps } {
  const poolSize: Pair = [whole(next, 1, 4), whole(next, 1, 4)];
  const pads = (size: number): Pair => [whole(next, 0, size - 1), whole(next, 0, size - 1)];
  const padding: [Pair, Pair] = [pads(poolSize[0]), pads(poolSize[1])];
  const side = (axis: 0 | 1): number =>
    Math.max(1, poolSize[axis] - padding[axis][0] - padding[axis][1]) + whole(next, 0, 5);
  const x = randomTensor(next, [whole(next, 1, 2), side(0), side(1), whole(next, 1, 3)]);
  return { x, steps: { poolSize, strides: [whole(next, 1, 3), whole(next, 1, 3)], padding } };
}

describe(`pools of random geometry, seed ${SEED}`, () => {
  it('equal the windows written out', () => {
    const next = seeded(SEED);
    for (let round = 0; round < 60; round++) {
      const { x, steps } = randomPool(next);
      const place = JSON.stringify({ round, x: x.shape, steps });
      expect([...valuesOf(maxPool2d(x, steps))], place).toEqual(byHand(x, steps, (values) => Math.max(...values)));
      const means = byHand(x, steps, average);
      const got = valuesOf(averagePool2d(x, steps));
      expect(got.length, place).toBe(means.length);
      got.forEach((value, i) => {
        expect(value, place).toBeCloseTo(means[i] as number, 12);
      });
    }
  });

  it('have adjoint gradients', () => {
    const next = seeded(SEED + 1);
    for (let round = 0; round < 30; round++) {
      const { x, steps } = randomPool(next);
      for (const pool of [maxPool2d, averagePool2d]) {
        const y = pool(x, steps);
        const dy = randomTensor(next, y.shape);
        const dx = gradients(y, [x], dy)[0] as Tensor;
        // Both pools are homogeneous, so x . dx is y . dy.
        expect(dot(valuesOf(x), valuesOf(dx))).toBeCloseTo(dot(valuesOf(y), valuesOf(dy)), 10);
      }
    }
  });

  it('have first and second derivatives that central differences agree with', () => {
    const next = seeded(SEED + 2);
    for (const pool of [maxPool2d, averagePool2d]) {
      const { x, steps } = randomPool(next);
      const weights = randomTensor(next, x.shape);
      const loss = (x: Tensor): Tensor => sum(multiply(square(pool(x, steps)), pool(x, steps)));
      expectGradient((x) => loss(x as Tensor), [x], next);
      // Weights of both signs: what is taken back is not the largest of its window.
      expectGradient(
        (x) => sum(multiply(gradients(loss(x as Tensor), [x as Tensor])[0] as Tensor, weights)),
        [x],
        next,
      );
    }
  });
});

describe('pooling', () => {
  it('does not count padding', () => {
    const x = tensor([[[[-3], [-5], [-1]]]]);
    const steps = { poolSize: [1, 2], strides: 1, padding: 'same' } as const;
    expect(nestedOf(maxPool2d(x, steps))).toEqual([[[[-3], [-1], [-1]]]]);
    expect(nestedOf(averagePool2d(x, steps))).toEqual([[[[-4], [-3], [-1]]]]);
  });

  it('sends the gradient of a tie to the first of the equals', () => {
    const x = tensor([
      [
        [[2], [2]],
        [[2], [1]],
      ],
    ]);
    const [dx] = gradients(sum(maxPool2d(x)), [x]);
    expect(nestedOf(dx as Tensor)).toEqual([
      [
        [[1], [0]],
        [[0], [0]],
      ],
    ]);
  });

  it('adds gradients where windows overlap', () => {
    const x = tensor([[[[1], [9], [2]]]]);
    const steps = { poolSize: [1, 2], strides: 1 } as const;
    expect(nestedOf(gradients(sum(maxPool2d(x, steps)), [x])[0] as Tensor)).toEqual([[[[0], [2], [0]]]]);
    expect(nestedOf(gradients(sum(averagePool2d(x, steps)), [x])[0] as Tensor)).toEqual([[[[0.5], [1], [0.5]]]]);
  });

  it('lets NaN win a maximum', () => {
    const [value] = valuesOf(
      maxPool2d(
        tensor([
          [
            [[1], [Number.NaN]],
            [[7], [2]],
          ],
        ]),
      ),
    );
    expect(value).toBeNaN();
  });

  it('floors without padding and ceils with it', () => {
    expect(maxPool2d(zeros([2, 11, 26, 32])).shape).toEqual([2, 5, 13, 32]);
    expect(averagePool2d(zeros([2, 11, 27, 3]), { padding: 'same' }).shape).toEqual([2, 6, 14, 3]);
  });

  it('takes channels first', () => {
    const x = randomTensor(seeded(SEED + 3), [1, 4, 6, 3]);
    const first = maxPool2d(transpose(x, [0, 3, 1, 2]), { dataFormat: 'channelsFirst' });
    expect(nestedOf(transpose(first, [0, 2, 3, 1]))).toEqual(nestedOf(maxPool2d(x)));
  });

  it('pools whole pictures', () => {
    const x = tensor([
      [
        [
          [1, 8],
          [2, 6],
        ],
        [
          [3, 4],
          [6, 2],
        ],
      ],
    ]);
    expect(nestedOf(globalAveragePool(x))).toEqual([[3, 5]]);
    expect(nestedOf(globalMaxPool(x))).toEqual([[6, 8]]);
    expect(globalMaxPool(x, { keepDims: true }).shape).toEqual([1, 1, 1, 2]);
    expect(nestedOf(globalAveragePool(transpose(x, [0, 3, 1, 2]), { dataFormat: 'channelsFirst' }))).toEqual([[3, 5]]);
  });
});

describe('pooling messages', () => {
  it.each([
    [
      () => maxPool2d(zeros([1, 2, 9, 1]), { poolSize: 3 }),
      "maxPool: a pool of 3x3 cells does not fit x of 2x9.\n  x=[1,2,9,1]\n  Use a smaller pool or padding: 'same'.",
    ],
    [
      () => averagePool2d(zeros([28, 28, 1])),
      'averagePool2d: x must be [n,h,w,channels]; got [28,28,1].\n  Add the missing axis with fovea.expandDims.',
    ],
    [
      () => maxPool2d(zeros([1, 4, 4, 1]), { strides: 0 }),
      'maxPool: strides must be whole numbers of at least 1; got 0, 0.',
    ],
    [
      () => maxPool2d(zeros([1, 4, 4, 1]), { padding: 2 }),
      'maxPool: padding [[2,2],[2,2]] must be less than poolSize 2x2.\n  A window that sees padding alone would have no value.',
    ],
  ])('case %#', (body, want) => {
    expect(messageOf(body)).toBe(want);
  });
});
