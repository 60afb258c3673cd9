// Arrays as pixels, by matplotlib's rules: (M,N) through a colour map, (M,N,3) and (M,N,4) as they are, clipped.

import { FoveaError } from '../core/errors.js';
import { type Colormap, colormapTable } from './colormaps.js';
import type { Pixels } from './scene.js';

/** Numbers with a shape, such as a `HostArray`; the last axis varies fastest. */
export interface ImageArray {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly dtype?: string;
}

/** How numbers become colours. */
export interface ColourOptions {
  /** For one channel; default `viridis`. */
  colormap?: Colormap;
  /** The number that gets the map's first colour; default: the smallest finite one. */
  vmin?: number;
  /** The number that gets the map's last colour; default: the largest finite one. */
  vmax?: number;
  /** Opacity of the whole picture, 0 to 1. */
  alpha?: number;
  /** Which row comes first: the `upper` (default) or the `lower` one. */
  origin?: 'upper' | 'lower';
}

/** An array that was checked: rows, columns and 1, 3 or 4 channels. */
export interface CheckedImage {
  readonly data: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3 | 4;
  /** What full brightness is where there are 3 or 4 channels. */
  readonly white: 1 | 255;
}

/** Throws `FoveaError` code `shape` unless the array is (M,N), (M,N,1), (M,N,3) or (M,N,4), none of them 0. */
export function checkImage(array: ImageArray, op: string, path?: string): CheckedImage {
  const place = path === undefined ? {} : { path };
  const { data, shape } = array;
  const [height, width, channels = 1] = shape;
  const isShape =
    (shape.length === 2 || shape.length === 3) &&
    shape.every((dim) => Number.isInteger(dim) && dim > 0) &&
    (channels === 1 || channels === 3 || channels === 4);
  if (!isShape) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `a picture cannot have the shape [${shape.join(', ')}].`,
      got: shape,
      want: '[M, N], [M, N, 1], [M, N, 3] or [M, N, 4]',
      hint: 'Give [M, N] for one channel, or [M, N, 3] or [M, N, 4] for colour; take one picture out of a batch.',
      ...place,
    });
  }
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (data.length !== count) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `the shape [${shape.join(', ')}] needs ${count} numbers but there are ${data.length}.`,
      got: data.length,
      want: count,
      hint: 'Give data and shape of the same array.',
      ...place,
    });
  }
  if (array.dtype === 'bfloat16' || (array.dtype === 'float16' && data instanceof Uint16Array)) {
    throw new FoveaError({
      code: 'dtype',
      op,
      message: `${array.dtype} numbers are stored as bit patterns and cannot be drawn.`,
      got: array.dtype,
      hint: 'Convert the array to float32 first.',
      ...place,
    });
  }
  return { data, height: height as number, width: width as number, channels, white: whiteOf(array) } as CheckedImage;
}

// As in matplotlib whole-number types have 255 for white and floating types 1. A plain list has no type: it is taken
// for bytes where it holds whole numbers only and one of them exceeds 1.
function whiteOf({ data, dtype }: ImageArray): 1 | 255 {
  if (dtype !== undefined) return dtype === 'uint8' || dtype === 'int32' ? 255 : 1;
  if (data instanceof Float32Array || data instanceof Float64Array) return 1;
  if (ArrayBuffer.isView(data)) return 255;
  const values = Array.from(data);
  return values.every(Number.isInteger) && values.some((value) => value > 1) ? 255 : 1;
}

/** Smallest and largest finite number of several arrays; `undefined` where none is finite. */
export function finiteRange(arrays: Iterable<ArrayLike<number>>): [low: number, high: number] | undefined {
  let low = Infinity;
  let high = -Infinity;
  for (const data of arrays) {
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : undefined;
}

/**
 * The range that is mapped. Throws `FoveaError` code `nan` where the data has no finite number and no range was
 * given, and code `range` where vmin exceeds vmax.
 */
export function mappedRange(
  arrays: Iterable<ArrayLike<number>>,
  options: ColourOptions,
  op: string,
): [vmin: number, vmax: number] {
  for (const [name, value] of [
    ['vmin', options.vmin],
    ['vmax', options.vmax],
  ] as const) {
    if (value !== undefined && !Number.isFinite(value)) {
      throw new FoveaError({
        code: 'argument',
        op,
        message: `${name} is ${value}.`,
        got: value,
        want: 'a finite number',
      });
    }
  }
  let { vmin, vmax } = options;
  if (vmin === undefined || vmax === undefined) {
    const range = finiteRange(arrays);
    if (range === undefined) {
      throw new FoveaError({
        code: 'nan',
        op,
        message: 'the picture has no finite number.',
        hint: 'Look for the place where NaN or Infinity comes from, or give vmin and vmax.',
      });
    }
    vmin ??= range[0];
    vmax ??= range[1];
  }
  if (vmin > vmax) {
    throw new FoveaError({
      code: 'range',
      op,
      message: `vmin is ${vmin} but vmax is ${vmax}.`,
      got: [vmin, vmax],
      want: 'vmin <= vmax',
      hint: "Exchange them; a map is turned round by its name, such as 'gray_r'.",
    });
  }
  return [vmin, vmax];
}

/**
 * A picture's pixels. One channel goes from [vmin, vmax] through the map, what is not a number becoming transparent;
 * three or four channels are clipped to 0..white, or scaled where `range` is given.
 */
export function toPixels(
  image: CheckedImage,
  options: ColourOptions,
  range: readonly [number, number] | undefined,
  op: string,
): Pixels {
  const { height, width, channels } = image;
  const alpha = options.alpha ?? 1;
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new FoveaError({ code: 'argument', op, message: `alpha is ${alpha}.`, got: alpha, want: '0 to 1' });
  }
  const pixels = new Uint8ClampedArray(4 * width * height);
  const table = channels === 1 ? colormapTable(options.colormap ?? 'viridis') : undefined;
  for (let row = 0; row < height; row++) {
    const toRow = options.origin === 'lower' ? height - 1 - row : row;
    for (let column = 0; column < width; column++) {
      const from = channels * (row * width + column);
      const to = 4 * (toRow * width + column);
      if (table === undefined) putColour(pixels, to, image, from, range ?? [0, image.white], alpha, op);
      else putMapped(pixels, to, image.data[from] as number, range ?? [0, 1], table, alpha);
    }
  }
  return { width, height, data: pixels };
}

function putMapped(
  pixels: Uint8ClampedArray,
  to: number,
  value: number,
  [vmin, vmax]: readonly [number, number],
  table: Uint8ClampedArray,
  alpha: number,
): void {
  if (Number.isNaN(value)) return;
  // The last colour's bin is closed at vmax, all others at their lower end; one equal range maps to the first colour.
  const x = vmax === vmin ? 0 : (value - vmin) / (vmax - vmin);
  const entry = value > vmax ? 255 : Math.min(255, Math.max(0, Math.floor(256 * x)));
  for (let c = 0; c < 3; c++) pixels[to + c] = table[3 * entry + c] as number;
  pixels[to + 3] = 255 * alpha;
}

function putColour(
  pixels: Uint8ClampedArray,
  to: number,
  image: CheckedImage,
  from: number,
  [vmin, vmax]: readonly [number, number],
  alpha: number,
  op: string,
): void {
  for (let c = 0; c < image.channels; c++) {
    const value = image.data[from + c] as number;
    if (Number.isNaN(value)) {
      const pixel = from / image.channels;
      throw new FoveaError({
        code: 'nan',
        op,
        message: `the colour at row ${Math.floor(pixel / image.width)}, column ${pixel % image.width} is NaN.`,
        got: value,
        want: `a number, 0 to ${image.white}`,
      });
    }
    const opacityOrColour = c === 3 ? value / image.white : vmax === vmin ? 0 : (value - vmin) / (vmax - vmin);
    pixels[to + c] = 255 * opacityOrColour;
  }
  pixels[to + 3] = (image.channels === 4 ? (pixels[to + 3] as number) : 255) * alpha;
}
