// Where every value lies: views share the memory of what they look at, and a copy is made only where a
// kernel needs its elements side by side. After this pass each view's layout is known.
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf, stridesOf } from '../core/shape.js';
import { isLeaf, Node } from '../graph/node.js';
import type { Layout, OpDefinition, ReferenceArray, TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type FusedParams, fusedOp, keyInputs } from './fuse-pointwise.js';
import { type Graph, nodesOf, outputsOf, replaceNode, rewrite, TensorMap } from './graph.js';

/** A value's memory: the value that owns it, and where the elements lie in that one. */
export interface Placement {
  readonly root: Tensor;
  readonly layout: Layout;
}

/** Strides that reduce to a dense tensor's, whatever is said of axes of size 1. */
export function isDense({ shape, strides }: Layout): boolean {
  if (sizeOf(shape) === 0) return true;
  const dense = stridesOf(shape);
  return shape.every((dim, axis) => dim === 1 || strides[axis] === dense[axis]);
}

/** Copies a strided view to dense memory; made by the compiler only. */
export const materializeOp: OpDefinition<{ readonly type: TensorType }> = {
  name: 'copy',
  summary: 'a dense copy of a view',
  shape: (_inputs, { type }) => [type],
  gradient: 'none',
  acceptsStrides: true,
  reference: ([x]) => [(x as ReferenceArray).data],
  kernels({ inputs: [x], outputs: [y], layouts: [layout] }) {
    const { shape } = x as TensorType;
    return [
      {
        kernel: 'copy',
        operands: [
          { kind: 'input', index: 0 },
          { kind: 'output', index: 0 },
        ],
        parameters: [
          bytesPerElement((y as TensorType).dtype),
          shape.length,
          ...shape,
          ...(layout as Layout).strides,
          ...stridesOf(shape),
          0,
          0,
        ],
      },
    ];
  },
  cases: () => [],
};

/** Inserts the copies that kernels, outputs and updates need. */
export function insertCopies(graph: Graph): Graph {
  const placements = new Placements();
  const copies = new TensorMap<Tensor>();
  const copy = (x: Tensor): Tensor => copies.getOrMake(x, () => materialize(x));
  const dense = (x: Tensor): Tensor => (isDense(placements.of(x).layout) ? x : copy(x));
  const inner = rewrite(graph, ({ node, inputs }) => {
    if (isLeaf(node)) return undefined;
    const { op } = node;
    if (op.view !== undefined) {
      const x = inputs[0] as Tensor;
      const output = node.types[0] as TensorType;
      const isView = op.view(placements.of(x).layout, node.params, output) !== undefined;
      return [new Tensor(new Node(op, [isView ? x : copy(x)], node.params, node.types, node.id))];
    }
    if (op === (fusedOp as Node['op'])) {
      const keys = keyInputs(node.params as FusedParams);
      if (keys.size === 0) return undefined;
      return outputsOf(replaceNode(node, { inputs: inputs.map((input, i) => (keys.has(i) ? dense(input) : input)) }));
    }
    if (op.acceptsStrides) return undefined;
    return outputsOf(replaceNode(node, { inputs: inputs.map(dense) }));
  });
  // Every output needs memory of its own: a whole, dense value that this Program computes.
  const taken = new TensorMap<boolean>();
  const own = (x: Tensor): Tensor => {
    const placement = placements.of(x);
    if (!isWhole(placement) || isLeaf(placement.root.node) || taken.get(placement.root)) return materialize(x);
    taken.set(placement.root, true);
    return x;
  };
  // An update from a leaf that is itself overwritten needs the old elements set aside: a, b = b, a.
  const targets = new Set(inner.updates.map(({ target }) => target));
  const steady = (x: Tensor): Tensor => {
    const { root, layout } = placements.of(x);
    return isDense(layout) && !targets.has(root.node) ? x : copy(x);
  };
  return {
    outputs: inner.outputs.map(own),
    updates: inner.updates
      // A leaf that takes its own value is left alone.
      .filter(({ target, value }) => placements.of(value).root.node !== target || !isWhole(placements.of(value)))
      .map(({ target, value }) => ({ target, value: steady(value) })),
  };
}

function materialize(x: Tensor): Tensor {
  const type = { shape: x.shape, dtype: x.dtype };
  return new Tensor(new Node(materializeOp as Node['op'], [x], { type }, [type], x.node.id));
}

/** What a view looks at. */
function viewed({ node }: Tensor): Tensor | undefined {
  return isLeaf(node) || node.op.view === undefined ? undefined : node.inputs[0];
}

/** Finds placements, following views to the values they look at. */
export class Placements {
  private readonly known = new TensorMap<Placement>();

  of(x: Tensor): Placement {
    const known = this.known.get(x);
    if (known !== undefined) return known;
    // A loop, not a recursion: views of views can be deeper than the call stack.
    const chain = [x];
    for (let from = viewed(x); from !== undefined && this.known.get(from) === undefined; from = viewed(from))
      chain.push(from);
    for (const each of chain.reverse()) this.known.set(each, this.find(each));
    return this.known.get(x) as Placement;
  }

  private find(x: Tensor): Placement {
    const { node } = x;
    const own = { root: x, layout: { offset: 0, shape: x.shape, strides: stridesOf(x.shape) } };
    const from = viewed(x);
    if (from === undefined) return own;
    const input = this.known.get(from) as Placement;
    const layout = node.op.view?.(input.layout, node.params, { shape: x.shape, dtype: x.dtype });
    return layout === undefined ? own : { root: input.root, layout };
  }
}

/** Whether a value is all of the memory of its root, in order. */
export function isWhole({ root, layout }: Placement): boolean {
  return layout.offset === 0 && isDense(layout) && sizeOf(layout.shape) === root.size;
}

/** Nodes that compute something: no leaves, no views. */
export function computedNodes(graph: Graph): Node[] {
  return nodesOf(graph).filter((node) => !isLeaf(node) && node.op.view === undefined);
}
