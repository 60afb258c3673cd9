// The TypeScript side of kernels/cpu/abi.h, which says what each kernel's operands and parameters are.
// tests/engine/abi.test.ts compares the two files, so they cannot drift apart.

/** First word of a Program image: `FOVP`. */
export const MAGIC = 0x50564f46;
export const ABI_VERSION = 1;

/** Indices of the header's words; the instructions start at word `size`. */
export const HEADER = {
  magic: 0,
  version: 1,
  words: 2,
  instructions: 3,
  bindings: 4,
  constantsOffset: 5,
  constantsBytes: 6,
  workspaceLo: 7,
  workspaceHi: 8,
  size: 16,
} as const;

/** Where an operand lives; binding `i` is space `bindings + i`. */
export const SPACES = { workspace: 0, constants: 1, none: 2, bindings: 3 } as const;

/** Bytes to which the constants, the workspace and every buffer are aligned. */
export const ALIGNMENT = 64;

export const DTYPES = { float32: 0, float16: 1, bfloat16: 2, int32: 3, uint8: 4, bool: 5, key: 6 } as const;

export const ACTIVATIONS = { none: 0, relu: 1, relu6: 2, leakyRelu: 3, sigmoid: 4, tanh: 5, silu: 6 } as const;
export type ActivationName = keyof typeof ACTIVATIONS;

export const REDUCTIONS = { sum: 0, mean: 1, prod: 2, max: 3, min: 4, any: 5, all: 6, argMax: 7, argMin: 8 } as const;
export type ReductionName = keyof typeof REDUCTIONS;

/** Kernel numbers by name. */
export const KERNELS = {
  pointwise: 0,
  reduce: 1,
  copy: 2,
  fill: 3,
  gather: 4,
  scatterAdd: 5,
  matmul: 6,
  conv2d: 7,
  conv2dInputGradient: 8,
  conv2dFilterGradient: 9,
  depthwiseConv2d: 10,
  depthwiseConv2dInputGradient: 11,
  depthwiseConv2dFilterGradient: 12,
  maxPool: 13,
  avgPool: 14,
  avgPoolGradient: 15,
  maxPoolGradient: 16,
  maxPoolTake: 17,
  softmax: 18,
  moments: 19,
  topK: 20,
  nonZero: 21,
  packMatrix: 22,
  packFilter: 23,
  winogradFilterGradient: 24,
  winogradFilter: 25,
  winogradConv2d: 26,
  bf16PackFilter: 27,
  bf16Conv2d: 28,
  bf16FilterGradient: 29,
  bf16PackMatrix: 30,
  bf16Matmul: 31,
  softmaxGradient: 32,
  channelSums: 33,
  layerNorm: 34,
  layerNormGradient: 35,
} as const;
export type KernelName = keyof typeof KERNELS;

/** A pointwise opcode: its number and how many registers it reads. */
export interface PointwiseOpcode {
  readonly id: number;
  readonly arity: number;
}

// In abi.h's order: an opcode's number is its place here.
const POINTWISE_ARITIES = [
  ['constant', 0],
  ['fadd', 2],
  ['fsub', 2],
  ['fmul', 2],
  ['fdiv', 2],
  ['fpow', 2],
  ['fmax', 2],
  ['fmin', 2],
  ['fmod', 2],
  ['fma', 3],
  ['fneg', 1],
  ['fabs', 1],
  ['fsign', 1],
  ['fsquare', 1],
  ['fsqrt', 1],
  ['frsqrt', 1],
  ['freciprocal', 1],
  ['fexp', 1],
  ['fexpm1', 1],
  ['flog', 1],
  ['flog1p', 1],
  ['fsin', 1],
  ['fcos', 1],
  ['ftan', 1],
  ['ftanh', 1],
  ['fsigmoid', 1],
  ['fsoftplus', 1],
  ['ferf', 1],
  ['fgelu', 1],
  ['ffloor', 1],
  ['fceil', 1],
  ['fround', 1],
  ['feq', 2],
  ['fne', 2],
  ['flt', 2],
  ['fle', 2],
  ['fgt', 2],
  ['fge', 2],
  ['fisNan', 1],
  ['fisFinite', 1],
  ['select', 3],
  ['iadd', 2],
  ['isub', 2],
  ['imul', 2],
  ['idiv', 2],
  ['imod', 2],
  ['imax', 2],
  ['imin', 2],
  ['ineg', 1],
  ['iabs', 1],
  ['isign', 1],
  ['ieq', 2],
  ['ine', 2],
  ['ilt', 2],
  ['ile', 2],
  ['igt', 2],
  ['ige', 2],
  ['iand', 2],
  ['ior', 2],
  ['ixor', 2],
  ['toFloat', 1],
  ['toInt', 1],
  ['toUint8', 1],
  ['itest', 1],
  ['ftest', 1],
  ['index', 0],
  ['randomUniform', 0],
  ['randomNormal', 0],
  ['randomBits', 0],
] as const;
export type PointwiseName = (typeof POINTWISE_ARITIES)[number][0];

/** Pointwise opcodes by name. */
export const POINTWISE = Object.fromEntries(
  POINTWISE_ARITIES.map(([name, arity], id) => [name, { id, arity }]),
) as Record<PointwiseName, PointwiseOpcode>;

/** A sum is split into at most this many parts, whatever the thread count: see abi.h on scratch. */
export const PARTIAL_SUMS = 16;
/** Bytes of scratch that each thread has of its own. */
export const THREAD_SCRATCH = 1 << 20;
