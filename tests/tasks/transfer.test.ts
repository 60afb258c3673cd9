// Transfer learning: which way is chosen, how a base is cut and prepared, what trains and what stays, what is kept on disk,
// and that an interrupted run ends as one that was not.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZipReader } from '../../src/formats/index.js';
import {
  ArrayDataset,
  FoveaError,
  finetune,
  layers,
  models,
  optimizers,
  setRandomSeed,
  type TransferData,
  vision,
} from '../../src/index.js';
import { openBase, preprocessingLayers } from '../../src/tasks/transfer/base.js';
import { buildNetwork, unfreeze } from '../../src/tasks/transfer/network.js';
import { partSizes } from '../../src/tasks/transfer/pictures.js';
import { makePlan } from '../../src/tasks/transfer/plan.js';

const SIDE = 12;
const HUES = [
  [200, 40, 40],
  [40, 180, 60],
  [50, 60, 210],
] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-transfer-'));
  HUES.forEach((hue, label) => {
    mkdirSync(join(folder, 'photos', `hue${label}`), { recursive: true });
    for (let i = 0; i < 20; i++) {
      const data = pixels(hue, i);
      const png = encode({ width: SIDE, height: SIDE, data, channels: 3, depth: 8 });
      writeFileSync(join(folder, 'photos', `hue${label}`, `${i}.png`), png);
    }
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function pixels(hue: readonly number[], seed: number): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (hue[i % 3] as number) + ((i * 7 + seed * 31) % 40));
}

function part(perClass: number, from = 0): ArrayDataset {
  const rows = HUES.flatMap((hue, label) =>
    Array.from({ length: perClass }, (_, i) => ({ label, data: pixels(hue, from + i) })),
  );
  return new ArrayDataset({
    name: 'hues',
    classNames: ['red', 'green', 'blue'],
    x: {
      data: Uint8Array.from(rows.flatMap(({ data }) => [...data])),
      shape: [rows.length, SIDE, SIDE, 3],
      dtype: 'uint8',
    },
    y: { data: Int32Array.from(rows, ({ label }) => label), shape: [rows.length], dtype: 'int32' },
  });
}
const data = (): TransferData => ({ train: part(10), validation: part(4, 10), test: part(4, 14) });

/** Two convolutions with batch norm, a pooling and a classifier of other things. */
function smallBase(): models.Model {
  setRandomSeed(5);
  const x = layers.input([SIDE, SIDE, 3]);
  let y = layers.rescaling({ scale: 1 / 127.5, offset: -1, name: 'scaled' }).apply(x);
  for (const [i, filters] of [4, 8].entries()) {
    y = layers.conv2d({ filters, kernelSize: 3, strides: 2, useBias: false, name: `conv${i}` }).apply(y);
    y = layers.batchNormalization({ name: `norm${i}` }).apply(y);
    y = layers.relu({ name: `relu${i}` }).apply(y);
  }
  y = layers.globalAveragePooling2d({ name: 'pool' }).apply(y);
  return models.model({ inputs: x, outputs: layers.dense({ units: 7, name: 'old' }).apply(y), name: 'small' });
}

async function refusal(work: Promise<unknown>): Promise<FoveaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

describe('the plan', () => {
  it('goes by the number of pictures, unless a scenario is asked for', () => {
    expect(makePlan(1125, {})).toMatchObject({
      scenario: 'small-similar',
      headEpochs: 50,
      epochs: 0,
      unfreezeFrom: undefined,
    });
    expect(makePlan(5000, {})).toMatchObject({ scenario: 'large-similar', epochs: 10, unfreezeFrom: 0 });
    const plan = makePlan(100, { scenario: 'small-different' });
    expect(plan).toMatchObject({ unfreezeFrom: 'half', headRate: 1e-3, rate: 1e-4, isFromScratch: false });
    expect(plan.baseRate).toBeCloseTo(1e-5, 12);
    const scratch = makePlan(100, { scenario: 'large-different' });
    expect(scratch).toMatchObject({
      headEpochs: 0,
      epochs: 30,
      unfreezeFrom: 0,
      rate: 1e-3,
      baseRate: 1e-3,
      isFromScratch: true,
    });
    // Who says where to unfreeze wants it unfrozen.
    expect(makePlan(100, { unfreezeFrom: 'conv1' })).toMatchObject({ epochs: 10, unfreezeFrom: 'conv1' });
  });

  it('refuses what is no number', () => {
    expect(() => makePlan(10, { epochs: 1.5 })).toThrow('epochs must be a whole number from 0; got 1.5.');
    expect(() => makePlan(10, { rate: 0 })).toThrow('rate must be a number above 0; got 0.');
    expect(() => makePlan(10, { scenario: 'huge' as 'auto' })).toThrow("scenario must be 'auto', 'small-similar'");
  });

  it('cuts 3,670 pictures as the course does', () => {
    expect(partSizes(3670, 0.1, 0.15)).toEqual([367, 551, 2752]);
  });
});

describe('the base', () => {
  it('loses its classifier', { timeout: 60_000 }, async () => {
    const { model, preprocessing } = await openBase(smallBase(), {}, false);
    expect([model.outputShape, model.layers.at(-1)?.name, preprocessing.mode]).toEqual([
      [null, 2, 2, 8],
      'relu1',
      'none',
    ]);
    const row = models.sequential([
      layers.input([8, 8, 3]),
      layers.conv2d({ filters: 4, kernelSize: 3, name: 'only' }),
      layers.flatten(),
      layers.dense({ units: 5 }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ]);
    expect((await openBase(row, { preprocessing: 'tf' }, false)).model.outputShape).toEqual([null, 6, 6, 4]);
    const bare = models.sequential([
      layers.input([8, 8, 3]),
      layers.conv2d({ filters: 4, kernelSize: 3 }),
      layers.globalMaxPooling2d(),
    ]);
    expect((await openBase(bare, { preprocessing: 'tf' }, false)).model.outputShape).toEqual([null, 4]);
    const cut = await openBase(smallBase(), { cutAt: 'norm0' }, false);
    expect(cut.model.outputShape).toEqual([null, 5, 5, 4]);
    const other = await openBase(smallBase(), { size: 24 }, false);
    expect([other.model.inputShape, other.preprocessing.size]).toEqual([
      [null, 24, 24, 3],
      [24, 24],
    ]);
    const error = await refusal(openBase(smallBase(), { cutAt: 'nowhere' }, false));
    expect(error.message).toContain('the base "small" has no layer "nowhere" to cut at.');
  });

  it('comes from the zoo or a file, and tells what is missing', { timeout: 60_000 }, async () => {
    const zoo = await openBase('mobilenet', { size: 32, weights: null, zoo: { alpha: 0.25 } }, false);
    expect([zoo.model.outputShape, zoo.preprocessing.mode]).toEqual([[null, 1, 1, 256], 'tf']);
    await zoo.model.save(join(folder, 'zoo.keras'));
    const again = await openBase(join(folder, 'zoo.keras'), {}, false);
    // Its name says that it is a mobilenet.
    expect(again.preprocessing).toMatchObject({ mode: 'tf', size: [32, 32] });
    expect((await refusal(openBase('mobilnet', {}, false))).message).toContain('did you mean "mobilenet"?');
    const nameless = models.sequential([layers.input([8, 8, 3]), layers.conv2d({ filters: 2, kernelSize: 3 })], {
      name: 'mine',
    });
    expect((await refusal(openBase(nameless, {}, false))).message).toContain(
      'model "mine" does not say what it wants of its pixels.',
    );
    const download = {
      dataFolder: join(folder, 'none'),
      cacheFolder: join(folder, 'none'),
      baseUrl: 'http://127.0.0.1:9/',
    };
    const offline = await refusal(openBase('mobilenet', { zoo: { alpha: 0.25, download } }, false));
    expect([offline.code, offline.hint?.includes('mobilenet_2_5_224_tf_no_top.h5')]).toEqual(['network', true]);
  });

  it.each(['tf', 'torch', 'caffe'] as const)(
    'gets its pixels by layers as %s wants them',
    { timeout: 60_000 },
    async (mode) => {
      const model = models.sequential([layers.input([2, 2, 3]), layers.conv2d({ filters: 1, kernelSize: 1 })]);
      const base = {
        model: model as unknown as models.Model,
        name: 'any',
        preprocessing: { mode, size: [2, 2] as const },
      };
      const x = Uint8Array.from({ length: 24 }, (_, i) => (i * 37) % 256);
      const got = await models
        .sequential([layers.input([2, 2, 3]), ...preprocessingLayers(base)])
        .predict({ data: x, shape: [2, 2, 2, 3], dtype: 'uint8' });
      const want = vision.ops.preprocessInput({ data: x, shape: [2, 2, 2, 3] }, { mode });
      got.data.forEach((value, i) => {
        expect(Math.abs(value - (want.data[i] as number))).toBeLessThan(mode === 'caffe' ? 1e-4 : 2e-6);
      });
    },
  );

  it('gets its pixels by a scale or by statistics where its record says so', { timeout: 60_000 }, async () => {
    const run = async (preprocessing: models.PicturePreprocessing): Promise<number[]> => {
      const base = { model: smallBase(), name: 'any', preprocessing };
      const model = models.sequential([layers.input([1, 2, 3]), ...preprocessingLayers(base)]);
      return [
        ...(await model.predict({ data: Uint8Array.of(1, 2, 3, 5, 6, 7), shape: [1, 1, 2, 3], dtype: 'uint8' })).data,
      ];
    };
    const size = [1, 2] as const;
    expect(await run({ mode: 'scale', factor: 0.5, offset: 2, size })).toEqual([2.5, 3, 3.5, 4.5, 5, 5.5]);
    expect(await run({ mode: 'standardize', mean: [1, 2, 3], std: [2, 4, 0.5], size })).toEqual([0, 0, 0, 2, 1, 8]);
    expect(await run({ mode: 'standardize', mean: [1, 1, 1, 1, 1, 1], std: [1, 1, 1, 2, 1, 1], size })).toEqual([
      0, 1, 2, 2, 5, 6,
    ]);
    expect(await run({ mode: 'scale', channelOrder: 'bgr', size })).toEqual([3, 2, 1, 7, 6, 5]);
  });

  it('is unfrozen from a layer on, by name or number', { timeout: 60_000 }, async () => {
    const { model } = await openBase(smallBase(), {}, false);
    const trained = (from: string | number | undefined): string[] => {
      unfreeze(model, from);
      return model.layers.filter((layer) => layer.trainableWeights.length > 0).map(({ name }) => name);
    };
    expect(trained(undefined)).toEqual([]);
    expect(trained(0)).toEqual(['conv0', 'norm0', 'conv1', 'norm1']);
    expect(trained('norm0')).toEqual(['norm0', 'conv1', 'norm1']);
    expect(trained('5')).toEqual(['conv1', 'norm1']);
    expect(trained('half')).toEqual(['conv1', 'norm1']);
    expect(() => trained('conv9')).toThrow('the base "small" has no layer "conv9" to unfreeze from.');
    expect(() => trained(99)).toThrow('has no layer "99"');
  });
});

describe('finetune', () => {
  it('trains a classifier on frozen features, then later layers, batch norms in inference mode', {
    timeout: 30_000,
  }, async () => {
    const base = smallBase();
    const before = await base.getWeights();
    const names = base.weightPaths;
    const seen: string[] = [];
    const { model, judgement, headScores, history, headEpochs, plan } = await finetune(base, data(), {
      seed: 3,
      headEpochs: 40,
      headRate: 0.03,
      epochs: 3,
      unfreezeFrom: 'conv1',
      rate: 0.01,
      baseRate: 0.001,
      augmentation: [layers.randomFlip({ mode: 'horizontal' })],
      patience: null,
      onEvent: (event) => void seen.push(event.kind === 'stage' ? `${event.stage} ${event.trainable}` : event.kind),
    });
    // The classifier has 8 x 3 + 3 weights; the second convolution and its norm have 4 x 9 x 8 + 16.
    expect(seen.filter((each) => each !== 'features')).toEqual(['data', 'head 27', 'head', 'base 331']);
    expect([headEpochs, history.loss?.length, plan.unfreezeFrom]).toEqual([40, 43, 'conv1']);
    expect(headScores?.accuracy).toBeGreaterThan(0.9);
    expect(judgement?.accuracy).toBeGreaterThan(0.9);
    expect(judgement?.confusion.flat().reduce((a, b) => a + b)).toBe(12);
    const after = await base.getWeights();
    const changed = names.filter((_, i) => before[i]?.some((value, k) => value !== after[i]?.[k]));
    // No moving mean or variance, nothing of the first convolution, not the old classifier.
    expect(changed).toEqual(['conv1/kernel', 'norm1/gamma', 'norm1/beta']);
    expect(model.layers.map(({ className }) => className)).toEqual([
      'InputLayer',
      'Functional',
      'GlobalAveragePooling2D',
      'Dropout',
      'Dense',
    ]);
    expect(model.metadata).toMatchObject({
      labels: ['red', 'green', 'blue'],
      preprocessing: { mode: 'none', size: [SIDE, SIDE] },
    });

    await model.save(join(folder, 'tuned.keras'));
    const loaded = await models.load(join(folder, 'tuned.keras'));
    expect(loaded.metadata).toEqual(model.metadata);
    const { x } = part(4, 14);
    expect((await loaded.predict(x)).data).toEqual((await model.predict(x)).data);
    const scores = await loaded.evaluate(part(4, 14));
    expect(scores.loss).toBeCloseTo(judgement?.loss as number, 4);
    expect(scores.accuracy).toBeCloseTo(judgement?.accuracy as number, 6);
    const [best] = await loaded.classify(join(folder, 'photos/hue1/0.png'), { top: 1 });
    expect(best).toMatchObject({ label: 'green' });
  });

  it('computes features once, in pieces that fit into memory, and knows which are still right', {
    timeout: 30_000,
  }, async () => {
    const path = join(folder, 'cached');
    const base = smallBase();
    const run = async (memory: number, workers = 0): Promise<{ cached: boolean[]; loss: number | undefined }> => {
      const cached: boolean[] = [];
      const { judgement } = await finetune(base, join(folder, 'photos'), {
        folder: path,
        seed: 1,
        headEpochs: 2,
        memory,
        workers,
        onEvent: (event) => void (event.kind === 'features' && event.done === event.of && cached.push(event.isCached)),
      });
      return { cached, loss: judgement?.loss };
    };
    const first = await run(2 ** 30);
    expect(first.cached).toEqual([false, false]);
    const second = await run(2 ** 30);
    expect(second).toEqual({ cached: [true, true], loss: first.loss });
    const files = readdirSync(join(path, 'features'));
    expect(files.length).toBe(4);
    // Damaged ones are computed anew, and no others.
    writeFileSync(join(path, 'features', files.find((name) => name.endsWith('safetensors')) as string), 'x');
    expect((await run(2 ** 30)).cached.sort()).toEqual([false, true]);
    // Other weights make other features.
    base
      .getLayer('conv0')
      .setWeights((await base.getLayer('conv0').getWeights()).map((each) => each.map((value) => value / 2)));
    expect((await run(2 ** 30)).cached).toEqual([false, false]);
    // Neither pictures nor features in memory: read from files in every epoch.
    const streamed = await run(100);
    expect(streamed.cached).toEqual([false, false]);
    expect(streamed.loss).toBeGreaterThan(0);
    expect((await run(100)).cached).toEqual([true, true]);
  });

  it('ends as one run where it was stopped in each stage', { timeout: 60_000 }, async () => {
    const options = {
      seed: 9,
      headEpochs: 4,
      epochs: 4,
      unfreezeFrom: 'conv1',
      patience: 3,
      augmentation: [layers.randomTranslation({ heightFactor: 0.2, widthFactor: 0.2 })],
    };
    const whole = await finetune(smallBase(), data(), { ...options, folder: join(folder, 'whole') });
    const path = join(folder, 'stopped');
    const stopAt = async (epoch: number | undefined, resume: boolean) => {
      const controller = new AbortController();
      const stop = (at: number): void => {
        if (at === epoch) controller.abort();
      };
      const callbacks = [{ onEpochEnd: (at: number) => stop(at) }];
      return finetune(smallBase(), data(), { ...options, folder: path, resume, signal: controller.signal, callbacks });
    };
    expect((await stopAt(1, false)).wasAborted).toBe(true);
    expect(existsSync(join(path, 'model.keras'))).toBe(false);
    const other = await refusal(
      finetune(smallBase(), data(), { ...options, headRate: 0.5, folder: path, resume: true }),
    );
    expect(other.message).toContain('was begun with other pictures or options.');
    expect((await stopAt(5, true)).wasAborted).toBe(true);
    const ended = await stopAt(undefined, true);
    expect(ended.wasAborted).toBe(false);
    expect(ended.history).toEqual(whole.history);
    expect(await ended.model.getWeights()).toEqual(await whole.model.getWeights());
    expect(ended.headScores).toEqual(whole.headScores);
    const history = (run: string): string => readFileSync(join(folder, run, 'history.csv'), 'utf8');
    expect(history('stopped')).toBe(history('whole'));
    expect(readdirSync(path).sort()).toEqual(['features', 'history.csv', 'model.keras', 'run.json']);
    expect((await refusal(stopAt(undefined, true))).message).toContain('is done.');
  });

  it('starts from scratch where it is asked to, batch norms in training mode', { timeout: 60_000 }, async () => {
    const base = smallBase();
    const before = await base.getWeights();
    const { model, headScores } = await finetune(base, data(), {
      scenario: 'large-different',
      epochs: 2,
      seed: 2,
      augmentation: false,
    });
    expect(headScores).toBeUndefined();
    // The base that was given is left alone.
    expect(await base.getWeights()).toEqual(before);
    const moved = await model.getLayer('norm0').getWeights();
    expect(moved[2]?.some((mean) => mean !== 0)).toBe(true);
  });

  it('lets rare classes count, and refuses data that do not fit', { timeout: 60_000 }, async () => {
    const rare = part(10);
    const few = rare.gather([...Array(10).keys(), 10, 20]);
    const weighted = await finetune(
      smallBase(),
      { train: few, validation: part(4, 10) },
      { seed: 4, headEpochs: 3, classWeight: 'balanced' },
    );
    const plain = await finetune(smallBase(), { train: few, validation: part(4, 10) }, { seed: 4, headEpochs: 3 });
    expect(weighted.history.loss).not.toEqual(plain.history.loss);
    expect(weighted.sizes).toEqual({ train: 12, validation: 12, test: 0 });
    expect(weighted.judgement?.count).toBe(12);
    const small = new ArrayDataset({
      ...rare,
      x: { data: new Uint8Array(30 * 27), shape: [30, 3, 3, 3], dtype: 'uint8' },
    });
    expect((await refusal(finetune(smallBase(), { train: small, validation: small }))).message).toContain(
      'the base takes pictures [12,12,3]; the data has [3,3,3].',
    );
    expect((await refusal(finetune(smallBase(), data(), { dropout: 1 }))).message).toContain(
      'dropout must be a share from 0 to below 1; got 1.',
    );
  });
});

describe('the file', () => {
  it('gives SGD its momentum as Keras wants it: as a float', async () => {
    const model = models.sequential([
      layers.input([2]),
      layers.batchNormalization({ momentum: 1 }),
      layers.dense({ units: 1 }),
    ]);
    model.compile({ optimizer: 'sgd', loss: 'mse' });
    const zip = new ZipReader(await model.toBytes(), 'model');
    const text = new TextDecoder().decode(zip.read('config.json'));
    expect(text.match(/"momentum":[^,}]*/g)).toEqual(['"momentum":1.0', '"momentum":0.0']);
    expect((await models.load(await model.toBytes())).optimizer.get('learningRate')).toBeCloseTo(0.01, 8);
  });
});

describe('a layer in inference mode', () => {
  it('stays so in a file, also inside a model inside', { timeout: 60_000 }, async () => {
    const inner = layers.input([4]);
    const norm = layers.batchNormalization({ name: 'norm' });
    const core = models.model({ inputs: inner, outputs: norm.apply(inner, { training: false }), name: 'core' });
    const x = layers.input([4]);
    const again = layers.batchNormalization({ name: 'again' });
    const model = models.model({ inputs: x, outputs: again.apply(core.apply(x)) });
    const loaded = await models.load(await model.toBytes());
    const rows = { data: Float32Array.from({ length: 16 }, (_, i) => i), shape: [4, 4], dtype: 'float32' as const };
    loaded.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'mse' });
    await loaded.fit(rows, rows, { epochs: 1, verbose: 0 });
    const meanOf = async (name: string): Promise<number> =>
      (await loaded.getLayer(name).getWeights())[2]?.[0] ?? Number.NaN;
    expect(await meanOf('norm')).toBe(0);
    expect(await meanOf('again')).not.toBe(0);
  });
});

describe('the rate of a part', () => {
  it('is kept in files, and a change is not lost on a compiled step', { timeout: 60_000 }, async () => {
    const model = models.sequential([
      layers.input([2]),
      layers.dense({ units: 2, name: 'a' }),
      layers.dense({ units: 1, name: 'b' }),
    ]);
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
    const x = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], dtype: 'float32' as const };
    const y = { data: Float32Array.of(1, -1), shape: [2, 1], dtype: 'float32' as const };
    const first = model.getLayer('a');
    model.optimizer.setRateFactor(first.weights, 0);
    const before = await first.getWeights();
    await model.fit(x, y, { epochs: 1, verbose: 0 });
    expect(await first.getWeights()).toEqual(before);
    const loaded = await models.load(await model.toBytes());
    expect(loaded.weights.map((weight) => loaded.optimizer.rateFactor(weight))).toEqual([0, 0, 1, 1]);
    await loaded.fit(x, y, { epochs: 2, resume: true, verbose: 0 });
    expect(await loaded.getLayer('a').getWeights()).toEqual(before);
    model.optimizer.setRateFactor(first.weights, 1);
    await model.fit(x, y, { epochs: 1, verbose: 0 });
    expect(await first.getWeights()).not.toEqual(before);
  });

  it('gives a network of the zoo the parameters the course counts', { timeout: 60_000 }, async () => {
    const base = await openBase('mobilenet_v2', { weights: null, size: 160 }, false);
    const network = buildNetwork(base, { classes: 1, dropout: 0.2, augmentation: [], isFromScratch: false });
    const trainable = (): number => network.plain.trainableWeights.reduce((sum, { size }) => sum + size, 0);
    unfreeze(network.base, undefined);
    expect([base.model.layers.length, trainable()]).toEqual([154, 1281]);
    unfreeze(network.base, 120);
    expect(trainable()).toBe(1_626_177);
  });
});
