// Pictures for networks: read, cut, fitted into the size that a network takes, with or without borders.
import { join } from 'node:path';
import { type HostArray, loadImage, resizeImage } from '../../src/index.js';

/** A picture [height,width,3] of bytes, and how its pixels lie in a network's input. */
export interface Fitted {
  /** [1,height,width,3], as the network wants its numbers. */
  readonly x: { readonly data: Float32Array; readonly shape: readonly number[]; readonly dtype: 'float32' };
  /** From the input's pixels to the picture's: (p - offset) / scale. */
  readonly scale: readonly [x: number, y: number];
  readonly offset: readonly [x: number, y: number];
}

export function photo(folder: string, ...path: readonly string[]): Promise<HostArray> {
  return loadImage(join(folder, ...path), { channels: 3 });
}

export interface FitOptions {
  readonly size: readonly [height: number, width: number];
  /** Stretched (default), or whole with the rest filled: at the right and below, or on all sides. */
  readonly fit?: 'stretch' | 'corner' | 'middle';
  readonly fill?: number;
  readonly isBgr?: boolean;
  /** What becomes of a byte of a channel (red, green, blue). */
  readonly value?: (byte: number, channel: number) => number;
}

/** A picture in a network's size. */
export function asInput(picture: HostArray, options: FitOptions): Fitted {
  const { size, fit: how = 'stretch', fill = 0, isBgr = false, value = (byte) => byte } = options;
  const [rows, columns] = picture.shape as [number, number];
  const [height, width] = size;
  const ratio = Math.min(height / rows, width / columns);
  const inner: [number, number] =
    how === 'stretch' ? [height, width] : [Math.floor(rows * ratio + 1e-6), Math.floor(columns * ratio + 1e-6)];
  const resized = resizeImage(picture, inner, { method: 'bilinear' });
  const [top, left] = how === 'middle' ? [(height - inner[0]) >> 1, (width - inner[1]) >> 1] : [0, 0];
  const data = new Float32Array(height * width * 3);
  for (let i = 0; i < data.length; i++) data[i] = value(fill, isBgr ? 2 - (i % 3) : i % 3);
  for (let y = 0; y < inner[0]; y++) {
    for (let x = 0; x < inner[1]; x++) {
      for (let c = 0; c < 3; c++) {
        const byte = resized.data[(y * inner[1] + x) * 3 + c] as number;
        data[((y + top) * width + x + left) * 3 + (isBgr ? 2 - c : c)] = value(byte, c);
      }
    }
  }
  return {
    x: { data, shape: [1, height, width, 3], dtype: 'float32' },
    scale: [inner[1] / columns, inner[0] / rows],
    offset: [left, top],
  };
}

/** The largest square in the middle. */
export function middle(picture: HostArray): HostArray {
  const [rows, columns, channels] = picture.shape as [number, number, number];
  const side = Math.min(rows, columns);
  return cut(picture, [(columns - side) >> 1, (rows - side) >> 1, side, side], channels);
}

/** A part of a picture, in whole pixels inside it. */
export function cut(
  picture: HostArray,
  box: readonly [x: number, y: number, w: number, h: number],
  channels = 3,
): HostArray {
  const [rows, columns] = picture.shape as [number, number];
  const left = Math.max(0, Math.floor(box[0]));
  const top = Math.max(0, Math.floor(box[1]));
  const width = Math.min(columns - left, Math.round(box[2]));
  const height = Math.min(rows - top, Math.round(box[3]));
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((y + top) * columns + left) * channels;
    data.set((picture.data as Uint8Array).subarray(from, from + width * channels), y * width * channels);
  }
  return { data, shape: [height, width, channels], dtype: 'uint8' };
}
