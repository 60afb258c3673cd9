// Initializers against Keras's fans, bounds and deviations, and the repeatability of what they draw.
import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import { Variable } from '../../src/graph/variable.js';
import {
  computeFans,
  constant,
  glorotUniform,
  type InitializerLike,
  initializerFromConfig,
  makeInitializer,
  serializeInitializer,
} from '../../src/nn/initializers.js';
import type { LayerConfig } from '../../src/nn/layer.js';
import { findLayerClass, layerFromConfig } from '../../src/nn/layers/registry.js';
import { drawSeed, setRandomSeed } from '../../src/nn/random.js';
import { goldenCases, goldenFolder } from './golden.js';

interface Expectation {
  fan_in?: number;
  fan_out?: number;
  mean?: number;
  stddev?: number;
  distribution: string;
  minimum?: number;
  maximum?: number;
  values?: number[][] | number[];
  matrix?: [number, number];
  orthogonal?: 'rows' | 'columns';
  inner_product?: number;
}

interface Case {
  name: string;
  class?: string;
  args: Record<string, unknown>;
  shape: Shape;
  expect: Expectation;
  layer?: string;
  input_shape: (number | null)[];
  weights: { name: string; shape: number[]; trainable: boolean }[];
  parameters: number;
}

const cases = goldenCases<Case>('initializers.json');

const average = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe.skipIf(goldenFolder === undefined)('initializers, as Keras defines them', () => {
  it.each(cases.filter((each) => each.class !== undefined).map((each) => [each.name, each] as const))(
    '%s',
    (_name, each) => {
      setRandomSeed(11);
      const initializer = initializerFromConfig({ class_name: each.class, config: each.args });
      const wanted = each.expect;
      const fans = computeFans(each.shape);
      if (wanted.fan_in !== undefined) expect(fans).toEqual({ fanIn: wanted.fan_in, fanOut: wanted.fan_out });
      const values = initializer.values(each.shape);
      expect(values.length).toBe(sizeOf(each.shape));
      if (wanted.distribution === 'fixed') {
        expect([...values]).toEqual((wanted.values as number[][]).flat());
        return;
      }
      if (wanted.distribution === 'orthogonal') {
        checkOrthogonal(values, wanted);
        return;
      }
      // Draw again until there are enough numbers to judge by.
      const many = [...values];
      while (many.length < 40_000) many.push(...initializer.values(each.shape));
      const mean = average(many);
      const deviation = Math.sqrt(average(many.map((value) => (value - mean) ** 2)));
      const stddev = wanted.stddev as number;
      expect(Math.abs(mean - (wanted.mean as number))).toBeLessThan(0.03 * stddev);
      expect(Math.abs(deviation - stddev)).toBeLessThan(0.02 * stddev);
      if (wanted.minimum === undefined) return;
      const [low, high] = many.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [
        Infinity,
        -Infinity,
      ] as [number, number]);
      const slack = 1e-6 * stddev;
      expect(low).toBeGreaterThanOrEqual(wanted.minimum - slack);
      expect(high).toBeLessThanOrEqual((wanted.maximum as number) + slack);
      // The bounds are reached, or the range would be too narrow.
      expect(high).toBeGreaterThan((wanted.maximum as number) - 0.1 * stddev);
    },
  );

  it.each(
    cases
      .filter((each) => each.layer !== undefined && findLayerClass(each.layer) !== undefined)
      .map((each) => [each.name, each] as const),
  )('%s', (_name, each) => {
    const layer = layerFromConfig(each.layer as string, each.args as LayerConfig);
    layer.ensureBuilt([each.input_shape]);
    expect(layer.weights.map(({ name, shape, trainable }) => ({ name, shape, trainable }))).toEqual(each.weights);
    expect(layer.countParams()).toBe(each.parameters);
  });
});

function checkOrthogonal(values: Float32Array, { matrix, orthogonal, inner_product: length }: Expectation): void {
  const [rows, columns] = matrix as [number, number];
  const count = orthogonal === 'rows' ? rows : columns;
  const at = (i: number, k: number): number =>
    values[orthogonal === 'rows' ? i * columns + k : k * columns + i] as number;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0;
      for (let k = 0; k < (rows * columns) / count; k++) product += at(i, k) * at(j, k);
      expect(product).toBeCloseTo(i === j ? (length as number) : 0, 5);
    }
  }
}

describe('initializers', () => {
  const draw = (like: InitializerLike, shape: Shape = [4, 4]): Float32Array => makeInitializer(like).values(shape);

  it('repeat after setRandomSeed, with another stream for every weight', () => {
    setRandomSeed(7);
    const [first, second] = [draw('glorotUniform'), draw('glorotUniform')];
    const seed = drawSeed();
    expect(first).not.toEqual(second);
    setRandomSeed(7);
    expect([draw('glorotUniform'), draw('glorotUniform')]).toEqual([first, second]);
    expect(drawSeed()).toBe(seed);
    setRandomSeed(8);
    expect(draw('glorotUniform')).not.toEqual(first);
  });

  it('draw the same numbers from a seed of their own', () => {
    setRandomSeed(1);
    const seeded = glorotUniform({ seed: 3 });
    expect(seeded.values([4, 4])).toEqual(seeded.values([4, 4]));
    expect(seeded.values([4, 4])).toEqual(initializerFromConfig(serializeInitializer(seeded)).values([4, 4]));
  });

  it('fill variables of any dtype', () => {
    const variable = Variable.from(new Uint16Array(2), [2], 'bfloat16');
    makeInitializer(constant(1.5)).fill(variable);
    expect([...(variable.tensor.storage?.host ?? [])]).toEqual([0x3fc0, 0x3fc0]);
  });

  it('take functions, which must fill the weight and cannot be saved', () => {
    const variable = Variable.from(new Float32Array(3), [3], 'float32', { name: 'bias' });
    const short = makeInitializer(() => new Float32Array(2));
    expect(() => short.fill(variable)).toThrow('initializer: gave 2 values for weight "bias" of shape [3].');
    expect(() => short.getConfig()).toThrow(
      'initializer: a function given as an initializer cannot be saved.\n  Use one of fovea.initializers, or set the weights after loading.',
    );
  });

  it('are read in every spelling and written in Keras 3 form', () => {
    for (const name of ['heNormal', 'he_normal', 'HeNormal', { class_name: 'HeNormal', config: { seed: null } }]) {
      expect(serializeInitializer(initializerFromConfig(name))).toEqual({
        module: 'keras.initializers',
        class_name: 'HeNormal',
        config: { seed: null, input_axes: null, output_axes: null },
        registered_name: null,
      });
    }
  });

  it('refuse unknown names', () => {
    expect(() => makeInitializer('glorotUnifrom' as InitializerLike)).toThrow(
      'initializer: unknown initializer "glorotUnifrom"; did you mean "glorotUniform"?',
    );
    expect(() => draw('identity', [3])).toThrow(
      'Identity: needs a weight with two axes; got [3].\n  Use another initializer for it.',
    );
  });
});
