// intro, Kim: a 6x6 filter at stride 4 on 11x11 (the course's drawing has 12x13 cells and a 5x6 filter). Without padding
// the last row and column are never read; 'same' needs 3 cells more, 1 before and 2 after, for 3x3 outputs on 14x14. Then
// Kim's width 13, filter 6, stride 5. Draws what is read, unread and padded.
import { conv2d, grad, ones, pad, sum, type Tensor } from 'fovea';
import { above, beside, cells, colours, draw, note, titled } from './drawing.js';
import { largestDifference, type Matrix, planeOf, print, sizes } from './lib.js';

const [image, filter] = [ones([1, 11, 11, 1]), ones([6, 6, 1, 1])];
const valid = conv2d(image, filter, { strides: 4 });
const same = conv2d(image, filter, { strides: 4, padding: 'same' });
print(`valid ${sizes(valid.shape.slice(1, 3))}`, await planeOf(valid));
print(`same ${sizes(same.shape.slice(1, 3))}`, await planeOf(same));
const around = (x: Tensor) =>
  pad(x, [
    [0, 0],
    [1, 2],
    [1, 2],
    [0, 0],
  ]);
const byHand = conv2d(around(image), filter, { strides: 4 });
console.log(
  `1 zero before, 2 after, ${sizes(around(image).shape.slice(1, 3))}: equal: ${(await largestDifference(same, byHand)) === 0}`,
);

// The gradient of all outputs' sum counts how often a cell is read.
const reads = grad((x) => sum(conv2d(x, filter, { strides: 4 })));
const [readValid, readSame] = [await planeOf(reads(image)), await planeOf(reads(around(image)))];
console.log(`cells in the last row that 'valid' reads: ${readValid[10]?.filter((value) => value > 0).length}`);

const [line, wide] = [ones([1, 1, 13, 1]), ones([1, 6, 1, 1])];
const readLine = await planeOf(grad((x) => sum(conv2d(x, wide, { strides: [1, 5] })))(line));
const places = (padding: 'valid' | 'same') => conv2d(line, wide, { strides: [1, 5], padding }).shape[2] as number;
const unread = readLine[0]?.filter((value) => value === 0).length;
const zeros = (places('same') - 1) * 5 + 6 - 13;
console.log(
  `width 13, filter 6, stride 5: valid ${places('valid')} (${unread} unread), same ${places('same')} (${Math.floor(zeros / 2)} + ${Math.ceil(zeros / 2)} zeros)`,
);

const look = (
  counts: Matrix,
  before: readonly [number, number],
  size: readonly [number, number],
  frames: [number, number, number, number][],
) =>
  cells(counts, {
    cell: 20,
    style: (row, column, value) => {
      const isInside =
        row >= before[0] && row < before[0] + size[0] && column >= before[1] && column < before[1] + size[1];
      const fill = !isInside ? '#f0a050' : value > 0 ? colours.read : '#ffffff';
      return { fill, text: !isInside ? '0' : value > 0 ? '' : '×', ink: isInside ? '#c44e00' : '#ffffff' };
    },
    frames: frames.map(([row, column, rows, columns]) => ({ row, column, rows, columns })),
  });
const padLine = (x: Tensor) =>
  pad(x, [
    [0, 0],
    [0, 0],
    [1, 2],
    [0, 0],
  ]);
const readPadded = await planeOf(grad((x) => sum(conv2d(x, wide, { strides: [1, 5] })))(padLine(line)));
const squares = beside(
  [
    titled(
      'valid: 2×2 places',
      look(
        readValid,
        [0, 0],
        [11, 11],
        [
          [0, 0, 6, 6],
          [4, 4, 6, 6],
        ],
      ),
    ),
    titled(
      'same: 3×3 places on 14×14',
      look(
        readSame,
        [1, 1],
        [11, 11],
        [
          [0, 0, 6, 6],
          [8, 8, 6, 6],
        ],
      ),
    ),
  ],
  40,
);
const lines = beside(
  [
    titled(
      'width 13, valid: 2 places',
      look(
        readLine,
        [0, 0],
        [1, 13],
        [
          [0, 0, 1, 6],
          [0, 5, 1, 6],
        ],
      ),
    ),
    titled(
      'same: 3 places on 16',
      look(
        readPadded,
        [0, 1],
        [1, 13],
        [
          [0, 0, 1, 6],
          [0, 10, 1, 6],
        ],
      ),
    ),
  ],
  40,
);
await draw(
  '35-even-filter',
  'What is read',
  above(
    [squares, lines, note('blue: read     × : never read     orange 0: padding     frames: first and last place')],
    26,
  ),
);
