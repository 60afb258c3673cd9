// What the operations on pictures share: one picture or a batch, channels last or first, and dtypes.
import { type Dtype, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { toTensor } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from '../ops/arithmetic.js';
import { expandDims, squeeze, transpose } from '../ops/shape.js';
import type { DataFormat } from '../ops/window.js';

/** Where the channels of pictures stand. */
export interface PictureOptions {
  /** `channelsLast` (default): [h,w,c] or [n,h,w,c]; `channelsFirst`: [c,h,w] or [n,c,h,w]. */
  dataFormat?: DataFormat;
}

/** A batch with channels last, [n,h,w,c]. */
export interface Batch {
  readonly pictures: Tensor;
  readonly n: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The given pictures as a batch with channels last. Throws `shape` for a rank other than 3 and 4. */
export function toBatch(op: string, images: TensorLike, { dataFormat = 'channelsLast' }: PictureOptions = {}): Batch {
  const given = toTensor(images);
  checkPictures(op, given, dataFormat);
  const four = given.rank === 3 ? expandDims(given, 0) : given;
  const pictures = dataFormat === 'channelsFirst' ? transpose(four, [0, 2, 3, 1]) : four;
  const [n, height, width, channels] = pictures.shape as [number, number, number, number];
  return { pictures, n, height, width, channels };
}

function checkPictures(op: string, { shape }: Tensor, dataFormat: DataFormat): void {
  if (dataFormat !== 'channelsLast' && dataFormat !== 'channelsFirst') {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `dataFormat must be 'channelsLast' or 'channelsFirst'; got ${JSON.stringify(dataFormat)}.`,
      got: dataFormat,
    });
  }
  if (shape.length === 3 || shape.length === 4) return;
  const axes = dataFormat === 'channelsFirst' ? 'c,h,w' : 'h,w,c';
  throw new FoveaError({
    code: 'shape',
    op,
    message: `images must be [${axes}] or [n,${axes}]; got ${formatShape(shape)}.`,
    got: shape,
    hint: shape.length === 2 ? 'Add the axis of the channel with fovea.expandDims.' : 'Give one picture or a batch.',
  });
}

/** What came of a batch [n,h,w,c], in the form that the given pictures had. */
export function fromBatch(
  result: Tensor,
  images: TensorLike,
  { dataFormat = 'channelsLast' }: PictureOptions = {},
): Tensor {
  const four = dataFormat === 'channelsFirst' ? transpose(result, [0, 3, 1, 2]) : result;
  return toTensor(images).rank === 3 ? squeeze(four, 0) : four;
}

/** Applies `body` to the pictures as a batch with channels last, and brings its result back. */
export function onBatch(
  op: string,
  images: TensorLike,
  options: PictureOptions,
  body: (batch: Batch) => Tensor,
): Tensor {
  const given = toTensor(images);
  return fromBatch(body(toBatch(op, given, options)), given, options);
}

/** Integers as float32; floats as they are. */
export function toFloat(x: Tensor): Tensor {
  return isFloat(x.dtype) ? x : cast(x, 'float32');
}

/** Throws `argument` unless `value` is one of the words. */
export function checkWord<W extends string>(op: string, name: string, value: W, words: readonly W[]): W {
  if (words.includes(value)) return value;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `${name} must be ${words.map((word) => `'${word}'`).join(' or ')}; got ${JSON.stringify(value)}.`,
    got: value,
    want: words,
  });
}

/** Throws `dtype` for pictures of integers, `what` (such as `colours from 0 to 1`) being meant for floats. */
export function checkFloat(op: string, dtype: Dtype, what: string): void {
  if (isFloat(dtype)) return;
  throw new FoveaError({
    code: 'dtype',
    op,
    message: `takes floats, ${what}; got ${dtype}.`,
    got: dtype,
    hint: 'Divide by 255 first.',
  });
}

/** Throws `shape` unless there are as many channels as wanted. */
export function checkChannels(op: string, channels: number, wanted: readonly number[]): void {
  if (wanted.includes(channels)) return;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `images must have ${wanted.join(' or ')} channels; got ${channels}.`,
    got: channels,
    want: wanted,
    hint: 'Give pictures in channelsFirst order the option dataFormat.',
  });
}
