// Ng: a vertical edge detector. Lay the filter on the picture, multiply element by element, add up: bright to the left of
// dark gives a positive number, dark to the left of bright a negative one.
import { conv2d, multiply, slice, sum, tensor } from 'fovea';
import { asFilters, asImage, planeOf, print, rows } from './lib.js';

const image = rows('301274/158931/272513/013178/421628/245239');
const kernel = rows('1 0 -1/1 0 -1/1 0 -1');
print('image', image);
print('filter', kernel);

// The first place by hand.
const products = multiply(slice(tensor(image), [0, 0], [3, 3]), tensor(kernel));
print('products at the first place', (await products.array()) as number[][]);
console.log(`their sum: ${await sum(products).item()}`);
print('map', await planeOf(conv2d(asImage(image), asFilters(kernel))));
