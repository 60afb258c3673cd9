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
export { grayscaleToRgb, hsvToRgb, rgbToGrayscale, rgbToHsv } from './colors.js';
export type { PictureOptions } from './pictures.js';
