// The first picture of a GIF file.
import type { HostArray } from '../host-array.js';

/** Decodes the first frame to uint8 `[height, width, 3]`, or 4 channels where it has a transparent colour. */
export function decodeGif(bytes: Uint8Array): HostArray {
  const word = (at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const [width, height, flags] = [word(6), word(8), bytes[10] ?? 0];
  if (width === 0 || height === 0) throw new Error(`its size is ${width} x ${height}`);
  let at = 13;
  let palette = bytes.subarray(at, at + (flags & 128 ? 3 * 2 ** ((flags & 7) + 1) : 0));
  at += palette.length;
  let transparent = -1;
  while (bytes[at] === 0x21) {
    // A graphic control extension says which colour is none.
    if (bytes[at + 1] === 0xf9 && (bytes[at + 3] ?? 0) & 1) transparent = bytes[at + 6] ?? -1;
    at += 2;
    while ((bytes[at] ?? 0) !== 0) at += 1 + (bytes[at] as number);
    at++;
  }
  if (bytes[at] !== 0x2c) throw new Error(at >= bytes.length ? 'it ends early' : 'it holds no picture');
  const [left, top, across, down] = [word(at + 1), word(at + 3), word(at + 5), word(at + 7)];
  const local = bytes[at + 9] ?? 0;
  at += 10;
  if (local & 128) {
    palette = bytes.subarray(at, at + 3 * 2 ** ((local & 7) + 1));
    at += palette.length;
  }
  const indices = decompress(bytes, at, across * down);
  const channels = transparent >= 0 ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  const rows = local & 64 ? interlacedRows(down) : undefined;
  for (let i = 0; i < indices.length; i++) {
    const row = Math.floor(i / across);
    const y = top + (rows === undefined ? row : (rows[row] as number));
    const x = left + (i % across);
    if (y >= height || x >= width) continue;
    const index = indices[i] as number;
    const to = (y * width + x) * channels;
    for (let c = 0; c < 3; c++) data[to + c] = palette[3 * index + c] ?? 0;
    if (channels === 4) data[to + 3] = index === transparent ? 0 : 255;
  }
  return { data, shape: [height, width, channels], dtype: 'uint8' };
}

function interlacedRows(height: number): number[] {
  const rows: number[] = [];
  for (const [first, step] of [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ] as const) {
    for (let y = first; y < height; y += step) rows.push(y);
  }
  return rows;
}

/** Variable-length codes of Lempel, Ziv and Welch in sub-blocks. */
function decompress(bytes: Uint8Array, start: number, size: number): Uint8Array {
  const least = bytes[start] ?? 0;
  if (least < 1 || least > 11) throw new Error('its code size is wrong');
  const [clear, end] = [2 ** least, 2 ** least + 1];
  const prefix = new Uint16Array(4096);
  const suffix = new Uint8Array(4096);
  const lengths = new Uint16Array(4096);
  for (let i = 0; i < clear; i++) {
    suffix[i] = i;
    lengths[i] = 1;
  }
  const out = new Uint8Array(size);
  let at = start + 1;
  let [left, bits, held] = [0, 0, 0];
  let [codeBits, next, last, to] = [least + 1, end + 1, -1, 0];
  for (;;) {
    while (held < codeBits) {
      if (left === 0) {
        left = bytes[at++] ?? 0;
        if (left === 0) throw new Error('it ends early');
      }
      if (at >= bytes.length) throw new Error('it ends early');
      bits |= (bytes[at++] as number) << held;
      held += 8;
      left--;
    }
    const code = bits & (2 ** codeBits - 1);
    bits >>>= codeBits;
    held -= codeBits;
    if (code === end) break;
    if (code === clear) {
      [codeBits, next, last] = [least + 1, end + 1, -1];
      continue;
    }
    if (code > next || (code === next && last < 0)) throw new Error('its codes are damaged');
    // A code that is being made now is the last string and its own first byte.
    const whole = code === next ? last : code;
    const length = lengths[whole] as number;
    let first = 0;
    for (let k = length - 1, c = whole; k >= 0; k--) {
      if (to + k < size) out[to + k] = suffix[c] as number;
      first = suffix[c] as number;
      c = prefix[c] as number;
    }
    to += length;
    if (code === next && to < size) out[to] = first;
    if (code === next) to++;
    if (last >= 0 && next < 4096) {
      prefix[next] = last;
      suffix[next] = first;
      lengths[next] = (lengths[last] as number) + 1;
      next++;
      if (next === 2 ** codeBits && codeBits < 12) codeBits++;
    }
    last = code;
    if (to >= size) return out;
  }
  if (to < size) throw new Error(`it ends early, after ${to} of ${size} pixels`);
  return out;
}
