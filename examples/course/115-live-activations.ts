// Kim: a network at work, every layer's maps and the classes' bars, as pages show it live in the browser. All maps of a picture
// come from one Program, compiled once, so that a page can ask for them with every stroke of the pen. Draws the sheet of a
// drawing that the network has not seen.
import { datasets, layers, models, rowOf, scale, setRandomSeed } from 'fovea';
import { activationSheet } from 'fovea/explain';
import { chart, draw } from './drawing.js';
import { isShort, share } from './runs.js';

setRandomSeed(6);
const { train, test } = await datasets.strokes({ count: 2000, testCount: 200 });
const conv = (filters: number, name: string) =>
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', name });
const model = models.sequential(
  [
    layers.input([28, 28, 1]),
    conv(12, 'conv1'),
    layers.maxPooling2d({ name: 'pool1' }),
    conv(24, 'conv2'),
    layers.maxPooling2d({ name: 'pool2' }),
    conv(32, 'conv3'),
    layers.flatten(),
    layers.dense({ units: 48, activation: 'relu', name: 'hidden' }),
    layers.dense({ units: 10, activation: 'softmax', name: 'classes' }),
  ],
  { name: 'strokes' },
);
model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
await model.fit(train.withX(scale(train.x)), { epochs: isShort ? 5 : 12, verbose: 0 });
console.log(`accuracy ${share((await model.evaluate(test.withX(scale(test.x)))).accuracy)}`);
model.metadata = {
  labels: train.classNames ?? [],
  preprocessing: { mode: 'scale', size: [28, 28], channels: 1, factor: 1 / 255 },
};

const sheets = [];
for (let i = 0; i < 10; i++) sheets.push(await activationSheet(model, rowOf(test.x, i), { maxMaps: 12 }));
const [first] = sheets;
console.log(`layers: ${first?.layers.map(({ layer }) => layer).join(' ')}`);
const shapes = first?.layers.map(({ activation }) => activation.shape.join('x')) ?? [];
console.log(`maps: ${shapes.join(' ')}`);
const sums = sheets.map(({ layers: all }) => all.at(-1)?.activation.data.reduce((sum, value) => sum + value, 0) ?? 0);
console.log(`the bars of ten pictures sum to 1: ${sums.every((sum) => Math.abs(sum - 1) < 1e-4)}`);
const shown = sheets.find(({ layers: all }, i) => {
  const bars = all.at(-1)?.activation.data ?? new Float32Array();
  return bars.indexOf(Math.max(...bars)) === test.y.data[i];
});
if (shown !== undefined)
  await draw('115-live-activations', 'From a drawing to its class, layer by layer', chart(shown.figure));
