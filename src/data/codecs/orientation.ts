// The orientation that cameras note beside the pixels (Exif, tag 274), and pictures turned by it.
import type { HostArray } from '../host-array.js';

/** 1 to 8 as Exif numbers them; 1, upright, where the file says nothing readable. */
export function jpegOrientation(bytes: Uint8Array): number {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Pixels begin: nothing was noted.
    if (marker === 0xda || marker === 0xd9) return 1;
    const size = ((bytes[at + 2] as number) << 8) + (bytes[at + 3] as number);
    const isExif = marker === 0xe1 && String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === 'Exif';
    if (isExif) return exifOrientation(bytes.subarray(at + 10, at + 2 + size));
    at += 2 + size;
  }
  return 1;
}

/** Reads a TIFF header and its first directory. */
export function exifOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 14) return 1;
  const isLittle = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > bytes.length) return 1;
  const entries = view.getUint16(directory, isLittle);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > bytes.length) return 1;
    if (view.getUint16(at, isLittle) !== 274) continue;
    const value = view.getUint16(at + 8, isLittle);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Turns a picture `[height, width, channels]` so that what Exif calls `orientation` stands upright. */
export function applyOrientation(image: HostArray, orientation: number): HostArray {
  if (orientation === 1) return image;
  const [height = 0, width = 0, channels = 1] = image.shape;
  const isTurned = orientation >= 5;
  // Where the picture's own axes run backwards, seen upright.
  const flipsRows = [3, 4, 6, 7].includes(orientation);
  const flipsColumns = [2, 3, 7, 8].includes(orientation);
  const [toHeight, toWidth] = isTurned ? [width, height] : [height, width];
  const data = image.data.slice();
  let to = 0;
  for (let y = 0; y < toHeight; y++) {
    for (let x = 0; x < toWidth; x++) {
      const [row, column] = isTurned ? [x, y] : [y, x];
      const from =
        ((flipsRows ? height - 1 - row : row) * width + (flipsColumns ? width - 1 - column : column)) * channels;
      for (let c = 0; c < channels; c++) data[to++] = image.data[from + c] as number;
    }
  }
  return { data, shape: [toHeight, toWidth, channels], dtype: image.dtype };
}
