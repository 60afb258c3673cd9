// Weights from Keras 2's .h5 files: by the order of layers, skipping those without weights.
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { LegacyFile, StoredArray } from '../formats/index.js';
import type { Variable } from '../graph/variable.js';
import type { Layer } from './layer.js';
import type { TrainableModel } from './model.js';
import { putArray, putOptimizer } from './saving.js';

/** Puts the weights of a legacy file into a model, listing every mismatch in one error. */
export function putLegacyWeights(
  model: TrainableModel,
  legacy: LegacyFile,
  { file, skipMismatch }: { file: string; skipMismatch: boolean },
): void {
  const layers = model.layers.filter((layer) => layer.weights.length > 0);
  const stored = legacy.layers.filter(({ weights }) => weights.length > 0);
  const problems: string[] = [];
  if (layers.length !== stored.length) {
    problems.push(
      `the file has ${stored.length} layers with weights (${list(stored)}), the model ${layers.length} (${list(layers)})`,
    );
  }
  const pairs: [Variable, StoredArray][] = [];
  layers.forEach((layer, i) => {
    const weights = inKerasOrder(layer);
    const arrays = stored[i]?.weights ?? [];
    if (stored[i] !== undefined && arrays.length !== weights.length) {
      problems.push(
        `layer "${layer.name}" has ${weights.length} weights, "${stored[i]?.name}" in the file ${arrays.length}`,
      );
    }
    weights.forEach((weight, at) => {
      const found = arrays[at];
      if (found === undefined) return;
      if (sameShape(found.array.shape, weight.shape)) pairs.push([weight, found.array]);
      else
        problems.push(
          `${weight.name} of "${layer.name}" is ${formatShape(weight.shape)}, "${found.name}" in the file ${formatShape(found.array.shape)}`,
        );
    });
  });
  if (problems.length > 0 && !skipMismatch) {
    throw new FoveaError({
      code: 'format',
      op: 'loadWeights',
      message: `the weights do not fit the model: ${problems.length} ${problems.length === 1 ? 'mismatch' : 'mismatches'}.`,
      lines: problems.slice(0, 40),
      path: file,
      hint: 'Build the same model as the one that was saved, or pass skipMismatch to load what fits.',
    });
  }
  for (const [variable, array] of pairs) putArray(variable, array);
  putOptimizer(
    model,
    legacy.optimizerWeights?.map(({ array }) => array),
    file,
  );
}

/** Keras's order in these files: all that is trainable first, also across the layers of a nested model. */
function inKerasOrder(layer: Layer): Variable[] {
  return [...layer.trainableWeights, ...layer.nonTrainableWeights];
}

function list(named: readonly { readonly name: string }[]): string {
  const names = named.map(({ name }) => name);
  return names.length > 8 ? `${names.slice(0, 8).join(', ')}, ...` : names.join(', ');
}
