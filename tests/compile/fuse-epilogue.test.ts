import { describe, expect, it } from 'vitest';
import { nodesOf } from '../../src/compile/graph.js';
import type { Epilogue } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, nodeNamed, opNames, passesUpTo, runPasses } from './harness.js';

const passes = passesUpTo('fuseEpilogue');

function conv(feeder: Feeder): Tensor {
  const x = feeder.input({ shape: [2, 5, 5, 3] });
  return ops.conv2d(x, feeder.variable({ shape: [3, 3, 3, 4] }), { padding: 'same' });
}

function epilogue(after: ReturnType<typeof runPasses>, name = 'conv2d'): Epilogue | undefined {
  return (nodeNamed(after, name).params as { epilogue?: Epilogue }).epilogue;
}

describe('fuseEpilogue', () => {
  it('makes one node of convolution, bias and relu', () => {
    const feeder = new Feeder();
    const y = ops.relu(ops.add(conv(feeder), feeder.variable({ shape: [4] })));
    const after = runPasses(graphOf([y]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['conv2d']);
    expect(epilogue(after)).toEqual({ bias: 2, activation: 'relu', alpha: 0 });
  });

  it('makes one node of convolution, batch norm, residual and relu', () => {
    const feeder = new Feeder();
    const residual = feeder.input({ shape: [2, 5, 5, 4] });
    const shape = [4];
    const normal = ops.batchNorm(conv(feeder), {
      mean: feeder.variable({ shape }),
      variance: feeder.variable({ shape }, { low: 0.5, high: 2 }),
      gamma: feeder.variable({ shape }),
      beta: feeder.variable({ shape }),
    });
    const after = runPasses(graphOf([ops.relu(ops.add(residual, normal))]), feeder.feeds, passes);
    expect(after.outputs[0]?.node.op.name).toBe('conv2d');
    expect(epilogue(after)).toMatchObject({ bias: 2, residual: 3, activation: 'relu' });
  });

  it.each<[string, (x: Tensor) => Tensor, number]>([
    ['relu', ops.relu, 0],
    ['relu6', ops.relu6, 0],
    ['leakyRelu', (x) => ops.leakyRelu(x, 0.125), 0.125],
    ['sigmoid', ops.sigmoid, 0],
    ['tanh', ops.tanh, 0],
    ['silu', ops.silu, 0],
  ])('takes in %s', (name, activation, alpha) => {
    const feeder = new Feeder();
    const y = ops.matmul(feeder.input({ shape: [3, 4] }), feeder.variable({ shape: [4, 5] }));
    const after = runPasses(graphOf([activation(y)]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['matmul']);
    expect(epilogue(after, 'matmul')).toEqual({ activation: name, alpha });
  });

  it.each<[string, (feeder: Feeder, y: Tensor) => readonly Tensor[]]>([
    ['a value that is wanted before its activation', (_feeder, y) => [ops.relu(y), y]],
    ['a value added to itself', (_feeder, y) => [ops.add(y, y)]],
    ['a bias per row', (feeder, y) => [ops.add(y, feeder.variable({ shape: [2, 1, 1, 1] }))]],
    ['a sum that is larger', (feeder, y) => [ops.add(y, feeder.variable({ shape: [3, 2, 5, 5, 4] }))]],
    ['a residual that comes from the value', (_feeder, y) => [ops.add(y, ops.exp(y))]],
  ])('leaves alone %s', (_name, build) => {
    const feeder = new Feeder();
    const after = runPasses(graphOf(build(feeder, conv(feeder))), feeder.feeds, passes);
    expect(epilogue(after)).toBeUndefined();
  });

  it('adds nothing behind an activation', () => {
    const feeder = new Feeder();
    const y = ops.relu(ops.add(ops.relu(conv(feeder)), feeder.variable({ shape: [4] })));
    const after = runPasses(graphOf([y]), feeder.feeds, passes);
    expect(epilogue(after)).toEqual({ activation: 'relu', alpha: 0 });
    expect(opNames(after)).toEqual(['conv2d', 'add', 'relu']);
  });

  it('takes one bias and one residual, and leaves the rest', () => {
    const feeder = new Feeder();
    const [r, s] = [feeder.input({ shape: [2, 5, 5, 4] }), feeder.input({ shape: [2, 5, 5, 4] })];
    const [b, c] = [feeder.variable({ shape: [4] }), feeder.variable({ shape: [4] })];
    const y = ops.add(ops.add(ops.add(ops.add(conv(feeder), r), b), s), c);
    const after = runPasses(graphOf([y]), feeder.feeds, passes);
    expect(epilogue(after)).toMatchObject({ bias: 3, residual: 2 });
    expect(opNames(after)).toEqual(['conv2d', 'add', 'add']);
  });

  it('adds a second bias to the first, with a residual between them too', () => {
    for (const hasResidual of [false, true]) {
      const feeder = new Feeder();
      const [b, c] = [feeder.variable({ shape: [4] }), feeder.variable({ shape: [1, 1, 4] })];
      const biased = ops.add(conv(feeder), b);
      const between = hasResidual ? ops.add(biased, feeder.input({ shape: [2, 5, 5, 4] })) : biased;
      const after = runPasses(graphOf([ops.relu(ops.add(between, c))]), feeder.feeds, passes);
      expect(epilogue(after)).toMatchObject({ bias: 2, activation: 'relu' });
      const sizes = nodesOf(after).flatMap(({ op, types }) => (op.name === 'add' ? [types[0]?.shape] : []));
      expect(sizes).toEqual([[4]]);
    }
  });

  it('gives two convolutions that meet one residual', () => {
    const feeder = new Feeder();
    const after = runPasses(graphOf([ops.add(conv(feeder), conv(feeder))]), feeder.feeds, passes);
    expect(opNames(after)).toEqual(['conv2d', 'conv2d']);
  });
});
