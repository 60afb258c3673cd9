// Rows 38 to 44 of the course: pooling.
import type { Expected } from './expected.js';

const pooling: Record<string, Expected> = {
  '38-max-pool': {
    prints: ['f 2, stride 2:\n9 2\n6 3', 'f 3, stride 1:\n9 9 5\n9 9 5\n8 6 9'],
    draws: ['38-max-pool.png'],
  },
  '39-average-pool': { prints: ['averages of 2x2 windows:\n3.75 1.25\n3.75 2', 'the layer differs by 0'] },
  '40-pool-api': {
    prints: [
      /^photos: .+, .+$/,
      'input 2x171x225x3, pooled 2x85x112x3 and 2x85x112x3',
      'max >= average in every cell: true',
    ],
    draws: ['40-pool-api.png'],
  },
  '41-pool-channels': {
    prints: [
      'max pool 2 26x26x32 -> 13x13x32, 0 parameters',
      'convolution 2x2, stride 2 26x26x32 -> 13x13x32, 4128 parameters',
      'a side of 11 pools to 5; padded, to 6',
      'pooled together and alone differ by 0',
    ],
  },
  '42-pool-invariance': {
    prints: [
      'before:\n0 3 6 9 2 5\n5 9 3 7 1 5',
      'after:\n5 0 3 6 1 2\n9 3 7 9 5 5',
      'max pool of both:\n9 9 5\n7 9 8\n9 9 7',
      'max pools differ by 0, average pools by 0',
      'bright pixel at 2,2: pooled at 1,1',
      'bright pixel at 2,3: pooled at 1,1',
      'bright pixel at 2,4: pooled at 1,2',
    ],
    draws: ['42-pool-invariance.png'],
  },
  '43-global-average': {
    prints: [
      /^photos: /,
      '2x70x120x3 -> 2x3',
      /^photo 1: 0\.\d{5} 0\.\d{5} 0\.\d{5}$/,
      /^photo 2: 0\.\d{5} 0\.\d{5} 0\.\d{5}$/,
      'mean over axes 1, 2 differs by 0.000000',
      'the layer differs by 0.000000',
    ],
  },
  '44-reduce-mean': {
    prints: [
      'all: 3.5, with keepDims 1x1x1',
      'axis -1: [[1,2,3],[4,5,6]], with keepDims 2x3x1',
      'axis 0: [[2.5,2.5,2.5,2.5],[3.5,3.5,3.5,3.5],[4.5,4.5,4.5,4.5]], with keepDims 1x3x4',
      'axis 1: [[2,2,2,2],[5,5,5,5]], with keepDims 2x1x4',
      'axis [0,1]: [3.5,3.5,3.5,3.5], with keepDims 1x1x4',
      'axis [1,2]: [2,5], with keepDims 2x1x1',
      'axis [0,2]: [2.5,3.5,4.5], with keepDims 1x3x1',
      'y[:,:,1]: [[1,2,3],[4,5,6]], mean 3.5',
    ],
  },
};

export default pooling;
