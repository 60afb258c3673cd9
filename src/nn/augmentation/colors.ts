// Layers that change colours: contrast, brightness, saturation, hue, grey.
import type { Tensor } from '../../graph/tensor.js';
import { add, clip, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { greater, less } from '../../ops/compare.js';
import { concat } from '../../ops/join.js';
import { mean } from '../../ops/reduce.js';
import { broadcastTo } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import { channelOf, hsvToRgb, rgbToGrayscale, rgbToHsv } from '../../vision/colors.js';
import type { ValueRange } from '../../vision/histogram.js';
import { type Field, optional, real } from '../layers/fields.js';
import {
  AugmentationLayer,
  type AugmentationOptions,
  augmentationFields,
  type Draws,
  type Plan,
  perPicture,
} from './base.js';
import type { BatchSize } from './data.js';
import { type ColorLayerOptions, type Factor, type FactorLike, factor, valueRange } from './options.js';

/** Values of one range as those of another. */
export function rescale(x: Tensor, from: ValueRange, to: ValueRange): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return x;
  const shares = divide(subtract(x, from[0]), from[1] - from[0]);
  return add(multiply(shares, to[1] - to[0]), to[0]);
}

const colorFields = { ...augmentationFields, valueRange: valueRange() };

/** One number per picture between two, as it multiplies pictures. */
export const drawn = (draws: Draws, { low, high }: Pick<Factor, 'low' | 'high'>, n: number): Tensor =>
  perPicture(draws.uniform([n], low, high));

/** See `layers.randomContrast`. */
export interface RandomContrastOptions extends ColorLayerOptions {
  /** Differences from the channel's mean are multiplied by 1 - low to 1 + high; one number f means low 0 and high f. */
  factor: FactorLike;
}

const contrastFields = { ...colorFields, factor: factor({ least: 0, most: 1 }) };

/** Draws colours together or apart about the mean of each channel. */
export class RandomContrast extends AugmentationLayer<typeof contrastFields> {
  static override readonly className: string = 'RandomContrast';
  static override readonly fields = contrastFields;

  constructor(options: RandomContrastOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: range, valueRange: bounds } = this.settings;
    const strength = drawn(draws, { low: 1 - range.low, high: 1 + range.high }, n);
    return {
      images(pictures) {
        const middle = mean(pictures, { axis: [1, 2], keepDims: true });
        return clip(add(multiply(subtract(pictures, middle), strength), middle), ...bounds);
      },
    };
  }
}

/** See `layers.randomBrightness`. */
export interface RandomBrightnessOptions extends ColorLayerOptions {
  /** Share of the value range that is added: -1 makes pictures black, 1 white. */
  factor: FactorLike;
}

const brightnessFields = { ...colorFields, factor: factor({ least: -1, most: 1 }) };

/** Makes pictures brighter or darker. */
export class RandomBrightness extends AugmentationLayer<typeof brightnessFields> {
  static override readonly className: string = 'RandomBrightness';
  static override readonly fields = brightnessFields;

  constructor(options: RandomBrightnessOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: range, valueRange: bounds } = this.settings;
    const added = multiply(drawn(draws, range, n), bounds[1] - bounds[0]);
    return { images: (pictures) => clip(add(pictures, added), ...bounds) };
  }
}

/** See `layers.randomSaturation`. */
export interface RandomSaturationOptions extends ColorLayerOptions {
  /** 0 makes pictures grey, .5 leaves them, towards 1 colours become full. */
  factor: FactorLike;
}

const saturationFields = { ...colorFields, factor: factor({ least: -1, most: 1 }) };

/** Makes colours paler or fuller. */
export class RandomSaturation extends AugmentationLayer<typeof saturationFields> {
  static override readonly className: string = 'RandomSaturation';
  static override readonly fields = saturationFields;

  constructor(options: RandomSaturationOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: range, valueRange: bounds } = this.settings;
    const share = drawn(draws, range, n);
    const strength = divide(share, subtract(1 + 1e-7, share));
    return {
      images(pictures) {
        const hsv = rgbToHsv(pictures);
        const saturation = clip(multiply(channelOf(hsv, 1), strength), ...bounds);
        return hsvToRgb(concat([channelOf(hsv, 0), saturation, channelOf(hsv, 2)], 3));
      },
    };
  }
}

/** See `layers.randomHue`. */
export interface RandomHueOptions extends ColorLayerOptions {
  /** Share of half the circle of hues by which colours are turned, either way by chance; from 0 to 1. */
  factor: FactorLike;
}

const hueFields = { ...colorFields, factor: factor({ least: 0, most: 1 }) };

/** Turns all colours along the circle of hues. */
export class RandomHue extends AugmentationLayer<typeof hueFields> {
  static override readonly className: string = 'RandomHue';
  static override readonly fields = hueFields;

  constructor(options: RandomHueOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: range, valueRange: bounds } = this.settings;
    const sign = where(greater(draws.uniform([n]), 0.5), -0.5, 0.5);
    const turn = multiply(drawn(draws, range, n), perPicture(sign));
    return {
      images(pictures) {
        const hsv = rgbToHsv(rescale(pictures, bounds, [0, 1]));
        const hue = add(channelOf(hsv, 0), turn);
        const below = where(greater(hue, 1), subtract(hue, 1), hue);
        const within = where(less(below, 0), add(below, 1), below);
        const turned = hsvToRgb(concat([within, channelOf(hsv, 1), channelOf(hsv, 2)], 3));
        return rescale(clip(turned, 0, 1), [0, 1], bounds);
      },
    };
  }
}

/** See `layers.randomColorDegeneration`. */
export interface RandomColorDegenerationOptions extends ColorLayerOptions {
  /** 0 leaves pictures, 1 makes them grey. */
  factor: FactorLike;
}

const degenerationFields = { ...colorFields, factor: factor({ least: -1, most: 1 }) };

/** Mixes pictures with their grey versions. */
export class RandomColorDegeneration extends AugmentationLayer<typeof degenerationFields> {
  static override readonly className: string = 'RandomColorDegeneration';
  static override readonly fields = degenerationFields;

  constructor(options: RandomColorDegenerationOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: range, valueRange: bounds } = this.settings;
    const share = drawn(draws, range, n);
    return {
      images(pictures) {
        const towards = subtract(rgbToGrayscale(pictures), pictures);
        return clip(add(pictures, multiply(share, towards)), ...bounds);
      },
    };
  }
}

/** See `layers.randomGrayscale`. */
export interface RandomGrayscaleOptions extends AugmentationOptions {
  /** How probable it is that a picture becomes grey; default .5. */
  factor?: number;
}

const grayscaleFields = { ...augmentationFields, factor: real(0.5, { low: 0, high: 1 + Number.EPSILON }) };

/** Makes some pictures grey; they keep their channels. */
export class RandomGrayscale extends AugmentationLayer<typeof grayscaleFields> {
  static override readonly className: string = 'RandomGrayscale';
  static override readonly fields = grayscaleFields;

  constructor(options: RandomGrayscaleOptions = {}) {
    super(options);
  }

  /** Keras writes no seed; one that was given is kept all the same. */
  override getConfig(): Record<string, unknown> {
    const { seed, ...config } = super.getConfig();
    return seed === null ? config : { ...config, seed };
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const isGrey = perPicture(less(draws.uniform([n]), this.settings.factor));
    return {
      images: (pictures) => where(isGrey, broadcastTo(rgbToGrayscale(pictures), pictures.shape), pictures),
    };
  }
}

/** See `layers.randomColorJitter`. Each is left out where it is not given. */
export interface RandomColorJitterOptions extends ColorLayerOptions {
  /** See `layers.randomBrightness`. */
  brightnessFactor?: FactorLike;
  /** See `layers.randomContrast`. */
  contrastFactor?: FactorLike;
  /** See `layers.randomSaturation`. */
  saturationFactor?: FactorLike;
  /** See `layers.randomHue`. */
  hueFactor?: FactorLike;
}

const jitter = (least: number): Field<Factor | null> => optional(factor({ least, most: 1, isRaw: true }));
const jitterFields = {
  ...colorFields,
  brightnessFactor: jitter(-1),
  contrastFactor: jitter(0),
  saturationFactor: jitter(-1),
  hueFactor: jitter(0),
};

/** Brightness, contrast, saturation and hue, in this order. */
export class RandomColorJitter extends AugmentationLayer<typeof jitterFields> {
  static override readonly className: string = 'RandomColorJitter';
  static override readonly fields = jitterFields;

  constructor(options: RandomColorJitterOptions = {}) {
    super(options);
  }

  override plan(size: BatchSize, draws: Draws): Plan {
    const { brightnessFactor, contrastFactor, saturationFactor, hueFactor, valueRange: bounds } = this.settings;
    const options = (range: Factor): { factor: FactorLike; valueRange: ValueRange; name: string } => ({
      factor: range.given,
      valueRange: bounds,
      name: this.name,
    });
    const plans = [
      ...(brightnessFactor === null ? [] : [new RandomBrightness(options(brightnessFactor))]),
      ...(contrastFactor === null ? [] : [new RandomContrast(options(contrastFactor))]),
      ...(saturationFactor === null ? [] : [new RandomSaturation(options(saturationFactor))]),
      ...(hueFactor === null ? [] : [new RandomHue(options(hueFactor))]),
    ].map((layer) => layer.plan(size, draws));
    return { images: (pictures) => plans.reduce((changed, plan) => plan.images(changed), pictures) };
  }
}
