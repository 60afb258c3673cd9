// Kim, Ng and Chollet: max pooling keeps the largest number under each window. A 4x4 map with a 2x2 window and stride 2,
// then a 5x5 map with a 3x3 window and stride 1, whose windows overlap.
import { maxPool2d } from 'fovea';
import { above, arrow, beside, cells, colours, draw, titled } from './drawing.js';
import { asImage, type Matrix, planeOf, print, rows } from './lib.js';

const small = rows('1321/2911/1323/5612');
const large = rows('13213/29115/13232/83510/56129');
const apart = await planeOf(maxPool2d(asImage(small), { poolSize: 2, strides: 2 }));
const overlapping = await planeOf(maxPool2d(asImage(large), { poolSize: 3, strides: 1 }));
print('f 2, stride 2', apart);
print('f 3, stride 1', overlapping);

const tints = ['#cfe5f5', '#ffd9bf', '#bfe8d8', '#f3d6e8'] as const;
const tint = (row: number, column: number) => ({ fill: tints[2 * row + column] ?? colours.paper });
const first = beside([
  cells(small, { style: (i, j) => tint(Math.floor(i / 2), Math.floor(j / 2)) }),
  arrow(),
  cells(apart, { style: tint }),
]);
// The largest number of the first window is the one that the first output repeats.
const isRead = (row: number, column: number): boolean => row < 3 && column < 3;
const largest = (map: Matrix): number => map[0]?.[0] ?? Number.NaN;
const second = beside([
  cells(large, {
    style: (i, j, value) => {
      if (!isRead(i, j)) return {};
      return { fill: value === largest(overlapping) ? colours.write : colours.read };
    },
    frames: [{ row: 0, column: 0, rows: 3, columns: 3 }],
  }),
  arrow(),
  cells(overlapping, { style: (i, j) => (i + j === 0 ? { fill: colours.write } : {}) }),
]);
const parts = [
  titled('2×2 windows, stride 2: each in its colour', first),
  titled('3×3 windows, stride 1: the first', second),
];
await draw('38-max-pool', 'Max pooling', above(parts, 28));
