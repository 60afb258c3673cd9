// Training that is cut at an awkward moment: during validation, at a checkpoint within an epoch, after a bad step.
import { afterAll, describe, expect, it } from 'vitest';
import { callbacks, Dataset, datasets, layers, models, optimizers, scale, setRandomSeed } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import type { FitOptions } from '../../src/nn/training/types.js';
import { makeFolder } from '../cli/harness.js';

const folder = makeFolder('abort');
afterAll(() => folder.remove());

const { train } = await datasets.strokes({ count: 96, testCount: 10, seed: 3 });
const x = scale(train.x);

function small(learningRate = 0.01): TrainableModel {
  setRandomSeed(11);
  const model = models.sequential([
    layers.input([28, 28, 1]),
    layers.conv2d({ filters: 4, kernelSize: 5, strides: 3, activation: 'relu' }),
    layers.flatten(),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

const options: FitOptions = { batchSize: 8, validationSplit: 0.25, verbose: 0 };

describe('a training that is cut', () => {
  it('during validation keeps no half score, and goes on as if it had not been', async () => {
    const rows = train.slice(0, 24);
    const stream = Dataset.fromArrays(scale(rows.x), rows.y).batch(8);
    const whole = small();
    const { history: expected } = await whole.fit(x, train.y, {
      batchSize: 8,
      verbose: 0,
      epochs: 3,
      validationData: stream,
    });

    const model = small();
    const controller = new AbortController();
    let batches = 0;
    // Validation has 3 batches: the fifth is read in the middle of the second epoch's.
    const validationData = stream.map((batch) => {
      if (++batches === 5) controller.abort();
      return batch;
    });
    const cut = { batchSize: 8, verbose: 0, epochs: 3, validationData } as const;
    const first = await model.fit(x, train.y, { ...cut, signal: controller.signal });
    expect(first.wasAborted).toBe(true);
    expect(first.epoch).toEqual([0]);
    await model.save(folder.at('cut.keras'));
    const loaded = await models.load(folder.at('cut.keras'));
    expect([loaded.training.state.epoch, loaded.training.state.batch]).toEqual([1, 12]);
    const second = await loaded.fit(x, train.y, { ...cut, resume: true });
    expect(second.epoch).toEqual([1, 2]);
    for (const [name, values] of Object.entries(expected)) {
      expect([...(first.history[name] ?? []), ...(second.history[name] ?? [])], name).toEqual(values);
    }
    expect(await loaded.getWeights()).toEqual(await whole.getWeights());
  });

  it('goes on from a checkpoint within an epoch', async () => {
    const whole = small();
    const checkpoint = callbacks.modelCheckpoint({ filepath: folder.at('at-{epoch}.keras'), saveFreq: 13 });
    const { history: expected } = await whole.fit(x, train.y, { ...options, epochs: 2, callbacks: [checkpoint] });
    // Batch 13 is the fourth of the second epoch.
    const loaded = await models.load(folder.at('at-2.keras'));
    expect([loaded.training.state.epoch, loaded.training.state.batch]).toEqual([1, 4]);
    const { history } = await loaded.fit(x, train.y, { ...options, epochs: 2, resume: true });
    for (const [name, values] of Object.entries(expected)) expect(history[name], name).toEqual(values.slice(1));
    expect(await loaded.getWeights()).toEqual(await whole.getWeights());
  });

  it('by a loss that was no number goes on once the cause is gone', async () => {
    const model = small();
    const bad = { ...x, data: x.data.slice() };
    bad.data[100] = Number.NaN;
    const before = await model.getWeights();
    await expect(model.fit(bad, train.y, { ...options, shuffle: false })).rejects.toThrow('The data holds NaN');
    expect(await model.getWeights()).toEqual(before);
    const { history } = await model.fit(x, train.y, { ...options, epochs: 2 });
    expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number);
  });
});
