import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { layers, models, zoo } from '../../src/index.js';

const data = process.env.FOVEA_DATA;
const folder = mkdtempSync(join(tmpdir(), 'fovea-tfjs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ramp = (size: number, start: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => start + i / 8);

/** A model as tfjs itself writes it: Keras 2's config, with tfjs's own way of leaving things out. */
const TOPOLOGY = {
  class_name: 'Sequential',
  config: {
    name: 'sequential_1',
    layers: [
      {
        class_name: 'Conv2D',
        config: {
          filters: 2,
          kernel_initializer: {
            class_name: 'VarianceScaling',
            config: { scale: 1, mode: 'fan_avg', distribution: 'normal', seed: null },
          },
          kernel_regularizer: null,
          kernel_constraint: null,
          kernel_size: [2, 2],
          strides: [1, 1],
          padding: 'valid',
          data_format: 'channels_last',
          dilation_rate: [1, 1],
          activation: 'relu',
          use_bias: true,
          bias_initializer: { class_name: 'Zeros', config: {} },
          name: 'conv2d_Conv2D1',
          trainable: true,
          batch_input_shape: [null, 3, 3, 1],
          dtype: 'float32',
        },
      },
      { class_name: 'Flatten', config: { name: 'flatten_Flatten1', trainable: true } },
      {
        class_name: 'Dense',
        config: { units: 1, activation: 'linear', use_bias: true, name: 'dense_Dense1', trainable: true },
      },
    ],
  },
  keras_version: 'tfjs-layers 4.22.0',
  backend: 'tensor_flow.js',
};

const MANIFEST = [
  {
    paths: ['./weights.bin'],
    weights: [
      { name: 'conv2d_Conv2D1/kernel', shape: [2, 2, 1, 2], dtype: 'float32' },
      { name: 'conv2d_Conv2D1/bias', shape: [2], dtype: 'float32' },
      { name: 'dense_Dense1/kernel', shape: [8, 1], dtype: 'float32' },
      { name: 'dense_Dense1/bias', shape: [1], dtype: 'float32' },
    ],
  },
];
const NUMBERS = [ramp(8, -0.5), ramp(2, 0.25), ramp(8, -1), Float32Array.of(3)];
const BYTES = new Uint8Array(Float32Array.from(NUMBERS.flatMap((each) => [...each])).buffer);
const INPUT = { data: ramp(9, -1), shape: [1, 3, 3, 1], dtype: 'float32' as const };

const encode = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const write = (name: string, content: Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

/** The same network by hand. */
function expected(): number {
  const [kernel, bias, dense, last] = NUMBERS as [Float32Array, Float32Array, Float32Array, Float32Array];
  let sum = last[0] as number;
  for (let y = 0; y < 2; y++)
    for (let x = 0; x < 2; x++)
      for (let c = 0; c < 2; c++) {
        let value = bias[c] as number;
        for (let i = 0; i < 2; i++)
          for (let j = 0; j < 2; j++)
            value += (INPUT.data[(y + i) * 3 + x + j] as number) * (kernel[(i * 2 + j) * 2 + c] as number);
        sum += Math.max(0, value) * (dense[(y * 2 + x) * 2 + c] as number);
      }
  return sum;
}

describe('a tfjs layers model', () => {
  const json = {
    format: 'layers-model',
    generatedBy: 'TensorFlow.js tfjs-layers v4.22.0',
    modelTopology: TOPOLOGY,
    weightsManifest: MANIFEST,
  };

  it('is loaded from a folder, its model.json, and bytes', async () => {
    write('model.json', encode(json));
    write('weights.bin', BYTES);
    const fromBytes = () => models.load(encode(json), { files: { './weights.bin': BYTES } });
    for (const load of [() => models.load(folder), () => models.load(join(folder, 'model.json')), fromBytes]) {
      const model = await load();
      const { data: got } = await model.predict(INPUT);
      expect(got[0]).toBeCloseTo(expected(), 4);
      expect(model.getLayer('conv2d_Conv2D1').countParams()).toBe(10);
    }
  });

  it('is compiled where it was, and keeps what its maker wrote with it', async () => {
    const trainingConfig = {
      loss: 'mean_squared_error',
      metrics: ['mae'],
      optimizer_config: { class_name: 'SGD', config: { learning_rate: 0.25 } },
    };
    const model = await models.load(encode({ ...json, trainingConfig, userDefinedMetadata: { labels: ['a'] } }), {
      files: { './weights.bin': BYTES },
    });
    const { loss } = await model.trainOnBatch(INPUT, { data: Float32Array.of(0), shape: [1, 1], dtype: 'float32' });
    expect(loss).toBeCloseTo(expected() ** 2, 2);
    expect(model.metadata).toEqual({ labels: ['a'] });
  });

  it('of Keras 3, as its converter writes it', async () => {
    const mine = models.sequential([layers.input([3]), layers.dense({ units: 2, name: 'out' })], { name: 'three' });
    mine.setWeights([ramp(6, 0), ramp(2, 5)]);
    const { makeModelConfig } = await import('../../src/formats/index.js');
    const { configOfModel } = await import('../../src/nn/model-config.js');
    const topology = {
      keras_version: '3.15.1',
      backend: 'tensorflow',
      model_config: makeModelConfig(configOfModel(mine)),
    };
    const weights = [
      { name: 'three/out/kernel', shape: [3, 2], dtype: 'float32' },
      { name: 'three/out/bias', shape: [2], dtype: 'float32' },
    ];
    const bytes = new Uint8Array(Float32Array.from([...ramp(6, 0), ...ramp(2, 5)]).buffer);
    const model = await models.load(encode({ modelTopology: topology, weightsManifest: [{ paths: ['w'], weights }] }), {
      files: { w: bytes },
    });
    const x = { data: Float32Array.of(1, 2, 3), shape: [1, 3], dtype: 'float32' as const };
    expect([...(await model.predict(x)).data]).toEqual([...(await mine.predict(x)).data]);
  });

  it('says which weights do not fit', async () => {
    const other = MANIFEST.map(({ paths, weights }) => ({
      paths,
      weights: weights.map((each) => ({ ...each, name: each.name.replace('dense_Dense1', 'dense') })),
    }));
    await expect(
      models.load(encode({ ...json, weightsManifest: other }), { files: { './weights.bin': BYTES } }),
    ).rejects.toThrow(
      /the file has no weights for the layer "dense_Dense1"\n {2}the model has no layer for the file's "dense"/,
    );
  });
});

describe('tfjs weights without a topology', () => {
  const small = () =>
    models.sequential([
      layers.input([3, 3, 1]),
      layers.conv2d({ filters: 2, kernelSize: 2, activation: 'relu', name: 'conv2d_Conv2D1' }),
      layers.flatten(),
      layers.dense({ units: 1, name: 'dense_Dense1' }),
    ]);
  const manifest = encode(MANIFEST);
  const files = { './weights.bin': BYTES };

  it('go into a model by the names of its layers, else by their order', async () => {
    const model = small();
    await model.loadWeights(manifest, { files });
    expect((await model.predict(INPUT)).data[0]).toBeCloseTo(expected(), 4);
    const unnamed = models.sequential([
      layers.input([3, 3, 1]),
      layers.conv2d({ filters: 2, kernelSize: 2, activation: 'relu', name: 'a' }),
      layers.flatten(),
      layers.dense({ units: 1, name: 'b' }),
    ]);
    await unnamed.loadWeights(manifest, { files });
    expect((await unnamed.predict(INPUT)).data[0]).toBeCloseTo(expected(), 4);
  });

  it('go by name alone where that is asked for, and leave the rest', async () => {
    const model = models.sequential([
      layers.input([8]),
      layers.dense({ units: 1, name: 'dense_Dense1' }),
      layers.dense({ units: 2, name: 'new' }),
    ]);
    const before = await model.getLayer('new').getWeights();
    await expect(model.loadWeights(manifest, { files })).rejects.toThrow('2 mismatches');
    await model.loadWeights(manifest, { files, byName: true });
    expect((await model.getLayer('dense_Dense1').getWeights())[0]).toEqual(NUMBERS[2]);
    expect(await model.getLayer('new').getWeights()).toEqual(before);
  });

  it('are not a model', async () => {
    await expect(models.load(manifest, { files })).rejects.toThrow('weights without a model');
  });
});

describe.skipIf(data === undefined)('published tfjs models', () => {
  const at = (path: string): string => join(data ?? '', 'weights', path);

  it.skipIf(!existsSync(at('mobilenet-v1-0.25-tfjs')))(
    'MobileNet, weights alone, in the network of the zoo',
    async () => {
      const model = await zoo.create('mobilenet', { alpha: 0.25, weights: at('mobilenet-v1-0.25-tfjs/model.json') });
      expect(model.countParams()).toBe(475_544);
      const [kernel] = await model.getLayer('conv_dw_1').getWeights();
      const raw = readFileSync(at('mobilenet-v1-0.25-tfjs/group3-shard1of1'));
      expect([...(kernel ?? [])]).toEqual([...new Float32Array(new Uint8Array(raw).buffer)]);
    },
  );

  it.skipIf(!existsSync(at('tiny-darknet-tfjs')))('Tiny Darknet with its topology', async () => {
    const model = await models.load(at('tiny-darknet-tfjs'));
    expect([model.countParams(), model.inputShape, model.outputShape]).toEqual([
      1_046_488,
      [null, 224, 224, 3],
      [null, 1000],
    ]);
  });
});

describe('a model written for tfjs', () => {
  const wave = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.3));
  const image = { data: wave(2 * 8 * 8 * 2), shape: [2, 8, 8, 2], dtype: 'float32' as const };

  /** What tfjs spells otherwise: a model in a model that is called twice, depthwise weights, kept dimensions, a swish. */
  function network(): models.Model {
    const inner = models.sequential(
      [
        layers.input([8, 8, 2]),
        layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'silu' }),
        layers.leakyRelu({ negativeSlope: 0.2 }),
      ],
      { name: 'inner' },
    );
    const x = layers.input([8, 8, 2]);
    const twice = inner.apply(layers.relu({ maxValue: 6 }).apply(inner.apply(x)));
    const pooled = layers.globalAveragePooling2d({ keepDims: true }).apply(twice);
    const flat = layers.flatten().apply(layers.identity().apply(pooled));
    return models.model({ inputs: x, outputs: layers.dense({ units: 3, name: 'out' }).apply(flat), name: 'whole' });
  }

  it('comes back as it was', async () => {
    const model = network();
    model.metadata = { labels: ['a', 'b', 'c'] };
    const place = join(folder, 'written');
    await model.save(`${place}/`);
    const again = await models.load(place);
    expect(again.metadata).toEqual(model.metadata);
    const [want, got] = [await model.predict(image), await again.predict(image)];
    want.data.forEach((value, i) => {
      expect(got.data[i]).toBeCloseTo(value, 5);
    });
    const json = JSON.parse(readFileSync(join(place, 'model.json'), 'utf8'));
    const names = json.weightsManifest[0].weights.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['depthwise_conv2d/depthwise_kernel', 'depthwise_conv2d/bias', 'out/kernel', 'out/bias']);
    // Calls of a model within a model count from 1 in Keras 2.
    const calls = json.modelTopology.model_config.config.layers.flatMap(
      (layer: { inbound_nodes: unknown }) => layer.inbound_nodes,
    );
    expect(JSON.stringify(calls)).toContain('[["inner",1,0,{}]]');
    expect(JSON.stringify(calls)).toContain('[["inner",2,0,{}]]');
  });

  it('replaces the one before, and nothing else in the folder', async () => {
    const place = join(folder, 'replaced');
    const model = network();
    await model.save(join(place, 'model.json'));
    writeFileSync(join(place, 'notes.txt'), 'mine');
    const before = readdirSync(place);
    model.setWeights(model.weights.map(({ size }) => wave(size)));
    await model.save(`${place}/`);
    const after = readdirSync(place);
    expect(after).toHaveLength(before.length);
    expect(after.filter((name) => before.includes(name)).sort()).toEqual(['model.json', 'notes.txt']);
    expect(await (await models.load(place)).getWeights()).toEqual(await model.getWeights());
  });

  // Whole numbers halve a step of the range, float16 the last place of each value's eleven.
  it.each([
    ['uint8', (_: number, range: number) => (0.51 * range) / 255 + 1e-7],
    ['uint16', (_: number, range: number) => (0.51 * range) / 65535 + 1e-7],
    ['float16', (value: number) => Math.abs(value) * 2 ** -11 + 2 ** -25],
  ] as const)('packed as %s has weights within half a step', async (quantize, bound) => {
    const model = network();
    const place = join(folder, quantize);
    await model.save(`${place}/`, { quantize });
    const [want, got] = [await model.getWeights(), await (await models.load(place)).getWeights()];
    want.forEach((weight, i) => {
      const range = Math.max(...weight) - Math.min(...weight);
      weight.forEach((value, at) => {
        expect(Math.abs(value - (got[i]?.[at] as number))).toBeLessThanOrEqual(bound(value, range));
      });
    });
  });

  it('has recurrent layers and wrappers, their weights under the names that tfjs gives them', async () => {
    const x = layers.input([3, 4]);
    const both = layers.bidirectional({
      layer: layers.lstm({ units: 2, returnSequences: true, name: 'walk' }),
      name: 'both',
    });
    const each = layers.timeDistributed({ layer: layers.dense({ units: 4, name: 'inner' }), name: 'each' });
    const steps = [
      both.apply(x),
      each.apply(x),
      layers.simpleRnn({ units: 4, returnSequences: true }).apply(x),
    ] as const;
    const dotted = layers.dot({ axes: 2 }).apply([steps[0], steps[1]]);
    const outputs = layers
      .concatenate()
      .apply([
        layers.gru({ units: 2, resetAfter: false, name: 'last' }).apply(steps[2]),
        layers.flatten().apply(dotted),
      ]);
    const model = models.model({ inputs: x, outputs });
    model.setWeights(model.weights.map(({ size }) => wave(size)));
    const place = join(folder, 'recurrent');
    await model.save(`${place}/`);
    const again = await models.load(place);
    const given = { data: wave(24), shape: [2, 3, 4], dtype: 'float32' as const };
    const [want, got] = [await model.predict(given), await again.predict(given)];
    want.data.forEach((value, i) => {
      expect(got.data[i]).toBeCloseTo(value, 5);
    });
    const json = JSON.parse(readFileSync(join(place, 'model.json'), 'utf8'));
    const names = json.weightsManifest[0].weights.map(({ name }: { name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'both/forward_walk/recurrent_kernel',
        'both/backward_walk/bias',
        'each/kernel',
        'last/recurrent_kernel',
        'simple_rnn/kernel',
      ]),
    );
  });

  it('is refused where tfjs would compute something else', async () => {
    const x = layers.input([3, 4]);
    const other = layers.bidirectional({
      layer: layers.lstm({ units: 2 }),
      backwardLayer: layers.lstm({ units: 2, goBackwards: true, useBias: false }),
      name: 'other',
    });
    const outputs = [other.apply(x), layers.gru({ units: 2, name: 'after' }).apply(x)];
    const saved = models.model({ inputs: x, outputs }).save(`${join(folder, 'otherwise')}/`);
    await expect(saved).rejects.toThrow(
      '  other: tfjs has no backward layer of its own kind\n  after: tfjs has no reset_after (it is true)',
    );
  });

  it('is refused with all that tfjs lacks', async () => {
    const x = layers.input([8, 8, 4]);
    const y = layers.conv2d({ filters: 4, kernelSize: 1, groups: 2, name: 'grouped' }).apply(x);
    const z = layers.activation({ activation: 'hardSigmoid', name: 'hard' }).apply(y);
    const model = models.model({
      inputs: x,
      outputs: layers.spatialDropout2d({ rate: 0.5, name: 'drop' }).apply(z),
      name: 'm',
    });
    const path = join(folder, 'refused');
    await expect(model.save(`${path}/`)).rejects.toThrow(
      [
        'save: model "m" cannot be a TensorFlow.js layers model: 3 reasons.',
        '  grouped: tfjs has no groups (it is 2)',
        "  hard: tfjs has no activation hard_sigmoid that computes as Keras's",
        '  drop: tfjs has no layer SpatialDropout2D',
        '  Save it as .keras or .onnx; ONNX Runtime Web runs the latter in a page.',
      ].join('\n'),
    );
    expect(existsSync(path)).toBe(false);
  });
});
