// Pictures and labels as plain typed arrays: loaders, streams, splits, decoding and resizing.
export * from './dataset.js';
export type { LoadOptions } from './dataset-files.js';
export type { TrainTest } from './datasets.js';
export * as datasets from './datasets.js';
export { type DownloadOptions, type DownloadProgress, downloadBytes, downloadFile } from './download.js';
export * from './from.js';
export * from './image-folder.js';
export * from './images.js';
export type {
  BrokenImage,
  LabelMode,
  PictureList,
  PictureListOptions,
} from './picture-list.js';
export * from './prepare.js';
export * from './resize.js';
export type { Fit, PictureSize, PictureStep, WorkerContext, WorkerFunction } from './steps.js';
export type { StrokesOptions } from './strokes.js';
export { endDataWorkers } from './workers/pool.js';
