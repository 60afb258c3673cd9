// The names under `models`: making and loading them.
import type { Layer, LayerOptions } from './layer.js';
import { Model, type ModelOptions, Sequential, type TrainableModel } from './model.js';
import type { LoadOptions } from './saving.js';
import type { SymbolicTensor } from './symbolic.js';

export { type CloneOptions, cloneModel } from './clone.js';
export { Model, Sequential, TrainableModel } from './model.js';
export type { ModelMetadata, PicturePreprocessing, PixelMode } from './model-metadata.js';
export type { LoadOptions } from './saving.js';

/**
 * Layers in a row. The first may be `layers.input(shape)`; without it the weights are made on first use.
 *
 * @example
 * const model = models.sequential([layers.input([28, 28, 1]), layers.flatten(), layers.dense({ units: 10 })]);
 */
export function sequential(layers: readonly (Layer | SymbolicTensor)[] = [], options: LayerOptions = {}): Sequential {
  return new Sequential(layers, options);
}

/**
 * A graph of layers from inputs to outputs.
 *
 * @example
 * const x = layers.input([28, 28, 1]);
 * const model = models.model({ inputs: x, outputs: layers.flatten().apply(x) });
 */
export function model(options: ModelOptions): Model {
  return new Model(options);
}

// What reads files is only loaded where files are read.

/**
 * Loads a model: `.keras`, or a legacy `.h5` with its model inside. Code in a file is never run.
 *
 * @example
 * const model = await models.load('fashion.keras');
 */
export async function load(source: string | Uint8Array, options: LoadOptions = {}): Promise<TrainableModel> {
  return (await import('./saving.js')).load(source, options);
}

/** Loads weights into a model of the same shape, from `.weights.h5`, `.keras` or a legacy `.h5`. */
export async function loadWeights(
  model: TrainableModel,
  source: string | Uint8Array,
  options: { skipMismatch?: boolean; name?: string } = {},
): Promise<void> {
  return (await import('./saving.js')).loadWeights(model, source, options);
}
