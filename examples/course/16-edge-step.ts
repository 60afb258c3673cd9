// Ng, Kim: an edge seen by the vertical filter. A step from 10 to 0 gives 30 where the filter straddles it, mirrored
// -30; a board of quarters under the turned (horizontal) filter gives both signs. Draws input, kernel and result in grey.
import { conv2d, transpose } from 'fovea';
import { above, beside, cells, draw, grey, sign, titled } from './drawing.js';
import { asFilters, asImage, filled, type Matrix, planeOf, print, rows } from './lib.js';

const vertical = rows('1 0 -1/1 0 -1/1 0 -1');
// Turned by exchanging its rows and columns.
const horizontal = await planeOf(transpose(asImage(vertical), [0, 2, 1, 3]));
const step = filled(6, 6, (_, column) => (column < 3 ? 10 : 0));
const cases: [name: string, image: Matrix, kernel: Matrix][] = [
  ['step', step, vertical],
  ['mirrored', step.map((row) => row.toReversed()), vertical],
  ['board', filled(6, 6, (row, column) => (row < 3 === column < 3 ? 10 : 0)), horizontal],
];
const lines = [];
for (const [name, image, kernel] of cases) {
  const result = await planeOf(conv2d(asImage(image), asFilters(kernel)));
  print(name, result);
  const panel = (title: string, matrix: Matrix, low: number, high: number): ReturnType<typeof titled> => {
    const fill = grey(low, high);
    return titled(title, cells(matrix, { style: (_row, _column, value) => ({ fill: fill(value) }) }));
  };
  lines.push(
    beside([
      panel(name, image, 0, 10),
      sign('*'),
      panel('kernel', kernel, -1, 1),
      sign('='),
      panel('result', result, -30, 30),
    ]),
  );
}
await draw('16-edge-step', 'Edges: bright to dark 30, dark to bright -30', above(lines));
