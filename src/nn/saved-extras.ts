// What a model knows beyond what Keras's files have a place for: weights that learn at a part of the rate, and layers that are
// called in inference mode. (Keras writes `training: false` of every model inside a model, and trains it all the same.)
import type { Variable } from '../graph/variable.js';
import type { Layer } from './layer.js';
import { TrainableModel } from './model.js';
import type { LayerCall } from './symbolic.js';

/** Plain data in fovea's own entry of a `.keras` file. */
export interface SavedExtras {
  /** What the learning rate is multiplied by for each variable, where it is for any. */
  readonly rateFactors?: readonly number[];
  /** The calls, by the names of layers that lead there and the call's number, that run in inference mode whatever the model does. */
  readonly inference?: readonly string[];
}

/** The extras of a model whose variables are saved in this order. */
export function extrasOf(model: TrainableModel, variables: readonly Variable[]): SavedExtras {
  const { compiled } = model.training;
  const rateFactors = variables.map((variable) => compiled?.optimizer.rateFactor(variable) ?? 1);
  const inference = [...callsOf(model)].filter(([, { options }]) => options.training === false).map(([path]) => path);
  return {
    ...(rateFactors.every((factor) => factor === 1) ? {} : { rateFactors }),
    ...(inference.length === 0 ? {} : { inference }),
  };
}

/** Puts them back. They may come from anybody's file: what fits nothing is left aside. */
export function putExtras(model: TrainableModel, variables: readonly Variable[], extras: SavedExtras): void {
  const { rateFactors, inference } = extras;
  const { compiled } = model.training;
  if (Array.isArray(rateFactors) && compiled !== undefined) {
    variables.forEach((variable, i) => {
      const factor: unknown = rateFactors[i];
      if (typeof factor === 'number' && Number.isFinite(factor) && factor >= 0)
        compiled.optimizer.setRateFactor([variable], factor);
    });
  }
  if (!Array.isArray(inference)) return;
  const chosen = new Set<unknown>(inference);
  for (const [path, call] of callsOf(model)) if (chosen.has(path)) call.options = { ...call.options, training: false };
}

/** All calls of a model and of the models inside, each under a path of its own. */
function callsOf(model: TrainableModel, before = '', seen = new Set<Layer>()): Map<string, LayerCall> {
  const found = new Map<string, LayerCall>();
  if (!model.isKnown || seen.has(model)) return found;
  seen.add(model);
  const counts = new Map<string, number>();
  for (const call of model.graph.calls) {
    const { layer } = call;
    const count = counts.get(layer.name) ?? 0;
    counts.set(layer.name, count + 1);
    const path = `${before}${layer.name}`;
    found.set(`${path}#${count}`, call);
    if (layer instanceof TrainableModel)
      for (const [inside, each] of callsOf(layer, `${path}/`, seen)) found.set(inside, each);
  }
  return found;
}
