import { describe, expect, it } from 'vitest';
import type { Dtype } from '../../src/core/dtype.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, opNames, passesUpTo, runPasses } from './harness.js';

describe.each<Dtype>(['float16', 'bfloat16'])('widen, %s', (dtype) => {
  it('puts casts around a matmul whose kernel does not know the dtype', () => {
    const feeder = new Feeder();
    const a = feeder.input({ shape: [3, 4], dtype });
    const b = feeder.input({ shape: [4, 5], dtype });
    const after = runPasses(graphOf([ops.matmul(a, b)]), feeder.feeds, passesUpTo('widen'));
    expect(opNames(after)).toEqual(dtype === 'bfloat16' ? ['matmul'] : ['cast', 'cast', 'matmul', 'cast']);
    expect(after.outputs[0]?.dtype).toBe(dtype);
  });

  it('leaves pointwise ops, views and reductions as they are', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [3, 4], dtype });
    const y = ops.sum(ops.transpose(ops.add(x, x)), { axis: 0 });
    const after = runPasses(graphOf([y]), feeder.feeds, passesUpTo('widen'));
    expect(opNames(after)).not.toContain('cast');
  });

  it('runs what it adds where the widened node stood', () => {
    const feeder = new Feeder();
    const a = feeder.input({ shape: [4, 4], dtype });
    const first = ops.matmul(a, a);
    const second = ops.softmax(first);
    const third = ops.exp(second);
    const after = runPasses(graphOf([third]), feeder.feeds, passesUpTo('widen'));
    for (const { node } of after.outputs) expect(node.id).toBe(third.node.id);
    const ids = new Set([first, second, third].map(({ node }) => node.id));
    const stack = [...after.outputs];
    for (let x = stack.pop(); x !== undefined; x = stack.pop()) {
      if (x.node === a.node) continue;
      expect(ids).toContain(x.node.id);
      stack.push(...x.node.inputs);
    }
  });
});

it('leaves a bfloat16 pool and its gradient as they are, not a float16 one', () => {
  const opsOf = (dtype: Dtype): string[] => {
    const feeder = new Feeder();
    const y = ops.maxPool2d(feeder.input({ shape: [1, 4, 4, 3], dtype }));
    return opNames(runPasses(graphOf([y]), feeder.feeds, passesUpTo('widen')));
  };
  expect(opsOf('bfloat16')).toEqual(['maxPool']);
  expect(opsOf('float16')).toEqual(['cast', 'maxPool', 'cast']);
});
