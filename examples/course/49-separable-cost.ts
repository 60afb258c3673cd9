// Ng: the cost of a depthwise separable convolution. From 6x6x3 to 4x4x5 a normal 3x3 convolution multiplies 2160 times;
// one 3x3 filter per channel and a 1x1 convolution after it do it in 672, a share of 1/5 + 1/9.
import { layers, models } from 'fovea';
import { sizes } from './lib.js';

const input = layers.input([6, 6, 3]);
const normal = layers.conv2d({ filters: 5, kernelSize: 3, useBias: false });
const depthwise = layers.depthwiseConv2d({ kernelSize: 3, useBias: false });
const pointwise = layers.conv2d({ filters: 5, kernelSize: 1, useBias: false });
const outputs = [normal.apply(input), pointwise.apply(depthwise.apply(input))];
const model = models.model({ inputs: input, outputs });
console.log(`outputs ${model.outputs.map(({ shape }) => sizes(shape.slice(1) as number[])).join(' and ')}`);

const costs = model.cost().layers;
const [all, first, second] = [normal, depthwise, pointwise].map(
  ({ name }) => costs.find((each) => each.name === name)?.multiplications,
) as [number, number, number];
console.log(`normal: ${all} multiplications, ${normal.countParams()} weights`);
console.log(
  `separable: ${first} + ${second} = ${first + second}, ${depthwise.countParams() + pointwise.countParams()} weights`,
);
console.log(`share ${((first + second) / all).toFixed(4)}, 1/5 + 1/9 = ${(1 / 5 + 1 / 9).toFixed(4)}`);
