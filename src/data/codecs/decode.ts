// Picture files of any kind to pixels: PNG by a package everywhere; JPEG and WebP by packages in Node (./packages.ts), what
// is left by sharp where it is installed; in pages by the browser's own decoder.
import { FoveaError } from '../../core/errors.js';
import { isNode } from '../../core/node-files.js';
import { looksLikeHtml } from '../archive.js';
import type { HostArray } from '../host-array.js';
import { type Pixels, wholePixels } from '../resample.js';
import { decodeJpeg } from './jpeg.js';
import { applyOrientation, exifOrientation, jpegOrientation } from './orientation.js';
import { loadSharp, wasmDecoder } from './packages.js';

/** A file that is not damaged but of a kind that nothing here reads; says why, after "it". */
class UnreadKind extends Error {}

export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'bmp' | 'tiff' | 'avif';

/** The format that a file's first bytes tell, whatever its name says. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const text = (start: number, end: number): string => String.fromCharCode(...bytes.subarray(start, end));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp';
  if (text(0, 4) === 'GIF8') return 'gif';
  if (text(0, 2) === 'BM') return 'bmp';
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*') return 'tiff';
  if (text(4, 12) === 'ftypavif') return 'avif';
  return undefined;
}

/**
 * Decodes a file to bytes of 1 to 4 channels. `isTurned` asks for the picture upright. Throws `data` and `unsupported`,
 * naming the picture.
 */
export async function decodePixels(bytes: Uint8Array, name: string, isTurned: boolean): Promise<Pixels> {
  const format = imageFormat(bytes);
  if (format === undefined) throw unknownFormat(bytes, name);
  let pixels: Pixels;
  try {
    pixels = await decodeFormat(bytes, format);
  } catch (error) {
    throw explain(error, bytes, format, name);
  }
  const orientation = isTurned ? orientationOf(bytes, format) : 1;
  if (orientation === 1) return pixels;
  const { data, shape } = applyOrientation(packPixels(pixels), orientation);
  return wholePixels(data as Uint8Array, shape as unknown as readonly [number, number, number]);
}

/** Decodes a file to uint8 `[height, width, 1|2|3|4]`, as `decodePixels` does. */
export async function decodeFile(bytes: Uint8Array, name: string, isTurned: boolean): Promise<HostArray> {
  return packPixels(await decodePixels(bytes, name, isTurned));
}

/** Pixels as an array of their own, without what lies between them. */
function packPixels({ data, at, step, rowStep, height, width, channels }: Pixels): HostArray {
  const shape = [height, width, channels];
  const size = height * width * channels;
  if (step === channels && rowStep === width * channels) {
    // A clamped array, or a piece of something larger, becomes a plain one.
    const isPlain = data instanceof Uint8Array && at === 0 && data.length === size;
    return { data: isPlain ? data : Uint8Array.from(data.subarray(at, at + size)), shape, dtype: 'uint8' };
  }
  const out = new Uint8Array(size);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0, i = at + y * rowStep; x < width; x++, i += step) {
      for (let c = 0; c < channels; c++) out[o++] = data[i + c] as number;
    }
  }
  return { data: out, shape, dtype: 'uint8' };
}

function explain(error: unknown, bytes: Uint8Array, format: ImageFormat, name: string): FoveaError {
  if (error instanceof FoveaError) return error;
  const problem = error instanceof Error ? error.message : String(error);
  if (error instanceof UnreadKind) {
    const others = isNode() ? 'Run npm install sharp for further formats, or convert' : 'Convert';
    return new FoveaError({
      code: 'unsupported',
      op: 'decodeImage',
      message: `${name} is a ${format.toUpperCase()} file that is not read here: ${problem}.`,
      path: name,
      got: format,
      want: ['png', 'jpeg', 'webp'],
      hint: `${others} the picture to PNG or JPEG.`,
      cause: error,
    });
  }
  return new FoveaError({
    code: 'data',
    op: 'decodeImage',
    message: `${name} is a damaged ${format.toUpperCase()} file: ${problem}.`,
    path: name,
    got: `${bytes.length} bytes`,
    hint: 'Copy or download it again, or leave it out.',
    cause: error,
  });
}

function unknownFormat(bytes: Uint8Array, name: string): FoveaError {
  const what =
    bytes.length === 0 ? 'is empty' : looksLikeHtml(bytes) ? 'holds an HTML page' : 'is no picture of a known format';
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new FoveaError({
    code: 'data',
    op: 'decodeImage',
    message: `${name} ${what}.`,
    path: name,
    got: bytes.length === 0 ? '0 bytes' : `first bytes ${start}`,
    want: ['png', 'jpeg'],
    hint: 'Give a PNG or JPEG file.',
  });
}

async function decodeFormat(bytes: Uint8Array, format: ImageFormat): Promise<Pixels> {
  const whole = ({ data, shape }: HostArray): Pixels =>
    wholePixels(data as Uint8Array, shape as unknown as readonly [number, number, number]);
  if (format === 'png') return whole((await import('./png.js')).decodePng(bytes));
  if (!isNode()) return decodeInBrowser(bytes, format);
  if (format === 'jpeg') return decodeJpeg(bytes);
  const webp = format === 'webp' ? await wasmDecoder('webp') : undefined;
  if (webp !== undefined) {
    const { data, height, width } = await webp(bytes);
    const isOpaque = !hasWebpAlpha(bytes);
    const pixels = wholePixels(new Uint8Array(0), [height, width, 4]);
    return { ...pixels, data, channels: isOpaque ? 3 : 4 };
  }
  if (format === 'bmp') throw new UnreadKind('only browsers read it');
  const sharp = await loadSharp();
  if (sharp === undefined) throw new UnreadKind('it needs sharp, which is not installed');
  const { data, info } = await sharp(bytes, { failOn: 'truncated' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { ...wholePixels(new Uint8Array(0), [info.height, info.width, info.channels]), data };
}

function orientationOf(bytes: Uint8Array, format: ImageFormat): number {
  if (format === 'jpeg') return jpegOrientation(bytes);
  const exif = format === 'webp' ? webpChunk(bytes, 'EXIF') : undefined;
  if (exif === undefined) return 1;
  return exifOrientation(String.fromCharCode(...exif.subarray(0, 4)) === 'Exif' ? exif.subarray(6) : exif);
}

function webpChunk(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (String.fromCharCode(...bytes.subarray(at, at + 4)) === name) return bytes.subarray(at + 8, at + 8 + size);
    at += 8 + size + (size & 1);
  }
  return undefined;
}

/** A bit of the extended header says it, or one of the lossless one. */
function hasWebpAlpha(bytes: Uint8Array): boolean {
  const extended = webpChunk(bytes, 'VP8X');
  if (extended !== undefined) return ((extended[0] ?? 0) & 16) !== 0;
  const lossless = webpChunk(bytes, 'VP8L');
  return lossless !== undefined && ((lossless[4] ?? 0) & 16) !== 0;
}

async function decodeInBrowser(bytes: Uint8Array, format: ImageFormat): Promise<Pixels> {
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    imageOrientation: 'none',
    premultiplyAlpha: 'none',
    colorSpaceConversion: 'none',
  });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('the browser gave no canvas');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { ...wholePixels(new Uint8Array(0), [height, width, 4]), data, channels: format === 'jpeg' ? 3 : 4 };
}
