// From a scheduled, planned graph to a Program: every node's kernel calls with their operands resolved.
import { SPACES } from '../core/abi.js';
import { bytesPerElement, encodeElements } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import type { Node } from '../graph/node.js';
import type { Epilogue, KernelCall, KernelOperand, TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type FusedParams, fusedOp } from './fuse-pointwise.js';
import type { Graph } from './graph.js';
import { Placements } from './layout.js';
import { lowerPointwise } from './lower-pointwise.js';
import { type MemoryPlan, type PlannedStep, type PlanOptions, planMemory } from './plan-memory.js';
import { type Instruction, NO_OPERAND, type Operand, type Program } from './program.js';
import { schedule } from './schedule.js';

/** Schedules, plans and emits an optimised graph. */
export function emit(graph: Graph, options: PlanOptions = {}): Program {
  const placements = new Placements();
  const steps = schedule(graph, placements).map((node): PlannedStep => ({ node, calls: callsOf(node, placements) }));
  const plan = planMemory(graph, steps, placements, options);
  const instructions = steps.flatMap((step, at) => emitStep(step, plan, plan.scratch[at], placements));
  for (const { value, binding } of plan.finalCopies) instructions.push(emitFinalCopy(value, binding, plan, placements));
  return {
    instructions,
    bindings: plan.bindings,
    constants: encodeConstants(plan),
    workspaceBytes: plan.workspaceBytes,
    regions: plan.regions,
  };
}

function callsOf(node: Node, placements: Placements): readonly KernelCall[] {
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
  return calls.map((call, part) => ({
    kernel: call.kernel,
    operands: call.operands.map(resolve),
    roles: call.operands.map(({ kind }) => kind),
    parameters: call.parameters,
    label: labelOf(node),
    inputs,
    outputs: node.types,
    // A node's work is told once, on its first call.
    flops: part === 0 ? flops : 0,
    bytes: part === 0 ? total : 0,
  }));
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
  const location = plan.locations.get(root);
  if (location === undefined) {
    throw new FoveaError({ code: 'internal', op: root.node.op.name, message: 'a value has no place.' });
  }
  if (location.space === 'binding') return { space: SPACES.bindings + location.index, offset: byteOffset };
  return { space: SPACES[location.space], offset: location.offset + byteOffset };
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
