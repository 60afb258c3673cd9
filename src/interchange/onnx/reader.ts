// ONNX files as models of layers.
import type { Reader } from '../load.js';
import { buildModel } from './build.js';
import { readOnnx } from './files.js';

export const reader: Reader = {
  load: async (source, { inputLayout }) => buildModel(await readOnnx(source), source.file, inputLayout),
};
