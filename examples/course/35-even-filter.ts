// intro, Kim: a 6x6 filter at stride 4 on 11x11 (the course's drawing has 12x13 cells and a 5x6 filter). Without padding
// the last row and column are never read; 'same' needs 3 cells more, 1 before and 2 after, for 3x3 outputs on 14x14. Then
// Kim's width 13, filter 6, stride 5. Draws what is read, unread and padded.
import { conv2d, grad, ones, sum, type Tensor } from 'fovea';
import { above, beside, cells, colours, draw, note, type Panel, titled } from './drawing.js';
import { bordered, largestDifference, planeOf, print, sizes } from './lib.js';

const square = {
  image: ones([1, 11, 11, 1]),
  filter: ones([6, 6, 1, 1]),
  strides: [4, 4],
  rows: [1, 2],
  columns: [1, 2],
} as const;
const line = {
  image: ones([1, 1, 13, 1]),
  filter: ones([1, 6, 1, 1]),
  strides: [1, 5],
  rows: [0, 0],
  columns: [1, 2],
} as const;
type Case = typeof square | typeof line;

const convolve = ({ filter, strides }: Case, x: Tensor, padding: 'valid' | 'same' = 'valid'): Tensor =>
  conv2d(x, filter, { strides, padding });
/** How often each cell is read: the gradient of the sum of all outputs. */
const reads = (one: Case, x: Tensor): Promise<number[][]> => planeOf(grad((cell) => sum(convolve(one, cell)))(x));
const surround = (one: Case): Tensor => bordered(one.image, one.rows, one.columns);

const [valid, same] = [convolve(square, square.image), convolve(square, square.image, 'same')];
print(`valid ${sizes(valid.shape.slice(1, 3))}`, await planeOf(valid));
print(`same ${sizes(same.shape.slice(1, 3))}`, await planeOf(same));
const byHand = convolve(square, surround(square));
const isEqual = (await largestDifference(same, byHand)) === 0;
console.log(`1 zero before, 2 after, ${sizes(surround(square).shape.slice(1, 3))}: equal: ${isEqual}`);
const last = (await reads(square, square.image))[10] ?? [];
console.log(`cells in the last row that 'valid' reads: ${last.filter((count) => count > 0).length}`);

const unread = (await reads(line, line.image)).flat().filter((count) => count === 0).length;
const [few, more] = [convolve(line, line.image).shape[2], convolve(line, line.image, 'same').shape[2]] as [
  number,
  number,
];
const zeros = (more - 1) * 5 + 6 - 13;
const halves = `${Math.floor(zeros / 2)} + ${Math.ceil(zeros / 2)} zeros`;
console.log(`width 13, filter 6, stride 5: valid ${few} (${unread} unread), same ${more} (${halves})`);

async function panel(title: string, one: Case, isPadded: boolean): Promise<Panel> {
  const x = isPadded ? surround(one) : one.image;
  // Zeros around a picture of ones show which cells are its own.
  const [own, counts] = [await planeOf(x), await reads(one, x)];
  const [, height, width] = convolve(one, x).shape as [number, number, number, number];
  const [rows, columns] = one.filter.shape as [number, number, number, number];
  const end = { row: (height - 1) * one.strides[0], column: (width - 1) * one.strides[1], rows, columns };
  const look = (row: number, column: number, count: number) => {
    if (own[row]?.[column] === 0) return { fill: '#f0a050', text: '0', ink: '#ffffff' } as const;
    return count > 0 ? ({ fill: colours.read, text: '' } as const) : ({ text: '×', ink: '#c44e00' } as const);
  };
  return titled(title, cells(counts, { cell: 20, style: look, frames: [{ row: 0, column: 0, rows, columns }, end] }));
}
const squares = [
  await panel('valid: 2×2 places', square, false),
  await panel('same: 3×3 places on 14×14', square, true),
];
const lines = [await panel('width 13, valid: 2 places', line, false), await panel('same: 3 places on 16', line, true)];
const key = note('blue: read     × : never read     orange 0: padding     frames: first and last place');
await draw('35-even-filter', 'What is read', above([beside(squares, 40), beside(lines, 40), key], 26));
