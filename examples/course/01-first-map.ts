// Kim: the first feature map. A 3x3 kernel slides over a 5x5 picture; each step multiplies the covered cells by the
// weights and adds up. Draws the nine steps, the weights written small in the covered cells.
import { conv2d } from 'fovea';
import { arrow, beside, cells, colours, draw, wrap } from './drawing.js';
import { asFilters, asImage, planeOf, print, rows } from './lib.js';

const image = rows('11100/01110/00111/00110/01100');
const kernel = rows('101/010/101');
const map = await planeOf(conv2d(asImage(image), asFilters(kernel)));
print('image', image);
print('kernel', kernel);
print('map', map);

const steps = map.flatMap((mapRow, row) =>
  mapRow.map((_, column) => {
    const at = { row, column, rows: 3, columns: 3 };
    const weightAt = (i: number, j: number): number | undefined => kernel[i - row]?.[j - column];
    const input = cells(image, {
      frames: [at],
      style: (i, j) => (weightAt(i, j) === undefined ? {} : { fill: colours.read, small: `×${weightAt(i, j)}` }),
    });
    const done = cells(map, {
      style: (i, j) => {
        if (i === row && j === column) return { fill: colours.write };
        return i * 3 + j < row * 3 + column ? {} : { text: '', fill: colours.outside };
      },
    });
    return beside([input, arrow(24), done], 12);
  }),
);
await draw('01-first-map', 'A 3×3 kernel fills its map in nine steps', wrap(steps, 3, 40));
