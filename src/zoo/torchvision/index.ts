// The networks in torchvision's form, whose layers carry the names of PyTorch's state dict.
export { alexnet } from './alexnet.js';
export type { TorchvisionOptions } from './build.js';
export { type GoogLeNetOptions, googlenet } from './googlenet.js';
export * from './resnet.js';
export { shufflenetV2 } from './shufflenet-v2.js';
export { squeezenet10, squeezenet11 } from './squeezenet.js';
export * from './vgg.js';
