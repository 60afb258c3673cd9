// intro and Lee: ReLU is max(0, x). Its slope is 0 below zero and 1 above. Draws the curve, and a map of edges before
// and after: what was negative is gone.
import { conv2d, grad, linspace, plot, relu, sum, tensor } from 'fovea';
import { above, arrow, beside, chart, draw, picture, titled } from './drawing.js';
import { asBatch, paintedScene, pictureOf } from './lib.js';

const pair = tensor([-2, 3]);
const slope = grad((x) => sum(relu(x)));
console.log(`relu of -2 and 3: ${(await relu(pair).data()).join(' ')}`);
console.log(`slope at -2 and 3: ${(await slope(pair).data()).join(' ')}`);

const x = linspace(-4, 4, 1600);
const curve = plot.curves(
  { 'max(0, x)': await relu(x).data(), slope: await slope(x).data() },
  { series: ['max(0, x)', 'slope'], x: await x.data(), xLabel: 'x', width: 520, height: 280 },
);

// A vertical-edge filter, the same on all three channels.
const weights = Float32Array.from([1, 0, -1, 1, 0, -1, 1, 0, -1].flatMap((weight) => [weight, weight, weight]));
const map = conv2d(asBatch(paintedScene(120, 160)), tensor(weights, { shape: [3, 3, 3, 1] }));
const [before, after] = [await pictureOf(map), await pictureOf(relu(map))];
const lowest = (values: Float32Array): number => values.reduce((low, value) => Math.min(low, value));
console.log(`lowest number of the map: ${lowest(before.data).toFixed(2)} before, ${lowest(after.data)} after`);

const highest = Math.max(-lowest(before.data), -lowest(before.data.map((value) => -value)));
const options = { colormap: 'gray', vmin: -highest, vmax: highest, scale: 2 } as const;
const maps = [
  titled('a map of vertical edges', picture(before, options)),
  arrow(),
  titled('after ReLU', picture(after, options)),
];
await draw('64-relu', 'ReLU keeps what is positive', above([chart(curve), beside(maps, 24)], 28));
