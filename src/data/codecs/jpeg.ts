// JPEG files in Node: libjpeg's bytes by @jsquash/jpeg (WebAssembly) or, for large files, by sharp where it is installed;
// jpeg-js reads printing inks and stands in where neither can be loaded.
import type { Pixels } from '../resample.js';
import { wholePixels } from '../resample.js';
import { loadSharp, wasmDecoder } from './packages.js';

/** Bytes from which on sharp is the faster one: below, handing the work to its threads costs more than the work. */
const LARGE = 1 << 18;

/** Decodes a file to one or three channels, as it is stored. Throws plain errors that say what is wrong. */
export async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  checkEnd(bytes);
  const header = readJpegHeader(bytes);
  checkSize(bytes, header);
  const channels = header.components === 1 ? 1 : 3;
  if (header.components !== 4) {
    const large = bytes.length >= LARGE ? await loadSharp() : undefined;
    if (large !== undefined) {
      const { data, info } = await large(bytes, { failOn: 'truncated' }).raw({ depth: 'uchar' }).toBuffer({
        resolveWithObject: true,
      });
      // It gives grey pictures three equal channels.
      return pixelsOf(data, info.height, info.width, info.channels, channels);
    }
    const decode = await wasmDecoder('jpeg');
    if (decode !== undefined) {
      const { data, height, width } = await decode(bytes);
      return pixelsOf(data, height, width, 4, channels);
    }
  }
  const { data, height, width } = await decodeInScript(bytes, header);
  return pixelsOf(data, height, width, 3, channels);
}

function pixelsOf(
  data: Uint8Array | Uint8ClampedArray,
  height: number,
  width: number,
  step: number,
  channels: number,
): Pixels {
  return { ...wholePixels(new Uint8Array(0), [height, width, channels]), data, step, rowStep: width * step };
}

// Decoders fill what is missing at a JPEG's end with grey; a cut-off file must not pass as a picture.
function checkEnd(bytes: Uint8Array): void {
  for (let at = bytes.length - 2; at > 1; at--) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return;
  }
  throw new Error(`it ends early, after ${bytes.length} bytes, without an end marker`);
}

// Every 8x8 block has a Huffman code of its own for its mean, of one bit or more; arithmetic codes can be shorter. What a
// damaged header promises beyond that would be filled with grey, for seconds and gigabytes.
function checkSize({ length }: Uint8Array, { height, width, isHuffman }: JpegHeader): void {
  if (isHuffman && height * width > length * 8 * 64) {
    throw new Error(`its header says ${width} x ${height} pixels, which ${length} bytes cannot hold`);
  }
}

interface Rgb {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

async function decodeInScript(bytes: Uint8Array, { components, adobe }: JpegHeader): Promise<Rgb> {
  const { decode } = (await import('jpeg-js')).default;
  const options = { useTArray: true, formatAsRGBA: false, tolerantDecoding: false, maxMemoryUsageInMB: 2048 } as const;
  if (components !== 3) {
    return decode(bytes, options);
  }
  // jpeg-js cuts fractions off when it makes RGB, half a level too dark on average: it is left out here. An Adobe mark
  // would have it convert all the same, so the mark's name is spoilt.
  const plain = bytes.slice();
  if (adobe !== undefined) plain[adobe.at] = 0;
  const jpeg = decode(plain, { ...options, colorTransform: false });
  if (adobe?.transform !== 0) ycbcrToRgb(jpeg.data);
  return jpeg;
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
  readonly height: number;
  readonly width: number;
  readonly isHuffman: boolean;
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
    if (isFrame) {
      const [height, width] = [at + 5, at + 7].map(
        (place) => (bytes[place] as number) * 256 + (bytes[place + 1] as number),
      );
      return {
        components: bytes[at + 9],
        height: height as number,
        width: width as number,
        isHuffman: marker < 0xc8,
        adobe,
      };
    }
    const isAdobe = marker === 0xee && String.fromCharCode(...bytes.subarray(at + 4, at + 9)) === 'Adobe';
    if (isAdobe) adobe = { at: at + 4, transform: bytes[at + 15] };
    at += 2 + ((bytes[at + 2] as number) << 8) + (bytes[at + 3] as number);
  }
  return { components: undefined, height: 0, width: 0, isHuffman: false, adobe };
}
