// VGG (Simonyan and Zisserman 2014, arXiv 1409.1556): nothing but 3x3 convolutions and 2x2 poolings, then three dense
// layers that hold most of the parameters.
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import { type ApplicationOptions, applicationInput, classifier, pooled, through } from './build.js';

/** Five blocks of convolutions, so many in each. */
function vgg(name: string, depths: readonly number[], options: ApplicationOptions): Model {
  const inputs = applicationInput(name, options, 224, 32);
  let x = inputs;
  depths.forEach((depth, block) => {
    const at = `block${block + 1}`;
    for (let i = 1; i <= depth; i++) {
      const filters = Math.min(512, 64 * 2 ** block);
      x = layers
        .conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', name: `${at}_conv${i}` })
        .apply(x);
    }
    x = layers.maxPooling2d({ poolSize: 2, strides: 2, name: `${at}_pool` }).apply(x);
  });
  if (options.includeTop ?? true) {
    x = through(
      x,
      layers.flatten({ name: 'flatten' }),
      layers.dense({ units: 4096, activation: 'relu', name: 'fc1' }),
      layers.dense({ units: 4096, activation: 'relu', name: 'fc2' }),
      classifier(options),
    );
  } else x = pooled(x, options);
  return new Model({ inputs, outputs: x, name: options.name ?? name });
}

/** 13 convolutions, 138,357,544 parameters. */
export const vgg16 = (options: ApplicationOptions = {}): Model => vgg('vgg16', [2, 2, 3, 3, 3], options);

/** 16 convolutions, 143,667,240 parameters. */
export const vgg19 = (options: ApplicationOptions = {}): Model => vgg('vgg19', [2, 2, 4, 4, 4], options);
