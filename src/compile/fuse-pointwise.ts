// Gathers pointwise ops over one iteration space into single kernels with several inputs and outputs.
// A group may grow only where no path leaves it and comes back: that would need it before itself.
import { type Dtype, isFloat } from '../core/dtype.js';
import { sameShape, sizeOf } from '../core/shape.js';
import { constantOp, isLeaf, Node } from '../graph/node.js';
import type { OpDefinition, ReferenceArray, TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type Graph, nodesOf, outputsOf, replaceNode, roots, TensorMap } from './graph.js';

/** Operands of one kernel, and steps: beyond them registers no longer fit the first-level cache. */
const OPERAND_LIMIT = 24;
const STEP_LIMIT = 96;

/** Where a step of a fused kernel takes an operand from. */
export type StepInput =
  | { readonly from: 'input'; readonly index: number }
  | { readonly from: 'step'; readonly index: number }
  | { readonly from: 'constant'; readonly value: number; readonly dtype: Dtype };

/** One op inside a fused kernel. */
export interface Step {
  readonly node: Node;
  readonly inputs: readonly StepInput[];
}

/** Parameters of a fused node: what it does, and which steps are its outputs. */
export interface FusedParams {
  readonly steps: readonly Step[];
  readonly outputs: readonly number[];
  readonly types: readonly TensorType[];
}

/** The inputs of a fused node that are random keys: read as four words, not element by element. */
export function keyInputs({ steps }: FusedParams): Set<number> {
  const keys = new Set<number>();
  for (const { node, inputs } of steps) {
    const key = node.op.keyInput === undefined ? undefined : inputs[node.op.keyInput];
    if (key?.from === 'input') keys.add(key.index);
  }
  return keys;
}

/** Several pointwise ops in one kernel; made by the compiler only. */
export const fusedOp: OpDefinition<FusedParams> = {
  name: 'fused',
  summary: 'pointwise ops in one kernel',
  shape: (_inputs, { types }) => types,
  gradient: 'none',
  acceptsStrides: true,
  reference(inputs, { steps, outputs }) {
    const results: ReferenceArray[] = [];
    for (const { node, inputs: operands } of steps) {
      const values = operands.map((operand): ReferenceArray => {
        if (operand.from === 'input') return inputs[operand.index] as ReferenceArray;
        if (operand.from === 'step') return results[operand.index] as ReferenceArray;
        return { shape: [], dtype: operand.dtype, data: Float64Array.of(operand.value) };
      });
      const type = node.types[0] as TensorType;
      results.push({ ...type, data: node.op.reference(values, node.params, node.types)[0] as Float64Array });
    }
    return outputs.map((step) => (results[step] as ReferenceArray).data);
  },
  flops: (_inputs, { steps }) =>
    steps.reduce((total, { node }) => total + sizeOf((node.types[0] as TensorType).shape), 0),
  cases: () => [],
};

/**
 * What runs as one: a group of pointwise nodes, or any other node alone. `order` numbers units so that each comes
 * after what it reads, which spares most of the search for cycles.
 */
class Unit {
  readonly nodes: Node[];
  readonly reads = new Set<Unit>();
  readonly users = new Set<Unit>();
  order = 0;

  constructor(
    nodes: readonly Node[],
    readonly isGroup: boolean,
  ) {
    this.nodes = [...nodes];
  }
}

/** Units that a search for a cycle looks at before it gives up and leaves two groups apart. */
const SEARCH_LIMIT = 4096;

/** Replaces every pointwise node by a fused one of its group (of one, where nothing joins). */
export function fusePointwise(graph: Graph): Graph {
  const order = nodesOf(graph);
  const fuser = new Fuser(graph, order);
  for (const node of order) if (!isLeaf(node)) fuser.place(node);
  for (const node of order.toReversed()) fuser.delay(node);
  return rebuild(graph, order, fuser.unitOf);
}

/** A scalar constant travels inside the instructions. */
function isImmediate({ node }: Tensor): boolean {
  return node.op === constantOp && sizeOf(node.types[0]?.shape as readonly number[]) === 1;
}

/** A 16-bit value is rounded when it is stored; inside a kernel it would not be. */
function isRounded({ dtype }: Tensor): boolean {
  return isFloat(dtype) && dtype !== 'float32';
}

class Fuser {
  readonly unitOf = new Map<Node, Unit>();
  private readonly users = new Map<Node, Node[]>();
  private readonly rootNodes: ReadonlySet<Node>;

  constructor(graph: Graph, order: readonly Node[]) {
    this.rootNodes = new Set(roots(graph).map(({ node }) => node));
    for (const node of order) {
      for (const input of node.inputs) {
        const users = this.users.get(input.node);
        if (users === undefined) this.users.set(input.node, [node]);
        else users.push(node);
      }
    }
  }

  /** Gives the node a unit, and joins it with the groups it reads from where that is allowed. */
  place(node: Node): void {
    let unit = new Unit([node], node.op.lower !== undefined);
    this.unitOf.set(node, unit);
    for (const input of node.inputs) {
      const read = this.unitOf.get(input.node);
      if (read === undefined) continue;
      unit.reads.add(read);
      read.users.add(unit);
      unit.order = Math.max(unit.order, read.order + 1);
    }
    if (!unit.isGroup) return;
    const { shape } = node.types[0] as TensorType;
    for (const input of node.inputs) {
      const other = this.unitOf.get(input.node);
      if (other === undefined || other === unit || !other.isGroup || !sameShape(input.shape, shape)) continue;
      if (this.mayMerge(other, unit)) unit = this.merge(other, unit);
    }
  }

  /**
   * Moves an op from the group that it could join first to the only one that wants its result, where all that it reads
   * is in memory by then: that kernel reads one tensor for another, and the first one writes one less.
   */
  delay(node: Node): void {
    const from = this.unitOf.get(node);
    const users = this.users.get(node) ?? [];
    const to = this.unitOf.get(users[0] as Node);
    if (from === undefined || to === undefined || from === to || !from.isGroup || !to.isGroup) return;
    if (from.nodes.length === 1 || to.nodes.length >= STEP_LIMIT) return;
    if (this.rootNodes.has(node) || users.some((user) => this.unitOf.get(user) !== to)) return;
    const { shape } = node.types[0] as TensorType;
    if (!sameShape(shape, to.nodes[0]?.types[0]?.shape ?? [])) return;
    const isStored = (input: Tensor): boolean =>
      this.unitOf.get(input.node) !== from ||
      this.rootNodes.has(input.node) ||
      (this.users.get(input.node) ?? []).some((user) => user !== node && this.unitOf.get(user) !== from);
    const isRead = (input: Tensor): boolean =>
      to.nodes.some(({ inputs }) => inputs.some((other) => other.node === input.node && other.index === input.index));
    const read = node.inputs.filter((input) => !isImmediate(input));
    if (!read.every(isStored)) return;
    if (read.filter((input) => sizeOf(input.shape) === sizeOf(shape) && !isRead(input)).length > 1) return;
    if (!this.fits(new Set([...to.nodes, node]))) return;
    from.nodes.splice(from.nodes.indexOf(node), 1);
    to.nodes.push(node);
    this.unitOf.set(node, to);
    // What it reads comes before the group it leaves, and that before the one it joins: no circle can close.
    for (const input of node.inputs) {
      const unit = this.unitOf.get(input.node);
      if (unit === undefined || unit === to) continue;
      to.reads.add(unit);
      unit.users.add(to);
    }
  }

  private mayMerge(a: Unit, b: Unit): boolean {
    if (a.nodes.length + b.nodes.length > STEP_LIMIT) return false;
    return this.fits(new Set([...a.nodes, ...b.nodes])) && !this.wouldNeedItself(a, b);
  }

  private fits(members: ReadonlySet<Node>): boolean {
    const inputs = new TensorMap<boolean>();
    let operands = 0;
    for (const node of members) {
      for (const [position, input] of node.inputs.entries()) {
        if (members.has(input.node)) {
          // A key is read from memory, so it cannot come from the kernel itself.
          if (isRounded(input) || position === node.op.keyInput) return false;
        } else if (!isImmediate(input) && inputs.get(input) === undefined) {
          inputs.set(input, true);
          operands++;
        }
      }
      const users = this.users.get(node) ?? [];
      if (this.rootNodes.has(node) || users.some((user) => !members.has(user))) operands++;
    }
    // Values wanted outside only by nodes that join later are counted too; that only splits very wide groups.
    return operands <= OPERAND_LIMIT;
  }

  /** Whether something outside reads one group and is read by the other. */
  private wouldNeedItself(a: Unit, b: Unit): boolean {
    const lowest = Math.min(a.order, b.order);
    const seen = new Set<Unit>([a, b]);
    const stack: Unit[] = [];
    const look = (unit: Unit): void => {
      for (const read of unit.reads) {
        if (seen.has(read)) continue;
        seen.add(read);
        // What comes before both cannot need either.
        if (read.order > lowest) stack.push(read);
      }
    };
    look(a);
    look(b);
    for (let unit = stack.pop(); unit !== undefined; unit = stack.pop()) {
      if (unit.reads.has(a) || unit.reads.has(b) || seen.size > SEARCH_LIMIT) return true;
      look(unit);
    }
    return false;
  }

  private merge(a: Unit, b: Unit): Unit {
    const merged = new Unit([...a.nodes, ...b.nodes], true);
    for (const old of [a, b]) {
      for (const read of old.reads) {
        read.users.delete(old);
        if (read !== a && read !== b) {
          merged.reads.add(read);
          read.users.add(merged);
        }
      }
      for (const user of old.users) {
        user.reads.delete(old);
        if (user !== a && user !== b) {
          merged.users.add(user);
          user.reads.add(merged);
        }
      }
    }
    for (const node of merged.nodes) this.unitOf.set(node, merged);
    merged.order = Math.max(a.order, b.order);
    this.moveUsersBehind(merged);
    return merged;
  }

  private moveUsersBehind(from: Unit): void {
    const stack = [from];
    for (let unit = stack.pop(); unit !== undefined; unit = stack.pop()) {
      for (const user of unit.users) {
        if (user.order > unit.order) continue;
        user.order = unit.order + 1;
        stack.push(user);
      }
    }
  }
}

function rebuild(graph: Graph, order: readonly Node[], unitOf: ReadonlyMap<Node, Unit>): Graph {
  const wanted = new Map<Node, Set<Unit | undefined>>();
  const want = (tensor: Tensor, by: Unit | undefined): void => {
    const set = wanted.get(tensor.node) ?? new Set();
    set.add(by);
    wanted.set(tensor.node, set);
  };
  for (const node of order) for (const input of node.inputs) want(input, unitOf.get(node));
  for (const root of roots(graph)) want(root, undefined);

  const done = new Map<Node, readonly Tensor[]>();
  for (const node of order) if (isLeaf(node)) done.set(node, outputsOf(node));
  const map = ({ node, index }: Tensor): Tensor => (done.get(node) as readonly Tensor[])[index] as Tensor;
  for (const unit of inOrder(order, unitOf)) {
    if (unit.isGroup) {
      buildGroup(unit, map, wanted, done);
      continue;
    }
    const node = unit.nodes[0] as Node;
    done.set(node, outputsOf(replaceNode(node, { inputs: node.inputs.map(map) })));
  }
  return {
    outputs: graph.outputs.map(map),
    updates: graph.updates.map(({ target, value }) => ({ target, value: map(value) })),
  };
}

/** Units after those they read, otherwise in program order. */
function inOrder(order: readonly Node[], unitOf: ReadonlyMap<Node, Unit>): Unit[] {
  const done: Unit[] = [];
  const seen = new Set<Unit>();
  for (const node of order) {
    const unit = unitOf.get(node);
    if (unit === undefined || seen.has(unit)) continue;
    seen.add(unit);
    const stack = [{ unit, reads: unit.reads.values() }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { value: read } = top.reads.next();
      if (read === undefined) {
        done.push(top.unit);
        stack.pop();
      } else if (!seen.has(read)) {
        seen.add(read);
        stack.push({ unit: read, reads: read.reads.values() });
      }
    }
  }
  return done;
}

function buildGroup(
  group: Unit,
  map: (tensor: Tensor) => Tensor,
  wanted: ReadonlyMap<Node, ReadonlySet<Unit | undefined>>,
  done: Map<Node, readonly Tensor[]>,
): void {
  const members = topologicalWithin(group.nodes);
  const stepOf = new Map(members.map((node, step) => [node, step]));
  const inputs: Tensor[] = [];
  const keys = new Set<number>();
  const steps = members.map(
    (node): Step => ({
      node,
      inputs: node.inputs.map((input, position): StepInput => {
        const step = stepOf.get(input.node);
        if (step !== undefined) return { from: 'step', index: step };
        if (isImmediate(input) && position !== node.op.keyInput) {
          const { values } = input.node.params as { values: readonly number[] };
          return { from: 'constant', value: values[0] as number, dtype: input.dtype };
        }
        const outside = map(input);
        const isKey = position === node.op.keyInput;
        let index = inputs.findIndex(
          (each, at) => each.node === outside.node && each.index === outside.index && keys.has(at) === isKey,
        );
        if (index < 0) {
          index = inputs.length;
          inputs.push(outside);
          if (isKey) keys.add(index);
        }
        return { from: 'input', index };
      }),
    }),
  );
  const outputs = members.flatMap((node, step) => {
    const users = wanted.get(node);
    return users !== undefined && [...users].some((user) => user !== group) ? [step] : [];
  });
  const types = outputs.map((step) => (members[step] as Node).types[0] as TensorType);
  const id = Math.max(...members.map((node) => node.id));
  const params: FusedParams = { steps, outputs, types };
  const node = new Node(fusedOp as Node['op'], inputs, params, types, id);
  for (const member of members) done.set(member, []);
  outputs.forEach((step, index) => {
    done.set(members[step] as Node, [new Tensor(node, index)]);
  });
}

function topologicalWithin(nodes: readonly Node[]): Node[] {
  const members = new Set(nodes);
  const order: Node[] = [];
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const input of node.inputs) if (members.has(input.node)) visit(input.node);
    order.push(node);
  };
  for (const node of [...nodes].sort((a, b) => a.id - b.id)) visit(node);
  return order;
}
