// Counts of brightness, and what follows from them: equalised and stretched pictures.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { toTensor } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { add, cast, clip, divide, maximum, multiply, subtract } from '../ops/arithmetic.js';
import { greater, greaterEqual, lessEqual, logicalAnd } from '../ops/compare.js';
import { ones, range } from '../ops/create.js';
import { gather, scatterAdd } from '../ops/gather.js';
import { matmul } from '../ops/matmul.js';
import { max, min, sum } from '../ops/reduce.js';
import { reshape, slice, squeeze } from '../ops/shape.js';
import { floor, round } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { type Batch, onBatch, type PictureOptions, toBatch, toFloat } from './pictures.js';

/** Darkest and brightest value there can be. */
export type ValueRange = readonly [low: number, high: number];

/** See `histogram`. */
export interface HistogramOptions extends PictureOptions {
  /** Default 256. */
  bins?: number;
  /** Where the first bin begins and the last ends; default [0, 256], so that each byte has a bin of its own. */
  range?: ValueRange;
}

/** See `equalize`. */
export interface EqualizeOptions extends PictureOptions {
  /** Default [0, 255]. */
  valueRange?: ValueRange;
  /** Levels that are told apart; default 256. */
  bins?: number;
}

function checkBins(op: string, bins: number, [low, high]: ValueRange): void {
  if (Number.isInteger(bins) && bins >= 1 && Number.isFinite(low) && Number.isFinite(high) && low < high) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `needs at least 1 bin and a range that rises; got ${bins} bins from ${low} to ${high}.`,
    got: { bins, range: [low, high] },
  });
}

/** Where the table of each element begins: tables of `bins`, one per picture and channel, or one per channel. */
function tableStart({ n, channels }: Batch, bins: number, isShared: boolean): Tensor {
  const channel = reshape(multiply(range(channels), bins), [1, 1, 1, channels]);
  return isShared ? channel : add(channel, reshape(multiply(range(n), bins * channels), [n, 1, 1, 1]));
}

/** How often each bin (int32 [n,h,w,c]) occurs: float32 [tables,bins], exact up to 2^24. */
function countBins(batch: Batch, places: Tensor, bins: number, isShared: boolean): Tensor {
  const tables = isShared ? batch.channels : batch.n * batch.channels;
  const flat = reshape(places, [places.size]);
  return reshape(scatterAdd(ones([places.size]), flat, tables * bins), [tables, bins]);
}

/**
 * How many pixels of each channel fall into each of `bins` equal parts of the range: int32 [c,bins] for [h,w,c],
 * [n,c,bins] for a batch. The end of the range belongs to the last bin; values outside are not counted. Throws `argument`.
 */
export function histogram(images: TensorLike, options: HistogramOptions = {}): Tensor {
  const op = 'histogram';
  const { bins = 256, range: [low, high] = [0, 256], ...rest } = options;
  checkBins(op, bins, [low, high]);
  const given = toTensor(images);
  const batch = toBatch(op, given, rest);
  const { pictures, n, channels } = batch;
  const values = cast(pictures, 'float32');
  const part = clip(floor(multiply(subtract(values, low), bins / (high - low))), 0, bins - 1);
  const isInside = logicalAnd(greaterEqual(values, low), lessEqual(values, high));
  // What is put at -1 is not counted.
  const places = where(isInside, add(cast(part, 'int32'), tableStart(batch, bins, false)), -1);
  const counts = reshape(countBins(batch, places, bins, false), [n, channels, bins]);
  const result = cast(counts, 'int32');
  return given.rank === 3 ? squeeze(result, 0) : result;
}

/** @internal Floats equalised; `isShared` counts each channel over the whole batch, as Keras's layer does. */
export function equalizeBatch(batch: Batch, [low, high]: ValueRange, bins: number, isShared: boolean): Tensor {
  const scale = 255 / (high - low);
  const isBytes = low === 0 && high === 255;
  const values = isBytes ? batch.pictures : add(multiply(batch.pictures, scale), -low * scale);
  const start = tableStart(batch, bins, isShared);
  const level = cast(clip(multiply(values, (bins - 1) / 255), 0, bins - 1), 'int32');
  const places = add(level, start);
  const counts = countBins(batch, places, bins, isShared);
  const upTo = Float32Array.from({ length: bins * bins }, (_, i) => (Math.floor(i / bins) <= i % bins ? 1 : 0));
  const below = matmul(counts, tensor(upTo, { shape: [bins, bins] }));
  const total = slice(below, [0, bins - 1], [below.shape[0] as number, 1]);
  const isUsed = greater(counts, 0);
  const first = min(where(isUsed, below, total), { axis: 1, keepDims: true });
  const span = maximum(subtract(total, first), 1);
  const table = clip(round(divide(multiply(subtract(below, first), 255), span)), 0, 255);
  const found = cast(gather(reshape(table, [table.size]), places), values.dtype);
  // A channel of one level stays as it is.
  const levels = reshape(sum(cast(isUsed, 'float32'), { axis: 1 }), isShared ? [1, 1, 1, -1] : [batch.n, 1, 1, -1]);
  const equalized = where(greater(levels, 1), found, values);
  return isBytes ? equalized : add(multiply(equalized, 1 / scale), low);
}

/**
 * Pictures whose levels are dealt out evenly: each channel of each picture is mapped so that every range of brightness holds
 * about as many pixels as another of its width. Throws `argument`.
 */
export function equalize(images: TensorLike, options: EqualizeOptions = {}): Tensor {
  const { valueRange = [0, 255], bins = 256 } = options;
  checkBins('equalize', bins, valueRange);
  return onBatch('equalize', images, options, (batch) => {
    const { dtype } = batch.pictures;
    const result = equalizeBatch({ ...batch, pictures: toFloat(batch.pictures) }, valueRange, bins, false);
    return cast(isFloat(dtype) ? result : round(result), dtype);
  });
}

/**
 * Pictures stretched so that the darkest value of each channel becomes the start of the range (default 0 to 255) and the brightest
 * its end; a channel of one value stays as it is. Integers are rounded.
 */
export function autoContrast(
  images: TensorLike,
  { valueRange = [0, 255], ...options }: PictureOptions & { valueRange?: ValueRange } = {},
): Tensor {
  const [low, high] = valueRange;
  return onBatch('autoContrast', images, options, ({ pictures }) => {
    const from = toFloat(pictures);
    const darkest = min(from, { axis: [1, 2], keepDims: true });
    const span = subtract(max(from, { axis: [1, 2], keepDims: true }), darkest);
    const isFlat = lessEqual(span, 0);
    const share = divide(subtract(from, darkest), where(isFlat, 1, span));
    const stretched = where(isFlat, from, add(multiply(share, high - low), low));
    return cast(isFloat(pictures.dtype) ? stretched : round(stretched), pictures.dtype);
  });
}
