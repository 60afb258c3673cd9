// Finding and making networks by name, and where their weights come from. The server is a function of the test's own.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeModelConfig, parseModelConfig } from '../../src/formats/keras-config.js';
import { hostArray, type Layer, zoo } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { configOfModel, modelFromConfig } from '../../src/nn/model-config.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-zoo-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tiny = { alpha: 0.25, inputShape: [96, 96, 3] } as const;

async function messageOf(promise: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof promise === 'function' ? promise() : promise);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

describe('names', () => {
  test('are listed from the smallest, and by parameters', () => {
    const all = zoo.list();
    expect(all.length).toBe(Object.keys(zoo.architectures).length);
    const sizes = all.map((name) => zoo.architectures[name]?.parameters as number);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    expect(zoo.list({ maxParams: 1e6 })).toEqual([
      'lenet5-1998',
      'lenet5',
      'mnist-convnet',
      'lecture-dense',
      'mnist-dense',
      'mnist-lab',
    ]);
    expect(zoo.list({ task: 'classification', maxParams: 1 })).toEqual([]);
  });

  test('are found in any spelling, and the nearest is suggested', async () => {
    expect(zoo.create('ResNet-18', { inputShape: [32, 32, 3], classes: 2 }).outputShape).toEqual([null, 2]);
    const message = await messageOf(() => zoo.create('resnet81'));
    expect(message).toContain('zoo.create: there is no architecture "resnet81"; did you mean "resnet');
    expect(message).toContain('squeezenet1_1: SqueezeNet at less than half the cost');
  });

  test('tell how many parameters the network has', () => {
    // Cheap: weights are drawn only when somebody reads them.
    for (const name of zoo.list({ maxParams: 30e6 })) {
      const entry = zoo.architectures[name] as zoo.ZooEntry;
      const model = entry.make({});
      const statistics = model.weights.filter((weight) => weight.name.startsWith('moving_'));
      const left = entry.form === 'torchvision' ? statistics.reduce((sum, { size }) => sum + size, 0) : 0;
      expect([name, model.countParams() - left]).toEqual([name, entry.parameters]);
    }
  }, 60_000);

  test('every file has a checksum, but for those of MobileNet', () => {
    const without = Object.entries(zoo.architectures).filter(([, { weights }]) => {
      const files = weights?.({});
      return files !== undefined && [files.top, files.noTop].some(({ md5, sha256 }) => !md5 && !sha256);
    });
    expect(without.map(([name]) => name)).toEqual(['mobilenet', 'mobilenet_v2']);
    expect(zoo.architectures['torchvision/resnet50']?.weights?.({})?.top).toEqual({
      name: 'resnet50-0676ba61.pth',
      sha256: '0676ba61',
    });
    const licensed = Object.values(zoo.architectures).filter(({ weights }) => weights !== undefined);
    expect(licensed.every(({ licence, paper }) => licence !== undefined && paper !== undefined)).toBe(true);
  });
});

// Hundreds of layers are slow to make: the larger networks have their turn at night.
const LAYERS_OF_OURS: Readonly<Record<string, string>> = {
  'alexnet-2012': 'LocalResponseNormalization',
  'googlenet-2014': 'LocalResponseNormalization',
};
const configured = zoo.list(process.env.FOVEA_NIGHTLY === '1' ? {} : { maxParams: 20e6 });
test.each(configured)('the config of %s makes the same network', (name) => {
  const model = zoo.create(name);
  const again = modelFromConfig(parseModelConfig(makeModelConfig(configOfModel(model))));
  const linesOf = (each: TrainableModel): string[] =>
    each.layers.map((layer) =>
      [layer.className, layer.name, ...layer.weights.map(({ shape }) => shape.join('x'))].join(' '),
    );
  expect(linesOf(again)).toEqual(linesOf(model));
  expect(again.outputShape).toEqual(model.outputShape);
  const classes = again.layers.map((layer) => layer.constructor as typeof Layer);
  const ours = classes.filter(({ module }) => !module.startsWith('keras')).map(({ className }) => className);
  expect([...new Set(ours)].join(), 'layers that Keras has not').toBe(LAYERS_OF_OURS[name] ?? '');
});

test('ShuffleNet takes pictures of any size, or of one in layers that Keras has, and computes the same', async () => {
  const options = { includeTop: false, pooling: 'avg' } as const;
  const open = zoo.torchvision.shufflenetV2x05(options);
  const known = zoo.torchvision.shufflenetV2x05({ ...options, inputShape: [38, 45, 3] });
  known.setWeights(await open.getWeights());
  const x = Float32Array.from({ length: 38 * 45 * 3 }, (_, i) => Math.sin(i * i));
  const [one, other] = await Promise.all([open, known].map((model) => model.predict(hostArray(x, [1, 38, 45, 3]))));
  expect(other?.data).toEqual(one?.data);
  expect(new Set(other?.data).size).toBeGreaterThan(100);
  const classesOf = (model: TrainableModel): Set<string> => new Set(model.layers.map(({ className }) => className));
  expect([open, known].map((model) => classesOf(model).has('ChannelShuffle'))).toEqual([true, false]);
});

test('pictures that are too small are refused', async () => {
  expect(await messageOf(() => zoo.create('xception', { inputShape: [64, 64, 3] }))).toBe(
    'xception: pictures must be [height,width,channels] of at least 71x71; got inputShape [64,64,3].\n' +
      '  Give inputShape [299, 299, 3], or leave it out.',
  );
});

describe('weights', () => {
  test('come from a file', async () => {
    const path = join(folder, 'tiny.weights.h5');
    const model = zoo.create('mobilenet', { ...tiny, classes: 3 });
    await model.saveWeights(path);
    const again = await zoo.create('mobilenet', { ...tiny, classes: 3, weights: path });
    expect(await again.weights[0]?.elements()).toEqual(await model.weights[0]?.elements());
    expect(await messageOf(async () => zoo.create('mobilenet', { ...tiny, classes: 4, weights: path }))).toContain(
      'the weights do not fit the model',
    );
  });

  test('are fetched once, and kept', async () => {
    const path = join(folder, 'served.weights.h5');
    const model = zoo.create('mobilenet', { ...tiny, includeTop: false });
    await model.saveWeights(path);
    const bytes = await readFile(path);
    const asked: string[] = [];
    const fetch = async (url: string | URL | Request): Promise<Response> => {
      asked.push(String(url));
      return new Response(new Uint8Array(bytes));
    };
    const download = { cacheFolder: join(folder, 'cache'), dataFolder: join(folder, 'none'), fetch };
    const options = { ...tiny, includeTop: false, weights: 'imagenet', download } as const;
    for (let i = 0; i < 2; i++) {
      const fetched = await zoo.create('mobilenet', options);
      expect(await fetched.weights.at(-1)?.elements()).toEqual(await model.weights.at(-1)?.elements());
    }
    expect(asked).toEqual([
      'https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet_2_5_96_tf_no_top.h5',
    ]);
    expect(await readdir(join(folder, 'cache/datasets/imagenet-weights'))).toEqual(['mobilenet_2_5_96_tf_no_top.h5']);
  });

  test('that are damaged, missing or of other classes are refused', async () => {
    const fetch = async (): Promise<Response> => new Response(new Uint8Array([1, 2, 3]));
    const download = { cacheFolder: join(folder, 'other'), dataFolder: join(folder, 'none'), fetch };
    const damaged = await messageOf(async () => zoo.create('resnet50', { weights: 'imagenet', download }));
    expect(damaged).toContain('2cb95161c43110f7111970584f804107');
    expect(await readdir(join(folder, 'other/datasets/imagenet-weights')).catch(() => [])).toEqual([]);
    expect(await messageOf(async () => zoo.create('resnet50', { weights: 'imagenet', classes: 5, download }))).toBe(
      'zoo.create: the published weights of resnet50 tell 1000 classes apart, not 5.\n' +
        '  Pass includeTop: false and put a classifier of your own on top.',
    );
    expect(
      await messageOf(async () => zoo.create('mobilenet', { alpha: 0.3, weights: 'imagenet', download })),
    ).toContain('there are no published weights for mobilenet with these options');
  });
});
