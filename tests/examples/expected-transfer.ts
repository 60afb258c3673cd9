// Rows 77 to 82 of the course: transfer learning.
import type { Expected } from './expected.js';

const transfer: Record<string, Expected> = {
  '77-flowers-data': {
    prints: [
      'of 3670: 367 to test, 551 to validate, 2752 to train',
      /^here: \d+ (photos of|drawn) flowers/,
      '5 classes: dandelion, daisy, tulips, sunflowers, roses',
      'shares 0.10 0.15 0.75',
      /^batches 32x(64x64|128x128)x3, values within -1 to 1: true, most of that range used: true$/,
    ],
  },
  '78-flowers-frozen': {
    prints: [
      'Xception: 10,245 of 20,871,725 parameters train',
      '86 steps an epoch, 17 to validate',
      'rate 0.0377 at step 430',
      'the base is as it was: true',
    ],
    // One in five by chance.
    scores: [{ line: /^validation accuracy ([\d.]+)$/, short: [0.3, 1], full: [0.45, 1], needsData: true }],
  },
  '79-flowers-finetune': {
    prints: [
      /^frozen: 2 weights train, validation accuracy [\d.]+$/,
      'rate 0.00225 at step 3440',
      'all: 83 weights train',
      'the training loss falls: true',
    ],
    scores: [{ line: /^validation accuracy ([\d.]+)$/, full: [0.5, 1], needsData: true }],
  },
  '80-transfer-steps': {
    prints: [
      /^2 classes, (96 to train, 24|64 to train, 16) to validate$/,
      'with MobileNetV2: 1281 parameters train',
      'the statistics did not move: true',
      'epochs 5, the loss falls: true',
    ],
    draws: ['80-transfer-steps.png'],
  },
  '81-fine-tune-last': {
    prints: [
      'MobileNetV2: 154 layers; from 120 on 1,626,177 parameters train',
      'the first convolution is as it was: true; the last one: false',
    ],
  },
  '82-four-scenarios': {
    prints: [
      'small-similar: parameters that train: head 1,285',
      'small-different: parameters that train: head 1,285, then base 193,925',
      'large-different: parameters that train: base 214,357, from scratch',
      'large-similar: parameters that train: head 1,285, then base 214,357',
    ],
  },
};

export default transfer;
