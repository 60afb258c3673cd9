// Lee, Kim: a 5x5 picture of C channels, padding (1,1), strides (2,2): nine steps fill a 3x3 map. (The course leaves the
// kernel's size open; nine frames make it 3x3.) Draws nine frames: the input with its border, and the output so far.
import { conv2d, zeros } from 'fovea';
import { arrow, beside, cells, colours, draw, wrap } from './drawing.js';
import { asFilters, asImage, bordered, planeOf, print, rows, sizes } from './lib.js';

for (const channels of [1, 3, 64]) {
  const map = conv2d(zeros([1, 5, 5, channels]), zeros([3, 3, channels, 1]), {
    padding: [
      [1, 1],
      [1, 1],
    ],
    strides: [2, 2],
  });
  console.log(`5x5x${channels}: output ${sizes(map.shape.slice(1, 3))}`);
}
const image = asImage(rows('21302/10213/32120/01231/20312'));
const kernel = asFilters(rows('010/121/010'));
const map = await planeOf(conv2d(image, kernel, { padding: 1, strides: 2 }));
print('output', map);

const padded = await planeOf(bordered(image, [1, 1]));
const isBorder = (row: number, column: number): boolean => [row, column].some((at) => at === 0 || at === 6);
const frames = map.flatMap((mapRow, i) =>
  mapRow.map((_, j) => {
    const input = cells(padded, {
      cell: 24,
      style: (row, column) => {
        const isCovered = row >= 2 * i && row < 2 * i + 3 && column >= 2 * j && column < 2 * j + 3;
        return { fill: isCovered ? colours.read : isBorder(row, column) ? colours.outside : colours.paper };
      },
      frames: [
        { row: 1, column: 1, rows: 5, columns: 5, colour: '#98a2ad' },
        { row: 2 * i, column: 2 * j, rows: 3, columns: 3 },
      ],
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
await draw('36-nine-steps', 'Padding 1, stride 2: nine steps', wrap(frames, 3, 36));
