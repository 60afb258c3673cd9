// Gradients of tensors that many nodes of one op read: joined or multiplied at once, and the same as one by one.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { interpret, topological } from '../../src/graph/interpret.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { add, concat, matmul, multiply, slice, split, sum, tanh } from '../../src/ops/index.js';

const ramp = (shape: readonly number[], step = 0.37): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(1 + i * step)),
    { shape: [...shape] },
  );
};

const countOf = (name: string, tensors: readonly Tensor[]): number =>
  topological(tensors).filter((node) => node.op.name === name).length;

/** The sum of squares of parts, each times its number. */
const weighted = (parts: readonly Tensor[]): Tensor =>
  parts.map((part, i) => sum(multiply(multiply(part, part), i + 1))).reduce((a, b) => add(a, b));

const valuesOf = (x: Tensor): number[] => [
  ...(interpret([x])[0] as { data: ArrayLike<number> & Iterable<number> }).data,
];

const expectAll = (got: Tensor, want: readonly number[]): void => {
  const values = valuesOf(got);
  expect(values.length).toBe(want.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(want[i] as number, 12);
};

describe('gradients that several nodes share', () => {
  it('joins the parts of a split instead of adding padded ones', () => {
    const x = ramp([3, 4]);
    const [dx] = gradients(weighted(split(x, 4, 1)), [x]) as [Tensor];
    expect(countOf('pad', [dx])).toBe(0);
    const want = valuesOf(x).map((value, i) => 2 * value * ((i % 4) + 1));
    expectAll(dx, want);
  });

  it('puts zeros where no part was read', () => {
    const x = ramp([6, 2]);
    const parts = [slice(x, [4, 0], [1, 2]), slice(x, [1, 0], [2, 2])];
    const [dx] = gradients(weighted(parts), [x]) as [Tensor];
    const factor = [0, 4, 4, 0, 2, 0];
    const want = valuesOf(x).map((value, i) => value * (factor[i >> 1] as number));
    expectAll(dx, want);
  });

  it('adds the parts that overlap', () => {
    const x = ramp([5]);
    const [dx] = gradients(weighted([slice(x, [0], [3]), slice(x, [2], [3])]), [x]) as [Tensor];
    const want = valuesOf(x).map((value, i) => value * ([2, 2, 6, 4, 4][i] as number));
    expectAll(dx, want);
  });

  it('also where the part that was read is read as a whole, too', () => {
    const x = ramp([4]);
    const [dx] = gradients(add(weighted(split(x, 2)), sum(x)), [x]) as [Tensor];
    const want = valuesOf(x).map((value, i) => 2 * value * (i < 2 ? 1 : 2) + 1);
    expectAll(dx, want);
  });

  it.each([false, true])('multiplies once for a matrix used in many steps (transposed: %s)', (transposeB) => {
    const w = ramp([3, 3], 0.71);
    const steps = (by: readonly Tensor[]): Tensor => {
      let h = ramp([2, 3]);
      for (const matrix of by) h = tanh(matmul(h, matrix, { transposeB }));
      return sum(multiply(h, ramp([2, 3], 1.3)));
    };
    const count = 6;
    const [together] = gradients(steps(Array.from({ length: count }, () => w)), [w]) as [Tensor];
    // The same matrix under as many names: each gradient is its own product.
    const copies = Array.from({ length: count }, () => tensor(Float32Array.from(valuesOf(w)), { shape: [3, 3] }));
    const apart = gradients(steps(copies), copies).reduce((a, b) => add(a, b));
    expect(countOf('matmul', [together])).toBeLessThan(countOf('matmul', [apart]));
    const want = valuesOf(apart);
    expectAll(together, want);
  });

  it('of which the gradient is right, too', () => {
    const x = ramp([4, 2]);
    const parts = split(x, 4);
    const cubes = parts.map((part, i) => sum(multiply(multiply(part, part), multiply(part, i + 1))));
    const [dx] = gradients(
      cubes.reduce((a, b) => add(a, b)),
      [x],
    ) as [Tensor];
    const [ddx] = gradients(sum(concat([dx])), [x]) as [Tensor];
    const want = valuesOf(x).map((value, i) => 6 * value * ((i >> 1) + 1));
    expectAll(ddx, want);
  });
});
