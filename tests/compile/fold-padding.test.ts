import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import type { Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, nodeNamed, opNames, passesUpTo, runPasses } from './harness.js';

const passes = passesUpTo('foldPadding');

/** Zeros above, below, left and right of pictures. */
const around = (x: Tensor, top: number, bottom: number, left: number, right: number, value = 0): Tensor =>
  ops.pad(
    x,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    { value },
  );

const paddingOf = (y: Tensor | undefined): unknown => (y?.node.params as { padding?: unknown } | undefined)?.padding;

describe('foldPadding', () => {
  it('gives convolutions the zeros around their picture, beside those of their own', () => {
    const feeder = new Feeder();
    const x = around(feeder.input({ shape: [2, 6, 8, 4] }), 0, 1, 2, 3);
    const full = ops.conv2d(x, feeder.variable({ shape: [3, 3, 4, 5] }), { strides: 2 });
    const deep = ops.depthwiseConv2d(x, feeder.variable({ shape: [3, 3, 4, 1] }), {
      padding: [
        [1, 0],
        [0, 1],
      ],
    });
    const after = runPasses(graphOf([full, deep]), feeder.feeds, passes);
    expect(opNames(after)).not.toContain('pad');
    expect(paddingOf(after.outputs[0])).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(paddingOf(after.outputs[1])).toEqual([
      [1, 1],
      [2, 4],
    ]);
  });

  it('leaves no larger picture in the gradients either', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [2, 6, 7, 3] });
    const filter = feeder.variable({ shape: [3, 3, 3, 4] });
    const y = ops.sum(ops.square(ops.conv2d(around(x, 0, 1, 0, 1), filter, { strides: 2 })));
    const after = runPasses(graphOf(gradients(y, [x, filter])), feeder.feeds, passes);
    expect(opNames(after)).not.toContain('pad');
    expect(opNames(after)).not.toContain('slice');
    expect(nodeNamed(after, 'conv2dInputGradient').types[0]?.shape).toEqual([2, 6, 7, 3]);
  });

  it('gives them to a maximum only behind a function that is never negative, and only without its gradient', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [1, 6, 6, 3] });
    const pool = (from: Tensor): Tensor => ops.maxPool2d(around(from, 1, 1, 1, 1), { poolSize: 3, strides: 2 });
    expect(opNames(runPasses(graphOf([pool(ops.relu(x))]), feeder.feeds, passes))).not.toContain('pad');
    expect(opNames(runPasses(graphOf([pool(x)]), feeder.feeds, passes))).toContain('pad');
    const [dx] = gradients(ops.sum(pool(ops.relu(x))), [x]) as [Tensor];
    expect(opNames(runPasses(graphOf([dx]), feeder.feeds, passes))).toContain('pad');
  });

  it('keeps what is not zeros around a picture', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [1, 5, 5, 2] });
    const filter = feeder.variable({ shape: [3, 3, 2, 2] });
    const wide = ops.pad(x, [
      [1, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    for (const padded of [around(x, 1, 1, 1, 1, 2), wide]) {
      expect(opNames(runPasses(graphOf([ops.conv2d(padded, filter)]), feeder.feeds, passes))).toContain('pad');
    }
    // All of a pool's window could lie on the zeros.
    const far = ops.maxPool2d(around(ops.relu(x), 2, 2, 2, 2), { poolSize: 2 });
    expect(opNames(runPasses(graphOf([far]), feeder.feeds, passes))).toContain('pad');
  });
});
