// Picture files to arrays and back, one at a time; ./codecs/decode.ts says what reads which format.
import { FoveaError } from '../core/errors.js';
import { isNode, nodeModule, readFileBytes } from '../core/node-files.js';
import { formatShape } from '../core/shape.js';
import { decodeFile } from './codecs/decode.js';
import type { HostArray } from './host-array.js';
import { type ResizeMethod, resizeImage } from './resize.js';

export { imageFormat } from './codecs/decode.js';

/** 1 grey, 3 RGB, 4 RGB with opacity. */
export type Channels = 1 | 3 | 4;

/** Options of `decodeImage`. */
export interface DecodeOptions {
  /** Converts to this many channels; without it the file's own number is kept. */
  channels?: Channels;
  /** Whether the orientation that a camera noted is applied (default); Keras leaves pictures as they are stored. */
  applyOrientation?: boolean;
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

/**
 * Decodes a picture file to uint8 `[height, width, channels]`, turned upright as its Exif orientation says. Of animations the first
 * picture. Throws `data` for damaged files and `unsupported` for formats nothing here can read.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<HostArray> {
  const image = await decodeFile(bytes, options.name ?? 'the picture', options.applyOrientation ?? true);
  // Grey with opacity has no place among 1, 3 and 4 channels.
  const channels = options.channels ?? (image.shape[2] === 2 ? 4 : undefined);
  return channels === undefined ? image : convertChannels(image, channels);
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
  const image = await decodeImage(bytes, {
    ...options,
    channels: options.channels ?? 3,
    ...(name === undefined ? {} : { name }),
  });
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
