// `zoo.create(name).classify(picture)`: where weights and names come from when nobody gave them. The server is a function of
// the test's own.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { imagenetClasses } from '../../src/data/imagenet.js';
import { hostArray, zoo } from '../../src/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-zoo-classify-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tiny = { alpha: 0.25, inputShape: [96, 96, 3] } as const;
const grey = hostArray(new Uint8Array(3 * 100).fill(128), [10, 10, 3]);

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

/** A data folder with names of classes, and a cache that is empty. */
async function placesFor(name: string): Promise<{ dataFolder: string; cacheFolder: string }> {
  const dataFolder = join(folder, name, 'data');
  await mkdir(join(dataFolder, 'imagenet-samples'), { recursive: true });
  const rows = Array.from({ length: 1000 }, (_, i) => `${i}\tn${i}\tclass_${i}`);
  await writeFile(join(dataFolder, 'imagenet-samples/classes_1000.tsv'), rows.join('\n'));
  return { dataFolder, cacheFolder: join(folder, name, 'cache') };
}

/** Serves the weights of a network that classifies everything as one class. */
async function serverOf(winner: number): Promise<{ asked: string[]; fetch: typeof fetch }> {
  const model = zoo.create('mobilenet', tiny);
  const bias = new Float32Array(1000);
  bias[winner] = 100;
  model.getLayer('conv_preds').weights[1]?.set(bias);
  const path = join(folder, `${winner}.weights.h5`);
  await model.saveWeights(path);
  const bytes = new Uint8Array(await readFile(path));
  const asked: string[] = [];
  return {
    asked,
    fetch: async (url) => {
      asked.push(String(url));
      return new Response(bytes.slice());
    },
  };
}

describe('published weights', () => {
  test('are fetched once where nobody set any', async () => {
    const { asked, fetch } = await serverOf(7);
    const progress: string[] = [];
    const download = {
      ...(await placesFor('once')),
      fetch,
      onProgress: ({ file }: { file: string }) => progress.push(file),
    };
    const model = zoo.create('mobilenet', tiny);
    expect(model.isUntrained).toBe(true);
    const [best] = await model.classify(grey, { download });
    expect(best?.label).toBe('class 7');
    expect(best?.probability).toBeGreaterThan(0.99);
    expect(model.isUntrained).toBe(false);
    await model.classify(grey, { download });
    const file = 'mobilenet_2_5_96_tf.h5';
    expect(asked).toEqual([`https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/${file}`]);
    expect(progress).toContain(file);
  });

  test('are left where weights were set', async () => {
    const { asked, fetch } = await serverOf(8);
    const download = { ...(await placesFor('set')), fetch };
    const model = zoo.create('mobilenet', tiny);
    const bias = new Float32Array(1000);
    bias[3] = 100;
    model.getLayer('conv_preds').weights[1]?.set(bias);
    expect((await model.classify(grey, { download }))[0]?.label).toBe('class 3');
    expect(asked).toEqual([]);
  });

  test('are fetched for a network that has only predicted so far, not for one that was trained', async () => {
    const { asked, fetch } = await serverOf(9);
    const download = { ...(await placesFor('predicted')), fetch };
    const model = zoo.create('mobilenet', tiny);
    const x = hostArray(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]);
    await model.predict(x);
    expect(model.isUntrained).toBe(true);
    model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
    await model.fit(x, hostArray(Int32Array.of(4)), { verbose: 0 });
    expect(model.isUntrained).toBe(false);
    await model.classify(grey, { download });
    expect(asked).toEqual([]);
  });

  test('that are not there: the error says what to do', async () => {
    const download = { ...(await placesFor('offline')), fetch: async () => Promise.reject(new Error('offline')) };
    const offline = await messageOf(zoo.create('resnet50').classify(grey, { download }));
    expect(offline).toContain('resnet50_weights_tf_dim_ordering_tf_kernels.h5 is not on this machine');
    expect(offline).toContain('imagenet-weights');
    const none = await messageOf(zoo.create('mobilenet', { alpha: 0.3 }).classify(grey, { download }));
    expect(none).toContain('there are no published weights for mobilenet with these options');
    const classes = await messageOf(zoo.create('mobilenet', { classes: 5 }).classify(grey, { download }));
    expect(classes).toContain('the published weights of mobilenet tell 1000 classes apart, not 5');
  });
});

describe('names of classes', () => {
  const index = JSON.stringify(
    Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, [`n${i}`, `some_class_${i}`]])),
  );

  test("come from Keras's file", async () => {
    const asked: string[] = [];
    const fetch = async (url: string | URL | Request): Promise<Response> => {
      asked.push(String(url));
      return new Response(index);
    };
    const places = { dataFolder: join(folder, 'none'), cacheFolder: join(folder, 'names') };
    const wrong = await messageOf(imagenetClasses({ ...places, fetch }));
    expect(wrong).toContain('c2c37ea517e94d9795004a39431a14cb');
    const { names, ids } = await imagenetClasses({ ...places, fetch, verify: false });
    expect([names[7], ids[7], names.length]).toEqual(['some class 7', 'n7', 1000]);
    expect(asked.at(-1)).toBe('https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json');
  });

  test('a damaged file is named', async () => {
    const dataFolder = join(folder, 'damaged');
    await mkdir(join(dataFolder, 'imagenet-weights'), { recursive: true });
    const path = join(dataFolder, 'imagenet-weights/imagenet_class_index.json');
    await writeFile(path, index.slice(0, 500));
    expect(await messageOf(imagenetClasses({ dataFolder }))).toContain(
      `${path} does not hold an object of 1000 pairs of id and name.`,
    );
  });

  test('are put to predictions', async () => {
    const { dataFolder } = await placesFor('decode');
    const data = new Float32Array(2000);
    data[5] = 0.9;
    data[6] = 0.1;
    data[1999] = 1;
    const [first, second] = await zoo.decodePredictions(
      { data, shape: [2, 1000] },
      { top: 2, download: { dataFolder } },
    );
    expect(first).toEqual([
      { label: 'class 5', id: 'n5', index: 5, probability: Math.fround(0.9) },
      { label: 'class 6', id: 'n6', index: 6, probability: Math.fround(0.1) },
    ]);
    expect(second?.[0]).toEqual({ label: 'class 999', id: 'n999', index: 999, probability: 1 });
    const labels = ['a', 'b'];
    expect(await zoo.decodePredictions({ data: [0.5, 0.5], shape: [1, 2] }, { labels })).toEqual([
      [
        { label: 'a', index: 0, probability: 0.5 },
        { label: 'b', index: 1, probability: 0.5 },
      ],
    ]);
    expect(await messageOf(zoo.decodePredictions({ data, shape: [2, 1000] }, { labels }))).toContain(
      'zoo.decodePredictions: predictions must be [n,2], a column for each class; got [2,1000].',
    );
  });
});

const data = process.env.FOVEA_DATA ?? '';
const weights = join(data, 'weights/mobilenet-v1-0.25-tfjs/model.json');
const samples = join(data, 'imagenet-samples');
test.skipIf(data === '' || !existsSync(weights) || !existsSync(samples))(
  'a hundred photos with published weights: about 61 right at first, 82 among five',
  { timeout: 120_000 },
  async () => {
    const model = await zoo.create('mobilenet', { alpha: 0.25, weights });
    const { ids } = await imagenetClasses({ dataFolder: data });
    const names = (await readdir(samples)).filter((name) => name.endsWith('.JPEG')).sort();
    const all = await model.classify(names.map((name) => join(samples, name)));
    const truths = names.map((name) => ids.indexOf(name.split('_')[0] as string));
    const right = (top: number): number =>
      all.filter(({ guesses }, i) => guesses.slice(0, top).some(({ index }) => index === truths[i])).length;
    expect(all.every(({ problem }) => problem === undefined)).toBe(true);
    // Give or take 3, by the resizing.
    expect(Math.abs(right(1) - 61)).toBeLessThanOrEqual(3);
    expect(Math.abs(right(5) - 82)).toBeLessThanOrEqual(3);
  },
);
