// Small Program images written by hand, so that the engines are tested without the compiler.
import {
  ABI_VERSION,
  DTYPES,
  HEADER,
  KERNELS,
  type KernelName,
  MAGIC,
  POINTWISE,
  type PointwiseName,
  SPACES,
} from '../../src/core/abi.js';

export interface Operand {
  space: number;
  offset: number;
}

export interface Instruction {
  kernel: KernelName;
  operands: Operand[];
  parameters: number[];
}

export interface ProgramText {
  bindings: number;
  workspaceBytes?: number;
  instructions: Instruction[];
  constants?: Uint8Array;
}

export function binding(index: number, offset = 0): Operand {
  return { space: SPACES.bindings + index, offset };
}

export function workspace(offset = 0): Operand {
  return { space: SPACES.workspace, offset };
}

export function constant(offset = 0): Operand {
  return { space: SPACES.constants, offset };
}

export function floatBits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0] ?? 0;
}

/** Lays a Program out as kernels/cpu/abi.h says. */
export function assemble({
  bindings,
  workspaceBytes = 0,
  instructions,
  constants = new Uint8Array(),
}: ProgramText): Uint8Array {
  const body: number[] = [];
  for (const { kernel, operands, parameters } of instructions) {
    body.push(KERNELS[kernel], operands.length, parameters.length);
    for (const { space, offset } of operands) body.push(space, offset % 2 ** 32, Math.floor(offset / 2 ** 32));
    body.push(...parameters);
  }
  const words = HEADER.size + body.length;
  const constantsOffset = Math.ceil((4 * words) / 64) * 64;
  const image = new Uint8Array(constantsOffset + constants.length);
  const view = new Int32Array(image.buffer, 0, words);
  view[HEADER.magic] = MAGIC;
  view[HEADER.version] = ABI_VERSION;
  view[HEADER.words] = words;
  view[HEADER.instructions] = instructions.length;
  view[HEADER.bindings] = bindings;
  view[HEADER.constantsOffset] = constantsOffset;
  view[HEADER.constantsBytes] = constants.length;
  view[HEADER.workspaceLo] = workspaceBytes % 2 ** 32;
  view[HEADER.workspaceHi] = Math.floor(workspaceBytes / 2 ** 32);
  view.set(body, HEADER.size);
  image.set(constants, constantsOffset);
  return image;
}

export function fill(out: Operand, count: number, value: number): Instruction {
  return { kernel: 'fill', operands: [out], parameters: [4, count, floatBits(value)] };
}

/** Copies `count` dense 4-byte elements. */
export function copy(from: Operand, to: Operand, count: number): Instruction {
  return { kernel: 'copy', operands: [from, to], parameters: [4, 1, count, 1, 1, 0, 0] };
}

/** out = op(a, b) over `count` float32. */
export function pointwise(op: PointwiseName, a: Operand, b: Operand, out: Operand, count: number): Instruction {
  const { float32 } = DTYPES;
  const code = [POINTWISE[op].id, 2, 0, 1, 0];
  const parameters = [2, 1, 1, count, float32, float32, float32, 1, 1, 3, 1, 2, ...code];
  return { kernel: 'pointwise', operands: [a, b, out], parameters };
}

/** c = a b for square float32 matrices of side `n`; takes milliseconds where `n` is some hundreds. */
export function matmul(a: Operand, b: Operand, c: Operand, scratch: Operand, n: number): Instruction {
  const none: Operand = { space: SPACES.none, offset: 0 };
  return {
    kernel: 'matmul',
    operands: [a, b, none, none, none, c, scratch],
    parameters: [1, n, n, n, 0, 0, 0, 0, 0, 0],
  };
}

export function matmulScratchBytes(n: number): number {
  return 4 * n * Math.ceil(n / 64) * 64;
}
