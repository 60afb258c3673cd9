// Network in network (Lin, Chen and Yan 2013, arXiv 1312.4400): small dense networks slide over the picture, as 1x1 convolutions
// after each larger one, and the mean of a map is a class's score.
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, pooled } from '../applications/build.js';

/** Filters, kernel and stride of the large convolutions. */
const BLOCKS = [
  [96, 11, 4],
  [256, 5, 1],
  [384, 3, 1],
] as const;

/** For pictures of 224: 7,595,176 parameters. */
export function networkInNetwork(options: ApplicationOptions = {}): Model {
  const { includeTop = true, classes = 1000, classifierActivation = 'softmax', name } = options;
  const inputs = applicationInput('network_in_network', options, 224, 67);
  const block = (x: SymbolicTensor, at: string, sizes: readonly number[], kernelSize: number, strides = 1) =>
    sizes.reduce(
      (y, filters, i) =>
        layers
          .conv2d({
            filters,
            kernelSize: i === 0 ? kernelSize : 1,
            strides: i === 0 ? strides : 1,
            padding: strides === 1 ? 'same' : 'valid',
            activation: 'relu',
            name: i === 0 ? at : `${at}_mlp${i}`,
          })
          .apply(y),
      x,
    );
  let x = inputs;
  BLOCKS.forEach(([filters, kernelSize, strides], i) => {
    x = block(x, `conv${i + 1}`, [filters, filters, filters], kernelSize, strides);
    x = layers.maxPooling2d({ poolSize: 3, strides: 2, name: `pool${i + 1}` }).apply(x);
  });
  let outputs: SymbolicTensor;
  if (includeTop) {
    x = layers.dropout({ rate: 0.5, name: 'drop' }).apply(x);
    x = block(x, 'conv4', [1024, 1024, classes], 3);
    x = layers.globalAveragePooling2d({ name: 'avg_pool' }).apply(x);
    const activation = classifierActivation ?? 'linear';
    outputs = layers.activation({ activation, name: 'predictions' }).apply(x);
  } else outputs = pooled(x, options);
  return new Model({ inputs, outputs, name: name ?? 'network_in_network' });
}
