// Corners by Harris: places where the picture changes in both directions.
import { FoveaError } from '../core/errors.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, multiply, subtract } from '../ops/arithmetic.js';
import { equal, greater, logicalAnd } from '../ops/compare.js';
import { maxPool2d } from '../ops/pool.js';
import { max } from '../ops/reduce.js';
import { nonZero } from '../ops/select.js';
import { slice } from '../ops/shape.js';
import { square } from '../ops/unary.js';
import { rgbToGrayscale } from './colors.js';
import { structureTensor } from './filters.js';
import { onBatch, type PictureOptions, toBatch, toFloat } from './pictures.js';

/** See `harrisResponse`. */
export interface HarrisOptions extends PictureOptions {
  /** How strongly edges count against corners; default .05. */
  k?: number;
  /** Deviation in pixels of the window over which slopes are averaged; default 1. */
  sigma?: number;
}

/**
 * Harris's response of pictures of 1 or 3 channels, one channel: det(M) - k trace(M)^2 of the averaged products of slopes. High at
 * corners, below 0 on edges, 0 where nothing changes.
 */
export function harrisResponse(images: TensorLike, { k = 0.05, sigma = 1, ...options }: HarrisOptions = {}): Tensor {
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    const message = `sigma must be above 0; got ${sigma}.`;
    throw new FoveaError({ code: 'argument', op: 'harrisResponse', message, got: sigma });
  }
  return onBatch('harrisResponse', images, options, ({ pictures }) => {
    const [xx, yy, xy] = structureTensor(rgbToGrayscale(toFloat(pictures)), sigma);
    const determinant = subtract(multiply(xx, yy), square(xy));
    return subtract(determinant, multiply(square(add(xx, yy)), k));
  });
}

/** See `harrisCorners`. */
export interface HarrisCornerOptions extends HarrisOptions {
  /** The least response, as a share of the highest of the batch; default .1. */
  threshold?: number;
  /** Pixels within which only the highest response counts; default 3. */
  distance?: number;
  /** The most corners there can be; default one for every pixel. */
  bound?: number;
}

/**
 * Corners as rows [picture, row, column] of an int32 tensor [bound,3], and how many there are; the rows after them hold -1.
 * One picture is picture 0.
 */
export function harrisCorners(
  images: TensorLike,
  { threshold = 0.1, distance = 3, bound, ...options }: HarrisCornerOptions = {},
): { corners: Tensor; count: Tensor } {
  const { pictures } = toBatch('harrisCorners', images, options);
  const { dataFormat: _, ...rest } = options;
  const response = harrisResponse(pictures, rest);
  const peaks = equal(response, maxPool2d(response, { poolSize: 2 * distance + 1, strides: 1, padding: 'same' }));
  const isHigh = greater(response, multiply(max(response), threshold));
  const limit = bound ?? response.size;
  const { indices, count } = nonZero(logicalAnd(peaks, isHigh), { bound: limit });
  return { corners: slice(indices, [0, 0], [limit, 3]), count };
}
