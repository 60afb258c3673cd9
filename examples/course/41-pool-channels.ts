// Kim, Ng, Lee and Chollet: a pool treats each map alone, has nothing to learn and is rarely padded. A convolution with
// stride 2 halves the sides as well, but mixes all maps and has weights.
import { concat, layers, maxPool2d, randomUniform, split } from 'fovea';
import { largestDifference, sizes } from './lib.js';

const maps = randomUniform([1, 26, 26, 32], [0, 0, 0, 1]);
const pool = layers.maxPooling2d({ poolSize: 2 });
const pooled = pool.apply(maps);
const strided = layers.conv2d({ filters: 32, kernelSize: 2, strides: 2 });
const convolved = strided.apply(maps);
const show = (name: string, shape: readonly number[], parameters: number): void =>
  console.log(`${name.padEnd(26)} 26x26x32 -> ${sizes(shape.slice(1))}, ${parameters} parameters`);
show('max pool 2', pooled.shape, pool.countParams());
show('convolution 2x2, stride 2', convolved.shape, strided.countParams());

const odd = randomUniform([1, 11, 11, 1], [0, 0, 0, 2]);
console.log(
  `a side of 11 pools to ${maxPool2d(odd).shape[1]}; padded, to ${maxPool2d(odd, { padding: 'same' }).shape[1]}`,
);

// Pooling a stack of maps = stacking the pools of its maps.
const alone = concat(
  split(maps, 32, -1).map((map) => maxPool2d(map)),
  -1,
);
console.log(`pooled together and alone differ by ${await largestDifference(pooled, alone)}`);
