// Networks as their papers have them: counts that the papers and later readers state, and what is particular to each.
import { describe, expect, test } from 'vitest';
import '../../src/engine/install.js';
import { hostArray, zoo } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';

const { classics } = zoo;
const count = (model: TrainableModel): number => model.countParams();

test.each<[string, () => TrainableModel, number]>([
  ['LeNet-5', () => classics.lenet5(), 61_706],
  ['LeNet-5 of 1998', () => classics.lenet5({ sparse: true }), 60_000 + 840],
  ['AlexNet', () => classics.alexnet(), 60_965_224],
  ['AlexNet in one column', () => classics.alexnet({ grouped: false }), 62_378_344],
  ['AlexNet by name', () => zoo.create('alexnet-2012', { grouped: false }), 62_378_344],
  ['network in network', () => classics.networkInNetwork(), 7_595_176],
  ['GoogLeNet', () => classics.googlenet(), 6_998_552],
  ['GoogLeNet with both heads', () => zoo.create('googlenet-2014', { auxLogits: true }), 13_378_280],
  ['Darknet-19', () => classics.darknet19(), 20_856_776],
  ['Darknet-53', () => classics.darknet53(), 41_645_640],
])('%s', (_name, make, parameters) => {
  expect(count(make())).toBe(parameters);
});

describe('LeNet-5 of 1998', () => {
  const model = classics.lenet5({ sparse: true });

  test('trains 60,000 of its parameters', () => {
    expect(model.trainableWeights.reduce((sum, { size }) => sum + size, 0)).toBe(60_000);
    expect(model.getLayer('digits').trainable).toBe(false);
  });

  test('the maps of C3 see those of table I', () => {
    const seen = Array.from({ length: 16 }, (_, map) => {
      const inputs = model.getLayer(`c3_${map}_sees`).calls[0]?.inputs ?? [];
      return inputs
        .map(({ source }) => Number(/s2_(\d)/.exec(source?.call.layer.name ?? '')?.[1]))
        .sort((a, b) => a - b);
    });
    expect(seen.map((maps) => maps.join(''))).toEqual([
      '012',
      '123',
      '234',
      '345',
      '045',
      '015',
      '0123',
      '1234',
      '2345',
      '0345',
      '0145',
      '0125',
      '0134',
      '1245',
      '0235',
      '012345',
    ]);
  });

  test('the output falls with the distance to each drawn digit', async () => {
    const distance = new (await import('../../src/index.js')).models.Model({
      inputs: model.getLayer('digits').calls[0]?.inputs ?? [],
      outputs: model.outputs,
    });
    const digits = (await model.getLayer('digits').weights[0]?.elements()) as Float32Array;
    const x = new Float32Array(84 * 10);
    for (let digit = 0; digit < 10; digit++) {
      for (let cell = 0; cell < 84; cell++) x[84 * digit + cell] = digits[10 * cell + digit] as number;
    }
    const { data } = await distance.predict(hostArray(x, [10, 84]));
    // A drawn digit itself is at distance 0, all others at 4 for every cell that differs.
    for (let digit = 0; digit < 10; digit++) expect(data[11 * digit]).toBeGreaterThan(0.99);
    expect(new Set(digits)).toEqual(new Set([1, -1]));
  });

  test('has ten classes', () => {
    expect(() => classics.lenet5({ sparse: true, classes: 3 })).toThrow(
      "lenet5: the paper's output measures distances to ten digits; got 3 classes.",
    );
    expect(classics.lenet5({ classes: 3 }).outputShape).toEqual([null, 3]);
  });
});

test('without the top they give maps or vectors', async () => {
  const options = { includeTop: false, inputShape: [96, 96, 3], pooling: 'avg' } as const;
  expect(classics.alexnet(options).outputShape).toEqual([null, 256]);
  expect(classics.googlenet(options).outputShape).toEqual([null, 1024]);
  expect(classics.networkInNetwork(options).outputShape).toEqual([null, 384]);
  expect(classics.darknet53({ includeTop: false }).outputShape).toEqual([null, null, null, 1024]);
  const { data } = await classics
    .darknet19(options)
    .predict(hostArray(new Float32Array(96 * 96 * 3).fill(1), [1, 96, 96, 3]));
  expect(data).toHaveLength(1024);
  expect(data.every(Number.isFinite)).toBe(true);
});

describe('compound scaling', () => {
  test('0 is B0; more is deeper, wider, and for larger pictures', () => {
    const shapes = (model: TrainableModel): string => model.weights.map(({ shape }) => shape.join('x')).join();
    expect(shapes(zoo.efficientnet({ phi: 0 }))).toBe(shapes(zoo.efficientnetB0()));
    const [one, two] = [zoo.efficientnet({ phi: 1 }), zoo.efficientnet({ phi: 2 })];
    expect(one.inputShape).toEqual([null, 258, 258, 3]);
    expect(two.inputShape).toEqual([null, 296, 296, 3]);
    expect(two.layers.length).toBeGreaterThan(one.layers.length);
    // 1280 * 1.1 and * 1.21, to multiples of 8.
    expect([one, two].map((model) => model.layers.at(-1)?.weights[0]?.shape[0])).toEqual([1408, 1552]);
    expect(zoo.efficientnet({ phi: 1, alpha: 1, beta: 1, gamma: 1 }).countParams()).toBe(5_330_571);
  });

  test('refuses what is no factor', () => {
    expect(() => zoo.efficientnet({ phi: Number.NaN })).toThrow('efficientnet: phi must be a number; got NaN.');
    expect(() => zoo.efficientnet({ phi: 1, beta: 0 })).toThrow('efficientnet: beta must be above 0; got 0.');
  });
});
