// Kim: what one neuron sees. Neuron (i, j) reads rows i*sh to i*sh+fh-1, columns alike (without padding; with 'same' the
// padding before is taken off). The gradient of one output with respect to the picture is not 0 in just that window.
import { conv2d, grad, ones, slice, sum } from 'fovea';
import { arrow, beside, cells, colours, draw, titled, wrap } from './drawing.js';
import { filled, planeOf } from './lib.js';

const [f, i, j, size] = [3, 2, 3, 9];
const image = ones([1, size, size, 1]);
const panels = [];
for (const stride of [1, 2]) {
  const filter = ones([f, f, 1, 1]);
  const output = conv2d(image, filter, { strides: stride });
  const side = output.shape[1] as number;
  const neuron = grad((x) => sum(slice(conv2d(x, filter, { strides: stride }), [0, i, j, 0], [1, 1, 1, 1])));
  const gradient = await planeOf(neuron(image));
  const rows = gradient.flatMap((row, at) => (row.some((value) => value !== 0) ? [at] : []));
  const columns = gradient.flatMap((row) => row.flatMap((value, at) => (value !== 0 ? [at] : [])));
  console.log(
    `stride ${stride}, neuron (${i},${j}): by the rule rows ${i * stride}-${i * stride + f - 1}, columns ${j * stride}-${j * stride + f - 1}`,
  );
  console.log(
    `  gradient not 0: rows ${rows[0]}-${rows.at(-1)}, columns ${Math.min(...columns)}-${Math.max(...columns)}, ${columns.length} cells`,
  );

  const input = cells(
    filled(size, size, () => 0),
    {
      cell: 24,
      style: (row, column) => ({ text: '', fill: gradient[row]?.[column] === 0 ? colours.paper : colours.read }),
      frames: [{ row: i * stride, column: j * stride, rows: f, columns: f }],
    },
  );
  const map = cells(
    filled(side, side, () => 0),
    {
      cell: 24,
      style: (row, column) => ({ text: '', fill: row === i && column === j ? '#f0a050' : colours.paper }),
    },
  );
  panels.push(beside([titled(`picture ${size}×${size}`, input), arrow(), titled(`map, stride ${stride}`, map)]));
}
await draw('06-input-window', 'The window that neuron (2,3) sees', wrap(panels, 2, 48));
