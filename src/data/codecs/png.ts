// PNG files by fast-png: every depth and colour type, interlaced or not, to bytes of 1, 3 or 4 channels.
import { convertIndexedToRgb, decode } from 'fast-png';
import type { HostArray } from '../host-array.js';

/** Decodes a file to uint8 `[height, width, 1|2|3|4]`; 16 bits keep their upper half, palettes become colours. */
export function decodePng(bytes: Uint8Array): HostArray {
  checkSize(bytes);
  const png = decode(bytes, { checkCrc: true });
  const { width, height } = png;
  if (png.palette !== undefined) {
    const data = Uint8Array.from(convertIndexedToRgb(png));
    return { data, shape: [height, width, data.length / (width * height)], dtype: 'uint8' };
  }
  let data: Uint8Array;
  if (png.depth === 16) data = Uint8Array.from(png.data, (value) => value >> 8);
  else if (png.depth === 8) data = new Uint8Array(png.data.buffer, png.data.byteOffset, png.data.length);
  else data = unpackBits(png.data, width, height, png.depth);
  return { data, shape: [height, width, png.channels], dtype: 'uint8' };
}

/** Throws where the header promises more pixels than so few bytes can hold: deflate packs at most 1032 into one. */
function checkSize(bytes: Uint8Array): void {
  if (bytes.length < 26) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const samples = { 2: 3, 4: 2, 6: 4 }[view.getUint8(25)] ?? 1;
  const unpacked = height * Math.ceil((width * samples * view.getUint8(24)) / 8);
  if (unpacked > 1032 * bytes.length)
    throw new Error(`its header says ${width} x ${height} pixels, which ${bytes.length} bytes cannot hold`);
}

// Grey pictures of 1, 2 or 4 bits: rows begin at whole bytes, the leftmost pixel in the highest bits.
function unpackBits(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  if (data.length === width * height) return Uint8Array.from(data, (value) => value * (255 / (2 ** depth - 1)));
  const out = new Uint8Array(width * height);
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)] as number;
      out[y * width + x] = ((byte >> (8 - depth - (bit & 7))) & most) * (255 / most);
    }
  }
  return out;
}
