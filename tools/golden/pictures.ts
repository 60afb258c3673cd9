// Pillow's resizing of pictures, bytes exactly, by the operation and by what reads files; and how alike pictures are.
import { type HostArray, type ResizeMethod, resizeImage } from '../../src/data/index.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import type { PilInterpolation } from '../../src/ops/resize-weights.js';
import * as vision from '../../src/vision/index.js';
import type { Findings } from './findings.js';
import { type Arrays, type GoldenCase, type GoldenFolder, listCases, type Machine } from './folder.js';

type Size = readonly [height: number, width: number];

interface PictureCase {
  readonly name: string;
  readonly method: PilInterpolation;
  readonly from?: Size;
  readonly to?: Size | readonly Size[];
  /** How much smaller the picture was made before it was made as large again. */
  readonly factor?: number;
  readonly psnr?: number;
  readonly psnrLuma?: number;
  readonly ssimLuma?: number;
  readonly ssimRgb?: number;
}

/** What `resizeImage` calls Pillow's filters. Its `nearest` is TensorFlow's. */
const METHODS: Readonly<Partial<Record<PilInterpolation, ResizeMethod>>> = {
  box: 'area',
  bilinear: 'bilinear-antialias',
  hamming: 'hamming',
  bicubic: 'bicubic',
  lanczos: 'lanczos',
};

/** Pictures that Pillow resized. */
export function pictureCases(folder: GoldenFolder): GoldenCase[] {
  return listCases<PictureCase>(folder, 'tasks-pictures', 'tasks/pictures.json', async (each, machine, findings) => {
    const arrays = folder.arrays(`tasks/pictures/${each.name}.safetensors`);
    const place = { arrays, machine, findings };
    if (each.factor !== undefined) {
      await resized(place, 'picture', 'small', each.method);
      await resized(place, 'small', 'up', each.method);
      await alike(place, each);
      return;
    }
    if (each.to !== undefined && typeof each.to[0] !== 'number') {
      for (const to of each.to as readonly Size[]) await resized(place, 'picture', to.join('x'), each.method);
    } else await resized(place, 'picture', 'resized', each.method);
  });
}

interface Place {
  readonly arrays: Arrays;
  readonly machine: Machine;
  readonly findings: Findings;
}

/** A picture with its channels. */
function pictureOf(arrays: Arrays, name: string): Tensor {
  const picture = arrays.tensor(name);
  const shape = arrays.shape(name);
  if (shape.length === 3) return picture;
  return tensor(arrays.floats(name), { shape: [...shape, 1] });
}

async function resized({ arrays, machine, findings }: Place, from: string, to: string, method: PilInterpolation) {
  const size = arrays.shape(to).slice(0, 2) as unknown as Size;
  const picture = pictureOf(arrays, from);
  const isBytes = picture.dtype === 'uint8';
  const made = vision.ops.resize(picture, size, { like: 'pil', interpolation: method });
  const [got] = await machine.evaluate([made]);
  const [want, kind] = [arrays.floats(to), isBytes ? 'exact' : 'output'] as const;
  findings.same(`${to}.dtype`, made.dtype, picture.dtype);
  findings.close(to, got ?? [], want, kind, arrays.shape(to));
  const host = METHODS[method];
  if (host === undefined) return;
  const numbers = arrays.floats(from);
  const image: HostArray = isBytes
    ? { data: Uint8Array.from(numbers), shape: picture.shape, dtype: 'uint8' }
    : { data: numbers, shape: picture.shape, dtype: 'float32' };
  findings.close(`${to} by resizeImage`, resizeImage(image, size, { method: host }).data, want, kind, arrays.shape(to));
}

/** The brightness by BT.601, 16 to 235, without a border. */
function luma(rgb: Float32Array, [height, width]: Size, border: number): Tensor {
  const [rows, columns] = [height - 2 * border, width - 2 * border];
  const out = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = 3 * ((y + border) * width + x + border);
      const [red, green, blue] = rgb.subarray(at, at + 3) as unknown as [number, number, number];
      out[y * columns + x] = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255;
    }
  }
  return tensor(out, { shape: [rows, columns, 1] });
}

async function alike({ arrays, machine, findings }: Place, each: PictureCase): Promise<void> {
  const size = arrays.shape('picture').slice(0, 2) as unknown as Size;
  const both = ['picture', 'up'].map((name) => arrays.floats(name)) as [Float32Array, Float32Array];
  const [a, b] = both.map((data) => tensor(data, { shape: arrays.shape('picture') })) as [Tensor, Tensor];
  const [la, lb] = both.map((data) => luma(data, size, each.factor ?? 0)) as [Tensor, Tensor];
  const measures = {
    psnr: vision.ops.psnr(a, b, 255),
    psnrLuma: vision.ops.psnr(la, lb, 255),
    ssimLuma: vision.ops.ssim(la, lb, { maxVal: 255 }),
    ssimRgb: vision.ops.ssim(a, b, { maxVal: 255 }),
  };
  const names = Object.keys(measures) as (keyof typeof measures)[];
  const got = await machine.evaluate(names.map((name) => measures[name]));
  names.forEach((name, i) => {
    findings.close(name, got[i] ?? [], [each[name] as number], 'score');
  });
}
