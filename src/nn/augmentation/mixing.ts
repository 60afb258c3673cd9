// Layers that mix each picture with another of its batch, and their labels with it.

import { isFloat } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import type { Tensor, TensorLike } from '../../graph/tensor.js';
import { add, cast, divide, maximum, multiply, subtract } from '../../ops/arithmetic.js';
import { greater, less, logicalAnd } from '../../ops/compare.js';
import { gather } from '../../ops/gather.js';
import { concat } from '../../ops/join.js';
import { argSort } from '../../ops/select.js';
import { reshape } from '../../ops/shape.js';
import { log, rsqrt, sigmoid, sqrt, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { real } from '../layers/fields.js';
import {
  AugmentationLayer,
  type AugmentationOptions,
  augmentationFields,
  type Draws,
  type Plan,
  perPicture,
} from './base.js';
import type { BatchSize } from './data.js';
import { type FactorLike, factor } from './options.js';
import { drawWindow, isInside } from './tones.js';

/** Tries of Marsaglia's and Tsang's way to a gamma number; each succeeds with more than 95%. */
const TRIES = 8;

/** The logarithms of gamma numbers of shape `alpha` (above 0), [n]. */
export function logGamma(draws: Draws, n: number, alpha: TensorLike): Tensor {
  // For alpha + 1, brought down to alpha by a factor of u^(1/alpha), which may be too small for a float32.
  const d = add(alpha, 2 / 3);
  const c = multiply(rsqrt(d), 1 / 3);
  let found: Tensor | undefined;
  for (let i = 0; i < TRIES; i++) {
    const x = draws.normal([n]);
    const root = add(1, multiply(c, x));
    const v = multiply(square(root), root);
    const safe = maximum(v, 1e-30);
    const bound = add(multiply(square(x), 0.5), multiply(d, add(subtract(1, safe), log(safe))));
    const isGood = logicalAnd(greater(v, 0), less(log(unit(draws, n)), bound));
    const value = log(multiply(d, safe));
    found = found === undefined ? value : where(isGood, value, found);
  }
  return add(found as Tensor, divide(log(unit(draws, n)), alpha));
}

/** Numbers above 0 and below 1. */
const unit = (draws: Draws, n: number): Tensor => add(draws.uniform([n]), 2 ** -25);

/** Beta numbers [n] of two equal shapes. */
export function beta(draws: Draws, n: number, alpha: TensorLike): Tensor {
  return sigmoid(subtract(logGamma(draws, n, alpha), logGamma(draws, n, alpha)));
}

/** Places 0 to n - 1 in random order, int32 [n]. */
const shuffled = (draws: Draws, n: number): Tensor => argSort(draws.uniform([n]));

/** Labels [n,...] mixed with those of the partners, `weight` [n] of their own. */
function mixLabels(op: string, labels: Tensor, partners: Tensor, weight: Tensor): Tensor {
  if (labels.rank !== 2 || !isFloat(labels.dtype)) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `labels must be floats [n,classes]; got ${labels.dtype} [${labels.shape.join(',')}].`,
      got: labels.shape,
      hint: 'Make them with fovea.oneHot.',
    });
  }
  const own = reshape(weight, [labels.shape[0] as number, 1]);
  return add(multiply(own, labels), multiply(subtract(1, own), gather(labels, partners)));
}

/** See `layers.mixUp`. */
export interface MixUpOptions extends AugmentationOptions {
  /** The smaller, the less is mixed; default .2. */
  alpha?: number;
}

const mixUpFields = { ...augmentationFields, alpha: real(0.2, { low: Number.MIN_VALUE }) };

/** Adds each picture to another one of the batch in random shares, and their labels (float [n,classes]) in the same. */
export class MixUp extends AugmentationLayer<typeof mixUpFields> {
  static override readonly className: string = 'MixUp';
  static override readonly fields = mixUpFields;

  constructor(options: MixUpOptions = {}) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const partners = shuffled(draws, n);
    const weight = beta(draws, n, this.settings.alpha);
    const mix = (x: Tensor): Tensor => {
      const own = cast(perPicture(weight), x.dtype);
      return add(multiply(own, x), multiply(subtract(1, own), gather(x, partners)));
    };
    return {
      images: mix,
      masks: (masks) => mix(isFloat(masks.dtype) ? masks : cast(masks, 'float32')),
      labels: (labels) => mixLabels('MixUp', labels, partners, weight),
      boxes: ({ boxes, labels }) => ({
        boxes: concat([boxes, gather(boxes, partners)], 1),
        ...(labels === undefined ? {} : { labels: concat([labels, gather(labels, partners)], 1) }),
      }),
    };
  }
}

/** See `layers.cutMix`. */
export interface CutMixOptions extends AugmentationOptions {
  /** How much the sizes of windows vary, from 0 to 1, or the range it is drawn from; default [0, 1]. */
  factor?: FactorLike;
}

const cutMixFields = { ...augmentationFields, factor: factor({ least: 0, most: 1 }, 1) };

/** Puts a window of another picture of the batch into each, and mixes their labels (float [n,classes]) by its area. */
export class CutMix extends AugmentationLayer<typeof cutMixFields> {
  static override readonly className: string = 'CutMix';
  static override readonly fields = cutMixFields;

  constructor(options: CutMixOptions = {}) {
    super(options);
  }

  override plan(size: BatchSize, draws: Draws): Plan {
    const { n, height, width } = size;
    const { low, high } = this.settings.factor;
    const alpha = add(draws.uniform([n], low, high), 1e-6);
    const side = sqrt(subtract(1, beta(draws, n, alpha)));
    const window = drawWindow(size, draws, side, side);
    const inside = isInside(window, size);
    const area = multiply(subtract(window.right, window.left), subtract(window.bottom, window.top));
    const weight = subtract(1, divide(area, width * height));
    const partners = shuffled(draws, n);
    const cut = (x: Tensor): Tensor => where(inside, gather(x, partners), x);
    return {
      images: cut,
      masks: cut,
      labels: (labels) => mixLabels('CutMix', labels, partners, weight),
      boxes() {
        throw new FoveaError({
          code: 'unsupported',
          op: 'CutMix',
          message: 'cannot mix boundingBoxes: a box may be covered in part.',
          hint: 'Use MixUp, which keeps the boxes of both pictures.',
        });
      },
    };
  }
}
