// Kim, intro: everything that a Conv2D layer can be told. Padding is 'same' or 'SAME', as programs write it; strides, here
// and everywhere, are height first, then width.
import { FoveaError, initializers, layers, ones, regularizers, transpose } from 'fovea';
import { asBatch, formatNumber, largestDifference, photo, sizes } from './lib.js';

const image = asBatch(await photo(12, 10));
const options = {
  filters: 32,
  kernelSize: 3,
  strides: 1,
  padding: 'SAME',
  dilationRate: 1,
  groups: 1,
  activation: 'relu',
  useBias: true,
  kernelInitializer: initializers.glorotUniform({ seed: 6 }),
  biasInitializer: 'zeros',
  kernelRegularizer: regularizers.l2(0.01),
  biasRegularizer: 'l2',
} as const;

const last = layers.conv2d({ ...options, dataFormat: 'channelsLast' });
const output = last.apply(image);
console.log(`channels last: ${sizes(image.shape)} -> ${sizes(output.shape)}, ${last.countParams()} parameters`);
const small = layers.conv2d({ ...options, padding: 'same' }).apply(image);
console.log(`'SAME' is 'same': ${(await largestDifference(small, output)) === 0}`);
const first = layers.conv2d({ ...options, dataFormat: 'channelsFirst' });
const turned = first.apply(transpose(image, [0, 3, 1, 2]));
console.log(
  `channels first: ${sizes(turned.shape)}, the transposed numbers: ${(await largestDifference(transpose(turned, [0, 2, 3, 1]), output)) < 1e-5}`,
);

// Defaults: glorot uniform is drawn within sqrt(6 / (fan in + fan out)), biases are 0; l2 adds .01 times the squares.
const [kernel, bias] = await last.getWeights();
const limit = Math.sqrt(6 / (9 * 3 + 9 * 32));
console.log(
  `kernel within ±${formatNumber(limit, 4)}: ${kernel?.every((value) => Math.abs(value) <= limit)}, biases 0: ${bias?.every((value) => value === 0)}`,
);
const squares = kernel?.reduce((total, value) => total + value * value, 0) ?? 0;
const penalty = (await last.regularization()?.item()) ?? 0;
console.log(`the regularizer adds .01 times the sum of squares: ${Math.abs(penalty - 0.01 * squares) < 1e-6}`);

const grouped = layers.conv2d({ filters: 6, kernelSize: 3, groups: 3 });
grouped.apply(ones([1, 5, 5, 6]));
console.log(`6 to 6 channels, groups 3, 3x3: ${grouped.countParams()} parameters`);

const refused = [
  () => layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, dilationRate: 2 }),
  () => layers.conv2d({ filters: 4, kernelSize: 3, groups: 3 }),
];
for (const make of refused) {
  try {
    make();
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    console.log(`refused: ${error.message.split('\n')[0]}`);
  }
}
