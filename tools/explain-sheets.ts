// Draws docs/images/explain/*.png from two networks that it trains first, one on sketches among blots on walls, one on drawn strokes.
// It needs what `npm run build` makes: node tools/run.mjs tools/explain-sheets.ts. Seeds are fixed, so the sheets change only when
// what they show does.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { datasets, type HostArray, layers, models, plot, rowOf, scale, setRandomSeed } from 'fovea';
import * as explain from 'fovea/explain';
import { numbers, sceneBook, sceneNames } from '../examples/course/sketches.js';

const SIDE = 64;
const folder = 'docs/images/explain';
mkdirSync(folder, { recursive: true });

async function save(name: string, figure: plot.Figure, factor = 1): Promise<void> {
  writeFileSync(join(folder, `${name}.png`), await figure.png(factor));
  console.log(`${folder}/${name}.png`);
}

const conv = (filters: number, kernelSize: number, name: string) =>
  layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu', name });

/** Finds sketches on walls. */
async function walls() {
  setRandomSeed(1);
  const random = numbers(11);
  const train = sceneBook(2000, SIDE, random);
  const test = sceneBook(60, SIDE, random);
  const model = models.sequential(
    [
      layers.input([SIDE, SIDE, 3]),
      layers.rescaling({ scale: 1 / 127.5, offset: -1 }),
      conv(24, 7, 'conv1'),
      layers.maxPooling2d({ name: 'pool1' }),
      conv(32, 3, 'conv2'),
      layers.maxPooling2d({ name: 'pool2' }),
      conv(64, 3, 'conv3'),
      layers.maxPooling2d({ name: 'pool3' }),
      conv(64, 3, 'conv4'),
      layers.globalAveragePooling2d(),
      layers.dense({ units: sceneNames.length, activation: 'softmax', name: 'classes' }),
    ],
    { name: 'walls' },
  );
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  await model.fit(train.data, { epochs: 10, verbose: 2 });
  console.log(await model.evaluate(test.data));
  model.metadata = { labels: [...sceneNames] };
  return { model, train: train.data, test: test.data };
}

const { model, train, test } = await walls();
const methods = {
  gradCam: explain.gradCam,
  gradCamPlusPlus: explain.gradCamPlusPlus,
  classActivationMap: explain.classActivationMap,
  occlusion: explain.occlusion,
  saliency: (network: typeof model, x: HostArray) => explain.saliency(network, x, { samples: 25 }),
  integratedGradients: (network: typeof model, x: HostArray) =>
    explain.integratedGradients(network, x, { baseline: 190 }),
  guidedBackpropagation: explain.guidedBackpropagation,
  guidedGradCam: explain.guidedGradCam,
};
const tiles: HostArray[] = [];
const words: string[] = [];
for (const i of [0, 1, 3]) {
  const x = rowOf(test.x, i);
  const found = [];
  for (const method of Object.values(methods)) found.push(await method(model, x));
  tiles.push(x, ...found.map(({ image }) => image));
  const percent = (100 * (found[0]?.probability ?? 0)).toFixed(0);
  words.push(
    `${found[0]?.label} ${percent}%`,
    ...(i === 3 ? Object.keys(methods) : Object.keys(methods).map(() => '')),
  );
}
await save('class-maps', plot.grid(tiles, { columns: 9, labels: words, scale: 2 }));

const busiest = async (layer: string, count: number): Promise<number[]> => {
  const totals = new Map<number, number>();
  for (const i of [0, 1, 2, 3]) {
    const { activation } = await explain.activations(model, rowOf(test.x, i), { layer });
    const channels = activation.shape[2] as number;
    for (let at = 0; at < activation.data.length; at++)
      totals.set(at % channels, (totals.get(at % channels) ?? 0) + (activation.data[at] as number));
  }
  const order = [...totals].sort(([, a], [, b]) => b - a).slice(0, count);
  return order.map(([channel]) => channel).sort((a, b) => a - b);
};
const patterns = [];
for (const layer of ['conv2', 'conv3', 'conv4'])
  patterns.push(...(await explain.maximize(model, { layer, channel: await busiest(layer, 8) })).pictures);
const classes = await explain.maximize(model, { class: sceneNames.slice(0, 4) });
patterns.push(...classes.pictures);
await save(
  'patterns',
  plot.grid(
    patterns.map(({ image }) => image),
    { columns: 8, labels: patterns.map(({ label }) => label), scale: 1 },
  ),
);
await save('nearest', (await explain.nearestPictures(model, rowOf(test.x, 1), train)).figure);
const dreams = [];
for (const layer of ['conv1', 'conv2', 'conv4'])
  dreams.push((await explain.deepDream(model, rowOf(test.x, 3), { size: [160, 160], layers: [layer] })).image);
await save('dream', plot.grid(dreams, { columns: 3, labels: ['conv1', 'conv2', 'conv4'], scale: 1 }));

setRandomSeed(6);
const drawn = await datasets.strokes({ count: 3000, testCount: 100 });
const strokes = models.sequential(
  [
    layers.input([28, 28, 1]),
    conv(16, 5, 'conv1'),
    layers.maxPooling2d({ name: 'pool1' }),
    conv(32, 3, 'conv2'),
    layers.maxPooling2d({ name: 'pool2' }),
    conv(48, 3, 'conv3'),
    layers.flatten(),
    layers.dense({ units: 64, activation: 'relu', name: 'hidden' }),
    layers.dense({ units: 10, activation: 'softmax', name: 'classes' }),
  ],
  { name: 'strokes' },
);
strokes.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
await strokes.fit(drawn.train.withX(scale(drawn.train.x)), { epochs: 10, verbose: 2 });
strokes.metadata = {
  labels: drawn.train.classNames ?? [],
  preprocessing: { mode: 'scale', size: [28, 28], channels: 1, factor: 1 / 255 },
};
await save('filters', (await explain.filters(strokes, { columns: 8 })).figure);
await save('activations', (await explain.activationSheet(strokes, rowOf(drawn.test.x, 3), { maxMaps: 10 })).figure);
