// Rows 45 to 51 of the course: counting parameters and cost.
import type { Expected } from './expected.js';

const counting: Record<string, Expected> = {
  '45-conv-params': {
    prints: [
      '64 filters 7x7x1: 64 (49 + 1) = 3200, the layer has 3200',
      '128 filters 3x3x64: 128 (576 + 1) = 73856, the layer has 73856',
      '256 filters 3x3x256: 256 (2304 + 1) = 590080, the layer has 590080',
      '10 filters 3x3x3: 10 (27 + 1) = 280, the layer has 280',
      '28 x 10 = 280',
    ],
  },
  '46-conv-or-dense': {
    prints: [
      'to 28x28x1: shared 76, dense 2,409,232 parameters on 3072 inputs',
      'to 28x28x6: shared 456, dense 14,455,392 parameters on 3072 inputs',
      'an output of the convolution reads 75 inputs, one of the dense layer all 3072',
      'input, flatten and softmax have 0 weights',
    ],
  },
  '47-full-local-shared': {
    prints: [
      'small picture: a local unit reads 100, 100, 100 pixels, a dense one 400 of 400',
      'full: 1e+12 weights',
      'local: 1e+8 weights',
      'shared: 100 weights for each filter',
    ],
    draws: ['47-full-local-shared.png'],
  },
  '48-layer-table': {
    prints: [
      'layer f p s nc output parameters',
      /3 0 1 10 37x37x10 280$/,
      /5 0 2 20 17x17x20 5020$/,
      /5 0 2 40 7x7x40 20040$/,
      /1960 0$/,
      /1 1961$/,
      'total 27,301',
    ],
  },
  '49-separable-cost': {
    prints: [
      'outputs 4x4x5 and 4x4x5',
      'normal: 2160 multiplications, 135 weights',
      'separable: 432 + 240 = 672, 42 weights',
      'share 0.3111, 1/5 + 1/9 = 0.3111',
    ],
  },
  '50-bottleneck-cost': {
    prints: [
      'outputs 28x28x32 and 28x28x32',
      'direct: 120,422,400 multiplications',
      'through 16 maps: 2,408,448 + 10,035,200 = 12,443,648',
    ],
  },
  '51-receptive-field': {
    prints: [
      'two 3x3: 5, by gradients 5x5',
      'three 3x3: 7, by gradients 7x7',
      'MNIST convnet (58): 18, by gradients 18x18',
      'Fashion-MNIST network (54): 38, by gradients 38x38',
      'VGG16 (68): 212, by gradients 212x212',
    ],
  },
};

export default counting;
