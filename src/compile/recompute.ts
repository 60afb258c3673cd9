// Pictures that a training step would keep for its backward pass although a pointwise function of what is kept anyway gives
// them again: a batch norm and its activation from the convolution before them. They are computed a second time where
// they are needed, which costs a pass over memory that often joins another, and saves up to half of the memory.
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import { isLeaf, Node } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type Graph, nodesOf, outputsOf, replaceNode, roots } from './graph.js';

/** Smaller values are kept. */
const LEAST_BYTES = 1 << 20;
/** A value waits when so many times its size is computed between two of its readers. */
const LONG_WAIT = 8;
/** Ops from what is kept to the value. */
const MOST_STEPS = 12;

/** A value to be computed again, and the readers that then read the second one. */
interface Plan {
  readonly late: ReadonlySet<Node>;
  /** The program order of the first of them. */
  readonly id: number;
}

const bytesOf = ({ shape, dtype }: TensorType): number => sizeOf(shape) * bytesPerElement(dtype);

/** Lets late readers of large pointwise values read ones that are computed again. */
export function recompute(graph: Graph): Graph {
  const nodes = nodesOf(graph);
  const planner = new Planner(nodes, new Set(roots(graph).map(({ node }) => node)));
  const plans = planner.plans();
  if (plans.size === 0) return graph;
  const done = new Map<Node, readonly Tensor[]>();
  const again = new Map<Node, Tensor>();
  const map = ({ node, index }: Tensor): Tensor => (done.get(node) as readonly Tensor[])[index] as Tensor;
  // Of what the second value is made: small values are there, and so is what is not pointwise.
  const repeat = (value: Tensor, id: number): Tensor => {
    const { node } = value;
    if (!planner.isCheap(node) || bytesOf(value) < LEAST_BYTES) return map(value);
    const before = again.get(node);
    if (before !== undefined) return before;
    const inputs = node.inputs.map((input) => repeat(input, id));
    const made = new Tensor(new Node(node.op, inputs, node.params, node.types, id), 0);
    again.set(node, made);
    return made;
  };
  for (const node of nodes) {
    if (isLeaf(node)) {
      done.set(node, outputsOf(node));
      continue;
    }
    const inputs = node.inputs.map((input) => {
      const plan = plans.get(input.node);
      return plan?.late.has(node) ? repeat(input, plan.id) : map(input);
    });
    const isSame = inputs.every(
      (input, i) => input.node === node.inputs[i]?.node && input.index === node.inputs[i]?.index,
    );
    done.set(node, outputsOf(isSame ? node : replaceNode(node, { inputs })));
  }
  return {
    outputs: graph.outputs.map(map),
    updates: graph.updates.map(({ target, value }) => ({ target, value: map(value) })),
  };
}

class Planner {
  private readonly users = new Map<Node, Node[]>();
  /** Bytes that are computed before a node, in program order. */
  private readonly bytesBefore = new Map<Node, number>();

  constructor(
    private readonly nodes: readonly Node[],
    private readonly rootNodes: ReadonlySet<Node>,
  ) {
    const order = [...nodes].sort((a, b) => a.id - b.id);
    let bytes = 0;
    for (const node of order) {
      this.bytesBefore.set(node, bytes);
      if (!isLeaf(node) && node.op.view === undefined)
        bytes += node.types.reduce((sum, type) => sum + bytesOf(type), 0);
      for (const { node: read } of node.inputs) {
        const users = this.users.get(read);
        if (users === undefined) this.users.set(read, [node]);
        else if (users.at(-1) !== node) users.push(node);
      }
    }
  }

  /** Pointwise, of one result that is the same each time, and in a kernel of its own. */
  isCheap(node: Node): boolean {
    const { lower, keyInput } = node.op;
    const isPointwise = !isLeaf(node) && lower !== undefined && keyInput === undefined && node.types.length === 1;
    return isPointwise && !this.isOfKernel(node);
  }

  /** Whether a matmul or convolution computes it with its own result. */
  private isOfKernel(node: Node): boolean {
    if (isLeaf(node)) return false;
    if (node.op.takesEpilogue) return true;
    if (node.op.name !== 'add' && node.op.epilogueActivation === undefined) return false;
    return node.inputs.some(
      (input) =>
        this.users.get(input.node)?.length === 1 && !this.rootNodes.has(input.node) && this.isOfKernel(input.node),
    );
  }

  plans(): Map<Node, Plan> {
    const plans = new Map<Node, Plan>();
    for (const node of this.nodes) {
      if (!this.isCheap(node) || this.rootNodes.has(node)) continue;
      const type = node.types[0] as TensorType;
      if (bytesOf(type) < LEAST_BYTES) continue;
      const late = this.lateUsers(node, LONG_WAIT * bytesOf(type));
      const [first] = late;
      if (first === undefined || !this.isThere(node, first.id, { left: MOST_STEPS })) continue;
      plans.set(node, { late: new Set(late), id: first.id });
    }
    return plans;
  }

  /** The readers behind the longest wait, if that is long and others come before it. */
  private lateUsers(node: Node, wait: number): readonly Node[] {
    const users = this.users.get(node) ?? [];
    let [longest, from] = [0, users.length];
    for (let i = 1; i < users.length; i++) {
      const bytes =
        (this.bytesBefore.get(users[i] as Node) as number) - (this.bytesBefore.get(users[i - 1] as Node) as number);
      if (bytes > longest) [longest, from] = [bytes, i];
    }
    return longest >= wait ? users.slice(from) : [];
  }

  /** Whether all that a value is made of is kept until then for the sake of others. */
  private isThere(node: Node, until: number, steps: { left: number }): boolean {
    if (steps.left-- === 0) return false;
    return node.inputs.every((input) => {
      if (isLeaf(input.node) || bytesOf(input) < LEAST_BYTES) return true;
      if (this.isCheap(input.node)) return this.isThere(input.node, until, steps);
      // Views lie in the memory of something else, which would have to be followed.
      if (input.node.op.view !== undefined) return false;
      return this.rootNodes.has(input.node) || (this.users.get(input.node) ?? []).some((user) => user.id >= until);
    });
  }
}
