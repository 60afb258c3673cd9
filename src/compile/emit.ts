// From a scheduled, planned graph to a Program: every node's kernel calls with their operands resolved.
import { SPACES } from '../core/abi.js';
import { bytesPerElement, encodeElements } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import type { Node } from '../graph/node.js';
import {
  ANY_TARGET,
  type Epilogue,
  type KernelCall,
  type KernelOperand,
  type Target,
  type TensorType,
} from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type FusedParams, fusedOp } from './fuse-pointwise.js';
import type { Graph } from './graph.js';
import { Constants, type IsConstant, readsOf } from './hoist.js';
import { Placements } from './layout.js';
import { lowerPointwise } from './lower-pointwise.js';
import {
  type Binding,
  type Location,
  type MemoryPlan,
  type PlannedStep,
  type PlanOptions,
  planMemory,
} from './plan-memory.js';
import { type Instruction, NO_OPERAND, type Operand, type Program } from './program.js';
import { schedule } from './schedule.js';

/** How a Program is made; see `IsConstant` for what `prepare` takes over. */
export interface EmitOptions extends PlanOptions {
  readonly target?: Target;
  readonly isConstant?: IsConstant;
}

/** Schedules, plans and emits an optimised graph. */
export function emit(graph: Graph, options: EmitOptions = {}): Program {
  const placements = new Placements();
  const nodes = schedule(graph, placements);
  const constants = new Constants(graph, nodes, placements, options.isConstant);
  const steps = planSteps(nodes, placements, constants, options.target ?? ANY_TARGET);
  const plan = planMemory(graph, steps, placements, options);
  const prepare: Instruction[] = [];
  const instructions: Instruction[] = [];
  steps.forEach((step, at) => {
    (step.isPreparing ? prepare : instructions).push(...emitStep(step, plan, plan.scratch[at], placements));
  });
  for (const { value, binding } of plan.finalCopies) instructions.push(emitFinalCopy(value, binding, plan, placements));
  return {
    prepare,
    preparedFrom: leavesOf(prepare, plan.bindings),
    instructions,
    bindings: plan.bindings,
    constants: encodeConstants(plan),
    workspaceBytes: plan.workspaceBytes,
    regions: plan.regions,
  };
}

/** The steps of `prepare`, then those of every run. A node whose weights are prepared has one in each. */
function planSteps(
  nodes: readonly Node[],
  placements: Placements,
  constants: Constants,
  target: Target,
): PlannedStep[] {
  const preparing: PlannedStep[] = [];
  const running: PlannedStep[] = [];
  for (const node of nodes) {
    const calls = callsOf(node, placements, constants, target);
    if (constants.isHoisted(node)) {
      preparing.push({ node, calls, isPreparing: true, isWhole: true });
    } else if (constants.canPrepare(node, calls)) {
      const first = calls.filter(({ prepares }) => prepares === true);
      const rest = calls.filter(({ prepares }) => prepares !== true);
      preparing.push({ node, calls: first, isPreparing: true, isWhole: false });
      running.push({ node, calls: rest, isPreparing: false, isWhole: true });
    } else {
      running.push({ node, calls, isPreparing: false, isWhole: true });
    }
  }
  return [...preparing, ...running];
}

/** The bindings of leaves that instructions read. */
function leavesOf(instructions: readonly Instruction[], bindings: readonly Binding[]): number[] {
  const spaces = new Set(instructions.flatMap(({ operands }) => operands.map(({ space }) => space)));
  return bindings.flatMap(({ kind }, index) => (kind === 'leaf' && spaces.has(SPACES.bindings + index) ? [index] : []));
}

function callsOf(node: Node, placements: Placements, constants: Constants, target: Target): readonly KernelCall[] {
  const layouts = node.inputs.map((input) => placements.of(input).layout);
  const inputs: TensorType[] = node.inputs.map(({ shape, dtype }) => ({ shape, dtype }));
  if (node.op === (fusedOp as Node['op'])) return [lowerPointwise(node.params as FusedParams, inputs, layouts)];
  const { epilogue } = node.params as { epilogue?: Epilogue };
  const calls = node.op.kernels?.({
    inputs,
    outputs: node.types,
    params: node.params,
    layouts: layouts.map((layout) => ({ ...layout, offset: 0 })),
    ...(epilogue === undefined ? {} : { epilogue }),
    target,
    isConstant: node.inputs.map((input) => constants.isConstant(input)),
  });
  if (calls === undefined) {
    throw new FoveaError({ code: 'internal', op: node.op.name, message: 'has no kernel.' });
  }
  return calls;
}

function emitStep(
  { node, calls }: PlannedStep,
  plan: MemoryPlan,
  scratch: number | undefined,
  placements: Placements,
): Instruction[] {
  if (node.types.every(({ shape }) => sizeOf(shape) === 0)) return [];
  const inputs: TensorType[] = node.inputs.map(({ shape, dtype }) => ({ shape, dtype }));
  const resolve = (operand: KernelOperand): Operand => {
    switch (operand.kind) {
      case 'none':
        return NO_OPERAND;
      case 'scratch':
        return scratch === undefined ? NO_OPERAND : { space: SPACES.workspace, offset: scratch };
      case 'prepared':
        return operandAt(plan.prepared.get(node), node, plan, operand.byteOffset ?? 0);
      case 'input':
        return locate(node.inputs[operand.index] as Tensor, plan, placements, operand.byteOffset);
      case 'output':
        return locateRoot(new Tensor(node, operand.index), plan, operand.byteOffset ?? 0);
    }
  };
  const total = [...inputs, ...node.types].reduce(
    (sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement(dtype),
    0,
  );
  const flops = node.op.flops?.(inputs, node.params, node.types) ?? 0;
  const main = calls.findIndex(({ prepares }) => prepares !== true);
  return calls.map((call, part) => ({
    kernel: call.kernel,
    operands: call.operands.map(resolve),
    roles: call.operands.map(({ kind }) => (kind !== 'prepared' ? kind : call.prepares === true ? 'output' : 'input')),
    parameters: call.parameters,
    label: call.prepares === true ? `${node.op.name}: prepares` : labelOf(node),
    ...(call.prepares === true
      ? preparedTypes(node, call)
      : {
          inputs,
          outputs: node.types,
          // A node's work is told once, on the first call that does it.
          flops: part === main ? flops : 0,
          bytes: part === main ? total : 0,
        }),
  }));
}

/** What a call that prepares reads, and what it makes, in words. */
function preparedTypes(node: Node, call: KernelCall): Pick<Instruction, 'inputs' | 'outputs' | 'flops' | 'bytes'> {
  const inputs = readsOf(node, call).map(({ shape, dtype }) => ({ shape, dtype }));
  const words = Math.ceil((call.preparedBytes ?? 0) / 4);
  const bytes = inputs.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement(dtype), 4 * words);
  return { inputs, outputs: [{ shape: [words], dtype: 'float32' }], flops: 0, bytes };
}

function labelOf({ op, params }: Node): string {
  const { steps } = params as Partial<FusedParams>;
  if (steps !== undefined) return steps.map(({ node }) => node.op.name).join(' ');
  const { epilogue } = params as { epilogue?: Epilogue };
  if (epilogue === undefined) return op.name;
  const parts = [op.name];
  if (epilogue.bias !== undefined) parts.push('bias');
  if (epilogue.residual !== undefined) parts.push('residual');
  if (epilogue.activation !== 'none') parts.push(epilogue.activation);
  return parts.join(' + ');
}

function locate(tensor: Tensor, plan: MemoryPlan, placements: Placements, byteOffset = 0): Operand {
  const { root, layout } = placements.of(tensor);
  return locateRoot(root, plan, byteOffset + layout.offset * bytesPerElement(tensor.dtype));
}

function locateRoot(root: Tensor, plan: MemoryPlan, byteOffset: number): Operand {
  return operandAt(plan.locations.get(root), root.node, plan, byteOffset);
}

function operandAt(location: Location | undefined, node: Node, plan: MemoryPlan, byteOffset: number): Operand {
  if (location === undefined) {
    throw new FoveaError({ code: 'internal', op: node.op.name, message: 'a value has no place.' });
  }
  switch (location.space) {
    case 'binding':
      return { space: SPACES.bindings + location.index, offset: byteOffset };
    case 'prepared':
      return { space: SPACES.bindings + plan.bindings.length - 1, offset: location.offset + byteOffset };
    default:
      return { space: SPACES[location.space], offset: location.offset + byteOffset };
  }
}

function emitFinalCopy(value: Tensor, binding: number, plan: MemoryPlan, placements: Placements): Instruction {
  const type = { shape: value.shape, dtype: value.dtype };
  const bytes = bytesPerElement(value.dtype);
  return {
    kernel: 'copy',
    operands: [locate(value, plan, placements), { space: SPACES.bindings + binding, offset: 0 }],
    roles: ['input', 'output'],
    parameters: [bytes, 1, value.size, 1, 1, 0, 0],
    label: 'update',
    inputs: [type],
    outputs: [type],
    flops: 0,
    bytes: 2 * bytes * value.size,
  };
}

function encodeConstants({ constants, constantBytes, locations }: MemoryPlan): Uint8Array {
  const bytes = new Uint8Array(constantBytes);
  for (const tensor of constants) {
    const { values } = tensor.node.params as { values: readonly number[] };
    const location = locations.get(tensor);
    const elements = encodeElements(tensor.dtype, values);
    const raw = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    if (location?.space === 'constants') bytes.set(raw, location.offset);
  }
  return bytes;
}
