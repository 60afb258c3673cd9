// Resizing pictures [n,h,w,c] inside a model, as compositions, so that gradients and engines come for free.
import { isFloat } from '../core/dtype.js';
import { toTensor } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { matmul } from './matmul.js';
import { broadcastTo, reshape } from './shape.js';
import { checkRank, checkWhole, type Pair, pairOf } from './window.js';

/** Repeats every row and column of x [n,h,w,c] `factor` times, giving [n,h*factor,w*factor,c]. */
export function resizeNearest(x: TensorLike, factor: number | Pair): Tensor {
  const from = toTensor(x);
  const [down, across] = pairOf(factor);
  checkRank('resizeNearest', 'x', from.shape, 'n,h,w,channels');
  checkWhole('resizeNearest', 'factor', [down, across], 1);
  const [n, h, w, channels] = from.shape as [number, number, number, number];
  const repeated = broadcastTo(reshape(from, [n, h, 1, w, 1, channels]), [n, h, down, w, across, channels]);
  return reshape(repeated, [n, h * down, w * across, channels]);
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
  const from = isFloat(given.dtype) ? given : cast(given, 'float32');
  const [n, h, w, channels] = from.shape as [number, number, number, number];
  checkWhole('resizeBilinear', 'height and width of x', [h, w], 1);
  // Each side is one product with a small matrix that has two weights a row.
  const rows = matmul(interpolation(h, height, from), reshape(from, [n, h, w * channels]));
  const both = matmul(interpolation(w, width, from), reshape(rows, [n * height, w, channels]));
  return reshape(both, [n, height, width, channels]);
}

/** The matrix [to,from] that interpolates linearly between pixel centres. */
function interpolation(from: number, to: number, { dtype }: Tensor): Tensor {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const centre = ((i + 0.5) * from) / to - 0.5;
    const below = Math.floor(centre);
    const first = Math.max(below, 0);
    const second = Math.min(below + 1, from - 1);
    const share = centre - below;
    weights[i * from + first] = (weights[i * from + first] as number) + 1 - share;
    weights[i * from + second] = (weights[i * from + second] as number) + share;
  }
  return cast(tensor(weights, { shape: [to, from] }), dtype);
}
