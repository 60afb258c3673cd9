// The names under `models` that make models; what loads them is in src/interchange.
import { Ensemble, type EnsembleOptions } from './ensemble.js';
import type { Layer, LayerOptions } from './layer.js';
import { Model, type ModelOptions, Sequential, type TrainableModel } from './model.js';
import type { SymbolicTensor } from './symbolic.js';

export type {
  ClassifiedPicture,
  ClassifyOptions,
  ClassifyProgress,
  Crops,
  Guess,
  Picture,
  Pictures,
} from './classify.js';
export { type CloneOptions, cloneModel } from './clone.js';
export { type Agreement, Ensemble, type EnsembleOptions, type JointlyClassified } from './ensemble.js';
export { Model, Sequential, TrainableModel } from './model.js';
export type { ModelMetadata, PicturePreprocessing, PixelMode } from './model-metadata.js';

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

/**
 * Models that classify together, by the mean of their probabilities or by vote. Throws `argument`.
 *
 * @example
 * const both = models.ensemble([zoo.create('mobilenet'), zoo.create('mobilenet_v2')], { weights: [1, 2] });
 * console.log(both.models.length, both.combine); // 2 mean
 */
export function ensemble(models: readonly TrainableModel[], options: EnsembleOptions = {}): Ensemble {
  return new Ensemble(models, options);
}
