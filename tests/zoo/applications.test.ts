// The networks of the zoo against Keras's: parameters, every weight's path and shape, and what they compute with weights
// made by rule. Values of the larger networks: npm run nightly.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import type { Variable } from '../../src/graph/variable.js';
import { zoo } from '../../src/index.js';
import type { Layer } from '../../src/nn/layer.js';
import { LayerScale } from '../../src/nn/layers/architecture.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { goldenFolder, readGolden } from '../nn/golden.js';
import { fromRecipe, type Recipe } from '../nn/recipes.js';

interface Counts {
  readonly total: number;
  readonly trainable: number;
  readonly weights: number;
  readonly output: readonly (number | null)[];
  readonly pathHash: string;
  readonly shapeHash: string;
}

interface Values {
  readonly input: Recipe;
  readonly count: number;
  readonly first: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly noise: number;
}

interface ZooCase {
  readonly name: string;
  readonly model: string;
  readonly arguments: { readonly alpha?: number };
  readonly size: number;
  readonly gamma?: readonly [number, number];
  readonly top: Counts;
  readonly noTop: Counts;
  readonly features?: Values;
  readonly logits?: Values & { readonly argmax: number; readonly top5: readonly number[] };
}

/** Keras's function names as the zoo's: `MobileNetV3Small` is `mobilenet_v3_small`, which `create` finds by letters alone. */
const make = (each: ZooCase, options: zoo.ZooOptions): TrainableModel =>
  zoo.create(each.model, { ...each.arguments, ...options, weights: null });

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

function hashes(model: TrainableModel): { pathHash: string; shapeHash: string } {
  let scales = 0;
  const lines = namedWeights(model.layers).map(({ path, name, variable, layer }) => {
    // Keras names a layer scale's weight `variable`, numbered over the model.
    const number = layer instanceof LayerScale ? scales++ : -1;
    const kerasPath = number < 0 ? path : `${layer.name}/variable${number === 0 ? '' : `_${number}`}`;
    const shape = variable.shape.join('x');
    return [`${kerasPath} ${shape}`, `${name} ${shape}`] as const;
  });
  const hash = (at: 0 | 1): string =>
    createHash('sha256')
      .update(lines.map((line) => line[at]).join('\n'))
      .digest('hex');
  return { pathHash: hash(0), shapeHash: hash(1) };
}

function expectCounts(model: TrainableModel, want: Counts): void {
  const count = (variables: readonly Variable[]): number => variables.reduce((sum, { size }) => sum + size, 0);
  expect(count(model.weights)).toBe(want.total);
  expect(count(model.trainableWeights)).toBe(want.trainable);
  expect(model.weights).toHaveLength(want.weights);
  expect(model.outputShape).toEqual(want.output);
  expect(hashes(model)).toEqual({ pathHash: want.pathHash, shapeHash: want.shapeHash });
}

/** Sets every weight by the rule that the golden files state. */
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

async function expectValues(model: TrainableModel, each: ZooCase, want: Values): Promise<ArrayLike<number>> {
  setByRule(model, each);
  const { data } = await model.predict(fromRecipe(want.input));
  expect(data).toHaveLength(want.count);
  const allowed = Math.max(1e-4, 20 * want.noise) * want.std;
  const got = Array.from(data as ArrayLike<number>);
  want.first.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value), `value ${i}: ${got[i]}, not ${value}`).toBeLessThanOrEqual(allowed);
  });
  const mean = got.reduce((sum, value) => sum + value, 0) / got.length;
  const std = Math.sqrt(got.reduce((sum, value) => sum + (value - mean) ** 2, 0) / got.length);
  expect(Math.abs(mean - want.mean)).toBeLessThanOrEqual(allowed);
  expect(Math.abs(std - want.std)).toBeLessThanOrEqual(allowed);
  return got;
}

const cases = goldenFolder === undefined ? [] : readGolden<{ cases: ZooCase[] }>('models/zoo.json').cases;
// Hundreds of megabytes of weights are made element by element: the larger networks have their turn at night.
const isNight = process.env.FOVEA_NIGHTLY === '1';
const isTried = ({ top }: ZooCase): boolean => isNight || top.total < 5e6;

beforeAll(async () => {
  await setEngine('native', { threads: 2 });
});
afterAll(() => disposeEngine());

describe.skipIf(cases.length === 0)("networks that are Keras's", () => {
  test.each(cases.map((each) => [each.name, each] as const))('%s: every weight', (_name, each) => {
    expectCounts(make(each, {}), each.top);
    expectCounts(make(each, { includeTop: false, inputShape: [each.size, each.size, 3] }), each.noTop);
  });

  test.each(
    cases.filter((each) => each.features !== undefined && isTried(each)).map((each) => [each.name, each] as const),
  )('%s: features', { timeout: 120_000 }, async (_name, each) => {
    const model = make(each, { includeTop: false, pooling: 'avg', inputShape: [96, 96, 3] });
    await expectValues(model, each, each.features as Values);
  });

  test.each(
    cases.filter((each) => each.logits !== undefined && isTried(each)).map((each) => [each.name, each] as const),
  )('%s: logits', { timeout: 120_000 }, async (_name, each) => {
    const want = each.logits as NonNullable<ZooCase['logits']>;
    const got = await expectValues(make(each, { classifierActivation: null }), each, want);
    const order = Array.from(got, (_, i) => i).sort((a, b) => (got[b] as number) - (got[a] as number));
    expect(order.slice(0, 5)).toEqual(want.top5);
  });
});
