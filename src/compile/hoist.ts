// What a Program need not compute in every run: whatever follows from the weights alone (filters with a folded batch
// norm, casts, packed matrices). It becomes the Program's `prepare` list, run when the weights have changed.
import { constantOp, isLeaf, type Node } from '../graph/node.js';
import type { KernelCall } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { type Graph, roots } from './graph.js';
import type { Placements } from './layout.js';

/** Says of a leaf that it is the same in every run until somebody writes it: weights, captured data. */
export type IsConstant = (leaf: Node) => boolean;

/** Which values of a scheduled graph are constant. Without `isConstant` none is. */
export class Constants {
  private readonly known = new Map<Node, boolean>();
  private readonly hoisted = new Set<Node>();

  constructor(
    graph: Graph,
    nodes: readonly Node[],
    private readonly placements: Placements,
    private readonly isConstantLeaf: IsConstant | undefined,
  ) {
    if (isConstantLeaf === undefined) return;
    for (const { target } of graph.updates) this.known.set(target, false);
    // Outputs and updates need memory of their own, written by this very run.
    const results = new Set(roots(graph).map((each) => placements.of(each).root.node));
    for (const node of nodes)
      this.known.set(node, !results.has(node) && node.inputs.every((input) => this.isSteady(input)));
    // Backwards: what hoisted nodes need is hoisted too; a plain `zeros` that nobody hoisted reads is not worth memory.
    for (const node of [...nodes].reverse()) {
      if (!this.known.get(node)) continue;
      if (!this.hoisted.has(node) && !this.readsMemory(node)) continue;
      this.hoisted.add(node);
      for (const input of node.inputs) {
        const root = placements.of(input).root.node;
        if (!isLeaf(root)) this.hoisted.add(root);
      }
    }
  }

  /** Whether a value is the same in every run and there for `prepare` to read. */
  isConstant(value: Tensor): boolean {
    const { node } = this.placements.of(value).root;
    return this.isSteady(value) && (isLeaf(node) || this.hoisted.has(node));
  }

  private isSteady(value: Tensor): boolean {
    if (this.isConstantLeaf === undefined) return false;
    const { node } = this.placements.of(value).root;
    const known = this.known.get(node);
    if (known !== undefined) return known;
    return node.op === constantOp || (isLeaf(node) && this.isConstantLeaf(node));
  }

  /** Whether a node as a whole is computed by `prepare`. */
  isHoisted(node: Node): boolean {
    return this.hoisted.has(node);
  }

  /** Whether the calls of a node that prepare can be run by `prepare`. */
  canPrepare(node: Node, calls: readonly KernelCall[]): boolean {
    const preparing = calls.filter(({ prepares }) => prepares === true);
    return (
      preparing.length > 0 && preparing.every((call) => readsOf(node, call).every((each) => this.isConstant(each)))
    );
  }

  /** Whether a constant node goes back to memory from outside; the others follow from nothing. */
  private readsMemory(node: Node): boolean {
    const pending = [node];
    const seen = new Set<Node>(pending);
    for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
      for (const input of each.inputs) {
        const root = this.placements.of(input).root.node;
        if (isLeaf(root)) {
          if (root.op !== constantOp) return true;
        } else if (!seen.has(root)) {
          seen.add(root);
          pending.push(root);
        }
      }
    }
    return false;
  }
}

/** The inputs that a call reads. */
export function readsOf(node: Node, call: KernelCall): Tensor[] {
  return call.operands.flatMap((operand) => (operand.kind === 'input' ? [node.inputs[operand.index] as Tensor] : []));
}
