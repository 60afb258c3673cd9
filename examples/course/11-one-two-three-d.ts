// Kim, Lee: convolution in one, two and three dimensions, padding 'same', all ones: each output counts the cells its
// filter covers. A signal stays a signal; a picture with channels under conv2d gives flat maps, because a 2-D filter is
// as deep as its input; only a 3-D filter also moves in depth, and a volume stays a volume.
import { add, concat, conv2d, layers, ones, slice, type Tensor, zeros } from 'fovea';
import { planesOf, print, sizes } from './lib.js';

const ofOnes = { filters: 1, kernelSize: 3, padding: 'same', useBias: false, kernelInitializer: 'ones' } as const;

const signal = layers.conv1d(ofOnes).apply(ones([1, 5, 1]));
console.log(`1-D: ${[...(await signal.data())].join(' ')}`);
const map = layers.conv2d(ofOnes).apply(ones([1, 5, 5, 1]));
print('2-D', (await planesOf(map))[0] as number[][]);

// A volume [depth,h,w,1] under a 3x3x3 filter: every output slice is the sum of three 2-D convolutions, those of the
// input slices before, at and after it.
function conv3dSame(volume: Tensor, filters: readonly Tensor[]): Tensor {
  const [depth, height, width] = volume.shape as [number, number, number];
  const blank = zeros([1, height, width, 1]);
  const padded = concat([blank, volume, blank]);
  return filters
    .map((filter, at) => conv2d(slice(padded, [at, 0, 0, 0], [depth, height, width, 1]), filter, { padding: 'same' }))
    .reduce((total, part) => add(total, part));
}
const filters = [0, 1, 2].map(() => ones([3, 3, 1, 1]));
const volume = conv3dSame(ones([5, 5, 5, 1]), filters);
const at = (d: number, h: number, w: number): Promise<number> => slice(volume, [d, h, w, 0], [1, 1, 1, 1]).item();
console.log(
  `3-D: ${await at(0, 0, 0)} at the corners, ${await at(2, 2, 2)} inside, a volume of ${sizes(volume.shape.slice(0, 3))}`,
);

const flat = layers.conv2d({ ...ofOnes, filters: 4 }).apply(ones([1, 5, 5, 5]));
console.log(`5x5x5 to conv2d with 4 filters: ${sizes(flat.shape.slice(1))}, four flat maps`);
