// Rows 114 to 116 of the course: what a network sees.
import type { Expected } from './expected.js';

const visualising: Record<string, Expected> = {
  '114-seen-filters': {
    prints: [
      /^trained on \d+ of (strokes|Fashion-MNIST): accuracy [\d.]+$/,
      'first layer: 64 filters 7x7x1, 3136 weights',
      /^training changed them by [\d.]+ of their length$/,
    ],
    scores: [
      { line: /^training changed them by ([\d.]+) of their length$/, short: [0.03, 1], full: [0.2, 3] },
      // Weights drawn by chance know nothing of each other.
      { line: /^neighbouring weights go together: (-?[\d.]+) by chance$/, short: [-0.06, 0.06], full: [-0.06, 0.06] },
      // A few steps show nothing; learned filters are smooth.
      { line: /^neighbouring weights go together: (-?[\d.]+) learned$/, full: [0.1, 1] },
    ],
    draws: ['114-seen-filters.png'],
  },
  '115-live-activations': {
    prints: [
      /^accuracy [\d.]+$/,
      'layers: conv1 pool1 conv2 pool2 conv3 hidden classes',
      'maps: 28x28x12 14x14x12 14x14x24 7x7x24 7x7x32 48 10',
      'the bars of ten pictures sum to 1: true',
    ],
    scores: [{ line: /^accuracy ([\d.]+)$/, short: [0.7, 1], full: [0.85, 1] }],
    draws: ['115-live-activations.png'],
  },
  '116-what-it-sees': {
    prints: [
      'activations of conv2: 20x20x24',
      'patterns: 18, each raises its filter: true',
      /^\d+ heat maps; boxes are [\d.]+ of the picture$/,
      'heat lies on the sketch, twice as much as by chance: true',
    ],
    scores: [
      { line: /^sketches on walls: accuracy ([\d.]+)$/, short: [0.6, 1], full: [0.9, 1] },
      { line: /^heat inside the boxes: ([\d.]+)$/, short: [0.45, 1], full: [0.5, 1] },
    ],
    draws: ['116-what-it-sees.png'],
  },
};

export default visualising;
