// Picture files to arrays and back. PNG and JPEG are decoded in plain JavaScript; in Node, sharp takes over JPEG and
// further formats where it is installed, and in a browser its own decoder reads whatever it knows.
import { FoveaError } from '../core/errors.js';
import { isNode, nodeModule, readFileBytes } from '../core/node-files.js';
import { formatShape } from '../core/shape.js';
import { looksLikeHtml } from './archive.js';
import type { HostArray } from './host-array.js';
import { type ResizeMethod, resizeImage } from './resize.js';

/** 1 grey, 3 RGB, 4 RGB with opacity. */
export type Channels = 1 | 3 | 4;

/** Options of `decodeImage`. */
export interface DecodeOptions {
  /** Converts to this many channels; without it the file's own number is kept. */
  channels?: Channels;
  /** What to call the picture in errors, usually its path. */
  name?: string;
}

/** Options of `loadImage`. */
export interface LoadImageOptions extends DecodeOptions {
  /** `[height, width]` to resize to; one number means a square. */
  size?: number | readonly [height: number, width: number];
  /** How to resize; default `bilinear`, as Keras's. */
  resize?: ResizeMethod;
  fetch?: typeof globalThis.fetch;
}

type ImageFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'bmp' | 'tiff' | 'avif';

/** The format that a file's first bytes tell, whatever its name says. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const text = (start: number, end: number): string => String.fromCharCode(...bytes.subarray(start, end));
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp';
  if (text(0, 4) === 'GIF8') return 'gif';
  if (text(0, 2) === 'BM') return 'bmp';
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*') return 'tiff';
  if (text(4, 12) === 'ftypavif') return 'avif';
  return undefined;
}

/**
 * Decodes a picture file to uint8 `[height, width, channels]`. The orientation a camera notes beside the pixels is not
 * applied, as in Keras. Throws `data` for damaged files and `unsupported` for formats nothing here can read.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<HostArray> {
  const name = options.name ?? 'the picture';
  const format = imageFormat(bytes);
  if (format === undefined) throw unknownFormat(bytes, name);
  let image: HostArray;
  try {
    image = await decodeFormat(bytes, format, name);
  } catch (error) {
    if (error instanceof FoveaError) throw error;
    throw new FoveaError({
      code: 'data',
      op: 'decodeImage',
      message: `${name} is a damaged ${format.toUpperCase()} file: ${error instanceof Error ? error.message : String(error)}.`,
      path: name,
      got: `${bytes.length} bytes`,
      hint: 'Copy or download it again, or leave it out.',
      cause: error,
    });
  }
  return options.channels === undefined ? image : convertChannels(image, options.channels);
}

async function decodeFormat(bytes: Uint8Array, format: ImageFormat, name: string): Promise<HostArray> {
  if (format === 'png') return decodePng(bytes);
  if (!isNode()) return decodeInBrowser(bytes);
  if (format === 'jpeg') checkJpegEnd(bytes);
  const decoded = (await decodeWithSharp(bytes)) ?? (format === 'jpeg' ? await decodeJpeg(bytes) : undefined);
  // Both decoders give grey JPEGs three equal channels.
  if (decoded !== undefined) {
    return format === 'jpeg' && readJpegHeader(bytes).components === 1 ? convertChannels(decoded, 1) : decoded;
  }
  throw new FoveaError({
    code: 'unsupported',
    op: 'decodeImage',
    message: `${name} is a ${format.toUpperCase()} file, which needs sharp.`,
    got: format,
    want: ['png', 'jpeg'],
    hint: 'Run npm install sharp, or convert the picture to PNG or JPEG.',
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

async function decodePng(bytes: Uint8Array): Promise<HostArray> {
  const { decode, convertIndexedToRgb } = await import('fast-png');
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
  const image: HostArray = { data, shape: [height, width, png.channels], dtype: 'uint8' };
  // Grey with opacity has no place among 1, 3 and 4 channels.
  return png.channels === 2 ? convertChannels(image, 4) : image;
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

// Decoders fill what is missing at a JPEG's end with grey; a cut-off file must not pass as a picture.
function checkJpegEnd(bytes: Uint8Array): void {
  for (let at = bytes.length - 2; at > 1; at--) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return;
  }
  throw new Error(`it ends early, after ${bytes.length} bytes, without an end marker`);
}

async function decodeJpeg(bytes: Uint8Array): Promise<HostArray> {
  const { decode } = (await import('jpeg-js')).default;
  const options = { useTArray: true, formatAsRGBA: false, tolerantDecoding: false, maxMemoryUsageInMB: 2048 } as const;
  const { components, adobe } = readJpegHeader(bytes);
  if (components !== 3) {
    const jpeg = decode(bytes, options);
    return { data: jpeg.data, shape: [jpeg.height, jpeg.width, 3], dtype: 'uint8' };
  }
  // jpeg-js cuts fractions off when it makes RGB, half a level too dark on average: it is left out here. An Adobe mark
  // would have it convert all the same, so the mark's name is spoilt.
  const plain = bytes.slice();
  if (adobe !== undefined) plain[adobe.at] = 0;
  const jpeg = decode(plain, { ...options, colorTransform: false });
  if (adobe?.transform !== 0) ycbcrToRgb(jpeg.data);
  return { data: jpeg.data, shape: [jpeg.height, jpeg.width, 3], dtype: 'uint8' };
}

// JFIF's conversion in place, rounded to the nearest level as libjpeg does.
function ycbcrToRgb(data: Uint8Array): void {
  const level = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.round(value));
  for (let i = 0; i + 2 < data.length; i += 3) {
    const y = data[i] as number;
    const cb = (data[i + 1] as number) - 128;
    const cr = (data[i + 2] as number) - 128;
    data[i] = level(y + 1.402 * cr);
    data[i + 1] = level(y - 0.344136286 * cb - 0.714136286 * cr);
    data[i + 2] = level(y + 1.772 * cb);
  }
}

/** What decides how a JPEG's components are read. */
interface JpegHeader {
  readonly components: number | undefined;
  /** Where Adobe's mark has its name, and the colour transform it states: 0 for RGB. */
  readonly adobe: { readonly at: number; readonly transform: number | undefined } | undefined;
}

// Up to the frame header (markers C0 to CF but for C4, C8 and CC); Adobe's mark is EE.
function readJpegHeader(bytes: Uint8Array): JpegHeader {
  let adobe: JpegHeader['adobe'];
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { components: bytes[at + 9], adobe };
    const isAdobe = marker === 0xee && String.fromCharCode(...bytes.subarray(at + 4, at + 9)) === 'Adobe';
    if (isAdobe) adobe = { at: at + 4, transform: bytes[at + 15] };
    at += 2 + ((bytes[at + 2] as number) << 8) + (bytes[at + 3] as number);
  }
  return { components: undefined, adobe };
}

// The part of sharp that is used; the package itself is optional and may be missing when types are checked.
interface Sharp {
  raw(options: { depth: 'uchar' }): Sharp;
  toBuffer(options: { resolveWithObject: true }): Promise<{
    data: Uint8Array;
    info: { width: number; height: number; channels: number };
  }>;
}
type MakeSharp = (bytes: Uint8Array, options: { failOn: 'truncated' }) => Sharp;

async function decodeWithSharp(bytes: Uint8Array): Promise<HostArray | undefined> {
  const name: string = 'sharp';
  let make: MakeSharp;
  try {
    make = ((await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as { default: MakeSharp }).default;
  } catch {
    return undefined;
  }
  const { data, info } = await make(bytes, { failOn: 'truncated' }).raw({ depth: 'uchar' }).toBuffer({
    resolveWithObject: true,
  });
  const image: HostArray = {
    data: Uint8Array.from(data),
    shape: [info.height, info.width, info.channels],
    dtype: 'uint8',
  };
  return info.channels === 2 ? convertChannels(image, 4) : image;
}

async function decodeInBrowser(bytes: Uint8Array): Promise<HostArray> {
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
  return convertChannels({ data: new Uint8Array(data.buffer), shape: [height, width, 4], dtype: 'uint8' }, 3);
}

/**
 * Converts uint8 or float32 pictures `[..., channels]` between grey, RGB and RGBA. Grey is Pillow's
 * 0.299 R + 0.587 G + 0.114 B; opacity is dropped, or added as full. Throws `shape`.
 */
export function convertChannels(image: HostArray, channels: Channels): HostArray {
  const from = image.shape.at(-1);
  if (from === channels) return image;
  if (from === undefined || from < 1 || from > 4) {
    throw new FoveaError({
      code: 'shape',
      op: 'convertChannels',
      message: `${formatShape(image.shape)} does not end in 1 to 4 channels.`,
      got: from,
      want: [1, 2, 3, 4],
      hint: 'Give a picture [height,width,channels].',
    });
  }
  const pixels = image.data.length / from;
  const isBytes = image.dtype !== 'float32';
  const out = isBytes ? new Uint8Array(pixels * channels) : new Float32Array(pixels * channels);
  const opaque = isBytes ? 255 : 1;
  const { data } = image;
  for (let i = 0; i < pixels; i++) {
    const red = data[i * from] as number;
    const green = from < 3 ? red : (data[i * from + 1] as number);
    const blue = from < 3 ? red : (data[i * from + 2] as number);
    if (channels === 1) {
      const exact = from < 3 ? red : 0.299 * red + 0.587 * green + 0.114 * blue;
      // Pillow's whole-number form of the same weights, so that bytes agree with it.
      out[i] = isBytes && from >= 3 ? (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16 : exact;
      continue;
    }
    out[i * channels] = red;
    out[i * channels + 1] = green;
    out[i * channels + 2] = blue;
    if (channels === 4) out[i * 4 + 3] = from % 2 === 0 ? (data[i * from + from - 1] as number) : opaque;
  }
  return { data: out, shape: [...image.shape.slice(0, -1), channels], dtype: isBytes ? 'uint8' : 'float32' };
}

/** Encodes uint8 `[height, width, 1|3|4]` or `[height, width]` as a PNG file. Throws `shape` or `dtype`. */
export async function encodePng(image: HostArray): Promise<Uint8Array> {
  const [height, width, channels = 1] = image.shape;
  if (height === undefined || width === undefined || image.shape.length > 3 || ![1, 3, 4].includes(channels)) {
    throw new FoveaError({
      code: 'shape',
      op: 'encodePng',
      message: `${formatShape(image.shape)} is no picture.`,
      got: image.shape,
      hint: 'Give [height,width] or [height,width,channels] with 1, 3 or 4 channels.',
    });
  }
  if (!(image.data instanceof Uint8Array)) {
    throw new FoveaError({
      code: 'dtype',
      op: 'encodePng',
      message: `a PNG holds bytes, not ${image.dtype}.`,
      got: image.dtype,
      want: 'uint8',
      hint: 'Scale to 0..255 and convert to uint8.',
    });
  }
  const { encode } = await import('fast-png');
  return encode({ width, height, channels, depth: 8, data: image.data });
}

/**
 * Loads a picture from a path, an address or its file's bytes as uint8 `[height, width, channels]`, RGB unless
 * `channels` says otherwise. Throws `file`, `network` or `data`.
 */
export async function loadImage(source: string | URL | Uint8Array, options: LoadImageOptions = {}): Promise<HostArray> {
  const bytes = source instanceof Uint8Array ? source : await readSource(source, options);
  const name = options.name ?? (source instanceof Uint8Array ? undefined : String(source));
  const image = await decodeImage(bytes, { channels: options.channels ?? 3, ...(name === undefined ? {} : { name }) });
  if (options.size === undefined) return image;
  const size = typeof options.size === 'number' ? ([options.size, options.size] as const) : options.size;
  return resizeImage(image, size, { method: options.resize ?? 'bilinear' });
}

async function readSource(source: string | URL, options: LoadImageOptions): Promise<Uint8Array> {
  const text = String(source);
  if (isNode() && !/^(https?|data|blob):/.test(text)) {
    const { fileURLToPath } = await nodeModule('node:url', 'loadImage');
    return readFileBytes(text.startsWith('file:') ? fileURLToPath(text) : text, 'loadImage');
  }
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(text);
  } catch (error) {
    throw unreachable(text, error instanceof Error ? error.message : String(error), error);
  }
  if (!response.ok) throw unreachable(text, `the server answered ${response.status} ${response.statusText}`.trim());
  return new Uint8Array(await response.arrayBuffer());
}

function unreachable(address: string, reason: string, cause?: unknown): FoveaError {
  return new FoveaError({
    code: 'network',
    op: 'loadImage',
    message: `${address} could not be fetched: ${reason}.`,
    got: reason,
    hint: 'Check the address and the connection.',
    cause,
  });
}
