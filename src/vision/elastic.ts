// Elastic distortion: every pixel is read a little off its place, by a smooth field of random shifts.
import { FoveaError } from '../core/errors.js';
import { keyFromSeed } from '../core/random.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { add, cast, divide, maximum, multiply, subtract } from '../ops/arithmetic.js';
import { lessEqual } from '../ops/compare.js';
import { range } from '../ops/create.js';
import { matmul } from '../ops/matmul.js';
import { randomNormal } from '../ops/random.js';
import { sum } from '../ops/reduce.js';
import { reshape } from '../ops/shape.js';
import { abs, exp, floor, square } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { type Batch, onBatch, type PictureOptions } from './pictures.js';
import { sample } from './sampling.js';
import { sampleOptions, type WarpOptions, warped } from './warp.js';

/** See `elasticTransform`. */
export interface ElasticOptions extends PictureOptions, Omit<WarpOptions, 'fillMode'> {
  /** How far pixels go; default 20. */
  alpha?: number;
  /** Deviation in pixels of the Gaussian that smooths the field; default 5. */
  sigma?: number;
  /** Default `reflect`. */
  fillMode?: WarpOptions['fillMode'];
  /** A number, or a key of four words; the same one gives the same field. Default 0. */
  seed?: number | Tensor;
  /** Which of the seed's sequences is used; one more is used beside it. Default 0. */
  stream?: number;
}

/** How far each pixel of a batch is read off its place. */
export interface Field {
  readonly row: Tensor;
  readonly column: Tensor;
}

/** One strength per picture, [n,1,1], and the most that `sigma` can be. */
export interface FieldOptions {
  readonly alpha: Tensor;
  readonly sigma: Tensor;
  readonly largestSigma: number;
}

/** Matrices [n,size,size] that blur an axis of `size` by a Gaussian, cut at 3 floor(sigma) pixels, zeros beyond the border. */
function blurMatrix(size: number, { sigma, largestSigma }: FieldOptions): Tensor {
  const reach = multiply(floor(sigma), 3);
  const spread = maximum(sigma, 1e-6);
  const weigh = (distance: Tensor): Tensor =>
    where(lessEqual(abs(distance), reach), exp(multiply(square(divide(distance, spread)), -0.5)), 0);
  const span = 3 * Math.floor(largestSigma);
  const all = cast(subtract(range(2 * span + 1), span), 'float32');
  const total = sum(weigh(reshape(all, [1, 1, 2 * span + 1])), { axis: 2, keepDims: true });
  const place = cast(range(size), 'float32');
  const apart = subtract(reshape(place, [1, size, 1]), reshape(place, [1, 1, size]));
  return divide(weigh(apart), total);
}

/** @internal A smooth random field for n pictures of a size. */
export function elasticField(
  [n, height, width]: readonly [number, number, number],
  options: FieldOptions,
  key: TensorLike,
  stream: number,
): Field {
  const [down, across] = [blurMatrix(height, options), blurMatrix(width, options)];
  const scale = multiply(options.alpha, options.sigma);
  const shift = (index: number): Tensor => {
    const noise = randomNormal([n, height, width], key, { stream: stream + index });
    return multiply(matmul(matmul(down, noise), across), scale);
  };
  return { row: shift(0), column: shift(1) };
}

/** @internal The places that a field reads at. */
export function displaced({ row, column }: Field, { height, width }: Pick<Batch, 'height' | 'width'>): Field {
  const y = cast(reshape(range(height), [1, height, 1]), 'float32');
  const x = cast(reshape(range(width), [1, 1, width]), 'float32');
  return { row: add(row, y), column: add(column, x) };
}

/** @internal One strength for all pictures of a batch. */
export function evenStrength(alpha: number, sigma: number): FieldOptions {
  const one = (value: number): Tensor => tensor([value], { shape: [1, 1, 1], dtype: 'float32' });
  return { alpha: one(alpha), sigma: one(sigma), largestSigma: sigma };
}

/** A seed as data, so that another one runs the same Program. */
function keyOf(seed: number | Tensor): Tensor {
  if (typeof seed !== 'number') return seed;
  const { seedLow, seedHigh } = keyFromSeed(seed);
  return tensor(Int32Array.of(seedLow, seedHigh, 0, 0));
}

/**
 * Distorts pictures by a smooth random field, another one for each picture: shifts of deviation `sigma`, smoothed by a Gaussian of
 * deviation `sigma`, times `alpha`. Throws `argument`.
 */
export function elasticTransform(images: TensorLike, options: ElasticOptions = {}): Tensor {
  const op = 'elasticTransform';
  const { alpha = 20, sigma = 5, seed = 0, stream = 0 } = options;
  if (!(Number.isFinite(alpha) && Number.isFinite(sigma) && sigma > 0)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `alpha must be a number and sigma a number above 0; got ${alpha} and ${sigma}.`,
      got: { alpha, sigma },
    });
  }
  const how = sampleOptions(op, { ...options, fillMode: options.fillMode ?? 'reflect' });
  return onBatch(op, images, options, (batch) => {
    const size = [batch.n, batch.height, batch.width] as const;
    const field = elasticField(size, evenStrength(alpha, sigma), keyOf(seed), stream);
    const { row, column } = displaced(field, batch);
    return warped(batch, (pictures) => sample(pictures, row, column, how));
  });
}
