// Kim: why the sharpening kernel sharpens. It takes five times a cell less its four neighbours: a 3 amid 2s becomes 7, a
// 1 amid 2s becomes -3, and the cells beside them move the other way, so differences grow.
import { conv2d } from 'fovea';
import { asFilters, asImage, filled, planeOf, print, rows } from './lib.js';

const sharpen = asFilters(rows('0 -1 0/-1 5 -1/0 -1 0'));
for (const middle of [3, 1]) {
  const image = filled(5, 5, (row, column) => (row === 2 && column === 2 ? middle : 2));
  const result = await planeOf(conv2d(asImage(image), sharpen));
  print(`a ${middle} amid 2s`, result);
  console.log(`the ${middle} becomes ${result[1]?.[1]}, beside it ${result[1]?.[0]}`);
}
