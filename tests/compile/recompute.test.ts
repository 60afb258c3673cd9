import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { emit } from '../../src/compile/emit.js';
import { verifyGraph } from '../../src/compile/graph.js';
import { PASSES } from '../../src/compile/optimize.js';
import { recompute } from '../../src/compile/recompute.js';
import * as ops from '../../src/ops/index.js';
import { Feeder, graphOf, interpretGraph, opNames } from './harness.js';

/** Pictures of 1 MB through convolutions, each with a scale per channel and an activation; gradients of all filters. */
function deep(feeder: Feeder, count: number, isScaled = true) {
  const filters = Array.from({ length: count }, () =>
    feeder.variable({ shape: [1, 1, 4, 4] }, { low: -0.5, high: 0.5 }),
  );
  let x = feeder.input({ shape: [1, 256, 256, 4] });
  for (const filter of filters) {
    const y = ops.conv2d(x, filter);
    // Its gradient reads y, as a batch norm's does.
    const scale = isScaled ? ops.rsqrt(ops.add(ops.mean(ops.square(y), { axis: [0, 1, 2] }), 1)) : undefined;
    x = scale === undefined ? ops.relu(y) : ops.silu(ops.multiply(y, scale));
  }
  return graphOf(gradients(ops.mean(x), filters));
}

describe('recompute', () => {
  it('computes activations again for the backward pass, with the same result', () => {
    const feeder = new Feeder();
    const before = deep(feeder, 4);
    const after = recompute(before);
    verifyGraph(after);
    const count = (names: readonly string[]): number => names.filter((name) => name === 'silu').length;
    expect(count(opNames(after))).toBeGreaterThan(count(opNames(before)));
    expect(interpretGraph(after, feeder.feeds)).toEqual(interpretGraph(before, feeder.feeds));
  });

  it('needs less memory', () => {
    const graph = deep(new Feeder(), 20);
    const bytes = (chosen: typeof PASSES): number => {
      const optimized = chosen.reduce((current, { run }) => run(current, {}), graph);
      return emit(optimized).workspaceBytes;
    };
    expect(bytes(PASSES)).toBeLessThan(0.75 * bytes(PASSES.filter(({ name }) => name !== 'recompute')));
  });

  it('leaves alone what an epilogue computes, small values, and what nobody waits for', () => {
    const feeder = new Feeder();
    const plain = deep(feeder, 3, false);
    const shallow = deep(feeder, 1);
    for (const graph of [plain, shallow]) expect(recompute(graph)).toBe(graph);
    const x = feeder.input({ shape: [8, 8] });
    const small = graphOf(gradients(ops.sum(ops.exp(ops.silu(x))), [x]));
    expect(recompute(small)).toBe(small);
    expect(interpretGraph(small, feeder.feeds)).toHaveLength(1);
  });
});
