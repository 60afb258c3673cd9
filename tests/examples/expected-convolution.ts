// Rows 1 to 27 of the course: convolution.
import type { Expected } from './expected.js';

const counting = '12 16 9\n24 28 15\n15 17 9';

const convolution: Record<string, Expected> = {
  '01-first-map': { prints: ['map:\n4 3 4\n2 4 3\n2 3 4'], draws: ['01-first-map.png'] },
  '02-weighted-sum': { prints: ['row by row: 13 - 17 + 18 + 45', 'map:\n59'] },
  '03-depth-sum': {
    prints: [
      'channel 1: 10 + 20 + 3 + 4 = 37',
      'channel 2: 5 + 0 + 2 + 0 = 7',
      'channel 3: 0 + 3 + 0 + 3 = 6',
      'output: 37 + 7 + 6 = 50, 1x1x1',
    ],
  },
  '04-three-channels': {
    prints: [
      'part R:\n7 5 3\n4 7 5\n7 2 8',
      'part G:\n5 3 10\n13 1 13\n7 12 11',
      'part B:\n7 5 2\n11 8 2\n9 4 6',
      'sum:\n19 13 15\n28 16 20\n23 18 25',
    ],
    draws: ['04-three-channels.png'],
  },
  '05-neuron-formula': {
    prints: [
      'strides 1,1: output 7x6x4, loops = conv2d to 1e-5: true',
      'strides 2,1: output 4x6x4, loops = conv2d to 1e-5: true',
      'bias of map 2 raised by 0.5, the four maps rise by: 0 0 0.5 0',
    ],
  },
  '06-input-window': {
    prints: [
      'stride 1, neuron (2,3): by the rule rows 2-4, columns 3-5\ngradient not 0: rows 2-4, columns 3-5, 9 cells',
      'stride 2, neuron (2,3): by the rule rows 4-6, columns 6-8\ngradient not 0: rows 4-6, columns 6-8, 9 cells',
    ],
    draws: ['06-input-window.png'],
  },
  '07-shapes': {
    prints: [
      'image [32,32,3] HWC height, width, channels',
      'batch [8,32,32,3] NHWC pictures, height, width, channels',
      'kernel [5,5,3,2] RSCM height, width, channels in, filters',
      'bias [2] M filters',
      'output [8,28,28,2] NEFM pictures, height, width, filters',
      'one picture gives 28x28x2, 152 parameters',
    ],
  },
  '08-stacked-filters': {
    prints: [
      '1 filter: 28x28x1, 76 parameters with bias',
      '2 filters: 28x28x2, 152 parameters with bias',
      '6 filters: 28x28x6, 456 parameters with bias',
    ],
    draws: ['08-stacked-filters.png'],
  },
  '09-one-layer': { prints: ['output 4x4x2, 56 parameters', 'the layer equals relu(W * a + b): true'] },
  '10-depth-column': { prints: [/^out\[4,7,:\]( -?[\d.]+){5}$/, '5 neurons on one patch of 3x3x3, equal: true'] },
  '11-one-two-three-d': {
    prints: [
      '1-D: 2 3 3 3 2',
      '2-D:\n4 6 6 6 4\n6 9 9 9 6\n6 9 9 9 6\n6 9 9 9 6\n4 6 6 6 4',
      '3-D: 8 at the corners, 27 inside, a volume of 5x5x5',
      '5x5x5 to conv2d with 4 filters: 5x5x4, four flat maps',
    ],
  },
  '12-eager-valid': {
    prints: ['image [1,3,3,1]', 'weights [2,2,1,1]', 'output [1,2,2,1]', 'output:\n12 16\n24 28'],
    draws: ['12-eager-valid.png'],
  },
  '13-eager-same': { prints: ['output [1,3,3,1]', `output:\n${counting}`], draws: ['13-eager-same.png'] },
  '14-eager-three': {
    prints: [
      'weights [2,2,1,3], output [1,3,3,3]',
      `map 1:\n${counting}`,
      'map 2:\n120 160 90\n240 280 150\n150 170 90',
      'map 3:\n-12 -16 -9\n-24 -28 -15\n-15 -17 -9',
    ],
    draws: ['14-eager-three.png'],
  },
  '15-vertical-edge': {
    prints: ['their sum: -5', 'map:\n-5 -4 0 8\n-10 -2 2 3\n0 -2 -4 -7\n-3 -2 -3 -16'],
  },
  '16-edge-step': {
    prints: [
      'step:\n0 30 30 0\n0 30 30 0\n0 30 30 0\n0 30 30 0',
      'mirrored:\n0 -30 -30 0\n0 -30 -30 0\n0 -30 -30 0\n0 -30 -30 0',
      'board:\n0 0 0 0\n30 10 -10 -30\n30 10 -10 -30\n0 0 0 0',
    ],
    draws: ['16-edge-step.png'],
  },
  '17-sobel-scharr': {
    prints: [
      'Sobel on the picture:\n-12 -8 5 16',
      'Sobel on the step: first row 0 40 40 0',
      'Sobel on a flat 7: 0',
      'Scharr on the picture:\n-64 -40 35 80',
      'Scharr on the step: first row 0 160 160 0',
      'Scharr on a flat 7: 0',
      'the misprinted Scharr on a flat 7: -70',
    ],
  },
  '18-photo-kernels': {
    prints: [
      'edges: the kernel sums to 0, a flat .5 becomes 0',
      'sharpen: the kernel sums to 1, a flat .5 becomes 0.5',
      'blur: the kernel sums to 1, a flat .5 becomes 0.5',
    ],
    draws: ['18-photo-kernels.png'],
  },
  '19-sharpen-how': {
    prints: [
      'a 3 amid 2s:\n2 1 2\n1 7 1\n2 1 2',
      'the 3 becomes 7, beside it 1',
      'a 1 amid 2s:\n2 3 2\n3 -3 3\n2 3 2',
      'the 1 becomes -3, beside it 3',
    ],
  },
  '20-learned-filter': { prints: ['learned:', /; Sobel within \.01: true$/], draws: ['20-learned-filter.png'] },
  '21-three-ways': {
    prints: ['output 2x3x4x8', /^conv2d.*equals the loops to 1e-4: true$/, /^Conv2D.*equals the loops to 1e-4: true$/],
  },
  '22-edges-corners': {
    prints: [
      // The outline is two cells thick: Sobel reads the cells on both sides of an edge.
      '......................\n....##############....\n....##############....\n....##..........##....',
      '....##..........##....\n....##############....\n....##############....\n......................',
      'corners of the square: (6,6) (6,17) (17,6) (17,17)',
    ],
    draws: ['22-edges-corners.png'],
  },
  '23-patches': {
    prints: ['9 patches of 3x3x2 . kernel [18,3] -> 9 vectors of 3 -> 3x3x3', 'equals conv2d: true'],
    draws: ['23-patches.png'],
  },
  '24-local-anywhere': {
    prints: [
      'maps: 28x28x1, 28x28x4, 14x14x4, 14x14x1',
      'the picture moved by (3,4): its map moves by (3,4): true',
      "the map's global average stays: true",
      "a dense layer's answer changes: true",
    ],
    draws: ['24-local-anywhere.png'],
  },
  '25-dilation': {
    prints: [
      'dilation 1: span 3, by the rule 3, 10 parameters',
      'dilation 2: span 5, by the rule 5, 10 parameters',
      'dilation 3: span 7, by the rule 7, 10 parameters',
      'dilation 4: span 9, by the rule 9, 10 parameters',
      'ones on 0..24, dilation 2: 108',
    ],
    draws: ['25-dilation.png'],
  },
  '26-depthwise': {
    prints: ['6x6x3 -> 4x4x3, 27 weights', 'channel 3 is its own convolution: true'],
  },
  '27-conv-options': {
    prints: [
      'channels last: 1x12x10x3 -> 1x12x10x32, 896 parameters',
      "'SAME' is 'same': true",
      'channels first: 1x32x12x10, the transposed numbers: true',
      'kernel within ±0.138: true, biases 0: true',
      'the regularizer adds .01 times the sum of squares: true',
      '6 to 6 channels, groups 3, 3x3: 114 parameters',
      'refused: Conv2D: strides 2,2 and dilationRate 2,2 cannot both be above 1.',
      'refused: Conv2D: groups 3 must divide filters 4.',
    ],
  },
};

export default convolution;
