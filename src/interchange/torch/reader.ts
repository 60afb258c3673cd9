// torch.save's files: weights under PyTorch's names, for networks whose layers are named by them.
import { readTorch } from '../../formats/torch.js';
import { putNamedWeights } from '../../nn/named-weights.js';
import type { Reader } from '../load.js';

export const reader: Reader = {
  loadWeights: async (model, { bytes, file }, { skipMismatch = false }) => {
    putNamedWeights(model, readTorch(bytes, file).tensors, { file, skipMismatch });
  },
};
