// Models with several inputs and outputs: losses, weights and metrics by list and by name, outputs without a loss. Wanted
// values: Keras 3.15 on TensorFlow 2.21 with the weights and data of `numbers`, SGD(0.1), batches of 2 in order.
import { describe, expect, it } from 'vitest';
import { type History, layers, models, optimizers, type SymbolicTensor } from '../../src/index.js';

/** Numbers of the given range in a fixed order. */
function numbers(size: number, step: number, low = -0.5, high = 0.5): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => low + ((high - low) * ((i * step) % 101)) / 100);
}
const array = (data: Float32Array, width: number) =>
  ({ data, shape: [data.length / width, width], dtype: 'float32' }) as const;
const x = array(numbers(12, 43, -1, 1), 3);
const yp = array(numbers(8, 37), 2);
const yq = array(numbers(12, 29), 3);

type Ends = Readonly<Record<'p' | 'q', SymbolicTensor>>;

function build(outputs: (ends: Ends) => SymbolicTensor[] | Record<string, SymbolicTensor>) {
  const input = layers.input([3], { name: 'x' });
  const hidden = layers.dense({ units: 4, activation: 'tanh', name: 'h' }).apply(input);
  const p = layers.dense({ units: 2, name: 'p' }).apply(hidden);
  const q = layers.dense({ units: 3, name: 'q' }).apply(hidden);
  const model = models.model({ inputs: input, outputs: outputs({ p, q }) });
  model.getLayer('h').setWeights([numbers(12, 17), numbers(4, 11)]);
  model.getLayer('p').setWeights([numbers(8, 23), numbers(2, 7)]);
  model.getLayer('q').setWeights([numbers(12, 31), numbers(3, 13)]);
  return model;
}
const how = { batchSize: 2, shuffle: false, verbose: 0 } as const;

function expectHistory({ history }: History, want: Readonly<Record<string, readonly number[]>>): void {
  expect(Object.keys(history).sort()).toEqual(Object.keys(want).sort());
  for (const [name, values] of Object.entries(want)) {
    values.forEach((value, i) => {
      expect(history[name]?.[i], name).toBeCloseTo(value, 5);
    });
  }
}

describe('several outputs', () => {
  it('have losses, weights and metrics of their own, in a list', async () => {
    const model = build(({ p, q }) => [p, q]);
    model.compile({
      optimizer: optimizers.sgd({ learningRate: 0.1 }),
      loss: ['mse', 'mae'],
      lossWeights: [0.5, 2],
      metrics: [['mae'], ['mse', 'mae']],
    });
    expectHistory(await model.fit(x, [yp, yq], { ...how, epochs: 2 }), {
      loss: [0.9232678413391113, 0.788842499256134],
      p_loss: [0.17957396805286407, 0.1463756561279297],
      p_mae: [0.35410916805267334, 0.32916259765625],
      q_loss: [0.41674041748046875, 0.3578273355960846],
      q_mae: [0.41674041748046875, 0.3578273355960846],
      q_mse: [0.29051458835601807, 0.20811721682548523],
    });
    const kernel = (await model.getLayer('h').getWeights())[0] as Float32Array;
    expect(kernel[0]).toBeCloseTo(-0.536237359046936, 5);
    expect(kernel[11]).toBeCloseTo(0.30166617035865784, 5);
  });

  it('may have names, by which losses, metrics, labels and predictions go', async () => {
    const model = build(({ p, q }) => ({ left: p, right: q }));
    expect(model.outputNames).toEqual(['left', 'right']);
    model.compile({
      optimizer: optimizers.sgd({ learningRate: 0.1 }),
      loss: { right: 'mae', left: 'mse' },
      lossWeights: { left: 0.5, right: 2 },
      metrics: { right: ['mse'] },
    });
    const want = {
      left_loss: [0.17957396805286407],
      loss: [0.9232678413391113],
      right_loss: [0.41674041748046875],
      right_mse: [0.29051458835601807],
    };
    expectHistory(await model.fit(x, { right: yq, left: yp }, how), want);
    const { named, outputs } = await model.predict(x);
    expect([named.left, named.right]).toEqual(outputs);
    const again = await models.load(await model.toBytes());
    expect(again.outputNames).toEqual(['left', 'right']);
    expect(await again.predict(x)).toEqual(await model.predict(x));
    expect(Object.keys(await again.evaluate(x, { left: yp, right: yq }))).toEqual(
      Object.keys(await model.evaluate(x, { left: yp, right: yq })),
    );
  });

  it('need no loss each', async () => {
    const options = { optimizer: optimizers.sgd({ learningRate: 0.1 }), metrics: [null, ['mae']] };
    const model = build(({ p, q }) => [p, q]);
    model.compile({ ...options, loss: ['mse', null] });
    expectHistory(await model.fit(x, [yp, yq], how), {
      loss: [0.1755848377943039],
      q_mae: [0.4129687547683716],
    });
    // Without a metric the output needs no labels either.
    const alone = build(({ p, q }) => [p, q]);
    alone.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: { p: 'mse' } });
    expectHistory(await alone.fit(x, yp, how), { loss: [0.1755848377943039] });
    const again = await models.load(await alone.toBytes());
    expect(Object.keys(await again.evaluate(x, yp))).toEqual(['loss']);
  });

  it('are told apart in errors', async () => {
    const model = build(({ p, q }) => [p, q]);
    expect(() => model.compile({ loss: { p: 'mse', qq: 'mse' } })).toThrow(
      'compile: loss names "qq", which is no output of the model; did you mean "q"?\n  Its outputs are p, q.',
    );
    expect(() => model.compile({ loss: ['mse'] })).toThrow(
      'compile: loss has 1 entries for 2 outputs.\n  Give one for each output.',
    );
    expect(() => model.compile({ loss: 'mse', metrics: [['mae'], ['mae'], ['mae']] })).toThrow(
      'compile: metrics has 3 entries for 2 outputs.\n  Give one for each output.',
    );
    model.compile({ loss: 'mse' });
    await expect(model.fit(x, yp, how)).rejects.toThrow('fit: the model has 2 outputs; y brings 1.');
    await expect(model.fit(x, undefined, how)).rejects.toThrow('fit: no labels were given.');
  });
});

describe('several inputs', () => {
  it('may be given by name', async () => {
    const [a, b] = [layers.input([3]), layers.input([2])];
    const joined = layers.concatenate().apply([a, b]);
    const model = models.model({ inputs: { a, b }, outputs: layers.dense({ units: 1 }).apply(joined) });
    expect(model.inputNames).toEqual(['a', 'b']);
    const byName = await model.predict({ b: yp, a: x });
    expect(byName.data).toEqual((await model.predict([x, yp])).data);
    const again = await models.load(await model.toBytes());
    expect(again.inputNames).toEqual(['a', 'b']);
    expect((await again.predict({ b: yp, a: x })).data).toEqual(byName.data);
  });
});
