// Lee: a picture is numbers from 0 to 255, one plane for each of red, green and blue. 1080 x 1080 pixels in colour are
// 3,499,200 of them. Draws a digit with its numbers, and a photo with its three planes.
import { slice } from 'fovea';
import { above, beside, cells, draw, grey, picture, titled } from './drawing.js';
import { asBatch, photo, pictureOf, sizes, writtenFour } from './lib.js';

const count = 1080 * 1080 * 3;
console.log(`1080x1080x3: ${count.toLocaleString('en-US')} numbers`);

const digit = writtenFour().map((row) => row.map((ink) => Math.round(255 * ink)));
const values = digit.flat();
console.log(`a digit ${digit.length}x${digit[0]?.length}: from ${Math.min(...values)} to ${Math.max(...values)}`);

const source = await photo(150, 200);
const bytes = source.data.map((value) => Math.round(255 * value));
console.log(
  `a photo ${sizes(source.shape)}: ${source.data.length} numbers, from ${Math.min(...bytes)} to ${Math.max(...bytes)}`,
);

const planes = ['red', 'green', 'blue'];
const batch = asBatch(source);
const panels = await Promise.all(
  planes.map(async (name, c) => {
    const plane = await pictureOf(slice(batch, [0, 0, 0, c], [1, 150, 200, 1]));
    return titled(name, picture(plane, { colormap: 'gray', vmin: 0, vmax: 1 }));
  }),
);
const shade = grey(0, 255);
const numbers = cells(digit, { cell: 21, decimals: 0, style: (_row, _column, value) => ({ fill: shade(value) }) });
await draw(
  '117-image-numbers',
  'Pictures are numbers from 0 to 255',
  above([numbers, beside([titled('photo', picture(source)), ...panels])], 26),
);
