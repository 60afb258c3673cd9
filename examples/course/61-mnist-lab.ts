// Lee: the MNIST lab. Two padded convolutions with pools, a dense layer, softmax; Adam and cross-entropy; fit, evaluate,
// and the prediction of one test digit. (The course's listing has lost brackets and underscores, never compiles the
// model and never scales the pixels; here it does both, and trains 1 epoch.) Draws the layers, what they make of a digit
// and the probabilities at the end. `--short`: 10,000 digits, 1,000 test digits.
import { datasets, layers, models, plot, rowOf, type SymbolicTensor, scale, setRandomSeed, sliceRows } from 'fovea';
import { above, arrow, beside, chart, draw, type Panel, picture, titled } from './drawing.js';
import { sizes } from './lib.js';
import { isShort, share } from './runs.js';

setRandomSeed(3);
const conv = (filters: number) => layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' });
const model = models.sequential([
  layers.input([28, 28, 1]),
  conv(32),
  layers.maxPooling2d({ poolSize: 2 }),
  conv(64),
  layers.maxPooling2d({ poolSize: 2 }),
  layers.flatten(),
  layers.dense({ units: 128, activation: 'relu' }),
  layers.dense({ units: 10, activation: 'softmax' }),
]);
const counts = model.layers.map((layer) => layer.countParams()).filter((count) => count > 0);
console.log(`parameters ${counts.join(' ')}, total ${model.countParams()}`);

const parts = await datasets.mnist();
const train = isShort ? parts.train.take(10_000) : parts.train;
const test = isShort ? parts.test.take(1000) : parts.test;
model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
console.log(`${Math.ceil(train.length / 32)} steps`);
await model.fit(train.withX(scale(train.x)), { epochs: 1, verbose: isShort ? 0 : 'auto' });
const scores = await model.evaluate(test.withX(scale(test.x)));
console.log(`test accuracy ${share(scores.accuracy)}`);

// Every layer's output for the first test digit that the network takes for a 9.
const x = scale(test.x);
const outputs = model.layers.map((layer) => layer.calls[0]?.outputs[0] as SymbolicTensor);
const watched = models.model({ inputs: model.inputs, outputs });
const { data } = await model.predict(x);
const guess = (i: number): number => {
  const row = data.slice(10 * i, 10 * i + 10);
  return row.indexOf(Math.max(...row));
};
const at = Array.from({ length: test.length }, (_, i) => guess(i)).indexOf(9);
const digit = rowOf(x, at);
console.log(`test digit ${at}: label ${test.y.data[at]}, Prediction : ${guess(at)}`);

const steps = (await watched.predict(sliceRows(x, at, at + 1))).outputs;
const panels = model.layers.map((layer, i): Panel => {
  const { data: values, shape } = steps[i] as (typeof steps)[number];
  const name = `${layer.className} ${sizes(shape.slice(1)).replaceAll('x', '×')}`;
  if (layer === model.layers.at(-1))
    return chart(plot.bars(values, { title: `${name}: probabilities`, width: 330, height: 230 }));
  if (shape.length === 4) {
    const maps = plot.channelTiles({ data: values, shape: shape.slice(1) }).slice(0, 16);
    const scale = shape[1] === 28 ? 2 : 3;
    return titled(name, chart(plot.grid(maps, { columns: 4, scale, gap: 3 })), 12);
  }
  // A vector as a block of cells: 3136 = 56 x 56, 128 = 8 x 16.
  const rows = values.length === 128 ? 8 : 56;
  return titled(
    name,
    picture({ data: values, shape: [rows, values.length / rows] }, { scale: rows === 8 ? 7 : 3 }),
    12,
  );
});
const first = titled(`Prediction : ${guess(at)}`, picture(digit, { scale: 6, colormap: 'binary' }), 15);
const flow = [first, ...panels].flatMap((panel) => [arrow(22), panel]);
await draw(
  '61-mnist-lab',
  'Features (16 maps of each layer), then probabilities',
  above([beside(flow.slice(1, 8), 14), beside(flow.slice(8), 14)], 28),
);
