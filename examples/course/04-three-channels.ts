// Kim, Lee: a colour picture. A filter holds one kernel for each input channel; every kernel gives a part, and the parts
// are added cell by cell into one map. Draws the planes, the kernels, the parts and the sum.
import { conv2d, depthwiseConv2d, reshape } from 'fovea';
import { above, arrow, beside, type Colour, cells, draw, heat, sign, titled } from './drawing.js';
import { asDeepFilter, asImage, type Matrix, planeOf, planesOf, print, rows } from './lib.js';

const planes = ['10102/11321/11011/23213/02010', '10010/20120/31130/03032/10321', '20121/33132/21110/31320/11211'].map(
  rows,
);
const kernels = ['010/002/010', '210/000/030', '100/100/002'].map(rows);
const image = asImage(...planes);
const filter = asDeepFilter(...kernels);

// A depthwise convolution stops before the channels are added.
const parts = await planesOf(depthwiseConv2d(image, reshape(filter, [3, 3, 3, 1])));
const total = await planeOf(conv2d(image, filter));
['R', 'G', 'B'].forEach((name, c) => {
  print(`part ${name}`, parts[c] as Matrix);
});
print('sum', total);

const tints: readonly Colour[] = ['#e07a70', '#6fbf8a', '#6f9fdd'];
const tinted = (matrix: Matrix, high: number, tint: Colour): ReturnType<typeof cells> =>
  cells(matrix, { style: (_row, _column, value) => ({ fill: heat(0, high, tint)(value), ink: '#1b2430' }) });
const lines = planes.map((plane, c) => {
  const tint = tints[c] as Colour;
  return beside([
    titled(`plane ${'RGB'[c]}`, tinted(plane, 4, tint)),
    sign('*'),
    titled('kernel', tinted(kernels[c] as Matrix, 4, tint)),
    sign('='),
    titled('part', tinted(parts[c] as Matrix, 16, tint)),
  ]);
});
const sum = titled('sum of the parts', tinted(total, 40, '#f0a050'));
await draw('04-three-channels', 'One filter of three kernels', beside([above(lines), arrow(), sum], 24));
