// Ng and Lee: average pooling gives the mean of each window instead of its largest number; the 4x4 map of example 38.
import { averagePool2d, layers } from 'fovea';
import { asImage, largestDifference, planeOf, print, rows } from './lib.js';

const image = asImage(rows('1321/2911/1323/5612'));
const pooled = averagePool2d(image, { poolSize: 2, strides: 2 });
print('averages of 2x2 windows', await planeOf(pooled));

// The layer has the same defaults as the op: a 2x2 window that steps by its own size.
const layer = layers.averagePooling2d();
console.log(`the layer differs by ${await largestDifference(layer.apply(image), pooled)}`);
