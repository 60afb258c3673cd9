// Random configurations of every layer, forward and backward, on an engine against the float64 reference; and wrong ones,
// each of which must be refused by name. FOVEA_SEED starts elsewhere; a failure prints its seed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { isFloat } from '../../src/core/dtype.js';
import { FoveaError } from '../../src/core/errors.js';
import { sizeOf } from '../../src/core/shape.js';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { interpret } from '../../src/graph/interpret.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import type { CallContext, Layer } from '../../src/nn/layer.js';
import type { Fields } from '../../src/nn/layers/fields.js';
import { layerClasses, layerFromConfig } from '../../src/nn/layers/registry.js';
import { add, multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { randomNumbers } from '../ops/cases.js';
import { SEED } from '../ops/numeric.js';
import { Dice, NO_RECIPE, RECIPES, type Recipe } from './layer-recipes.js';

const RUNS = process.env.FOVEA_NIGHTLY ? 2000 : 600;
const NAMES = Object.keys(RECIPES);

/** An inner layer stands in a recipe as its class and options. */
interface InnerLayer {
  readonly className: string;
  readonly options: Record<string, unknown>;
}

const isInner = (value: unknown): value is InnerLayer =>
  typeof value === 'object' && value !== null && 'className' in value && 'options' in value;

function makeLayer(className: string, options: Readonly<Record<string, unknown>>): Layer {
  const Class = layerClasses.get(className) as unknown as new (options: Record<string, unknown>) => Layer;
  const full = Object.entries(options).map(([key, value]) => [
    key,
    isInner(value) ? makeLayer(value.className, value.options) : value,
  ]);
  return new Class(Object.fromEntries(full));
}

function contextOf(training: boolean): CallContext {
  const key = tensor(Int32Array.of(5, 9, 0, 0));
  let stream = 0;
  return { training, random: () => ({ key, stream: stream++ }) };
}

function inputsOf({ inputs, indices, range = [-1, 1] }: Recipe, seed: number): Tensor[] {
  return inputs.map((shape, stream) => {
    const units = randomNumbers(sizeOf(shape), seed, stream);
    if (indices !== undefined)
      return tensor(
        Int32Array.from(units, (unit) => Math.floor(unit * indices)),
        { shape },
      );
    return tensor(
      Float32Array.from(units, (unit) => range[0] + (range[1] - range[0]) * unit),
      { shape },
    );
  });
}

/** Outputs, what training changes, and the gradients of the outputs' weighted sum. */
function allOf(layer: Layer, recipe: Recipe, seed: number, training: boolean): Tensor[] {
  const inputs = inputsOf(recipe, seed);
  layer.ensureBuilt(inputs.map(({ shape }) => shape));
  const weights = layer.weights.map((weight) => weight.value);
  const outputs = layer.run(inputs, contextOf(training)).filter(({ dtype }) => dtype === 'float32');
  const changed = layer.weights.flatMap((weight, i) => (weight.tensor === weights[i] ? [] : [weight.tensor]));
  if (recipe.gradient === false || outputs.length === 0) return [...outputs, ...changed];
  const terms = outputs.map((output, stream) => {
    const data = Float32Array.from(randomNumbers(output.size, seed + 1, 50 + stream), (unit) => 2 * unit - 1);
    return sum(multiply(output, tensor(data, { shape: output.shape })));
  });
  const by = [...inputs, ...weights].filter(({ dtype }) => isFloat(dtype));
  const slopes = gradients(
    terms.reduce((a, b) => add(a, b)),
    by,
  );
  return [...outputs, ...changed, ...slopes];
}

/** The most that float32 may be from float64, relative to the largest value of a tensor. */
const TOLERANCE = 1e-5;

async function tryOne(className: string, seed: number): Promise<void> {
  const dice = new Dice(seed);
  const recipe = (RECIPES[className] as (dice: Dice) => Recipe)(dice);
  const training = recipe.inference !== true && dice.chance(0.4);
  const text = `FOVEA_SEED=${seed}: ${className} ${JSON.stringify(recipe)}${training ? ' training' : ''}`;
  try {
    const layer = makeLayer(className, recipe.options);
    const all = allOf(layer, recipe, seed, training);
    const wanted = interpret(all);
    const found = await Promise.all(all.map((each) => each.data()));
    found.forEach((got, i) => {
      const want = wanted[i]?.data as Float64Array;
      const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      want.forEach((value, at) => {
        const difference = Math.abs((got[at] as number) - value);
        if (!(difference <= TOLERANCE * (1 + largest)))
          throw new Error(`tensor ${i}, element ${at}: ${got[at]}, not ${value}`);
      });
    });
    // A file would hold this config: what it makes must compute the same.
    const config = { ...layer.getConfig(), name: layer.name };
    const again = layerFromConfig(className, JSON.parse(JSON.stringify(config)));
    expect(JSON.stringify(again.getConfig())).toBe(JSON.stringify(layer.getConfig()));
  } catch (error) {
    throw new Error(`${text}\n${(error as Error).stack}`);
  }
}

describe('configurations of layers', () => {
  beforeAll(async () => {
    await setEngine(process.env.FOVEA_TEST_ENGINE === 'wasm' ? 'wasm' : 'native', { poison: true, threads: 2 });
  });
  afterAll(() => disposeEngine());

  test('are known for every class', () => {
    expect([...NAMES, ...Object.keys(NO_RECIPE)].sort()).toEqual([...new Set(layerClasses.keys())].sort());
  });

  test(`are computed as the reference does (${RUNS} of them)`, { timeout: 900_000 }, async () => {
    console.log(`layer configurations: FOVEA_SEED=${SEED}`);
    // Every class in turn, so that a short run meets all of them.
    for (let i = 0; i < RUNS; i++) await tryOne(NAMES[i % NAMES.length] as string, SEED + i);
  });
});

/** Values that hardly any option may have. */
const WRONG: readonly unknown[] = [
  Number.NaN,
  -1,
  0.5,
  'nonsense',
  [],
  [1, 2, 3, 4, 5],
  [Number.NaN],
  { weird: 1 },
  true,
  () => 1,
  Number.POSITIVE_INFINITY,
  -1e9,
  1e9,
];

/** What no option of any layer can be: no number, a list of no numbers, a record that means nothing. */
const isImpossible = (value: unknown): boolean =>
  Number.isNaN(value) ||
  (Array.isArray(value) ? value.some(Number.isNaN) : typeof value === 'object' && value !== null);

/** Tries a layer with something wrong in it: it works all the same, or says what is wrong. */
function tryWrong(className: string, recipe: Recipe, seed: number): { error?: FoveaError } {
  let layer: Layer;
  try {
    layer = makeLayer(className, recipe.options);
    const inputs = inputsOf(recipe, seed);
    layer.ensureBuilt(inputs.map(({ shape }) => shape));
    layer.run(inputs, contextOf(false));
    return {};
  } catch (error) {
    if (error instanceof FoveaError) return { error };
    throw error;
  }
}

describe('wrong configurations', () => {
  const subjectOf = ({ message, code }: FoveaError, option: string): string =>
    message.includes(option) ? option : code;

  /** Whether a layer is made, or an error names the option. */
  function madeOrRefused(make: () => unknown, option: string): boolean {
    try {
      make();
      return true;
    } catch (error) {
      return error instanceof FoveaError && error.message.includes(option);
    }
  }

  test.each(NAMES)('of %s are refused by name', (className) => {
    const fields = (layerClasses.get(className) as unknown as { fields?: Fields }).fields ?? {};
    const options = Object.keys(fields);
    const dice = new Dice(SEED);
    const recipe = (RECIPES[className] as (dice: Dice) => Recipe)(dice);
    for (const option of options) {
      for (const wrong of WRONG) {
        const what = `${className} with ${option}: ${String(wrong)}`;
        if (wrong === 1e9) {
          // A large size that is allowed must not be computed.
          expect(
            madeOrRefused(() => makeLayer(className, { ...recipe.options, [option]: wrong }), option),
            what,
          ).toBe(true);
          continue;
        }
        let found: { error?: FoveaError };
        try {
          found = tryWrong(className, { ...recipe, options: { ...recipe.options, [option]: wrong } }, SEED);
        } catch (error) {
          throw new Error(`${what}: ${(error as Error).stack}`);
        }
        if (isImpossible(wrong)) expect(found.error?.message, what).toContain(option);
        // What is allowed by itself may not go with the shapes or the other options, which the error then is about.
        else if (found.error !== undefined) expect([option, 'shape'], what).toContain(subjectOf(found.error, option));
      }
    }
    const { error } = tryWrong(className, { ...recipe, options: { ...recipe.options, optoin: 1 } }, SEED);
    expect(error?.message, className).toContain('optoin');
    for (const required of options.filter((option) => fields[option]?.fallback === undefined)) {
      const { [required]: _left, ...rest } = recipe.options;
      expect(tryWrong(className, { ...recipe, options: rest }, SEED).error?.message, className).toContain(required);
    }
  });

  test.each(NAMES)('inputs of other shapes are taken by %s or refused, and nothing else', (className) => {
    const recipe = (RECIPES[className] as (dice: Dice) => Recipe)(new Dice(SEED));
    for (const inputs of [
      recipe.inputs.map(() => [2]),
      recipe.inputs.map(() => []),
      recipe.inputs.map((shape) => [...shape, 2, 3]),
      recipe.inputs.map((shape) => shape.map((size, axis) => (axis === 0 ? size : 0))),
    ]) {
      try {
        tryWrong(className, { ...recipe, inputs }, SEED);
      } catch (error) {
        throw new Error(`${className} on ${JSON.stringify(inputs)}: ${(error as Error).stack}`);
      }
    }
    // Weights of a layer fit the channels it was built for.
    const layer = makeLayer(className, recipe.options);
    layer.ensureBuilt(recipe.inputs);
    const other = recipe.inputs.map((shape) => shape.map((size) => size + 1));
    try {
      layer.run(inputsOf({ ...recipe, inputs: other }, SEED), contextOf(false));
    } catch (error) {
      if (!(error instanceof FoveaError)) throw new Error(`${className}: ${(error as Error).stack}`);
    }
  });
});
