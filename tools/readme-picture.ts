// Draws docs/images/learned.png from a network that it trains first: filters, activation maps of two drawings, curves.
// It needs what `npm run build` makes: npx esbuild tools/readme-picture.ts --bundle --platform=node --format=esm \
//   --packages=external --outfile=build/tools/readme-picture.mjs && node build/tools/readme-picture.mjs
import { datasets, layers, models, plot, rowOf, Standardizer, setRandomSeed, sliceRows } from '../src/index.js';
import { moved } from '../src/plot/scene.js';

const FILTERS = 24;

setRandomSeed(3);
const { train, test } = await datasets.strokes({ count: 4000 });
const standardizer = Standardizer.fit(train.x, { over: 'all' });
const prepared = train.withX(standardizer.apply(train.x));

const input = layers.input([28, 28, 1]);
const first = layers.conv2d({ filters: FILTERS, kernelSize: 7, padding: 'same', activation: 'relu', name: 'first' });
const maps = first.apply(input);
let x = layers.maxPooling2d().apply(maps);
x = layers.conv2d({ filters: 48, kernelSize: 3, padding: 'same', activation: 'relu' }).apply(x);
x = layers.maxPooling2d().apply(x);
x = layers.dropout({ rate: 0.3 }).apply(layers.flatten().apply(x));
const output = layers.dense({ units: 10, activation: 'softmax' }).apply(x);
const model = models.model({ inputs: input, outputs: output });
model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
const { history } = await model.fit(prepared, { epochs: 6, validationSplit: 0.1, verbose: 2 });
const scores = await model.evaluate(test.withX(standardizer.apply(test.x)));
console.log(scores);

const [kernel] = (await first.getWeights()) as [Float32Array];
const watch = models.model({ inputs: input, outputs: maps });
const tiles = plot.filterTiles({ data: kernel, shape: [7, 7, 1, FILTERS] });
const rows: plot.Figure[] = [
  plot.grid(tiles, { columns: 12, colormap: 'gray', title: `The first layer's ${FILTERS} filters`, gap: 3 }),
];
for (const at of [pick(0), pick(6)]) {
  const one = sliceRows(test.x, at, at + 1);
  const { data, shape } = await watch.predict(standardizer.apply(one));
  const drawing = rowOf(one, 0);
  const shown = plot.channelTiles({ data, shape: shape.slice(1) }).slice(0, 11);
  const label = test.classNames?.[test.y.data[at] as number];
  const pictures = [{ ...drawing, shape: drawing.shape.slice(0, 2) }, ...shown];
  rows.push(plot.grid(pictures, { columns: 12, title: `What they see in a drawing of class "${label}"`, gap: 3 }));
}
rows.push(plot.curves(history, { width: 360, height: 230 }));

const width = Math.max(...rows.map((row) => row.width));
let top = 0;
const shapes = rows.flatMap((row) => {
  const at = top;
  top += row.height;
  return moved(row.scene.shapes, (width - row.width) / 2, at);
});
const figure = new plot.Figure({
  width,
  height: top,
  background: 'surface',
  description: 'Filters, activation maps and curves',
  shapes,
});
await figure.save('docs/images/learned.png');
console.log(`docs/images/learned.png, ${width} x ${top}`);

/** The first test drawing of a class. */
function pick(label: number): number {
  return test.y.data.indexOf(label);
}
