// Augmentation layers: where nothing is left to chance, against Keras's results and configs (augmentation-keras.json);
// what is left to chance by its seed and its spread over a batch. What goes along: augmentation-companions.test.ts.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import { topological } from '../../src/graph/interpret.js';
import { storageOp } from '../../src/graph/node.js';
import type { NestedArray } from '../../src/graph/tensor.js';
import { add, concat, layers, models, randomKey, setRandomSeed, tensor, transpose, zeros } from '../../src/index.js';
import { type Draws, drawsFor, eagerContext, type Plan } from '../../src/nn/augmentation/base.js';
import type { BatchSize } from '../../src/nn/augmentation/data.js';
import { beta } from '../../src/nn/augmentation/mixing.js';
import type { Layer } from '../../src/nn/layer.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { findVariants } from '../engine/variants.js';
import { pictures, values } from './augmentation-pictures.js';
import { expectClose } from './golden.js';

interface KerasCase {
  readonly name: string;
  readonly class: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly range?: number;
  readonly shape?: readonly number[];
  readonly output?: readonly number[];
}

/** What Keras makes of given draws, in the order in which a layer asks for them. */
interface DrawnCase {
  readonly name: string;
  readonly class: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly draws: readonly NestedArray[];
  readonly range: number;
  readonly output: readonly number[];
}

const { cases, drawn } = JSON.parse(readFileSync(new URL('augmentation-keras.json', import.meta.url), 'utf8')) as {
  cases: KerasCase[];
  drawn: DrawnCase[];
};
const { variants } = await findVariants();
const engines = [...new Set(variants.map(({ engine }) => engine))];

type Augmenting = layers.Augmenting;
const make = ({ class: name, args }: KerasCase): Augmenting =>
  layerFromConfig(name, { ...args, name: 'one' }) as unknown as Augmenting;

describe('without chance', () => {
  const fixed = cases.filter(({ output }) => output !== undefined);

  test.each(fixed.map((each) => [each.name, each] as const))('%s is as in Keras', async (_, each) => {
    const got = make(each).transform(pictures(each.range));
    expect(got.shape).toEqual(each.shape);
    // The figures have six digits.
    expectClose(await values(got), each.output as number[], 1e-5, each.name);
  });

  test.each(fixed.map((each) => [each.name, each] as const))('%s channels first', async (_, each) => {
    const first = layerFromConfig(each.class, { ...each.args, data_format: 'channels_first' }) as unknown as Augmenting;
    const got = first.transform(transpose(pictures(each.range), [0, 3, 1, 2]));
    expectClose(await values(transpose(got, [0, 2, 3, 1])), each.output as number[], 1e-5, each.name);
  });

  test.each(drawn.map((each) => [each.name, each] as const))('%s with given draws is as in Keras', async (_, each) => {
    const layer = layerFromConfig(each.class, each.args) as unknown as {
      plan(size: BatchSize, draws: Draws): Plan;
    };
    const left = [...each.draws];
    const draws: Draws = {
      uniform(shape) {
        const given = tensor(left.shift() as NestedArray);
        expect(given.shape).toEqual(shape);
        return given;
      },
      normal: () => expect.fail('no normal numbers are drawn'),
      streams: () => expect.fail('no field is drawn'),
    };
    const plan = layer.plan({ n: 2, height: 4, width: 5, channels: 3 }, draws);
    expect(left).toEqual([]);
    expectClose(await values(plan.images(pictures(each.range))), each.output, 1e-5, each.name);
  });

  test.each(cases.map((each) => [each.name, each] as const))('%s: configs go both ways', (name, each) => {
    if (each.class === 'Pipeline') return expect(name).toBe('Pipeline config');
    const layer = make(each) as unknown as Layer;
    const config = layer.getConfig();
    // A number f stands as it was given.
    const shear = each.class === 'RandomShear' ? { x_factor: each.args.x_factor, y_factor: each.args.y_factor } : {};
    expect(config).toEqual({ ...each.config, ...shear });
    const again = layerFromConfig(each.class, { ...each.config, name: 'again' });
    expect({ ...again.getConfig(), ...shear }).toEqual({ ...each.config, ...shear });
  });
});

/** Every layer, with strengths that leave no picture as it is. */
const ALL: readonly (readonly [string, () => Augmenting])[] = [
  ['randomFlip', () => layers.randomFlip()],
  ['randomRotation', () => layers.randomRotation({ factor: 0.3 })],
  ['randomTranslation', () => layers.randomTranslation({ heightFactor: 0.4, widthFactor: 0.4 })],
  ['randomZoom', () => layers.randomZoom({ heightFactor: 0.5, widthFactor: 0.5 })],
  ['randomShear', () => layers.randomShear({ xFactor: 0.5, yFactor: 0.2 })],
  ['randomPerspective', () => layers.randomPerspective({ factor: [1, 1] })],
  ['randomElasticTransform', () => layers.randomElasticTransform({ factor: [1, 1], scale: [0.8, 1] })],
  ['randomCrop', () => layers.randomCrop({ height: 5, width: 6 })],
  ['randomContrast', () => layers.randomContrast({ factor: 0.8 })],
  ['randomBrightness', () => layers.randomBrightness({ factor: 0.4 })],
  ['randomSaturation', () => layers.randomSaturation({ factor: [0.1, 0.9] })],
  ['randomHue', () => layers.randomHue({ factor: 0.8 })],
  ['randomColorJitter', () => layers.randomColorJitter({ brightnessFactor: 0.2, contrastFactor: 0.3, hueFactor: 0.4 })],
  ['randomColorDegeneration', () => layers.randomColorDegeneration({ factor: [0.2, 1] })],
  ['randomGrayscale', () => layers.randomGrayscale()],
  ['randomPosterization', () => layers.randomPosterization({ factor: [1, 7] })],
  ['solarization', () => layers.solarization({ additionFactor: 0.3, thresholdFactor: 0.8 })],
  ['randomInvert', () => layers.randomInvert()],
  ['randomSharpness', () => layers.randomSharpness({ factor: [0, 1] })],
  ['randomGaussianBlur', () => layers.randomGaussianBlur({ factor: [1, 1], kernelSize: 5, sigma: [0.3, 1] })],
  ['randomErasing', () => layers.randomErasing({ factor: [1, 1] })],
  ['randomPCAColor', () => layers.randomPCAColor({ stddev: 0.5 })],
  ['randAugment', () => layers.randAugment()],
  ['augMix', () => layers.augMix()],
  ['mixUp', () => layers.mixUp({ alpha: 1 })],
  ['cutMix', () => layers.cutMix()],
  ['pipeline', () => layers.pipeline([layers.randomFlip(), layers.randomRotation({ factor: 0.1 })])],
];

describe('by chance', () => {
  const x = pictures(255, [12, 9, 10, 3]);

  test.each(ALL)('%s follows its key, call by call', async (_, layer) => {
    const one = layer();
    const first = await values(one.transform(x, { key: 3 }));
    expect(await values(one.transform(x, { key: 3 }))).toEqual(first);
    expect(await values(layer().transform(x, { key: randomKey(3, 0) }))).toEqual(first);
    const others = await values(one.transform(x, { key: randomKey(3, 1) }));
    expect(others).not.toEqual(first);
    expect(first.every(Number.isFinite)).toBe(true);
    setRandomSeed(8);
    const drawn = await values(layer().transform(x));
    expect(await values(layer().transform(x))).not.toEqual(drawn);
    setRandomSeed(8);
    expect(await values(layer().transform(x))).toEqual(drawn);
  });

  test.each(ALL)('%s changes the pictures of a batch differently, and none in inference', async (name, layer) => {
    const one = pictures(255, [1, 9, 10, 3]);
    const same = concat(Array.from({ length: 12 }, () => one));
    const changed = layer().transform(same, { key: 1 });
    const size = changed.size / 12;
    const all = await values(changed);
    const kinds = new Set(Array.from({ length: 12 }, (_, i) => all.slice(i * size, (i + 1) * size).join()));
    // Two pictures mixed with each other are no news where all are equal.
    expect(kinds.size, name).toBeGreaterThan(name === 'mixUp' || name === 'cutMix' ? 0 : 1);
    if (name === 'randomCrop') return;
    expect(await values(layer().transform(same, { training: false }))).toEqual(await values(same));
  });

  test('a seed goes on from call to call, whatever the global one', async () => {
    const layer = (): Augmenting => layers.randomBrightness({ factor: 0.5, seed: 4 });
    const one = layer();
    const [first, second] = [await values(one.transform(x)), await values(one.transform(x))];
    expect(second).not.toEqual(first);
    setRandomSeed(99);
    const again = layer();
    expect(await values(again.transform(x))).toEqual(first);
    expect(await values(again.transform(x))).toEqual(second);
    // A key of its own step takes its place, the seed stays.
    expect(await values(layer().transform(x, { key: randomKey(77, 1) }))).toEqual(second);
  });

  test('strengths spread evenly over their range', async () => {
    const black = zeros([2000, 1, 1, 1]);
    const layer = layers.randomBrightness({ factor: [0.2, 0.6], valueRange: [0, 1] });
    const drawn = await values(layer.transform(black, { key: 5 }));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0.2 - 1e-6);
    expect(Math.max(...drawn)).toBeLessThan(0.6);
    for (let part = 0; part < 4; part++) {
      const [low, high] = [0.2 + part * 0.1, 0.3 + part * 0.1];
      // 500 wanted, deviation 19.4.
      const found = drawn.filter((each) => each >= low && each < high).length;
      expect(Math.abs(found - 500)).toBeLessThan(100);
    }
  });

  test('half of the pictures are mirrored, and each way by itself', async () => {
    const one = tensor([1, 2, 3, 4], { shape: [1, 2, 2, 1] });
    const same = concat(Array.from({ length: 2000 }, () => one));
    const all = await values(layers.randomFlip().transform(same, { key: 9 }));
    const count = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const kind = all.slice(4 * i, 4 * i + 4).join('');
      count.set(kind, (count.get(kind) ?? 0) + 1);
    }
    expect([...count.keys()].sort()).toEqual(['1234', '2143', '3412', '4321']);
    for (const each of count.values()) expect(Math.abs(each - 500)).toBeLessThan(100);
  });

  test('posterization draws up to but without the higher number of bits', async () => {
    const grey = add(zeros([600, 1, 1, 1]), 255);
    const all = await values(layers.randomPosterization({ factor: [2, 4] }).transform(grey, { key: 2 }));
    expect(new Set(all)).toEqual(new Set([192, 224]));
  });

  test('shares of mixtures are beta distributed', async () => {
    const n = 4000;
    for (const alpha of [0.2, 1, 3]) {
      const draws = drawsFor(
        null,
        eagerContext({ key: 6 }, () => randomKey(0)),
      );
      const shares = await values(beta(draws, n, alpha));
      const average = shares.reduce((total, each) => total + each) / n;
      const variance = shares.reduce((total, each) => total + (each - 0.5) ** 2, 0) / n;
      const wanted = 1 / (4 * (2 * alpha + 1));
      expect(Math.abs(average - 0.5), `alpha ${alpha}`).toBeLessThan(4 * Math.sqrt(wanted / n));
      expect(Math.abs(variance - wanted) / wanted, `alpha ${alpha}`).toBeLessThan(0.08);
      expect(shares.every((each) => each >= 0 && each <= 1)).toBe(true);
    }
  });
});

describe('on engines', () => {
  /** What each layer makes of the same pictures, by engine. */
  const results = new Map<string, Float32Array[]>();
  beforeAll(async () => {
    const x = pictures(255, [3, 9, 10, 3]);
    for (const engine of engines) {
      await setEngine(engine, { threads: 2 });
      const all: Float32Array[] = [];
      for (const [, layer] of ALL) all.push((await layer().transform(x, { key: 12 }).data()) as Float32Array);
      results.set(engine, all);
    }
    await setEngine('auto', { threads: 2 });
  }, 120_000);
  afterAll(() => disposeEngine());

  test.skipIf(engines.length < 2).each(ALL.map(([name], i) => [name, i] as const))(
    '%s draws the same on all',
    (_, i) => {
      const [first, second] = engines.map((engine) => results.get(engine)?.[i]) as [Float32Array, Float32Array];
      expectClose(second, first, 2e-4, 'wasm against native');
    },
  );

  // A pipeline has no dtype of its own.
  const single = ALL.filter(([name]) => name !== 'pipeline');
  test.each(single)('%s computes in bfloat16 where the policy says so', async (name, layer) => {
    const one = layer() as unknown as Layer;
    const mixed = layerFromConfig(one.className, { ...one.config, name: 'mixed', dtype: 'mixed_bfloat16' });
    const x = pictures(1, [3, 9, 10, 3]);
    const got = (mixed as unknown as Augmenting).transform(x, { key: 12 });
    expect(got.dtype, name).toBe('bfloat16');
    expect((await got.data()).every(Number.isFinite), name).toBe(true);
  });

  test.each([1, randomKey(3)])('a key is data, so that the next one runs the same program', (key) => {
    const changed = layers.randomRotation({ factor: 0.3 }).transform(zeros([3, 9, 10, 3]), { key });
    const keys = topological([changed]).filter(({ types: [type] }) => type?.dtype === 'int32' && type.shape[0] === 4);
    expect(keys.map(({ op }) => op.name)).toEqual([storageOp.name]);
  });

  test('train inside a model, and rest in its predictions', async () => {
    setRandomSeed(2);
    const model = models.sequential([
      layers.input([8, 8, 3]),
      layers.randomFlip({ mode: 'horizontal' }),
      layers.randomRotation({ factor: 0.1 }),
      layers.randomCrop({ height: 6, width: 6 }),
      layers.randomContrast({ factor: 0.3, valueRange: [0, 1] }),
      layers.mixUp(),
      layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }),
      layers.globalAveragePooling2d(),
      layers.dense({ units: 2, activation: 'softmax' }),
    ]);
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
    const x = pictures(1, [16, 8, 8, 3]);
    const y = tensor(Int32Array.from({ length: 16 }, (_, i) => i % 2));
    const before = await model.predict(x);
    expect((await model.predict(x)).data).toEqual(before.data);
    const history = await model.fit((await x.array()) as never, await y.data(), {
      epochs: 2,
      batchSize: 8,
      verbose: 0,
    });
    expect(history.history.loss?.every(Number.isFinite)).toBe(true);
  });
});

describe('options', () => {
  test('are checked by name', () => {
    expect(() => layers.randomRotation({ factor: 2 })).toThrow(
      'RandomRotation: factor must be a number from -1 to 1, or two of them; got 2.',
    );
    expect(() => layers.randomZoom({ heightFactor: -1 })).toThrow(
      'RandomZoom: heightFactor must be a number from -1 to 1 (without -1), or two of them; got -1.',
    );
    expect(() => layers.randomShear({ xFactor: -0.1 })).toThrow(
      'RandomShear: xFactor must be a number from 0 to 1, or two of them; got -0.1.',
    );
    expect(() => layers.randomTranslation({ heightFactor: [0, 3], widthFactor: 0 })).toThrow(
      'RandomTranslation: heightFactor must be a number from -1 to 1, or two of them; got [0,3].',
    );
    expect(() => layers.randomBrightness({ factor: 0.1, valueRange: [1, 1] })).toThrow(
      'RandomBrightness: valueRange must be two different numbers; got [1,1].',
    );
    expect(() => layers.randomGaussianBlur({ kernelSize: 4 })).toThrow(
      'RandomGaussianBlur: kernelSize must be an odd number, or two of them; got 4.',
    );
    expect(() => layers.randomErasing({ fillValue: 'red' as never })).toThrow(
      'RandomErasing: fillValue must be a number, one number per channel, or null for noise; got "red".',
    );
    expect(() => layers.randomFlip({ mode: 'sideways' as never })).toThrow(/^RandomFlip: mode must be 'horizontal' or/);
    expect(() => layers.pipeline([1 as never])).toThrow('Pipeline: layers must be a list of layers; got [1].');
    expect(() => layers.randomPCAColor({ eigenvalues: [1, 2] })).toThrow(
      'RandomPCAColor: eigenvalues must be three numbers of at least 0; got [1,2].',
    );
  });

  test('of a pipeline go through files, layers and all', () => {
    const layer = layers.pipeline({
      name: 'p',
      layers: [layers.randomFlip({ name: 'a', seed: 3 }), layers.rescaling({ scale: 0.5, name: 'b' })],
    });
    const keras = cases.find((each) => each.class === 'Pipeline') as KerasCase;
    const again = layerFromConfig('Pipeline', keras.config) as unknown as { layers: readonly Layer[] };
    expect(again.layers.map((each) => [each.className, each.name])).toEqual([
      ['RandomFlip', 'a'],
      ['Rescaling', 'b'],
    ]);
    const own = layerFromConfig('Pipeline', layer.config) as unknown as { config: unknown };
    expect(own.config).toEqual(layer.config);
    expect(Object.keys(keras.config).sort()).toEqual(Object.keys(layer.config).sort());
  });
});

describe('colour directions', () => {
  test('of a cloud of colours are its axes', async () => {
    // Along (3, 4, 0)/5 with deviation 50, across with 10, blue with 2.
    const cloud = [-1, 1].flatMap((a) =>
      [-1, 1].flatMap((b) =>
        [-1, 1].map((c) => [128 + 0.6 * 50 * a - 0.8 * 10 * b, 128 + 0.8 * 50 * a + 0.6 * 10 * b, 128 + 2 * c]),
      ),
    );
    const { eigenvalues, eigenvectors } = await layers.colorDirections(tensor([cloud]));
    [2500, 100, 4].forEach((want, i) => {
      expect((eigenvalues[i] as number) * 255 ** 2).toBeCloseTo(want, 1);
    });
    const column = (i: number): number[] => eigenvectors.map((row) => Math.abs(row[i] as number));
    [
      [0.6, 0.8, 0],
      [0.8, 0.6, 0],
      [0, 0, 1],
    ].forEach((want, i) => {
      column(i).forEach((each, j) => {
        expect(each).toBeCloseTo(want[j] as number, 4);
      });
    });
    const shifted = layers
      .randomPCAColor({ stddev: 1, eigenvalues: [0.1, 0, 0], eigenvectors, valueRange: [-1000, 1000] })
      .transform(zeros([3, 2, 2, 3]), { key: 1 });
    const colors = await values(shifted);
    for (let i = 0; i < 12; i++) {
      const [red, green, blue] = colors.slice(3 * i, 3 * i + 3) as [number, number, number];
      expect(red / green).toBeCloseTo(0.75, 3);
      expect(Math.abs(blue)).toBeLessThan(1e-3 * Math.abs(red));
    }
  });
});

describe('cropping', () => {
  test('in inference takes the middle in the proportions that are asked for', async () => {
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      { shape: [4, 6, 1] },
    );
    const layer = layers.randomCrop({ height: 4, width: 4 });
    expect(await values(layer.transform(x, { training: false }))).toEqual([
      1, 2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 16, 19, 20, 21, 22,
    ]);
    const small = layers.randomCrop({ height: 2, width: 2 });
    const cut = await values(small.transform(x, { key: 3 }));
    expect((cut[1] as number) - (cut[0] as number)).toBe(1);
    expect((cut[2] as number) - (cut[0] as number)).toBe(6);
  });
});
