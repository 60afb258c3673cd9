// Between models and the neutral description that src/formats reads and writes.
import type { Dtype } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import {
  type CallValue,
  isTensorRef,
  type ModelConfig,
  makeModelConfig,
  parseModelConfig,
  type LayerCall as StoredCall,
  type LayerConfig as StoredLayer,
  type TensorRef,
} from '../formats/keras-config.js';
import type { Json, JsonRecord } from '../formats/keras-object.js';
import { policyFromConfig } from './dtype-policy.js';
import { isRecord, toCamelCase, toSnakeCase } from './keras-config.js';
import { Layer } from './layer.js';
import { InputLayer } from './layers/input.js';
import { Operation } from './layers/operations.js';
import { Lambda, type LambdaFunction } from './layers/other.js';
import { registeredName } from './layers/registered.js';
import { findLayerClass, type LayerClass, layerFromConfig, layerOfClass } from './layers/registry.js';
import { type InputPort, Model, Sequential, type SymbolicTensors, TrainableModel } from './model.js';
import {
  type CallOptions,
  FLAG_ARGUMENTS,
  type LayerCall,
  mapTensors,
  type SymbolicTensor,
  TENSOR_ARGUMENTS,
  tensorsAmong,
} from './symbolic.js';

/** Functions for Lambda layers, by layer name. */
export type Lambdas = Readonly<Record<string, LambdaFunction>>;

/** The neutral description of a model. */
export function configOfModel(model: TrainableModel): ModelConfig {
  if (isSubclass(model)) return configOfSubclass(model);
  if (model instanceof Sequential) return configOfSequential(model);
  const { graph } = model;
  const endNames = model instanceof Model ? model.endNames : {};
  const refs = new Map<SymbolicTensor, TensorRef>();
  const callsOf = new Map<Layer, LayerCall[]>();
  for (const call of graph.calls) {
    const calls = callsOf.get(call.layer) ?? [];
    callsOf.set(call.layer, calls);
    call.outputs.forEach((output, tensorIndex) => {
      refs.set(output, {
        layer: call.layer.name,
        nodeIndex: calls.length,
        tensorIndex,
        shape: output.shape,
        dtype: output.dtype,
      });
    });
    calls.push(call);
  }
  const ref = (tensor: SymbolicTensor): TensorRef => refs.get(tensor) as TensorRef;
  return {
    kind: 'functional',
    ...ownClass(model),
    name: model.name,
    trainable: model.trainable,
    layers: graph.layers.map((layer) =>
      describeLayer(
        layer,
        (callsOf.get(layer) ?? []).flatMap((call) => (call.inputs.length === 0 ? [] : [describeCall(call, ref)])),
      ),
    ),
    inputs: graph.inputs.map(ref),
    outputs: graph.outputs.map(ref),
    isSingleInput: graph.inputs.length === 1 && endNames.inputs === undefined,
    isSingleOutput: graph.outputs.length === 1 && endNames.outputs === undefined,
    inputNames: endNames.inputs ?? null,
    outputNames: endNames.outputs ?? null,
  };
}

/** Whether only the model's class knows what it is made of: it has a config of its own, or no graph. */
function isSubclass(model: TrainableModel): boolean {
  if (model.getConfig !== Layer.prototype.getConfig) return true;
  return model instanceof Model && !model.isFunctional;
}

/** The class where it is neither Functional nor Sequential itself. */
function ownClass(model: TrainableModel): Pick<ModelConfig, 'own'> {
  if (model.constructor === Model || model.constructor === Sequential) return {};
  return { own: { className: model.className, registeredName: registeredName(model) ?? model.className } };
}

function configOfSubclass(model: TrainableModel): ModelConfig {
  const { name: _name, trainable: _trainable, dtype: _dtype, ...config } = model.config as JsonRecord;
  return {
    kind: 'subclass',
    ...ownClass(model),
    config,
    buildConfig: buildConfigOf(model),
    name: model.name,
    trainable: model.trainable,
    dtype: model.dtypePolicy,
    layers: [],
    inputs: [],
    outputs: [],
    isSingleInput: true,
    isSingleOutput: true,
    inputNames: null,
    outputNames: null,
  };
}

/** The shapes of the inputs as Keras gives them to `build`, and what it has no place for: their names and dtypes. */
function buildConfigOf(model: TrainableModel): JsonRecord | null {
  if (!model.isKnown) return null;
  const shapes = model.inputs.map(({ shape }) => [null, ...shape.slice(1)]);
  const isPlain = model.inputs.every(({ dtype }) => dtype === 'float32');
  return {
    input_shape: shapes.length === 1 ? (shapes[0] as (number | null)[]) : shapes,
    ...(isPlain ? {} : { input_dtypes: model.inputs.map(({ dtype }) => dtype) }),
    ...(shapes.length === 1 ? {} : { input_names: [...model.inputNames] }),
  };
}

function portsFrom({ input_shape: shape, input_dtypes: dtypes, input_names: names }: JsonRecord): InputPort[] {
  if (!Array.isArray(shape)) return [];
  const shapes = (shape.every(Array.isArray) ? shape : [shape]) as (number | null)[][];
  return shapes.map((each, i) => ({
    name: Array.isArray(names) ? String(names[i]) : `input_${i + 1}`,
    shape: each,
    dtype: Array.isArray(dtypes) ? (dtypes[i] as Dtype) : 'float32',
  }));
}

function configOfSequential(model: Sequential): ModelConfig {
  const input = model.isBuilt ? model.graph.inputs[0]?.source?.call.layer : undefined;
  const layers = input === undefined ? model.layers : [input, ...model.layers];
  return {
    kind: 'sequential',
    ...ownClass(model),
    name: model.name,
    trainable: model.trainable,
    dtype: model.dtypePolicy,
    layers: layers.map((layer) => describeLayer(layer, [])),
    inputs: [],
    outputs: [],
    isSingleInput: true,
    isSingleOutput: true,
    inputNames: null,
    outputNames: null,
  };
}

function describeLayer(layer: Layer, inbound: readonly StoredCall[]): StoredLayer {
  const isModel = layer instanceof TrainableModel && !isSubclass(layer);
  const isOwn = layer instanceof TrainableModel && !isModel;
  const { module } = layer.constructor as typeof Layer;
  const [shape] = layer.builtFor;
  const registered = registeredName(layer) ?? (isOwn ? layer.className : null);
  return {
    className: layer.className,
    name: layer.name,
    config: isModel ? {} : (withModels(layer.config) as JsonRecord),
    module: registered === null ? module : null,
    registeredName: registered,
    buildConfig:
      isModel ||
      layer instanceof InputLayer ||
      layer instanceof Operation ||
      shape === undefined ||
      layer.builtFor.length !== 1
        ? null
        : { input_shape: [null, ...shape.slice(1)] },
    inbound,
    model: isModel ? configOfModel(layer) : null,
  };
}

function describeCall(
  { layer, inputs, isList, options }: LayerCall,
  ref: (tensor: SymbolicTensor) => TensorRef,
): StoredCall {
  const tensors = inputs.map(ref);
  const written = Object.entries(mapTensors(options, ref)).filter(([, value]) => value !== undefined);
  const kwargs = Object.fromEntries(written.map(([name, value]) => [toSnakeCase(name), value as CallValue]));
  const constants = layer instanceof Operation ? layer.constants : [];
  return { tensors, args: isList ? [tensors] : [...tensors, ...constants], kwargs };
}

/** The model that a description stands for, with new weights. */
export function modelFromConfig(config: ModelConfig, lambdas: Lambdas = {}, known?: LayerClass): TrainableModel {
  if (config.kind === 'subclass') return makeSubclass(config, known);
  return config.kind === 'sequential' ? makeSequential(config, lambdas, known) : makeFunctional(config, lambdas, known);
}

function makeLayer(stored: StoredLayer, lambdas: Lambdas): Layer {
  if (stored.model !== null) return modelFromConfig(stored.model, lambdas);
  const lambda = lambdas[stored.name];
  if (stored.className === 'Lambda' && lambda !== undefined) return new Lambda(lambda, { name: stored.name });
  // An operation of Keras as a layer: what it takes beside tensors stands in its call.
  const isOperation = stored.module?.startsWith('keras.src.ops') === true;
  const constants = (stored.inbound[0]?.args ?? []).filter((each) => typeof each === 'number');
  return layerFromConfig(
    stored.registeredName?.includes('>') ? stored.registeredName : stored.className,
    isOperation && constants.length > 0 ? { ...stored.config, constants } : stored.config,
    makeInner,
  );
}

/** A layer inside another's config, which may be a model. */
function makeInner(className: string, config: Record<string, unknown>): Layer {
  if (!Array.isArray(config.layers)) return layerFromConfig(className, config, makeInner);
  return modelFromConfig(parseModelConfig({ class_name: className, config }));
}

/** A config as plain data: models inside become what files hold of them. */
function withModels(value: unknown): Json {
  if (value instanceof TrainableModel) return makeModelConfig(configOfModel(value));
  if (Array.isArray(value)) return value.map(withModels);
  if (!isRecord(value)) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withModels(each)]));
}

function makeSubclass(
  { own, config, buildConfig, name, trainable, dtype }: ModelConfig,
  known?: LayerClass,
): TrainableModel {
  const full = { ...config, name, trainable, ...(dtype === undefined ? {} : { dtype }) };
  const model =
    known === undefined
      ? layerFromConfig(own?.registeredName ?? own?.className ?? '', full)
      : layerOfClass(known, full);
  if (!(model instanceof TrainableModel)) {
    throw new FoveaError({
      code: 'format',
      op: 'load',
      message: `the file holds a model of the class ${own?.className}, which is a layer here.`,
      hint: 'Make the class a subclass of models.Model.',
    });
  }
  if (buildConfig != null) {
    const ports = portsFrom(buildConfig);
    if (ports.length > 0) model.prepare(ports);
  }
  return model;
}

/** The class that a model's description names, or Keras's. */
function classOf<C>(own: ModelConfig['own'], known: LayerClass | undefined, fallback: C): C {
  const found = known ?? (own && findLayerClass(own.registeredName ?? own.className));
  return found === undefined ? fallback : (found as unknown as C);
}

function makeSequential(
  { own, name, trainable, dtype, layers }: ModelConfig,
  lambdas: Lambdas,
  known?: LayerClass,
): Sequential {
  const policy = policyFromConfig(dtype);
  return new (classOf(own, known, Sequential))(
    layers.map((layer) => makeLayer(layer, lambdas)),
    { name, trainable, ...(policy !== undefined && 'name' in policy ? { dtype: policy.name } : {}) },
  );
}

function makeFunctional(
  { own, name, trainable, layers, ...ends }: ModelConfig,
  lambdas: Lambdas,
  known?: LayerClass,
): Model {
  const made = new Map(layers.map((stored) => [stored.name, makeLayer(stored, lambdas)]));
  /** Outputs of each layer's calls in this model, by call number. */
  const results = new Map<string, (readonly SymbolicTensor[])[]>();
  const find = ({ layer, nodeIndex, tensorIndex }: TensorRef): SymbolicTensor | undefined =>
    results.get(layer)?.[nodeIndex]?.[tensorIndex];
  for (const [layerName, layer] of made) results.set(layerName, layer instanceof InputLayer ? [[layer.output]] : []);
  let waiting = layers.filter(({ inbound }) => inbound.length > 0);
  while (waiting.length > 0) {
    let hasMoved = false;
    for (const stored of waiting) {
      const done = results.get(stored.name) as (readonly SymbolicTensor[])[];
      for (let next = stored.inbound[done.length]; next !== undefined; next = stored.inbound[done.length]) {
        const layer = made.get(stored.name) as Layer;
        const { inputs: wanted, isList, options } = readCall(layer, next);
        const needed = [...wanted, ...tensorsAmong(options)];
        if (needed.some((each) => find(each) === undefined)) break;
        const get = (each: TensorRef): SymbolicTensor => find(each) as SymbolicTensor;
        done.push(layer.applySymbolic(wanted.map(get), isList, mapTensors(options, get)));
        hasMoved = true;
      }
    }
    waiting = waiting.filter((stored) => (results.get(stored.name) as unknown[]).length < stored.inbound.length);
    if (!hasMoved && waiting.length > 0) {
      throw new FoveaError({
        code: 'format',
        op: 'load',
        message: `the model's layers wait for each other: ${waiting.map((stored) => stored.name).join(', ')}.`,
        hint: 'The file was damaged or made by hand.',
      });
    }
  }
  const end = (ref: TensorRef): SymbolicTensor => {
    const tensor = find(ref);
    if (tensor === undefined) {
      throw new FoveaError({
        code: 'format',
        op: 'load',
        message: `the model names "${ref.layer}", which gives no such tensor.`,
        got: ref,
      });
    }
    return tensor;
  };
  const all = (refs: readonly TensorRef[], names: readonly string[] | null): SymbolicTensors =>
    names === null ? refs.map(end) : Object.fromEntries(names.map((each, i) => [each, end(refs[i] as TensorRef)]));
  const inputs = all(ends.inputs, ends.inputNames);
  return new (classOf(own, known, Model))({ inputs, outputs: all(ends.outputs, ends.outputNames), name, trainable });
}

/** What a stored call gives a layer: inputs, in place or by name, and other arguments. */
function readCall(
  layer: Layer,
  { args, tensors, kwargs }: StoredCall,
): { inputs: readonly TensorRef[]; isList: boolean; options: CallOptions<TensorRef> } {
  const { inputNames } = layer.constructor as typeof Layer;
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(kwargs)) {
    const name = toCamelCase(key);
    const isTensor = TENSOR_ARGUMENTS.some((each) => each === name) && (isTensorRef(value) || Array.isArray(value));
    // Keras writes `training: false` of its own accord, and heeds the model's mode alone.
    const isFlag = name !== 'training' && FLAG_ARGUMENTS.some((each) => each === name) && typeof value === 'boolean';
    if (isTensor || isFlag) options[name] = value;
  }
  if (inputNames.length === 0) {
    return { inputs: tensors, isList: Array.isArray(args[0]) || !isTensorRef(args[0]), options };
  }
  // What follows the inputs in their places is a recurrent layer's state.
  const inputs = args.slice(0, inputNames.length).flatMap((each) => (isTensorRef(each) ? [each] : []));
  const state = args.slice(inputNames.length)[0];
  if (options.initialState === undefined && (isTensorRef(state) || Array.isArray(state))) options.initialState = state;
  for (const name of inputNames.slice(inputs.length)) {
    const value = kwargs[name];
    if (isTensorRef(value)) inputs.push(value);
  }
  return { inputs, isList: false, options };
}
