// VGG (Simonyan and Zisserman 2014, arXiv 1409.1556) in torchvision's form, plain and with batch norm.
import type { Model } from '../../nn/model.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** See `vgg16`. */
export interface TorchVggOptions extends TorchvisionOptions {
  /** Batch norm after every convolution; default false. */
  batchNorm?: boolean;
}

function vgg(name: string, depths: readonly number[], { batchNorm = false, ...options }: TorchVggOptions = {}): Model {
  const b = new TorchBuilder(batchNorm ? `${name}_bn` : name, options);
  let x = b.inputs;
  let place = 0; // in PyTorch's Sequential, where activations and poolings count
  depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      const filters = Math.min(512, 64 * 2 ** stage);
      x = b.conv(x, `features.${place++}`, filters, { kernel: 3, padding: 1, bias: true });
      if (batchNorm) x = b.norm(x, `features.${place++}`);
      x = b.relu(x);
      place++;
    }
    x = b.maxPool(x, 2, 2);
    place++;
  });
  return b.model(x, (maps) => {
    let y = b.flatten(b.averageTo(maps, 7));
    y = b.dropout(b.relu(b.dense(y, 'classifier.0', 4096)), 0.5);
    y = b.dropout(b.relu(b.dense(y, 'classifier.3', 4096)), 0.5);
    return b.dense(y, 'classifier.6', b.classes);
  });
}

/** 132,863,336 parameters. */
export const vgg11 = (options?: TorchVggOptions): Model => vgg('vgg11', [1, 1, 2, 2, 2], options);
/** 133,047,848 parameters. */
export const vgg13 = (options?: TorchVggOptions): Model => vgg('vgg13', [2, 2, 2, 2, 2], options);
/** 138,357,544 parameters. */
export const vgg16 = (options?: TorchVggOptions): Model => vgg('vgg16', [2, 2, 3, 3, 3], options);
/** 143,667,240 parameters. */
export const vgg19 = (options?: TorchVggOptions): Model => vgg('vgg19', [2, 2, 4, 4, 4], options);
