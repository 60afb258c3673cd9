// Kim: zeros around a picture by hand, then a vertical edge filter: 6x6 stays 6x6. Two cells of the course's result are
// misprinted, -13 for 2 and -9 for -15; these are the right ones.
import { conv2d, pad } from 'fovea';
import { asFilters, asImage, largestDifference, planeOf, print, rows, sizes } from './lib.js';

const image = asImage(rows('334470/976582/655692/713278/037183/404322'));
const filter = asFilters(rows('1 0 -1/1 0 -1/1 0 -1'));
const padded = pad(image, [
  [0, 0],
  [1, 1],
  [1, 1],
  [0, 0],
]);
const result = conv2d(padded, filter);
print('padded', await planeOf(padded));
console.log(
  `${sizes(image.shape.slice(1, 3))}, padded ${sizes(padded.shape.slice(1, 3))}, result ${sizes(result.shape.slice(1, 3))}`,
);
print('result', await planeOf(result));
console.log(
  `equals padding: 1 of conv2d: ${(await largestDifference(result, conv2d(image, filter, { padding: 1 }))) === 0}`,
);
