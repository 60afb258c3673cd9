import { describe, expect, it } from 'vitest';
import { type FusedParams, fusePointwise } from '../../src/compile/fuse-pointwise.js';
import type { Graph } from '../../src/compile/graph.js';
import { nodesOf } from '../../src/compile/graph.js';
import { constant, type Tensor, whileTracing } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { processorTime } from '../processor-time.js';
import { Feeder, graphOf, nodeNamed, opNames, passesUpTo, runPasses } from './harness.js';

const passes = passesUpTo('fusePointwise');

function fused(graph: Graph): FusedParams[] {
  return nodesOf(graph).flatMap(({ op, params }) => (op.name === 'fused' ? [params as FusedParams] : []));
}

describe('fusePointwise', () => {
  it('makes one kernel of a chain, constants inside', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [3, 4] });
    const after = runPasses(graphOf([ops.tanh(ops.add(ops.multiply(ops.square(x), 3), 1))]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['fused']);
    expect(nodeNamed(after, 'fused').inputs.length).toBe(1);
  });

  it("makes one kernel with three outputs of Adam's update", () => {
    const feeder = new Feeder();
    const shape = [7, 5];
    const [w, m, v] = [1, 2, 3].map(() => feeder.variable({ shape }, { low: 0.1, high: 1 })) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const g = feeder.input({ shape });
    const rate = feeder.variable({});
    const nextM = ops.add(ops.multiply(m, 0.9), ops.multiply(g, 0.1));
    const nextV = ops.add(ops.multiply(v, 0.999), ops.multiply(ops.square(g), 0.001));
    const nextW = ops.subtract(w, ops.divide(ops.multiply(nextM, rate), ops.add(ops.sqrt(nextV), 1e-7)));
    const after = runPasses(
      graphOf(
        [],
        [
          [m, nextM],
          [v, nextV],
          [w, nextW],
        ],
      ),
      feeder.feeds,
      passes,
    );
    expect(opNames(after)).toEqual(['fused']);
    expect(fused(after)[0]?.outputs.length).toBe(3);
  });

  it('computes what one later kernel wants there, from what is stored anyway', () => {
    const feeder = new Feeder();
    const [x, scale] = [feeder.input({ shape: [4, 6] }), feeder.input({ shape: [6] })];
    const y = ops.exp(x);
    const scaled = ops.multiply(y, scale);
    const z = ops.square(ops.subtract(scaled, ops.sum(y, { axis: 0 })));
    const after = runPasses(graphOf([z]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['fused', 'sum', 'fused']);
    expect(fused(after).map(({ steps, outputs }) => [steps.length, outputs.length])).toEqual([
      [1, 1],
      [3, 1],
    ]);
  });

  it('stores a result whose making needs more of what is stored than it is', () => {
    const feeder = new Feeder();
    const [x, w] = [feeder.input({ shape: [4, 6] }), feeder.input({ shape: [4, 6] })];
    const y = ops.exp(x);
    const product = ops.multiply(y, w);
    const z = ops.subtract(product, ops.sum(y, { axis: 0 }));
    const after = runPasses(graphOf([z]), feeder.feeds, passes);
    expect(fused(after).map(({ outputs }) => outputs.length)).toEqual([2, 1]);
  });

  it('writes only what is wanted outside', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [6] });
    const y = ops.exp(x);
    const z = ops.add(ops.sin(y), y);
    const after = runPasses(graphOf([z, y]), feeder.feeds, passes);
    expect(fused(after).map(({ outputs }) => outputs.length)).toEqual([2]);
  });

  it('does not close a circle through another kernel', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [4, 4] });
    const y = ops.exp(x);
    // y reaches the sum directly and through the softmax: one kernel would have to wait for itself.
    const z = ops.add(y, ops.softmax(y));
    const after = runPasses(graphOf([z]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['fused', 'softmax', 'fused']);
  });

  it('does not close a circle through kernels that join later', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [4, 4] });
    const a = ops.exp(x);
    const b = ops.sin(ops.matmul(a, a));
    const c = ops.add(a, 1);
    const d = ops.multiply(c, ops.matmul(b, b));
    runPasses(graphOf([ops.add(d, b), c]), feeder.feeds, passes);
  });

  it('joins broadcast operands, keeps other shapes apart', () => {
    const feeder = new Feeder();
    const [x, row] = [feeder.input({ shape: [3, 4] }), feeder.input({ shape: [4] })];
    const after = runPasses(graphOf([ops.add(ops.exp(x), ops.exp(row))]), feeder.feeds, passes);
    expect(
      fused(after)
        .map(({ types }) => types[0]?.shape)
        .sort(),
    ).toEqual([[3, 4], [4]]);
  });

  it('rounds a 16-bit value where another op reads it', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [9], dtype: 'bfloat16' });
    const y = ops.exp(x);
    const wide = ops.cast(y, 'float32');
    const after = runPasses(
      graphOf([ops.add(ops.cast(x, 'float32'), wide), ops.multiply(wide, ops.cast(y, 'float32'))]),
      feeder.feeds,
      passes,
    );
    for (const { steps } of fused(after)) {
      steps.forEach(({ inputs }) => {
        for (const input of inputs) {
          if (input.from === 'step') expect(steps[input.index]?.node.types[0]?.dtype).not.toBe('bfloat16');
        }
      });
    }
  });

  it('reads a random key from memory, never from the same kernel', () => {
    const feeder = new Feeder();
    const key = feeder.variable({ shape: [4], dtype: 'int32' }, { values: [1, 2, 3, 0] });
    const next = ops.add(key, constant([0, 0, 1, 0], [4], 'int32'));
    const y = ops.add(ops.randomUniform([4], next), ops.cast(next, 'float32'));
    const after = runPasses(graphOf([y], [[key, next]]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['fused', 'fused']);
  });

  it.each([23, 24, 25, 80])('splits a kernel of %i inputs at the limit of its operands', (count) => {
    const feeder = new Feeder();
    const xs = Array.from({ length: count }, () => feeder.input({ shape: [5] }));
    const total = xs.reduce((sum, x) => ops.add(sum, x));
    const after = runPasses(graphOf([total]), feeder.feeds, passes);
    for (const node of nodesOf(after))
      if (node.op.name === 'fused') expect(node.inputs.length + node.types.length).toBeLessThanOrEqual(24);
    expect(opNames(after).length).toBe(count <= 23 ? 1 : Math.ceil((count - 1) / 22));
  });

  it('splits a kernel whose every step is an output', () => {
    const feeder = new Feeder();
    let x = feeder.input({ shape: [5] });
    const outputs = Array.from({ length: 70 }, (_, i) => (x = ops.add(ops.multiply(x, 0.5), i)));
    const after = runPasses(graphOf(outputs), feeder.feeds, passes);
    for (const { outputs: written } of fused(after)) expect(written.length).toBeLessThanOrEqual(24);
  });

  it('splits a long chain, and quickly', () => {
    const feeder = new Feeder();
    let x = feeder.input({ shape: [3] });
    whileTracing(() => {
      for (let i = 0; i < 20_000; i++) x = ops.multiply(ops.add(x, 1), 0.5);
    });
    const started = processorTime();
    const after = fusePointwise(graphOf([x]));
    expect(processorTime() - started).toBeLessThan(5000);
    expect(fused(after).length).toBeLessThan(500);
  });
});
