// Architectures by name. One file each; the table is what `fovea train --model` looks in.
import type { Sequential } from '../nn/model.js';
import { lectureDense, mnistDense } from './dense.js';
import { lectureCnn } from './lecture-cnn.js';
import { mnistConvnet, mnistLab } from './mnist-convnet.js';
import type { ImageModelOptions } from './options.js';

export { lectureDense, mnistDense } from './dense.js';
export { lectureCnn } from './lecture-cnn.js';
export { mnistConvnet, mnistLab } from './mnist-convnet.js';
export type { ImageModelOptions } from './options.js';

/** An architecture of the zoo. */
export interface ZooEntry {
  readonly make: (options?: ImageModelOptions) => Sequential;
  /** One line for help and docs. */
  readonly about: string;
}

/** Architectures by the names of the command line. */
export const architectures: Readonly<Record<string, ZooEntry>> = {
  'lecture-cnn': { make: lectureCnn, about: "the lecture's Fashion-MNIST network, 1.4 million parameters" },
  'lecture-dense': { make: lectureDense, about: 'two dense layers of 300 and 100 units, to compare with' },
  'mnist-convnet': { make: mnistConvnet, about: 'a small convnet, 93 thousand parameters' },
  'mnist-lab': { make: mnistLab, about: 'two padded convolutions and a dense layer of 128 units' },
  'mnist-dense': { make: mnistDense, about: 'one dense layer of 512 units' },
};
