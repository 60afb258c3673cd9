// intro: an exercise with pencil and paper. A filter as large as the picture has one place, so the map is one number:
// every cell times its weight, added up. The filter's rows hold 1, -1, 2 and 3.
import { conv2d, multiply, sum, tensor } from 'fovea';
import { asFilters, asImage, filled, planeOf, print, rows } from './lib.js';

const image = rows('1543/8414/1233/6531');
const kernel = filled(4, 4, (row) => [1, -1, 2, 3][row] as number);
print('image', image);
print('filter', kernel);

const products = multiply(tensor(image), tensor(kernel));
const rowSums = [...(await sum(products, { axis: 1 }).data())];
console.log(`row by row: ${rowSums.join(' + ').replaceAll('+ -', '- ')}`);
print('map', await planeOf(conv2d(asImage(image), asFilters(kernel))));
