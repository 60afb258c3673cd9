// The classes of the augmentation layers, for reading files.
import {
  RandomBrightness,
  RandomColorDegeneration,
  RandomColorJitter,
  RandomContrast,
  RandomGrayscale,
  RandomHue,
  RandomSaturation,
} from './colors.js';
import { RandomElasticTransform } from './elastic.js';
import { RandomCrop, RandomFlip } from './flip-crop.js';
import { MaxNumBoundingBoxes } from './max-boxes.js';
import { CutMix, MixUp } from './mixing.js';
import { RandomPCAColor } from './pca.js';
import { Pipeline } from './pipeline.js';
import { AugMix, RandAugment } from './policies.js';
import {
  AutoContrast,
  ContrastLimitedAdaptiveHistogramEqualization,
  Equalization,
  RandomErasing,
  RandomGaussianBlur,
  RandomInvert,
  RandomPosterization,
  RandomSharpness,
  Solarization,
} from './tones.js';
import { RandomPerspective, RandomRotation, RandomShear, RandomTranslation, RandomZoom } from './warps.js';

export const augmentationClasses = [
  AugMix,
  AutoContrast,
  ContrastLimitedAdaptiveHistogramEqualization,
  CutMix,
  Equalization,
  MaxNumBoundingBoxes,
  MixUp,
  Pipeline,
  RandAugment,
  RandomBrightness,
  RandomColorDegeneration,
  RandomColorJitter,
  RandomContrast,
  RandomCrop,
  RandomElasticTransform,
  RandomErasing,
  RandomFlip,
  RandomGaussianBlur,
  RandomGrayscale,
  RandomHue,
  RandomInvert,
  RandomPCAColor,
  RandomPerspective,
  RandomPosterization,
  RandomRotation,
  RandomSaturation,
  RandomSharpness,
  RandomShear,
  RandomTranslation,
  RandomZoom,
  Solarization,
] as const;
