// Rows 117 to 123 of the course: data, augmentation, advice.
import type { Expected } from './expected.js';

const data: Record<string, Expected> = {
  '117-image-numbers': {
    prints: [
      '1080x1080x3: 3,499,200 numbers',
      'a digit 28x28: from 0 to 255',
      /^a photo 150x200x3: 90000 numbers, from \d+ to \d+$/,
    ],
    draws: ['117-image-numbers.png'],
  },
  '118-cifar-sheet': {
    needsData: true,
    prints: [
      /^\d+ \+ \d+ photos, 32x32x3$/,
      'classes: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck',
      "drawn: 100, each of its row's class: true",
    ],
    draws: ['118-cifar-sheet.png'],
  },
  '119-retrieval': {
    prints: ['vectors 300x64', 'the query comes first: true'],
    scores: [
      // One in ten by chance.
      { line: /^of the five nearest others, of the same class: ([\d.]+)$/, short: [0.7, 1], full: [0.7, 1] },
    ],
    draws: ['119-retrieval.png'],
  },
  '120-augment': {
    prints: [
      'outside training the photo changes by 0',
      'in training it does: on average by more than .01',
      'angles of 1000 pictures within 72 degrees: true; beyond 70: true',
      'cropped: 9x90x90x3; in inference 9x90x90x3',
      'largest value after all: at most 1',
    ],
    draws: ['120-augment.png'],
  },
  '121-colour-shift': {
    prints: [
      '250 10 100 becomes 255 0 120',
      'the photo stays within 0 to 255: true',
      'directions of this photo, as columns:',
      'shares of the variance fall, the first above one half: true',
      'they stand at right angles: true',
    ],
    draws: ['121-colour-shift.png'],
  },
  '122-loader': {
    prints: [
      /^order kept: true, of \d+ pictures$/,
      'the same pictures from two threads: true',
      // How long depends on the machine.
      /^waited for pictures: \d+ ms alone, \d+ ms with two threads$/,
      'read while the first batch of 32 is worked on: more than that batch: true',
    ],
  },
  '123-ensemble-crops': {
    prints: [
      /^three networks: cross-entropy [\d.]+, its 3 members on average [\d.]+$/,
      /^three networks: not above: true, accuracy [\d.]+$/,
      /^ten crops: cross-entropy [\d.]+, its 10 members on average [\d.]+$/,
      /^ten crops: not above: true, accuracy [\d.]+$/,
      'memory of the weights: one network 6184 bytes, three 18552; ten crops: 10 times the work, the same weights',
    ],
    scores: [
      { line: /^three networks: not above: true, accuracy ([\d.]+)$/, short: [0.6, 1], full: [0.6, 1] },
      { line: /^ten crops: not above: true, accuracy ([\d.]+)$/, short: [0.3, 1], full: [0.3, 1] },
    ],
  },
};

export default data;
