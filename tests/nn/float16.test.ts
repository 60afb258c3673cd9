// float16 in layers, and loss scaling in training. Wanted values: Keras 3.15 on TensorFlow 2.21 with the weights and data of
// `numbers` below, SGD(0.1), trainOnBatch four times on the same batch.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DtypePolicyName,
  type Layer,
  layers,
  models,
  optimizers,
  setDtypePolicy,
  setRandomSeed,
  tensor,
} from '../../src/index.js';
import { LossScaleOptimizer } from '../../src/nn/optimizers.js';
import { strokesAccuracy } from './strokes-accuracy.js';

beforeEach(() => setRandomSeed(7));
afterEach(() => setDtypePolicy('float32'));

/** Numbers of the given range in a fixed order. */
function numbers(size: number, step: number, low = -0.5, high = 0.5): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => low + ((high - low) * ((i * step) % 101)) / 100);
}

function kerasModel(policy: DtypePolicyName) {
  setDtypePolicy(policy);
  const model = models.sequential([
    layers.input([5, 5, 2]),
    layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu' }),
    layers.batchNormalization(),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
    layers.dense({ units: 3, activation: 'softmax' }),
  ]);
  model.setWeights([
    numbers(54, 37),
    numbers(3, 11),
    numbers(3, 29, 0.5, 1.5),
    numbers(3, 17),
    numbers(3, 13),
    numbers(3, 23, 0.5, 1.5),
    numbers(36, 41),
    numbers(3, 7),
  ]);
  setDtypePolicy('float32');
  return model;
}
const x = { data: numbers(200, 43, -1, 1), shape: [4, 5, 5, 2], dtype: 'float32' } as const;
const y = { data: Int32Array.of(0, 2, 1, 2), shape: [4], dtype: 'int32' } as const;

async function steps(model: ReturnType<typeof kerasModel>, count: number): Promise<number[]> {
  model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'sparseCategoricalCrossentropy' });
  const losses: number[] = [];
  for (let step = 0; step < count; step++) losses.push((await model.trainOnBatch(x, y)).loss as number);
  return losses;
}

describe('mixed_float16', () => {
  it('gives what Keras gives', async () => {
    const { data } = await kerasModel('mixed_float16').predict(x);
    const want = [0.2447509765625, 0.425537109375, 0.329833984375, 0.2459716796875, 0.368408203125, 0.38623046875];
    want.forEach((value, i) => {
      expect(Math.abs((data[i] as number) - value), `[${i}]`).toBeLessThan(3 * 2 ** -11);
    });
  });

  it('scales the loss by itself, and trains as Keras trains', async () => {
    const model = kerasModel('mixed_float16');
    const losses = await steps(model, 3);
    const optimizer = model.optimizer as LossScaleOptimizer;
    expect(optimizer).toBeInstanceOf(LossScaleOptimizer);
    // Keras rounds more on the way and leaves its first step out, so that its losses and weights are those of one step later.
    const wanted = [1.2799999713897705, 0.801467776298523, 0.348220556974411];
    losses.forEach((loss, i) => {
      expect(Math.abs(loss - (wanted[i] as number)), `loss ${i}: ${loss}`).toBeLessThan(3e-3);
    });
    expect(await optimizer.dynamicScale.tensor.item()).toBe(32768);
    expect(await optimizer.stepCounter.tensor.item()).toBe(3);
    const after = await model.getWeights();
    const want: Record<number, number[]> = {
      0: [-0.48898524045944214, -0.09830062091350555],
      1: [-0.47871091961860657, -0.4889501631259918],
      2: [0.4921196699142456, 0.8356912732124329],
      3: [-0.49250325560569763, -0.3362022340297699],
      6: [-0.504473865032196, -0.0612417608499527],
      7: [-0.4976348876953125, -0.44304323196411133],
    };
    for (const [i, values] of Object.entries(want)) {
      values.forEach((value, j) => {
        expect(Math.abs((after[Number(i)]?.[j] as number) - value), `weight ${i}[${j}]`).toBeLessThan(1e-3);
      });
    }
    expect(model.weights.every(({ dtype }) => dtype === 'float32')).toBe(true);
  });

  it('leaves steps out that overflow, and halves the scale until they do not', async () => {
    const model = kerasModel('mixed_float16');
    const optimizer = optimizers.lossScaleOptimizer({
      innerOptimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }),
      initialScale: 2 ** 22,
    });
    model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy' });
    const trainable = async () => Promise.all(model.trainableWeights.map(async (each) => [...(await each.elements())]));
    const [scales, counts, changed]: [number[], number[], boolean[]] = [[], [], []];
    for (let step = 0; step < 10; step++) {
      const before = await trainable();
      await model.trainOnBatch(x, y);
      changed.push(JSON.stringify(await trainable()) !== JSON.stringify(before));
      scales.push(await optimizer.dynamicScale.tensor.item());
      counts.push(await optimizer.iterations.tensor.item());
    }
    const left = changed.indexOf(true);
    expect(left).toBeGreaterThan(2);
    expect(changed).toEqual(changed.map((_, i) => i >= left));
    expect(scales).toEqual(scales.map((_, i) => 2 ** (22 - Math.min(i + 1, left))));
    expect(counts).toEqual(counts.map((_, i) => Math.max(0, i + 1 - left)));
  });

  it('saves the scale with the model', async () => {
    const model = kerasModel('mixed_float16');
    await steps(model, 4);
    const again = await models.load(await model.toBytes());
    expect(new Set(again.layers.map(({ dtypePolicy }) => dtypePolicy))).toEqual(new Set(['mixed_float16']));
    const values = async (of: typeof again) =>
      Promise.all(of.optimizer.variables.map(async (each) => [...(await each.elements())]));
    expect(await values(again)).toEqual(await values(model));
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
    expect((await again.trainOnBatch(x, y)).loss).toBe((await model.trainOnBatch(x, y)).loss);
  });

  it('scales nothing where it is not asked to, and leaves a fixed factor alone', () => {
    const model = kerasModel('mixed_float16');
    model.compile({ optimizer: 'sgd', loss: 'mse', autoScaleLoss: false });
    expect(model.optimizer.className).toBe('SGD');
    model.compile({ optimizer: optimizers.sgd({ lossScaleFactor: 64 }), loss: 'mse' });
    expect(model.optimizer.className).toBe('SGD');
    const exact = kerasModel('mixed_bfloat16');
    exact.compile({ optimizer: 'sgd', loss: 'mse' });
    expect(exact.optimizer.className).toBe('SGD');
  });

  it('learns the strokes nearly as well as float32', async () => {
    const [exact, mixed] = [await strokesAccuracy('float32'), await strokesAccuracy('mixed_float16', 'float32')];
    expect(exact).toBeGreaterThan(0.8);
    expect(mixed).toBeGreaterThan(exact - 0.04);
  });

  it('keeps a head of its own policy in float32', () => {
    setDtypePolicy('mixed_float16');
    const body = layers.dense({ units: 4 });
    const head = layers.dense({ units: 2, activation: 'softmax', dtype: 'float32' });
    const input = tensor([[1, 2, 3]]);
    expect([body.apply(input).dtype, head.apply(body.apply(input)).dtype]).toEqual(['float16', 'float32']);
    expect([...body.weights, ...head.weights].every(({ dtype }) => dtype === 'float32')).toBe(true);
  });
});

describe('float16', () => {
  it('keeps weights in float16, trains, and comes back from a file', async () => {
    const model = kerasModel('float16');
    expect(new Set(model.weights.map(({ dtype }) => dtype))).toEqual(new Set(['float16']));
    const losses = await steps(model, 4);
    const wanted = [1.2799999713897705, 0.8014581799507141, 0.3482913076877594, 0.19853875041007996];
    losses.forEach((loss, i) => {
      expect(Math.abs(loss - (wanted[i] as number)), `loss ${i}: ${loss}`).toBeLessThan(5e-3);
    });
    const again = await models.load(await model.toBytes());
    expect(await again.getWeights()).toEqual(await model.getWeights());
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
  });
});

/** A layer with an input for it: every kind of computation once. */
const KINDS: readonly [string, () => Layer, readonly number[]][] = [
  ['conv1d', () => layers.conv1d({ filters: 3, kernelSize: 3 }), [2, 8, 4]],
  ['conv2d', () => layers.conv2d({ filters: 3, kernelSize: 3, activation: 'gelu' }), [2, 6, 6, 4]],
  ['conv3d', () => layers.conv3d({ filters: 2, kernelSize: 2 }), [1, 4, 4, 4, 2]],
  ['conv2dTranspose', () => layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2 }), [2, 4, 4, 2]],
  ['depthwiseConv2d', () => layers.depthwiseConv2d({ kernelSize: 3 }), [2, 6, 6, 4]],
  ['separableConv2d', () => layers.separableConv2d({ filters: 3, kernelSize: 3 }), [2, 6, 6, 4]],
  ['dense', () => layers.dense({ units: 5, activation: 'softmax' }), [3, 7]],
  ['batchNormalization', () => layers.batchNormalization(), [3, 4, 4, 2]],
  ['layerNormalization', () => layers.layerNormalization(), [3, 7]],
  ['groupNormalization', () => layers.groupNormalization({ groups: 2 }), [2, 4, 4, 4]],
  ['maxPooling2d', () => layers.maxPooling2d({ poolSize: 2 }), [2, 4, 4, 3]],
  ['averagePooling2d', () => layers.averagePooling2d({ poolSize: 2, padding: 'same' }), [2, 5, 5, 3]],
  ['globalAveragePooling2d', () => layers.globalAveragePooling2d(), [2, 4, 4, 3]],
  ['upSampling2d', () => layers.upSampling2d({ size: 2, interpolation: 'bilinear' }), [1, 3, 3, 2]],
  ['zeroPadding2d', () => layers.zeroPadding2d({ padding: 1 }), [1, 3, 3, 2]],
  ['rescaling', () => layers.rescaling({ scale: 0.5, offset: 1 }), [2, 3]],
  ['leakyRelu', () => layers.leakyRelu(), [2, 5]],
  ['prelu', () => layers.prelu(), [2, 5]],
  ['softmax', () => layers.softmax(), [2, 5]],
  ['reshape', () => layers.reshape({ targetShape: [2, 3] }), [2, 6]],
  ['permute', () => layers.permute({ dims: [2, 1] }), [2, 3, 4]],
  ['lstm', () => layers.lstm({ units: 3 }), [2, 4, 3]],
];

describe.each(['mixed_float16', 'float16', 'mixed_bfloat16'] as const)('layers in %s', (policy) => {
  it.each(KINDS)('%s computes in 16 bits, near to float32', async (_name, make, shape) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const input = tensor(numbers(size, 37, -1, 1), { shape });
    const exact = make();
    const want = await exact.apply(input).data();
    setDtypePolicy(policy);
    const layer = make();
    layer.ensureBuilt([shape]);
    if (exact.weights.length > 0) layer.setWeights(await exact.getWeights());
    const output = layer.apply(input);
    expect(output.dtype).toBe(layer.computeDtype);
    const got = await output.data();
    const epsilon = policy === 'mixed_bfloat16' ? 2 ** -7 : 2 ** -10;
    const largest = Math.max(1, ...want.map(Math.abs));
    got.forEach((value, i) => {
      expect(Math.abs(value - (want[i] as number)), `[${i}] ${value} for ${want[i]}`).toBeLessThan(
        4 * epsilon * largest,
      );
    });
  });
});
