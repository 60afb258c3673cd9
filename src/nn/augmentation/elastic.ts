// The layer that bends pictures by a smooth random field.
import type { Tensor } from '../../graph/tensor.js';
import { add, cast, clip, multiply, subtract } from '../../ops/arithmetic.js';
import { stack } from '../../ops/join.js';
import { reshape, slice } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import { displaced, elasticField, type Field as ShiftField } from '../../vision/elastic.js';
import { toFloat } from '../../vision/pictures.js';
import { type SampleOptions, sample } from '../../vision/sampling.js';
import { AugmentationLayer, augmentationFields, type Draws, type Plan } from './base.js';
import type { BatchSize } from './data.js';
import {
  type ColorLayerOptions,
  type FactorLike,
  factor,
  valueRange,
  type WarpLayerOptions,
  warpFields,
} from './options.js';
import { batchOf, isChosen } from './warps.js';

/** See `layers.randomElasticTransform`. */
export interface RandomElasticTransformOptions extends WarpLayerOptions, ColorLayerOptions {
  /** How probable it is that a picture is bent: a range that the probability is drawn from; default [0, 1]. */
  factor?: FactorLike;
  /** How strongly, from 0 to 1: pixels go up to about scale^2 / 200 of the picture's area; default [0, 1]. */
  scale?: FactorLike;
}

const unit = factor({ least: 0, most: 1 }, 1);
const elasticFields = { ...augmentationFields, ...warpFields, valueRange: valueRange(), factor: unit, scale: unit };

/** Bends pictures as if they were printed on rubber. */
export class RandomElasticTransform extends AugmentationLayer<typeof elasticFields> {
  static override readonly className: string = 'RandomElasticTransform';
  static override readonly fields = elasticFields;

  constructor(options: RandomElasticTransformOptions = {}) {
    super(options);
  }

  override plan({ n, height, width }: BatchSize, draws: Draws): Plan {
    const { factor: chance, scale, valueRange: bounds, interpolation, fillMode, fillValue } = this.settings;
    const isBent = reshape(isChosen(draws, chance, n), [n, 1, 1]);
    const strength = draws.uniform([n, 1, 1], scale.low, scale.high);
    const smooth = 0.05 * Math.min(height, width);
    const options = {
      alpha: where(isBent, multiply(strength, 0.1 * Math.max(height, width)), 0),
      sigma: multiply(strength, smooth),
      largestSigma: smooth * scale.high,
    };
    const { key, stream } = draws.streams(2);
    const field = elasticField([n, height, width], options, key, stream);
    const { row, column } = displaced(field, { height, width });
    const how: SampleOptions = { interpolation, fillMode, fillValue };
    const nearest: SampleOptions = { ...how, interpolation: 'nearest' };
    return {
      images: (pictures) => clip(sample(batchOf(pictures), row, column, how), ...bounds),
      masks: (masks) => cast(sample(batchOf(toFloat(masks)), row, column, nearest), masks.dtype),
      points: (points) => movePoints(points, field),
    };
  }
}

/** Rounds of looking where the field takes the point that it is said to come from. */
const ROUNDS = 8;

/** Where points [n,k,2] go: the place q with q + field(q) = p, found by going back and forth. */
function movePoints(points: Tensor, { row, column }: ShiftField): Tensor {
  const [n, k] = points.shape as [number, number];
  const at = (axis: number): Tensor => subtract(reshape(slice(points, [0, 0, axis], [n, k, 1]), [n, 1, k]), 0.5);
  const [x, y] = [at(0), at(1)];
  const both = batchOf(stack([column, row], 3));
  const how: SampleOptions = { interpolation: 'bilinear', fillMode: 'nearest', fillValue: 0 };
  let [toX, toY] = [x, y];
  for (let round = 0; round < ROUNDS; round++) {
    const found = sample(both, toY, toX, how);
    const shift = (axis: number): Tensor => reshape(slice(found, [0, 0, 0, axis], [n, 1, k, 1]), [n, 1, k]);
    [toX, toY] = [subtract(x, shift(0)), subtract(y, shift(1))];
  }
  return add(reshape(stack([toX, toY], 3), [n, k, 2]), 0.5);
}
