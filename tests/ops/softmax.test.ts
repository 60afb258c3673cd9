// Softmax: sums, shifts, extreme values, other axes, derivatives and messages.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { transpose } from '../../src/ops/shape.js';
import { logSoftmax, softmax } from '../../src/ops/softmax.js';
import { log, square } from '../../src/ops/unary.js';
import { expectGradient, messageOf, nestedOf, randomTensor, SEED, seeded, valuesOf } from './numeric.js';

describe(`softmax, seed ${SEED}`, () => {
  it('gives exp(x) / sum(exp(x)) along any axis', () => {
    const x = randomTensor(seeded(SEED), [2, 3, 4]);
    const data = valuesOf(x);
    for (const [axis, stride, size] of [
      [0, 12, 2],
      [1, 4, 3],
      [2, 1, 4],
      [-1, 1, 4],
      [-3, 12, 2],
    ] as const) {
      const y = valuesOf(softmax(x, { axis }));
      data.forEach((value, i) => {
        const first = i - (Math.floor(i / stride) % size) * stride;
        let total = 0;
        for (let k = 0; k < size; k++) total += Math.exp(data[first + k * stride] as number);
        expect(y[i]).toBeCloseTo(Math.exp(value) / total, 12);
      });
    }
  });

  it('equals the logarithm of itself', () => {
    const x = randomTensor(seeded(SEED + 1), [3, 5]);
    const want = valuesOf(log(softmax(x, { axis: 0 })));
    valuesOf(logSoftmax(x, { axis: 0 })).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i] as number, 12);
    });
  });

  it('neither overflows nor loses the small', () => {
    expect(nestedOf(softmax([1e4, 1e4]))).toEqual([0.5, 0.5]);
    expect(nestedOf(softmax([0, -1e4]))).toEqual([1, 0]);
    expect(nestedOf(logSoftmax([0, -1e4]))).toEqual([0, -1e4]);
    expect(nestedOf(softmax([0, Number.NEGATIVE_INFINITY]))).toEqual([1, 0]);
  });

  it('has first and second derivatives that central differences agree with', () => {
    const next = seeded(SEED + 2);
    const x = randomTensor(next, [3, 4]);
    const weights = randomTensor(next, [3, 4]);
    for (const soft of [softmax, logSoftmax]) {
      for (const axis of [0, -1]) {
        const loss = (x: Tensor): Tensor => sum(multiply(square(soft(x, { axis })), weights));
        expectGradient((x) => loss(x as Tensor), [x], next);
        expectGradient((x) => sum(square(gradients(loss(x as Tensor), [x as Tensor])[0] as Tensor)), [x], next);
      }
    }
  });

  it('has a gradient that sums to zero', () => {
    const x = randomTensor(seeded(SEED + 3), [2, 7]);
    const [dx] = gradients(softmax(x), [x], randomTensor(seeded(SEED + 4), [2, 7])) as [Tensor];
    for (const total of valuesOf(sum(dx, { axis: 1 }))) expect(total).toBeCloseTo(0, 12);
  });

  it('turns the axis there and back', () => {
    const x = randomTensor(seeded(SEED + 5), [2, 3, 4, 5]);
    const y = softmax(x, { axis: 1 });
    expect(y.shape).toEqual([2, 3, 4, 5]);
    expect(nestedOf(transpose(y, [0, 2, 3, 1]))).toEqual(nestedOf(softmax(transpose(x, [0, 2, 3, 1]))));
  });

  it('names a missing axis', () => {
    expect(messageOf(() => softmax([[1, 2]], { axis: 2 }))).toBe(
      'softmax: axis 2 does not exist in a tensor of rank 2.\n  Give an axis from -2 to 1.',
    );
    expect(messageOf(() => logSoftmax(tensor(3)))).toBe(
      'logSoftmax: axis -1 does not exist in a tensor of rank 0.\n  A scalar has no axes.',
    );
  });
});
