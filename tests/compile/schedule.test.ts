import { describe, expect, it } from 'vitest';
import { fusePointwise } from '../../src/compile/fuse-pointwise.js';
import { type Graph, nodesOf } from '../../src/compile/graph.js';
import { insertCopies, Placements } from '../../src/compile/layout.js';
import { schedule } from '../../src/compile/schedule.js';
import type { Node } from '../../src/graph/node.js';
import * as ops from '../../src/ops/index.js';
import { SEED } from '../ops/numeric.js';
import { Feeder, graphOf } from './harness.js';
import { randomGraph } from './random-graph.js';

function ordered(graph: Graph): { order: Node[]; placements: Placements; graph: Graph } {
  const ready = insertCopies(fusePointwise(graph));
  const placements = new Placements();
  return { order: schedule(ready, placements), placements, graph: ready };
}

describe('schedule', () => {
  it('runs each node once, after what it reads', () => {
    for (let seed = SEED; seed < SEED + 100; seed++) {
      const { order, placements, graph } = ordered(randomGraph(seed).graph);
      expect(new Set(order).size).toBe(order.length);
      const at = new Map(order.map((node, i) => [node, i]));
      for (const node of nodesOf(graph)) {
        const mine = at.get(node);
        if (mine === undefined) continue;
        for (const input of node.inputs) {
          const read = at.get(placements.of(input).root.node);
          if (read !== undefined) expect(read, `seed ${seed}`).toBeLessThan(mine);
        }
      }
    }
  });

  it('updates a variable after its other readers, and as soon as that', () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [4, 4] });
    const next = ops.multiply(w, 0.5);
    const read = ops.softmax(w);
    const later = Array.from({ length: 5 }, (_, i) => ops.softmax(feeder.input({ shape: [i + 1] })));
    const { order } = ordered(graphOf([...later, read], [[w, next]]));
    const names = order.map(({ op, inputs }) => `${op.name}${inputs[0]?.node === w.node ? ' of w' : ''}`);
    expect(names.indexOf('fused of w')).toBe(names.indexOf('softmax of w') + 1);
  });

  it('does not wait for readers that need the new value', () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [4] });
    const next = ops.softmax(w);
    const { order } = ordered(graphOf([ops.multiply(ops.softmax(next), w)], [[w, next]]));
    expect(order.length).toBe(3);
  });

  it('keeps the order of the program', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [3, 3] });
    const nodes = [ops.softmax(x), ops.matmul(x, x), ops.sum(x)];
    expect(ordered(graphOf(nodes.toReversed())).order.map(({ id }) => id)).toEqual(nodes.map(({ node }) => node.id));
  });
});
