// Ng: two filters that weigh the middle row more, Sobel and Scharr. Scharr's middle row is 10 0 -10; the course prints
// 0 0 -10, whose weights do not cancel: on a flat picture of sevens it answers -70 instead of 0.
import { conv2d } from 'fovea';
import { asFilters, asImage, filled, type Matrix, planeOf, print, rows } from './lib.js';

const filters = { Sobel: rows('1 0 -1/2 0 -2/1 0 -1'), Scharr: rows('3 0 -3/10 0 -10/3 0 -3') };
const misprinted = rows('3 0 -3/0 0 -10/3 0 -3');
const image = rows('301274/158931/272513/013178/421628/245239');
const step = filled(6, 6, (_, column) => (column < 3 ? 10 : 0));
const flat = filled(5, 5, () => 7);
const apply = (picture: Matrix, filter: Matrix): Promise<number[][]> =>
  planeOf(conv2d(asImage(picture), asFilters(filter)));

for (const [name, filter] of Object.entries(filters)) {
  print(`${name} on the picture`, await apply(image, filter));
  console.log(`${name} on the step: first row ${(await apply(step, filter))[0]?.join(' ')}`);
  console.log(`${name} on a flat 7: ${(await apply(flat, filter))[0]?.[0]}`);
}
console.log(`the misprinted Scharr on a flat 7: ${(await apply(flat, misprinted))[0]?.[0]}`);
