// Normalisation: `moments` reads a tensor once for mean and variance per channel; the rest are compositions
// that apply one scale and one shift per channel, so that the pointwise pass fuses them.
import { PARTIAL_SUMS } from '../core/abi.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape, sizeOf } from '../core/shape.js';
import { defineOp, definePointwise, toTensor, unify } from '../graph/define.js';
import type { ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, divide, maximum, multiply, negative, subtract } from './arithmetic.js';
import { zerosLike } from './create.js';
import { sum } from './reduce.js';
import { broadcastTo } from './shape.js';
import { rsqrt, square } from './unary.js';

type None = Record<string, never>;

const momentsOp = defineOp<None>({
  name: 'moments',
  summary: 'mean and population variance of every channel (the last axis), in float32',
  shape(inputs) {
    const [{ shape, dtype }] = inputs as readonly [TensorType];
    if (shape.length === 0) {
      throw new FoveaError({
        code: 'shape',
        op: 'moments',
        message: 'x must have an axis of channels; got a scalar.',
        got: shape,
        hint: 'Give x at least one axis; the last holds the channels.',
      });
    }
    if (dtype !== 'float32') {
      throw new FoveaError({
        code: 'dtype',
        op: 'moments',
        message: `takes float32; got ${dtype}.`,
        got: dtype,
        hint: 'Cast the input with fovea.cast.',
      });
    }
    const channels = [shape.at(-1) as number];
    return [
      { shape: channels, dtype },
      { shape: channels, dtype },
    ];
  },
  gradient({ inputs, outputs, dys: [dMean, dVariance] }) {
    const [x] = inputs as readonly [Tensor];
    const rows = rowsOf(x);
    const fromMean = dMean === undefined ? undefined : divide(dMean, rows);
    if (dVariance === undefined) return [fromMean === undefined ? undefined : broadcastTo(fromMean, x.shape)];
    const fromVariance = multiply(subtract(x, outputs[0] as Tensor), multiply(dVariance, 2 / rows));
    return [fromMean === undefined ? fromVariance : add(fromVariance, fromMean)];
  },
  reference([input]) {
    const x = input as ReferenceArray;
    const channels = x.shape.at(-1) as number;
    const rows = rowsOf(x);
    const average = new Float64Array(channels);
    const spread = new Float64Array(channels);
    x.data.forEach((value, i) => {
      average[i % channels] = (average[i % channels] as number) + value / rows;
    });
    x.data.forEach((value, i) => {
      const offset = value - (average[i % channels] as number);
      spread[i % channels] = (spread[i % channels] as number) + offset ** 2 / rows;
    });
    return rows === 0 ? [average.fill(Number.NaN), spread.fill(Number.NaN)] : [average, spread];
  },
  reduces: ([x]) => rowsOf(x as TensorType),
  flops: ([x]) => 3 * sizeOf((x as TensorType).shape),
  kernels({ inputs: [x] }) {
    const type = x as TensorType;
    const channels = type.shape.at(-1) as number;
    return [
      {
        kernel: 'moments',
        operands: [
          { kind: 'input', index: 0 },
          { kind: 'output', index: 0 },
          { kind: 'output', index: 1 },
          { kind: 'scratch' },
        ],
        parameters: [rowsOf(type), channels],
        scratchBytes: PARTIAL_SUMS * 16 * channels,
      },
    ];
  },
  cases: () => [
    ...[1, 7, 8, 9, 16, 17, 31, 33, 65].map((c) => ({
      name: `${c} channels`,
      inputs: [{ shape: [2, 3, 5, c] }],
      params: {},
    })),
    { name: 'one row', inputs: [{ shape: [1, 9] }], params: {} },
    { name: 'vector', inputs: [{ shape: [9] }], params: {} },
    { name: 'many rows', inputs: [{ shape: [3001, 3] }], params: {} },
    // The mean of squares minus the square of the mean would lose everything here.
    { name: 'far from zero', inputs: [{ shape: [129, 5], low: 1000, high: 1002 }], params: {}, gradient: false },
    { name: 'constant', inputs: [{ shape: [65, 4], low: 3, high: 3 }], params: {}, gradient: false },
  ],
});

function rowsOf({ shape }: TensorType): number {
  return sizeOf(shape.slice(0, -1));
}

const channelSumsOp = defineOp<None>({
  name: 'channelSums',
  summary: 'for every channel the sums of dy and of dy * (x - mean), in float32',
  shape: ([dy, x, average]) => {
    const [y, { shape, dtype }, { shape: channels }] = [dy, x, average] as [TensorType, TensorType, TensorType];
    if (!sameShape(y.shape, shape) || !sameShape(channels, shape.slice(-1))) {
      throw new FoveaError({
        code: 'internal',
        op: 'channelSums',
        message: `dy is ${formatShape(y.shape)}, x ${formatShape(shape)}, mean ${formatShape(channels)}.`,
      });
    }
    return [
      { shape: channels, dtype },
      { shape: channels, dtype },
    ];
  },
  gradient({ inputs, outputs, dys: [dSum, dProduct] }) {
    const [dy, x, average] = inputs as [Tensor, Tensor, Tensor];
    const fromSum = dSum === undefined ? undefined : broadcastTo(dSum, dy.shape);
    if (dProduct === undefined) return [fromSum, undefined, undefined];
    const fromProduct = multiply(subtract(x, average), dProduct);
    return [
      fromSum === undefined ? fromProduct : add(fromProduct, fromSum),
      multiply(dy, dProduct),
      negative(multiply(dProduct, outputs[0] as Tensor)),
    ];
  },
  reference(inputs) {
    const [dy, x, average] = inputs as [ReferenceArray, ReferenceArray, ReferenceArray];
    const channels = average.data.length;
    const sums = new Float64Array(channels);
    const products = new Float64Array(channels);
    dy.data.forEach((value, i) => {
      const c = i % channels;
      sums[c] = (sums[c] as number) + value;
      products[c] = (products[c] as number) + value * ((x.data[i] as number) - (average.data[c] as number));
    });
    return [sums, products];
  },
  reduces: ([x]) => rowsOf(x as TensorType),
  flops: ([x]) => 4 * sizeOf((x as TensorType).shape),
  kernels({ inputs: [x] }) {
    const type = x as TensorType;
    const channels = type.shape.at(-1) as number;
    return [
      {
        kernel: 'channelSums',
        operands: [
          { kind: 'input', index: 0 },
          { kind: 'input', index: 1 },
          { kind: 'input', index: 2 },
          { kind: 'output', index: 0 },
          { kind: 'output', index: 1 },
          { kind: 'scratch' },
        ],
        parameters: [rowsOf(type), channels],
        scratchBytes: PARTIAL_SUMS * 16 * channels,
      },
    ];
  },
  cases: () =>
    [[2, 3, 5, 1], [2, 3, 5, 7], [2, 3, 5, 8], [4, 17], [5, 33], [3, 65], [1, 9], [9], [3001, 3], [131, 259]].map(
      (shape) => ({
        name: formatShape(shape),
        inputs: [{ shape }, { shape }, { shape: shape.slice(-1) }],
        params: {},
      }),
    ),
});

const normalizeOp = definePointwise({
  name: 'normalize',
  summary: '(x - mean) * scale + shift',
  arity: 4,
  domain: 'float',
  scalar: ([x, average, scale, shift]) => ((x as number) - (average as number)) * (scale as number) + (shift as number),
  lower: (p, [x, average, scale, shift]) =>
    p.emit('fadd', p.emit('fmul', p.emit('fsub', x!, average!), scale!), shift!),
  gradient({ inputs, dy }) {
    const [x, average, scale, shift] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const channels = x.shape.slice(-1);
    const isPerChannel = [average, scale, shift].every(({ shape }) => sameShape(shape, channels));
    if (!isPerChannel || x.rank < 2 || dy.dtype !== 'float32') {
      const dCentred = multiply(dy, scale);
      return [dCentred, negative(dCentred), multiply(dy, subtract(x, average)), dy];
    }
    // One pass over dy and x for all three sums.
    const [total, product] = channelSumsOp.apply([dy, x, average], {}) as [Tensor, Tensor];
    return [multiply(dy, scale), negative(multiply(scale, total)), product, total];
  },
});

/** Mean and population variance of every channel, [...,c] to two of [c], in float32 whatever the dtype of x. */
export function moments(x: TensorLike): { mean: Tensor; variance: Tensor } {
  const [average, spread] = momentsOp.apply([cast(x, 'float32')], {}) as [Tensor, Tensor];
  return { mean: average, variance: spread };
}

/** Statistics and parameters of a batch normalisation, each [channels]. */
export interface BatchNormOptions {
  mean: TensorLike;
  variance: TensorLike;
  /** Default: 1. */
  gamma?: TensorLike | undefined;
  /** Default: 0. */
  beta?: TensorLike | undefined;
  /** Added to the variance; default 1e-3. */
  epsilon?: number;
}

/** Normalises the last axis of x with given statistics: gamma * (x - mean) / sqrt(variance + epsilon) + beta. */
export function batchNorm(x: TensorLike, options: BatchNormOptions): Tensor {
  const from = toTensor(x);
  const { gamma, beta, epsilon = 1e-3 } = options;
  const [average, spread] = unify([options.mean, options.variance], cast, 'float') as [Tensor, Tensor];
  checkChannels('batchNorm', from, { mean: average, variance: spread, gamma, beta });
  const inverse = rsqrt(add(spread, epsilon));
  const scale = gamma === undefined ? inverse : multiply(gamma, inverse);
  const shift = subtract(beta ?? 0, multiply(average, scale));
  const y = add(multiply(from, scale), shift);
  return isHalf(from) ? cast(y, from.dtype) : y;
}

/** What `batchNormTrain` gives: y, and the batch's statistics for the running ones, [channels] in float32. */
export interface BatchNormResult {
  y: Tensor;
  mean: Tensor;
  variance: Tensor;
}

/** Normalises the last axis of x with the batch's own statistics, through which gradients flow. */
export function batchNormTrain(
  x: TensorLike,
  options: { gamma?: TensorLike | undefined; beta?: TensorLike | undefined; epsilon?: number } = {},
): BatchNormResult {
  const from = toTensor(x);
  const { gamma, beta, epsilon = 1e-3 } = options;
  checkChannels('batchNorm', from, { gamma, beta });
  const wide = cast(from, 'float32');
  const statistics = moments(wide);
  const inverse = rsqrt(add(statistics.variance, epsilon));
  const scale = gamma === undefined ? inverse : multiply(cast(gamma, 'float32'), inverse);
  const shift = beta === undefined ? zerosLike(scale) : cast(beta, 'float32');
  const y = normalizeOp.one([wide, statistics.mean, scale, shift], {});
  return { y: isHalf(from) ? cast(y, from.dtype) : y, ...statistics };
}

function isHalf({ dtype }: Tensor): boolean {
  return dtype === 'float16' || dtype === 'bfloat16';
}

/** Throws `shape` unless every given operand is [channels] of x. */
export function checkChannels(op: string, x: Tensor, operands: Record<string, TensorLike | undefined>): void {
  const channels = x.shape.at(-1);
  for (const [name, operand] of Object.entries(operands)) {
    if (operand === undefined) continue;
    const { shape } = toTensor(operand);
    if (shape.length === 1 && shape[0] === channels) continue;
    throw new FoveaError({
      code: 'shape',
      op,
      message: `${name} is ${formatShape(shape)} but x has ${channels} channels.`,
      lines: [`x=${formatShape(x.shape)}`],
      got: shape,
      want: [channels],
      hint: 'Give one value per channel, the last axis of x.',
    });
  }
}

/** x divided by its Euclidean length along an axis; lengths below sqrt(epsilon) count as that. */
export function l2Normalize(
  x: TensorLike,
  { axis = -1, epsilon = 1e-12 }: { axis?: number | readonly number[]; epsilon?: number } = {},
): Tensor {
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  return multiply(from, rsqrt(maximum(sum(square(from), { axis, keepDims: true }), epsilon)));
}

export const normOps = [momentsOp, channelSumsOp, normalizeOp] as const;
