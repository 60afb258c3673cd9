// BMP files without compression: palettes of 1, 4 and 8 bits, 16 bits by masks, 24 and 32 bits, either row order.
import type { HostArray } from '../host-array.js';
import { UnreadKind } from './unread.js';

/** Decodes a file to uint8 `[height, width, 3]`; opacity is not kept, as most writers leave it empty. */
export function decodeBmp(bytes: Uint8Array): HostArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 54) throw new Error(`it ends early, after ${bytes.length} bytes`);
  const dataAt = view.getUint32(10, true);
  const headerSize = view.getUint32(14, true);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const depth = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  const hasMasks = compression === 3 || compression === 6;
  if (headerSize < 40 || ![1, 4, 8, 16, 24, 32].includes(depth) || !(compression === 0 || hasMasks)) {
    throw new UnreadKind('it has a compression or header of another kind');
  }
  if (width <= 0 || height === 0) throw new Error(`its size is ${width} x ${height}`);
  const stride = Math.ceil((width * depth) / 32) * 4;
  if (dataAt + stride * height > bytes.length) throw new Error(`it ends early, after ${bytes.length} bytes`);
  const palette = 14 + headerSize + (hasMasks && headerSize === 40 ? 12 : 0);
  const masks = hasMasks
    ? [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)]
    : depth === 16
      ? [0x7c00, 0x3e0, 0x1f]
      : [0xff0000, 0xff00, 0xff];
  const fields = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, most: mask >>> shift || 1 };
  });
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = dataAt + (signedHeight > 0 ? height - 1 - y : y) * stride;
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * 3;
      if (depth <= 8) {
        const bit = x * depth;
        const byte = bytes[row + (bit >> 3)] as number;
        const entry = palette + 4 * ((byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1));
        if (entry + 3 > dataAt) throw new Error('a pixel names a colour that its palette lacks');
        for (let c = 0; c < 3; c++) data[to + c] = bytes[entry + 2 - c] as number;
      } else if (depth === 24) {
        for (let c = 0; c < 3; c++) data[to + c] = bytes[row + 3 * x + 2 - c] as number;
      } else {
        const pixel = depth === 16 ? view.getUint16(row + 2 * x, true) : view.getUint32(row + 4 * x, true);
        for (const [c, { mask, shift, most }] of fields.entries()) {
          data[to + c] = Math.round((((pixel & mask) >>> shift) * 255) / most);
        }
      }
    }
  }
  return { data, shape: [height, width, 3], dtype: 'uint8' };
}
