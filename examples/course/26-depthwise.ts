// Kim, Ng: a depthwise convolution. Every input channel has a kernel of its own and the channels are not added: 6x6x3
// under three 3x3 kernels is 4x4x3, with 27 weights.
import { conv2d, layers, slice } from 'fovea';
import { asBatch, largestDifference, photo, sizes } from './lib.js';

const image = asBatch(await photo(6, 6));
const layer = layers.depthwiseConv2d({ kernelSize: 3, useBias: false });
const output = layer.apply(image);
console.log(`${sizes(image.shape.slice(1))} -> ${sizes(output.shape.slice(1))}, ${layer.countParams()} weights`);

// Channel by channel, with an ordinary convolution of one channel.
const kernels = layer.weights[0]?.value ?? image;
for (let c = 0; c < 3; c++) {
  const alone = conv2d(slice(image, [0, 0, 0, c], [1, 6, 6, 1]), slice(kernels, [0, 0, c, 0], [3, 3, 1, 1]));
  const difference = await largestDifference(slice(output, [0, 0, 0, c], [1, 4, 4, 1]), alone);
  console.log(`channel ${c + 1} is its own convolution: ${difference < 1e-6}`);
}
