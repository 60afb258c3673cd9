// Recurrent layers beyond what the golden values show: training, states, masks, dropout, files, and what they refuse.
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Layer, layers, models, optimizers, setEngine, setRandomSeed, type Tensor, tensor } from '../../src/index.js';
import { inferenceContext } from '../../src/nn/layer.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { add, multiply, ones } from '../../src/ops/index.js';
import { copyWeights, expectSame, failure, ramp, valuesOf } from './layer-checks.js';

beforeEach(() => setRandomSeed(11));

/** Sequences of 8 signs; the answer is the sign at step 2. */
function remembered(count: number) {
  const x = new Float32Array(count * 8);
  const y = new Float32Array(count);
  for (let i = 0; i < x.length; i++) x[i] = Math.sin(i * i * 1.7 + i) > 0 ? 1 : -1;
  for (let i = 0; i < count; i++) y[i] = x[i * 8 + 2] === 1 ? 1 : 0;
  return {
    x: { data: x, shape: [count, 8, 1], dtype: 'float32' as const },
    y: { data: y, shape: [count, 1], dtype: 'float32' as const },
  };
}

describe.each(['native', 'wasm'] as const)('on %s', (engine) => {
  beforeEach(() => setEngine(engine));
  afterAll(() => setEngine('auto'));

  it.each(['lstm', 'gru', 'simpleRnn'] as const)('%s learns to remember a step', async (kind) => {
    const model = models.sequential([
      layers.input([8, 1]),
      layers[kind]({ units: 10 }),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ]);
    model.compile({
      optimizer: optimizers.adam({ learningRate: 0.03 }),
      loss: 'binaryCrossentropy',
      metrics: ['binaryAccuracy'],
    });
    const { x, y } = remembered(96);
    await model.fit(x, y, { epochs: 30, batchSize: 32, verbose: 0 });
    const { binary_accuracy: accuracy } = await model.evaluate(x, y);
    expect(accuracy).toBeGreaterThan(0.95);
    const again = await models.load(await model.toBytes());
    const [before, after] = [await model.predict(x), await again.predict(x)];
    expect(after.data).toEqual(before.data);
  });

  it('a stateful layer goes on where the batch before ended, until it is reset', async () => {
    const layer = layers.gru({ units: 3, stateful: true });
    const model = models.sequential([layers.input([2, 2], { batchSize: 2 }), layer]);
    const whole = layers.gru({ units: 3 });
    whole.ensureBuilt([[2, 4, 2]]);
    whole.setWeights(await layer.getWeights());
    const x = ramp([2, 4, 2]);
    const part = (from: number): Promise<Float32Array> =>
      model
        .predict({ data: Float32Array.from(half(valuesOf(x), from)), shape: [2, 2, 2], dtype: 'float32' })
        .then(({ data }) => data);
    const want = valuesOf(whole.apply(x));
    const first = await part(0);
    const second = await part(1);
    second.forEach((value, i) => {
      expect(value).toBeCloseTo(want[i] as number, 5);
    });
    layer.resetState();
    expect(await part(0)).toEqual(first);
  });
});

/** Steps 0 and 1, or 2 and 3, of [2,4,2]. */
const half = (values: readonly number[], from: number): number[] =>
  [0, 1].flatMap((row) => values.slice(row * 8 + from * 4, row * 8 + from * 4 + 4));

describe('states and masks', () => {
  it('starts from the states it is given, which may be inputs of the model', async () => {
    const x = layers.input([3, 2]);
    const [encoded, h, c] = layers.lstm({ units: 4, returnState: true }).applyAll(x) as [never, never, never];
    const y = layers.lstm({ units: 4, name: 'decoder' }).apply(x, { initialState: [h, c] });
    const model = models.model({ inputs: x, outputs: [encoded, y] });
    const loaded = await models.load(await model.toBytes());
    const data = ramp([2, 3, 2]);
    const [a, b] = [await model.predict(data), await loaded.predict(data)];
    expect(b.outputs[1]?.data).toEqual(a.outputs[1]?.data);
    // The decoder alone, from the encoder's states.
    const decoder = model.getLayer('decoder') as ReturnType<typeof layers.lstm>;
    const states = model.layers[1]?.run([data], inferenceContext).slice(1) as Tensor[];
    expectSame(decoder.apply(data, { initialState: states }), [...(a.outputs[1]?.data ?? [])], 5);
    expectSame(decoder.apply([data, ...states]), [...(a.outputs[1]?.data ?? [])], 5);
  });

  it('leaves out steps that do not count', () => {
    const layer = layers.lstm({ units: 3, returnSequences: true, returnState: true });
    const x = ramp([1, 5, 2]);
    const mask = tensor([[true, false, true, false, false]]);
    const [outputs, h] = layer.applyAll(x, { mask }) as [Tensor, Tensor];
    const kept = tensor(
      [0, 1, 4, 5].map((i) => valuesOf(x)[i] as number),
      { shape: [1, 2, 2] },
    );
    const [short] = layer.applyAll(kept) as [Tensor];
    const [first, last] = [valuesOf(short).slice(0, 3), valuesOf(short).slice(3)];
    expectSame(outputs, [first, first, last, last, last].flat());
    expectSame(h, last);
    const zeroed = layers.lstm({ units: 3, returnSequences: true, zeroOutputForMask: true });
    zeroed.ensureBuilt([[1, 5, 2]]);
    copyWeights(layer, zeroed);
    expectSame(zeroed.apply(x, { mask }), [first, [0, 0, 0], last, [0, 0, 0], [0, 0, 0]].flat());
  });

  it('heeds no mask that came with the input where it is given states, as Keras', () => {
    const layer = layers.gru({ units: 2 });
    const x = layers.masking().apply(tensor([[[1], [0], [2]]]));
    const state = tensor([[0, 0]]);
    const masked = valuesOf(layer.apply(x));
    const [given, told] = [{}, { mask: tensor([[true, false, true]]) }].map((more) =>
      valuesOf(layer.apply(x, { initialState: state, ...more })),
    );
    expect(given).not.toEqual(masked);
    expect(told).toEqual(masked);
  });

  it('stacked cells are layers one after the other', () => {
    const cells = [layers.lstmCell({ units: 3 }), layers.gruCell({ units: 2 })];
    const stacked = layers.rnn({ cell: cells, returnSequences: true, returnState: true });
    const x = ramp([2, 4, 3]);
    const all = stacked.applyAll(x);
    expect(all.map(({ shape }) => shape)).toEqual([
      [2, 4, 2],
      [2, 3],
      [2, 3],
      [2, 2],
    ]);
    const below = layers.rnn({ cell: cells[0] as Layer, returnSequences: true });
    const above = layers.rnn({ cell: cells[1] as Layer, returnSequences: true });
    expectSame(all[0] as Tensor, valuesOf(above.apply(below.apply(x))));
    // Step by step, as the stack is called on its own.
    const cell = layers.stackedRnnCells({ cells });
    const [output] = cell.run([ramp([2, 3]), ...cell.initialState(2)], inferenceContext);
    expect(output?.shape).toEqual([2, 2]);
  });

  it('runs a cell of the user’s own', () => {
    class Counting extends Layer {
      static override readonly className: string = 'Counting';
      readonly stateSize = 2;

      override call([x, before]: readonly Tensor[]): readonly Tensor[] {
        const next = add(before as Tensor, x as Tensor);
        return [multiply(next, 10), next];
      }
    }
    const layer = layers.rnn({ cell: new Counting(), returnSequences: true, goBackwards: true });
    expectSame(
      layer.apply(
        tensor([
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        ]),
      ),
      [50, 60, 80, 100, 90, 120],
    );
  });
});

describe('dropout', () => {
  const share = (values: readonly number[]): number => values.filter((value) => value === 0).length / values.length;

  it('drops the same inputs at every step, while training', () => {
    // With weights of 1 and no state the outputs show the masked inputs' sums.
    const make = (options: object) =>
      layers.simpleRnn({
        units: 1,
        activation: 'linear',
        kernelInitializer: 'ones',
        recurrentInitializer: 'zeros',
        returnSequences: true,
        ...options,
      });
    const x = ones([400, 3, 1]);
    const values = valuesOf(make({ dropout: 0.4, seed: 5 }).apply(x, { training: true }));
    for (let i = 0; i < values.length; i += 3) expect(new Set(values.slice(i, i + 3)).size).toBe(1);
    expect(Math.abs(share(values) - 0.4)).toBeLessThan(0.1);
    expect(Math.max(...values)).toBeCloseTo(1 / 0.6, 5);
    expectSame(make({ dropout: 0.4 }).apply(x), valuesOf(x));
  });

  it.each(['lstm', 'gru', 'simpleRnn'] as const)('%s drops the state, each gate its own', (kind) => {
    const layer = layers[kind]({ units: 6, recurrentDropout: 0.5, dropout: 0.5, seed: 3 });
    const x = ramp([2, 4, 5]);
    const [once, twice] = [layer.apply(x, { training: true }), layer.apply(x, { training: true })].map(valuesOf);
    expect(once).toEqual(twice);
    expect(once).not.toEqual(valuesOf(layer.apply(x)));
    const before = layers[kind]({ units: 6, recurrentDropout: 0.5 });
    before.ensureBuilt([[2, 4, 5]]);
    copyWeights(layer, before);
    expectSame(before.apply(x), valuesOf(layer.apply(x)));
  });
});

describe('options', () => {
  it('starts the forget gate at 1', async () => {
    const layer = layers.lstm({ units: 2 });
    layer.ensureBuilt([[null, 3, 2]]);
    expect([...((await layer.getWeights())[2] as Float32Array)]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
  });

  it('keeps what it was made with in its config', () => {
    const made = [
      layers.lstm({ units: 3, dropout: 0.25, kernelRegularizer: 'l2', activation: 'relu', unitForgetBias: false }),
      layers.gru({ units: 3, resetAfter: false, recurrentConstraint: 'nonNeg', seed: 4 }),
      layers.simpleRnn({ units: 3, seed: 9, stateful: true, goBackwards: true }),
      layers.rnn({ cell: [layers.gruCell({ units: 3 }), layers.simpleRnnCell({ units: 2 })], unroll: true }),
    ];
    for (const layer of made) {
      expect(layerFromConfig(layer.className, layer.config).config).toEqual(layer.config);
    }
  });

  it('gives its output in the dtype it computes in', () => {
    const layer = layers.gru({ units: 3, dtype: 'mixed_bfloat16', returnState: true });
    const [y, state] = layer.applyAll(ramp([2, 3, 2])) as [Tensor, Tensor];
    expect([y.dtype, state.dtype, layer.weights[0]?.dtype]).toEqual(['bfloat16', 'bfloat16', 'float32']);
  });

  it('names what is wrong', () => {
    expect(failure(() => layers.lstm({ units: 0 })).message).toBe(
      'LSTM: units must be a whole number of at least 1; got 0.',
    );
    expect(failure(() => layers.gru({ units: 2, dropout: 1 })).message).toBe(
      'GRU: dropout must be a number from 0 up to but without 1; got 1.',
    );
    expect(failure(() => layers.rnn({ cell: layers.dense({ units: 2, name: 'cell' }) })).message).toBe(
      'RNN: cell must be a cell, or a layer with stateSize; got "Dense".',
    );
    const layer = layers.lstm({ units: 2, name: 'memory' });
    expect(failure(() => layer.apply(ramp([2, 3]))).message).toBe(
      'LSTM: expects [batch,time,features]; got [2,3].\n' +
        '  A sequence of numbers needs an axis of features: reshape it to [batch,time,1].\n' +
        '  at memory',
    );
    expect(failure(() => layer.apply(ramp([2, 3, 1]), { initialState: ramp([2, 2]) })).message).toBe(
      'LSTM: initialState must be [2,2] and [2,2]; got [2,2].\n  at memory',
    );
    expect(failure(() => layer.apply(ramp([2, 3, 1]), { mask: tensor([[true, true]]) })).message).toBe(
      'LSTM: mask must be [2,3], one value for each step; got [1,2].\n  at memory',
    );
    expect(failure(() => layer.apply(ramp([2, 3, 1]), { useCausalMask: true })).message).toBe(
      'LSTM: takes no useCausalMask.\n  Beside its inputs it takes initialState.\n  at memory',
    );
    expect(
      failure(() => models.sequential([layers.input([3, 1]), layers.gru({ units: 2, stateful: true, name: 'g' })]))
        .message,
    ).toBe(
      'GRU: stateful needs a batch size that is known.\n' +
        '  Give it to the input: layers.input(shape, { batchSize: 32 }).\n  at g',
    );
  });
});
