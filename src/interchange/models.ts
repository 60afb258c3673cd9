// The names under `models`: making models, and loading them from any file that is known.
import type { FileKind } from '../formats/kinds.js';
import type { TrainableModel } from '../nn/model.js';
import type { LoadOptions, LoadWeightsOptions } from './load.js';

export type { FileKind } from '../formats/kinds.js';
export * from '../nn/models.js';
export type { LoadOptions, LoadWeightsOptions } from './load.js';

// What reads files is only loaded where files are read.

/**
 * Loads a model of any kind that is read, told by the file's content: Keras's `.keras` and `.h5`, TensorFlow.js's
 * model.json and others (docs/formats.md lists them). From a path, an address, or bytes. Code in a file is never run.
 * Throws `format` for a damaged file, `unsupported` for what a model here cannot express, saying what to do.
 *
 * @example
 * const model = await models.load('fashion.keras');
 */
export async function load(source: string | URL | Uint8Array, options: LoadOptions = {}): Promise<TrainableModel> {
  return (await import('./load.js')).load(source, options);
}

/** Loads weights into a model from any kind of file that holds some. Throws one `format` error listing all that does not fit. */
export async function loadWeights(
  model: TrainableModel,
  source: string | URL | Uint8Array,
  options: LoadWeightsOptions = {},
): Promise<void> {
  return (await import('./load.js')).loadWeights(model, source, options);
}

/** What kind of file some bytes are, by their content: `keras`, `onnx`, `safetensors`, ..., `unknown`. Never throws. */
export async function kindOf(bytes: Uint8Array): Promise<FileKind> {
  return (await import('../formats/kinds.js')).kindOf(bytes);
}
