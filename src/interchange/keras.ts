// Keras's own files, which nn reads: here they are one kind among others.
import { load, loadWeights } from '../nn/saving.js';
import type { Reader } from './load.js';

export const reader: Reader = {
  load: ({ bytes, file }, options) => load(bytes, { ...options, name: file }),
  loadWeights: (model, { bytes, file }, options) => loadWeights(model, bytes, { ...options, name: file }),
};
