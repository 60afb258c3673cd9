// intro: an exercise on depth. A 2x2x3 filter on a 2x2x3 picture has one place; each channel gives a sum, and the three
// sums are added, so the output is 1x1x1. The course prints channel one; the other two channels are our own.
import { conv2d, depthwiseConv2d, reshape } from 'fovea';
import { asDeepFilter, asImage, planesOf, rows, sizes } from './lib.js';

const channels = ['12/34', '50/12', '21/03'].map(rows);
const kernels = ['10 10/1 1', '1 -1/2 0', '0 3/1 1'].map(rows);
const image = asImage(...channels);
const filter = asDeepFilter(...kernels);

const parts = (await planesOf(depthwiseConv2d(image, reshape(filter, [2, 2, 3, 1])))).flat(2);
channels.forEach((channel, c) => {
  const products = channel.flatMap((row, i) => row.map((value, j) => value * (kernels[c]?.[i]?.[j] as number)));
  console.log(`channel ${c + 1}: ${products.join(' + ').replaceAll('+ -', '- ')} = ${parts[c]}`);
});
const output = conv2d(image, filter);
console.log(`output: ${parts.join(' + ')} = ${await output.item()}, ${sizes(output.shape.slice(1))}`);
