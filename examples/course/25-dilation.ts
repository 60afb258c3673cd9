// Kim: a filter with holes. Dilation d spreads f cells over a span of f + (f-1)(d-1) and has as many parameters as
// before. On 0..24 with d 2, a filter of ones adds 0 2 4 10 12 14 20 22 24. Draws the touched cells.
import { conv2d, grad, layers, ones, slice, sum, zeros } from 'fovea';
import { beside, cells, colours, draw, type Panel, titled } from './drawing.js';
import { asFilters, asImage, filled, planeOf } from './lib.js';

const f = 3;
const panels: Panel[] = [];
for (const d of [1, 2, 3, 4]) {
  const layer = layers.conv2d({ filters: 1, kernelSize: f, dilationRate: d });
  const output = layer.apply(zeros([1, 9, 9, 1]));
  const span = 9 - (output.shape[1] as number) + 1;
  console.log(`dilation ${d}: span ${span}, by the rule ${f + (f - 1) * (d - 1)}, ${layer.countParams()} parameters`);

  // The cells that the middle output, or the only one, reads.
  const middle = Math.floor((output.shape[1] as number) / 2);
  const reading = grad((x) =>
    sum(slice(conv2d(x, ones([f, f, 1, 1]), { dilationRate: d }), [0, middle, middle, 0], [1, 1, 1, 1])),
  );
  const touched = await planeOf(reading(ones([1, 9, 9, 1])));
  const frame = { row: middle, column: middle, rows: span, columns: span };
  const style = (_row: number, _column: number, value: number) =>
    ({ text: '', fill: value > 0 ? '#f0a050' : colours.paper }) as const;
  panels.push(titled(`dilation ${d}: span ${span}`, cells(touched, { cell: 20, style, frames: [frame] })));
}
const counting = asImage(filled(5, 5, (row, column) => 5 * row + column));
const result = conv2d(counting, asFilters(filled(f, f, () => 1)), { dilationRate: 2 });
console.log(`ones on 0..24, dilation 2: ${await result.item()}`);
await draw('25-dilation', 'Nine cells, further and further apart', beside(panels, 28));
