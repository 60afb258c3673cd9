// Resizing pictures `[height, width, channels]`. Two families: as TensorFlow samples (half-pixel centres, no
// antialiasing) and as Pillow does (the filter widens when shrinking; bytes are rounded after each of the two passes,
// equal to Pillow's).
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import {
  kerasTaps,
  nearestPlaces,
  type PilInterpolation,
  pilMakesRowsFirst,
  pilTaps,
  type Taps,
} from '../ops/resize-weights.js';
import { type HostArray, makeHostData } from './host-array.js';
import { type AxisTaps, type ResamplePlan, resample, wholePixels } from './resample.js';

/**
 * `bilinear` and `nearest` sample without antialiasing, as tf.image.resize and Keras do. The others are Pillow's
 * filters, which average when shrinking: `area` (its box), `bilinear-antialias`, `hamming`, `bicubic`, `lanczos`.
 */
export type ResizeMethod = 'bilinear' | 'nearest' | 'area' | 'bilinear-antialias' | 'hamming' | 'bicubic' | 'lanczos';

/** Pillow's name of a method that averages. */
const PIL_METHODS = {
  area: 'box',
  'bilinear-antialias': 'bilinear',
  hamming: 'hamming',
  bicubic: 'bicubic',
  lanczos: 'lanczos',
} as const satisfies Record<Exclude<ResizeMethod, 'bilinear' | 'nearest'>, PilInterpolation>;

/**
 * Resizes a picture `[height, width, channels]` or `[height, width]` to `size` `[height, width]`, keeping its dtype.
 * Bytes are rounded to the nearest level. Throws `shape` and `argument`.
 */
export function resizeImage(
  image: HostArray,
  size: readonly [height: number, width: number],
  options: { method?: ResizeMethod } = {},
): HostArray {
  const method = options.method ?? 'bilinear';
  const [height, width] = image.shape;
  const channels = image.shape[2] ?? 1;
  if (height === undefined || width === undefined || image.shape.length > 3) {
    throw new FoveaError({
      code: 'shape',
      op: 'resizeImage',
      message: `a picture has the shape [height,width,channels], not ${formatShape(image.shape)}.`,
      got: image.shape,
      hint: 'Give one picture; for a batch, resize each.',
    });
  }
  const [toHeight, toWidth] = size;
  if (
    !(Number.isInteger(toHeight) && Number.isInteger(toWidth) && toHeight > 0 && toWidth > 0) ||
    height * width === 0
  ) {
    throw new FoveaError({
      code: 'argument',
      op: 'resizeImage',
      message: `a picture of ${height} x ${width} cannot become ${toHeight} x ${toWidth}.`,
      got: size,
      hint: 'Give height and width as whole numbers from 1.',
    });
  }
  const shape = image.shape.length === 3 ? [toHeight, toWidth, channels] : [toHeight, toWidth];
  if (method === 'nearest') {
    return { data: sampleNearest(image, height, width, channels, toHeight, toWidth), shape, dtype: image.dtype };
  }
  if (image.dtype === 'uint8') {
    const data = new Uint8Array(toHeight * toWidth * channels);
    const from = wholePixels(image.data as Uint8Array, [height, width, channels]);
    resample(from, planResize([height, width], size, method), data, 0);
    return { data, shape, dtype: 'uint8' };
  }
  const columns =
    method === 'bilinear' ? kerasTaps(method, width, toWidth) : pilTaps(PIL_METHODS[method], width, toWidth);
  const rows =
    method === 'bilinear' ? kerasTaps(method, height, toHeight) : pilTaps(PIL_METHODS[method], height, toHeight);
  const across = new Float64Array(height * toWidth * channels);
  resampleColumns(image.data, across, height, width, toWidth, channels, columns);
  const out = new Float64Array(toHeight * toWidth * channels);
  resampleRows(across, out, toHeight, toWidth * channels, rows);
  const data = makeHostData(image.dtype, out.length);
  const round = image.dtype === 'int32' ? Math.round : (value: number) => value;
  for (let i = 0; i < out.length; i++) data[i] = round(out[i] as number);
  return { data, shape, dtype: image.dtype };
}

/** How a picture of bytes is resized. */
export function planResize(
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
  method: ResizeMethod,
): ResamplePlan {
  const isFilter = method !== 'bilinear' && method !== 'nearest';
  return {
    rows: byteTaps(height, toHeight, method),
    columns: byteTaps(width, toWidth, method),
    isRowsFirst: isFilter && pilMakesRowsFirst([height, width], [toHeight, toWidth]),
  };
}

/** A filter's weights for bytes are whole numbers, as in Pillow. */
const FRACTION = 2 ** 22;

function byteTaps(from: number, to: number, method: ResizeMethod): AxisTaps {
  const none = new Int32Array(0);
  const noFraction = new Float64Array(to);
  if (method === 'nearest') {
    const places = nearestPlaces('keras', from, to);
    return { count: to, first: places, second: places, fraction: noFraction, used: none, stride: 0, weights: none };
  }
  if (method === 'bilinear') {
    const { first, count, stride, weights } = kerasTaps(method, from, to);
    const second = first.map((place, i) => place + (count[i] as number) - 1);
    const fraction = noFraction.map((_, i) => ((count[i] as number) > 1 ? (weights[i * stride + 1] as number) : 0));
    return { count: to, first, second, fraction, used: none, stride: 0, weights: none };
  }
  const { first, count: used, stride, weights } = pilTaps(PIL_METHODS[method], from, to);
  const whole = Int32Array.from(weights, (weight) => Math.trunc(weight * FRACTION + (weight < 0 ? -0.5 : 0.5)));
  return { count: to, first, second: none, fraction: new Float64Array(0), used, stride, weights: whole };
}

function sampleNearest(
  image: HostArray,
  height: number,
  width: number,
  channels: number,
  toHeight: number,
  toWidth: number,
): HostArray['data'] {
  const out = makeHostData(image.dtype, toHeight * toWidth * channels);
  const rows = nearestPlaces('keras', height, toHeight);
  const columns = nearestPlaces('keras', width, toWidth);
  for (let y = 0; y < toHeight; y++) {
    const row = (rows[y] as number) * width;
    for (let x = 0; x < toWidth; x++) {
      const source = (row + (columns[x] as number)) * channels;
      const target = (y * toWidth + x) * channels;
      for (let c = 0; c < channels; c++) out[target + c] = image.data[source + c] as number;
    }
  }
  return out;
}

function resampleColumns(
  from: ArrayLike<number>,
  to: Float64Array,
  height: number,
  width: number,
  toWidth: number,
  channels: number,
  taps: Taps,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < toWidth; x++) {
      const source = (y * width + (taps.first[x] as number)) * channels;
      const target = (y * toWidth + x) * channels;
      const count = taps.count[x] as number;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < count; k++) {
          sum += (from[source + k * channels + c] as number) * (taps.weights[x * taps.stride + k] as number);
        }
        to[target + c] = sum;
      }
    }
  }
}

function resampleRows(from: Float64Array, to: Float64Array, toHeight: number, rowSize: number, taps: Taps): void {
  for (let y = 0; y < toHeight; y++) {
    const target = y * rowSize;
    for (let k = 0; k < (taps.count[y] as number); k++) {
      const weight = taps.weights[y * taps.stride + k] as number;
      const source = ((taps.first[y] as number) + k) * rowSize;
      for (let i = 0; i < rowSize; i++) {
        to[target + i] = (to[target + i] as number) + weight * (from[source + i] as number);
      }
    }
  }
}
