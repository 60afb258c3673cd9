// Pictures cut in windows, each laid out as one vector.
import { toTensor } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { concat, pad } from '../ops/join.js';
import { expandDims, slice, squeeze, transpose } from '../ops/shape.js';
import type { Triple } from '../ops/volume.js';
import {
  checkRank,
  checkWhole,
  type DataFormat,
  outputSize,
  type PaddingWord,
  type Pair,
  paddingOf,
  pairOf,
  spanOf,
} from '../ops/window.js';
import { onBatch, type PictureOptions } from './pictures.js';

/** See `extractPatches`. */
export interface ExtractPatchesOptions extends PictureOptions {
  /** Height and width of a patch. */
  size: number | Pair;
  /** Default: the size, so that patches lie side by side. */
  strides?: number | Pair;
  /** Steps between the pixels of a patch; default 1. */
  dilationRate?: number | Pair;
  /** Default `valid`; `same` gives ceil(size / stride) patches along each side, zeros beyond the border. */
  padding?: PaddingWord;
}

/**
 * The windows of pictures [h,w,c] or [n,h,w,c], each as one vector of its pixels row by row: [..., rows, columns, height *
 * width * c]. Throws `argument` and `shape`.
 */
export function extractPatches(images: TensorLike, options: ExtractPatchesOptions): Tensor {
  const op = 'extractPatches';
  const { padding = 'valid', dilationRate = 1 } = options;
  const size = pairOf(options.size);
  const strides = pairOf(options.strides ?? options.size);
  const dilation = pairOf(dilationRate);
  checkWhole(op, 'size', size, 1);
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'dilationRate', dilation, 1);
  return onBatch(op, images, options, ({ pictures, n, height, width, channels }) => {
    const span: Pair = [spanOf(size[0], dilation[0]), spanOf(size[1], dilation[1])];
    const [rows, columns] = paddingOf(op, padding, [height, width], span, strides);
    const down = outputSize(height, span[0], strides[0], rows);
    const across = outputSize(width, span[1], strides[1], columns);
    checkWhole(op, 'patches along a side', [down, across], 1);
    const isPadded = [...rows, ...columns].some((count) => count > 0);
    const from = isPadded ? pad(pictures, [[0, 0], rows, columns, [0, 0]]) : pictures;
    const parts = Array.from({ length: size[0] * size[1] }, (_, at) => {
      const row = Math.floor(at / size[1]) * dilation[0];
      const column = (at % size[1]) * dilation[1];
      return slice(from, [0, row, column, 0], [n, down, across, channels], [1, ...strides, 1]);
    });
    return parts.length === 1 ? (parts[0] as Tensor) : concat(parts, 3);
  });
}

/** See `extractPatches3d`. */
export interface ExtractPatches3dOptions {
  /** Depth, height and width of a patch. */
  size: number | Triple;
  /** Default: the size. */
  strides?: number | Triple;
  /** Steps between the cells of a patch; default 1. */
  dilationRate?: number | Triple;
  /** Default `valid`. */
  padding?: PaddingWord;
  /** Default `channelsLast`. */
  dataFormat?: DataFormat;
}

/**
 * The windows of volumes [d,h,w,c] or [n,d,h,w,c], each as one vector of its cells: [..., planes, rows, columns, depth * height *
 * width * c]. Throws `argument` and `shape`.
 */
export function extractPatches3d(volumes: TensorLike, options: ExtractPatches3dOptions): Tensor {
  const op = 'extractPatches3d';
  const { padding = 'valid', dataFormat = 'channelsLast' } = options;
  const three = (value: number | Triple): Triple => (typeof value === 'number' ? [value, value, value] : value);
  const [size, strides] = [three(options.size), three(options.strides ?? options.size)];
  const dilation = three(options.dilationRate ?? 1);
  checkWhole(op, 'size', size, 1);
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'dilationRate', dilation, 1);
  const given = toTensor(volumes);
  const isOne = given.rank === 4;
  const five = isOne ? expandDims(given, 0) : given;
  checkRank(op, 'volumes', five.shape, dataFormat === 'channelsFirst' ? 'n,c,d,h,w' : 'n,d,h,w,c');
  const last = dataFormat === 'channelsFirst' ? transpose(five, [0, 2, 3, 4, 1]) : five;
  const [n, depth, height, width, channels] = last.shape as [number, number, number, number, number];
  const sides = [depth, height, width].map((length, axis): { border: Pair; count: number } => {
    const span = spanOf(size[axis] as number, dilation[axis] as number);
    const stride = strides[axis] as number;
    // Along one axis at a time, as if the other one were a single cell.
    const [border] = paddingOf(op, padding, [length, 1], [span, 1], [stride, 1]);
    return { border, count: outputSize(length, span, stride, border) };
  });
  const counts = sides.map(({ count }) => count);
  checkWhole(op, 'patches along a side', counts, 1);
  const from = pad(last, [[0, 0], ...sides.map(({ border }) => border), [0, 0]]);
  const parts: Tensor[] = [];
  for (let i = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      for (let k = 0; k < size[2]; k++) {
        const start = [0, i * dilation[0], j * dilation[1], k * dilation[2], 0];
        parts.push(slice(from, start, [n, ...counts, channels], [1, ...strides, 1]));
      }
    }
  }
  const patches = concat(parts, 4);
  const result = dataFormat === 'channelsFirst' ? transpose(patches, [0, 4, 1, 2, 3]) : patches;
  return isOne ? squeeze(result, 0) : result;
}
