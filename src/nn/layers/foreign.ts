// Layers that models of other libraries have and Keras has not: Caffe's and Darknet's poolings with padding of their own,
// AlexNet's normalisation over neighbouring channels, YOLOv2's reordering.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { add, divide, multiply } from '../../ops/arithmetic.js';
import { pad } from '../../ops/join.js';
import { averagePool2d, maxPool2d } from '../../ops/pool.js';
import { reshape, slice, transpose } from '../../ops/shape.js';
import { exp, log, square } from '../../ops/unary.js';
import type { Pair } from '../../ops/window.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { choice, flag, pair, real, sides, whole } from './fields.js';

/** See `PaddedPooling2D`. */
export interface PaddedPoolingOptions extends CommonOptions {
  poolSize: number | Pair;
  strides?: number | Pair;
  /** Cells per side: a number, or [[top, bottom], [left, right]]. */
  padding?: number | readonly [Pair, Pair];
  /** Default `max`. */
  mode?: 'max' | 'average';
  /** With `ceil` a last window that begins inside reaches over the edge; default `floor`. */
  rounding?: 'floor' | 'ceil';
  /** Whether an average counts the padding as zeros; default false. */
  countsPadding?: boolean;
}

const poolingFields = {
  poolSize: pair(1),
  strides: pair(1, 1),
  padding: sides(0, 2),
  mode: choice(['max', 'average'], 'max'),
  rounding: choice(['floor', 'ceil'], 'floor'),
  countsPadding: flag(false),
};

/** The windows of one axis: how many, and how far the last one reaches behind the picture. */
function windowsOf(
  size: number,
  window: number,
  stride: number,
  [before, after]: Pair,
  rounding: 'floor' | 'ceil',
): { count: number; behind: number } {
  let count = Math[rounding]((size + before + after - window) / stride) + 1;
  // The last one must begin inside the picture or the padding before it.
  if (rounding === 'ceil' && (count - 1) * stride >= size + before) count--;
  return { count, behind: Math.max(0, (count - 1) * stride + window - size - before) };
}

/** The largest value or the mean of windows over a picture with padding on each side. */
export class PaddedPooling2D extends ConfiguredLayer<typeof poolingFields> {
  static override readonly className: string = 'PaddedPooling2D';
  static override readonly module: string = 'fovea';
  static override readonly fields = poolingFields;

  constructor(options: PaddedPoolingOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { poolSize, strides, padding, mode, rounding, countsPadding } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, 'channelsLast'));
    const [rows, columns] = [0, 1].map((axis) => {
      const given = padding[axis] as Pair;
      const [size, window, stride] = [x.shape[axis + 1], poolSize[axis], strides[axis]] as [number, number, number];
      const { count, behind } = windowsOf(size, window, stride, given, rounding);
      if (count < 1) {
        throw new FoveaError({
          code: 'shape',
          op: this.className,
          message: `no window of ${poolSize.join('x')} fits a picture of ${formatShape(x.shape)}.`,
          got: x.shape,
        });
      }
      return { given, behind };
    }) as [{ given: Pair; behind: number }, { given: Pair; behind: number }];
    const over: [Pair, Pair] = [
      [rows.given[0], rows.behind],
      [columns.given[0], columns.behind],
    ];
    if (mode === 'max') return maxPool2d(x, { poolSize, strides, padding: over });
    if (!countsPadding) return averagePool2d(x, { poolSize, strides, padding: over });
    const padded = pad(x, [[0, 0], rows.given, columns.given, [0, 0]]);
    const rest = ({ given, behind }: { given: Pair; behind: number }): Pair => [0, Math.max(0, behind - given[1])];
    return averagePool2d(padded, { poolSize, strides, padding: [rest(rows), rest(columns)] });
  }
}

/** See `LocalResponseNormalization`. */
export interface LocalResponseNormalizationOptions extends CommonOptions {
  /** Channels, or cells of a side, that count; odd. Default 5. */
  size?: number;
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  bias?: number;
  /** Default over neighbouring channels; `within` a channel over neighbouring cells. */
  region?: 'across' | 'within';
}

const responseFields = {
  size: whole(1, 5),
  alpha: real(1e-4),
  beta: real(0.75),
  bias: real(1),
  region: choice(['across', 'within'], 'across'),
};

/** x / (bias + alpha * mean of squares over the neighbours) ^ beta, cells outside counting as zeros. Krizhevsky et al. 2012. */
export class LocalResponseNormalization extends ConfiguredLayer<typeof responseFields> {
  static override readonly className: string = 'LocalResponseNormalization';
  static override readonly module: string = 'fovea';
  static override readonly fields = responseFields;

  constructor(options: LocalResponseNormalizationOptions = {}) {
    super(options);
    const { size } = this.settings;
    if (size % 2 === 1) return;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `size must be odd; got ${size}.`,
      got: size,
      path: this.name,
    });
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { alpha, beta, bias } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, 'channelsLast'));
    const scale = add(multiply(this.meanSquare(x), alpha), bias);
    // The scale is above zero wherever the bias is.
    return divide(x, exp(multiply(log(scale), beta)));
  }

  private meanSquare(x: Tensor): Tensor {
    const { size, region } = this.settings;
    const half = (size - 1) / 2;
    const squares = square(x);
    if (region === 'within') {
      const padded = pad(squares, [
        [0, 0],
        [half, half],
        [half, half],
        [0, 0],
      ]);
      return averagePool2d(padded, { poolSize: size, strides: 1 });
    }
    const channels = x.shape[3] as number;
    const reach = Math.min(half, channels - 1);
    const padded = pad(squares, [
      [0, 0],
      [0, 0],
      [0, 0],
      [reach, reach],
    ]);
    const parts = Array.from({ length: 2 * reach + 1 }, (_, i) => slice(padded, [0, 0, 0, i], [-1, -1, -1, channels]));
    return divide(
      parts.reduce((sum, part) => add(sum, part)),
      size,
    );
  }
}

const reorgFields = { stride: whole(1, 2) };

/**
 * Blocks of cells as channels, in the order of Darknet's `[reorg]`: there the channels are taken apart first, so that the
 * result is not that of a plain space-to-depth.
 */
export class Reorg extends ConfiguredLayer<typeof reorgFields> {
  static override readonly className: string = 'Reorg';
  static override readonly module: string = 'fovea';
  static override readonly fields = reorgFields;

  constructor(options: CommonOptions & { stride?: number } = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { stride: s } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, 'channelsLast'));
    const [n, h, w, c] = x.shape as [number, number, number, number];
    if (c % (s * s) !== 0 || h % s !== 0 || w % s !== 0) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `a map of ${formatShape(x.shape)} cannot be reordered by stride ${s}.`,
        got: x.shape,
        hint: `Rows and columns must be multiples of ${s}, channels of ${s * s}.`,
      });
    }
    // The memory of [c,h,w], read as a map of fewer channels and more cells.
    const wide = reshape(transpose(x, [0, 3, 1, 2]), [n, c / (s * s), h, s, w, s]);
    const flat = reshape(transpose(wide, [0, 3, 5, 1, 2, 4]), [n, c * s * s, h / s, w / s]);
    return transpose(flat, [0, 2, 3, 1]);
  }
}
