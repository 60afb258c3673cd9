// Keras 2's .h5 files. In: weights by the order of layers, skipping those without weights, or by their names. Out: whole
// models.
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import {
  type JsonRecord,
  type LegacyFile,
  makeModelConfig,
  type NamedArray,
  type StoredArray,
  storedArray,
  storedFloats,
  writeLegacyH5,
} from '../formats/index.js';
import type { Variable } from '../graph/variable.js';
import { makeCompileConfig } from './compile-config.js';
import type { Layer } from './layer.js';
import { mismatches } from './layer-weights.js';
import { isKeras2Optimizer, pairKeras2Optimizer } from './legacy-optimizer.js';
import type { TrainableModel } from './model.js';
import { configOfModel } from './model-config.js';
import { KERAS_VERSION, ownEntry, putArray, putOptimizer, storedVariables } from './saving.js';

/** How `putLegacyWeights` goes about it. */
export interface LegacyWeightOptions {
  readonly file: string;
  readonly skipMismatch?: boolean;
  /** Pair layers of one name; those without a partner are left alone, and so is the optimizer. */
  readonly byName?: boolean;
}

/** Puts the weights of a legacy file into a model, listing every mismatch in one error. */
export function putLegacyWeights(
  model: TrainableModel,
  legacy: LegacyFile,
  { file, skipMismatch = false, byName = false }: LegacyWeightOptions,
): void {
  const layers = model.layers.filter((layer) => layer.weights.length > 0);
  const stored = legacy.layers.filter(({ weights }) => weights.length > 0);
  const problems: string[] = [];
  if (!byName && layers.length !== stored.length) {
    problems.push(
      `the file has ${stored.length} layers with weights (${list(stored)}), the model ${layers.length} (${list(layers)})`,
    );
  }
  const named = new Map(stored.map((each) => [each.name, each]));
  const pairs: [Variable, StoredArray][] = [];
  layers.forEach((layer, i) => {
    const partner = byName ? named.get(layer.name) : stored[i];
    if (partner === undefined) return;
    const weights = inKerasOrder(layer);
    if (partner.weights.length !== weights.length) {
      problems.push(
        `layer "${layer.name}" has ${weights.length} weights, "${partner.name}" in the file ${partner.weights.length}`,
      );
    }
    pairWeights(weights, partner.weights, layer.name, pairs, problems);
  });
  // Weights that belong to the model itself come in a group of their own.
  pairWeights(model.ownWeights, legacy.topLevel, model.name, pairs, problems);
  if (byName && pairs.length === 0 && layers.length > 0)
    problems.push(`no layer of the file (${list(stored)}) has the name of one of the model (${list(layers)})`);
  if (problems.length > 0 && !skipMismatch) throw mismatches(problems, file, 'loadWeights');
  for (const [variable, array] of pairs) putArray(variable, array);
  if (byName) return;
  const { optimizerWeights: state } = legacy;
  if (state === null || !isKeras2Optimizer(state)) {
    putOptimizer(
      model,
      state?.map(({ array }) => array),
      file,
    );
    return;
  }
  const optimizer = model.training.compiled === undefined ? undefined : model.training.buildOptimizer();
  if (optimizer === undefined) return;
  const slots = pairKeras2Optimizer(optimizer, model.trainableWeights, state);
  if (slots === undefined)
    console.warn(
      `fovea: ${file}: the state of Keras 2's optimizer does not fit the model; training starts without it.`,
    );
  for (const [variable, array] of slots ?? []) putArray(variable, array);
}

function pairWeights(
  weights: readonly Variable[],
  arrays: readonly NamedArray[],
  layer: string,
  pairs: [Variable, StoredArray][],
  problems: string[],
): void {
  weights.forEach((weight, at) => {
    const found = arrays[at];
    if (found === undefined) return;
    if (sameShape(found.array.shape, weight.shape)) pairs.push([weight, found.array]);
    else
      problems.push(
        `${weight.name} of "${layer}" is ${formatShape(weight.shape)}, "${found.name}" in the file ${formatShape(found.array.shape)}`,
      );
  });
}

/**
 * A model as a legacy `.h5` file, which Python's Keras opens, with the optimizer's state. Throws `unsupported` for a model
 * that is a class of its own: such a file can only hold layers and their connections.
 */
export async function modelToLegacyBytes(model: TrainableModel): Promise<Uint8Array> {
  const described = configOfModel(model);
  if (described.kind === 'subclass') {
    throw new FoveaError({
      code: 'unsupported',
      op: 'save',
      message: `model "${model.name}" is of the class ${described.own?.className}, which an .h5 file cannot hold.`,
      path: model.name,
      hint: 'Save it as .keras, or its weights as .weights.h5.',
    });
  }
  const { layers, topLevel } = legacyWeights(model);
  const optimizer = model.training.compiled === undefined ? undefined : model.training.buildOptimizer();
  const { optimizer: optimizerConfig, ...compileConfig } = makeCompileConfig(model) ?? {};
  const used = new Set<string>();
  const optimizerNames = optimizer?.variables.map(({ name }) =>
    unusedName(name.includes('/') ? name : `${optimizer.name}/${name}`, used),
  );
  const named = async (names: readonly string[], variables: readonly Variable[]): Promise<NamedArray[]> => {
    const arrays = await storedVariables(variables);
    // HDF5 has no bfloat16.
    return arrays.map((array, i) => ({
      name: names[i] as string,
      array: array.dtype === 'bfloat16' ? storedArray(array.shape, 'float32', storedFloats(array)) : array,
    }));
  };
  const own = await ownEntry(model);
  return writeLegacyH5({
    kerasVersion: KERAS_VERSION,
    config: makeModelConfig(described),
    trainingConfig:
      optimizer === undefined ? null : ({ ...compileConfig, optimizer_config: optimizerConfig } as JsonRecord),
    layers: await Promise.all(
      layers.map(async ({ name, weights }) => ({
        name,
        weights: await named(
          weights.map((each) => each.name),
          weights.map(({ variable }) => variable),
        ),
      })),
    ),
    topLevel: await named(
      topLevel.map(({ name }) => name),
      topLevel.map(({ variable }) => variable),
    ),
    optimizerWeights: optimizer === undefined ? null : await named(optimizerNames ?? [], optimizer.variables),
    training: own,
  });
}

/** A model's weights as these files hold them: layer by layer, and those that belong to the model itself. */
function legacyWeights(model: TrainableModel): {
  readonly layers: readonly { readonly name: string; readonly weights: readonly NamedVariable[] }[];
  readonly topLevel: readonly NamedVariable[];
} {
  const named = (layer: Layer): NamedVariable[] => {
    const paths = new Map(layer.weights.map((weight, i) => [weight, layer.weightPaths[i] as string]));
    const used = new Set<string>();
    return inKerasOrder(layer).map((variable) => ({
      name: unusedName(`${layer.name}/${paths.get(variable) ?? variable.name}`, used),
      variable,
    }));
  };
  return {
    layers: model.layers.map((layer) => ({ name: layer.name, weights: named(layer) })),
    topLevel: model.ownWeights.map((variable) => ({ name: variable.name, variable })),
  };
}

/** A variable under the name that a file gives it. */
interface NamedVariable {
  readonly name: string;
  readonly variable: Variable;
}

/** The name, with a number behind it where it is in use. */
function unusedName(name: string, used: Set<string>): string {
  let found = name;
  for (let i = 1; used.has(found); i++) found = `${name}_${i}`;
  used.add(found);
  return found;
}

/** Keras's order in these files: all that is trainable first, also across the layers of a nested model. */
function inKerasOrder(layer: Layer): Variable[] {
  return [...layer.trainableWeights, ...layer.nonTrainableWeights];
}

function list(named: readonly { readonly name: string }[]): string {
  const names = named.map(({ name }) => name);
  return names.length > 8 ? `${names.slice(0, 8).join(', ')}, ...` : names.join(', ');
}
