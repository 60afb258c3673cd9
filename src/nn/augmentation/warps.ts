// Layers that move pixels by one matrix per picture: rotation, translation, zoom, shear and perspective.
import type { Tensor } from '../../graph/tensor.js';
import { constant } from '../../graph/tensor.js';
import { add, cast, divide, multiply, negative, subtract } from '../../ops/arithmetic.js';
import { greater, less } from '../../ops/compare.js';
import { ones, zeros } from '../../ops/create.js';
import { stack } from '../../ops/join.js';
import { broadcastTo, reshape, slice } from '../../ops/shape.js';
import { cos, sin } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { type Batch, toFloat } from '../../vision/pictures.js';
import type { SampleOptions } from '../../vision/sampling.js';
import { INTERPOLATIONS, type Interpolation } from '../../vision/sampling.js';
import { computeHomographyMatrix, warpBatch } from '../../vision/warp.js';
import { choice, real, refuseOption } from '../layers/fields.js';
import { AugmentationLayer, type AugmentationOptions, augmentationFields, type Draws, type Plan } from './base.js';
import type { BatchSize } from './data.js';
import { type Factor, type FactorLike, factor, type WarpLayerOptions, warpFields } from './options.js';

/** A tensor of pictures [n,h,w,c] with its sizes. */
export function batchOf(pictures: Tensor): Batch {
  const [n, height, width, channels] = pictures.shape as [number, number, number, number];
  return { pictures, n, height, width, channels };
}

/** Masks [n,h,w,c] of any dtype read by transforms [n,8], each pixel whole. */
export function warpMasks(masks: Tensor, transforms: Tensor, options: SampleOptions): Tensor {
  const nearest: SampleOptions = { ...options, interpolation: 'nearest' };
  return cast(warpBatch(batchOf(toFloat(masks)), transforms, nearest), masks.dtype);
}

/**
 * Where points [n,k,2] go when pictures are read through transforms [n,8]: the inverse of the transform. Points are counted from
 * the corner of the first pixel, transforms from its middle.
 */
export function movePoints(points: Tensor, transforms: Tensor): Tensor {
  const [n, k] = points.shape as [number, number];
  const [a0, a1, a2, b0, b1, b2, c0, c1] = Array.from({ length: 8 }, (_, i) => slice(transforms, [0, i], [n, 1])) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const at = (axis: number): Tensor => subtract(reshape(slice(points, [0, 0, axis], [n, k, 1]), [n, k]), 0.5);
  const [x, y] = [at(0), at(1)];
  const minor = (a: Tensor, b: Tensor, c: Tensor, d: Tensor): Tensor => subtract(multiply(a, b), multiply(c, d));
  const combine = (p: Tensor, q: Tensor, r: Tensor): Tensor => add(add(multiply(p, x), multiply(q, y)), r);
  // Rows of the adjugate of [a0 a1 a2; b0 b1 b2; c0 c1 1].
  const one = ones([n, 1]);
  const right = combine(minor(b1, one, b2, c1), minor(a2, c1, a1, one), minor(a1, b2, a2, b1));
  const down = combine(minor(b2, c0, b0, one), minor(a0, one, a2, c0), minor(a2, b0, a0, b2));
  const depth = combine(minor(b0, c1, b1, c0), minor(a1, c0, a0, c1), minor(a0, b1, a1, b0));
  return add(stack([divide(right, depth), divide(down, depth)], 2), 0.5);
}

/** The plan of a warp by transforms [n,8]. */
export interface WarpPlan extends Plan {
  readonly transforms: Tensor;
}

/** What a warp does to pictures and all that belongs to them. */
export function warpPlan(transforms: Tensor, options: SampleOptions): WarpPlan {
  return {
    transforms,
    images: (pictures) => warpBatch(batchOf(pictures), transforms, options),
    masks: (masks) => warpMasks(masks, transforms, options),
    points: (points) => movePoints(points, transforms),
  };
}

/** Transforms [n,8] from columns [n] or numbers. */
export function matrices(n: number, columns: readonly (Tensor | number)[]): Tensor {
  return stack(
    columns.map((each) => (typeof each === 'number' ? broadcastTo(constant([each], [1], 'float32'), [n]) : each)),
    1,
  );
}

const geometric = { ...augmentationFields, ...warpFields };

type Warping = typeof geometric;

/** A layer that reads its pictures through one matrix each. */
abstract class WarpLayer<F extends Warping> extends AugmentationLayer<F> {
  /** The transforms [n,8] of a batch. */
  abstract transforms(size: BatchSize, draws: Draws): Tensor;

  override plan(size: BatchSize, draws: Draws): WarpPlan {
    const { fillMode, interpolation, fillValue } = this.settings as SampleOptions;
    return warpPlan(this.transforms(size, draws), { fillMode, interpolation, fillValue });
  }
}

const between = (draws: Draws, { low, high }: Pick<Factor, 'low' | 'high'>, n: number): Tensor =>
  draws.uniform([n], low, high);

/** See `layers.randomRotation`. */
export interface RandomRotationOptions extends WarpLayerOptions {
  /** Share of a full turn, anticlockwise: .2 turns by up to 72 degrees either way. */
  factor: FactorLike;
}

const rotationFields = { ...geometric, factor: factor({ least: -1, most: 1 }) };

/** Turns pictures about their middle. */
export class RandomRotation extends WarpLayer<typeof rotationFields> {
  static override readonly className: string = 'RandomRotation';
  static override readonly fields = rotationFields;

  constructor(options: RandomRotationOptions) {
    super(options);
  }

  override transforms({ n, height, width }: BatchSize, draws: Draws): Tensor {
    const angle = multiply(between(draws, this.settings.factor, n), 2 * Math.PI);
    const [cosine, sine] = [cos(angle), sin(angle)];
    const [x, y] = [(width - 1) / 2, (height - 1) / 2];
    const a2 = subtract(x, subtract(multiply(cosine, x), multiply(sine, y)));
    const b2 = subtract(y, add(multiply(sine, x), multiply(cosine, y)));
    return matrices(n, [cosine, negative(sine), a2, sine, cosine, b2, 0, 0]);
  }
}

/** See `layers.randomTranslation`. */
export interface RandomTranslationOptions extends WarpLayerOptions {
  /** Share of the height by which pictures go down. */
  heightFactor: FactorLike;
  /** Share of the width by which pictures go right. */
  widthFactor: FactorLike;
}

const shift = factor({ least: -1, most: 1, isStrict: true, isRaw: true });
const translationFields = { ...geometric, heightFactor: shift, widthFactor: shift };

/** Shifts pictures. */
export class RandomTranslation extends WarpLayer<typeof translationFields> {
  static override readonly className: string = 'RandomTranslation';
  static override readonly fields = translationFields;

  constructor(options: RandomTranslationOptions) {
    super(options);
  }

  override transforms({ n, height, width }: BatchSize, draws: Draws): Tensor {
    const down = multiply(between(draws, this.settings.heightFactor, n), -height);
    const right = multiply(between(draws, this.settings.widthFactor, n), -width);
    return matrices(n, [1, 0, right, 0, 1, down, 0, 0]);
  }
}

/** See `layers.randomZoom`. */
export interface RandomZoomOptions extends WarpLayerOptions {
  /** Above 0 pictures become lower, below 0 higher: 1 + factor pixels of height are read for each. */
  heightFactor: FactorLike;
  /** The same for the width; default: as much as the height. */
  widthFactor?: FactorLike;
}

const zoom = factor({ least: -1, most: 1, isStrict: true, isRaw: true, isLeastAllowed: false });
const zoomFields = { ...geometric, heightFactor: zoom, widthFactor: optionalFactor() };

function optionalFactor() {
  return {
    ...zoom,
    fallback: () => null,
    check: (value: unknown, place: Parameters<typeof zoom.check>[1]): Factor | null =>
      value === null ? null : zoom.check(value, place),
    write: (value: Factor | null): unknown => (value === null ? null : zoom.write(value)),
  };
}

/** Enlarges or shrinks pictures about their middle. */
export class RandomZoom extends WarpLayer<typeof zoomFields> {
  static override readonly className: string = 'RandomZoom';
  static override readonly fields = zoomFields;

  constructor(options: RandomZoomOptions) {
    super(options);
  }

  override transforms({ n, height, width }: BatchSize, draws: Draws): Tensor {
    const { heightFactor, widthFactor } = this.settings;
    const drawn = (range: Factor): Tensor => draws.uniform([n], 1 + range.low, 1 + range.high);
    const down = drawn(heightFactor);
    const across = widthFactor === null ? down : drawn(widthFactor);
    const offset = (scale: Tensor, size: number): Tensor => multiply(subtract(1, scale), (size - 1) / 2);
    return matrices(n, [across, 0, offset(across, width), 0, down, offset(down, height), 0, 0]);
  }
}

/** See `layers.randomShear`. */
export interface RandomShearOptions extends WarpLayerOptions {
  /** How far rows slide apart, in pixels per pixel, from 0 to 1; either way by chance. Default 0. */
  xFactor?: FactorLike;
  /** The same for columns. */
  yFactor?: FactorLike;
}

// Keras writes a number f as [-f, f] and refuses to read that again; here the number stands, and both are read.
const slantRange = factor({ least: -1, most: 1, isStrict: true, isRaw: true }, 0);
const slant: typeof slantRange = {
  ...slantRange,
  check(value, place) {
    const isBelow = Array.isArray(value) ? value[0] < 0 && value[0] !== -value[1] : Number(value) < 0;
    if (isBelow) throw refuseOption(place, 'a number from 0 to 1, or two of them', value);
    return slantRange.check(value, place);
  },
};
const shearFields = { ...geometric, xFactor: slant, yFactor: slant };

/** Slants pictures. */
export class RandomShear extends WarpLayer<typeof shearFields> {
  static override readonly className: string = 'RandomShear';
  static override readonly fields = shearFields;

  constructor(options: RandomShearOptions = {}) {
    super(options);
  }

  override transforms({ n }: BatchSize, draws: Draws): Tensor {
    const { xFactor, yFactor } = this.settings;
    const sign = where(greater(draws.uniform([n]), 0.5), -1, 1);
    const down = multiply(between(draws, yFactor, n), sign);
    const across = multiply(between(draws, xFactor, n), sign);
    return matrices(n, [1, across, 0, down, 1, 0, 0, 0]);
  }
}

/** See `layers.randomPerspective`. */
export interface RandomPerspectiveOptions extends AugmentationOptions {
  /** How probable it is that a picture is changed: a range that the probability is drawn from; default [0, 1]. */
  factor?: FactorLike;
  /** How far corners move: up to half of this share of the side, from 0 to 1 (default). */
  scale?: number;
  /** Default `bilinear`. */
  interpolation?: Interpolation;
  /** What stands outside the picture; default 0. */
  fillValue?: number;
}

const perspectiveFields = {
  ...augmentationFields,
  factor: factor({ least: 0, most: 1 }, 1),
  scale: real(1, { low: 0, high: 1 + Number.EPSILON }),
  interpolation: choice(INTERPOLATIONS, 'bilinear'),
  fillValue: warpFields.fillValue,
};

/** Tilts pictures: their corners move, the first one excepted, and straight lines stay straight. */
export class RandomPerspective extends AugmentationLayer<typeof perspectiveFields> {
  static override readonly className: string = 'RandomPerspective';
  static override readonly fields = perspectiveFields;

  constructor(options: RandomPerspectiveOptions = {}) {
    super(options);
  }

  override plan({ n, height, width }: BatchSize, draws: Draws): Plan {
    const { factor: range, scale, interpolation, fillValue } = this.settings;
    const isChanged = isChosen(draws, range, n);
    const [right, bottom] = [width - 1, height - 1];
    const start = broadcastTo(constant([0, 0, right, 0, 0, bottom, right, bottom], [1, 4, 2], 'float32'), [n, 4, 2]);
    const moved = add(start, multiply(start, draws.uniform([n, 4, 2], -0.5 * scale, 0.5 * scale)));
    const end = where(reshape(isChanged, [n, 1, 1]), moved, start);
    const transforms = computeHomographyMatrix(start, end);
    // Pictures that are left alone are read exactly at their pixels.
    const still = matrices(n, [1, 0, 0, 0, 1, 0, 0, 0]);
    const chosen = where(reshape(isChanged, [n, 1]), transforms, still);
    return warpPlan(chosen, { interpolation, fillMode: 'constant', fillValue });
  }
}

/** Which pictures of n are changed [n], each with a probability drawn from the range. */
export function isChosen(draws: Draws, { low, high }: Factor, n: number): Tensor {
  const probability = draws.uniform([n], low, high);
  return less(draws.uniform([n]), probability);
}

/** Nothing anywhere: transforms for pictures that stay. */
export const identities = (n: number): Tensor => add(zeros([n, 8]), matrices(n, [1, 0, 0, 0, 1, 0, 0, 0]));
