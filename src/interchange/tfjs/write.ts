// Models as TensorFlow.js layers models: model.json with Keras 2's config, which is what tfjs reads, and files of weights.
// What its layers cannot do, or do otherwise than Keras, is refused by name.
import { FoveaError } from '../../core/errors.js';
import { nodeModule, writeFileAtomic } from '../../core/node-files.js';
import type { LayerConfig, ModelConfig, TensorRef } from '../../formats/keras-config.js';
import { isRecord, type Json, type JsonRecord } from '../../formats/keras-object.js';
import { type PackedWeight, packWeight } from '../../formats/tfjs.js';
import { crc32 } from '../../formats/zip.js';
import type { Variable } from '../../graph/variable.js';
import type { Layer } from '../../nn/layer.js';
import type { TrainableModel } from '../../nn/model.js';
import { configOfModel } from '../../nn/model-config.js';
import { tfjsLayer } from './layers.js';

/** A file of weights holds as much as browsers like to cache. */
const SHARD_BYTES = 4 << 20;

/** How a model is written for tfjs. */
export interface TfjsOptions {
  /** Packs numbers into so many bits. */
  readonly quantize?: 'uint8' | 'uint16' | 'float16';
}

/** The files of a tfjs layers model, by name; `model.json` is among them. Throws `unsupported`, naming every layer that tfjs lacks. */
export async function modelToTfjs(
  model: TrainableModel,
  { quantize }: TfjsOptions = {},
): Promise<Map<string, Uint8Array>> {
  const problems: string[] = [];
  const topology = modelConfig(configOfModel(model), problems, '');
  const variables = namedVariables(model);
  const seen = new Set<string>();
  for (const { name } of variables) {
    if (seen.has(name)) problems.push(`two weights would be called ${name}`);
    seen.add(name);
  }
  if (problems.length > 0) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'save',
      message: `model "${model.name}" cannot be a TensorFlow.js layers model: ${problems.length} ${problems.length === 1 ? 'reason' : 'reasons'}.`,
      lines: problems.slice(0, 40),
      path: model.name,
      hint: 'Save it as .keras or .onnx; ONNX Runtime Web runs the latter in a page.',
    });
  }
  const packed: PackedWeight[] = [];
  for (const { name, variable } of variables) {
    const data = await variable.tensor.data();
    const isWhole = variable.dtype === 'int32';
    const values = isWhole ? Int32Array.from(data) : Float32Array.from(data);
    packed.push(
      packWeight(name, { shape: variable.shape, dtype: isWhole ? 'int32' : 'float32', data: values }, quantize ?? null),
    );
  }
  const files = shards(packed.map(({ bytes }) => bytes));
  const json = {
    format: 'layers-model',
    generatedBy: 'fovea',
    convertedBy: null,
    modelTopology: { keras_version: '2.15.0', backend: 'tensorflow', model_config: topology },
    ...(Object.keys(model.metadata).length === 0 ? {} : { userDefinedMetadata: model.metadata }),
    weightsManifest: [{ paths: [...files.keys()], weights: packed.map(({ entry }) => entry) }],
  };
  return new Map([...files, ['model.json', new TextEncoder().encode(JSON.stringify(json))]]);
}

/**
 * Writes a tfjs layers model: model.json under `path`, a name or a folder, the weights beside it. The weights come first and
 * have names of their own, so that at every moment a whole model stands there; then those of the model that was there go.
 */
export async function saveTfjs(model: TrainableModel, path: string, options: TfjsOptions): Promise<void> {
  const { basename, dirname, join } = await nodeModule('node:path', 'save');
  const fs = await nodeModule('node:fs/promises', 'save');
  const json = path.toLowerCase().endsWith('.json') ? path : join(path, 'model.json');
  const folder = dirname(json);
  const files = await modelToTfjs(model, options);
  for (const [name, bytes] of files)
    if (name !== 'model.json') await writeFileAtomic(join(folder, name), bytes, 'save');
  const before = await fs.readFile(json, 'utf8').catch(() => '');
  await writeFileAtomic(json, files.get('model.json') as Uint8Array, 'save');
  // Only what this function wrote under that model.json.
  for (const [name] of before.matchAll(/weights-[0-9a-f]{8}-\d+of\d+\.bin/g))
    if (!files.has(name)) await fs.rm(join(folder, basename(name)), { force: true });
}

/** Weights one after another, cut into files named by their content. */
function shards(parts: readonly Uint8Array[]): Map<string, Uint8Array> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const count = Math.ceil(all.length / SHARD_BYTES);
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const bytes = all.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES);
      const mark = crc32(bytes).toString(16).padStart(8, '0');
      return [`weights-${mark}-${i + 1}of${count}.bin`, bytes] as const;
    }),
  );
}

interface NamedVariable {
  readonly name: string;
  readonly variable: Variable;
}

/** Each layer's weights under tfjs's names: the layer's, without those of models around it and of what is wrapped. */
function namedVariables(model: TrainableModel): NamedVariable[] {
  const seen = new Set<Layer>();
  const visit = (layer: Layer, prefix: string): NamedVariable[] => {
    if (seen.has(layer)) return [];
    seen.add(layer);
    const nameOf = ({ name }: Variable): string =>
      layer.className === 'DepthwiseConv2D' && name === 'kernel' ? 'depthwise_kernel' : name;
    const own = layer.ownWeights.map((variable) => ({ name: `${prefix}/${nameOf(variable)}`, variable }));
    return [...own, ...layer.sublayers.flatMap((each) => visit(each, prefixOf(layer, each, prefix)))];
  };
  return visit(model, model.name);
}

/** What stands before the names of a layer's weights; `outer` is what does for the layer around it. */
function prefixOf(around: Layer, { name }: Layer, outer: string): string {
  if (around.className === 'Bidirectional') return `${outer}/${name}`;
  return ['LSTM', 'GRU', 'SimpleRNN', 'TimeDistributed'].includes(around.className) ? outer : name;
}

function modelConfig(model: ModelConfig, problems: string[], path: string): JsonRecord {
  const { kind, name } = model;
  const place = path === '' ? name : `${path}/${name}`;
  if (kind === 'subclass') problems.push(`${place}: the class ${model.own?.className} is not known to tfjs`);
  // A model's first node is its own making; calls in other models count from 1.
  const inner = new Set(model.layers.flatMap(({ name: each, model: made }) => (made === null ? [] : [each])));
  const refer = ({ layer, nodeIndex, tensorIndex }: TensorRef): [string, number, number] => [
    layer,
    nodeIndex + (inner.has(layer) ? 1 : 0),
    tensorIndex,
  ];
  const layers = model.layers.map((layer) =>
    layerConfig(layer, { kind, refer, problems, path: path === '' ? '' : place }),
  );
  if (kind === 'sequential') return { class_name: 'Sequential', config: { name, layers } };
  const ends = (refs: readonly TensorRef[]): Json => refs.map(refer);
  return {
    class_name: 'Model',
    config: { name, layers, input_layers: ends(model.inputs), output_layers: ends(model.outputs) },
  };
}

interface Around {
  readonly kind: ModelConfig['kind'];
  readonly refer: (ref: TensorRef) => [string, number, number];
  readonly problems: string[];
  readonly path: string;
}

function layerConfig(layer: LayerConfig, { kind, refer, problems, path }: Around): JsonRecord {
  const place = path === '' ? layer.name : `${path}/${layer.name}`;
  const object = layer.model === null ? tfjsObject(layer, place, problems) : modelConfig(layer.model, problems, place);
  if (kind === 'sequential') return object;
  const calls = layer.inbound.map(({ tensors, args, kwargs }): Json => {
    const isPlain = Object.values(kwargs).every((each) => each === null || typeof each !== 'object');
    const isWhole = args.flat(4).every(isRecord);
    if (!isPlain || !isWhole) problems.push(`${place}: it is called with arguments beside its inputs`);
    return tensors.map((tensor) => [...refer(tensor), {}]);
  });
  return { ...object, name: layer.name, inbound_nodes: calls };
}

function tfjsObject(layer: LayerConfig, place: string, problems: string[]): JsonRecord {
  const shape = layer.buildConfig?.input_shape;
  const isWide = Array.isArray(shape) && shape.some((each) => Array.isArray(each) && each.length > 3);
  if (layer.className === 'Dot' && isWide) problems.push(`${place}: tfjs multiplies nothing of more than three axes`);
  const made = tfjsLayer(
    layer.className,
    layer.config,
    Array.isArray(shape) ? (shape as (number | null)[]) : undefined,
  );
  if (typeof made !== 'string') return { ...made };
  problems.push(`${place}: ${made}`);
  return {};
}
