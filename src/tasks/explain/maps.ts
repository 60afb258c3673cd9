// Arithmetic on maps and pictures of the host: resizing, blurring, rolling, and heat laid over a picture.
import { FoveaError } from '../../core/errors.js';
import { convertChannels, type HostArray, resizeImage } from '../../data/index.js';
import { type Colormap, colormapTable } from '../../plot/colormaps.js';

/** Rows and columns. */
export type Size = readonly [height: number, width: number];

/** Numbers in float32, as all that is computed here. */
export interface FloatArray extends HostArray {
  readonly data: Float32Array;
  readonly dtype: 'float32';
}

/** Numbers as a float32 array. */
export function floats(data: Float32Array, shape: readonly number[]): FloatArray {
  return { data, shape: [...shape], dtype: 'float32' };
}

/** Height and width of a map or picture [h,w] or [h,w,c]. */
export function sizeOfMap({ shape }: HostArray): Size {
  return [shape[0] ?? 1, shape[1] ?? 1];
}

/** A map divided by its largest value, so that it ends at 1; all 0 where nothing is above 0. */
export function toHeat(map: HostArray): FloatArray {
  let most = 0;
  for (const value of map.data) if (value > most) most = value;
  return floats(
    Float32Array.from(map.data, (value) => (most === 0 ? 0 : Math.max(0, value) / most)),
    map.shape,
  );
}

/** A map [h,w] at another size, bilinear. */
export function resizeMap(map: FloatArray, size: Size): FloatArray {
  const [height, width] = sizeOfMap(map);
  return height === size[0] && width === size[1] ? map : (resizeImage(map, size) as FloatArray);
}

/** Absolute values over the channels of [h,w,c], added: [h,w]. */
export function magnitude({ data, shape }: HostArray): FloatArray {
  const [height, width, channels] = shape as [number, number, number];
  const out = new Float32Array(height * width);
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / channels);
    out[at] = (out[at] as number) + Math.abs(data[i] as number);
  }
  return floats(out, [height, width]);
}

/** The value below which a share of all lies. */
export function percentile(data: ArrayLike<number>, share: number): number {
  const sorted = Float32Array.from(data).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** A map as a picture of colours, 0 its first and 1 its last: bytes [h,w,3]. */
export function colourMap(heat: HostArray, colormap: Colormap): HostArray {
  const table = colormapTable(colormap);
  const data = new Uint8Array(3 * heat.data.length);
  for (let i = 0; i < heat.data.length; i++) {
    const entry = Math.min(255, Math.max(0, Math.floor(256 * (heat.data[i] as number))));
    data.set(table.subarray(3 * entry, 3 * entry + 3), 3 * i);
  }
  return { data, shape: [...sizeOfMap(heat), 3], dtype: 'uint8' };
}

/** See `overlay`. */
export interface OverlayOptions {
  /** Default `turbo`. */
  colormap?: Colormap;
  /** How much of the picture the hottest places cover, 0..1; default 0.65. */
  alpha?: number;
  /** Whether cold places leave the picture as it is (default); else the colours cover all of it alike. */
  fade?: boolean;
}

/**
 * Heat [h,w], 0..1, in colours over a picture of bytes: bytes [H,W,3]. The heat is resized to the picture. Throws `shape` for
 * what is no picture and `argument` for an alpha outside 0..1.
 */
export function overlay(picture: HostArray, heat: HostArray, options: OverlayOptions = {}): HostArray {
  const { colormap = 'turbo', alpha = 0.65, fade = true } = options;
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new FoveaError({
      code: 'argument',
      op: 'overlay',
      message: `alpha is ${alpha}.`,
      got: alpha,
      want: '0 to 1',
    });
  }
  const below = convertChannels(picture, 3);
  const fitted = resizeImage(heat, sizeOfMap(below));
  const colours = colourMap(fitted, colormap).data;
  const data = new Uint8Array(below.data.length);
  for (let i = 0; i < data.length; i++) {
    const hot = Math.min(1, Math.max(0, fitted.data[Math.floor(i / 3)] as number));
    // The root lets middling heat be seen too.
    const cover = alpha * (fade ? Math.sqrt(hot) : 1);
    data[i] = Math.round((1 - cover) * (below.data[i] as number) + cover * (colours[i] as number));
  }
  return { data, shape: below.shape, dtype: 'uint8' };
}

/** Numbers of a picture in the range low..high as bytes. */
export function toBytes({ data, shape }: HostArray, [low, high]: readonly [number, number] = [0, 255]): HostArray {
  const scale = 255 / (high - low || 1);
  const bytes = Uint8Array.from(data, (value) => Math.max(0, Math.min(255, Math.round((value - low) * scale))));
  return { data: bytes, shape, dtype: 'uint8' };
}

/** A picture [h,w,c] with as many channels as can be drawn: 1, 3 and 4 stay, others are averaged. */
export function drawable(picture: HostArray): HostArray {
  const { data, shape, dtype } = picture;
  const [height, width, channels] = shape as [number, number, number];
  if (channels === 1 || channels === 3 || channels === 4) return picture;
  const out = new Float32Array(height * width);
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / channels);
    out[at] = (out[at] as number) + (data[i] as number) / channels;
  }
  const mean = floats(out, [height, width, 1]);
  return dtype === 'uint8' ? toBytes(mean) : mean;
}

/** A signed picture about a middle grey, its spread as wide as the bytes allow: how guided gradients are looked at. */
export function aboutGrey(picture: HostArray): HostArray {
  const { data, shape } = drawable(picture);
  const most = percentile(
    Float32Array.from(data, (value) => Math.abs(value)),
    0.995,
  );
  return toBytes(floats(data as Float32Array, shape), most === 0 ? [-1, 1] : [-most, most]);
}

/** Pictures [n,h,w,c] moved down and right, what leaves one side coming back at the other. */
export function roll(
  data: Float32Array,
  [n, height, width, channels]: readonly [number, number, number, number],
  [down, right]: Size,
): Float32Array {
  const out = new Float32Array(data.length);
  const around = (x: number, size: number): number => ((x % size) + size) % size;
  const shift = around(right, width) * channels;
  const line = width * channels;
  for (let row = 0; row < n * height; row++) {
    const picture = Math.floor(row / height);
    const to = (picture * height + around((row % height) + down, height)) * line;
    const from = data.subarray(row * line, (row + 1) * line);
    out.set(from.subarray(line - shift), to);
    out.set(from.subarray(0, line - shift), to + shift);
  }
  return out;
}

/** Pictures [n,h,w,c] blurred by a Gaussian of this deviation in pixels; borders are repeated. */
export function blur(
  data: Float32Array,
  [, height, width, channels]: readonly [number, number, number, number],
  sigma: number,
): Float32Array {
  if (!(sigma > 0)) return data.slice();
  const radius = Math.ceil(3 * sigma);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const across = new Float32Array(data.length);
  const pass = (from: Float32Array, to: Float32Array, count: number, step: number, at: (i: number) => number): void => {
    for (let i = 0; i < from.length; i++) {
      const place = at(i);
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        const other = Math.max(0, Math.min(count - 1, place + k));
        sum += (weights[k + radius] as number) * (from[i + (other - place) * step] as number);
      }
      to[i] = sum / total;
    }
  };
  const line = width * channels;
  pass(data, across, width, channels, (i) => Math.floor((i % line) / channels));
  const out = new Float32Array(data.length);
  pass(across, out, height, line, (i) => Math.floor(i / line) % height);
  return out;
}

/** Throws `argument` unless `value` is a whole number of at least 1. */
export function checkCount(op: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `${name} is ${value}.`,
    got: value,
    want: 'a whole number of at least 1',
  });
}
