// Layers and activation functions: weights, outputs, gradients, what a call changes, and configs.
import { gradients } from '../../src/compile/autodiff.js';
import { isFloat } from '../../src/core/dtype.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { activationFunction } from '../../src/nn/activations.js';
import { isRecord, toCamelCase, toSnakeCase } from '../../src/nn/keras-config.js';
import type { CallContext, Layer, LayerConfig } from '../../src/nn/layer.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import {
  type CallArguments,
  FLAG_ARGUMENTS,
  mapTensors,
  SymbolicTensor,
  TENSOR_ARGUMENTS,
} from '../../src/nn/symbolic.js';
import { add, multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import type { Findings } from './findings.js';
import { type Arrays, type GoldenCase, type GoldenFolder, listCases, type Machine } from './folder.js';

interface Entry {
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly dtype?: string;
  /** The argument that takes it, where inputs go by name. */
  readonly arg?: string;
}

interface LayerCase {
  readonly name: string;
  readonly class?: string;
  readonly function?: string;
  readonly args: Record<string, unknown>;
  readonly config?: LayerConfig;
  readonly call: { readonly inputs: string; readonly training?: boolean };
  readonly inputs: readonly Entry[];
  readonly weights: readonly (Entry & { readonly name: string; readonly trainable: boolean })[];
  readonly outputs: readonly Entry[];
  readonly gradients: readonly string[];
  readonly updated: readonly string[];
}

/** The layers and activation functions of a folder. */
export function layerCases(folder: GoldenFolder): GoldenCase[] {
  return listCases<LayerCase>(folder, 'layers', 'layers/cases.json', async (each, machine, findings) => {
    const arrays = folder.arrays(`layers/${each.name}.safetensors`);
    if (each.class === undefined) await replayFunction(each, arrays, machine, findings);
    else await replayLayer(each, arrays, machine, findings);
  });
}

/** Random numbers from one key, for layers that draw some. */
function contextOf(training: boolean): CallContext {
  const key = tensor(Int32Array.of(11, 7, 0, 0));
  let stream = 0;
  return { training, random: () => ({ key, stream: stream++ }) };
}

async function replayFunction(each: LayerCase, arrays: Arrays, machine: Machine, findings: Findings): Promise<void> {
  const inputs = each.inputs.map((entry) => arrays.tensor(entry.tensor));
  const call = activationFunction(each.function as string);
  const run = ([x]: readonly Tensor[]): readonly Tensor[] => [call(x as Tensor, optionsOf(each.args))];
  await compare(each, arrays, machine, findings, { inputs, weights: [], outputs: run(inputs) });
}

/** Keras's arguments as options. */
export function optionsOf(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).flatMap(([key, value]) => (value === null ? [] : [[toCamelCase(key), value]])),
  );
}

async function replayLayer(each: LayerCase, arrays: Arrays, machine: Machine, findings: Findings): Promise<void> {
  const layer = layerFromConfig(each.class as string, each.config ?? each.args);
  const inputs = each.inputs.map((entry) => arrays.tensor(entry.tensor));
  const isInput = inputsAmong(layer, each);
  const callWith = (given: readonly Tensor[]): [readonly Tensor[], CallArguments<Tensor>] => [
    given.filter((_, i) => isInput[i]),
    argumentsOf(each, given),
  ];
  const [own, more] = callWith(inputs);
  layer.ensureBuilt(own.map(({ shape }) => shape));
  const { weightPaths } = layer;
  findings.same(
    'weights',
    layer.weights.map(({ shape, trainable }, i) => ({ name: weightPaths[i], shape, trainable })),
    each.weights.map(({ name, shape, trainable }) => ({ name, shape, trainable })),
  );
  if (each.config !== undefined) compareConfigs(layer, each.config, findings);
  const setWeights = (): void => layer.setWeights(each.weights.map((entry) => arrays.floats(entry.tensor)));
  setWeights();
  const weights = layer.weights.map((weight) => weight.value);
  const context = contextOf(each.call.training ?? false);
  const run = (given: readonly Tensor[]): readonly Tensor[] => {
    const [first, rest] = callWith(given);
    return layer.run(first, context, rest);
  };
  const inferred = layer.computeOutputShapes(
    own.map(({ shape }) => shape),
    own.map(({ dtype }) => dtype),
    mapTensors(more, ({ shape, dtype }) => new SymbolicTensor(shape, dtype, 'argument')),
  );
  findings.same(
    'inferred shapes',
    inferred.map(({ shape }) => shape),
    each.outputs.map(({ shape }) => shape),
  );
  const outputs = run(inputs);
  const changed = layer.weights.flatMap((weight, i) => (weight.tensor === weights[i] ? [] : [`updated/${i}`]));
  findings.same('which weights change', changed, each.updated);
  const updated = changed.map((name) => layer.weights[Number(name.slice('updated/'.length))]?.tensor as Tensor);
  await compare(each, arrays, machine, findings, { inputs, weights, outputs, changed, updated });
  if (machine.predict === undefined || changed.length > 0) return;
  setWeights();
  compareOutputs(
    each,
    arrays,
    findings,
    await machine.predict((...given) => run(given), inputs),
    ' of a compiled call',
  );
}

/** Which of a case's inputs the layer takes as inputs; the others are arguments of the call. */
function inputsAmong(layer: Layer, { call, inputs }: LayerCase): boolean[] {
  const { inputNames } = layer.constructor as typeof Layer;
  return inputs.map(({ arg }) => call.inputs !== 'args' || arg === undefined || inputNames.includes(arg));
}

/** What the call is given beside inputs: tensors by their argument's name, and what `call` says. */
function argumentsOf({ call, inputs }: LayerCase, given: readonly Tensor[]): CallArguments<Tensor> {
  const found: Record<string, unknown> = {};
  inputs.forEach(({ arg }, i) => {
    const name = TENSOR_ARGUMENTS.find((each) => each === toCamelCase(arg ?? ''));
    if (call.inputs !== 'args' || name === undefined) return;
    const before = found[name];
    found[name] = before === undefined ? given[i] : [before, given[i]].flat();
  });
  for (const name of FLAG_ARGUMENTS) {
    const value = (call as Readonly<Record<string, unknown>>)[toSnakeCase(name)];
    if (name !== 'training' && value !== undefined) found[name] = value;
  }
  return found as CallArguments<Tensor>;
}

interface Computed {
  readonly inputs: readonly Tensor[];
  readonly weights: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly changed?: readonly string[];
  readonly updated?: readonly Tensor[];
}

async function compare(
  each: LayerCase,
  arrays: Arrays,
  machine: Machine,
  findings: Findings,
  { inputs, weights, outputs, changed = [], updated = [] }: Computed,
): Promise<void> {
  findings.same(
    'outputs',
    outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    each.outputs.map(({ shape, dtype = 'float32' }) => ({ shape, dtype })),
  );
  const wanted = each.gradients.map((name) => {
    const [, kind, index] = name.split('/');
    const found = (kind === 'input' ? inputs : weights)[Number(index)];
    if (found === undefined) throw new Error(`the case wants ${name}, but has no such input or weight`);
    return found;
  });
  const slopes = wanted.length === 0 ? [] : gradients(weighted(outputs, arrays), wanted);
  const computed = await machine.evaluate([...outputs, ...slopes, ...updated]);
  compareOutputs(each, arrays, findings, computed.slice(0, outputs.length));
  each.gradients.forEach((name, i) => {
    findings.close(name, computed[outputs.length + i] ?? [], arrays.floats(name), 'gradient', arrays.shape(name));
  });
  changed.forEach((name, i) => {
    const got = computed[outputs.length + slopes.length + i] ?? [];
    findings.close(name, got, arrays.floats(name), 'output', arrays.shape(name));
  });
}

/** The sum over the outputs of dy times output. */
function weighted(outputs: readonly Tensor[], arrays: Arrays): Tensor {
  return outputs
    .flatMap((output, i) => (isFloat(output.dtype) ? [sum(multiply(output, arrays.tensor(`dy/${i}`)))] : []))
    .reduce((a, b) => add(a, b));
}

function compareOutputs(
  each: LayerCase,
  arrays: Arrays,
  findings: Findings,
  got: readonly ArrayLike<number>[],
  how = '',
): void {
  each.outputs.forEach(({ tensor: name, dtype = 'float32' }, i) => {
    const kind = !/float/.test(dtype) || picksNearest(each.config ?? each.args) ? 'exact' : 'output';
    findings.close(`${name}${how}`, got[i] ?? [], arrays.floats(name), kind, arrays.shape(name));
  });
}

/** Whether outputs are picked from the input, not computed. */
export function picksNearest(options: Readonly<Record<string, unknown>>): boolean {
  return options.interpolation === 'nearest' || options.order === 0;
}

/** Values that a config may leave out: Keras writes them, and they change nothing here. */
const SILENT: readonly unknown[] = [null, false, 0.99];

/** Keras's config must come back, key by key, and the layer's own make the same layer. */
function compareConfigs(layer: Layer, config: LayerConfig, findings: Findings): void {
  const { dtype: _, ...own } = layer.config;
  const { dtype: __, ...keras } = config;
  const silent = Object.keys(keras).filter((key) => !(key in own) && SILENT.includes(keras[key]));
  findings.same('config', own, Object.fromEntries(Object.entries(keras).filter(([key]) => !silent.includes(key))));
  findings.same('config of its config', layerFromConfig(layer.className, layer.config).config, layer.config);
}

/** Where a layer has defaults that the list names, they must be those. */
export function compareDefaults(layer: Layer, config: Readonly<Record<string, unknown>>, findings: Findings): void {
  for (const [key, value] of Object.entries(config)) {
    if (isRecord(value) || value === null) findings.same(`default ${key}`, layer.config[key] ?? null, value);
  }
}
