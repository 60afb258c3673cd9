// The cost of models against published counts: multiplications of whole networks, the course's examples, and receptive
// fields as published for the same networks.
import { describe, expect, test } from 'vitest';
import { add, Layer, layers, models, multiply, type Tensor, zoo } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';

const fieldOf = (model: TrainableModel, layer: string): unknown =>
  model.cost().layers.find(({ name }) => name === layer)?.receptiveField;

describe('multiplications', () => {
  test.each([
    ['vgg16', 15_470_264_320],
    ['alexnet', 714_188_480],
    ['torchvision/resnet50', 4_089_184_256],
    ['mobilenet', 568_740_352],
    ['mobilenet_v2', 300_774_272],
  ])('of %s', (name, want) => {
    expect(zoo.create(name).cost().multiplications).toBe(want);
  });

  test('of 32 filters of 5x5 on 28x28x192, alone and behind 16 of 1x1', () => {
    const wide = layers.conv2d({ filters: 32, kernelSize: 5, padding: 'same' });
    expect(models.sequential([layers.input([28, 28, 192]), wide]).cost().multiplications).toBe(120_422_400);
    const bottleneck = models.sequential([
      layers.input([28, 28, 192]),
      layers.conv2d({ filters: 16, kernelSize: 1 }),
      layers.conv2d({ filters: 32, kernelSize: 5, padding: 'same' }),
    ]);
    expect(bottleneck.cost().layers.map(({ multiplications }) => multiplications)).toEqual([2_408_448, 10_035_200]);
  });

  test('of a convolution and its separable form', () => {
    const plain = models.sequential([layers.input([6, 6, 3]), layers.conv2d({ filters: 5, kernelSize: 3 })]);
    const split = models.sequential([
      layers.input([6, 6, 3]),
      layers.separableConv2d({ filters: 5, kernelSize: 3, useBias: false }),
    ]);
    expect(plain.cost().multiplications).toBe(2160);
    expect(split.cost().multiplications).toBe(432 + 240);
  });

  test('of transposed convolutions, of dense layers on pictures, and of a layer called twice', () => {
    const up = models.sequential([
      layers.input([4, 4, 3]),
      layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2 }),
    ]);
    expect(up.cost().multiplications).toBe(4 * 4 * 3 * 3 * 3 * 2);
    const dense = models.sequential([layers.input([4, 5, 3]), layers.dense({ units: 7 })]);
    expect(dense.cost().layers[0]).toMatchObject({ multiplications: 4 * 5 * 3 * 7, receptiveField: [1, 1] });
    const shared = layers.dense({ units: 3 });
    const x = layers.input([3]);
    const twice = models.model({ inputs: x, outputs: shared.apply(shared.apply(x)) }).cost();
    expect([twice.parameters, twice.multiplications]).toEqual([12, 18]);
  });
});

describe('receptive fields', () => {
  test.each([
    ['vgg16', 'block5_pool', 212],
    ['alexnet', 'maxpool_9', 195],
    ['resnet50', 'conv5_block3_out', 483],
    ['mobilenet', 'conv_pw_13_relu', 315],
    ['inception_v3', 'mixed10', 1311],
  ])('of %s', (name, layer, want) => {
    expect(fieldOf(zoo.create(name), layer)).toEqual([want, want]);
  });

  test('of dilation, of unequal sides, and of what sees everything', () => {
    const model = models.sequential([
      layers.input([32, 32, 2]),
      layers.conv2d({ filters: 2, kernelSize: [3, 5], dilationRate: 2, name: 'dilated' }),
      layers.averagePooling2d({ poolSize: 2, name: 'pool' }),
      layers.upSampling2d({ size: 2, name: 'up' }),
      layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv' }),
      layers.globalAveragePooling2d({ name: 'means' }),
      layers.dense({ units: 3, name: 'dense' }),
    ]);
    expect(model.cost().layers.map(({ receptiveField }) => receptiveField)).toEqual([
      [5, 9],
      [6, 10],
      [6, 10],
      [8, 12],
      'all',
      'all',
    ]);
    // Channels that are weighed by means of the whole map see all of it.
    const x = layers.input([8, 8, 4]);
    const gate = layers.reshape({ targetShape: [1, 1, 4] }).apply(layers.globalAveragePooling2d().apply(x));
    const weighed = models.model({ inputs: x, outputs: layers.multiply({ name: 'weighed' }).apply([x, gate]) });
    expect(fieldOf(weighed, 'weighed')).toBe('all');
  });
});

test('layers of the user are counted, and the table shows all', () => {
  class Twice extends Layer {
    static override readonly className: string = 'Twice';
    override call([x]: readonly [Tensor]): Tensor {
      return add(x, multiply(x, 2));
    }
  }
  const model = models.sequential(
    [layers.input([6, 6, 1]), layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv' }), new Twice({ name: 'twice' })],
    { name: 'small' },
  );
  expect(String(model.cost())).toBe(
    [
      'layer          output   parameters  multiplications  activations  sees',
      'conv (Conv2D)  [4,4,2]          20              288           32   3x3',
      'twice (Twice)  [4,4,2]           0                0           32   3x3',
      'model "small"                   20              288           64',
    ].join('\n'),
  );
});

test('a model for pictures of any size wants to know which', () => {
  const x = layers.input([null, null, 1]);
  const model = models.model({
    inputs: x,
    outputs: layers.conv2d({ filters: 1, kernelSize: 3 }).apply(x),
    name: 'any',
  });
  expect(() => model.cost()).toThrow('model "any" takes inputs of any size: [any,any,1].');
  expect(model.cost({ inputShape: [5, 6, 1] }).multiplications).toBe(3 * 4 * 9);
});
