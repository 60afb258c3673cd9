// Unary functions, activations, comparisons, whole-number arithmetic and where, by values worked out by hand.
import { describe, expect, test } from 'vitest';
import { grad } from '../../src/compile/autodiff.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { messageOf, nestedOf, valuesOf } from './numeric.js';

describe('unary', () => {
  test('round goes to even at halves', () => {
    expect([...valuesOf(ops.round(tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, -2.6])))]).toEqual([
      -2, -2, -0, 0, 2, 2, 2, -3,
    ]);
  });

  test('rounding leaves integers alone', () => {
    const x = tensor([3, -4], { dtype: 'int32' });
    expect([ops.floor(x), ops.ceil(x), ops.round(x)]).toEqual([x, x, x]);
  });

  test('erf', () => {
    // Abramowitz and Stegun, table 7.1.
    const table = [
      [0, 0],
      [0.5, 0.5204998778],
      [1, 0.8427007929],
      [2, 0.995322265],
      [-1, -0.8427007929],
      [7, 1],
    ] as const;
    valuesOf(ops.erf(tensor(table.map(([x]) => x)))).forEach((value, i) => {
      expect(value).toBeCloseTo(table[i]?.[1] as number, 9);
    });
  });

  test('large arguments neither overflow nor lose digits', () => {
    expect([...valuesOf(ops.softplus(tensor([-1000, 1000])))]).toEqual([0, 1000]);
    expect([...valuesOf(ops.sigmoid(tensor([-1000, 1000])))]).toEqual([0, 1]);
    expect([...valuesOf(ops.logSigmoid(tensor([-1000, 1000])))]).toEqual([-1000, -0]);
    expect(valuesOf(ops.expm1(tensor([2 ** -30])))[0]).toBeCloseTo(2 ** -30, 18);
  });

  test('integers become floats where they must and stay where they can', () => {
    const x = tensor([-3, 2], { dtype: 'int32' });
    expect(ops.exp(x).dtype).toBe('float32');
    expect(ops.square(x).dtype).toBe('int32');
    expect([...valuesOf(ops.abs(x))]).toEqual([3, 2]);
    expect(ops.isNaN(x).dtype).toBe('bool');
  });

  test('tests for NaN and infinity', () => {
    const x = tensor([1, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(nestedOf(ops.isNaN(x))).toEqual([0, 1, 0]);
    expect(nestedOf(ops.isFinite(x))).toEqual([1, 0, 0]);
  });

  test('the sign has no gradient, |x| has', () => {
    const slope = grad((x) => ops.sum(ops.add(ops.abs(x), ops.sign(x))));
    expect([...valuesOf(slope(tensor([-2, 0, 5])))]).toEqual([-1, 0, 1]);
  });
});

describe('activations', () => {
  const x = tensor([-4, -1, 0, 1, 4]);
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  const expected: readonly [(x: Tensor) => Tensor, (value: number) => number][] = [
    [ops.relu, (v) => Math.max(v, 0)],
    [ops.relu6, (v) => Math.min(Math.max(v, 0), 6)],
    [ops.leakyRelu, (v) => (v < 0 ? 0.2 * v : v)],
    [ops.elu, (v) => (v > 0 ? v : Math.exp(v) - 1)],
    [ops.selu, (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * (Math.exp(v) - 1))],
    [ops.silu, (v) => v * sigmoid(v)],
    [ops.softsign, (v) => v / (1 + Math.abs(v))],
    [ops.hardSigmoid, (v) => Math.min(Math.max(v + 3, 0), 6) / 6],
    [ops.hardSilu, (v) => (v * Math.min(Math.max(v + 3, 0), 6)) / 6],
    [ops.mish, (v) => v * Math.tanh(Math.log(1 + Math.exp(v)))],
    [ops.exponential, Math.exp],
    [ops.linear, (v) => v],
    [ops.logSigmoid, (v) => Math.log(sigmoid(v))],
  ];
  test.each(expected.map((each) => [each[0].name, ...each] as const))('%s', (_name, activation, of) => {
    valuesOf(activation(x)).forEach((value, i) => {
      expect(value).toBeCloseTo(of(valuesOf(x)[i] as number), 12);
    });
  });

  test('gelu, exactly and by tanh', () => {
    // x * Phi(x) at 1, Phi(1) = 0.8413447460685429.
    expect(valuesOf(ops.gelu(tensor([1])))[0]).toBeCloseTo(0.8413447460685429, 12);
    const inner = Math.sqrt(2 / Math.PI) * (1 + 0.044715);
    expect(valuesOf(ops.gelu(tensor([1]), { approximate: true }))[0]).toBeCloseTo(0.5 * (1 + Math.tanh(inner)), 12);
  });

  test('gradients at the kinks', () => {
    const at = (of: (x: Tensor) => Tensor, value: number): number =>
      valuesOf(grad((each) => ops.sum(of(each)))(tensor([value])))[0] as number;
    expect(at(ops.relu, 0)).toBe(0);
    expect(at(ops.relu6, 6)).toBe(0);
    expect(at(ops.leakyRelu, 0)).toBe(0.2);
    expect(at(ops.elu, 0)).toBe(1);
  });

  test('elu of a large number has a finite gradient', () => {
    expect(valuesOf(grad((each) => ops.sum(ops.elu(each)))(tensor([1000, -1000])))).toEqual(Float64Array.of(1, 0));
  });
});

describe('comparisons and logic', () => {
  test('NaN compares false, but differs from everything', () => {
    const a = tensor([Number.NaN, 1]);
    expect(nestedOf(ops.equal(a, a))).toEqual([0, 1]);
    expect(nestedOf(ops.notEqual(a, a))).toEqual([1, 0]);
    expect(nestedOf(ops.lessEqual(a, 1))).toEqual([0, 1]);
  });

  test('logic takes anything but 0 as true', () => {
    const [a, b] = [tensor([0, 0, 2, -1]), tensor([0, 1, 0, 0.5])];
    expect(nestedOf(ops.logicalAnd(a, b))).toEqual([0, 0, 0, 1]);
    expect(nestedOf(ops.logicalOr(a, b))).toEqual([0, 1, 1, 1]);
    expect(nestedOf(ops.logicalXor(a, b))).toEqual([0, 1, 1, 0]);
    expect(nestedOf(ops.logicalNot(a))).toEqual([1, 1, 0, 0]);
  });

  test('shapes that do not broadcast', () => {
    expect(messageOf(() => ops.less(ops.zeros([2, 3]), ops.zeros([4])))).toBe(
      'less: shapes [2,3] and [4] do not broadcast.\n  Sizes must be equal or 1, counted from the last axis.',
    );
  });
});

describe('whole numbers', () => {
  test('floor division and its remainder', () => {
    const a = tensor([7, -7, 7, -7, 5], { dtype: 'int32' });
    const b = tensor([2, 2, -2, -2, 0], { dtype: 'int32' });
    expect(nestedOf(ops.floorDivide(a, b))).toEqual([3, -4, -4, 3, 0]);
    expect(nestedOf(ops.mod(a, b))).toEqual([1, 1, -1, -1, 0]);
    expect(nestedOf(ops.mod(tensor([5.5, -5.5]), 2))).toEqual([1.5, 0.5]);
  });

  test('bits', () => {
    const [a, b] = [tensor([12, -1], { dtype: 'int32' }), tensor([10, 255], { dtype: 'int32' })];
    expect(nestedOf(ops.bitwiseAnd(a, b))).toEqual([8, 255]);
    expect(nestedOf(ops.bitwiseOr(a, b))).toEqual([14, -1]);
    expect(nestedOf(ops.bitwiseXor(a, b))).toEqual([6, -256]);
  });

  test('bits of floats', () => {
    expect(messageOf(() => ops.bitwiseAnd(tensor([1]), 1))).toBe(
      'bitwiseAnd: is not defined for float32; it takes ints.\n  Cast the input with fovea.cast.',
    );
  });
});

describe('where', () => {
  test('broadcasts all three', () => {
    const y = ops.where(tensor([[true], [false]]), tensor([1, 2, 3]), 0);
    expect(nestedOf(y)).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]);
  });

  test('a NaN on the side not taken does not reach the gradient', () => {
    const slope = grad((x) => ops.sum(ops.where(ops.greater(x, 0), ops.log(ops.where(ops.greater(x, 0), x, 1)), 0)));
    expect([...valuesOf(slope(tensor([-1, 0, 4])))]).toEqual([0, 0, 0.25]);
    const pick = grad((x) => ops.sum(ops.where(tensor([true, false]), x, Number.NaN)));
    expect([...valuesOf(pick(tensor([5, 5])))]).toEqual([1, 0]);
  });
});

describe('gradients of gradients', () => {
  test('of polynomials and exponentials', () => {
    // f = x^3: f' = 3 x^2, f'' = 6 x.
    const cube = grad((x) => ops.sum(ops.multiply(x, ops.square(x))));
    const second = grad((x) => ops.sum(cube(x)));
    expect([...valuesOf(second(tensor([2, -1])))]).toEqual([12, -6]);
    const third = grad((x) => ops.sum(second(x)));
    expect([...valuesOf(third(tensor([2, -1])))]).toEqual([6, 6]);
  });

  test('of the norm of a gradient, as a gradient penalty takes it', () => {
    // f = sum(tanh(x) w): |f'|^2 = sum((w (1 - t^2))^2), whose slope is -4 w^2 (1 - t^2)^2 t.
    const w = [0.5, -2, 1.5];
    const points = [0.25, -1, 0.5];
    const inner = grad((x) => ops.sum(ops.multiply(ops.tanh(x), tensor(w))));
    const slope = valuesOf(grad((x) => ops.sum(ops.square(inner(x))))(tensor(points)));
    points.forEach((point, i) => {
      const t = Math.tanh(point);
      expect(slope[i]).toBeCloseTo(-4 * (w[i] as number) ** 2 * (1 - t * t) ** 2 * t, 12);
    });
  });
});
