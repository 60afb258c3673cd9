// intro: 5x5 ones in a border of zeros, 7x7, under a 3x3 filter of ones. Each output counts the ones that its filter
// covers: 4 at the corners, 6 along the edges, 9 inside. Draws the zero border.
import { conv2d, ones } from 'fovea';
import { arrow, beside, cells, colours, draw, heat, titled } from './drawing.js';
import { bordered, planeOf, print } from './lib.js';

const padded = bordered(ones([1, 5, 5, 1]), [1, 1]);
const result = await planeOf(conv2d(padded, ones([3, 3, 1, 1])));
print('result', result);

const isBorder = (row: number, column: number): boolean => [row, column].some((at) => at === 0 || at === 6);
const input = cells(await planeOf(padded), {
  style: (row, column) => (isBorder(row, column) ? { fill: colours.outside, ink: '#8a94a0' } : { fill: colours.read }),
  frames: [{ row: 0, column: 0, rows: 3, columns: 3, colour: colours.strong }],
});
const fill = heat(0, 12, '#d55e00');
const output = cells(result, { style: (_row, _column, value) => ({ fill: fill(value) }) });
await draw(
  '29-pad-ones',
  'A border of zeros keeps 5×5',
  beside([titled('5×5 ones in zeros: 7×7', input), arrow(), titled('result 5×5', output)]),
);
