// TensorFlow.js's layers models as models: the topology is Keras's config, of version 2 from tfjs and its older converters,
// of version 3 from newer ones. Graph models are in graph.ts.
import { formatError } from '../../formats/cursor.js';
import { isRecord } from '../../formats/keras-object.js';
import { readTfjs, readTfjsWeights, type TfjsFile } from '../../formats/tfjs.js';
import { putLayerWeights } from '../../nn/layer-weights.js';
import type { TrainableModel } from '../../nn/model.js';
import { type LoadOptions, modelFromKerasConfig } from '../../nn/saving.js';
import type { LoadWeightsOptions, Reader } from '../load.js';
import type { Source } from '../source.js';

export const reader: Reader = { load, loadWeights };

async function load(source: Source, options: LoadOptions): Promise<TrainableModel> {
  const stored = readTfjs(source.bytes, source.file);
  if (stored.kind === 'graph') return (await import('./graph.js')).graphModel(stored, source, options);
  return layersModel(stored, source, options);
}

async function layersModel(stored: TfjsFile, source: Source, options: LoadOptions): Promise<TrainableModel> {
  const { file, beside } = source;
  const { topology, trainingConfig } = stored;
  const config = isRecord(topology?.model_config) ? topology.model_config : topology;
  if (config === null) {
    throw formatError(file, 'it has no topology: it holds weights without a model.', {
      place: 'modelTopology',
      hint: 'Build the model in code and load the weights into it: model.loadWeights(path).',
    });
  }
  const written = trainingConfig ?? (isRecord(topology?.training_config) ? topology.training_config : null);
  const weights = await readTfjsWeights(stored, beside, file);
  const model = modelFromKerasConfig(config, written, file, options);
  putLayerWeights(model, weights, { file });
  model.metadata = stored.metadata;
  return model;
}

async function loadWeights(model: TrainableModel, source: Source, options: LoadWeightsOptions): Promise<void> {
  const { file, beside } = source;
  const weights = await readTfjsWeights(readTfjs(source.bytes, file), beside, file);
  const { skipMismatch = false, byName = false } = options;
  putLayerWeights(model, weights, { file, skipMismatch, by: byName ? 'name' : 'either' });
}
