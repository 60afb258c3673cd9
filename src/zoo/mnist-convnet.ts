// Small convnets for digits: 32, 64 and 64 channels without padding (93,322 parameters, 0.99 after five
// epochs of rmsprop), and the lab's two padded convolutions (421,642).
import * as layers from '../nn/layers/index.js';
import { Sequential } from '../nn/model.js';
import type { ImageModelOptions } from './options.js';

const conv = (filters: number, padding: 'valid' | 'same') =>
  layers.conv2d({ filters, kernelSize: 3, padding, activation: 'relu' });

/** Three unpadded convolutions, two poolings, a dense layer of 64. */
export function mnistConvnet({
  inputShape = [28, 28, 1],
  classes = 10,
  name = 'mnist_convnet',
}: ImageModelOptions = {}): Sequential {
  return new Sequential(
    [
      layers.input(inputShape),
      conv(32, 'valid'),
      layers.maxPooling2d({ poolSize: 2 }),
      conv(64, 'valid'),
      layers.maxPooling2d({ poolSize: 2 }),
      conv(64, 'valid'),
      layers.flatten(),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { name },
  );
}

/** Two padded convolutions with poolings, a dense layer of 128. */
export function mnistLab({
  inputShape = [28, 28, 1],
  classes = 10,
  name = 'mnist_lab',
}: ImageModelOptions = {}): Sequential {
  return new Sequential(
    [
      layers.input(inputShape),
      conv(32, 'same'),
      layers.maxPooling2d({ poolSize: 2 }),
      conv(64, 'same'),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dense({ units: 128, activation: 'relu' }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { name },
  );
}
