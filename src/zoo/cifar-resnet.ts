// The ResNets that He et al. (2015, arXiv 1512.03385, section 4.2) made for the small pictures of CIFAR-10: three stages of
// 16, 32 and 64 filters, 6n + 2 layers. Where a stage halves the map, the shortcut is a 1x1 convolution.
import { FoveaError } from '../core/errors.js';
import type { Layer } from '../nn/layer.js';
import * as layers from '../nn/layers/index.js';
import { Model } from '../nn/model.js';
import { l2 } from '../nn/regularizers.js';
import type { SymbolicTensor } from '../nn/symbolic.js';
import type { ImageModelOptions } from './options.js';

/** See `cifarResnet`. */
export interface CifarResnetOptions extends ImageModelOptions {
  /** Layers with weights: 20, 32, 44, 56, 110, ..., that is 6n + 2. Default 20. */
  depth?: number;
  /** Weight decay of the filters, as He et al. count it: training adds half of this times their squares. Default 0. */
  decay?: number;
  /** Layers between the input and the network, such as augmentation that takes pictures of this size. */
  preparation?: readonly Layer[];
}

/** 272,474 trainable parameters with depth 20. Throws `argument` for a depth that is not 6n + 2. */
export function cifarResnet(options: CifarResnetOptions = {}): Model {
  const { depth = 20, decay = 0, inputShape = [32, 32, 3], classes = 10, preparation = [] } = options;
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new FoveaError({
      code: 'argument',
      op: 'cifarResnet',
      message: `depth is ${depth}, which is not 6n + 2.`,
      got: depth,
      hint: 'Give 20, 32, 44, 56 or 110.',
    });
  }
  const regularizer = decay === 0 ? {} : { kernelRegularizer: l2(decay / 2) };
  const conv = (filters: number, kernelSize: number, strides: number): Layer =>
    layers.conv2d({
      filters,
      kernelSize,
      strides,
      padding: 'same',
      useBias: false,
      kernelInitializer: 'heNormal',
      ...regularizer,
    });
  const relu = (x: SymbolicTensor): SymbolicTensor => layers.relu().apply(x);
  const normed = (x: SymbolicTensor, filters: number, kernelSize: number, strides: number): SymbolicTensor =>
    layers.batchNormalization().apply(conv(filters, kernelSize, strides).apply(x));
  const inputs = layers.input(inputShape);
  let x = preparation.reduce((tensor, layer) => layer.apply(tensor), inputs);
  x = relu(normed(x, 16, 3, 1));
  for (const [stage, filters] of [16, 32, 64].entries()) {
    for (let block = 0; block < blocks; block++) {
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const shortcut = strides === 1 ? x : normed(x, filters, 1, 2);
      x = relu(layers.add().apply([normed(relu(normed(x, filters, 3, strides)), filters, 3, 1), shortcut]));
    }
  }
  x = layers.globalAveragePooling2d().apply(x);
  const outputs = layers
    .dense({ units: classes, activation: 'softmax', kernelInitializer: 'heNormal', ...regularizer })
    .apply(x);
  return new Model({ inputs, outputs, name: options.name ?? `cifar_resnet${depth}` });
}
