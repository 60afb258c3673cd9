// The unit the passes work on: outputs, in-place updates, and everything they need. Passes never change
// a graph; they rebuild it (`rewrite`), keeping each node's id so that program order survives.
import { FoveaError } from '../core/errors.js';
import { sameShape } from '../core/shape.js';
import { topological } from '../graph/interpret.js';
import { inPlaceOf, isLeaf, Node, storageOp } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';

/** A leaf whose memory takes a new value at the end of the Program. */
export interface Update {
  readonly target: Node;
  readonly value: Tensor;
}

/** What a Program computes. */
export interface Graph {
  readonly outputs: readonly Tensor[];
  readonly updates: readonly Update[];
}

/** The tensors a graph must compute. */
export function roots({ outputs, updates }: Graph): Tensor[] {
  return [...outputs, ...updates.map(({ value }) => value)];
}

export function nodesOf(graph: Graph): Node[] {
  return topological(roots(graph));
}

/** A node with its inputs already rewritten. */
export interface Rewritten {
  readonly node: Node;
  readonly inputs: readonly Tensor[];
  /** What the node's outputs become if nothing is changed. */
  keep(): readonly Tensor[];
}

/**
 * Rebuilds a graph from the leaves up. `visit` gives the tensors that replace a node's outputs, or
 * undefined to keep the node with its rewritten inputs. Nodes that `visit` makes take over the node's id.
 */
export function rewrite(graph: Graph, visit: (rewritten: Rewritten) => readonly Tensor[] | undefined): Graph {
  const done = new Map<Node, readonly Tensor[]>();
  const map = (tensor: Tensor): Tensor => (done.get(tensor.node) as Tensor[])[tensor.index] as Tensor;
  for (const node of nodesOf(graph)) {
    if (isLeaf(node)) {
      const self = outputsOf(node);
      // A realised node keeps its op but has lost its inputs: no pass may take it for that op.
      const isComputed = node.storage !== undefined && node.op !== storageOp;
      done.set(node, (isComputed ? undefined : visit({ node, inputs: [], keep: () => self })) ?? self);
      continue;
    }
    const inputs = node.inputs.map(map);
    const keep = (): readonly Tensor[] =>
      inputs.every((input, i) => input.node === node.inputs[i]?.node && input.index === node.inputs[i]?.index)
        ? outputsOf(node)
        : outputsOf(replaceNode(node, { inputs }));
    done.set(node, inPlaceOf(node.id, () => visit({ node, inputs, keep })) ?? keep());
  }
  return {
    outputs: graph.outputs.map(map),
    updates: graph.updates.map(({ target, value }) => ({ target, value: map(value) })),
  };
}

/** The same node with other inputs, parameters or op; its id stays. */
export function replaceNode(
  node: Node,
  change: { op?: Node['op']; inputs?: readonly Tensor[]; params?: object; types?: readonly TensorType[] },
): Node {
  return new Node(
    change.op ?? node.op,
    change.inputs ?? node.inputs,
    change.params ?? node.params,
    change.types ?? node.types,
    node.id,
  );
}

export function outputsOf(node: Node): Tensor[] {
  return node.types.map((_, index) => new Tensor(node, index));
}

/** A map from values; two handles on one output of one node are the same value. */
export class TensorMap<T> {
  private readonly byNode = new Map<Node, (T | undefined)[]>();

  get({ node, index }: Tensor): T | undefined {
    return this.byNode.get(node)?.[index];
  }

  set({ node, index }: Tensor, value: T): void {
    const slots = this.byNode.get(node);
    if (slots === undefined) {
      const made: (T | undefined)[] = node.types.map(() => undefined);
      made[index] = value;
      this.byNode.set(node, made);
    } else {
      slots[index] = value;
    }
  }

  getOrMake(tensor: Tensor, make: () => T): T {
    const before = this.get(tensor);
    if (before !== undefined) return before;
    const made = make();
    this.set(tensor, made);
    return made;
  }
}

/** How often each value is used, graph outputs and updates included. */
export function countUses(graph: Graph): TensorMap<number> {
  const uses = new TensorMap<number>();
  const note = (tensor: Tensor): void => uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  for (const node of nodesOf(graph)) node.inputs.forEach(note);
  roots(graph).forEach(note);
  return uses;
}

/** Throws `internal` where a pass left something illegal; run after every pass in tests. */
export function verifyGraph(graph: Graph): void {
  const fail = (node: Node, message: string): never => {
    throw new FoveaError({ code: 'internal', op: 'verify', message: `${node.op.name} #${node.id}: ${message}` });
  };
  for (const node of nodesOf(graph)) {
    if (isLeaf(node)) continue;
    const types = node.op.shape(
      node.inputs.map(({ shape, dtype }) => ({ shape, dtype })),
      node.params,
    );
    types.forEach((type, index) => {
      const held = node.types[index];
      if (held === undefined || held.dtype !== type.dtype || !sameShape(held.shape, type.shape)) {
        fail(node, `output ${index} is not what its shape rule gives.`);
      }
    });
  }
  for (const { target, value } of graph.updates) {
    const type = target.types[0] as TensorType;
    if (value.dtype !== type.dtype || !sameShape(value.shape, type.shape)) fail(target, 'its update has another type.');
  }
}
