// The networks of the zoo against Keras's: parameters, every weight's path and shape, and what they compute with weights made
// by rule.
import { createHash } from 'node:crypto';
import type { Variable } from '../../src/graph/variable.js';
import type { Layer } from '../../src/nn/layer.js';
import { LayerScale } from '../../src/nn/layers/architecture.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { create } from '../../src/zoo/create.js';
import type { ZooOptions } from '../../src/zoo/options.js';
import type { Findings } from './findings.js';
import { type GoldenCase, type GoldenFolder, listCases } from './folder.js';
import { fromRecipe, type Recipe } from './recipes.js';
import { NETWORK } from './tolerances.js';

interface Counts {
  readonly total: number;
  readonly trainable: number;
  readonly weights: number;
  readonly output: readonly (number | null)[];
  readonly pathHash: string;
  readonly shapeHash: string;
}

/** What a network gives for a recipe: the first values, and the moments of all. */
export interface NetworkValues {
  readonly input: Recipe;
  readonly count: number;
  readonly first: readonly number[];
  readonly mean: number;
  readonly std: number;
  /** The other library's own error, in deviations. */
  readonly noise: number;
}

interface ZooCase {
  readonly name: string;
  readonly model: string;
  readonly arguments: ZooOptions;
  readonly size: number;
  readonly gamma?: readonly [number, number];
  readonly top: Counts;
  readonly noTop: Counts;
  readonly features?: NetworkValues;
  readonly logits?: NetworkValues & {
    readonly top5: readonly number[];
    readonly top5Probabilities: readonly number[];
  };
}

/** Larger networks are only counted by who asks for quick ones. */
export const QUICK_PARAMETERS = 5e6;

/** Keras's applications; `isQuick` computes those of few parameters alone. */
export function zooCases(folder: GoldenFolder, _seed?: number, isQuick = false): GoldenCase[] {
  return listCases<ZooCase>(folder, 'zoo', 'models/zoo.json', async (each, machine, findings) => {
    // Names are found by their letters alone: `MobileNetV3Small` is `mobilenet_v3_small`.
    const make = (options: ZooOptions): TrainableModel =>
      create(each.model, { ...each.arguments, ...options, weights: null });
    const whole = make({ classifierActivation: null });
    compareCounts(findings, 'top', whole, each.top);
    compareCounts(findings, 'noTop', make({ includeTop: false, inputShape: [each.size, each.size, 3] }), each.noTop);
    // The reference would take hours.
    if (machine.predict === undefined || (isQuick && each.top.total > QUICK_PARAMETERS)) return;
    const run = async (what: string, model: TrainableModel, want: NetworkValues): Promise<readonly number[]> => {
      setByRule(model, each);
      const { data } = await model.predict(fromRecipe(want.input));
      return compareValues(findings, what, data, want);
    };
    if (each.features !== undefined) {
      await run('features', make({ includeTop: false, pooling: 'avg', inputShape: [96, 96, 3] }), each.features);
    }
    if (each.logits === undefined) return;
    const logits = await run('logits', whole, each.logits);
    const order = logits.map((_, i) => i).sort((a, b) => (logits[b] as number) - (logits[a] as number));
    findings.same('top5', order.slice(0, 5), each.logits.top5);
    const powers = logits.map((value) => Math.exp(value));
    const sum = powers.reduce((total, value) => total + value, 0);
    const probabilities = order.slice(0, 5).map((i) => (powers[i] as number) / sum);
    findings.close('top5Probabilities', probabilities, each.logits.top5Probabilities, 'score');
  });
}

interface Named {
  readonly path: string;
  readonly name: string;
  readonly variable: Variable;
  readonly layer: Layer;
}

/** The weights with Keras's paths, in its order. */
function namedWeights(layers: readonly Layer[], prefix = ''): Named[] {
  return layers.flatMap((layer) => {
    const at = `${prefix}${layer.name}/`;
    if (layer.sublayers.length > 0) return namedWeights(layer.sublayers, at);
    return layer.weights.map((variable) => ({ path: `${at}${variable.name}`, name: variable.name, variable, layer }));
  });
}

/** The SHA-256 of lines of text, as the golden files have it of lists of weights. */
export function hashOf(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function compareCounts(findings: Findings, what: string, model: TrainableModel, want: Counts): void {
  const count = (variables: readonly Variable[]): number => variables.reduce((sum, { size }) => sum + size, 0);
  let scales = 0;
  const lines = namedWeights(model.layers).map(({ path, name, variable, layer }) => {
    // Keras names a layer scale's weight `variable`, numbered over the model.
    const number = layer instanceof LayerScale ? scales++ : -1;
    const kerasPath = number < 0 ? path : `${layer.name}/variable${number === 0 ? '' : `_${number}`}`;
    const shape = variable.shape.join('x');
    return [`${kerasPath} ${shape}`, `${name} ${shape}`] as const;
  });
  const { total, trainable, weights, output, pathHash, shapeHash } = want;
  const got: Counts = {
    total: count(model.weights),
    trainable: count(model.trainableWeights),
    weights: model.weights.length,
    output: model.outputShape,
    pathHash: hashOf(lines.map(([path]) => path)),
    shapeHash: hashOf(lines.map(([, shape]) => shape)),
  };
  findings.same(what, got, { total, trainable, weights, output, pathHash, shapeHash });
}

/** Sets every weight by the rule that comes with the golden values. */
function setByRule(model: TrainableModel, { name: caseName, gamma = [0.8, 1.2] }: ZooCase): void {
  namedWeights(model.layers).forEach(({ name, variable, layer }, i) => {
    const range = rangeOf(name, variable.shape, layer, gamma);
    if (range === undefined) return;
    const [lo, hi] = range;
    variable.set(fromRecipe({ name: `${caseName}/w${i}`, shape: variable.shape, lo, hi }).data as Float32Array);
  });
}

function rangeOf(
  name: string,
  shape: readonly number[],
  layer: Layer,
  gamma: readonly [number, number],
): readonly [number, number] | undefined {
  if (name.endsWith('kernel')) {
    const isDepthwise =
      name === 'depthwise_kernel' || (shape.length === 4 && shape[3] === 1 && (shape[2] as number) > 1);
    const fanIn = shape.slice(0, isDepthwise ? -2 : -1).reduce((product, size) => product * size, 1);
    return [-Math.sqrt(6 / fanIn), Math.sqrt(6 / fanIn)];
  }
  if (layer.className === 'Normalization') return undefined;
  if (name === 'gamma') return gamma;
  return name === 'moving_variance' ? [0.8, 1.2] : [-0.1, 0.1];
}

/** Compares what a network gave; gives all values. */
export function compareValues(
  findings: Findings,
  what: string,
  data: ArrayLike<number>,
  want: NetworkValues,
): readonly number[] {
  const got = Array.from(data);
  const allowed = Math.max(NETWORK.least, NETWORK.noise * want.noise) * want.std;
  const mean = got.reduce((sum, value) => sum + value, 0) / got.length;
  const std = Math.sqrt(got.reduce((sum, value) => sum + (value - mean) ** 2, 0) / got.length);
  findings.same(`${what}.count`, got.length, want.count);
  findings.within(what, got.slice(0, want.first.length), want.first, allowed);
  findings.within(`${what}.moments`, [mean, std], [want.mean, want.std], allowed);
  return got;
}
