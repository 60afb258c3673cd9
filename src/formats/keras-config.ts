// A model's architecture out of Keras's config (versions 2 and 3) into one neutral form, and back into Keras 3's.
// Nothing here knows the layers: their own settings pass through, only what the versions spell differently is mended.
import { FoveaError } from '../core/errors.js';
import {
  classNames,
  configError,
  describe,
  isRecord,
  type Json,
  type JsonRecord,
  makeDtypePolicy,
  makeKerasObject,
  parseDtypePolicy,
} from './keras-object.js';

/** A layer's output: the `tensorIndex`-th tensor of its `nodeIndex`-th call. */
export interface TensorRef {
  readonly layer: string;
  readonly nodeIndex: number;
  readonly tensorIndex: number;
  /** The symbolic tensor's sizes, `null` for unknown, where the file gives them; needed to write Keras 3's form. */
  readonly shape?: readonly (number | null)[];
  readonly dtype?: string;
}

/** An argument of a call: JSON in which tensors are references. */
export type CallValue = Json | TensorRef | readonly CallValue[] | { readonly [key: string]: CallValue };

/** One call of a layer. */
export interface LayerCall {
  /** All tensors in `args`, in order. */
  readonly tensors: readonly TensorRef[];
  /** The positional arguments with their structure: a merging layer has one list of tensors. */
  readonly args: readonly CallValue[];
  readonly kwargs: { readonly [key: string]: CallValue };
}

export interface LayerConfig {
  readonly className: string;
  readonly name: string;
  /** Keras's names and values, with `dtype` as a policy's name and `batch_shape` for an input; empty for a model. */
  readonly config: JsonRecord;
  readonly module: string | null;
  readonly registeredName: string | null;
  /** The shapes that Keras built the layer with, where the file gives them. */
  readonly buildConfig: JsonRecord | null;
  /** The layer's calls; empty in a Sequential model and for inputs. */
  readonly inbound: readonly LayerCall[];
  /** The inner model where the layer is one. */
  readonly model: ModelConfig | null;
}

export interface ModelConfig {
  /** `subclass`: what the model is made of only its class knows. */
  readonly kind: 'sequential' | 'functional' | 'subclass';
  /** The class, where it is the user's own. */
  readonly own?: { readonly className: string; readonly registeredName: string | null };
  /** A subclass's config, and the shapes that it was built for. */
  readonly config?: JsonRecord;
  readonly buildConfig?: JsonRecord | null;
  readonly name: string;
  readonly trainable: boolean;
  /** The name of a Sequential model's dtype policy, where the file gives it; Functional models have none there. */
  readonly dtype?: string;
  readonly layers: readonly LayerConfig[];
  readonly inputs: readonly TensorRef[];
  readonly outputs: readonly TensorRef[];
  /** Whether the model takes and gives one tensor rather than a list. */
  readonly isSingleInput: boolean;
  readonly isSingleOutput: boolean;
  /** The keys where inputs or outputs are a dictionary. */
  readonly inputNames: readonly string[] | null;
  readonly outputNames: readonly string[] | null;
}

/** What `parseModelConfig` needs from its caller. */
export interface ParseOptions {
  /** The file's name, for errors. */
  readonly file?: string;
  /** Says whether a class can be built; without it every class passes. */
  readonly isKnownClass?: (className: string, registeredName: string | null) => boolean;
  /** Lambda layers whose function the caller has in code; a stored function is never executed. */
  readonly allowLambda?: readonly string[];
}

const MODEL_CLASSES: Record<string, ModelConfig['kind']> = {
  Sequential: 'sequential',
  Functional: 'functional',
  Model: 'functional',
};
const MAX_DEPTH = 32;

/**
 * Reads the config of a Sequential or functional model: the object with `class_name` in `config.json` or `model_config`.
 * Throws `format` where it is malformed or names an unknown class, `unsupported` for stored functions and subclassed models.
 */
export function parseModelConfig(value: unknown, options: ParseOptions = {}): ModelConfig {
  return parseModel(value, options, options.file ?? 'config.json', 0);
}

function parseModel(value: unknown, options: ParseOptions, place: string, depth: number): ModelConfig {
  if (!isRecord(value) || typeof value.class_name !== 'string') {
    throw configError(`a model was expected, found ${describe(value)}.`, place);
  }
  if (depth > MAX_DEPTH) throw configError(`models are nested more than ${MAX_DEPTH} deep.`, place);
  // The first Keras versions stored a Sequential's layers without anything around them.
  const config: unknown = Array.isArray(value.config) ? { layers: value.config } : value.config;
  const kind = kindOf(value, config, options);
  if (kind === undefined || !isRecord(config)) {
    const { className, registeredName } = classNames(value.class_name, value.registered_name);
    const pack = registeredName?.includes('>') ? `, { package: '${registeredName.split('>')[0]}' }` : '';
    throw new FoveaError({
      code: 'unsupported',
      message: `a model of the class ${className} cannot be rebuilt from its config.`,
      got: className,
      want: 'Sequential or Functional',
      hint: `If it is a class of yours, call registerLayer(${className}${pack}) before loading; or build the model in code and load its weights alone.`,
      path: place,
    });
  }
  const name = typeof config.name === 'string' ? config.name : kind;
  const trainable = config.trainable !== false;
  const own = Object.hasOwn(MODEL_CLASSES, value.class_name)
    ? {}
    : { own: classNames(value.class_name, value.registered_name) };
  if (kind === 'subclass') {
    const ends = {
      inputs: [],
      outputs: [],
      isSingleInput: true,
      isSingleOutput: true,
      inputNames: null,
      outputNames: null,
    };
    const buildConfig = isRecord(value.build_config) ? value.build_config : null;
    return { kind, ...own, config: mendConfig('', config, place), buildConfig, name, trainable, layers: [], ...ends };
  }
  const parsed = (config.layers as readonly Json[]).map((each, i) =>
    parseLayer(each, i, options, `${place}/${name}`, depth, kind),
  );
  const names = new Set<string>();
  for (const layer of parsed) {
    if (names.has(layer.name)) throw configError(`two layers are called '${layer.name}'.`, place);
    names.add(layer.name);
  }
  if (kind === 'sequential') {
    const all = withInput(parsed);
    const single = { isSingleInput: true, isSingleOutput: true, inputNames: null, outputNames: null };
    const dtype = parseDtypePolicy(config.dtype, place);
    const policy = dtype === null ? {} : { dtype };
    return { kind, ...own, name, trainable, ...policy, layers: all, inputs: [], outputs: [], ...single };
  }
  const inputs = parseEnds(config.input_layers, `${place}/${name}/input_layers`);
  const ends = parseEnds(config.output_layers, `${place}/${name}/output_layers`);
  const counted = countFromZero(parsed, ends.refs);
  const layers = counted.layers;
  const outputs = { ...ends, refs: counted.outputs };
  for (const ref of [...inputs.refs, ...outputs.refs, ...layers.flatMap(layerRefs)]) {
    if (!names.has(ref.layer))
      throw configError(`it refers to the layer '${ref.layer}', which it does not have.`, `${place}/${name}`);
  }
  return {
    kind,
    ...own,
    name,
    trainable,
    layers,
    inputs: inputs.refs,
    outputs: outputs.refs,
    isSingleInput: inputs.isSingle,
    isSingleOutput: outputs.isSingle,
    inputNames: inputs.names,
    outputNames: outputs.names,
  };
}

/**
 * In Keras 2 a model's first node was its own making, so that its calls in another model counted from 1; Keras 3 and this
 * library count all calls from 0. Where the last call is one too many, they count from 1.
 */
function countFromZero(
  layers: readonly LayerConfig[],
  outputs: readonly TensorRef[],
): { layers: readonly LayerConfig[]; outputs: TensorRef[] } {
  const shifted = new Set<string>();
  const all = [...layers.flatMap(layerRefs), ...outputs];
  for (const { name, model, inbound } of layers) {
    if (model === null || inbound.length === 0) continue;
    const last = all.reduce((most, ref) => (ref.layer === name ? Math.max(most, ref.nodeIndex) : most), 0);
    if (last === inbound.length) shifted.add(name);
  }
  if (shifted.size === 0) return { layers, outputs: [...outputs] };
  const mend = (value: unknown): unknown => {
    if (isTensorRef(value))
      return shifted.has(value.layer) ? { ...value, nodeIndex: Math.max(0, value.nodeIndex - 1) } : value;
    if (Array.isArray(value)) return value.map(mend);
    return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mend(each)])) : value;
  };
  const mendCalls = (calls: readonly LayerCall[]): LayerCall[] => calls.map((call) => mend({ ...call }) as LayerCall);
  return {
    layers: layers.map((layer) => ({ ...layer, inbound: mendCalls(layer.inbound) })),
    outputs: outputs.map((ref) => mend(ref) as TensorRef),
  };
}

/** What a model's config is made of; undefined for what is no model, or one of a class that nobody knows. */
function kindOf(value: JsonRecord, config: unknown, { isKnownClass }: ParseOptions): ModelConfig['kind'] | undefined {
  const { class_name: written } = value;
  if (!isRecord(config) || typeof written !== 'string') return undefined;
  const hasLayers = Array.isArray(config.layers);
  if (Object.hasOwn(MODEL_CLASSES, written)) return hasLayers ? MODEL_CLASSES[written] : undefined;
  const { className, registeredName } = classNames(written, value.registered_name);
  if (isKnownClass?.(className, registeredName) !== true) return undefined;
  if (!hasLayers) return 'subclass';
  return 'input_layers' in config ? 'functional' : 'sequential';
}

function layerRefs(layer: LayerConfig): TensorRef[] {
  return layer.inbound.flatMap(({ tensors, kwargs }) => [...tensors, ...tensorsIn(kwargs)]);
}

function parseLayer(
  value: Json,
  index: number,
  options: ParseOptions,
  place: string,
  depth: number,
  kind: ModelConfig['kind'],
): LayerConfig {
  if (!isRecord(value) || typeof value.class_name !== 'string' || !isRecord(value.config)) {
    throw configError(`layer ${index} has no class and config.`, place);
  }
  const { config } = value;
  const { className, registeredName } = classNames(value.class_name, value.registered_name);
  const name =
    [value.name, config.name].find((each) => typeof each === 'string') ?? `${className.toLowerCase()}_${index}`;
  const at = `${place}/${name}`;
  if (className === 'Lambda') refuseLambda(name, config, options, at);
  const inner = kindOf(value, config, options);
  const isModel = inner !== undefined && inner !== 'subclass';
  if (!isModel && options.isKnownClass?.(className, registeredName) === false) {
    throw new FoveaError({
      code: 'format',
      message: `the layer '${name}' is of the class ${className}, which is not known here.`,
      got: className,
      hint: 'Give the class in customObjects if it is your own.',
      path: at,
    });
  }
  return {
    className,
    name,
    config: isModel ? {} : mendConfig(className, config, at),
    module: typeof value.module === 'string' ? value.module : null,
    registeredName,
    buildConfig: isRecord(value.build_config) ? value.build_config : null,
    inbound: kind === 'functional' ? parseInbound(value.inbound_nodes, at) : [],
    model: isModel ? parseModel(value, options, place, depth + 1) : null,
  };
}

function refuseLambda(name: string, config: JsonRecord, options: ParseOptions, place: string): void {
  if (options.allowLambda?.includes(name)) return;
  throw new FoveaError({
    code: 'unsupported',
    message: `the Lambda layer '${name}' holds a function as Python bytecode, which is never executed.`,
    got: describe(config.function),
    hint: `Give its function in code for '${name}', or build the model in code and load only its weights.`,
    path: place,
  });
}

/** Brings the spellings of Keras 2 to those of Keras 3. */
function mendConfig(className: string, config: JsonRecord, place: string): JsonRecord {
  const out = withoutSharing(config, place, 0) as Record<string, Json>;
  if ('dtype' in out) out.dtype = parseDtypePolicy(out.dtype, place);
  if ('batch_input_shape' in out) {
    out.batch_shape = out.batch_input_shape as Json;
    delete out.batch_input_shape;
  }
  // Keras 2 wrote a setting that these layers have no use for, and Python's Keras 3 stumbles over it.
  if (/^(Depthwise|Separable)Conv|Conv\dDTranspose$|Transpose$/.test(className) && out.groups === 1) delete out.groups;
  if (className === 'BatchNormalization' && Array.isArray(out.axis) && out.axis.length === 1)
    out.axis = out.axis[0] as Json;
  return out;
}

/** Drops the numbers by which Keras marks objects that several layers share: here each layer has its own. */
function withoutSharing(value: Json, place: string, depth: number): Json {
  if (depth > MAX_DEPTH) throw configError('its settings are nested too deep.', place);
  if (Array.isArray(value)) return value.map((each: Json) => withoutSharing(each, place, depth + 1));
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([key]) => key !== 'shared_object_id');
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutSharing(each, place, depth + 1)]));
}

/** Keras 2 gave the first layer its input's shape; Keras 3 has a layer for it. */
function withInput(layers: readonly LayerConfig[]): readonly LayerConfig[] {
  const [first, ...rest] = layers;
  if (first === undefined || first.className === 'InputLayer' || first.model !== null) return layers;
  const { batch_shape: batchShape, ...config } = first.config;
  if (batchShape === undefined) return layers;
  const input: LayerConfig = {
    className: 'InputLayer',
    name: `${first.name}_input`,
    config: { batch_shape: batchShape, dtype: 'float32', name: `${first.name}_input` },
    module: 'keras.layers',
    registeredName: null,
    buildConfig: null,
    inbound: [],
    model: null,
  };
  return [input, { ...first, config }, ...rest];
}

function parseEnds(
  value: Json | undefined,
  place: string,
): { refs: TensorRef[]; isSingle: boolean; names: string[] | null } {
  if (isRecord(value)) {
    return {
      refs: Object.values(value).map((each) => parseRef(each, place)),
      isSingle: false,
      names: Object.keys(value),
    };
  }
  if (!Array.isArray(value)) throw configError(`a list of layers was expected, found ${describe(value)}.`, place);
  if (typeof value[0] === 'string') return { refs: [parseRef(value, place)], isSingle: true, names: null };
  return { refs: value.map((each) => parseRef(each, place)), isSingle: false, names: null };
}

function parseRef(value: unknown, place: string): TensorRef {
  const [layer, nodeIndex = 0, tensorIndex = 0]: unknown[] = Array.isArray(value) ? value : [];
  if (typeof layer !== 'string' || !isIndex(nodeIndex) || !isIndex(tensorIndex)) {
    throw configError(`[layer, node, tensor] was expected, found ${describe(value)}.`, place);
  }
  return { layer, nodeIndex, tensorIndex };
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseInbound(value: Json | undefined, place: string): LayerCall[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw configError(`inbound_nodes is ${describe(value)}.`, place);
  return value.map((node: Json) => {
    if (isRecord(node)) {
      const args = Array.isArray(node.args) ? node.args.map((each: Json) => parseArgument(each, place, 0)) : [];
      const kwargs = parseArgument(isRecord(node.kwargs) ? node.kwargs : {}, place, 0) as LayerCall['kwargs'];
      return { tensors: tensorsIn(args), args, kwargs };
    }
    return parseKeras2Call(node, place);
  });
}

/** Keras 2: a call is a list of [layer, node, tensor, kwargs], or that alone for one tensor. */
function parseKeras2Call(node: Json, place: string): LayerCall {
  if (!Array.isArray(node)) throw configError(`a call was expected, found ${describe(node)}.`, place);
  const isBare = typeof node[0] === 'string';
  const items: readonly Json[] = isBare ? [node] : node;
  const tensors = items.map((item) => parseRef(item, place));
  const kwargs: Record<string, CallValue> = {};
  for (const item of items) {
    const extra: unknown = Array.isArray(item) ? item[3] : undefined;
    if (!isRecord(extra)) continue;
    for (const [key, argument] of Object.entries(extra)) {
      // A tensor among the keyword arguments is stored as a bare [layer, node, tensor].
      const isTensor =
        Array.isArray(argument) && argument.length === 3 && typeof argument[0] === 'string' && isIndex(argument[1]);
      kwargs[key] = isTensor ? parseRef(argument, place) : argument;
    }
  }
  return { tensors, args: tensors.length === 1 ? [tensors[0] as TensorRef] : [tensors], kwargs };
}

function parseArgument(value: Json, place: string, depth: number): CallValue {
  if (depth > MAX_DEPTH) throw configError('arguments are nested too deep.', place);
  if (Array.isArray(value)) return value.map((each: Json) => parseArgument(each, place, depth + 1));
  if (!isRecord(value)) return value;
  if (value.class_name === '__keras_tensor__' && isRecord(value.config)) {
    const { keras_history: history, shape, dtype } = value.config;
    return {
      ...parseRef(history, place),
      ...(Array.isArray(shape) ? { shape: shape.map((dim: Json) => (typeof dim === 'number' ? dim : null)) } : {}),
      ...(typeof dtype === 'string' ? { dtype } : {}),
    };
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, parseArgument(each, place, depth + 1)]));
}

/** Whether an argument is a tensor. */
export function isTensorRef(value: unknown): value is TensorRef {
  return isRecord(value) && typeof value.layer === 'string' && isIndex(value.nodeIndex) && isIndex(value.tensorIndex);
}

/** All tensors within arguments, in order. */
export function tensorsIn(value: unknown): TensorRef[] {
  if (isTensorRef(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return isRecord(value) ? Object.values(value).flatMap(tensorsIn) : [];
}

/** A model's config in Keras 3's form, without `compile_config`. References need `shape` and `dtype`. */
export function makeModelConfig(model: ModelConfig): JsonRecord {
  const { kind, name, trainable, own } = model;
  const objectOf = (module: string, className: string, config: JsonRecord, registered: string | null): JsonRecord =>
    own === undefined
      ? makeKerasObject(module, className, config, registered)
      : makeKerasObject(null, own.className, config, own.registeredName);
  if (kind === 'subclass') {
    const config = { ...model.config, name, trainable, dtype: makeDtypePolicy(model.dtype ?? 'float32') };
    const object = objectOf('', '', config, null);
    return model.buildConfig == null ? object : { ...object, build_config: model.buildConfig };
  }
  const layers = model.layers.map((layer) => makeLayer(layer, kind));
  if (kind === 'sequential') {
    const first = model.layers[0];
    const shape = first?.className === 'InputLayer' ? first.config.batch_shape : undefined;
    const config = { name, trainable, dtype: makeDtypePolicy(model.dtype ?? 'float32'), layers };
    if (shape === undefined) return objectOf('keras', 'Sequential', config, null);
    const object = objectOf('keras', 'Sequential', { ...config, build_input_shape: shape }, null);
    return { ...object, build_config: { input_shape: shape } };
  }
  const config = {
    name,
    trainable,
    layers,
    input_layers: makeEnds(model.inputs, model.isSingleInput, model.inputNames),
    output_layers: makeEnds(model.outputs, model.isSingleOutput, model.outputNames),
  };
  return objectOf('keras.src.models.functional', 'Functional', config, 'Functional');
}

function makeLayer(layer: LayerConfig, kind: ModelConfig['kind']): JsonRecord {
  const object =
    layer.model === null
      ? makeKerasObject(moduleOf(layer), layer.className, makeOwnConfig(layer), layer.registeredName)
      : makeModelConfig(layer.model);
  const built = layer.buildConfig === null ? {} : { build_config: layer.buildConfig };
  if (kind === 'sequential') return { ...object, ...built };
  const calls = layer.inbound.map(({ args, kwargs }) => ({ args: makeArgument(args), kwargs: makeArgument(kwargs) }));
  return { ...object, ...built, name: layer.name, inbound_nodes: calls };
}

/** Built-in layers have Keras's module; custom ones have none, but a registered name. */
function moduleOf({ module, registeredName }: LayerConfig): string | null {
  return module ?? (registeredName === null ? 'keras.layers' : null);
}

function makeOwnConfig({ className, config }: LayerConfig): JsonRecord {
  // Inputs have a plain dtype, all other layers a policy.
  if (className === 'InputLayer' || typeof config.dtype !== 'string') return config;
  return { ...config, dtype: makeDtypePolicy(config.dtype) };
}

function makeRef({ layer, nodeIndex, tensorIndex }: TensorRef): Json {
  return [layer, nodeIndex, tensorIndex];
}

function makeEnds(refs: readonly TensorRef[], isSingle: boolean, names: readonly string[] | null): Json {
  if (names !== null) return Object.fromEntries(names.map((name, i) => [name, makeRef(refs[i] as TensorRef)]));
  return isSingle ? makeRef(refs[0] as TensorRef) : refs.map(makeRef);
}

function makeArgument(value: CallValue): Json {
  if (isTensorRef(value)) {
    const config = { shape: value.shape ?? null, dtype: value.dtype ?? 'float32', keras_history: makeRef(value) };
    return { class_name: '__keras_tensor__', config };
  }
  if (Array.isArray(value)) return value.map(makeArgument);
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, makeArgument(each as CallValue)]));
}
