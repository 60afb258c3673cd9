// The operations on pictures: the names under `vision.ops`, Keras's in camelCase.

export {
  type CropImagesOptions,
  cropImages,
  flipLeftRight,
  flipUpDown,
  type PadImagesOptions,
  padImages,
  rot90,
  rotate90,
} from './borders.js';
export { type ContrastLimitOptions, contrastLimitedEqualize } from './clahe.js';
export { grayscaleToRgb, hsvToRgb, rgbToGrayscale, rgbToHsv } from './colors.js';
export { type HarrisCornerOptions, type HarrisOptions, harrisCorners, harrisResponse } from './corners.js';
export { type ElasticOptions, elasticTransform } from './elastic.js';
export {
  type EdgeOptions,
  edgeStrength,
  type Filter2dOptions,
  filter2d,
  type GaussianBlurOptions,
  gaussianBlur,
  sobelEdges,
} from './filters.js';
export {
  autoContrast,
  type EqualizeOptions,
  equalize,
  type HistogramOptions,
  histogram,
  type ValueRange,
} from './histogram.js';
export { type MapCoordinatesOptions, type MapFillMode, mapCoordinates } from './map-coordinates.js';
export {
  type ExtractPatches3dOptions,
  type ExtractPatchesOptions,
  extractPatches,
  extractPatches3d,
} from './patches.js';
export type { PictureOptions } from './pictures.js';
export { type PictureArray, type PreprocessMode, type PreprocessOptions, preprocessInput } from './preprocess.js';
export {
  type ResizeOptions,
  resize,
  type ScaleAndTranslateOptions,
  scaleAndTranslate,
  type TranslateMethod,
} from './resize.js';
export type { FillMode, Interpolation } from './sampling.js';
export { psnr, type SsimOptions, ssim } from './similarity.js';
export { affineTransform, computeHomographyMatrix, perspectiveTransform, type WarpOptions } from './warp.js';
