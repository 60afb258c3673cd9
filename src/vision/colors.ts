// Colours: RGB to hue, saturation and value, and back; grey.
import { isFloat } from '../core/dtype.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, clip, divide, multiply, subtract } from '../ops/arithmetic.js';
import { equal, greater, less } from '../ops/compare.js';
import { concat } from '../ops/join.js';
import { max, min } from '../ops/reduce.js';
import { slice } from '../ops/shape.js';
import { abs, round } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { checkChannels, checkFloat, onBatch, type PictureOptions, toFloat } from './pictures.js';

/** Channel `index` of [n,h,w,c], as [n,h,w,1]. */
export function channelOf(pictures: Tensor, index: number): Tensor {
  return slice(pictures, [0, 0, 0, index], [...pictures.shape.slice(0, 3), 1]);
}

/**
 * Hue, saturation and value, all 0..1, of RGB pictures 0..1 ([h,w,3] or [n,h,w,3]); grey has hue 0. Throws `dtype` for
 * integers, `shape` for another number of channels.
 */
export function rgbToHsv(images: TensorLike, options: PictureOptions = {}): Tensor {
  return onBatch('rgbToHsv', images, options, ({ pictures, channels }) => {
    checkFloat('rgbToHsv', pictures.dtype, 'RGB from 0 to 1');
    checkChannels('rgbToHsv', channels, [3]);
    const [red, green, blue] = [0, 1, 2].map((index) => channelOf(pictures, index)) as [Tensor, Tensor, Tensor];
    const value = max(pictures, { axis: 3, keepDims: true });
    const range = subtract(value, min(pictures, { axis: 3, keepDims: true }));
    // Where a denominator is 0 the quotient is not used; 1 in its place keeps NaN out of gradients.
    const isBright = greater(value, 0);
    const saturation = where(isBright, divide(range, where(isBright, value, 1)), 0);
    const isColoured = greater(range, 0);
    const sixth = divide(1 / 6, where(isColoured, range, 1));
    const fromRed = multiply(sixth, subtract(green, blue));
    const fromGreen = add(multiply(sixth, subtract(blue, red)), 2 / 6);
    const fromBlue = add(multiply(sixth, subtract(red, green)), 4 / 6);
    const around = where(equal(red, value), fromRed, where(equal(green, value), fromGreen, fromBlue));
    const hue = where(isColoured, where(less(around, 0), add(around, 1), around), 0);
    return concat([hue, saturation, value], 3);
  });
}

/** RGB 0..1 of pictures in hue, saturation and value, the inverse of `rgbToHsv`. Throws `dtype` and `shape`. */
export function hsvToRgb(images: TensorLike, options: PictureOptions = {}): Tensor {
  return onBatch('hsvToRgb', images, options, ({ pictures, channels }) => {
    checkFloat('hsvToRgb', pictures.dtype, 'hue, saturation and value from 0 to 1');
    checkChannels('hsvToRgb', channels, [3]);
    const [hue, saturation, value] = [0, 1, 2].map((index) => channelOf(pictures, index)) as [Tensor, Tensor, Tensor];
    const sixths = multiply(hue, 6);
    const distance = (from: number): Tensor => abs(subtract(sixths, from));
    // How much of each colour there is on the circle of hues: 1 on a third of it, falling to 0 on both sides.
    const shares = [subtract(distance(3), 1), subtract(2, distance(2)), subtract(2, distance(4))];
    const rest = subtract(1, saturation);
    const parts = shares.map((share) => multiply(add(rest, multiply(saturation, clip(share, 0, 1))), value));
    return concat(parts, 3);
  });
}

/**
 * Grey pictures of one channel: .2989 red + .587 green + .114 blue. Pictures that have one channel stay as they are.
 * Integers are rounded down. Throws `shape` for other numbers of channels.
 */
export function rgbToGrayscale(images: TensorLike, options: PictureOptions = {}): Tensor {
  return onBatch('rgbToGrayscale', images, options, ({ pictures, channels }) => {
    checkChannels('rgbToGrayscale', channels, [1, 3]);
    if (channels === 1) return pictures;
    const from = toFloat(pictures);
    const [red, green, blue] = [0, 1, 2].map((index) => channelOf(from, index)) as [Tensor, Tensor, Tensor];
    const grey = add(add(multiply(red, 0.2989), multiply(green, 0.587)), multiply(blue, 0.114));
    return cast(grey, pictures.dtype);
  });
}

/** Grey pictures as RGB of three equal channels; RGB stays as it is. Throws `shape` for other numbers of channels. */
export function grayscaleToRgb(images: TensorLike, options: PictureOptions = {}): Tensor {
  return onBatch('grayscaleToRgb', images, options, ({ pictures, channels }) => {
    checkChannels('grayscaleToRgb', channels, [1, 3]);
    return channels === 3 ? pictures : concat([pictures, pictures, pictures], 3);
  });
}

/** Floats rounded and clipped to 0..255 and cast to uint8; integers are clipped and cast. */
export function toBytes(x: Tensor): Tensor {
  return cast(clip(isFloat(x.dtype) ? round(x) : x, 0, 255), 'uint8');
}
