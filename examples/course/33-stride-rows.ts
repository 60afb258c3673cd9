// intro: strides. In a 7x7 picture row r holds r+1; the filter's rows hold 0, 1 and 2. Stride 1 gives rows 24 33 42 51
// 60, stride 2 every other one of them, 24 42 60. (In the course's drawing an unfinished cell shows 0 for 24.) Draws the
// window and the map, step by step.
import { conv2d, multiply, slice, sum, tensor } from 'fovea';
import { arrow, beside, cells, colours, draw, wrap } from './drawing.js';
import { asFilters, asImage, filled, planeOf, print, rows } from './lib.js';

const image = filled(7, 7, (row) => row + 1);
const kernel = rows('000/111/222');
print('stride 1', await planeOf(conv2d(asImage(image), asFilters(kernel))));
const map = await planeOf(conv2d(asImage(image), asFilters(kernel), { strides: 2 }));
print('stride 2', map);
for (const i of [0, 1, 2]) {
  const window = slice(tensor(image), [2 * i, 0], [3, 3]);
  const parts = await sum(multiply(window, tensor(kernel)), { axis: 1 }).data();
  console.log(`row ${i} of stride 2: ${[...parts].join(' + ')} = ${map[i]?.[0]}`);
}

const steps = map.flatMap((mapRow, i) =>
  mapRow.map((_, j) => {
    const input = cells(image, {
      cell: 24,
      style: (row, column) => {
        const weight = kernel[row - 2 * i]?.[column - 2 * j];
        return weight === undefined ? {} : { fill: colours.read, small: `×${weight}` };
      },
      frames: [{ row: 2 * i, column: 2 * j, rows: 3, columns: 3 }],
    });
    const done = cells(map, {
      style: (row, column) => {
        if (row === i && column === j) return { fill: colours.write };
        return row * 3 + column < i * 3 + j ? {} : { text: '', fill: colours.outside };
      },
    });
    return beside([input, arrow(22), done], 12);
  }),
);
await draw('33-stride-rows', 'Stride 2: the window moves two cells at a time', wrap(steps, 3, 36));
