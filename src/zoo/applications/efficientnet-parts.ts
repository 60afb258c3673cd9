// What both versions of EfficientNet are made of: initializers, squeeze-and-excitation, blocks that are dropped.
import { type Initializer, varianceScaling } from '../../nn/initializers.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { through } from './build.js';

/** As the published weights begin: normal, of variance 2 / outputs. */
export const fanOut = (): Initializer => varianceScaling({ scale: 2, mode: 'fanOut', distribution: 'truncatedNormal' });

/** The classifier's: uniform, of variance 1 / (3 outputs). */
export const denseInitializer = (): Initializer =>
  varianceScaling({ scale: 1 / 3, mode: 'fanOut', distribution: 'uniform' });

/** Scales the channels by what a small network says of their means. */
export function excite(x: SymbolicTensor, at: string, reduced: number): SymbolicTensor {
  const channels = x.shape.at(-1) as number;
  const dense = (filters: number, activation: 'silu' | 'sigmoid', name: string): Layer =>
    layers.conv2d({ filters, kernelSize: 1, padding: 'same', activation, kernelInitializer: fanOut(), name });
  const gate = through(
    x,
    layers.globalAveragePooling2d({ name: `${at}se_squeeze` }),
    layers.reshape({ targetShape: [1, 1, channels], name: `${at}se_reshape` }),
    dense(reduced, 'silu', `${at}se_reduce`),
    dense(channels, 'sigmoid', `${at}se_expand`),
  );
  return layers.multiply({ name: `${at}se_excite` }).apply([x, gate]);
}

/** Drops whole pictures' blocks while training. */
export const dropBlock = (name: string, rate: number): Layer =>
  layers.dropout({ rate, noiseShape: [null, 1, 1, 1], name });
