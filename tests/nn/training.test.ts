// fit, evaluate, predict: what they compute, how they stop, and what they say to bad input. Small models, real engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  callbacks,
  Dataset,
  datasets,
  type FoveaError,
  type HostArray,
  layers,
  models,
  optimizers,
  scale,
  setRandomSeed,
} from '../../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-training-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => setRandomSeed(7));

const { train, test } = await datasets.strokes({ count: 300, testCount: 100, seed: 1 });
const x = scale(train.x);
const y = train.y;
const testX = scale(test.x);

function smallCnn(options: { dropout?: number; classes?: number } = {}) {
  return models.sequential([
    layers.input([28, 28, 1]),
    layers.conv2d({ filters: 8, kernelSize: 5, strides: 2, padding: 'same', activation: 'relu', name: 'stem' }),
    layers.batchNormalization({ name: 'norm', momentum: 0.8 }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
    layers.dropout({ rate: options.dropout ?? 0.2 }),
    layers.dense({ units: options.classes ?? 10, activation: 'softmax', name: 'head' }),
  ]);
}

function compiled(
  options: Parameters<typeof smallCnn>[0] = {},
  optimizer: Parameters<ReturnType<typeof smallCnn>['compile']>[0] = {},
) {
  const model = smallCnn(options);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    ...optimizer,
  });
  return model;
}

const quiet = { verbose: 0 } as const;
const failure = (promise: Promise<unknown>): Promise<FoveaError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: FoveaError) => error,
  );

describe('fit', () => {
  it('learns, and tells the losses of every epoch', async () => {
    const model = compiled();
    const { history, epoch } = await model.fit(x, y, { epochs: 6, validationData: { x: testX, y: test.y }, ...quiet });
    expect(epoch).toEqual([0, 1, 2, 3, 4, 5]);
    expect(Object.keys(history).sort()).toEqual(['accuracy', 'loss', 'val_accuracy', 'val_loss']);
    expect(history.loss?.at(-1)).toBeLessThan(0.5 * (history.loss?.[0] as number));
    const scores = await model.evaluate(testX, test.y);
    expect(scores.accuracy).toBeGreaterThan(0.5);
    expect(scores.loss).toBeCloseTo(history.val_loss?.at(-1) as number, 5);
  });

  it('gives the same bits for the same seed', async () => {
    const run = async () => {
      setRandomSeed(3);
      const model = compiled();
      await model.fit(x, y, { epochs: 2, ...quiet });
      return model.getWeights();
    };
    expect(await run()).toEqual(await run());
  });

  it('weighs every example once, also in a ragged last batch', async () => {
    const model = compiled({ dropout: 0 });
    const whole = await model.evaluate(x, y, { batchSize: 300 });
    const ragged = await model.evaluate(x, y, { batchSize: 64 });
    expect(ragged.loss).toBeCloseTo(whole.loss as number, 4);
    expect(ragged.accuracy).toBeCloseTo(whole.accuracy as number, 6);
    const { data } = await model.predict(testX, { batchSize: 7 });
    expect(data.length).toBe(1000);
    let right = 0;
    for (let row = 0; row < 100; row++) {
      const each = data.subarray(10 * row, 10 * row + 10);
      right += Number(each.indexOf(Math.max(...each)) === test.y.data[row]);
    }
    expect((await model.evaluate(testX, test.y)).accuracy).toBeCloseTo(right / 100, 6);
  });

  it('takes streams of known, unknown and endless length', async () => {
    const ends: number[] = [];
    const counting = { onTrainBatchEnd: (batch: number) => void ends.push(batch) };
    const stream = Dataset.fromArrays(x, y).shuffle(300, { seed: 1 }).batch(50);
    await compiled().fit(stream, { epochs: 2, callbacks: [counting], ...quiet });
    expect(ends).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
    ends.length = 0;
    const unknown = stream.filter(() => true);
    expect(unknown.length).toBeUndefined();
    const { epoch } = await compiled().fit(unknown, { epochs: 3, callbacks: [counting], ...quiet });
    expect([epoch.length, ends.length]).toEqual([3, 18]);
    ends.length = 0;
    await compiled().fit(stream.repeat(), { epochs: 2, stepsPerEpoch: 4, callbacks: [counting], ...quiet });
    expect(ends).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect((await failure(compiled().fit(stream.repeat(), quiet))).message).toBe(
      'fit: the data is endless.\n  Give stepsPerEpoch.',
    );
  });

  it('splits validation data off the end, before shuffling', async () => {
    const model = compiled();
    const { history } = await model.fit(x, y, { validationSplit: 0.2, epochs: 1, ...quiet });
    const last = {
      x: { ...x, data: x.data.slice(240 * 784), shape: [60, 28, 28, 1] } as HostArray,
      y: { ...y, data: y.data.slice(240), shape: [60] } as HostArray,
    };
    expect(history.val_loss?.[0]).toBeCloseTo((await model.evaluate(last)).loss as number, 5);
  });

  it('counts a sample with weight 2 like two samples', async () => {
    const twice = {
      ...x,
      data: Float32Array.from([...x.data.slice(0, 784 * 2), ...x.data.slice(0, 784)]),
      shape: [3, 28, 28, 1],
    } as HostArray;
    const labels = Int32Array.of(3, 4, 3);
    const a = compiled({ dropout: 0 });
    const b = compiled({ dropout: 0 });
    b.setWeights(await a.getWeights());
    const lossTwice = (await a.evaluate(twice, labels)).loss as number;
    const pair = { ...x, data: x.data.slice(0, 784 * 2), shape: [2, 28, 28, 1] } as HostArray;
    const weighted = await b.trainOnBatch(pair, Int32Array.of(3, 4), { sampleWeight: Float32Array.of(2, 1) });
    expect(Number.isFinite(weighted.loss)).toBe(true);
    const one = (
      await a.evaluate({ ...pair, data: pair.data.slice(0, 784), shape: [1, 28, 28, 1] } as HostArray, Int32Array.of(3))
    ).loss as number;
    const two = (
      await a.evaluate({ ...pair, data: pair.data.slice(784), shape: [1, 28, 28, 1] } as HostArray, Int32Array.of(4))
    ).loss as number;
    expect(lossTwice).toBeCloseTo((2 * one + two) / 3, 4);
  });

  it('favours the class with the large weight', async () => {
    const share = async (classWeight?: Record<number, number>) => {
      setRandomSeed(5);
      const model = compiled({ dropout: 0 });
      await model.fit(x, y, { epochs: 2, ...(classWeight === undefined ? {} : { classWeight }), ...quiet });
      const { data } = await model.predict(testX);
      let total = 0;
      for (let row = 0; row < 100; row++) total += data[10 * row + 3] as number;
      return total;
    };
    expect(await share({ 3: 50 })).toBeGreaterThan(1.3 * (await share()));
  });

  it('leaves the event loop free', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const started = performance.now();
    await compiled().fit(x, y, { epochs: 8, ...quiet });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0.3 * ((performance.now() - started) / 10));
  });

  it('stops after the running step when it is aborted', async () => {
    const controller = new AbortController();
    const model = compiled();
    const seen: number[] = [];
    const history = await model.fit(x, y, {
      epochs: 50,
      signal: controller.signal,
      callbacks: [
        {
          onTrainBatchEnd: (batch) => {
            seen.push(batch);
            if (seen.length === 4) controller.abort();
          },
        },
      ],
      ...quiet,
    });
    expect(history.wasAborted).toBe(true);
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(Number.isFinite((await model.evaluate(x, y)).loss)).toBe(true);
  });

  it('freezes what is not trainable, and batch norm with it', async () => {
    const model = compiled();
    model.getLayer('norm').trainable = false;
    model.getLayer('stem').trainable = false;
    const before = await Promise.all(['stem', 'norm'].map((name) => model.getLayer(name).getWeights()));
    await model.fit(x, y, { epochs: 1, ...quiet });
    const after = await Promise.all(['stem', 'norm'].map((name) => model.getLayer(name).getWeights()));
    expect(after).toEqual(before);
  });
});

describe('bad input', () => {
  it('names the channels', async () => {
    const wrong = { data: new Float32Array(4 * 28 * 28 * 3), shape: [4, 28, 28, 3], dtype: 'float32' } as const;
    const error = await failure(compiled().fit(wrong, Int32Array.of(0, 1, 2, 3), quiet));
    expect(error.code).toBe('shape');
    expect(error.message).toMatch(/expects \[batch,28,28,1\]; got \[4,28,28,3\]/);
  });

  it('offers the reshape that helps', async () => {
    const flat = { data: new Float32Array(4 * 784), shape: [4, 784], dtype: 'float32' } as const;
    expect((await failure(compiled().predict(flat))).message).toMatch(
      /expects \[batch,28,28,1\]; got \[4,784\]\.\n {2}Reshape it to \[4,28,28,1\]\.$/,
    );
  });

  it('names both counts where x and y differ', async () => {
    const error = await failure(compiled().fit(x, Int32Array.of(1, 2, 3), quiet));
    expect(error.message).toBe(
      'fit: x has 300 examples but y has 3.\n  x=[300,28,28,1] y=[3]\n  Give one row for each example.',
    );
  });

  it('names the label out of range and its example', async () => {
    const labels = Int32Array.from(y.data);
    labels[17] = 12;
    const error = await failure(compiled().fit(x, labels, quiet));
    expect(error.code).toBe('range');
    expect(error.message).toBe(
      'fit: label 12 of example 17 is not a class of output "head", which has 10.\n  Labels count from 0 to 9; give the last layer more units if there are more classes.',
    );
  });

  it('names the first layer that makes NaN', async () => {
    const model = compiled({ dropout: 0 }, { optimizer: optimizers.sgd({ learningRate: 1e30 }) });
    const error = await failure(model.fit(x, y, { epochs: 3, ...quiet }));
    expect(error.code).toBe('nan');
    expect(error.message).toMatch(/^fit: the loss is not a number in epoch 1, step \d+\./);
    expect(error.path).toMatch(/stem|norm|head/);
  });

  it('tells NaN in the data from NaN in the model', async () => {
    const holed = { ...x, data: x.data.slice() } as HostArray;
    holed.data[784 * 40 + 5] = Number.NaN;
    const error = await failure(compiled().fit(holed, y, { shuffle: false, ...quiet }));
    expect(error.message).toBe(
      'fit: the loss is not a number in epoch 1, step 2.\n  The data holds NaN: example 8 of the batch.\n  The weights are those from before that step.\n  Remove or repair the examples that hold NaN or infinity.',
    );
  });

  it('lists the losses where a name is unknown', () => {
    const model = smallCnn();
    expect(() => model.compile({ loss: 'sparseCategoricalCrossentrophy' })).toThrow(
      /did you mean "sparseCategoricalCrossentropy"/,
    );
  });

  it('wants compile first', async () => {
    expect((await failure(smallCnn().fit(x, y))).message).toMatch(/was not compiled\.\n {2}Call model\.compile/);
  });
});

describe('saving', () => {
  const schedule = () => [callbacks.reduceLROnPlateau({ monitor: 'loss', factor: 0.5, patience: 1, minDelta: 0.5 })];

  it('resumes as if it had never stopped', async () => {
    setRandomSeed(11);
    const straight = compiled();
    const full = await straight.fit(x, y, { epochs: 6, callbacks: schedule(), ...quiet });

    setRandomSeed(11);
    const first = compiled();
    await first.fit(x, y, { epochs: 3, callbacks: schedule(), ...quiet });
    const path = join(folder, 'half.keras');
    await first.save(path);

    setRandomSeed(99);
    const second = await models.load(path);
    const rest = await second.fit(x, y, { epochs: 6, resume: true, callbacks: schedule(), ...quiet });
    expect(rest.epoch).toEqual([3, 4, 5]);
    expect(rest.history.loss).toEqual(full.history.loss?.slice(3));
    expect(await second.getWeights()).toEqual(await straight.getWeights());
  });

  it('resumes in the middle of an epoch', async () => {
    setRandomSeed(12);
    const straight = compiled();
    const full = await straight.fit(x, y, { epochs: 2, ...quiet });

    setRandomSeed(12);
    const first = compiled();
    const controller = new AbortController();
    await first.fit(x, y, {
      epochs: 2,
      signal: controller.signal,
      callbacks: [
        {
          onTrainBatchEnd: (batch) => {
            if (batch === 4) controller.abort();
          },
        },
      ],
      ...quiet,
    });
    const path = join(folder, 'cut.keras');
    await first.save(path);
    const second = await models.load(path);
    const rest = await second.fit(x, y, { epochs: 2, resume: true, ...quiet });
    expect(rest.history.loss).toEqual(full.history.loss);
    expect(await second.getWeights()).toEqual(await straight.getWeights());
  });

  it('keeps weights alone as .weights.h5', async () => {
    const model = compiled();
    const path = join(folder, 'model.weights.h5');
    await model.saveWeights(path);
    setRandomSeed(1);
    const other = smallCnn();
    await other.loadWeights(path);
    expect(await other.getWeights()).toEqual(await model.getWeights());
    const narrow = smallCnn({ classes: 4 });
    expect((await failure(narrow.loadWeights(path))).message).toMatch(/the weights do not fit the model: 2 mismatches/);
  });

  it('refuses to save a Lambda, by name', async () => {
    const model = models.sequential([layers.input([4]), layers.lambda((input) => input, { name: 'mine' })]);
    expect((await failure(model.save(join(folder, 'lambda.keras')))).message).toMatch(/mine/);
  });
});
