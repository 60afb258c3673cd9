// Initializers by their distributions, over a sample, and what layers make when they are told nothing.
import { type Shape, sizeOf } from '../../src/core/shape.js';
import { computeFans, initializerFromConfig } from '../../src/nn/initializers.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { setRandomSeed } from '../../src/nn/random.js';
import type { Findings } from './findings.js';
import { type GoldenCase, type GoldenFolder, listCases } from './folder.js';
import { compareDefaults } from './layers.js';
import { SAMPLE } from './tolerances.js';

interface Expectation {
  readonly distribution: string;
  readonly fan_in?: number;
  readonly fan_out?: number;
  readonly mean?: number;
  readonly stddev?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly values?: unknown;
  readonly matrix?: readonly [number, number];
  readonly orthogonal?: 'rows' | 'columns';
  readonly inner_product?: number;
}

type Dims = readonly (number | null)[];

interface InitializerCase {
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly class?: string;
  readonly shape?: Shape;
  readonly expect?: Expectation;
  readonly layer?: string;
  readonly input_shape?: Dims | readonly Dims[];
  readonly weights?: readonly { readonly name: string; readonly shape: Shape; readonly trainable: boolean }[];
  readonly config?: Record<string, unknown>;
  readonly parameters?: number;
}

/** The initializers of a folder, drawn from `seed`. */
export function initializerCases(folder: GoldenFolder, seed: number): GoldenCase[] {
  return listCases<InitializerCase>(folder, 'initializers', 'initializers.json', async (each, _machine, findings) => {
    setRandomSeed(seed);
    if (each.layer === undefined) compareInitializer(each, findings);
    else compareLayer(each, each.layer, findings);
  });
}

function compareLayer(each: InitializerCase, className: string, findings: Findings): void {
  const layer = layerFromConfig(className, each.args);
  const shapes = each.input_shape ?? [];
  layer.ensureBuilt(isList(shapes) ? shapes : [shapes]);
  const { weightPaths } = layer;
  const weights = layer.weights.map(({ shape, trainable }, i) => ({ name: weightPaths[i], shape, trainable }));
  findings.same('weights', weights, each.weights);
  findings.same('parameters', layer.countParams(), each.parameters);
  compareDefaults(layer, each.config ?? {}, findings);
}

function isList(shapes: Dims | readonly Dims[]): shapes is readonly Dims[] {
  return Array.isArray(shapes[0]);
}

function compareInitializer(each: InitializerCase, findings: Findings): void {
  const { shape, expect } = each;
  if (shape === undefined || expect === undefined) throw new Error('the case has neither a layer nor what to expect');
  const initializer = initializerFromConfig({ class_name: each.class, config: each.args });
  if (expect.fan_in !== undefined) {
    findings.same('fans', computeFans(shape), { fanIn: expect.fan_in, fanOut: expect.fan_out });
  }
  const values = initializer.values(shape);
  findings.same('how many values', values.length, sizeOf(shape));
  switch (expect.distribution) {
    case 'fixed':
      findings.close('values', values, [expect.values].flat(9) as number[], 'exact');
      return;
    case 'orthogonal':
      compareOrthogonal(values, expect, findings);
      return;
    case 'uniform':
    case 'normal':
    case 'truncated_normal': {
      const sample = [...values];
      // Draw again until there are enough numbers to judge by; one that repeats itself would never be enough.
      while (sample.length < SAMPLE.size) sample.push(...initializer.values(shape));
      compareSample(sample, expect, findings);
      return;
    }
    default:
      throw new Error(`the distribution "${expect.distribution}" is not known`);
  }
}

function compareSample(sample: readonly number[], expect: Expectation, findings: Findings): void {
  const average = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const { mean: wanted = Number.NaN, stddev = Number.NaN, minimum, maximum } = expect;
  const mean = average(sample);
  const deviation = Math.sqrt(average(sample.map((value) => (value - mean) ** 2)));
  const check = (what: string, got: number, want: number, allowed: number): void => {
    findings.count++;
    const ratio = Math.abs(got - want) / allowed;
    if (ratio <= 1) findings.worst = Math.max(findings.worst, ratio);
    else
      findings.fail(what, Number.isNaN(ratio) ? Infinity : ratio, `of the sample is ${got}, want ${want} ± ${allowed}`);
  };
  check('mean', mean, wanted, SAMPLE.mean * stddev);
  check('deviation', deviation, stddev, SAMPLE.deviation * stddev);
  if (minimum === undefined || maximum === undefined) return;
  const [low, high] = sample.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
  const slack = SAMPLE.beyond * stddev;
  if (low < minimum - slack) findings.fail('minimum', Infinity, `is ${minimum}, but ${low} was drawn`);
  if (high > maximum + slack) findings.fail('maximum', Infinity, `is ${maximum}, but ${high} was drawn`);
  if (high < maximum - SAMPLE.reach * stddev)
    findings.fail('maximum', Infinity, `is ${maximum}; only ${high} is reached`);
}

function compareOrthogonal(values: Float32Array, expect: Expectation, findings: Findings): void {
  const { matrix, orthogonal, inner_product: length = Number.NaN } = expect;
  if (matrix === undefined) throw new Error('the case does not say which matrix is orthogonal');
  const [rows, columns] = matrix;
  const count = orthogonal === 'rows' ? rows : columns;
  const depth = (rows * columns) / count;
  const at = (i: number, k: number): number =>
    values[orthogonal === 'rows' ? i * columns + k : k * columns + i] ?? Number.NaN;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0;
      for (let k = 0; k < depth; k++) product += at(i, k) * at(j, k);
      const difference = Math.abs(product - (i === j ? length : 0));
      worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
    }
  }
  findings.count++;
  const allowed = SAMPLE.product * Math.max(1, length);
  if (worst > allowed) findings.fail('inner products', worst / allowed, `are off by ${worst.toExponential(2)}`);
}
