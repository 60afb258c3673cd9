// Turning raw pictures and labels into what a network is fed: scaling, standardising, one-hot labels.
import { FoveaError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { type HostArray, type HostArrayLike, rowCount, toHostArray } from './host-array.js';

/** Over what the mean and deviation are taken: each pixel and channel by itself, each channel, or everything. */
export type StandardizeOver = 'pixel' | 'channel' | 'all';

// As the usual recipe `(x - mean) / (std + 1e-7)`: a pixel that never changes gives 0, not NaN.
const EPSILON = 1e-7;

/**
 * The mean and standard deviation of a training part, applied to any part: `(x - mean) / (std + 1e-7)`.
 *
 * @example
 * const standardizer = Standardizer.fit(train.x);
 * const scaled = train.withX(standardizer.apply(train.x));
 */
export class Standardizer {
  private constructor(
    /** Means: the shape of one example, `[channels]`, or `[]`. */
    readonly mean: HostArray,
    /** Standard deviations plus 1e-7, in the mean's shape. */
    readonly std: HostArray,
  ) {}

  /** Measures examples `[n, ...]`; throws `value` when there are none. */
  static fit(x: HostArrayLike, options: { over?: StandardizeOver } = {}): Standardizer {
    const array = toHostArray(x, 'Standardizer.fit');
    const shape = statisticsShape(array, options.over ?? 'pixel');
    const groups = sizeOf(shape);
    const count = array.data.length / Math.max(1, groups);
    if (rowCount(array) === 0) {
      throw new FoveaError({
        code: 'value',
        op: 'Standardizer.fit',
        message: `no examples to measure: the shape is ${formatShape(array.shape)}.`,
        hint: 'Fit on the training part.',
      });
    }
    // Two passes in float64: the one-pass formula loses the small deviations of bright pixels.
    const mean = new Float64Array(groups);
    const { data } = array;
    for (let i = 0, g = 0; i < data.length; i++) {
      mean[g] = (mean[g] as number) + (data[i] as number);
      if (++g === groups) g = 0;
    }
    for (let g = 0; g < groups; g++) mean[g] = (mean[g] as number) / count;
    const variance = new Float64Array(groups);
    for (let i = 0, g = 0; i < data.length; i++) {
      const difference = (data[i] as number) - (mean[g] as number);
      variance[g] = (variance[g] as number) + difference * difference;
      if (++g === groups) g = 0;
    }
    const std = variance.map((sum) => Math.sqrt(sum / count) + EPSILON);
    return new Standardizer(
      { data: Float32Array.from(mean), shape, dtype: 'float32' },
      { data: Float32Array.from(std), shape, dtype: 'float32' },
    );
  }

  /** Statistics kept from an earlier fit, for instance read from a file; `std` already holds the 1e-7. */
  static from(mean: HostArrayLike, std: HostArrayLike): Standardizer {
    return new Standardizer(toHostArray(mean), toHostArray(std));
  }

  /** Standardises examples `[n, ...]` to float32; throws `shape` when their inner shape is not the fitted one. */
  apply(x: HostArrayLike): HostArray {
    const array = toHostArray(x, 'Standardizer.apply');
    const groups = this.mean.data.length;
    const tail = array.shape.slice(array.shape.length - this.mean.shape.length);
    if (formatShape(tail) !== formatShape(this.mean.shape)) {
      throw new FoveaError({
        code: 'shape',
        op: 'Standardizer.apply',
        message: `x has shape ${formatShape(array.shape)} but the statistics were fitted on ${formatShape(this.mean.shape)}.`,
        got: array.shape,
        want: this.mean.shape,
        hint: 'Give examples of the shape that was fitted.',
      });
    }
    const out = new Float32Array(array.data.length);
    const mean = this.mean.data;
    const factor = Float64Array.from(this.std.data, (value) => 1 / value);
    for (let i = 0, g = 0; i < out.length; i++) {
      out[i] = ((array.data[i] as number) - (mean[g] as number)) * (factor[g] as number);
      if (++g === groups) g = 0;
    }
    return { data: out, shape: array.shape, dtype: 'float32' };
  }
}

function statisticsShape(array: HostArray, over: StandardizeOver): number[] {
  if (over === 'pixel') return array.shape.slice(1);
  return over === 'channel' ? array.shape.slice(-1) : [];
}

/** `x * factor + offset` as float32; the usual factor 1/255 takes bytes to 0..1. */
export function scale(x: HostArrayLike, factor = 1 / 255, offset = 0): HostArray {
  const array = toHostArray(x, 'scale');
  const out = new Float32Array(array.data.length);
  for (let i = 0; i < out.length; i++) out[i] = (array.data[i] as number) * factor + offset;
  return { data: out, shape: array.shape, dtype: 'float32' };
}

/**
 * One-hot rows `[..., numClasses]` (float32) of whole-number labels; without `numClasses`, the largest label plus one.
 * Throws `range` with the first label outside 0..numClasses-1.
 */
export function toCategorical(labels: HostArrayLike, numClasses?: number): HostArray {
  const { data, shape } = toHostArray(labels, 'toCategorical');
  let classes = numClasses ?? 0;
  if (numClasses === undefined) for (const label of data) classes = Math.max(classes, label + 1);
  const out = new Float32Array(data.length * classes);
  for (let i = 0; i < data.length; i++) {
    const label = data[i] as number;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new FoveaError({
        code: 'range',
        op: 'toCategorical',
        message: `label ${label} at index ${i} is outside 0..${classes - 1}.`,
        got: label,
        want: `0..${classes - 1}`,
        hint: 'Labels are whole numbers that count from 0; set numClasses to their number.',
      });
    }
    out[i * classes + label] = 1;
  }
  // A trailing axis of one label per example is replaced, as in Keras: [n,1] gives [n,classes].
  const outer = shape.length > 1 && shape.at(-1) === 1 ? shape.slice(0, -1) : shape;
  return { data: out, shape: [...outer, classes], dtype: 'float32' };
}
