// Every operation: the public functions, and the definitions that the tests and the docs go through.

import type { AnyOp } from '../graph/op.js';
import { activationOps } from './activation.js';
import { arithmeticOps } from './arithmetic.js';
import { compareOps } from './compare.js';
import { convOps } from './conv.js';
import { createOps } from './create.js';
import { gatherOps } from './gather.js';
import { integerOps } from './integer.js';
import { joinOps } from './join.js';
import { layerNormOps } from './layer-norm.js';
import { matmulOps } from './matmul.js';
import { normOps } from './norm.js';
import { poolOps } from './pool.js';
import { randomOps } from './random.js';
import { reduceOps } from './reduce.js';
import { selectOps } from './select.js';
import { shapeOps } from './shape.js';
import { softmaxOps } from './softmax.js';
import { unaryOps } from './unary.js';
import { whereOps } from './where.js';

export {
  elu,
  exponential,
  gelu,
  hardSigmoid,
  hardSilu,
  leakyRelu,
  linear,
  logSigmoid,
  mish,
  relu,
  relu6,
  selu,
  silu,
  softsign,
} from './activation.js';
export { type AdaptivePoolOptions, adaptiveAveragePool, adaptiveMaxPool } from './adaptive-pool.js';
export { add, cast, clip, divide, maximum, minimum, multiply, negative, power, subtract } from './arithmetic.js';
export {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  notEqual,
} from './compare.js';
export { type Conv2dOptions, conv2d } from './conv.js';
export {
  type Conv1dOptions,
  type Conv1dTransposeOptions,
  type Conv2dTransposeOptions,
  conv1d,
  conv1dTranspose,
  conv2dTranspose,
  depthwiseConv1d,
  depthwiseConv2d,
  separableConv1d,
  separableConv2d,
} from './conv-variants.js';
export {
  type CreateOptions,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  range,
  zeros,
  zerosLike,
} from './create.js';
export { einsum } from './einsum.js';
export { gather, type OneHotOptions, oneHot, scatterAdd, takeAlongAxis } from './gather.js';
export { resizeBilinear, resizeNearest } from './image.js';
export { bitwiseAnd, bitwiseOr, bitwiseXor, floorDivide, mod } from './integer.js';
export { concat, type PadOptions, pad, repeat, split, stack, tile, unstack } from './join.js';
export { groupNorm, type LayerNormOptions, layerNorm } from './layer-norm.js';
export { type MatmulOptions, matmul } from './matmul.js';
export {
  type BatchNormOptions,
  type BatchNormResult,
  batchNorm,
  batchNormTrain,
  l2Normalize,
  moments,
} from './norm.js';
export {
  averagePool1d,
  averagePool2d,
  type GlobalPoolOptions,
  globalAveragePool,
  globalMaxPool,
  maxPool1d,
  maxPool2d,
  type Pool1dOptions,
  type Pool2dOptions,
} from './pool.js';
export {
  type DropoutOptions,
  dropout,
  randomBits,
  randomKey,
  randomNormal,
  randomUniform,
  type StreamOptions,
} from './random.js';
export {
  all,
  any,
  argMax,
  argMin,
  logSumExp,
  max,
  mean,
  min,
  norm,
  prod,
  type ReduceOptions,
  std,
  sum,
  variance,
} from './reduce.js';
export { argSort, type BoundOptions, booleanMask, nonZero, type SortOptions, sort, topK } from './select.js';
export { broadcastTo, expandDims, flip, reshape, slice, squeeze, sumTo, transpose } from './shape.js';
export { logSoftmax, type SoftmaxOptions, softmax } from './softmax.js';
export { sparsemax } from './sparsemax.js';
export {
  abs,
  ceil,
  cos,
  erf,
  exp,
  expm1,
  floor,
  isFinite,
  isNaN,
  log,
  log1p,
  reciprocal,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  stopGradient,
  tan,
  tanh,
} from './unary.js';
export {
  averagePool3d,
  type Conv3dOptions,
  type Conv3dTransposeOptions,
  conv3d,
  conv3dTranspose,
  maxPool3d,
  type Pool3dOptions,
  type Triple,
  type VolumePadding,
} from './volume.js';
export { where } from './where.js';
export type { DataFormat, Padding, PaddingWord, Pair } from './window.js';

/** Every op there is, for what goes through all of them: gradient checks, engine parity, the docs. */
export const allOps: readonly AnyOp[] = [
  ...arithmeticOps,
  ...unaryOps,
  ...activationOps,
  ...compareOps,
  ...integerOps,
  ...whereOps,
  ...shapeOps,
  ...joinOps,
  ...createOps,
  ...gatherOps,
  ...selectOps,
  ...reduceOps,
  ...matmulOps,
  ...convOps,
  ...poolOps,
  ...softmaxOps,
  ...normOps,
  ...layerNormOps,
  ...randomOps,
];
