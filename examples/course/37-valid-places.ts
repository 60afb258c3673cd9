// Chollet: where a 3x3 window fits on 5x5. Without padding there are 9 places, with one cell around 25, with stride 2
// there are 4; a 28x28 digit keeps 26x26. Draws the patches, numbered.
import { conv2d, ones } from 'fovea';
import { above, beside, cells, colours, draw, type Panel, titled, wrap } from './drawing.js';
import { filled, sizes } from './lib.js';

const filter = ones([3, 3, 1, 1]);
const ways = [
  { name: 'valid', padding: 0, stride: 1 },
  { name: 'padded', padding: 1, stride: 1 },
  { name: 'stride 2', padding: 0, stride: 2 },
];
const groups = new Map<string, Panel>();
for (const { name, padding, stride } of ways) {
  const map = conv2d(ones([1, 5, 5, 1]), filter, { padding, strides: stride });
  const [, height, width] = map.shape as [number, number, number, number];
  console.log(`${name}: ${height * width} places, ${sizes([height, width])}`);

  const size = 5 + 2 * padding;
  const places = filled(height, width, (row, column) => row * width + column).flat();
  const patches = places.map((place) => {
    const [top, left] = [stride * Math.floor(place / width), stride * (place % width)];
    const isInside = (at: number): boolean => at >= padding && at < padding + 5;
    return cells(
      filled(size, size, () => place + 1),
      {
        cell: 17,
        style: (row, column) => {
          const isPatch = row >= top && row < top + 3 && column >= left && column < left + 3;
          const rest = isInside(row) && isInside(column) ? colours.paper : colours.outside;
          const isMiddle = row === top + 1 && column === left + 1;
          return { text: isMiddle ? String(place + 1) : '', fill: isPatch ? colours.read : rest };
        },
        frames: [{ row: top, column: left, rows: 3, columns: 3 }],
      },
    );
  });
  groups.set(name, titled(`${name}: ${places.length} places`, wrap(patches, width, 12, 12), 15));
}
const digit = conv2d(ones([1, 28, 28, 1]), filter);
console.log(`28 valid: ${digit.shape[1]}`);
const [valid, padded, strided] = [...groups.values()] as [Panel, Panel, Panel];
await draw('37-valid-places', 'Places of a 3×3 window on 5×5', above([beside([valid, strided], 60), padded], 28));
