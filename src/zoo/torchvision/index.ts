// The networks in torchvision's form, whose layers carry the names of PyTorch's state dict.
export { alexnet } from './alexnet.js';
export type { TorchvisionOptions } from './build.js';
export { stateOrder } from './build.js';
export * from './densenet.js';
export { type GoogLeNetOptions, googlenet } from './googlenet.js';
export { inceptionV3 } from './inception-v3.js';
export * from './mobilenet.js';
export * from './regnet.js';
export * from './resnet.js';
export { senet154 } from './senet.js';
export * from './shufflenet-v2.js';
export { squeezenet10, squeezenet11 } from './squeezenet.js';
export * from './vgg.js';
