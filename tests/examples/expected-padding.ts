// Rows 28 to 37 of the course: padding and stride.
import type { Expected } from './expected.js';

const padding: Record<string, Expected> = {
  '28-pad-by-hand': {
    prints: [
      '6x6, padded 8x8, result 6x6',
      `result:
       -10 2 1 -5 7 15
       -15 3 0 -9 11 24
       -13 8 0 -10 1 24
       -9 -2 0 -9 -4 24
       -4 -3 -2 -3 -7 17
       -3 -7 -1 1 -1 10`,
      'equals padding: 1 of conv2d: true',
    ],
  },
  '29-pad-ones': {
    prints: ['result:\n4 6 6 6 4\n6 9 9 9 6\n6 9 9 9 6\n6 9 9 9 6\n4 6 6 6 4'],
    draws: ['29-pad-ones.png'],
  },
  '30-output-size': {
    prints: [
      'n 7x7, f 3, p 0, s 2,2: the rule 3x3, conv2d 3x3',
      'n 4x4, f 3, p 1, s 1,1: the rule 4x4, conv2d 4x4',
      'n 28x32, f 5, p 2, s 2,2: the rule 14x16, conv2d 14x16',
      'n 11x11, f 3, p 0, s 1,1: the rule 9x9, conv2d 9x9',
      'n 11x11, f 3, p 0, s 2,2: the rule 5x5, conv2d 5x5',
      'n 7x9, f 3, p 0, s 2,3: the rule 3x3, conv2d 3x3',
    ],
  },
  '31-same-padding': {
    prints: [
      "f 3, s 1: p 1, 16x16, as padding 'same': true",
      "f 5, s 1: p 2, 16x16, as padding 'same': true",
      "f 7, s 1: p 3, 16x16, as padding 'same': true",
      'f 3, s 2: p 8.5 a side, 17 in all, to keep 16',
      "with these 16x16; padding 'same' gives 8x8",
    ],
  },
  '32-why-pad': {
    prints: [
      'sides: 6 -> 4 -> 2',
      'windows over each pixel:\n1 2 3 3 2 1\n2 4 6 6 4 2\n3 6 9 9 6 3\n3 6 9 9 6 3\n2 4 6 6 4 2\n1 2 3 3 2 1',
      'with padding 1:\n4 6 6 6 6 4\n6 9 9 9 9 6',
      'the outer product of 1 2 3 3 2 1: true',
      'the outer product of 2 3 3 3 3 2: true',
    ],
    draws: ['32-why-pad.png'],
  },
  '33-stride-rows': {
    prints: [
      'stride 1:\n24 24 24 24 24\n33 33 33 33 33\n42 42 42 42 42\n51 51 51 51 51\n60 60 60 60 60',
      'stride 2:\n24 24 24\n42 42 42\n60 60 60',
      'row 0 of stride 2: 0 + 6 + 18 = 24',
      'row 1 of stride 2: 0 + 12 + 30 = 42',
      'row 2 of stride 2: 0 + 18 + 42 = 60',
    ],
    draws: ['33-stride-rows.png'],
  },
  '34-which-filter': {
    prints: [
      /^depth 1: conv2d: filter expects 1 input channels but x has 3/,
      /^depth 2: conv2d: filter expects 2 input channels but x has 3/,
      'depth 3: 3x3x3 at stride 1',
    ],
  },
  '35-even-filter': {
    prints: [
      'valid 2x2:\n36 36\n36 36',
      'same 3x3:\n25 30 20\n30 36 24\n20 24 16',
      '1 zero before, 2 after, 14x14: equal: true',
      "cells in the last row that 'valid' reads: 0",
      'width 13, filter 6, stride 5: valid 2 (2 unread), same 3 (1 + 2 zeros)',
    ],
    draws: ['35-even-filter.png'],
  },
  '36-nine-steps': {
    prints: ['5x5x1: output 3x3', '5x5x3: output 3x3', '5x5x64: output 3x3', 'output:\n6 9 7\n9 10 6\n4 9 6'],
    draws: ['36-nine-steps.png'],
  },
  '37-valid-places': {
    prints: ['valid: 9 places, 3x3', 'padded: 25 places, 5x5', 'stride 2: 4 places, 2x2', '28 valid: 26'],
    draws: ['37-valid-places.png'],
  },
};

export default padding;
