// safetensors files: weights under Keras's paths or PyTorch's names, and a model's metadata.
import { readSafetensors } from '../formats/safetensors.js';
import { putNamedWeights } from '../nn/named-weights.js';
import type { Reader } from './load.js';

export const reader: Reader = {
  loadWeights: async (model, { bytes, file }, { skipMismatch = false }) => {
    const { tensors, metadata } = readSafetensors(bytes, file);
    putNamedWeights(model, tensors, { file, skipMismatch });
    model.metadata = { ...model.metadata, ...notesOf(metadata) };
  },
};

/** A model's metadata from a safetensors file's: that of our own files, and texts of others under their names. */
function notesOf(notes: ReadonlyMap<string, string>): Readonly<Record<string, unknown>> {
  const own = notes.get('metadata');
  const others = Object.fromEntries([...notes].filter(([name]) => name !== 'metadata' && name !== 'format'));
  if (own === undefined) return others;
  try {
    const parsed: unknown = JSON.parse(own);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...others, ...parsed };
  } catch {
    // Text of somebody else's.
  }
  return { ...others, metadata: own };
}
