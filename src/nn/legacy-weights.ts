// Weights from Keras 2's .h5 files: by the order of layers, skipping those without weights, or by their names.
import { formatShape, sameShape } from '../core/shape.js';
import type { LegacyFile, NamedArray, StoredArray } from '../formats/index.js';
import type { Variable } from '../graph/variable.js';
import type { Layer } from './layer.js';
import { mismatches } from './layer-weights.js';
import type { TrainableModel } from './model.js';
import { putArray, putOptimizer } from './saving.js';

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
  putOptimizer(
    model,
    legacy.optimizerWeights?.map(({ array }) => array),
    file,
  );
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

/** Keras's order in these files: all that is trainable first, also across the layers of a nested model. */
function inKerasOrder(layer: Layer): Variable[] {
  return [...layer.trainableWeights, ...layer.nonTrainableWeights];
}

function list(named: readonly { readonly name: string }[]): string {
  const names = named.map(({ name }) => name);
  return names.length > 8 ? `${names.slice(0, 8).join(', ')}, ...` : names.join(', ');
}
