// A Program: what the compiler makes and every engine runs. `image` is the flat form of kernels/cpu/abi.h.
import { ABI_VERSION, ALIGNMENT, HEADER, KERNELS, type KernelName, MAGIC, SPACES } from '../core/abi.js';
import type { KernelOperand, TensorType } from '../graph/op.js';
import type { Binding, Region } from './plan-memory.js';

/** A resolved operand. */
export interface Operand {
  readonly space: number;
  readonly offset: number;
}

/** One kernel call, with what `explain` says of it. */
export interface Instruction {
  readonly kernel: KernelName;
  readonly operands: readonly Operand[];
  /** What the kernel does with each operand. */
  readonly roles: readonly KernelOperand['kind'][];
  readonly parameters: readonly number[];
  readonly label: string;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly flops: number;
  readonly bytes: number;
}

/** Flat lists of kernel calls over one planned workspace. */
export interface Program {
  /** What is made of the weights before the first run, and again when they have changed. */
  readonly prepare: readonly Instruction[];
  /** The bindings that `prepare` reads. */
  readonly preparedFrom: readonly number[];
  /** What every run does. */
  readonly instructions: readonly Instruction[];
  readonly bindings: readonly Binding[];
  readonly constants: Uint8Array;
  readonly workspaceBytes: number;
  readonly regions: readonly Region[];
}

const LOW = 2 ** 32;

/** One of a Program's lists as engines load it; both run over the same bindings. */
export function encodeProgram(program: Program, list: 'prepare' | 'instructions' = 'instructions'): Uint8Array {
  const { bindings, constants, workspaceBytes } = program;
  const instructions = program[list];
  let words: number = HEADER.size;
  for (const { operands, parameters } of instructions) words += 3 + 3 * operands.length + parameters.length;
  const constantsOffset = Math.ceil((words * 4) / ALIGNMENT) * ALIGNMENT;
  const image = new Uint8Array(constantsOffset + constants.byteLength);
  const view = new Int32Array(image.buffer, 0, words);
  view[HEADER.magic] = MAGIC;
  view[HEADER.version] = ABI_VERSION;
  view[HEADER.words] = words;
  view[HEADER.instructions] = instructions.length;
  view[HEADER.bindings] = bindings.length;
  view[HEADER.constantsOffset] = constantsOffset;
  view[HEADER.constantsBytes] = constants.byteLength;
  view[HEADER.workspaceLo] = (workspaceBytes % LOW) | 0;
  view[HEADER.workspaceHi] = Math.floor(workspaceBytes / LOW);
  let at: number = HEADER.size;
  for (const { kernel, operands, parameters } of instructions) {
    view[at++] = KERNELS[kernel];
    view[at++] = operands.length;
    view[at++] = parameters.length;
    for (const { space, offset } of operands) {
      view[at++] = space;
      view[at++] = (offset % LOW) | 0;
      view[at++] = Math.floor(offset / LOW);
    }
    for (const parameter of parameters) view[at++] = parameter | 0;
  }
  image.set(constants, constantsOffset);
  return image;
}

/** The operand that stands for nothing. */
export const NO_OPERAND: Operand = { space: SPACES.none, offset: 0 };
