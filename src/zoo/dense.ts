// Networks without convolutions, to compare with: the lecture's 300-100 (266,610 parameters for 28x28 and
// 10 classes) and the one hidden layer of 512 (407,050).
import * as layers from '../nn/layers/index.js';
import { Sequential } from '../nn/model.js';
import type { ImageModelOptions } from './options.js';

/** Flattened pictures through dense layers of the given units, ReLU between, softmax at the end. */
function denseNetwork(
  units: readonly number[],
  { inputShape = [28, 28, 1], classes = 10, name = 'dense' }: ImageModelOptions,
): Sequential {
  return new Sequential(
    [
      layers.input(inputShape),
      layers.flatten(),
      ...units.map((each) => layers.dense({ units: each, activation: 'relu' })),
      layers.dense({ units: classes, activation: 'softmax' }),
    ],
    { name },
  );
}

/** 300 and 100 hidden units. */
export function lectureDense(options: ImageModelOptions = {}): Sequential {
  return denseNetwork([300, 100], { name: 'lecture_dense', ...options });
}

/** 512 hidden units. */
export function mnistDense(options: ImageModelOptions = {}): Sequential {
  return denseNetwork([512], { name: 'mnist_dense', ...options });
}
