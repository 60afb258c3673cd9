// Kim, intro, Lee, Ng: the shapes of a convolution and what the courses call them. Here the order is always
// height, width, channels, with the batch in front; Lee writes width before height, and intro numbers the axes by letters
// NHWC for the input, RSCM for the filter and NEFM for the output (inN = N, outN = M).
import { layers, zeros } from 'fovea';
import { sizes } from './lib.js';

const image = zeros([32, 32, 3]);
const batch = zeros([8, 32, 32, 3]);
const layer = layers.conv2d({ filters: 2, kernelSize: 5 });
const output = layer.apply(batch);
const [kernel, bias] = layer.weights;

const table: [what: string, axes: string, intro: string, shape: readonly number[]][] = [
  ['image', 'height, width, channels', 'HWC', image.shape],
  ['batch', 'pictures, height, width, channels', 'NHWC', batch.shape],
  ['kernel', 'height, width, channels in, filters', 'RSCM', kernel?.shape ?? []],
  ['bias', 'filters', 'M', bias?.shape ?? []],
  ['output', 'pictures, height, width, filters', 'NEFM', output.shape],
];
for (const [what, axes, intro, shape] of table) {
  console.log(`${what.padEnd(7)}${`[${shape.join(',')}]`.padEnd(13)}${intro.padEnd(6)}${axes}`);
}
console.log(`one picture gives ${sizes(output.shape.slice(1))}, ${layer.countParams()} parameters`);
