// Gathers pointwise ops over one iteration space into single kernels with several inputs and outputs.
// A group may grow only where no path leaves it and comes back: that would need it before itself.
import { isFloat } from '../core/dtype.js';
import { sameShape, sizeOf } from '../core/shape.js';
import { constantOp, isLeaf, Node } from '../graph/node.js';
import type { OpDefinition, ReferenceArray, TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type Graph, nodesOf, roots } from './graph.js';

/** Operands of one kernel, and steps: beyond them registers no longer fit the first-level cache. */
const OPERAND_LIMIT = 24;
const STEP_LIMIT = 96;

/** Where a step of a fused kernel takes an operand from. */
export type StepInput =
  | { readonly from: 'input'; readonly index: number }
  | { readonly from: 'step'; readonly index: number }
  | { readonly from: 'constant'; readonly value: number; readonly isFloat: boolean };

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
        return { shape: [], dtype: operand.isFloat ? 'float32' : 'int32', data: Float64Array.of(operand.value) };
      });
      const type = node.types[0] as TensorType;
      results.push({ ...type, data: node.op.reference(values, node.params, node.types)[0] as Float64Array });
    }
    return outputs.map((step) => (results[step] as ReferenceArray).data);
  },
  flops: (_inputs, { steps }) => steps.reduce((total, { node }) => total + sizeOf((node.types[0] as TensorType).shape), 0),
  cases: () => [],
};

class Group {
  readonly nodes: Node[] = [];
  /** Groups and lone nodes this one reads from. */
  readonly reads = new Set<Unit>();
}

type Unit = Group | Node;

/** Replaces every pointwise node by a fused one of its group (of one, where nothing joins). */
export function fusePointwise(graph: Graph): Graph {
  const order = nodesOf(graph);
  const unitOf = new Map<Node, Group>();
  for (const node of order) if (isFusable(node)) place(node, unitOf);
  return rebuild(graph, order, unitOf);
}

function isFusable(node: Node): boolean {
  return !isLeaf(node) && node.op.lower !== undefined;
}

/** A scalar constant travels inside the instructions. */
function isImmediate({ node }: Tensor): boolean {
  return node.op === constantOp && sizeOf(node.types[0]?.shape as readonly number[]) === 1;
}

function place(node: Node, unitOf: Map<Node, Group>): void {
  let group = new Group();
  group.nodes.push(node);
  for (const input of node.inputs) {
    if (!isImmediate(input)) group.reads.add(unitOf.get(input.node) ?? input.node);
  }
  const type = node.types[0] as TensorType;
  const candidates = new Set<Group>();
  for (const input of node.inputs) {
    const other = unitOf.get(input.node);
    // A 16-bit value is rounded when it is stored; inside a kernel it would not be.
    const isRounded = isFloat(input.dtype) && input.dtype !== 'float32';
    if (other !== undefined && !isRounded && sameShape(input.shape, type.shape)) candidates.add(other);
  }
  unitOf.set(node, group);
  for (const other of candidates) {
    const merged = tryMerge(other, group, unitOf);
    if (merged === undefined) continue;
    group = merged;
    for (const member of group.nodes) unitOf.set(member, group);
  }
}

function tryMerge(a: Group, b: Group, unitOf: Map<Node, Group>): Group | undefined {
  if (a.nodes.length + b.nodes.length > STEP_LIMIT) return undefined;
  const merged = new Group();
  merged.nodes.push(...a.nodes, ...b.nodes);
  for (const read of [...a.reads, ...b.reads]) {
    const unit = current(read, unitOf);
    if (unit !== a && unit !== b) merged.reads.add(unit);
  }
  if (countOperands(merged) > OPERAND_LIMIT) return undefined;
  // Would anything that the merged group reads need the group itself?
  for (const unit of merged.reads) if (reaches(unit, a, b, unitOf, new Set())) return undefined;
  return merged;
}

function countOperands(group: Group): number {
  const members = new Set(group.nodes);
  const inputs = new Set<string>();
  for (const node of group.nodes) {
    for (const input of node.inputs) {
      if (!members.has(input.node) && !isImmediate(input)) inputs.add(`${input.node.id}.${input.index}`);
    }
  }
  // Every member may turn out to be an output, but few do; inputs are what counts.
  return inputs.size + 1;
}

/** Whether `from` depends on either group. Walks back through groups and lone nodes. */
function reaches(from: Unit, a: Group, b: Group, unitOf: Map<Node, Group>, seen: Set<Unit>): boolean {
  const stack: Unit[] = [from];
  while (stack.length > 0) {
    const unit = stack.pop() as Unit;
    if (unit === a || unit === b) return true;
    if (seen.has(unit)) continue;
    seen.add(unit);
    if (unit instanceof Group) {
      for (const next of unit.reads) stack.push(current(next, unitOf));
    } else if (unit.storage === undefined) {
      for (const input of unit.inputs) stack.push(unitOf.get(input.node) ?? input.node);
    }
  }
  return false;
}

/** Groups merge as the pass goes on; an old one stands for the group its nodes are in now. */
function current(unit: Unit, unitOf: Map<Node, Group>): Unit {
  return unit instanceof Group ? (unitOf.get(unit.nodes[0] as Node) ?? unit) : unit;
}

function rebuild(graph: Graph, order: readonly Node[], unitOf: Map<Node, Group>): Graph {
  const wanted = new Map<Node, Set<Group | undefined>>();
  const want = (tensor: Tensor, by: Group | undefined): void => {
    const set = wanted.get(tensor.node) ?? new Set();
    set.add(by);
    wanted.set(tensor.node, set);
  };
  for (const node of order) for (const input of node.inputs) want(input, unitOf.get(node));
  for (const root of roots(graph)) want(root, undefined);

  const done = new Map<Node, readonly Tensor[]>();
  const map = (tensor: Tensor): Tensor => build(tensor.node)[tensor.index] as Tensor;
  const build = (node: Node): readonly Tensor[] => {
    const before = done.get(node);
    if (before !== undefined) return before;
    const group = unitOf.get(node);
    if (group === undefined || !isFusable(node)) {
      const result = isLeaf(node)
        ? node.types.map((_, index) => new Tensor(node, index))
        : outputsOfCopy(node, node.inputs.map(map));
      done.set(node, result);
      return result;
    }
    buildGroup(group, map, wanted, done);
    return done.get(node) as readonly Tensor[];
  };
  // In program order, so that the recursion stays shallow.
  for (const node of order) if (unitOf.get(node) === undefined) build(node);
  return {
    outputs: graph.outputs.map(map),
    updates: graph.updates.map(({ target, value }) => ({ target, value: map(value) })),
  };
}

function outputsOfCopy(node: Node, inputs: readonly Tensor[]): Tensor[] {
  const copy = new Node(node.op, inputs, node.params, node.types, node.id);
  return copy.types.map((_, index) => new Tensor(copy, index));
}

function buildGroup(
  group: Group,
  map: (tensor: Tensor) => Tensor,
  wanted: ReadonlyMap<Node, ReadonlySet<Group | undefined>>,
  done: Map<Node, readonly Tensor[]>,
): void {
  const members = topologicalWithin(group.nodes);
  const stepOf = new Map(members.map((node, step) => [node, step]));
  const inputs: Tensor[] = [];
  const keys = new Set<number>();
  const steps = members.map((node): Step => ({
    node,
    inputs: node.inputs.map((input, position): StepInput => {
      const step = stepOf.get(input.node);
      if (step !== undefined) return { from: 'step', index: step };
      if (isImmediate(input) && position !== node.op.keyInput) {
        const { values } = input.node.params as { values: readonly number[] };
        return { from: 'constant', value: values[0] as number, isFloat: isFloat(input.dtype) };
      }
      const outside = map(input);
      const isKey = position === node.op.keyInput;
      let index = inputs.findIndex((each, at) => each.node === outside.node && each.index === outside.index && keys.has(at) === isKey);
      if (index < 0) {
        index = inputs.length;
        inputs.push(outside);
        if (isKey) keys.add(index);
      }
      return { from: 'input', index };
    }),
  }));
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
