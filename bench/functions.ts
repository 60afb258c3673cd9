// The functions of ./suites/pointwise.ts in fovea; ./peers/torch_pointwise.py is the twin.

import type { Tensor } from '../src/index.js';
import * as fovea from '../src/index.js';

const normalized = (x: Tensor, gamma: Tensor, beta: Tensor): Tensor => fovea.batchNormTrain(x, { gamma, beta }).y;

type OneToOne = (...inputs: [Tensor, Tensor, Tensor]) => Tensor;

export const FUNCTIONS: Readonly<Record<string, OneToOne>> = {
  add: (x, y) => fovea.add(x, y),
  'multiply add relu': (x, y, z) => fovea.relu(fovea.add(fovea.multiply(x, y), z)),
  relu: (x) => fovea.relu(x),
  sigmoid: (x) => fovea.sigmoid(x),
  tanh: (x) => fovea.tanh(x),
  exp: (x) => fovea.exp(x),
  gelu: (x) => fovea.gelu(x),
  silu: (x) => fovea.silu(x),
  softmax: (x) => fovea.softmax(x),
  'log softmax': (x) => fovea.logSoftmax(x),
  'layer norm': (x, gamma, beta) => fovea.layerNorm(x, { gamma, beta }),
  'batch norm': normalized,
  'batch norm relu': (x, gamma, beta) => fovea.relu(normalized(x, gamma, beta)),
  'max pool 2': (x) => fovea.maxPool2d(x),
  'max pool 3/2': (x) => fovea.maxPool2d(x, { poolSize: 3, strides: 2, padding: 1 }),
  'average pool 2': (x) => fovea.averagePool2d(x),
  'global average pool': (x) => fovea.globalAveragePool(x),
  sum: (x) => fovea.sum(x),
  'sum over rows': (x) => fovea.sum(x, { axis: 0 }),
  'sum over columns': (x) => fovea.sum(x, { axis: 1 }),
  'mean of channels': (x) => fovea.mean(x, { axis: [0, 1, 2] }),
  'max over columns': (x) => fovea.max(x, { axis: 1 }),
  'arg max': (x) => fovea.cast(fovea.argMax(x, { axis: 1 }), 'float32'),
};
