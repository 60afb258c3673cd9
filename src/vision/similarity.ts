// How alike two pictures are: structural similarity and the peak signal-to-noise ratio, as Keras computes them.
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { toTensor } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, divide, multiply, subtract } from '../ops/arithmetic.js';
import { mean } from '../ops/reduce.js';
import { reshape } from '../ops/shape.js';
import { log, square } from '../ops/unary.js';
import { filter2d, gaussianWeights } from './filters.js';
import { type PictureOptions, toBatch, toFloat } from './pictures.js';

/** See `ssim`. */
export interface SsimOptions extends PictureOptions {
  /** The brightest value there can be; default 1. */
  maxVal?: number;
  /** Side of the Gaussian window; default 11. */
  filterSize?: number;
  /** Its deviation; default 1.5. */
  filterSigma?: number;
  /** Small numbers that keep quotients calm; default .01 and .03. */
  k1?: number;
  k2?: number;
}

function checkAlike(op: string, a: Tensor, b: Tensor): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `the pictures must have one shape; got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`,
    got: [a.shape, b.shape],
  });
}

/**
 * Structural similarity of pictures of one shape, averaged over all places of the window and the channels: a scalar for [h,w,c], [n] for
 * a batch; 1 for equal pictures. Throws `shape` where they differ in shape or are smaller than the window.
 */
export function ssim(image1: TensorLike, image2: TensorLike, options: SsimOptions = {}): Tensor {
  const { maxVal = 1, filterSize = 11, filterSigma = 1.5, k1 = 0.01, k2 = 0.03, ...rest } = options;
  const [given, other] = [toTensor(image1), toTensor(image2)];
  checkAlike('ssim', given, other);
  const first = toBatch('ssim', given, rest);
  if (!(Number.isInteger(filterSize) && filterSize >= 1) || filterSize > Math.min(first.height, first.width)) {
    throw new FoveaError({
      code: 'shape',
      op: 'ssim',
      message: `a window of ${filterSize} does not fit into ${first.height}x${first.width}.`,
      got: filterSize,
      hint: 'Give a smaller filterSize.',
    });
  }
  const [a, b] = [toFloat(first.pictures), toFloat(toBatch('ssim', other, rest).pictures)];
  const weights = gaussianWeights(filterSize, filterSigma);
  const column = weights.map((each) => [each]);
  const window = (x: Tensor): Tensor =>
    filter2d(filter2d(x, column, { padding: 'valid' }), [weights], { padding: 'valid' });
  const [meanA, meanB] = [window(a), window(b)];
  const both = multiply(meanA, meanB);
  const squares = [square(meanA), square(meanB)] as const;
  const spread = subtract(add(window(square(a)), window(square(b))), add(...squares));
  const shared = subtract(window(multiply(a, b)), both);
  const [c1, c2] = [(k1 * maxVal) ** 2, (k2 * maxVal) ** 2];
  const above = multiply(add(multiply(both, 2), c1), add(multiply(shared, 2), c2));
  const below = multiply(add(add(...squares), c1), add(spread, c2));
  const result = mean(divide(above, below), { axis: [1, 2, 3] });
  return given.rank === 3 ? reshape(result, []) : result;
}

/** The peak signal-to-noise ratio of two tensors of one shape, in decibels, over all their elements; infinite for equal ones. */
export function psnr(x1: TensorLike, x2: TensorLike, maxVal: number): Tensor {
  const [a, b] = [toFloat(toTensor(x1)), toFloat(toTensor(x2))];
  checkAlike('psnr', a, b);
  const error = mean(square(subtract(a, b)));
  return multiply(log(divide(maxVal ** 2, error)), 10 / Math.LN10);
}
