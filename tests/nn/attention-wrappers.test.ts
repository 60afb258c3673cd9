// Layers around layers and attention beyond the figures: training, statistics, files, dropout, and what they refuse.
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { makeModelConfig, parseModelConfig, weightPaths } from '../../src/formats/index.js';
import {
  add,
  type CallContext,
  type Layer,
  layers,
  models,
  optimizers,
  registerLayer,
  setEngine,
  setRandomSeed,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { configOfModel, modelFromConfig } from '../../src/nn/model-config.js';
import { savedObject } from '../../src/nn/saving.js';
import { transpose } from '../../src/ops/index.js';
import { copyWeights, expectSame, failure, ramp, valuesOf } from './layer-checks.js';

beforeEach(() => setRandomSeed(23));

/** Sequences of 6 tokens from 1 to 5; the answer is the token after the one place that holds a 5. */
function lookups(count: number) {
  const x = new Int32Array(count * 6);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = (i * 7) % 5;
    for (let j = 0; j < 6; j++) x[i * 6 + j] = 1 + ((i * 31 + j * 17 + ((i * j) % 3)) % 4);
    x[i * 6 + at] = 5;
    y[i] = (x[i * 6 + at + 1] as number) - 1;
  }
  return {
    x: { data: x, shape: [count, 6], dtype: 'int32' as const },
    y: { data: y, shape: [count], dtype: 'int32' as const },
  };
}

/** A small transformer block over tokens: attention and dense layers, each with a shortcut and a norm. */
function transformer(): models.Model {
  const tokens = layers.input([6], { dtype: 'int32' });
  const embedded = layers.embedding({ inputDim: 6, outputDim: 16 }).apply(tokens);
  const mixed = layers.conv1d({ filters: 16, kernelSize: 2, padding: 'causal' }).apply(embedded);
  const attended = layers.multiHeadAttention({ numHeads: 2, keyDim: 8 }).apply([mixed, mixed]);
  const first = layers.layerNormalization().apply(layers.add().apply([mixed, attended]));
  const wide = layers.dense({ units: 32, activation: 'gelu' }).apply(first);
  const second = layers
    .layerNormalization()
    .apply(layers.add().apply([first, layers.dense({ units: 16 }).apply(wide)]));
  const pooled = layers.globalAveragePooling1d().apply(second);
  return models.model({ inputs: tokens, outputs: layers.dense({ units: 4, activation: 'softmax' }).apply(pooled) });
}

describe.each(['native', 'wasm'] as const)('on %s', (engine) => {
  beforeEach(() => setEngine(engine));
  afterAll(() => setEngine('auto'));

  it('a transformer block trains, and its file gives it back', async () => {
    const model = transformer();
    model.compile({
      optimizer: optimizers.adam({ learningRate: 0.01 }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
    });
    const { x, y } = lookups(128);
    await model.fit(x, y, { epochs: 30, batchSize: 32, verbose: 0 });
    const { accuracy } = await model.evaluate(x, y);
    expect(accuracy).toBeGreaterThan(0.9);
    const again = await models.load(await model.toBytes());
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
  });

  it('spectral normalization keeps the largest singular value at 1 while it trains', async () => {
    const layer = layers.spectralNormalization({
      layer: layers.dense({ units: 3, name: 'inner' }),
      powerIterations: 3,
    });
    const model = models.sequential([layers.input([4]), layer]);
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'mse' });
    const x = ramp([8, 4]);
    const y = ramp([8, 3], 0.9);
    const kernelValues = async (): Promise<number[]> => Array.from((await layer.getWeights())[0] as Float32Array);
    const before = await kernelValues();
    await model.fit(x, y, { epochs: 12, verbose: 0, shuffle: false });
    const kernel = await kernelValues();
    expect(kernel).not.toEqual(before);
    expect(largestSingularValue(kernel, 4, 3)).toBeCloseTo(1, 3);
    const again = await models.load(await model.toBytes());
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
  });

  it('an activity penalty joins the loss, over the batch', async () => {
    const model = models.sequential([
      layers.input([3]),
      layers.activityRegularization({ l1: 0.5, l2: 0.25 }),
      layers.dense({ units: 1, kernelInitializer: 'zeros', useBias: false }),
    ]);
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'mse' });
    const x = { data: Float32Array.of(1, -2, 3, 0, 1, -1), shape: [2, 3], dtype: 'float32' as const };
    const y = { data: new Float32Array(2), shape: [2, 1], dtype: 'float32' as const };
    const { loss } = await model.trainOnBatch(x, y);
    expect(loss).toBeCloseTo((0.5 * 8 + 0.25 * 16) / 2, 5);
  });
});

/** By many steps of power iteration over the squared matrix. */
function largestSingularValue(matrix: readonly number[], rows: number, columns: number): number {
  let v = Array.from({ length: columns }, (_, i) => 1 + i);
  let length = 0;
  for (let step = 0; step < 200; step++) {
    const u = Array.from({ length: rows }, (_, i) =>
      v.reduce((sum, value, j) => sum + value * (matrix[i * columns + j] ?? 0), 0),
    );
    v = Array.from({ length: columns }, (_, j) =>
      u.reduce((sum, value, i) => sum + value * (matrix[i * columns + j] ?? 0), 0),
    );
    length = Math.hypot(...v);
    v = v.map((value) => value / length);
  }
  return Math.sqrt(length);
}

describe('convolutional LSTM', () => {
  it('with channels first is the same with its axes turned', () => {
    const options = { filters: 2, kernelSize: 2, returnSequences: true, returnState: true } as const;
    const last = layers.convLstm2d(options);
    const first = layers.convLstm2d({ ...options, dataFormat: 'channelsFirst' });
    const x = ramp([1, 3, 4, 5, 2]);
    const want = last.applyAll(x);
    first.ensureBuilt([[1, 3, 2, 4, 5]]);
    copyWeights(last, first);
    const got = first.applyAll(transpose(x, [0, 1, 4, 2, 3]));
    expect(got.map(({ shape }) => shape)).toEqual([
      [1, 3, 2, 3, 4],
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
    expectSame(transpose(got[0] as Tensor, [0, 1, 3, 4, 2]), valuesOf(want[0] as Tensor));
    expectSame(transpose(got[2] as Tensor, [0, 2, 3, 1]), valuesOf(want[2] as Tensor));
  });

  it('drops inputs and states', () => {
    const layer = layers.convLstm1d({ filters: 2, kernelSize: 2, dropout: 0.5, recurrentDropout: 0.5, seed: 2 });
    const x = ramp([1, 3, 4, 2]);
    const [once, again, plain] = [
      layer.apply(x, { training: true }),
      layer.apply(x, { training: true }),
      layer.apply(x),
    ];
    expect(valuesOf(once)).toEqual(valuesOf(again));
    expect(valuesOf(once)).not.toEqual(valuesOf(plain));
  });
});

describe('locally connected layers', () => {
  it('multiply each window by filters of its own', () => {
    const layer = layers.locallyConnected2d({ filters: 2, kernelSize: [2, 1], strides: [1, 2] });
    const [h, w, c, f] = [3, 3, 2, 2];
    const x = ramp([1, h, w, c]);
    layer.ensureBuilt([[1, h, w, c]]);
    expect(layer.weights.map(({ shape }) => shape)).toEqual([
      [4, 4, 2],
      [2, 2, 2],
    ]);
    const [kernel, bias] = [ramp([4, 4, 2], 0.91), ramp([2, 2, 2], 0.5)];
    layer.setWeights([Float32Array.from(valuesOf(kernel)), Float32Array.from(valuesOf(bias))]);
    const [xs, ks, bs] = [x, kernel, bias].map(valuesOf) as [number[], number[], number[]];
    const want: number[] = [];
    for (let row = 0; row < 2; row++) {
      for (let column = 0; column < 2; column++) {
        for (let filter = 0; filter < f; filter++) {
          const place = row * 2 + column;
          let sum = bs[place * f + filter] as number;
          for (let dy = 0; dy < 2; dy++) {
            for (let channel = 0; channel < c; channel++) {
              const value = xs[((row + dy) * w + column * 2) * c + channel] as number;
              sum += value * (ks[(place * 4 + dy * c + channel) * f + filter] as number);
            }
          }
          want.push(sum);
        }
      }
    }
    expectSame(layer.apply(x), want);
    // Channels first: the same numbers, a patch's channels before its cells.
    const first = layers.locallyConnected2d({
      filters: 2,
      kernelSize: [2, 1],
      strides: [1, 2],
      dataFormat: 'channelsFirst',
      useBias: false,
    });
    first.ensureBuilt([[1, c, h, w]]);
    const turned = transpose(tensor(ks, { shape: [4, 2, 2, 2] }), [0, 2, 1, 3]);
    first.setWeights([Float32Array.from(valuesOf(turned))]);
    const without = want.map((value, i) => value - (bs[i] as number));
    expectSame(transpose(first.apply(transpose(x, [0, 3, 1, 2])), [0, 2, 3, 1]), without);
  });

  it('take sequences, too, and keep their options', () => {
    const layer = layers.locallyConnected1d({ filters: 3, kernelSize: 2, strides: 2, activation: 'tanh' });
    expect(layer.apply(ramp([2, 7, 2])).shape).toEqual([2, 3, 3]);
    expect(layer.weights.map(({ shape }) => shape)).toEqual([
      [3, 4, 3],
      [3, 3],
    ]);
    expect(layerFromConfig('LocallyConnected1D', layer.config).config).toEqual(layer.config);
    expect(
      failure(() => layers.locallyConnected1d({ filters: 3, kernelSize: 2, padding: 'same' as 'valid' })).message,
    ).toMatch(/^LocallyConnected1D: padding must be 'valid'; got "same"\./);
  });
});

describe('wrappers', () => {
  it('of the user’s own save what is inside', async () => {
    class Residual extends layers.Wrapper {
      static override readonly className: string = 'Residual';

      override call([x]: readonly [Tensor], context: CallContext): Tensor {
        return add(x, this.layer.run([x], context)[0] as Tensor);
      }
    }
    registerLayer(Residual, { package: 'wrappers' });
    const model = models.sequential([layers.input([3]), new Residual({ layer: layers.dense({ units: 3 }) })]);
    const again = await models.load(await model.toBytes());
    const x = ramp([2, 3]);
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
    expect(model.countParams()).toBe(12);
  });

  it('time steps of unknown number stay unknown', () => {
    const x = layers.input([null, 4, 3]);
    const y = layers.timeDistributed({ layer: layers.lstm({ units: 2 }) }).apply(x);
    expect(y.shape).toEqual([null, null, 2]);
    const z = layers.bidirectional({ layer: layers.gru({ units: 5, returnSequences: true }) }).apply(y);
    expect(z.shape).toEqual([null, null, 10]);
  });

  it('two directions have weights of their own', () => {
    const layer = layers.bidirectional({ layer: layers.lstm({ units: 2, name: 'memory' }) });
    layer.ensureBuilt([[null, 3, 2]]);
    expect(layer.weightPaths.filter((path) => path.endsWith('bias'))).toEqual([
      'forward_memory/lstm_cell/bias',
      'backward_memory/lstm_cell/bias',
    ]);
    expect(layerFromConfig('Bidirectional', layer.config).config).toEqual(layer.config);
  });

  it('name what is wrong', () => {
    expect(failure(() => layers.bidirectional({ layer: layers.dense({ units: 2 }) })).message).toBe(
      'Bidirectional: layer must be a recurrent layer; got "Dense".',
    );
    expect(
      failure(() => layers.bidirectional({ layer: layers.lstm({ units: 2 }), mergeMode: 'max' as 'sum' })).message,
    ).toBe("Bidirectional: mergeMode must be 'concat', 'sum', 'mul', 'ave' or null; got \"max\".");
    const pair = { layer: layers.lstm({ units: 2 }), name: 'both' };
    expect(failure(() => layers.bidirectional({ ...pair, backwardLayer: layers.lstm({ units: 2 }) })).message).toBe(
      'Bidirectional: layer and backwardLayer must go in different directions; give one goBackwards.\n  at both',
    );
    expect(failure(() => layers.timeDistributed({ layer: 3 as never })).message).toMatch(
      /^TimeDistributed: layer must be a layer; got 3\./,
    );
    const spectral = layers.spectralNormalization({ layer: layers.flatten({ name: 'flat' }), name: 'norm' });
    expect(failure(() => spectral.apply(ramp([2, 3, 4]))).message).toBe(
      'SpectralNormalization: layer "flat" has no kernel and no embeddings.\n' +
        '  Wrap a layer such as layers.dense or layers.conv2d.\n  at norm',
    );
  });
});

describe('attention', () => {
  it('drops scores while training', () => {
    const layer = layers.multiHeadAttention({ numHeads: 2, keyDim: 3, dropout: 0.5, seed: 1 });
    const x = ramp([1, 4, 5]);
    const [once, again, plain] = [true, true, false].map((training) => valuesOf(layer.apply([x, x], { training })));
    expect(once).toEqual(again);
    expect(once).not.toEqual(plain);
    const simple = layers.attention({ dropout: 0.5, seed: 1 });
    expect(valuesOf(simple.apply([x, x], { training: true }))).not.toEqual(valuesOf(simple.apply([x, x])));
  });

  it('gives its scores where asked, also in a model', async () => {
    const x = layers.input([4, 5]);
    const [y, scores] = layers
      .multiHeadAttention({ numHeads: 2, keyDim: 3 })
      .applyAll([x, x], { returnAttentionScores: true, useCausalMask: true }) as [typeof x, typeof x];
    expect(scores.shape).toEqual([null, 2, 4, 4]);
    const model = models.model({ inputs: x, outputs: [y, scores] });
    const again = await models.load(await model.toBytes());
    const data = ramp([2, 4, 5]);
    const [a, b] = [await model.predict(data), await again.predict(data)];
    expect(b.outputs[1]?.data).toEqual(a.outputs[1]?.data);
    const first = a.outputs[1]?.data.subarray(0, 4) ?? [];
    expect([...first]).toEqual([1, 0, 0, 0]);
  });

  it('takes masks that are inputs of the model', async () => {
    const x = layers.input([3, 4]);
    const allowed = layers.input([3, 3], { dtype: 'bool' });
    const y = layers.multiHeadAttention({ numHeads: 1, keyDim: 2 }).apply([x, x], { attentionMask: allowed });
    const model = models.model({ inputs: [x, allowed], outputs: y });
    const again = await models.load(await model.toBytes());
    const data = ramp([1, 3, 4]);
    const causal = (model.layers[2] as Layer).apply([data, data], { useCausalMask: true });
    const { data: got } = await again.predict([
      { data: Float32Array.from(valuesOf(data)), shape: [1, 3, 4], dtype: 'float32' },
      { data: Uint8Array.of(1, 0, 0, 1, 1, 0, 1, 1, 1), shape: [1, 3, 3], dtype: 'uint8' },
    ]);
    expectSame(causal, [...got], 5);
  });

  it('heeds the mask that an embedding finds', () => {
    const tokens = tensor(Int32Array.of(1, 2, 0, 0), { shape: [1, 4] });
    const embedding = layers.embedding({ inputDim: 3, outputDim: 4, maskZero: true });
    const layer = layers.multiHeadAttention({ numHeads: 1, keyDim: 2 });
    const x = embedding.apply(tokens);
    const short = embedding.apply(tensor(Int32Array.of(1, 2), { shape: [1, 2] }));
    const whole = valuesOf(layer.apply([x, x]));
    expectSame(layer.apply([short, short]), whole.slice(0, 8));
  });

  it('names what is wrong', () => {
    const x = ramp([1, 4, 5]);
    expect(failure(() => layers.multiHeadAttention({ numHeads: 0, keyDim: 2 })).message).toBe(
      'MultiHeadAttention: numHeads must be a whole number of at least 1; got 0.',
    );
    const layer = layers.multiHeadAttention({ numHeads: 2, keyDim: 2, name: 'heads' });
    expect(failure(() => layer.apply(x)).message).toBe(
      'MultiHeadAttention: takes query and value, and perhaps key; got 1 input.\n' +
        '  Apply it to a list; for self-attention the same tensor twice: layer.apply([x, x]).\n  at heads',
    );
    expect(failure(() => layer.apply([x, x, ramp([1, 3, 5])])).message).toBe(
      'MultiHeadAttention: value [1,4,5] and key [1,3,5] may differ in the last axis only.\n  at heads',
    );
    expect(
      failure(() => layers.groupQueryAttention({ headDim: 2, numQueryHeads: 3, numKeyValueHeads: 2, name: 'g' }))
        .message,
    ).toBe('GroupQueryAttention: numKeyValueHeads 2 must divide numQueryHeads 3.\n  at g');
    expect(failure(() => layers.attention({ name: 'a' }).apply(x)).message).toBe(
      'Attention: takes a list of query and value, and perhaps key; got 1 input.\n' +
        '  Apply it to a list: layer.apply([query, value]).\n  at a',
    );
    expect(failure(() => layers.einsumDense({ equation: 'ab,bc', outputShape: 2 })).message).toBe(
      'EinsumDense: equation must be of the form [X],[Y]->[Z], ...[X],[Y]->...[Z] or [X]...,[Y]->[Z]...; got "ab,bc".',
    );
    expect(
      failure(() =>
        layers.einsumDense({ equation: 'ab,bc->ac', outputShape: 2, biasAxes: 'b', name: 'e' }).apply(ramp([2, 3])),
      ).message,
    ).toBe('EinsumDense: biasAxes "b" names "b", which the output lacks (equation "ab,bc->ac").\n  at e');
  });

  it('computes in the dtype of its policy', () => {
    const layer = layers.multiHeadAttention({ numHeads: 2, keyDim: 2, dtype: 'mixed_bfloat16' });
    const y = layer.apply([ramp([1, 4, 5]), ramp([1, 4, 5])]);
    expect([y.dtype, ...layer.weights.map(({ dtype }) => dtype)]).toEqual(['bfloat16', ...Array(8).fill('float32')]);
  });
});

describe('files', () => {
  const tensorRef = (name: string, shape: readonly (number | null)[], dtype = 'float32') => ({
    class_name: '__keras_tensor__',
    config: { shape, dtype, keras_history: [name, 0, 0] },
  });
  const node = (className: string, config: object, args: unknown, kwargs: object = {}, module = 'keras.layers') => ({
    module,
    class_name: className,
    config,
    registered_name: null,
    name: (config as { name: string }).name,
    inbound_nodes: args === undefined ? [] : [{ args, kwargs }],
  });
  const tokens = tensorRef('tokens', [null, 4], 'int32');
  /** As Keras writes it: the mask is an operation of the graph, and `training: false` stands at every layer that could be told. */
  const stored = {
    class_name: 'Functional',
    config: {
      name: 'functional',
      trainable: true,
      layers: [
        node('InputLayer', { batch_shape: [null, 4], dtype: 'int32', name: 'tokens' }, undefined),
        node('Embedding', { name: 'embedding', input_dim: 5, output_dim: 3, mask_zero: true }, [tokens]),
        node('NotEqual', { name: 'not_equal' }, [tokens, 0], {}, 'keras.src.ops.numpy'),
        node('Dropout', { name: 'dropout', rate: 0.5 }, [tensorRef('embedding', [null, 4, 3])], { training: false }),
        node('LSTM', { name: 'lstm', units: 2 }, [tensorRef('dropout', [null, 4, 3])], {
          training: false,
          mask: tensorRef('not_equal', [null, 4], 'bool'),
        }),
      ],
      input_layers: [['tokens', 0, 0]],
      output_layers: [['lstm', 0, 0]],
    },
  };
  const data = tensor(Int32Array.of(1, 2, 0, 0, 3, 0, 4, 1), { shape: [2, 4] });

  it('of Keras carry masks as operations, which are read and written', async () => {
    const model = modelFromConfig(parseModelConfig(stored));
    const row = models.sequential([
      layers.input([4], { dtype: 'int32' }),
      layers.embedding({ inputDim: 5, outputDim: 3, maskZero: true }),
      layers.lstm({ units: 2 }),
    ]);
    copyWeights(row, model);
    const want = valuesOf(row.apply(data));
    expectSame(model.apply(data), want);
    const again = await models.load(await model.toBytes());
    expectSame(again.apply(data), want);
    const written = JSON.parse(JSON.stringify(makeModelConfig(configOfModel(again)))) as typeof stored;
    const find = (of: typeof stored, name: string) => of.config.layers.find((layer) => layer.name === name);
    expect(find(written, 'not_equal')).toEqual(find(stored, 'not_equal'));
    expect(find(written, 'lstm')?.inbound_nodes[0]?.kwargs).toEqual({
      mask: tensorRef('not_equal', [null, 4], 'bool'),
    });
  });

  it('of Keras leave the mode to the model', () => {
    const model = modelFromConfig(parseModelConfig(stored));
    expect(valuesOf(model.apply(data, { training: true }))).not.toEqual(valuesOf(model.apply(data)));
  });

  it('hold models inside wrappers', async () => {
    const inner = models.sequential([layers.input([3]), layers.dense({ units: 4 }), layers.dense({ units: 2 })]);
    const x = layers.input([5, 3]);
    const model = models.model({ inputs: x, outputs: layers.timeDistributed({ layer: inner }).apply(x) });
    const again = await models.load(await model.toBytes());
    const steps = ramp([2, 5, 3]);
    expect((await again.predict(steps)).data).toEqual((await model.predict(steps)).data);
  });

  it('keep heads that share keys under Keras’s name', async () => {
    const x = layers.input([4, 3]);
    const layer = layers.groupQueryAttention({ headDim: 2, numQueryHeads: 2, numKeyValueHeads: 1 });
    const model = models.model({ inputs: x, outputs: layer.apply([x, x]) });
    const paths = weightPaths(savedObject(model)).map(({ path }) => path);
    expect(paths).toContain('layers/grouped_query_attention/_query_dense/vars/0');
    const again = await models.load(await model.toBytes());
    expect((await again.predict(ramp([1, 4, 3]))).data).toEqual((await model.predict(ramp([1, 4, 3]))).data);
  });
});
