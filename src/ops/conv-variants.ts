// What follows from conv2d and its adjoint: depthwise, separable, transposed and one-dimensional convolutions.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { toTensor, unify } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { type Conv2dOptions, conv2d, inFormat, inputGradient } from './conv.js';
import { expandDims, reshape, squeeze, transpose } from './shape.js';
import {
  checkRank,
  checkWhole,
  type DataFormat,
  type Padding,
  type PaddingWord,
  type Pair,
  paddingOf,
  pairOf,
  spanOf,
} from './window.js';

/**
 * Convolves every channel of x [n,h,w,c] with its own filters [height,width,c,multiplier], giving
 * [n,oh,ow,c*multiplier], the results of one channel side by side.
 */
export function depthwiseConv2d(
  x: TensorLike,
  filter: TensorLike,
  options: Omit<Conv2dOptions, 'groups'> = {},
): Tensor {
  const [from, kernel] = [toTensor(x), toTensor(filter)];
  checkRank('depthwiseConv2d', 'filter', kernel.shape, 'height,width,channels,multiplier');
  const [kh, kw, channels, multiplier] = kernel.shape as readonly [number, number, number, number];
  const found = from.shape.at(options.dataFormat === 'channelsFirst' ? 1 : -1);
  if (from.rank === 4 && found !== channels) {
    throw new FoveaError({
      code: 'shape',
      op: 'depthwiseConv2d',
      message: `filter has ${channels} channels but x has ${found}.`,
      lines: [`x=${formatShape(from.shape)} filter=${formatShape(kernel.shape)}`],
      got: [from.shape, kernel.shape],
    });
  }
  return conv2d(from, reshape(kernel, [kh, kw, 1, channels * multiplier]), { ...options, groups: channels });
}

/** A depthwise convolution, then a 1x1 convolution with pointwiseFilter [1,1,c*multiplier,filters]. */
export function separableConv2d(
  x: TensorLike,
  depthwiseFilter: TensorLike,
  pointwiseFilter: TensorLike,
  options: Omit<Conv2dOptions, 'groups'> = {},
): Tensor {
  const format = options.dataFormat ?? 'channelsLast';
  return conv2d(depthwiseConv2d(x, depthwiseFilter, options), pointwiseFilter, { dataFormat: format });
}

/** How a transposed convolution steps. */
export interface Conv2dTransposeOptions extends Conv2dOptions {
  /** Rows and columns added below and to the right; at least 0 and less than the stride. */
  outputPadding?: number | Pair;
}

/**
 * The transposed convolution: every cell of x [n,h,w,cin] stamps the filter [height,width,filters,cin] on the
 * result, `strides` apart. Without outputPadding, 'same' gives h * stride rows and 'valid' h * stride +
 * max(height - stride, 0); with it (h - 1) * stride + height - padding + outputPadding.
 */
export function conv2dTranspose(x: TensorLike, filter: TensorLike, options: Conv2dTransposeOptions = {}): Tensor {
  const op = 'conv2dTranspose';
  const [from, kernel] = unify([toTensor(x), toTensor(filter)], cast, 'float') as [Tensor, Tensor];
  checkRank(op, 'filter', kernel.shape, 'height,width,filters/groups,channels');
  const strides = pairOf(options.strides ?? 1);
  const dilation = pairOf(options.dilationRate ?? 1);
  const groups = options.groups ?? 1;
  const extra = options.outputPadding === undefined ? undefined : pairOf(options.outputPadding);
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'outputPadding', extra ?? [], 0);
  if (extra !== undefined && (extra[0] >= strides[0] || extra[1] >= strides[1])) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `outputPadding ${extra.join(', ')} must be less than strides ${strides.join(', ')}.`,
      got: extra,
      want: strides,
    });
  }
  return inFormat(op, from, options.dataFormat, (picture) => {
    checkRank(op, 'x', picture.shape, 'n,h,w,channels');
    if (picture.shape[3] !== kernel.shape[3]) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `filter expects ${kernel.shape[3]} input channels but x has ${picture.shape[3]}.`,
        lines: [`x=${formatShape(picture.shape)} filter=${formatShape(kernel.shape)} groups=${groups}`],
        got: [picture.shape, kernel.shape],
        hint: "The last axis of a transposed convolution's filter holds the channels of x.",
      });
    }
    const along = (axis: 0 | 1): TransposedAxis => {
      const span = spanOf(kernel.shape[axis] as number, dilation[axis]);
      const sizes = { size: picture.shape[axis + 1] as number, span, stride: strides[axis], extra: extra?.[axis] };
      const { padding = 'valid' } = options;
      if (typeof padding === 'string') return transposedAxis(op, padding, sizes);
      return transposedValid(sizes, paddingOf(op, padding, [0, 0], [1, 1], [1, 1])[axis], false);
    };
    const [rows, columns] = [along(0), along(1)];
    const params = { strides, padding: [rows.padding, columns.padding] as const, dilation, groups };
    return inputGradient(picture, kernel, [0, rows.size, columns.size], params);
  });
}

/** @internal One axis of a transposed convolution. Throws `argument` for an unknown word. */
export function transposedAxis(op: string, padding: PaddingWord, sizes: TransposedSizes): TransposedAxis {
  if (padding.toLowerCase() === 'same') return transposedSame(sizes);
  return transposedValid(sizes, paddingOf(op, padding, [0, 0], [1, 1], [1, 1])[0], true);
}

/** Along one axis: the output's size, and the padding of the convolution that leads back from it. */
export interface TransposedAxis {
  readonly size: number;
  readonly padding: Pair;
}

export interface TransposedSizes {
  readonly size: number;
  readonly span: number;
  readonly stride: number;
  /** outputPadding, where it is given. */
  readonly extra: number | undefined;
}

function transposedSame({ size, span, stride, extra }: TransposedSizes): TransposedAxis {
  const full = (size - 1) * stride + span;
  const out = extra === undefined ? size * stride : full - 2 * Math.floor(span / 2) + extra;
  const total = Math.max(0, full - out);
  return { size: out, padding: [Math.floor(total / 2), Math.ceil(total / 2)] };
}

function transposedValid(
  { size, span, stride, extra }: TransposedSizes,
  padding: Pair,
  isValid: boolean,
): TransposedAxis {
  // A filter smaller than the stride leaves untouched cells behind its last stamp; Keras keeps them.
  const rest = extra ?? (isValid ? Math.max(stride - span, 0) : 0);
  return { size: (size - 1) * stride + span - padding[0] - padding[1] + rest, padding };
}

/** How a convolution over a sequence steps; `causal` pads before only, so that no output sees what follows it. */
export interface Conv1dOptions {
  strides?: number;
  padding?: PaddingWord | 'causal' | number | Pair;
  dilationRate?: number;
  groups?: number;
  dataFormat?: DataFormat;
}

/** Options along a sequence as those of a picture of one row. */
function alongRow(
  width: number,
  { strides = 1, padding = 'valid', dilationRate = 1 }: Conv1dOptions,
): { strides: Pair; padding: Padding; dilationRate: Pair } {
  const sides = (): Padding => {
    if (typeof padding === 'string' && padding !== 'causal') return padding;
    return [[0, 0], padding === 'causal' ? [spanOf(width, dilationRate) - 1, 0] : pairOf(padding)];
  };
  return { strides: [1, strides], padding: sides(), dilationRate: [1, dilationRate] };
}

/** @internal Runs `body` on a sequence as a picture [n,1,length,channels] of one row. */
export function asRow(op: string, x: Tensor, format: DataFormat | undefined, body: (row: Tensor) => Tensor): Tensor {
  const isFirst = format === 'channelsFirst';
  checkRank(op, 'x', x.shape, isFirst ? 'n,channels,length' : 'n,length,channels');
  const y = squeeze(body(expandDims(isFirst ? transpose(x, [0, 2, 1]) : x, 1)), 1);
  return isFirst ? transpose(y, [0, 2, 1]) : y;
}

/** Convolves sequences x [n,length,cin] with a filter [width,cin/groups,filters], giving [n,length',filters]. */
export function conv1d(x: TensorLike, filter: TensorLike, options: Conv1dOptions = {}): Tensor {
  const kernel = toTensor(filter);
  checkRank('conv1d', 'filter', kernel.shape, 'width,channels/groups,filters');
  const { groups = 1 } = options;
  const steps = alongRow(kernel.shape[0] as number, options);
  return asRow('conv1d', toTensor(x), options.dataFormat, (row) =>
    conv2d(row, expandDims(kernel, 0), { ...steps, groups }),
  );
}

/** Convolves every channel of x [n,length,c] with its own filters [width,c,multiplier], giving [n,length',c*multiplier]. */
export function depthwiseConv1d(
  x: TensorLike,
  filter: TensorLike,
  options: Omit<Conv1dOptions, 'groups'> = {},
): Tensor {
  const kernel = toTensor(filter);
  checkRank('depthwiseConv1d', 'filter', kernel.shape, 'width,channels,multiplier');
  const steps = alongRow(kernel.shape[0] as number, options);
  return asRow('depthwiseConv1d', toTensor(x), options.dataFormat, (row) =>
    depthwiseConv2d(row, expandDims(kernel, 0), steps),
  );
}

/** A depthwise convolution, then one of width 1 with pointwiseFilter [1,c*multiplier,filters]. */
export function separableConv1d(
  x: TensorLike,
  depthwiseFilter: TensorLike,
  pointwiseFilter: TensorLike,
  options: Omit<Conv1dOptions, 'groups'> = {},
): Tensor {
  const { dataFormat = 'channelsLast' } = options;
  return conv1d(depthwiseConv1d(x, depthwiseFilter, options), pointwiseFilter, { dataFormat });
}

/** How a transposed convolution over a sequence steps. */
export interface Conv1dTransposeOptions {
  strides?: number;
  padding?: PaddingWord;
  dilationRate?: number;
  dataFormat?: DataFormat;
  /** Elements added at the end; at least 0 and less than the stride. */
  outputPadding?: number;
}

/** The transposed convolution of sequences x [n,length,cin] with a filter [width,filters,cin]; lengths as in `conv2dTranspose`. */
export function conv1dTranspose(x: TensorLike, filter: TensorLike, options: Conv1dTransposeOptions = {}): Tensor {
  const kernel = toTensor(filter);
  checkRank('conv1dTranspose', 'filter', kernel.shape, 'width,filters,channels');
  const { strides = 1, padding = 'valid', dilationRate = 1, outputPadding } = options;
  return asRow('conv1dTranspose', toTensor(x), options.dataFormat, (row) =>
    conv2dTranspose(row, expandDims(kernel, 0), {
      strides: [1, strides],
      padding,
      dilationRate: [1, dilationRate],
      ...(outputPadding === undefined ? {} : { outputPadding: [0, outputPadding] as const }),
    }),
  );
}
