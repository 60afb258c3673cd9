// Files of models: Keras's archives and weights, safetensors, and the containers they are made of.
export { type FilesBeside, filesBeside, filesGiven } from './beside.js';
export * from './hdf5.js';
export * from './keras.js';
export * from './keras-config.js';
export * from './keras-legacy.js';
export {
  type Json,
  type JsonRecord,
  type KerasObject,
  makeDtypePolicy,
  makeKerasObject,
  parseDtypePolicy,
  parseKerasObject,
} from './keras-object.js';
export {
  type CollectOptions,
  collectWeights,
  makeWeightTree,
  type SavedChildren,
  type SavedItems,
  type SavedObject,
  type SavedVariable,
  savedGroups,
  type WeightPath,
  type WeightTree,
  weightPaths,
} from './keras-paths.js';
export { snakeCase } from './keras-spelling.js';
export { FILE_KINDS, type FileKind, kindOf } from './kinds.js';
export * from './safetensors.js';
export * from './stored.js';
export { readTfjs, readTfjsWeights, type TfjsFile, type TfjsGroup, type TfjsWeight } from './tfjs.js';
export { isTorchFile, readTorch, type TorchFile } from './torch.js';
export { writeZip, type ZipEntry, ZipReader } from './zip.js';
