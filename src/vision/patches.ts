// Pictures cut in windows, each laid out as one vector.
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { concat, pad } from '../ops/join.js';
import { slice } from '../ops/shape.js';
import { checkWhole, outputSize, type PaddingWord, type Pair, paddingOf, pairOf, spanOf } from '../ops/window.js';
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
