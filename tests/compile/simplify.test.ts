import { describe, expect, it } from 'vitest';
import { simplify } from '../../src/compile/simplify.js';
import { constantOp } from '../../src/graph/node.js';
import { constant, placeholder, type Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, nodeNamed, opNames, passesUpTo, runPasses } from './harness.js';

const only = passesUpTo('simplify');

function simplified(build: (x: Tensor, n: Tensor) => readonly Tensor[]): string[] {
  const feeder = new Feeder();
  const x = feeder.input({ shape: [3, 4] });
  const n = feeder.input({ shape: [3, 4], dtype: 'int32' }, { low: -9, high: 9 });
  return opNames(runPasses(graphOf(build(x, n)), feeder.feeds, only));
}

describe('simplify', () => {
  it('makes one of equal nodes', () => {
    expect(simplified((x) => [ops.add(ops.exp(x), ops.exp(x))])).toEqual(['exp', 'add']);
  });

  it('keeps nodes apart whose parameters differ', () => {
    expect(simplified((x) => [ops.sum(x, { axis: 0 }), ops.sum(x, { axis: 1 })])).toEqual(['sum', 'sum']);
    expect(simplified((x) => [-0, 0].map((low) => ops.maximum(x, low)))).toEqual(['maximum', 'maximum']);
  });

  it.each<[string, (x: Tensor, n: Tensor) => Tensor]>([
    ['x + 0', (x) => ops.add(x, 0)],
    ['0 + x', (x) => ops.add(0, x)],
    ['x - 0', (x) => ops.subtract(x, 0)],
    ['x * 1', (x) => ops.multiply(x, 1)],
    ['1 * x', (x) => ops.multiply(1, x)],
    ['x / 1', (x) => ops.divide(x, 1)],
    ['x ** 1', (x) => ops.power(x, 1)],
    ['x times broadcast ones', (x) => ops.multiply(x, ops.ones([4]))],
    ['n + 0', (_x, n) => ops.add(n, 0)],
    ['reshape to the same', (x) => ops.reshape(ops.reshape(x, [3, 4]), [3, 4])],
    ['transpose to the same', (x) => ops.transpose(x, [0, 1])],
    ['cast to the same', (x) => ops.cast(x, 'float32')],
  ])('drops %s', (_name, build) => {
    expect(simplified((x, n) => [build(x, n)])).toEqual([]);
  });

  it('keeps what only looks like nothing', () => {
    // The result is larger than x.
    expect(simplified((x) => [ops.add(ops.slice(x, [0, 0], [1, 4]), ops.zeros([3, 4]))])).toContain('add');
    expect(simplified((x) => [ops.subtract(0, x)])).toEqual(['subtract']);
    expect(simplified((x) => [ops.multiply(x, 0)])).toEqual(['multiply']);
  });

  it('computes constants, rounded as they would have been stored', () => {
    const y = ops.divide(constant([1], [], 'float32'), constant([3], [], 'float32'));
    const graph = simplify(graphOf([y]));
    expect(graph.outputs[0]?.node.op).toBe(constantOp);
    expect(graph.outputs[0]?.node.params).toMatchObject({ values: [Math.fround(1 / 3)] });
    const wrapped = simplify(graphOf([ops.add(constant([200], [], 'uint8'), constant([100], [], 'uint8'))]));
    expect(wrapped.outputs[0]?.node.params).toMatchObject({ values: [44] });
  });

  it('leaves large constants and random numbers to the engine', () => {
    const key = ops.randomKey(3);
    const graph = simplify(graphOf([ops.randomUniform([2], key), ops.range(65)]));
    expect(opNames(graph)).toEqual(['randomUniform', 'range']);
  });

  it('merges across outputs and updates', () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [4] });
    const graph = graphOf([ops.exp(w)], [[w, ops.exp(w)]]);
    const after = runPasses(graph, feeder.feeds, only);
    expect(opNames(after)).toEqual(['exp']);
    expect(after.updates[0]?.value.node).toBe(nodeNamed(after, 'exp'));
  });

  it('does not merge two arguments', () => {
    const [a, b] = [placeholder({ shape: [2], dtype: 'float32' }), placeholder({ shape: [2], dtype: 'float32' })];
    expect(opNames(simplify(graphOf([ops.exp(a), ops.exp(b)])))).toEqual(['exp', 'exp']);
  });
});
