// Layers that choose among many augmentations, for each picture by itself: RandAugment and AugMix.
import type { Tensor } from '../../graph/tensor.js';
import { add, cast, clip, minimum, multiply, subtract } from '../../ops/arithmetic.js';
import { equal } from '../../ops/compare.js';
import { stack } from '../../ops/join.js';
import { reshape, slice } from '../../ops/shape.js';
import { softmax } from '../../ops/softmax.js';
import { floor } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { equalizeBatch, type ValueRange } from '../../vision/histogram.js';
import { INTERPOLATIONS, type Interpolation, type SampleOptions } from '../../vision/sampling.js';
import { warpBatch } from '../../vision/warp.js';
import { choice, flag, real, whole } from '../layers/fields.js';
import { AugmentationLayer, augmentationFields, type Draws, type Plan, perPicture } from './base.js';
import { RandomBrightness, RandomColorDegeneration, RandomContrast } from './colors.js';
import type { BatchSize } from './data.js';
import { beta, logGamma } from './mixing.js';
import { type ColorLayerOptions, type Factor, type FactorLike, factor, valueRange } from './options.js';
import { AutoContrast, RandomPosterization, RandomSharpness, Solarization } from './tones.js';
import { batchOf, identities, movePoints, RandomRotation, RandomShear, RandomTranslation, warpMasks } from './warps.js';

/** What there is to choose from. */
interface Choices {
  readonly factor: Factor;
  readonly valueRange: ValueRange;
  readonly interpolation: Interpolation;
  /** Brightness, colour degeneration, contrast and sharpness too. */
  readonly hasAll: boolean;
  /** One more choice: to do nothing. */
  readonly hasNone: boolean;
}

/**
 * One augmentation for each picture, chosen among all. Those that move pixels differ in a matrix alone, so they cost
 * one warp together; the others are all computed and one is taken.
 */
function chooseOne(size: BatchSize, draws: Draws, choices: Choices, name: string): Plan {
  const { n } = size;
  const { interpolation, valueRange: bounds } = choices;
  const range: FactorLike = [choices.factor.low, choices.factor.high];
  const color = { factor: range, valueRange: bounds, name };
  const warps = [
    new RandomShear({ xFactor: range, yFactor: range, name }),
    new RandomTranslation({ heightFactor: range, widthFactor: range, name }),
    new RandomRotation({ factor: range, name }),
  ].map((layer) => layer.transforms(size, draws));
  const bits = Math.max(1, Math.floor(8 * choices.factor.high));
  const tones: ((pictures: Tensor) => Tensor)[] = [
    ...(choices.hasAll
      ? [
          new RandomBrightness(color),
          new RandomColorDegeneration(color),
          new RandomContrast(color),
          new RandomSharpness(color),
        ]
      : []),
    new RandomPosterization({ ...color, factor: bits }),
    new Solarization({ additionFactor: range, thresholdFactor: range, valueRange: bounds, name }),
    new AutoContrast({ valueRange: bounds, name }),
  ].map((layer) => layer.plan(size, draws).images);
  tones.push((pictures) => equalizeBatch(batchOf(pictures), bounds, 256, false));

  const count = warps.length + tones.length + (choices.hasNone ? 1 : 0);
  const chosen = minimum(floor(draws.uniform([n], 0, count)), count - 1);
  const transforms = warps.reduce(
    (found, each, i) => where(reshape(equal(chosen, i), [n, 1]), each, found),
    identities(n),
  );
  const how: SampleOptions = { interpolation, fillMode: 'reflect', fillValue: 0 };
  return {
    images(pictures) {
      const moved = warpBatch(batchOf(pictures), transforms, how);
      return tones.reduce((found, change, i) => {
        const isTaken = perPicture(equal(chosen, warps.length + i));
        return where(isTaken, cast(change(moved), found.dtype), found);
      }, moved);
    },
    masks: (masks) => warpMasks(masks, transforms, how),
    points: (points) => movePoints(points, transforms),
  };
}

const policyFields = {
  ...augmentationFields,
  valueRange: valueRange(),
  interpolation: choice<Interpolation>(INTERPOLATIONS, 'bilinear'),
};

/** See `layers.randAugment`. */
export interface RandAugmentOptions extends ColorLayerOptions {
  /** How many augmentations each picture gets, one after the other; default 2. */
  numOps?: number;
  /** How strong they are, from 0 to 1, or the range it is drawn from; default [0, .5]. */
  factor?: FactorLike;
  interpolation?: Interpolation;
}

const randAugmentFields = {
  ...policyFields,
  numOps: whole(1, 2),
  factor: factor({ least: 0, most: 1 }, 0.5),
};

/** Changes each picture by some of eleven augmentations, drawn by chance. */
export class RandAugment extends AugmentationLayer<typeof randAugmentFields> {
  static override readonly className: string = 'RandAugment';
  static override readonly fields = randAugmentFields;

  constructor(options: RandAugmentOptions = {}) {
    super(options);
  }

  override plan(size: BatchSize, draws: Draws): Plan {
    const { numOps, ...settings } = this.settings;
    const choices: Choices = { ...settings, hasAll: true, hasNone: false };
    const plans = Array.from({ length: numOps }, () => chooseOne(size, draws, choices, this.name));
    const inTurn =
      (key: 'images' | 'masks' | 'points') =>
      (x: Tensor): Tensor =>
        plans.reduce((changed, plan) => plan[key]?.(changed) ?? changed, x);
    return { images: inTurn('images'), masks: inTurn('masks'), points: inTurn('points') };
  }
}

/** See `layers.augMix`. */
export interface AugMixOptions extends ColorLayerOptions {
  /** How many differently changed versions are mixed; default 3. */
  numChains?: number;
  /** How many augmentations each of them gets at most; default 3. */
  chainDepth?: number;
  /** How strong they are, from 0 to 1, or the range it is drawn from; default [0, .3]. */
  factor?: FactorLike;
  /** Shape of the distributions that shares are drawn from; default 1. */
  alpha?: number;
  /** Whether brightness, colour degeneration, contrast and sharpness are among the choices; default true. */
  allOps?: boolean;
  interpolation?: Interpolation;
}

const augMixFields = {
  ...policyFields,
  numChains: whole(1, 3),
  chainDepth: whole(1, 3),
  factor: factor({ least: 0, most: 1 }, 0.3),
  alpha: real(1, { low: Number.MIN_VALUE }),
  allOps: flag(true),
};

/** Mixes each picture with several versions of it, each changed by a chain of augmentations. Boxes, points and masks stay. */
export class AugMix extends AugmentationLayer<typeof augMixFields> {
  static override readonly className: string = 'AugMix';
  static override readonly fields = augMixFields;

  constructor(options: AugMixOptions = {}) {
    super(options);
  }

  override plan(size: BatchSize, draws: Draws): Plan {
    const { numChains, chainDepth, alpha, allOps, valueRange: bounds, ...settings } = this.settings;
    const { n } = size;
    const choices: Choices = { ...settings, valueRange: bounds, hasAll: allOps, hasNone: true };
    const gammas = Array.from({ length: numChains }, () => logGamma(draws, n, alpha));
    // Gamma numbers by their sum are Dirichlet's shares.
    const shares = softmax(stack(gammas, 1));
    const own = perPicture(beta(draws, n, alpha));
    const chains = Array.from({ length: numChains }, () =>
      Array.from({ length: chainDepth }, () => chooseOne(size, draws, choices, this.name)),
    );
    return {
      images(pictures) {
        const versions = chains.map((chain, i) => {
          const share = cast(perPicture(slice(shares, [0, i], [n, 1])), pictures.dtype);
          return multiply(
            chain.reduce((changed, plan) => plan.images(changed), pictures),
            share,
          );
        });
        const ownShare = cast(own, pictures.dtype);
        const mixed = add(multiply(ownShare, pictures), multiply(subtract(1, ownShare), versions.reduce(add)));
        return clip(mixed, ...bounds);
      },
    };
  }
}
