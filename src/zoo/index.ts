// Architectures by name, and each as a function of its own.
export type { ApplicationOptions } from './applications/build.js';
export * from './applications/convnext.js';
export * from './applications/densenet.js';
export {
  type CompoundScalingOptions,
  type EfficientNetOptions,
  efficientnet,
  efficientnetB0,
  efficientnetB1,
  efficientnetB2,
  efficientnetB3,
  efficientnetB4,
  efficientnetB5,
  efficientnetB6,
  efficientnetB7,
} from './applications/efficientnet.js';
export * from './applications/efficientnet-v2.js';
export { inceptionResnetV2 } from './applications/inception-resnet-v2.js';
export { inceptionV3 } from './applications/inception-v3.js';
export * from './applications/mobilenet.js';
export * from './applications/mobilenet-v3.js';
export * from './applications/nasnet.js';
export * from './applications/resnet.js';
export * from './applications/vgg.js';
export { xception } from './applications/xception.js';
export { type CifarResnetOptions, cifarResnet } from './cifar-resnet.js';
export * as classics from './classics/index.js';
export { create, type ListOptions, list } from './create.js';
export { type DecodedClass, type DecodeOptions, decodePredictions } from './decode.js';
export { lectureDense, mnistDense } from './dense.js';
export { architectures, type Preprocessing, type PublishedWeights, type ZooEntry } from './entries.js';
export { lectureCnn } from './lecture-cnn.js';
export { mnistConvnet, mnistLab } from './mnist-convnet.js';
export type { ImageModelOptions, ZooOptions } from './options.js';
export * as torchvision from './torchvision/index.js';
