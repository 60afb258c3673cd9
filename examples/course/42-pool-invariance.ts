// Lee: what pooling forgets. Numbers may change places inside a 2x2 cell and neither pool notices; a bright pixel that
// moves is not seen to move inside its cell, and moves by one output once it leaves it.
import { averagePool2d, maxPool2d } from 'fovea';
import { above, arrow, beside, cells, colours, draw, heat, type Panel, titled } from './drawing.js';
import { asImage, filled, largestDifference, type Matrix, planeOf, print } from './lib.js';

const before = filled(6, 6, (row, column) => (row * 5 + column * 3 + row * row * column) % 10);
// Every cell turned by a quarter: its four numbers stay together.
const after = filled(6, 6, (row, column) => {
  const [top, left] = [row - (row % 2), column - (column % 2)];
  return before[top + 1 - (column % 2)]?.[left + (row % 2)] ?? 0;
});
print('before', before);
print('after', after);
const [x, y] = [asImage(before), asImage(after)];
print('max pool of both', await planeOf(maxPool2d(y)));
const change = await largestDifference(maxPool2d(x), maxPool2d(y));
const other = await largestDifference(averagePool2d(x), averagePool2d(y));
console.log(`max pools differ by ${change}, average pools by ${other}`);

const bright = (row: number, column: number): Matrix => filled(6, 6, (i, j) => (i === row && j === column ? 9 : 0));
const brightest = async (map: Matrix): Promise<string> => {
  const pooled = await planeOf(maxPool2d(asImage(map)));
  const row = pooled.findIndex((line) => line.includes(9));
  return `${row},${pooled[row]?.indexOf(9)}`;
};
const places = [
  [2, 2],
  [2, 3],
  [2, 4],
] as const;
for (const [row, column] of places) {
  console.log(`bright pixel at ${row},${column}: pooled at ${await brightest(bright(row, column))}`);
}

const frames = [0, 2, 4].flatMap((row) =>
  [0, 2, 4].map((column) => ({ row, column, rows: 2, columns: 2, colour: '#98a2ad' as const })),
);
const shade = heat(0, 14, colours.weight);
const pair = async (name: string, map: Matrix): Promise<Panel> => {
  const style = (_i: number, _j: number, value: number) => ({ fill: shade(value) });
  const pooled = await planeOf(maxPool2d(asImage(map)));
  return titled(
    name,
    beside([cells(map, { cell: 26, frames, style }), arrow(24), cells(pooled, { cell: 26, style })], 10),
  );
};
const moved = await Promise.all(
  places.map(([row, column]) => pair(`bright pixel at ${row},${column}`, bright(row, column))),
);
const shuffled = [await pair('before', before), await pair('after: turned inside each cell', after)];
const panel = above([beside(shuffled, 44), beside(moved, 44)], 30);
await draw('42-pool-invariance', 'Max pooling forgets where in its cell a number stood', panel);
