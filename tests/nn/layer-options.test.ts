// Options, inputs, configs and modes of layers: what is refused and in which words, what is frozen, what is random.
import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { makeActivation } from '../../src/nn/activations.js';
import * as constraints from '../../src/nn/constraints.js';
import { type CallContext, inferenceContext, Layer, type LayerConfig, type LayerOptions } from '../../src/nn/layer.js';
import * as layers from '../../src/nn/layers/index.js';
import { InputLayer } from '../../src/nn/layers/input.js';
import { layerFromConfig, registeredName, registerLayer } from '../../src/nn/layers/registry.js';
import { l2 } from '../../src/nn/regularizers.js';
import type { PartialShape } from '../../src/nn/symbolic.js';
import { add, multiply } from '../../src/ops/arithmetic.js';
import { ones } from '../../src/ops/create.js';
import { randomKey } from '../../src/ops/random.js';
import { square } from '../../src/ops/unary.js';
import { evaluate } from './golden.js';

const messageOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

const valuesOf = async (x: Tensor): Promise<number[]> => Array.from((await evaluate([x]))[0] as ArrayLike<number>);

const training = (step = 0): CallContext => ({
  training: true,
  random: () => ({ key: randomKey(5, step), stream: 3 }),
});

describe('unknown and wrong options', () => {
  const conv =
    (options: object): (() => unknown) =>
    () =>
      layers.conv2d({ filters: 4, kernelSize: 3, ...options } as never);

  it.each<[string, () => unknown, string]>([
    ['snake_case', conv({ kernel_size: 3 }), 'Conv2D: unknown option "kernel_size"; did you mean "kernelSize"?'],
    [
      'a slip',
      conv({ name: 'stem', filtres: 3 }),
      'Conv2D: unknown option "filtres"; did you mean "filters"?\n  at stem',
    ],
    [
      'nothing like it',
      () => layers.flatten({ colour: 1 } as never),
      'Flatten: unknown option "colour".\n  Known are dataFormat, name, trainable, dtype, activityRegularizer, inputShape.',
    ],
    ['missing', () => layers.dense({} as never), 'Dense: option "units" is missing.'],
    [
      'no object',
      () => layers.dense(10 as never),
      'Dense: takes one object of options; got 10.\n  Its options are units, activation, useBias, kernelInitializer, biasInitializer, kernelRegularizer, biasRegularizer, kernelConstraint, biasConstraint, name, trainable, dtype, activityRegularizer, inputShape.',
    ],
    [
      'filters 0',
      conv({ filters: 0, name: 'a' }),
      'Conv2D: filters must be a whole number of at least 1; got 0.\n  at a',
    ],
    [
      'padding',
      conv({ padding: 'sames' }),
      "Conv2D: padding must be 'valid' or 'same'; got \"sames\".\n  Did you mean 'same'?",
    ],
    ['groups', conv({ filters: 6, groups: 4, name: 'a' }), 'Conv2D: groups 4 must divide filters 6.\n  at a'],
    [
      'both steps',
      conv({ strides: 2, dilationRate: 2, name: 'a' }),
      'Conv2D: strides 2,2 and dilationRate 2,2 cannot both be above 1.\n  at a',
    ],
    [
      'activation',
      conv({ activation: 'reul', name: 'a' }),
      'Conv2D: unknown activation "reul"; did you mean "relu"?\n  at a',
    ],
    [
      'initializer',
      conv({ kernelInitializer: 'heNormla' }),
      'Conv2D: kernelInitializer: unknown initializer "heNormla"; did you mean "heNormal"?',
    ],
    [
      'regularizer',
      conv({ kernelRegularizer: { l2: -1 } }),
      'Conv2D: kernelRegularizer: a regularizer is {l1, l2} or {orthogonal} with factors of at least 0; got {"l2":-1}.\n  Write for example kernelRegularizer: { l2: 0.01 }.',
    ],
    [
      'pool',
      () => layers.maxPooling2d({ poolSize: [2, 0] }),
      'MaxPooling2D: poolSize must be a whole number of at least 1, or two of them; got [2,0].',
    ],
    ['rate', () => layers.dropout({ rate: 1 }), 'Dropout: rate must be a number from 0 up to but without 1; got 1.'],
    [
      'dims',
      () => layers.permute({ dims: [1, 3], name: 'p' }),
      'Permute: dims must hold every axis from 1 to 2 once; got [1,3].\n  at p',
    ],
    [
      'two open sizes',
      () => layers.reshape({ targetShape: [-1, -1], name: 'r' }),
      'Reshape: only one size of targetShape can be -1; got [-1,-1].\n  at r',
    ],
    [
      'dtype',
      conv({ dtype: 'float64' }),
      'Conv2D: dtype "float64" is not supported.\n  Give one of float32, mixed_bfloat16, mixed_float16, bfloat16, float16, int32, uint8.',
    ],
    [
      'input',
      () => layers.input([28, 0]),
      'InputLayer: shape must be sizes without the batch, null where unknown; got [28,0].\n  Write for example layers.input([28, 28, 1]).',
    ],
  ])('%s', (_name, body, message) => {
    expect(messageOf(body)).toBe(message);
  });
});

describe('wrong inputs', () => {
  const built = (layer: Layer, shape: PartialShape): Layer => {
    layer.ensureBuilt([shape]);
    return layer;
  };
  const conv = (shape: PartialShape): Layer =>
    built(layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv1' }), shape);

  it.each<[string, Layer, number[], string]>([
    [
      'rows for pictures',
      conv([null, 28, 28, 1]),
      [32, 784],
      'Conv2D: expects [batch,28,28,1]; got [32,784].\n  Reshape it to [32,28,28,1].\n  at conv1',
    ],
    [
      'rows, unbuilt',
      layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv1' }),
      [32, 784],
      'Conv2D: expects [batch,height,width,channels]; got [32,784].\n  If each row is a 28x28 picture, reshape to [32,28,28,1].\n  at conv1',
    ],
    [
      'no channels',
      layers.maxPooling2d({ name: 'pool' }),
      [32, 28, 28],
      'MaxPooling2D: expects [batch,height,width,channels]; got [32,28,28].\n  Add the axis that is missing: for one channel, reshape to [32,28,28,1].\n  at pool',
    ],
    [
      'channels',
      conv([null, 28, 28, 3]),
      [1, 28, 28, 1],
      'Conv2D: expects [batch,height,width,3]; got [1,28,28,1].\n  Give it as many channels as it was built for, or make a new layer.\n  at conv1',
    ],
    [
      'features',
      built(layers.dense({ units: 2, name: 'fc' }), [null, 784]),
      [32, 28, 28, 1],
      'Dense: expects [batch,784]; got [32,28,28,1].\n  Flatten it first, with layers.flatten().\n  at fc',
    ],
    [
      'axis',
      built(layers.batchNormalization({ name: 'bn' }), [null, 4]),
      [2, 5],
      'BatchNormalization: expects [batch,4]; got [2,5].\n  at bn',
    ],
    [
      'reshape',
      layers.reshape({ targetShape: [4, -1], name: 'r' }),
      [2, 6],
      'Reshape: cannot make [4,-1] of [6]: it has 6 elements.\n  at r',
    ],
    [
      'one input',
      layers.add({ name: 'sum' }),
      [2, 3],
      'Add: joins at least 2 inputs; got 1.\n  Apply it to a list: layer.apply([a, b]).\n  at sum',
    ],
  ])('%s', (_name, layer, shape, message) => {
    expect(messageOf(() => layer.apply(ones(shape)))).toBe(message);
  });

  it('of merges are named', () => {
    expect(messageOf(() => layers.concatenate({ name: 'cat' }).apply([ones([1, 4, 4, 2]), ones([1, 3, 4, 2])]))).toBe(
      'Concatenate: inputs may differ along axis 3 only; got [1,4,4,2] and [1,3,4,2].\n  Crop, pad or resize them to one size first.\n  at cat',
    );
    expect(messageOf(() => layers.add({ name: 'sum' }).apply([ones([2, 3]), ones([2, 4])]))).toBe(
      'Add: shapes [2,3] and [2,4] do not broadcast.\n  Sizes must be equal or 1, counted from the last axis.\n  at sum',
    );
  });

  it('with an unknown size that a weight needs are refused', () => {
    const x = layers.input([null, null, 3]);
    const flat = layers.flatten().apply(x);
    expect(messageOf(() => layers.dense({ units: 2, name: 'fc' }).apply(flat))).toContain('"kernel"');
  });
});

describe('configs', () => {
  it('of Keras 2 are read', () => {
    const conv = layerFromConfig('Conv2D', {
      name: 'c',
      trainable: true,
      batch_input_shape: [null, 28, 28, 1],
      dtype: 'float32',
      filters: 8,
      kernel_size: [3, 3],
      padding: 'same',
      data_format: 'channels_last',
      activation: 'relu',
      kernel_initializer: {
        class_name: 'VarianceScaling',
        config: { scale: 1, mode: 'fan_avg', distribution: 'uniform', seed: null },
      },
      bias_initializer: 'zeros',
      kernel_regularizer: { class_name: 'L1L2', config: { l1: 0, l2: 0.5 } },
      kernel_constraint: null,
    });
    expect((conv as unknown as { declaredInput: PartialShape }).declaredInput).toEqual([null, 28, 28, 1]);
    expect(conv.config).toMatchObject({ strides: [1, 1], use_bias: true, activation: 'relu' });
    expect(layerFromConfig('BatchNormalization', { axis: [3] }).config.axis).toBe(3);
    expect(layerFromConfig('LeakyReLU', { alpha: 0.25 }).config.negative_slope).toBe(0.25);
    expect(layerFromConfig('InputLayer', { batch_input_shape: [null, 4], name: 'in' }).config.batch_shape).toEqual([
      null,
      4,
    ]);
  });

  it('keep activations that are layers', () => {
    const dense = layers.dense({ units: 2, activation: layers.leakyRelu({ negativeSlope: 0.1, name: 'slope' }) });
    expect(dense.config.activation).toMatchObject({
      module: 'keras.layers',
      class_name: 'LeakyReLU',
      config: { negative_slope: 0.1 },
    });
    expect(layerFromConfig('Dense', dense.config).config).toEqual(dense.config);
  });

  it.each<[string, string, LayerConfig, string]>([
    [
      'activity regularizer',
      'Dense',
      { name: 'd', units: 2, activity_regularizer: { class_name: 'L3' } },
      'Dense: regularizer "L3" is not supported.\n  L1, L2, L1L2 and OrthogonalRegularizer are.',
    ],
    [
      'renorm',
      'BatchNormalization',
      { renorm: true },
      'BatchNormalization: renorm true is not supported.\n  Without it the layer would compute something else.',
    ],
    [
      'class',
      'Swril',
      {},
      'layerFromConfig: layer class "Swril" is not known.\n  If it is a layer of yours, call registerLayer(Swril) before loading.',
    ],
    [
      'custom class',
      'mine>Swirl',
      { name: 's' },
      'layerFromConfig: layer class "mine>Swirl" is not known.\n  If it is a layer of yours, call registerLayer(Swirl, { package: \'mine\' }) before loading.\n  at s',
    ],
    [
      'lambda',
      'Lambda',
      { name: 'l' },
      'Lambda: layer "l" holds a function; code in files is never run.\n  Build the model in code with layers.lambda and load the weights alone.\n  at l',
    ],
    [
      'regularizer',
      'Dense',
      { units: 1, kernel_regularizer: { class_name: 'SparsityRegularizer', config: {} } },
      'Dense: regularizer "SparsityRegularizer" is not supported.\n  L1, L2, L1L2 and OrthogonalRegularizer are.',
    ],
    ['dtype', 'Flatten', { dtype: 'float64' }, 'Flatten: dtype "float64" is not supported.'],
  ])('refuse what would change the result: %s', (_name, className, config, message) => {
    expect(messageOf(() => layerFromConfig(className, config))).toBe(message);
  });

  it('of functions are refused', () => {
    expect(messageOf(() => layers.lambda((x) => square(x), { name: 'sq' }).config)).toBe(
      'Lambda: layer "sq" holds a function, which cannot be saved.\n  Make it a layer class and register it with registerLayer, or save the weights alone.\n  at sq',
    );
    expect(messageOf(() => layers.dense({ units: 1, activation: (x) => x, name: 'd' }).config)).toBe(
      'Dense: a function given as an activation cannot be saved.\n  Give its name, or make it a layer class and register it.\n  at d',
    );
  });

  it('make custom layers that are registered', async () => {
    class Twice extends Layer {
      static override readonly className = 'Twice';
      static override readonly module = 'mine';
      readonly factor: number;
      constructor({ scaleFactor = 2, ...options }: LayerOptions & { scaleFactor?: number } = {}) {
        super(options);
        this.factor = scaleFactor;
      }
      override call([x]: readonly [Tensor]): Tensor {
        return multiply(x, this.factor);
      }
      override getConfig(): LayerConfig {
        return { scale_factor: this.factor };
      }
    }
    registerLayer(Twice, { package: 'mine' });
    const layer = layerFromConfig('mine>Twice', new Twice({ scaleFactor: 3, name: 't' }).config);
    expect(layer.name).toBe('t');
    expect(registeredName(layer)).toBe('mine>Twice');
    expect(await valuesOf(layer.apply(tensor([1, 2])))).toEqual([3, 6]);
  });
});

describe('modes', () => {
  const statistics = (layer: Layer): Tensor[] => layer.weights.map((weight) => weight.tensor);

  it('frozen batch normalisation uses and keeps its statistics', async () => {
    const x = tensor([
      [1, 2],
      [3, 6],
    ]);
    const frozen = layers.batchNormalization({ trainable: false });
    const [y] = frozen.run([x], training());
    expect(frozen.trainableWeights).toEqual([]);
    expect(await valuesOf(statistics(frozen)[2] as Tensor)).toEqual([0, 0]);
    const [inferred] = frozen.run([x], inferenceContext);
    expect(await valuesOf(y as Tensor)).toEqual(await valuesOf(inferred as Tensor));
    const free = layers.batchNormalization({ momentum: 0.5 });
    free.run([x], training());
    expect(await valuesOf(statistics(free)[2] as Tensor)).toEqual([1, 2]);
    expect(await valuesOf(statistics(free)[3] as Tensor)).toEqual([1, 2.5]);
  });

  it('dropout drops while training only, and its seed outlives the global one', async () => {
    const x = ones([8, 64]);
    const layer = layers.dropout({ rate: 0.25 });
    expect(layer.run([x], inferenceContext)[0]).toBe(x);
    const values = await valuesOf(layer.run([x], training())[0] as Tensor);
    const kept = values.filter((value) => value !== 0);
    expect(kept.every((value) => Math.abs(value - 4 / 3) < 1e-6)).toBe(true);
    expect(kept.length / values.length).toBeGreaterThan(0.65);
    expect(kept.length / values.length).toBeLessThan(0.85);
    const seeded = layers.dropout({ rate: 0.5, seed: 1 });
    const mask = async (seed: number, step: number): Promise<number[]> =>
      valuesOf(
        seeded.run([x], { training: true, random: () => ({ key: randomKey(seed, step), stream: seed }) })[0] as Tensor,
      );
    expect(await mask(1, 0)).toEqual(await mask(2, 0));
    expect(await mask(1, 0)).not.toEqual(await mask(1, 1));
  });

  it('spatial dropout drops whole channels', async () => {
    const [y] = layers.spatialDropout2d({ rate: 0.5 }).run([ones([2, 3, 3, 16])], training());
    const values = await valuesOf(y as Tensor);
    for (let n = 0; n < 2; n++) {
      for (let c = 0; c < 16; c++) {
        const channel = Array.from({ length: 9 }, (_, i) => values[(n * 9 + i) * 16 + c]);
        expect(new Set(channel).size).toBe(1);
      }
    }
    expect(new Set(values)).toEqual(new Set([0, 2]));
  });

  it('regularizers give the penalty of their weights', async () => {
    const layer = layers.dense({ units: 2, kernelRegularizer: { l1: 0.5, l2: 0.25 }, biasRegularizer: l2(2) });
    layer.ensureBuilt([[null, 2]]);
    layer.setWeights([Float32Array.of(1, -2, 3, 0), Float32Array.of(1, 1)]);
    const [loss, ...others] = layer.losses;
    expect(others).toEqual([]);
    expect(await valuesOf(loss as Tensor)).toEqual([0.5 * 6 + 0.25 * 14 + 2 * 2]);
    expect(layers.dense({ units: 1 }).losses).toEqual([]);
  });

  it('activations take both spellings and aliases', () => {
    expect(makeActivation('leaky_relu' as never).name).toBe('leakyRelu');
    expect(makeActivation('swish').serialize()).toBe('silu');
    expect(makeActivation('logSoftmax').isPointwise).toBe(false);
    expect(makeActivation(undefined).serialize()).toBe('linear');
  });

  it('channels-first activations along the channels see the axes that the user sees', async () => {
    const weights = [new Float32Array(6).fill(0.5).map((value, i) => value * i), Float32Array.of(1, 0, -1)];
    const run = async (activation: 'softmax' | 'linear'): Promise<Tensor> => {
      const layer = layers.conv2d({ filters: 3, kernelSize: 1, dataFormat: 'channelsFirst', activation });
      const x = tensor([
        [
          [
            [1, 2],
            [3, 4],
          ],
          [
            [0, 1],
            [0, 1],
          ],
        ],
      ]);
      layer.ensureBuilt([x.shape]);
      layer.setWeights(weights);
      return layer.apply(x);
    };
    const softmaxed = await valuesOf(await run('softmax'));
    const plain = await valuesOf(await run('linear'));
    const [a, b] = plain as [number, number];
    expect(softmaxed[0]).toBeCloseTo(Math.exp(a) / (Math.exp(a) + Math.exp(b)), 6);
  });
});

describe('inputs', () => {
  it('are symbolic tensors that come from an input layer', () => {
    const x = layers.input([28, 28, 1], { name: 'picture', batchSize: 4, dtype: 'uint8' });
    expect(x.shape).toEqual([4, 28, 28, 1]);
    expect(x.dtype).toBe('uint8');
    expect(x.source?.call.layer).toBeInstanceOf(InputLayer);
    expect(x.source?.call.layer.config).toEqual({
      batch_shape: [4, 28, 28, 1],
      dtype: 'uint8',
      sparse: false,
      ragged: false,
      name: 'picture',
      optional: false,
    });
  });

  it('flow through lambdas and unknown sizes', () => {
    const x = layers.input([null, null, 3]);
    const y = layers.conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: 'same' }).apply(x);
    expect(y.shape).toEqual([null, null, null, 5]);
    expect(layers.lambda((each) => add(square(each), 1)).apply(y).shape).toEqual([null, null, null, 5]);
    expect(layers.globalAveragePooling2d({ keepDims: true }).apply(y).shape).toEqual([null, 1, 1, 5]);
  });
});

describe('constraints', () => {
  it('travel through a config and bind the weight', async () => {
    const layer = layers.dense({
      units: 2,
      kernelConstraint: constraints.maxNorm({ maxValue: 0.5 }),
      biasConstraint: 'nonNeg',
    });
    const { kernel_constraint: kernel, bias_constraint: bias } = layer.config;
    expect(kernel).toMatchObject({ class_name: 'MaxNorm', config: { max_value: 0.5, axis: 0 } });
    expect(bias).toMatchObject({ class_name: 'NonNeg', config: {} });
    const again = layerFromConfig('Dense', layer.config);
    expect(again.config).toEqual(layer.config);
    again.ensureBuilt([[null, 3]]);
    const [weight] = again.weights;
    const [long] = await evaluate([
      weight?.constraint?.(
        tensor([
          [3, 0.1],
          [4, 0.1],
          [0, 0.1],
        ]),
      ) as Tensor,
    ]);
    const want = [0.3, 0.1, 0.4, 0.1, 0, 0.1];
    want.forEach((value, i) => {
      expect((long as ArrayLike<number>)[i]).toBeCloseTo(value, 6);
    });
  });

  it('refuse what they do not know', () => {
    expect(messageOf(() => layers.dense({ units: 1, kernelConstraint: 'maxnrm' }))).toBe(
      'Dense: kernelConstraint: unknown constraint "maxnrm"; did you mean "maxNorm"?',
    );
    expect(messageOf(() => constraints.maxNorm({ maxValue: -1 }))).toBe(
      'maxNorm: maxValue must be a number of at least 0; got -1.',
    );
  });
});
