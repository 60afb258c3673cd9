// The order in which nodes run. Program order (node ids) is kept where it can be, since a trace is written
// in a good one; updates of variables run as early as their readers allow, which frees gradients soon. Gradients that
// are larger than what they are made of wait for the end, when what the others need is gone.
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import type { Node } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import type { Graph } from './graph.js';
import { computedNodes, type Placements } from './layout.js';

/** The computed nodes, each after what it reads, updates after the other readers of their target where possible. */
export function schedule(graph: Graph, placements: Placements): Node[] {
  const nodes = computedNodes(graph);
  const computed = new Set(nodes);
  const needs = new Map<Node, Set<Node>>(nodes.map((node) => [node, new Set<Node>()]));
  const users = new Map<Node, Set<Node>>(nodes.map((node) => [node, new Set<Node>()]));
  const order = (first: Node, second: Node): void => {
    needs.get(second)?.add(first);
    users.get(first)?.add(second);
  };
  const readers = new Map<Node, Set<Node>>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const root = placements.of(input).root.node;
      if (computed.has(root)) order(root, node);
      else readers.set(root, (readers.get(root) ?? new Set()).add(node));
    }
  }
  const writers = new Set<Node>();
  for (const { target, value } of graph.updates) {
    const writer = placements.of(value).root.node;
    if (!computed.has(writer)) continue;
    const others = new Set(readers.get(target));
    others.delete(writer);
    // A reader that needs the new value too cannot come first: the planner will copy instead.
    if (others.size > 0 && leadsTo(writer, others, users)) continue;
    for (const reader of others) order(reader, writer);
    writers.add(writer);
  }
  const isLate = (node: Node): boolean => growsForWriters(node, users.get(node) ?? new Set(), writers);
  return runInOrder(nodes, needs, users, { writers, late: new Set(nodes.filter(isLate)) });
}

const bytesOf = ({ shape, dtype }: TensorType): number => sizeOf(shape) * bytesPerElement(dtype);

/** Whether only updates read what a node gives, and that is more than what it reads. */
function growsForWriters(node: Node, users: ReadonlySet<Node>, writers: ReadonlySet<Node>): boolean {
  if (users.size === 0 || writers.has(node)) return false;
  for (const user of users) if (!writers.has(user)) return false;
  const taken = node.inputs.reduce((sum, input) => sum + bytesOf(input), 0);
  return node.types.reduce((sum, type) => sum + bytesOf(type), 0) > taken;
}

/** Nodes that run earlier or later than their place in the program. */
interface Preferences {
  readonly writers: ReadonlySet<Node>;
  readonly late: ReadonlySet<Node>;
}

/** Whether any of `to` needs `from`. Searched forwards: little comes after an update, much before it. */
function leadsTo(from: Node, to: ReadonlySet<Node>, users: ReadonlyMap<Node, ReadonlySet<Node>>): boolean {
  const seen = new Set<Node>([from]);
  const stack = [from];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const user of users.get(node) ?? []) {
      if (to.has(user)) return true;
      if (seen.has(user)) continue;
      seen.add(user);
      stack.push(user);
    }
  }
  return false;
}

/** Kahn's algorithm; among ready nodes writers first, late ones last, then the oldest. */
function runInOrder(
  nodes: readonly Node[],
  needs: ReadonlyMap<Node, ReadonlySet<Node>>,
  users: ReadonlyMap<Node, ReadonlySet<Node>>,
  { writers, late }: Preferences,
): Node[] {
  const missing = new Map(nodes.map((node) => [node, needs.get(node)?.size ?? 0]));
  const rank = new Map(nodes.map((node, position) => [node, position]));
  const before = (a: Node, b: Node): boolean => {
    if (writers.has(a) !== writers.has(b)) return writers.has(a);
    if (late.has(a) !== late.has(b)) return late.has(b);
    return a.id !== b.id ? a.id < b.id : (rank.get(a) as number) < (rank.get(b) as number);
  };
  const ready = new Heap(before);
  for (const node of nodes) if (missing.get(node) === 0) ready.push(node);
  const order: Node[] = [];
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    order.push(node);
    for (const user of users.get(node) ?? []) {
      const left = (missing.get(user) as number) - 1;
      missing.set(user, left);
      if (left === 0) ready.push(user);
    }
  }
  return order;
}

class Heap {
  private readonly items: Node[] = [];

  constructor(private readonly before: (a: Node, b: Node) => boolean) {}

  push(node: Node): void {
    const { items, before } = this;
    let at = items.length;
    items.push(node);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(node, items[parent] as Node)) break;
      items[at] = items[parent] as Node;
      at = parent;
    }
    items[at] = node;
  }

  pop(): Node | undefined {
    const { items, before } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as Node, items[child] as Node)) child++;
      if (!before(items[child] as Node, last)) break;
      items[at] = items[child] as Node;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
