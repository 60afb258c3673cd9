// Keras's own files, which nn reads: here they are one kind among others.
import { FoveaError } from '../core/errors.js';
import type { TrainableModel } from '../nn/model.js';
import { load, loadWeights } from '../nn/saving.js';
import type { Reader } from './load.js';

const OPERATION = 'OnnxOperation';

export const reader: Reader = {
  load: async ({ bytes, file }, options) => {
    const read = (): Promise<TrainableModel> => load(bytes, { ...options, name: file });
    return read().catch(async (error: unknown) => {
      // Layers that stand for operators of ONNX come with their operators, which other models have no need of.
      if (!(error instanceof FoveaError) || !String(error.got).endsWith(OPERATION)) throw error;
      (await import('./onnx/operation.js')).registerOperation();
      return read();
    });
  },
  loadWeights: (model, { bytes, file }, options) => loadWeights(model, bytes, { ...options, name: file }),
};
