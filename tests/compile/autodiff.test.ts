// Autodiff itself; each op's own rule is checked with the op (tests/ops).
import { describe, expect, it } from 'vitest';
import { grad, gradients, valueAndGrad } from '../../src/compile/autodiff.js';
import { topological } from '../../src/graph/interpret.js';
import { placeholder, type Tensor, tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { expectGradient, messageOf, nestedOf, randomTensor, SEED, seeded, valuesOf } from '../ops/numeric.js';

const next = seeded(SEED);
const at = (x: Tensor): number => valuesOf(x)[0] as number;

describe('gradients', () => {
  it('add up where a value is used several times', () => {
    const x = tensor([3]);
    expect(at(grad((a) => ops.sum(ops.add(ops.multiply(a, a), ops.multiply(a, 5))))(x))).toBe(11);
  });

  it('are summed back over what was broadcast', () => {
    const row = tensor([1, 2]);
    expect(nestedOf(grad((a) => ops.sum(ops.multiply(ops.ones([3, 2]), a)))(row))).toEqual([3, 3]);
    expect(nestedOf(grad((a) => ops.sum(ops.add(a, ops.ones([4]))))(tensor(2)))).toBe(4);
  });

  it('are zero where nothing depends on a tensor', () => {
    const [x, y] = [tensor([1, 2]), tensor([[3]])];
    const [dx, dy] = gradients(ops.sum(x), [x, y]) as [Tensor, Tensor];
    expect([nestedOf(dx), nestedOf(dy)]).toEqual([[1, 1], [[0]]]);
  });

  it('stop at ops without a derivative', () => {
    const x = tensor([1.5, -2.5]);
    expect(nestedOf(grad((a) => ops.sum(ops.multiply(a, ops.floor(a))))(x))).toEqual([1, -3]);
  });

  it('flow through one output of several', () => {
    const x = randomTensor(next, [6, 3]);
    expectGradient((a) => ops.sum(ops.square(ops.moments(a).variance)), [x], next);
    expectGradient((a) => ops.sum(ops.topK(a, 2).values), [x], next);
  });

  it('are of the dtype of what they are gradients of', () => {
    const x = ops.cast(tensor([1, 2]), 'bfloat16');
    const [dx] = gradients(ops.sum(ops.multiply(ops.cast(x, 'float32'), 3)), [x]) as [Tensor];
    expect([dx.dtype, nestedOf(dx)]).toEqual(['bfloat16', [3, 3]]);
  });

  it('take a gradient that flows in', () => {
    const x = tensor([1, 2]);
    const [dx] = gradients(ops.square(x), [x], tensor([10, 100])) as [Tensor];
    expect(nestedOf(dx)).toEqual([20, 400]);
  });

  it('exist for values in the middle, too', () => {
    const x = tensor([2]);
    const y = ops.square(x);
    const [dy, dx] = gradients(ops.sum(ops.square(y)), [y, x]) as [Tensor, Tensor];
    expect([at(dy), at(dx)]).toEqual([8, 32]);
  });

  it('have gradients again', () => {
    const cube = (a: Tensor): Tensor => ops.sum(ops.multiply(ops.square(a), a));
    const second = grad((a) => ops.sum(grad(cube)(a)));
    const third = grad((a) => ops.sum(second(a)));
    expect([at(grad(cube)(tensor([2]))), at(second(tensor([2]))), at(third(tensor([2])))]).toEqual([12, 12, 6]);
  });

  it('of a network agree with differences, twice', () => {
    const model = (x: Tensor, w: Tensor, b: Tensor): Tensor => {
      const hidden = ops.tanh(ops.add(ops.conv2d(x, w, { padding: 'same', strides: 2 }), b));
      const pooled = ops.averagePool2d(hidden, { poolSize: 2 });
      return ops.mean(ops.square(ops.logSoftmax(ops.reshape(pooled, [2, -1]))));
    };
    const points = [randomTensor(next, [2, 8, 8, 2]), randomTensor(next, [3, 3, 2, 3]), randomTensor(next, [3])];
    expectGradient(model, points, next);
    const [x, w, b] = points as [Tensor, Tensor, Tensor];
    expectGradient((each) => ops.sum(ops.square(grad((inner) => model(x, inner, b))(each))), [w], next);
  });

  it('cost a graph of the same size as the function, however deep', () => {
    const x = placeholder({ shape: [3], dtype: 'float32' });
    const { gradients: found } = valueAndGrad((a) => {
      let y = a;
      for (let i = 0; i < 5000; i++) y = ops.sin(y);
      return ops.sum(y);
    })(x);
    const nodes = topological(found);
    expect(nodes.length).toBeGreaterThan(10_000);
    expect(nodes.length).toBeLessThan(25_000);
    expect(nodes).toContain(x.node);
  });
});

describe('valueAndGrad', () => {
  it('differentiates by the arguments named', () => {
    const f = valueAndGrad((a, b) => ops.sum(ops.multiply(a, b)), { arguments: [1, 0] });
    const { value, gradients: found } = f(tensor([1, 2]), tensor([3, 4]));
    expect([at(value), ...found.map(nestedOf)]).toEqual([11, [1, 2], [3, 4]]);
  });

  it('refuses what has no gradient', () => {
    expect(messageOf(() => grad((a) => ops.square(a))(tensor([1, 2])))).toBe(
      'grad: the function must give a scalar; it gave [2].\n  Sum or average the result first.',
    );
    expect(messageOf(() => grad((a) => ops.sum(a))(tensor([1, 2], { dtype: 'int32' })))).toBe(
      'grad: argument 0 is int32; only floats have gradients.',
    );
    expect(messageOf(() => valueAndGrad((a) => ops.sum(a), { arguments: [1] })(tensor([1])))).toBe(
      'grad: there is no argument 1.',
    );
  });
});
