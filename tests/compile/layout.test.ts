import { describe, expect, it } from 'vitest';
import { insertCopies, isDense, isWhole, Placements } from '../../src/compile/layout.js';
import { constant, type Tensor, whileTracing } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, opNames, runPasses } from './harness.js';

const copiesOf = (names: readonly string[]): number => names.filter((name) => name === 'copy').length;

function compiled(
  feeder: Feeder,
  outputs: readonly Tensor[],
  updates: readonly (readonly [Tensor, Tensor])[] = [],
): string[] {
  return opNames(runPasses(graphOf(outputs, updates), feeder.feeds));
}

describe('placements', () => {
  it('follow views to the value they look at', () => {
    const x = new Feeder().input({ shape: [4, 6] });
    const y = ops.slice(ops.transpose(x), [1, 2], [3, 2]);
    const { root, layout } = new Placements().of(y);
    expect(root).toEqual(x);
    expect(layout).toEqual({ offset: 13, shape: [3, 2], strides: [1, 6] });
  });

  it('follow a hundred thousand views', () => {
    const x = new Feeder().input({ shape: [2, 3] });
    let y = x;
    whileTracing(() => {
      for (let i = 0; i < 100_000; i++) y = ops.transpose(y);
    });
    expect(isWhole(new Placements().of(y))).toBe(true);
  });

  it('know what lies side by side', () => {
    expect(isDense({ offset: 3, shape: [2, 1, 3], strides: [3, 99, 1] })).toBe(true);
    expect(isDense({ offset: 0, shape: [2, 3], strides: [1, 2] })).toBe(false);
    expect(isDense({ offset: 0, shape: [0, 3], strides: [7, 7] })).toBe(true);
  });
});

describe('insertCopies', () => {
  it('lets pointwise kernels and reductions read views', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [4, 6] });
    expect(copiesOf(compiled(feeder, [ops.exp(ops.transpose(x)), ops.sum(ops.flip(x, 0), { axis: 1 })]))).toBe(0);
  });

  it('copies once what several kernels need side by side', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [4, 4] });
    const turned = ops.transpose(x);
    expect(copiesOf(compiled(feeder, [ops.softmax(turned), ops.matmul(turned, turned)]))).toBe(1);
  });

  it('copies what cannot be reshaped as it lies', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [4, 6] });
    expect(copiesOf(compiled(feeder, [ops.exp(ops.reshape(ops.transpose(x), [24]))]))).toBe(1);
    expect(copiesOf(compiled(feeder, [ops.exp(ops.reshape(x, [24]))]))).toBe(0);
  });

  it('gives every output memory of its own', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [2, 3] });
    const y = ops.exp(x);
    // The argument itself, a constant, a value twice, and a view of it.
    const names = compiled(feeder, [x, constant([1, 2], [2], 'float32'), y, y, ops.reshape(y, [6]), ops.transpose(y)]);
    expect(copiesOf(names)).toBe(5);
  });

  it('sets aside a variable that another one takes while it is overwritten', () => {
    const feeder = new Feeder();
    const [a, b] = [feeder.variable({ shape: [3] }), feeder.variable({ shape: [3] })];
    expect(
      compiled(
        feeder,
        [],
        [
          [a, b],
          [b, a],
        ],
      ),
    ).toEqual(['copy', 'copy']);
    expect(compiled(feeder, [], [[a, b]])).toEqual([]);
  });

  it('drops an update of a variable to itself', () => {
    const feeder = new Feeder();
    const a = feeder.variable({ shape: [3] });
    expect(insertCopies(graphOf([], [[a, a]])).updates).toEqual([]);
  });

  it('copies a random key that does not lie side by side', () => {
    const feeder = new Feeder();
    const keys = feeder.input({ shape: [4, 2], dtype: 'int32' }, { values: [1, 9, 2, 8, 3, 7, 0, 0] });
    const key = ops.reshape(ops.slice(ops.transpose(keys), [1, 0], [1, 4]), [4]);
    expect(copiesOf(compiled(feeder, [ops.randomUniform([5], key)]))).toBe(1);
  });
});
