// The networks in torchvision's form against PyTorch: every entry of its state dict by name, shape and place, and the logits of
// weights made by rule.
import type { HostArray } from '../../src/data/index.js';
import type { Variable } from '../../src/graph/variable.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { fromTorch, namedWeights, type TorchForm } from '../../src/nn/named-weights.js';
import { architectures, create } from '../../src/zoo/index.js';
import type { ZooOptions } from '../../src/zoo/options.js';
import { stateOrder } from '../../src/zoo/torchvision/index.js';
import { type GoldenCase, type GoldenFolder, listCases } from './folder.js';
import { fromRecipe, type Recipe } from './recipes.js';
import { compareValues, hashOf, type NetworkValues, QUICK_PARAMETERS } from './zoo.js';

interface ClassifierCase {
  readonly name: string;
  readonly model: string;
  readonly arguments: { readonly aux_logits?: boolean };
  readonly parameters: number;
  readonly keys: number;
  readonly keyHash: string;
  readonly gamma?: readonly [number, number];
  readonly logits?: NetworkValues;
  /** The mean of the maps over their pixels. */
  readonly features?: NetworkValues;
}

/** torchvision's classifiers; `isQuick` computes those of few parameters alone. */
export function classifierCases(folder: GoldenFolder, _seed?: number, isQuick = false): GoldenCase[] {
  return listCases<ClassifierCase>(
    folder,
    'tasks-classifiers',
    'tasks/classifiers.json',
    async (each, machine, findings) => {
      const auxLogits = each.arguments.aux_logits;
      const make = (options: ZooOptions): TrainableModel =>
        create(entryName(each.model), {
          ...options,
          weights: null,
          ...(auxLogits === undefined ? {} : { auxLogits }),
        });
      const model = make({ classifierActivation: null, inputShape: [96, 96, 3] });
      const { entries, keys } = stateDict(model);
      const counted = entries.filter(({ key }) => !/running_(mean|var)$/.test(key));
      findings.same(
        'parameters',
        counted.reduce((sum, { variable }) => sum + variable.size, 0),
        each.parameters,
      );
      findings.same('keys', { count: keys.length, hash: hashOf(keys) }, { count: each.keys, hash: each.keyHash });
      if (machine.predict === undefined || (isQuick && each.parameters > QUICK_PARAMETERS)) return;
      const run = async (what: string, made: TrainableModel, want: NetworkValues): Promise<void> => {
        setByRule(made, each);
        const { data } = await made.predict(toChannelsLast(want.input));
        compareValues(findings, what, data, want);
      };
      if (each.logits !== undefined) await run('logits', model, each.logits);
      if (each.features === undefined) return;
      await run('features', make({ includeTop: false, pooling: 'avg', inputShape: [96, 96, 3] }), each.features);
    },
  );
}

/** The zoo's name of a function of torchvision. Where there is one form only, the usual width goes without saying. */
function entryName(model: string): string {
  const names = [`torchvision/${model}`, model, model.replace(/_(x1_0|32x4d|32x8d|2)$/, '')];
  return names.find((name) => architectures[name]?.form === 'torchvision') ?? model;
}

interface Entry {
  readonly key: string;
  readonly variable: Variable;
  readonly form: TorchForm;
}

/** The entries, and all of PyTorch's lines in its order: it keeps the number of batches beside each norm. */
function stateDict(model: TrainableModel): { entries: Entry[]; keys: string[] } {
  const all = namedWeights(model).flatMap(({ key, variable, form }) =>
    key === undefined || form === undefined ? [] : [{ key, variable, form }],
  );
  const byLayer = new Map<string, Entry[]>();
  for (const each of all) {
    const layer = each.key.slice(0, each.key.lastIndexOf('.'));
    byLayer.set(layer, [...(byLayer.get(layer) ?? []), each]);
  }
  const entries = (stateOrder(model) ?? []).flatMap((layer) => byLayer.get(layer) ?? []);
  const keys = entries.flatMap(({ key, form }) => {
    const line = `${key} ${form.shape.join('x')}`;
    return key.endsWith('.running_var') ? [line, `${key.replace(/running_var$/, 'num_batches_tracked')} `] : [line];
  });
  return { entries, keys };
}

function setByRule(model: TrainableModel, { name: caseName, gamma = [0.8, 1.2] }: ClassifierCase): void {
  for (const { key, variable, form } of stateDict(model).entries) {
    const [lo, hi] = rangeOf(key, form.shape, gamma);
    const { data } = fromRecipe({ name: `${caseName}/${key}`, shape: form.shape, lo, hi });
    variable.set(fromTorch(data as Float32Array, form));
  }
}

function rangeOf(key: string, shape: readonly number[], gamma: readonly [number, number]): readonly [number, number] {
  if (key.endsWith('running_var')) return [0.8, 1.2];
  if (!key.endsWith('weight')) return [-0.1, 0.1];
  if (shape.length === 1) return gamma;
  const most = Math.sqrt(6 / shape.slice(1).reduce((product, dim) => product * dim, 1));
  return [-most, most];
}

/** [1,c,h,w] as [1,h,w,c]. */
function toChannelsLast(recipe: Recipe): HostArray {
  const [n, channels, height, width] = recipe.shape as [number, number, number, number];
  const { data } = fromRecipe(recipe);
  const cells = height * width;
  const out = new Float32Array(data.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let cell = 0; cell < cells; cell++) out[cell * channels + channel] = data[channel * cells + cell] as number;
  }
  return { data: out, shape: [n, height, width, channels], dtype: 'float32' };
}
