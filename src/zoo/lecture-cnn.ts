// The lecture's Fashion-MNIST network: 7x7, then pairs of 3x3 convolutions between poolings, two dropouts.
// 1,413,834 parameters for 28x28x1 and 10 classes; test accuracy 0.89 to 0.90 after ten epochs of nadam.
import * as layers from '../nn/layers/index.js';
import { Sequential } from '../nn/model.js';
import type { ImageModelOptions } from './options.js';

/** Convolutions of 64, 128, 128, 256, 256 channels and dense layers of 128 and 64. */
export function lectureCnn({
  inputShape = [28, 28, 1],
  classes = 10,
  name = 'lecture_cnn',
}: ImageModelOptions = {}): Sequential {
  const conv = (filters: number, kernelSize = 3) =>
    layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu' });
  return new Sequential(
    [
      layers.input(inputShape),
      conv(64, 7),
      layers.maxPooling2d({ poolSize: 2 }),
      conv(128),
      conv(128),
      layers.maxPooling2d({ poolSize: 2 }),
      conv(256),
      conv(256),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dense({ units: 128, activation: 'relu' }),
      layers.dropout({ rate: 0.5 }),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dropout({ rate: 0.5 }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { name },
  );
}
