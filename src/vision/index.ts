// Computer vision on tensors: the names under `vision`.

export * as ops from './ops.js';
