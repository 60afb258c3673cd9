// How the ImageNet networks want their pictures, equal to keras.applications.imagenet_utils.preprocess_input.
import type { Shape } from '../core/shape.js';
import { sizeOf } from '../core/shape.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { divide, subtract } from '../ops/arithmetic.js';
import { flip } from '../ops/shape.js';
import { checkChannels, checkWord, onBatch, type PictureOptions, toFloat } from './pictures.js';

/**
 * `tf`: -1..1. `torch`: 0..1, then each channel minus ImageNet's mean, by its deviation. `caffe`: blue, green, red, each minus
 * ImageNet's mean, not scaled.
 */
export type PreprocessMode = 'tf' | 'torch' | 'caffe';

const MODES: readonly PreprocessMode[] = ['caffe', 'tf', 'torch'];
const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;
/** Of blue, green and red from 0 to 255. */
const CAFFE_MEAN = [103.939, 116.779, 123.68] as const;

/** See `preprocessInput`. */
export interface PreprocessOptions extends PictureOptions {
  /** Default `caffe`, as in Keras. */
  mode?: PreprocessMode;
}

/** A picture or a batch as plain numbers, row-major. */
export interface PictureArray {
  readonly data: Float32Array | Uint8Array | Int32Array;
  readonly shape: Shape;
}

/**
 * RGB pictures 0..255 as an ImageNet network wants them: a tensor of floats for a tensor, `{data, shape}` with a Float32Array
 * for `{data, shape}`. Throws `argument` for another mode, `shape` for other than 3 channels (or 1 with `tf`).
 */
export function preprocessInput(x: PictureArray, options?: PreprocessOptions): PictureArray & { data: Float32Array };
export function preprocessInput(x: TensorLike, options?: PreprocessOptions): Tensor;
export function preprocessInput(
  x: TensorLike | PictureArray,
  options: PreprocessOptions = {},
): Tensor | (PictureArray & { data: Float32Array }) {
  const mode = checkWord('preprocessInput', 'mode', options.mode ?? 'caffe', MODES);
  return isPictureArray(x) ? preprocessArray(x, mode, options) : preprocessTensor(x, mode, options);
}

function isPictureArray(x: TensorLike | PictureArray): x is PictureArray {
  return typeof x === 'object' && 'data' in x && ArrayBuffer.isView(x.data);
}

function preprocessTensor(x: TensorLike, mode: PreprocessMode, options: PreprocessOptions): Tensor {
  return onBatch('preprocessInput', x, options, ({ pictures, channels }) => {
    const from = toFloat(pictures);
    if (mode === 'tf') return subtract(divide(from, 127.5), 1);
    checkChannels('preprocessInput', channels, [3]);
    if (mode === 'caffe') return subtract(flip(from, 3), tensor([...CAFFE_MEAN], { dtype: from.dtype }));
    const centred = subtract(divide(from, 255), tensor([...MEAN], { dtype: from.dtype }));
    return divide(centred, tensor([...DEVIATION], { dtype: from.dtype }));
  });
}

function preprocessArray(
  { data, shape }: PictureArray,
  mode: PreprocessMode,
  { dataFormat = 'channelsLast' }: PreprocessOptions,
): PictureArray & { data: Float32Array } {
  if (mode === 'tf') return { data: Float32Array.from(data, (value) => value / 127.5 - 1), shape };
  const axis = dataFormat === 'channelsFirst' ? shape.length - 3 : shape.length - 1;
  checkChannels('preprocessInput', shape[axis] ?? 0, [3]);
  const step = sizeOf(shape.slice(axis + 1));
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) {
    const channel = Math.floor(i / step) % 3;
    if (mode === 'caffe') {
      // Blue comes from the third channel, red from the first.
      const source = i + (2 - 2 * channel) * step;
      out[i] = (data[source] as number) - (CAFFE_MEAN[channel] as number);
    } else {
      out[i] = ((data[i] as number) / 255 - (MEAN[channel] as number)) / (DEVIATION[channel] as number);
    }
  }
  return { data: out, shape };
}
