// Rows 67 to 76 of the course: architectures.
import type { Expected } from './expected.js';

const architectures: Record<string, Expected> = {
  '67-lenet': {
    prints: [
      /^c1 28x28x6 456$/,
      /^s2 14x14x6 0$/,
      /^c3 10x10x16 2,416$/,
      /^s4 5x5x16 0$/,
      /^flatten 400 0$/,
      /^c5 120 48,120$/,
      /^f6 84 10,164$/,
      /^predictions 10 850$/,
      'on colour 62,006, on grey 61,706',
      '1998: C1 156, S2 12, C3 1516, S4 32, C5 48,120, F6 10,164',
      '1998: 60,000 trained, 840 fixed',
      'map 0 of C3 sees 3 maps of 6',
    ],
  },
  '68-alexnet-vgg16': {
    prints: [
      'AlexNet: 62,378,344 parameters',
      'after pool5: 6x6x256',
      'AlexNet in two columns: 60,965,224 parameters',
      'VGG16: 138,357,544 parameters',
      'after block5_pool: 7x7x512',
      "VGG16's filters: 64 64 128 128 256 256 256 512 512 512 512 512 512",
    ],
  },
  '69-res-block': {
    prints: [
      'weights 0: the block gives its input: true',
      'another size: 4x4x8 by Ws of 1x1x4x8',
      'ResNet-50: 25,636,712 parameters',
    ],
  },
  '70-one-by-one': {
    prints: ['outputs 28x28x32 and 28x28x32', 'parameters 6176 and 6176, the same numbers: true'],
  },
  '71-inception': {
    prints: [
      '64 + 128 + 32 + 32 maps: 28x28x256',
      'GoogLeNet 6,998,552, with both side heads 13,378,280',
      'blocks 9, outputs 3',
    ],
  },
  '72-mobilenets': {
    prints: [
      'MobileNet: 13 separable blocks, 4,253,864 parameters',
      'MobileNetV2: 17 blocks, 10 skips, 3,538,984 parameters',
    ],
  },
  '73-efficientnet': {
    prints: [
      'B0: pictures of 224, 16 blocks, 1280 features, 5,330,571 parameters',
      'B7: pictures of 600, 55 blocks, 2560 features, 66,658,687 parameters',
      'by the formula: 224, 258, 296',
    ],
  },
  '74-timeline': {
    prints: [
      '1998 LeNet-5: 60,840 parameters',
      '2012 AlexNet: 60,965,224 parameters',
      '2014 GoogLeNet: 6,998,552 parameters',
      '2014 VGG16: 138,357,544 parameters',
      '2015 ResNet-50: 25,636,712 parameters',
      '2016 Xception: 22,910,480 parameters',
      /^VGG16: 13 convolution, .* 5 pool, .* 3 dense$/,
      /^VGG19: 16 convolution/,
      /^Inception v3: 94 convolution/,
      /^Xception: 6 convolution, 34 depthwise separable/,
      /^ResNet-50: 53 convolution, .* 16 join/,
    ],
    draws: ['74-timeline.png'],
  },
  '75-ilsvrc': {
    prints: ['2010: 28.2%', '2012: 16.4%', 'first below 5.1%: 2015'],
    draws: ['75-ilsvrc.png'],
  },
  '76-typical-config': {
    prints: [
      /^the lecture's network: conv2d\w*: kernel 7x7$/,
      'VGG16: as usual',
      /^AlexNet: conv1: kernel 11x11; conv1: stride 4/,
    ],
  },
};

export default architectures;
