// Computer vision on tensors: the names under `vision`.

export { type KernelName, kernels } from './filters.js';
export * as ops from './ops.js';
