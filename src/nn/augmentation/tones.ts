// Layers that change tones: fewer levels, inverted, equalised or stretched ones; sharpness, blur and erased parts.
import type { Tensor } from '../../graph/tensor.js';
import { tensor } from '../../graph/tensor.js';
import { add, cast, clip, divide, minimum, multiply, power, subtract } from '../../ops/arithmetic.js';
import { greaterEqual, less, logicalAnd } from '../../ops/compare.js';
import { range } from '../../ops/create.js';
import { pad } from '../../ops/join.js';
import { sum } from '../../ops/reduce.js';
import { reshape, slice } from '../../ops/shape.js';
import { exp, floor, sqrt, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import type { Pair } from '../../ops/window.js';
import { contrastLimitedEqualize } from '../../vision/clahe.js';
import { filter2d } from '../../vision/filters.js';
import { autoContrast, equalizeBatch } from '../../vision/histogram.js';
import { type Field, pair, real, refuseOption, whole } from '../layers/fields.js';
import { AugmentationLayer, augmentationFields, type Draws, type Plan, perPicture, plainFields } from './base.js';
import { drawn, rescale } from './colors.js';
import type { BatchSize } from './data.js';
import { type ColorLayerOptions, type FactorLike, factor, valueRange } from './options.js';
import { batchOf, isChosen } from './warps.js';

const toneFields = { ...augmentationFields, valueRange: valueRange() };
const BYTES = [0, 255] as const;
const probability = factor({ least: 0, most: 1 }, 1);

/** See `layers.randomPosterization`. */
export interface RandomPosterizationOptions extends ColorLayerOptions {
  /** Bits of each colour that are kept, from 1 to 8. Two numbers: from the first up to but without the second; one: from 1. */
  factor: FactorLike;
}

const posterizationFields = { ...toneFields, factor: factor({ least: 1, most: 8 }) };

/** Leaves few levels of each colour. */
export class RandomPosterization extends AugmentationLayer<typeof posterizationFields> {
  static override readonly className: string = 'RandomPosterization';
  static override readonly fields = posterizationFields;

  constructor(options: RandomPosterizationOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: bits, valueRange: bounds } = this.settings;
    const last = Math.max(bits.low, bits.high - 1);
    const kept = minimum(floor(draws.uniform([n], bits.low, last + 1)), last);
    const step = perPicture(floor(add(power(2, subtract(8, kept)), 0.5)));
    return {
      images(pictures) {
        const bytes = clip(floor(rescale(pictures, bounds, BYTES)), 0, 255);
        return rescale(multiply(floor(divide(bytes, step)), step), BYTES, bounds);
      },
    };
  }
}

/** See `layers.solarization`. */
export interface SolarizationOptions extends ColorLayerOptions {
  /** Share of the range that is added at most before; from 0 (default) to 1. */
  additionFactor?: FactorLike;
  /** Share of the range from which colours are inverted; from 0 (default: all are) to 1. */
  thresholdFactor?: FactorLike;
}

const share = factor({ least: 0, most: 1, isStrict: true, fromZero: true }, 0);
const solarizationFields = { ...toneFields, additionFactor: share, thresholdFactor: share };

/** Inverts what is brighter than a threshold. */
export class Solarization extends AugmentationLayer<typeof solarizationFields> {
  static override readonly className: string = 'Solarization';
  static override readonly fields = solarizationFields;

  constructor(options: SolarizationOptions = {}) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { additionFactor, thresholdFactor, valueRange: bounds } = this.settings;
    const bytes = ({ low, high }: { low: number; high: number }): Tensor => drawn(draws, { low, high: high * 255 }, n);
    const [addition, threshold] = [bytes(additionFactor), bytes(thresholdFactor)];
    return {
      images(pictures) {
        const brighter = clip(add(rescale(pictures, bounds, BYTES), addition), 0, 255);
        const result = where(less(brighter, threshold), brighter, subtract(255, brighter));
        return rescale(result, BYTES, bounds);
      },
    };
  }
}

/** See `layers.equalization`. */
export interface EqualizationOptions extends Omit<ColorLayerOptions, 'seed'> {
  /** Levels that are told apart; default 256. */
  bins?: number;
}

const equalizationFields = { ...plainFields, valueRange: valueRange(), bins: whole(1, 256) };

/** Deals the levels of each channel out evenly, counted over the whole batch as Keras does; `vision.ops.equalize` counts each picture. */
export class Equalization extends AugmentationLayer<typeof equalizationFields> {
  static override readonly className: string = 'Equalization';
  static override readonly fields = equalizationFields;

  constructor(options: EqualizationOptions = {}) {
    super(options);
  }

  override plan(): Plan {
    const { valueRange: bounds, bins } = this.settings;
    return { images: (pictures) => equalizeBatch(batchOf(pictures), bounds, bins, true) };
  }
}

/** See `layers.autoContrast`. */
export type AutoContrastOptions = Omit<ColorLayerOptions, 'seed'>;

const autoContrastFields = { ...plainFields, valueRange: valueRange() };

/** Stretches each channel of each picture to the whole range, in inference too. */
export class AutoContrast extends AugmentationLayer<typeof autoContrastFields> {
  static override readonly className: string = 'AutoContrast';
  static override readonly fields = autoContrastFields;

  constructor(options: AutoContrastOptions = {}) {
    super(options);
  }

  override plan(): Plan {
    const { valueRange: bounds } = this.settings;
    return { images: (pictures) => autoContrast(pictures, { valueRange: bounds }) };
  }

  protected override planInference(): Plan {
    return this.plan();
  }
}

/** See `layers.contrastLimitedAdaptiveHistogramEqualization`. */
export interface ContrastLimitedOptions extends Omit<ColorLayerOptions, 'seed'> {
  /** How many times the average a level of a tile may count; 0 for no limit, default 4. */
  clipLimit?: number;
  /** Tiles down and across; default [8, 8]. */
  tileGridSize?: number | Pair;
}

const contrastLimitedFields = {
  ...plainFields,
  valueRange: valueRange(),
  clipLimit: real(4, { low: 0 }),
  tileGridSize: pair(1, 8),
};

/** Equalises each picture by neighbourhood (CLAHE), in inference too. */
export class ContrastLimitedAdaptiveHistogramEqualization extends AugmentationLayer<typeof contrastLimitedFields> {
  static override readonly className: string = 'ContrastLimitedAdaptiveHistogramEqualization';
  static override readonly fields = contrastLimitedFields;

  constructor(options: ContrastLimitedOptions = {}) {
    super(options);
  }

  override plan(): Plan {
    const { valueRange: bounds, clipLimit, tileGridSize } = this.settings;
    return {
      images: (pictures) => contrastLimitedEqualize(pictures, { valueRange: bounds, clipLimit, tileGridSize }),
    };
  }

  protected override planInference(): Plan {
    return this.plan();
  }
}

/** See `layers.randomInvert`. */
export interface RandomInvertOptions extends ColorLayerOptions {
  /** How probable it is that a picture is inverted: a range that the probability is drawn from; default [0, 1]. */
  factor?: FactorLike;
}

const invertFields = { ...toneFields, factor: probability };

/** Turns some pictures into their negatives. */
export class RandomInvert extends AugmentationLayer<typeof invertFields> {
  static override readonly className: string = 'RandomInvert';
  static override readonly fields = invertFields;

  constructor(options: RandomInvertOptions = {}) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: chance, valueRange: bounds } = this.settings;
    const isInverted = perPicture(isChosen(draws, chance, n));
    return { images: (pictures) => where(isInverted, subtract(bounds[1], pictures), pictures) };
  }
}

/** See `layers.randomSharpness`. */
export interface RandomSharpnessOptions extends ColorLayerOptions {
  /** 0 smooths, .5 leaves pictures, 1 sharpens. */
  factor: FactorLike;
}

const sharpnessFields = { ...toneFields, factor: factor({ least: 0, most: 1 }) };
const SMOOTH = [
  [1 / 13, 1 / 13, 1 / 13],
  [1 / 13, 5 / 13, 1 / 13],
  [1 / 13, 1 / 13, 1 / 13],
];

/** Smooths or sharpens pictures. */
export class RandomSharpness extends AugmentationLayer<typeof sharpnessFields> {
  static override readonly className: string = 'RandomSharpness';
  static override readonly fields = sharpnessFields;

  constructor(options: RandomSharpnessOptions) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: amount, valueRange: bounds } = this.settings;
    const towards = subtract(1, multiply(drawn(draws, amount, n), 2));
    return {
      images(pictures) {
        const smooth = filter2d(pictures, SMOOTH);
        return clip(add(pictures, multiply(towards, subtract(smooth, pictures))), ...bounds);
      },
    };
  }
}

/** See `layers.randomGaussianBlur`. */
export interface RandomGaussianBlurOptions extends ColorLayerOptions {
  /** How probable it is that a picture is blurred: a range that the probability is drawn from; default [0, 1]. */
  factor?: FactorLike;
  /** Side of the Gaussian in pixels, odd, or two; default 3. */
  kernelSize?: number | Pair;
  /** Deviation in pixels, from 0 to 1, or the range it is drawn from for each picture; default [0, 1]. */
  sigma?: FactorLike;
}

const oddPair: Field<Pair> = {
  fallback: () => 3,
  check(value, place) {
    const both = typeof value === 'number' ? [value, value] : value;
    const isRight =
      Array.isArray(both) && both.length === 2 && both.every((x) => Number.isInteger(x) && x > 0 && x % 2);
    if (isRight) return [both[0] as number, both[1] as number];
    throw refuseOption(place, 'an odd number, or two of them', value);
  },
  write: (value) => [...value],
};

const blurFields = { ...toneFields, factor: probability, kernelSize: oddPair, sigma: factor({ least: 0, most: 1 }, 1) };

/** Gaussian weights [n,size] of `sigma` [n,1]. */
function weightsOf(size: number, sigma: Tensor): Tensor {
  const place = subtract(cast(range(size), 'float32'), (size - 1) / 2);
  const weights = exp(multiply(square(divide(reshape(place, [1, size]), sigma)), -0.5));
  return divide(weights, sum(weights, { axis: 1, keepDims: true }));
}

/** Pictures slid by every place of a window and weighed, weights [n,h*w]; zeros beyond the border. */
function weigh(pictures: Tensor, [down, across]: Pair, weights: Tensor): Tensor {
  const [n, height, width, channels] = pictures.shape as [number, number, number, number];
  const [top, left] = [(down - 1) / 2, (across - 1) / 2];
  const wide = pad(pictures, [
    [0, 0],
    [top, top],
    [left, left],
    [0, 0],
  ]);
  const terms = Array.from({ length: down * across }, (_, at) => {
    const part = slice(wide, [0, Math.floor(at / across), at % across, 0], [n, height, width, channels]);
    return multiply(part, cast(perPicture(slice(weights, [0, at], [n, 1])), pictures.dtype));
  });
  return terms.reduce(add);
}

/** Blurs some pictures, each by its own Gaussian. */
export class RandomGaussianBlur extends AugmentationLayer<typeof blurFields> {
  static override readonly className: string = 'RandomGaussianBlur';
  static override readonly fields = blurFields;

  constructor(options: RandomGaussianBlurOptions = {}) {
    super(options);
  }

  override plan({ n }: BatchSize, draws: Draws): Plan {
    const { factor: chance, kernelSize, sigma, valueRange: bounds } = this.settings;
    const isBlurred = perPicture(isChosen(draws, chance, n));
    const deviation = (): Tensor => add(draws.uniform([n, 1], sigma.low, sigma.high), 1e-6);
    const across = weightsOf(kernelSize[0], deviation());
    const down = weightsOf(kernelSize[1], deviation());
    return {
      images(pictures) {
        const blurred =
          kernelSize[0] === kernelSize[1]
            ? weigh(weigh(pictures, [kernelSize[1], 1], down), [1, kernelSize[0]], across)
            : weigh(pictures, kernelSize, outer(down, across));
        return clip(where(isBlurred, blurred, pictures), ...bounds);
      },
    };
  }
}

/** The products of two sets of weights, row by row: [n,a*b]. */
function outer(a: Tensor, b: Tensor): Tensor {
  const [n, rows] = a.shape as [number, number];
  const columns = b.shape[1] as number;
  return reshape(multiply(reshape(a, [n, rows, 1]), reshape(b, [n, 1, columns])), [n, rows * columns]);
}

/** See `layers.randomErasing`. */
export interface RandomErasingOptions extends ColorLayerOptions {
  /** How probable it is that a part is erased: a range that the probability is drawn from; default [0, 1]. */
  factor?: FactorLike;
  /** Share of the picture that is erased, about; default [.02, .33]. */
  scale?: FactorLike;
  /** What the part is filled with: a number, one per channel, or (default) normal noise. */
  fillValue?: number | readonly number[] | null;
}

const fillField: Field<number | readonly number[] | null> = {
  fallback: () => null,
  check(value, place) {
    if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value;
    const isList = Array.isArray(value) && value.length > 0 && value.every((x) => Number.isFinite(x));
    if (isList) return [...(value as number[])];
    throw refuseOption(place, 'a number, one number per channel, or null for noise', value);
  },
  write: (value) => (Array.isArray(value) ? [...value] : value),
};

const erasingFields = {
  ...toneFields,
  factor: probability,
  scale: factor({ least: 0, most: 1 }, [0.02, 0.33]),
  fillValue: fillField,
};

/** Where a window lies in each picture: its borders [n], in pixels. */
export interface Window {
  readonly left: Tensor;
  readonly right: Tensor;
  readonly top: Tensor;
  readonly bottom: Tensor;
}

/** Windows anywhere in pictures of a size, as large as the shares of width and height [n] say. */
export function drawWindow({ n, height, width }: BatchSize, draws: Draws, across: Tensor, down: Tensor): Window {
  const [w, h] = [multiply(across, width), multiply(down, height)];
  const left = multiply(draws.uniform([n]), subtract(width, w));
  const top = multiply(draws.uniform([n]), subtract(height, h));
  return { left, right: add(left, w), top, bottom: add(top, h) };
}

/** Which pixels [n,h,w,1] lie in the windows. */
export function isInside({ left, right, top, bottom }: Window, { height, width }: BatchSize): Tensor {
  const x = reshape(cast(range(width), 'float32'), [1, 1, width, 1]);
  const y = reshape(cast(range(height), 'float32'), [1, height, 1, 1]);
  const within = (at: Tensor, low: Tensor, high: Tensor): Tensor =>
    logicalAnd(greaterEqual(at, perPicture(low)), less(at, perPicture(high)));
  return logicalAnd(within(x, left, right), within(y, top, bottom));
}

/** Fills a part of some pictures with noise or a colour. */
export class RandomErasing extends AugmentationLayer<typeof erasingFields> {
  static override readonly className: string = 'RandomErasing';
  static override readonly fields = erasingFields;

  constructor(options: RandomErasingOptions = {}) {
    super(options);
  }

  override plan(size: BatchSize, draws: Draws): Plan {
    const { factor: chance, scale, fillValue, valueRange: bounds } = this.settings;
    const { n, height, width, channels } = size;
    const side = (): Tensor => sqrt(draws.uniform([n], scale.low, scale.high));
    const inside = isInside(drawWindow(size, draws, side(), side()), size);
    const isErased = logicalAnd(inside, perPicture(isChosen(draws, chance, n)));
    const fill =
      fillValue === null
        ? multiply(draws.normal([n, height, width, channels]), bounds[1])
        : tensor(typeof fillValue === 'number' ? [fillValue] : [...fillValue]);
    const filling = clip(fill, ...bounds);
    return { images: (pictures) => where(isErased, cast(filling, pictures.dtype), pictures) };
  }
}
