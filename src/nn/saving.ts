// Saving and loading: models to Keras's files and back. The files themselves are read and written by
// src/formats, which knows nothing of layers; here layers meet their configs and weights.
import { encodeElements } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { writeFileAtomic } from '../core/node-files.js';
import {
  collectWeights,
  type KerasArchive,
  kerasDate,
  type LegacyFile,
  type ModelConfig,
  makeModelConfig,
  makeWeightTree,
  parseModelConfig,
  readHdf5,
  readKerasArchive,
  readLegacyH5,
  readWeights,
  type SavedItems,
  type SavedObject,
  type StoredArray,
  type StoredDtype,
  storedArray,
  storedFloats,
  type WeightTree,
  weightPaths,
  writeKerasArchive,
  writeSafetensors,
  writeWeights,
} from '../formats/index.js';
import type { Variable } from '../graph/variable.js';
import { makeCompileConfig, readCompileConfig } from './compile-config.js';
import { isRecord } from './keras-config.js';
import { Layer, type LayerTree } from './layer.js';
import { putLayerWeights } from './layer-weights.js';
import { findLayerClass } from './layers/registry.js';
import { putLegacyWeights } from './legacy-h5.js';
import { TrainableModel } from './model.js';
import { configOfModel, type Lambdas, modelFromConfig } from './model-config.js';
import { extrasOf, putExtras, type SavedExtras } from './saved-extras.js';
import { layersIn } from './tracking.js';
import { isTrainingState, type TrainingStateData } from './training/state.js';

/** The Keras version whose layout is written. */
export const KERAS_VERSION = '3.15.1';

/** How a model is loaded. */
export interface LoadOptions {
  /** Compile as the file says, and put the optimizer's state back; default true. */
  compile?: boolean;
  /** Functions for Lambda layers, by layer name: code in a file is never run. */
  lambdas?: Lambdas;
  /** What to call the file in errors, for bytes. */
  name?: string;
}

/** How weights are put into a model. */
export interface WeightOptions {
  readonly skipMismatch?: boolean;
  /** By the names of layers, not by their order. */
  readonly byName?: boolean;
  /** What to call the file in errors. */
  readonly name?: string;
}

/** What is in fovea's own entry of a `.keras` file. */
interface OwnEntry extends SavedExtras {
  readonly version: 1;
  readonly state?: TrainingStateData;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A model as a `.keras` file. */
export async function modelToBytes(model: TrainableModel): Promise<Uint8Array> {
  const config = makeModelConfig(configOfModel(model));
  const compileConfig = makeCompileConfig(model);
  const optimizer = model.training.compiled === undefined ? undefined : model.training.buildOptimizer();
  const own = await ownEntry(model);
  const archive: KerasArchive = {
    metadata: { keras_version: KERAS_VERSION, date_saved: kerasDate() },
    config: compileConfig === undefined ? config : { ...config, compile_config: compileConfig },
    weights: await weightTree(model),
    ...(optimizer === undefined
      ? {}
      : { optimizer: await storedVariables(optimizer.variables), optimizerName: optimizer.name }),
    training: own,
  };
  return writeKerasArchive(archive);
}

/** fovea's own entry of a file: what a format of Keras's has no place for. */
export async function ownEntry(model: TrainableModel): Promise<OwnEntry> {
  return {
    version: 1,
    ...(model.training.compiled === undefined ? {} : { state: await model.training.state.toData() }),
    metadata: { ...model.metadata },
    ...extrasOf(model, savedVariables(model)),
  };
}

/** Takes over fovea's own entry of a file. */
function putOwnEntry(model: TrainableModel, entry: unknown, file: string, { compile = true }: LoadOptions): void {
  if (!isRecord(entry)) return;
  const { metadata, state } = entry as Partial<OwnEntry>;
  if (isRecord(metadata)) model.metadata = metadata;
  putExtras(model, savedVariables(model), entry);
  if (state === undefined || !compile || model.training.compiled === undefined) return;
  if (!isTrainingState(state)) {
    throw new FoveaError({
      code: 'format',
      op: 'load',
      message: "fovea's own entry in the file, the state of training, is damaged.",
      path: file,
      hint: 'Load with { compile: false } and compile the model again.',
    });
  }
  model.training.state.load(state);
}

/**
 * Writes the weights as `.weights.h5`, with the optimizer's state where there is one, or as `.safetensors`, under the paths
 * of Keras (`conv2d/kernel`) and with the model's metadata.
 */
export async function saveWeights(model: TrainableModel, path: string): Promise<void> {
  if (path.endsWith('.safetensors')) {
    await writeFileAtomic(path, await weightsToSafetensors(model), 'saveWeights');
    return;
  }
  if (!path.endsWith('.weights.h5'))
    throw wrongEnding('saveWeights', path, '.weights.h5 or .safetensors', 'save writes whole models.');
  const optimizer = model.training.compiled === undefined ? undefined : model.training.buildOptimizer();
  const bytes = writeWeights({
    weights: await weightTree(model),
    ...(optimizer === undefined
      ? {}
      : { optimizer: await storedVariables(optimizer.variables), optimizerName: optimizer.name }),
  });
  await writeFileAtomic(path, bytes, 'saveWeights');
}

async function weightsToSafetensors(model: TrainableModel): Promise<Uint8Array> {
  const { namedWeights } = await import('./named-weights.js');
  const weights = namedWeights(model);
  const arrays = await storedVariables(weights.map(({ variable }) => variable));
  const metadata =
    Object.keys(model.metadata).length === 0 ? [] : [['metadata', JSON.stringify(model.metadata)] as const];
  return writeSafetensors(
    new Map(weights.map(({ path }, i) => [path, arrays[i] as StoredArray])),
    new Map([['format', 'keras'], ...metadata]),
  );
}

/** Loads weights from the bytes of a `.weights.h5`, `.keras` or legacy `.h5` into a model of the same shape. */
export async function loadWeights(
  model: TrainableModel,
  bytes: Uint8Array,
  { skipMismatch = false, byName = false, name: file = 'weights' }: WeightOptions = {},
): Promise<void> {
  const stored = isZip(bytes) ? readKerasArchive(bytes, file) : (readIfLegacy(bytes, file) ?? readWeights(bytes, file));
  if ('layers' in stored) putLegacyWeights(model, stored, { file, skipMismatch, byName });
  else if (byName) putLayerWeights(model, namedArrays(stored.weights), { file, skipMismatch, by: 'name' });
  else putWeights(model, stored, { file, skipMismatch });
}

/** The model in the bytes of a `.keras`, or of a legacy `.h5` with its model inside. Code in a file is never run. */
export async function load(bytes: Uint8Array, options: LoadOptions = {}): Promise<TrainableModel> {
  const file = options.name ?? 'model';
  return isZip(bytes) || !isHdf5(bytes) ? loadArchive(bytes, file, options) : loadLegacy(bytes, file, options);
}

function loadArchive(bytes: Uint8Array, file: string, options: LoadOptions): TrainableModel {
  const archive = readKerasArchive(bytes, file);
  const model = modelFromKerasConfig(archive.config, archive.config.compile_config, file, options);
  putWeights(model, archive, { file, skipMismatch: false });
  putOwnEntry(model, archive.training, file, options);
  return model;
}

function loadLegacy(bytes: Uint8Array, file: string, options: LoadOptions): TrainableModel {
  const legacy = readLegacyH5(bytes, file, { needsModel: true });
  const model = modelFromKerasConfig(legacy.config, legacy.trainingConfig, file, options);
  putLegacyWeights(model, legacy, { file });
  putOwnEntry(model, legacy.training, file, options);
  return model;
}

/** The model that Keras's config describes, of any version, compiled as the file says; its weights are new. */
export function modelFromKerasConfig(
  config: unknown,
  compileConfig: unknown,
  file: string,
  options: LoadOptions,
): TrainableModel {
  const model = modelFromConfig(parse(config, file, options), options.lambdas);
  compileAs(model, compileConfig, file, options);
  return model;
}

/** Compiles as the file says; one that was saved without a loss was never compiled. */
function compileAs(model: TrainableModel, config: unknown, file: string, { compile = true }: LoadOptions): void {
  if (!compile || config === undefined || config === null) return;
  // What a compile of the model's own wants, the file does not know.
  if (model.compile !== TrainableModel.prototype.compile) return;
  const options = readCompileConfig(config, file);
  if (options.loss !== undefined || options.optimizer !== undefined) model.compile(options);
}

function parse(config: unknown, file: string, options: LoadOptions): ModelConfig {
  return parseModelConfig(config, {
    file,
    isKnownClass: (className, registeredName) =>
      findLayerClass(registeredName ?? className) !== undefined || findLayerClass(className) !== undefined,
    allowLambda: Object.keys(options.lambdas ?? {}),
  });
}

function putWeights(
  model: TrainableModel,
  stored: Pick<KerasArchive, 'weights' | 'optimizer'>,
  { file, skipMismatch }: { file: string; skipMismatch: boolean },
): void {
  const root = savedObject(model);
  const arrays = collectWeights(root, stored.weights, { file, skipMismatch });
  const variables = savedVariables(model);
  arrays.forEach((array, i) => {
    if (array !== undefined) putArray(variables[i] as Variable, array);
  });
  putOptimizer(model, stored.optimizer, file);
}

/** Keras 3's weights under the names that it gives layers beside their paths: `conv2d_5/0`. */
function namedArrays({ arrays, names }: WeightTree): Map<string, StoredArray> {
  const out = new Map<string, StoredArray>();
  for (const [path, array] of arrays) {
    const [, group = '', index = path] = /^(.*?)\/?vars\/([^/]*)$/.exec(path) ?? [];
    out.set(`${names.get(group) ?? group}/${index}`, array);
  }
  return out;
}

/** Puts an optimizer's variables back; a file that was not compiled has none. */
export function putOptimizer(model: TrainableModel, arrays: readonly StoredArray[] | undefined, file: string): void {
  if (arrays === undefined || arrays.length === 0 || model.training.compiled === undefined) return;
  const variables = model.training.buildOptimizer()?.variables ?? [];
  // Keras writes the iteration alone where the optimizer never ran.
  if (arrays.length > variables.length || (arrays.length < variables.length && arrays.length > 2)) {
    throw new FoveaError({
      code: 'format',
      op: 'load',
      message: `the file has ${arrays.length} optimizer variables where the model's optimizer has ${variables.length}.`,
      path: file,
      hint: 'Load with { compile: false } and compile the model again.',
    });
  }
  arrays.forEach((array, i) => {
    putArray(variables[i] as Variable, array);
  });
}

export function putArray(variable: Variable, array: StoredArray): void {
  if (variable.dtype === 'int32') variable.set(Int32Array.from(array.data() as Iterable<number | bigint>, Number));
  else if (variable.dtype === 'float32') variable.set(storedFloats(array).slice());
  else variable.set(encodeElements(variable.dtype, storedFloats(array)));
}

/** A layer as the file must know it. */
export function savedObject(layer: Layer): SavedObject {
  const cached = new Map<Layer, SavedObject>();
  const makeAll = (tree: LayerTree): SavedItems => (tree instanceof Layer ? make(tree) : tree.map(makeAll));
  const make = (each: Layer): SavedObject => {
    const known = cached.get(each);
    if (known !== undefined) return known;
    const object: SavedObject = {
      className: each.pathName,
      name: each.name,
      variables: each.ownWeights.map(({ name, shape }) => ({ name, shape })),
      children: each.slots.map(({ attribute, layers }) => ({ attribute, items: makeAll(layers) })),
    };
    cached.set(each, object);
    return object;
  };
  return make(layer);
}

/** A model's variables in the order of `weightPaths(savedObject(model))`. */
function savedVariables(model: TrainableModel): Variable[] {
  const seen = new Set<Layer>();
  const visit = (layer: Layer): Variable[] => {
    if (seen.has(layer)) return [];
    seen.add(layer);
    return [...layer.ownWeights, ...layer.slots.flatMap(({ layers }) => layersIn(layers)).flatMap(visit)];
  };
  return visit(model);
}

async function weightTree(model: TrainableModel) {
  const root = savedObject(model);
  const arrays = await storedVariables(savedVariables(model));
  if (weightPaths(root).length !== arrays.length) {
    throw new FoveaError({ code: 'internal', op: 'save', message: 'the weights and their paths do not match.' });
  }
  return makeWeightTree(root, arrays);
}

export function storedVariables(variables: readonly Variable[]): Promise<StoredArray[]> {
  return Promise.all(
    variables.map(async (variable) => {
      const elements = await variable.elements();
      // Keras keeps its counters as 64-bit integers.
      return variable.dtype === 'int32' && variable.name.endsWith('iteration')
        ? storedArray(variable.shape, 'int64', BigInt64Array.from([...elements], BigInt))
        : storedArray(variable.shape, variable.dtype as StoredDtype, elements);
    }),
  );
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

function isHdf5(bytes: Uint8Array): boolean {
  return bytes[0] === 0x89 && bytes[1] === 0x48 && bytes[2] === 0x44 && bytes[3] === 0x46;
}

/** The file as a legacy one, or undefined where it has Keras 3's layout. */
function readIfLegacy(bytes: Uint8Array, file: string): LegacyFile | undefined {
  const { attributes, groups } = readHdf5(bytes, file);
  const isLegacy = attributes.has('layer_names') || attributes.has('layer_names0') || groups.has('model_weights');
  return isLegacy ? readLegacyH5(bytes, file) : undefined;
}

function wrongEnding(op: string, path: string, ending: string, hint: string): FoveaError {
  return new FoveaError({
    code: 'argument',
    op,
    message: `"${path}" does not end in ${ending}.`,
    got: path,
    want: ending,
    hint,
  });
}
