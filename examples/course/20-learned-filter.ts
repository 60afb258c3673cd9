// Ng, Lee: the nine weights of a filter need no designer. They are parameters w1..w9, and gradient descent on the squared
// error finds Sobel's numbers from a picture and Sobel's output alone. Draws the loss and the kernel over time.
import {
  compile,
  conv2d,
  initializers,
  mean,
  multiply,
  plot,
  reshape,
  square,
  subtract,
  tensor,
  Variable,
  valueAndGrad,
  zeros,
} from 'fovea';
import { above, beside, cells, chart, draw, grey, type Panel, titled } from './drawing.js';
import { asFilters, formatNumber, planeOf, print, rows } from './lib.js';

const sobel = rows('1 0 -1/2 0 -2/1 0 -1');
const noise = initializers.randomUniform({ low: -1, high: 1, seed: 4 }).values([32 * 32]);
const image = tensor(noise, { shape: [1, 32, 32, 1] });
const wanted = conv2d(image, asFilters(sobel));
const w = new Variable(zeros([3, 3, 1, 1]), { name: 'w' });

const loss = valueAndGrad((filter, x, y) => mean(square(subtract(conv2d(x, filter), y))));
const step = compile((x, y) => {
  const { value, gradients } = loss(w.value, x, y);
  w.assign(subtract(w.value, multiply(gradients[0] ?? 0, 0.3)));
  return [value];
});

const kernelNow = (): Promise<number[][]> => planeOf(reshape(w.value, [1, 3, 3, 1]));
const losses: number[] = [];
const moments: Panel[] = [];
for (let i = 0; i <= 40; i++) {
  if ([0, 2, 5, 10, 40].includes(i)) {
    const fill = grey(-2, 2);
    const kernel = cells(await kernelNow(), { cell: 36, style: (_row, _column, value) => ({ fill: fill(value) }) });
    moments.push(titled(`after ${i} steps`, kernel));
  }
  const [value] = await step(image, wanted);
  losses.push((await value?.item()) ?? Number.NaN);
}
const learned = await kernelNow();
print('learned', learned, 3);
const errors = learned.flatMap((row, i) => row.map((value, j) => Math.abs(value - (sobel[i]?.[j] as number))));
console.log(`loss ${formatNumber(losses[0] as number, 3)} at first; Sobel within .01: ${Math.max(...errors) < 0.01}`);

const curve = plot.curves(
  { loss: losses },
  { x: losses.map((_, i) => i), xLabel: 'step', yScale: 'log', width: 600, height: 260 },
);
await draw(
  '20-learned-filter',
  'Gradient descent finds the Sobel filter',
  above([chart(curve), beside(moments, 24)], 20),
);
