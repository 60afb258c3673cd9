// Resizing pictures [n,h,w,c] inside a model, as compositions, so that gradients and engines come for free.
import { isFloat } from '../core/dtype.js';
import { asCompound } from '../graph/compound.js';
import { toTensor } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { matmul } from './matmul.js';
import { kerasTaps, type Taps, tapsMatrix } from './resize-weights.js';
import { broadcastTo, reshape, transpose } from './shape.js';
import { checkRank, checkWhole, type Pair, pairOf } from './window.js';

/** Repeats every row and column of x [n,h,w,c] `factor` times, giving [n,h*factor,w*factor,c]. */
export function resizeNearest(x: TensorLike, factor: number | Pair): Tensor {
  const from = toTensor(x);
  const [down, across] = pairOf(factor);
  checkRank('resizeNearest', 'x', from.shape, 'n,h,w,channels');
  checkWhole('resizeNearest', 'factor', [down, across], 1);
  const [n, h, w, channels] = from.shape as [number, number, number, number];
  const repeated = broadcastTo(reshape(from, [n, h, 1, w, 1, channels]), [n, h, down, w, across, channels]);
  const y = reshape(repeated, [n, h * down, w * across, channels]);
  return asCompound(y, 'resizeNearest', [from], { size: [h * down, w * across] });
}

/**
 * Resizes x [n,h,w,c] to `size` by linear interpolation between the centres of neighbouring pixels, without
 * smoothing first where it shrinks; integers become float32.
 */
export function resizeBilinear(x: TensorLike, size: number | Pair): Tensor {
  const given = toTensor(x);
  const [height, width] = pairOf(size);
  checkRank('resizeBilinear', 'x', given.shape, 'n,h,w,channels');
  checkWhole('resizeBilinear', 'size', [height, width], 1);
  const [, h, w] = given.shape as [number, number, number, number];
  checkWhole('resizeBilinear', 'height and width of x', [h, w], 1);
  const from = isFloat(given.dtype) ? given : cast(given, 'float32');
  const y = resample(from, { rows: kerasTaps('bilinear', h, height), columns: kerasTaps('bilinear', w, width) });
  return asCompound(y, 'resizeBilinear', [from], { size: [height, width] });
}

/** From this many channels on, products with rows of channels fill the vectors. */
const MANY_CHANNELS = 16;

/**
 * x [n,h,w,c], floats, with every row and every column made of weighted pixels: products with small matrices. Sides without
 * taps stay.
 */
export function resample(
  x: Tensor,
  { rows, columns }: { rows?: Taps | undefined; columns?: Taps | undefined },
): Tensor {
  if (rows === undefined && columns === undefined) return x;
  const [n, h, w, channels] = x.shape as [number, number, number, number];
  const down = rows === undefined ? undefined : matrixOf(rows, h, x);
  const across = columns === undefined ? undefined : matrixOf(columns, w, x);
  const [height, width] = [rows?.first.length ?? h, columns?.first.length ?? w];
  if (channels >= MANY_CHANNELS || across === undefined) {
    const tall = down === undefined ? x : matmul(down, reshape(x, [n, h, w * channels]));
    const both = across === undefined ? tall : matmul(across, reshape(tall, [n * height, w, channels]));
    return reshape(both, [n, height, width, channels]);
  }
  // Few channels: as planes, whose rows are long.
  const planes = transpose(x, [0, 3, 1, 2]);
  const wide = matmul(planes, transpose(across, [1, 0]));
  return transpose(down === undefined ? wide : matmul(down, wide), [0, 2, 3, 1]);
}

function matrixOf(taps: Taps, from: number, { dtype }: Tensor): Tensor {
  return cast(tensor(tapsMatrix(taps, from), { shape: [taps.first.length, from] }), dtype);
}
