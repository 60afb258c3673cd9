// Ng, intro: two reasons to pad. Maps shrink with every layer, 6 -> 4 -> 2; and the corners of a picture are read by a
// single window while its middle is read by nine. The gradient of the sum of all outputs counts the readers of each cell.
import { conv2d, grad, multiply, ones, reshape, sum, tensor } from 'fovea';
import { beside, cells, draw, heat, titled } from './drawing.js';
import { largestDifference, planeOf, print } from './lib.js';

const filter = ones([3, 3, 1, 1]);
const image = ones([1, 6, 6, 1]);
const once = conv2d(image, filter);
console.log(`sides: ${[image, once, conv2d(once, filter)].map(({ shape }) => shape[1]).join(' -> ')}`);

const readers = async (padding: number): Promise<number[][]> =>
  planeOf(grad((x) => sum(conv2d(x, filter, { padding })))(image));
const [bare, padded] = [await readers(0), await readers(1)];
print('windows over each pixel', bare);
print('with padding 1', padded);

for (const [counts, matrix] of [
  [[1, 2, 3, 3, 2, 1], bare],
  [[2, 3, 3, 3, 3, 2], padded],
] as const) {
  const outer = multiply(reshape(tensor(counts), [6, 1]), tensor(counts));
  console.log(`the outer product of ${counts.join(' ')}: ${(await largestDifference(outer, tensor(matrix))) === 0}`);
}

const fill = heat(0, 9, '#d55e00');
const panel = (matrix: number[][]) =>
  cells(matrix, { cell: 36, style: (_row, _column, value) => ({ fill: fill(value) }) });
await draw(
  '32-why-pad',
  'How many 3×3 windows read each pixel',
  beside([titled('without padding', panel(bare)), titled('with padding 1', panel(padded))], 40),
);
