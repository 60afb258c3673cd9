// Volumes [n,d,h,w,c]: convolution and pooling in three dimensions on the kernels for pictures. The planes that a filter
// covers in depth stand side by side as channels of one picture; pooling goes over height and width, then over depth.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { asCompound } from '../graph/compound.js';
import { toTensor, unify } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { conv2d, inputGradient } from './conv.js';
import { type TransposedAxis, transposedAxis } from './conv-variants.js';
import { gather, scatterAdd } from './gather.js';
import { averagePool2d, maxPool2d } from './pool.js';
import { reshape, transpose } from './shape.js';
import {
  checkRank,
  checkWhole,
  type DataFormat,
  outputSize,
  type PaddingWord,
  type Pair,
  samePadding,
  spanOf,
} from './window.js';

/** Along depth, height and width. */
export type Triple = readonly [number, number, number];

/** Zeros around a volume: a word, a number for every side, or `[before, after]` for depth, height and width. */
export type VolumePadding = PaddingWord | number | readonly [Pair, Pair, Pair];

/** How a convolution over volumes steps; a single number holds for depth, height and width. */
export interface Conv3dOptions {
  strides?: number | Triple;
  padding?: VolumePadding;
  dilationRate?: number | Triple;
  groups?: number;
  dataFormat?: DataFormat;
}

/** How a transposed convolution over volumes steps. */
export interface Conv3dTransposeOptions extends Omit<Conv3dOptions, 'groups' | 'padding'> {
  padding?: PaddingWord;
  outputPadding?: number | Triple;
}

/** How a pool over volumes steps. */
export interface Pool3dOptions {
  /** Default 2. */
  poolSize?: number | Triple;
  /** Default: poolSize. */
  strides?: number | Triple;
  padding?: VolumePadding;
  dataFormat?: DataFormat;
}

type Volume = readonly [n: number, depth: number, height: number, width: number, channels: number];

export function tripleOf(value: number | Triple): Triple {
  return typeof value === 'number' ? [value, value, value] : value;
}

function inVolumeFormat(op: string, x: Tensor, format: DataFormat | undefined, body: (x: Tensor) => Tensor): Tensor {
  const isFirst = format === 'channelsFirst';
  checkRank(op, 'x', x.shape, isFirst ? 'n,channels,depth,h,w' : 'n,depth,h,w,channels');
  if (!isFirst) return body(x);
  return transpose(body(transpose(x, [0, 2, 3, 4, 1])), [0, 4, 1, 2, 3]);
}

/** Padding of each axis for windows of `spans` cells. Throws `argument` for an unknown word. */
function paddingsOf(
  op: string,
  padding: VolumePadding,
  sizes: Triple,
  spans: Triple,
  strides: Triple,
): readonly [Pair, Pair, Pair] {
  if (typeof padding === 'number') return [0, 1, 2].map((): Pair => [padding, padding]) as [Pair, Pair, Pair];
  if (typeof padding !== 'string') return padding;
  const word = padding.toLowerCase();
  if (word !== 'valid' && word !== 'same') {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `padding '${padding as string}' is unknown.`,
      got: padding,
      want: ['valid', 'same'],
      hint: "Give 'valid', 'same', a number, or [before, after] for depth, height and width.",
    });
  }
  const along = (axis: 0 | 1 | 2): Pair =>
    word === 'valid' ? [0, 0] : samePadding(sizes[axis], spans[axis], strides[axis]);
  return [along(0), along(1), along(2)];
}

/** Which plane of x each output plane's taps read, [planes,taps]; a number outside stands for zeros. */
function planeIndices(planes: number, taps: number, stride: number, dilation: number, before: number): Tensor {
  const indices = Int32Array.from(
    { length: planes * taps },
    (_, i) => Math.floor(i / taps) * stride + (i % taps) * dilation - before,
  );
  return tensor(indices, { shape: [planes, taps] });
}

function refuse(op: string, message: string, x: Tensor, filter: Tensor): FoveaError {
  const lines = [`x=${formatShape(x.shape)} filter=${formatShape(filter.shape)}`];
  return new FoveaError({ code: 'shape', op, message, lines, got: [x.shape, filter.shape] });
}

/**
 * Convolves volumes x [n,depth,h,w,cin] with a filter [depth,height,width,cin/groups,filters], giving
 * [n,depth',h',w',filters]. Throws `shape` where channels, groups or sizes do not fit.
 */
export function conv3d(x: TensorLike, filter: TensorLike, options: Conv3dOptions = {}): Tensor {
  const op = 'conv3d';
  const [from, kernel] = unify([toTensor(x), toTensor(filter)], cast, 'float') as [Tensor, Tensor];
  checkRank(op, 'filter', kernel.shape, 'depth,height,width,channels/groups,filters');
  const { groups = 1 } = options;
  const [strides, dilation] = [tripleOf(options.strides ?? 1), tripleOf(options.dilationRate ?? 1)];
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'dilationRate', dilation, 1);
  checkWhole(op, 'groups', [groups], 1);
  const [kd, kh, kw, groupIn, filters] = kernel.shape as unknown as Volume;
  return inVolumeFormat(op, from, options.dataFormat, (volume) => {
    const [n, depth, h, w, channels] = volume.shape as unknown as Volume;
    if (groupIn * groups !== channels) {
      throw refuse(op, `filter expects ${groupIn * groups} input channels but x has ${channels}.`, volume, kernel);
    }
    const spans: Triple = [spanOf(kd, dilation[0]), spanOf(kh, dilation[1]), spanOf(kw, dilation[2])];
    const paddings = paddingsOf(op, options.padding ?? 'valid', [depth, h, w], spans, strides);
    const planes = outputSize(depth, spans[0], strides[0], paddings[0]);
    if (planes < 1) throw refuse(op, `a filter of ${spans[0]} planes does not fit the padded x.`, volume, kernel);
    const indices = planeIndices(planes, kd, strides[0], dilation[0], paddings[0][0]);
    // Within each group the planes stand one after the other.
    const windows = reshape(gather(volume, indices, 1), [n, planes, kd, h, w, groups, groupIn]);
    const picture = reshape(transpose(windows, [0, 1, 3, 4, 5, 2, 6]), [n * planes, h, w, kd * channels]);
    const flat = reshape(transpose(kernel, [1, 2, 0, 3, 4]), [kh, kw, kd * groupIn, filters]);
    const y = conv2d(picture, flat, {
      strides: [strides[1], strides[2]],
      padding: [paddings[1], paddings[2]],
      dilationRate: [dilation[1], dilation[2]],
      groups,
    });
    const result = reshape(y, [n, planes, ...y.shape.slice(1)]);
    return asCompound(result, op, [volume, kernel], { strides, paddings, dilation, groups });
  });
}

/**
 * The transposed convolution of volumes: every cell of x [n,depth,h,w,cin] stamps the filter
 * [depth,height,width,filters,cin] on the result, `strides` apart. Sizes as in `conv2dTranspose`.
 */
export function conv3dTranspose(x: TensorLike, filter: TensorLike, options: Conv3dTransposeOptions = {}): Tensor {
  const op = 'conv3dTranspose';
  const [from, kernel] = unify([toTensor(x), toTensor(filter)], cast, 'float') as [Tensor, Tensor];
  checkRank(op, 'filter', kernel.shape, 'depth,height,width,filters,channels');
  const [strides, dilation] = [tripleOf(options.strides ?? 1), tripleOf(options.dilationRate ?? 1)];
  const extra = options.outputPadding === undefined ? undefined : tripleOf(options.outputPadding);
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'dilationRate', dilation, 1);
  checkWhole(op, 'outputPadding', extra ?? [], 0);
  const [kd, kh, kw, filters, expected] = kernel.shape as unknown as Volume;
  return inVolumeFormat(op, from, options.dataFormat, (volume) => {
    const [n, planes, h, w, channels] = volume.shape as unknown as Volume;
    if (channels !== expected) {
      throw refuse(op, `filter expects ${expected} input channels but x has ${channels}.`, volume, kernel);
    }
    const [sizes, taps] = [
      [planes, h, w],
      [kd, kh, kw],
    ] as const;
    const along = (axis: 0 | 1 | 2): TransposedAxis =>
      transposedAxis(op, options.padding ?? 'valid', {
        size: sizes[axis],
        span: spanOf(taps[axis], dilation[axis]),
        stride: strides[axis],
        extra: extra?.[axis],
      });
    const [depth, rows, columns] = [along(0), along(1), along(2)];
    const picture = reshape(volume, [n * planes, h, w, channels]);
    const flat = reshape(transpose(kernel, [1, 2, 0, 3, 4]), [kh, kw, kd * filters, channels]);
    const stamped = inputGradient(picture, flat, [0, rows.size, columns.size], {
      strides: [strides[1], strides[2]],
      padding: [rows.padding, columns.padding],
      dilation: [dilation[1], dilation[2]],
      groups: 1,
    });
    const windows = transpose(reshape(stamped, [n, planes, rows.size, columns.size, kd, filters]), [0, 1, 4, 2, 3, 5]);
    const indices = planeIndices(planes, kd, strides[0], dilation[0], depth.padding[0]);
    const result = scatterAdd(windows, indices, depth.size, 1);
    const paddings = [depth.padding, rows.padding, columns.padding];
    const inputSize = [depth.size, rows.size, columns.size];
    return asCompound(result, op, [volume, kernel], { strides, paddings, dilation, groups: 1, inputSize });
  });
}

function pool3d(name: string, pool: typeof maxPool2d, x: TensorLike, options: Pool3dOptions): Tensor {
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  return inVolumeFormat(name, from, options.dataFormat, (volume) => {
    const [n, depth, h, w, channels] = volume.shape as unknown as Volume;
    const size = tripleOf(options.poolSize ?? 2);
    const strides = tripleOf(options.strides ?? size);
    checkWhole(name, 'poolSize', size, 1);
    checkWhole(name, 'strides', strides, 1);
    const paddings = paddingsOf(name, options.padding ?? 'valid', [depth, h, w], size, strides);
    const flat = pool(reshape(volume, [n * depth, h, w, channels]), {
      poolSize: [size[1], size[2]],
      strides: [strides[1], strides[2]],
      padding: [paddings[1], paddings[2]],
    });
    const [, rows, columns] = flat.shape as readonly [number, number, number, number];
    // Cells outside count neither in one direction nor in the other, so the mean of means is the mean.
    const deep = pool(reshape(flat, [n, depth, rows * columns, channels]), {
      poolSize: [size[0], 1],
      strides: [strides[0], 1],
      padding: [paddings[0], [0, 0]],
    });
    const result = reshape(deep, [n, deep.shape[1] as number, rows, columns, channels]);
    return asCompound(result, name, [volume], { poolSize: size, strides, paddings });
  });
}

/** The largest value of every window of volumes x [n,depth,h,w,c]; padding never counts. */
export function maxPool3d(x: TensorLike, options: Pool3dOptions = {}): Tensor {
  return pool3d('maxPool3d', maxPool2d, x, options);
}

/** The mean of every window of volumes x [n,depth,h,w,c], over the cells inside the volume. */
export function averagePool3d(x: TensorLike, options: Pool3dOptions = {}): Tensor {
  return pool3d('averagePool3d', averagePool2d, x, options);
}
