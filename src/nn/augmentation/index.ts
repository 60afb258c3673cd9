// The factories of the augmentation layers, under `layers`: one function per layer, taking one object of options.
import type { Layer } from '../layer.js';
import {
  RandomBrightness,
  type RandomBrightnessOptions,
  RandomColorDegeneration,
  type RandomColorDegenerationOptions,
  RandomColorJitter,
  type RandomColorJitterOptions,
  RandomContrast,
  type RandomContrastOptions,
  RandomGrayscale,
  type RandomGrayscaleOptions,
  RandomHue,
  type RandomHueOptions,
  RandomSaturation,
  type RandomSaturationOptions,
} from './colors.js';
import { RandomElasticTransform, type RandomElasticTransformOptions } from './elastic.js';
import { RandomCrop, type RandomCropOptions, RandomFlip, type RandomFlipOptions } from './flip-crop.js';
import { MaxNumBoundingBoxes, type MaxNumBoundingBoxesOptions } from './max-boxes.js';
import { CutMix, type CutMixOptions, MixUp, type MixUpOptions } from './mixing.js';
import { RandomPCAColor, type RandomPCAColorOptions } from './pca.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { AugMix, type AugMixOptions, RandAugment, type RandAugmentOptions } from './policies.js';
import {
  AutoContrast,
  type AutoContrastOptions,
  ContrastLimitedAdaptiveHistogramEqualization,
  type ContrastLimitedOptions,
  Equalization,
  type EqualizationOptions,
  RandomErasing,
  type RandomErasingOptions,
  RandomGaussianBlur,
  type RandomGaussianBlurOptions,
  RandomInvert,
  type RandomInvertOptions,
  RandomPosterization,
  type RandomPosterizationOptions,
  RandomSharpness,
  type RandomSharpnessOptions,
  Solarization,
  type SolarizationOptions,
} from './tones.js';
import {
  RandomPerspective,
  type RandomPerspectiveOptions,
  RandomRotation,
  type RandomRotationOptions,
  RandomShear,
  type RandomShearOptions,
  RandomTranslation,
  type RandomTranslationOptions,
  RandomZoom,
  type RandomZoomOptions,
} from './warps.js';

export type { AugmentationOptions, Augmenting, TransformOptions } from './base.js';
export type { BoundingBoxFormat } from './boxes.js';
export type {
  RandomBrightnessOptions,
  RandomColorDegenerationOptions,
  RandomColorJitterOptions,
  RandomContrastOptions,
  RandomGrayscaleOptions,
  RandomHueOptions,
  RandomSaturationOptions,
} from './colors.js';
export type { AnnotatedImages, BoundingBoxes } from './data.js';
export type { RandomElasticTransformOptions } from './elastic.js';
export type { FlipMode, RandomCropOptions, RandomFlipOptions } from './flip-crop.js';
export type { MaxNumBoundingBoxesOptions } from './max-boxes.js';
export type { CutMixOptions, MixUpOptions } from './mixing.js';
export type { FactorLike } from './options.js';
export { colorDirections, type RandomPCAColorOptions } from './pca.js';
export type { PipelineOptions } from './pipeline.js';
export type { AugMixOptions, RandAugmentOptions } from './policies.js';
export type {
  AutoContrastOptions,
  ContrastLimitedOptions,
  EqualizationOptions,
  RandomErasingOptions,
  RandomGaussianBlurOptions,
  RandomInvertOptions,
  RandomPosterizationOptions,
  RandomSharpnessOptions,
  SolarizationOptions,
} from './tones.js';
export type {
  RandomPerspectiveOptions,
  RandomRotationOptions,
  RandomShearOptions,
  RandomTranslationOptions,
  RandomZoomOptions,
} from './warps.js';

/** Mirrors half of the pictures while training, each direction by itself. */
export const randomFlip = (options?: RandomFlipOptions): RandomFlip => new RandomFlip(options);

/** Turns pictures about their middle while training; `factor` is a share of a full turn. */
export const randomRotation = (options: RandomRotationOptions): RandomRotation => new RandomRotation(options);

/** Shifts pictures while training, by shares of their height and width. */
export const randomTranslation = (options: RandomTranslationOptions): RandomTranslation =>
  new RandomTranslation(options);

/** Enlarges or shrinks pictures about their middle while training. */
export const randomZoom = (options: RandomZoomOptions): RandomZoom => new RandomZoom(options);

/** Slants pictures while training. */
export const randomShear = (options?: RandomShearOptions): RandomShear => new RandomShear(options);

/** Tilts pictures while training: their corners move, straight lines stay straight. */
export const randomPerspective = (options?: RandomPerspectiveOptions): RandomPerspective =>
  new RandomPerspective(options);

/** Bends pictures by a smooth random field while training. */
export const randomElasticTransform = (options?: RandomElasticTransformOptions): RandomElasticTransform =>
  new RandomElasticTransform(options);

/** Cuts a window of `height` x `width` out: in training anywhere, in inference the middle, resized. */
export const randomCrop = (options: RandomCropOptions): RandomCrop => new RandomCrop(options);

/** Draws colours together or apart about the mean of each channel while training. */
export const randomContrast = (options: RandomContrastOptions): RandomContrast => new RandomContrast(options);

/** Makes pictures brighter or darker while training. */
export const randomBrightness = (options: RandomBrightnessOptions): RandomBrightness => new RandomBrightness(options);

/** Makes colours paler or fuller while training. */
export const randomSaturation = (options: RandomSaturationOptions): RandomSaturation => new RandomSaturation(options);

/** Turns colours along the circle of hues while training. */
export const randomHue = (options: RandomHueOptions): RandomHue => new RandomHue(options);

/** Brightness, contrast, saturation and hue in turn while training, those that are given. */
export const randomColorJitter = (options?: RandomColorJitterOptions): RandomColorJitter =>
  new RandomColorJitter(options);

/** Mixes pictures with their grey versions while training. */
export const randomColorDegeneration = (options: RandomColorDegenerationOptions): RandomColorDegeneration =>
  new RandomColorDegeneration(options);

/** Makes some pictures grey while training. */
export const randomGrayscale = (options?: RandomGrayscaleOptions): RandomGrayscale => new RandomGrayscale(options);

/** Leaves few levels of each colour while training. */
export const randomPosterization = (options: RandomPosterizationOptions): RandomPosterization =>
  new RandomPosterization(options);

/** Inverts what is brighter than a threshold while training. */
export const solarization = (options?: SolarizationOptions): Solarization => new Solarization(options);

/** Deals the levels of each channel out evenly while training, counted over the batch. */
export const equalization = (options?: EqualizationOptions): Equalization => new Equalization(options);

/** Stretches each channel of each picture to the whole range, in training and in inference. */
export const autoContrast = (options?: AutoContrastOptions): AutoContrast => new AutoContrast(options);

/** Equalises each picture by neighbourhood (CLAHE), in training and in inference. */
export const contrastLimitedAdaptiveHistogramEqualization = (
  options?: ContrastLimitedOptions,
): ContrastLimitedAdaptiveHistogramEqualization => new ContrastLimitedAdaptiveHistogramEqualization(options);

/** Gives every picture `maxNumber` boxes: the first ones, filled up (through `transform`). */
export const maxNumBoundingBoxes = (options: MaxNumBoundingBoxesOptions): MaxNumBoundingBoxes =>
  new MaxNumBoundingBoxes(options);

/** Turns some pictures into their negatives while training. */
export const randomInvert = (options?: RandomInvertOptions): RandomInvert => new RandomInvert(options);

/** Smooths or sharpens pictures while training. */
export const randomSharpness = (options: RandomSharpnessOptions): RandomSharpness => new RandomSharpness(options);

/** Blurs some pictures while training, each by its own Gaussian. */
export const randomGaussianBlur = (options?: RandomGaussianBlurOptions): RandomGaussianBlur =>
  new RandomGaussianBlur(options);

/** Fills a part of some pictures with noise or a colour while training. */
export const randomErasing = (options?: RandomErasingOptions): RandomErasing => new RandomErasing(options);

/** AlexNet's colour shift: adds to each picture one colour, drawn along the principal directions of colours, while training. */
export const randomPCAColor = (options?: RandomPCAColorOptions): RandomPCAColor => new RandomPCAColor(options);

/** Changes each picture by some of eleven augmentations while training. */
export const randAugment = (options?: RandAugmentOptions): RandAugment => new RandAugment(options);

/** Mixes each picture with differently augmented versions of it while training. */
export const augMix = (options?: AugMixOptions): AugMix => new AugMix(options);

/** Adds each picture to another of its batch while training, and the labels with them (through `transform`). */
export const mixUp = (options?: MixUpOptions): MixUp => new MixUp(options);

/** Puts a window of another picture of the batch into each while training, and mixes the labels (through `transform`). */
export const cutMix = (options?: CutMixOptions): CutMix => new CutMix(options);

/** Layers one after the other as one layer. */
export const pipeline = (options: PipelineOptions | readonly Layer[]): Pipeline => new Pipeline(options);
