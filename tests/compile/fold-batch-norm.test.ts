import { describe, expect, it } from 'vitest';
import { constant, type Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, nodeNamed, opNames, passesUpTo, runPasses } from './harness.js';

const passes = passesUpTo('foldBatchNorm');

function statistics(feeder: Feeder, channels: number) {
  const shape = [channels];
  return {
    mean: feeder.variable({ shape }),
    variance: feeder.variable({ shape }, { low: 0.5, high: 2 }),
    gamma: feeder.variable({ shape }),
    beta: feeder.variable({ shape }),
  };
}

/** What multiplies the filter; undefined where nothing does. */
function scaleOf(filter: Tensor | undefined): Tensor | undefined {
  return filter?.node.op.name === 'multiply' ? filter.node.inputs[1] : undefined;
}

describe('foldBatchNorm', () => {
  it.each([false, true])('moves the scale into a convolution and its shift into the bias (bias: %s)', (hasBias) => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [2, 6, 6, 3] });
    const w = feeder.variable({ shape: [3, 3, 3, 4] });
    const bias = feeder.variable({ shape: [4] });
    const y = ops.conv2d(x, w, { padding: 'same' });
    const normal = ops.batchNorm(hasBias ? ops.add(y, bias) : y, statistics(feeder, 4));
    const after = runPasses(graphOf([normal]), feeder.feeds, passes);
    const conv = nodeNamed(after, 'conv2d');
    expect(scaleOf(conv.inputs[1])?.shape).toEqual([4]);
    // Nothing of the picture's size is multiplied any more.
    for (const name of opNames(after))
      expect(['multiply', 'conv2d', 'add', 'subtract', 'rsqrt', 'reshape', 'negative']).toContain(name);
    const stack = [...after.outputs];
    for (let each = stack.pop(); each !== undefined; each = stack.pop()) {
      if (each.node.op.name === 'multiply')
        expect(each.shape.length === 1 || (each.shape.length === 4 && each.size === w.size)).toBe(true);
      stack.push(...each.node.inputs);
    }
  });

  it('works behind a dense layer and a depthwise convolution', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [9, 3] });
    const dense = ops.multiply(ops.matmul(x, feeder.variable({ shape: [3, 5] })), feeder.variable({ shape: [5] }));
    expect(scaleOf(nodeNamed(runPasses(graphOf([dense]), feeder.feeds, passes), 'matmul').inputs[1])).toBeDefined();
    const picture = feeder.input({ shape: [1, 5, 5, 4] });
    const deep = ops.depthwiseConv2d(picture, feeder.variable({ shape: [3, 3, 4, 1] }));
    runPasses(graphOf([ops.batchNorm(deep, statistics(feeder, 4))]), feeder.feeds, passes);
  });

  it('folds one scale after another', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [9, 3] });
    const [s, b, t] = [1, 2, 3].map(() => feeder.variable({ shape: [5] })) as [Tensor, Tensor, Tensor];
    const y = ops.multiply(ops.add(ops.multiply(ops.matmul(x, feeder.variable({ shape: [3, 5] })), s), b), t);
    const after = runPasses(graphOf([y]), feeder.feeds, passes);
    expect(after.outputs[0]?.node.op.name).toBe('add');
  });

  it.each<[string, (feeder: Feeder, y: Tensor) => readonly Tensor[]]>([
    ['a scale that comes from an argument', (feeder, y) => [ops.multiply(y, feeder.input({ shape: [5] }))]],
    ['a scale per row', (feeder, y) => [ops.multiply(y, feeder.variable({ shape: [9, 1] }))]],
    ['a single number', (feeder, y) => [ops.multiply(y, feeder.variable({}))]],
    ['a value that others use', (feeder, y) => [ops.multiply(y, feeder.variable({ shape: [5] })), y]],
    ['constants', (_feeder, y) => [ops.multiply(y, constant([1, 2, 3, 4, 5], [5], 'float32'))]],
  ])('leaves alone %s', (_name, build) => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [3, 5] });
    const y = ops.matmul(feeder.input({ shape: [9, 3] }), w);
    const after = runPasses(graphOf(build(feeder, y)), feeder.feeds, passes);
    expect(nodeNamed(after, 'matmul').inputs[1]?.node).toBe(w.node);
  });

  it('leaves a filter alone that outnumbers the results', () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [64, 5] });
    const y = ops.multiply(ops.matmul(feeder.input({ shape: [2, 64] }), w), feeder.variable({ shape: [5] }));
    expect(nodeNamed(runPasses(graphOf([y]), feeder.feeds, passes), 'matmul').inputs[1]?.node).toBe(w.node);
  });

  it('leaves a transposed product alone', () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [5, 3] });
    const y = ops.matmul(feeder.input({ shape: [9, 3] }), w, { transposeB: true });
    runPasses(graphOf([ops.multiply(y, feeder.variable({ shape: [5] }))]), feeder.feeds, passes);
  });
});
