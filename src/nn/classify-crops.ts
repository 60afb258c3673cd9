// Crops of a picture for a test by several: the middle, the four corners, and their mirror images (Krizhevsky, Sutskever and
// Hinton 2012).
import type { HostArray } from '../data/host-array.js';
import { makeHostData } from '../data/host-array.js';

/** The crops `[height, width, channels]` of a picture: the middle, the corners from top left to bottom right; of 10, then mirrored. */
export function cropRows(
  picture: HostArray,
  [height, width]: readonly [height: number, width: number],
  crops: 5 | 10,
): HostArray[] {
  const [rows, columns] = picture.shape as readonly [number, number, number];
  const [down, across] = [rows - height, columns - width];
  const places = [
    [Math.floor(down / 2), Math.floor(across / 2)],
    [0, 0],
    [0, across],
    [down, 0],
    [down, across],
  ] as const;
  const cut = (isMirrored: boolean): HostArray[] =>
    places.map(([top, left]) => cropOf(picture, { top, left, height, width, isMirrored }));
  return crops === 5 ? cut(false) : [...cut(false), ...cut(true)];
}

function cropOf(
  { data, shape, dtype }: HostArray,
  crop: { top: number; left: number; height: number; width: number; isMirrored: boolean },
): HostArray {
  const [, columns, channels] = shape as readonly [number, number, number];
  const { top, left, height, width, isMirrored } = crop;
  const out = makeHostData(dtype, height * width * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * columns + left) * channels;
    const to = y * width * channels;
    if (!isMirrored) {
      out.set(data.subarray(from, from + width * channels), to);
      continue;
    }
    for (let x = 0; x < width; x++) {
      const pixel = from + (width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) out[to + x * channels + c] = data[pixel + c] as number;
    }
  }
  return { data: out, shape: [height, width, channels], dtype };
}
