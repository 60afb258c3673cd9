// Chollet: three ways to see what a convnet learned: its activations, the patterns its filters look for (found by gradient
// ascent from noise), and heat maps of what speaks for a class. A network finds sketches among blots on a wall; the box that each
// sketch lies in is known, so how much of the heat lies on it can be counted. Draws all three.
import { layers, models, plot, rowOf, setRandomSeed } from 'fovea';
import { activations, gradCam, maximize } from 'fovea/explain';
import { above, beside, chart, draw, titled } from './drawing.js';
import { isShort, share } from './runs.js';
import { type Box, numbers, sceneBook, sceneNames } from './sketches.js';

const SIDE = 40;
setRandomSeed(2);
const random = numbers(3);
const train = sceneBook(isShort ? 600 : 2500, SIDE, random);
const test = sceneBook(100, SIDE, random);
const conv = (filters: number, kernelSize: number, name: string) =>
  layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu', name });
const model = models.sequential([
  layers.input([SIDE, SIDE, 3]),
  layers.rescaling({ scale: 1 / 127.5, offset: -1 }),
  conv(16, 5, 'conv1'),
  layers.maxPooling2d(),
  conv(24, 3, 'conv2'),
  layers.maxPooling2d(),
  conv(48, 3, 'conv3'),
  conv(48, 3, 'conv4'),
  layers.globalMaxPooling2d(),
  layers.dense({ units: sceneNames.length, activation: 'softmax' }),
]);
model.metadata = { labels: [...sceneNames] };
model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
await model.fit(train.data, { epochs: isShort ? 7 : 12, verbose: 0 });
console.log(`sketches on walls: accuracy ${share((await model.evaluate(test.data)).accuracy)}`);

// Activations.
const { activation } = await activations(model, rowOf(test.data.x, 1), { layer: 'conv2' });
console.log(`activations of conv2: ${activation.shape.join('x')}`);

/** The channels of a layer that answer most to a few pictures: some of a network's filters never answer at all. */
async function busiest(layer: string, count: number): Promise<number[]> {
  const totals = new Map<number, number>();
  for (const i of [0, 1, 2, 3]) {
    const { activation: maps } = await activations(model, rowOf(test.data.x, i), { layer });
    const channels = maps.shape[2] as number;
    maps.data.forEach((value, at) => {
      totals.set(at % channels, (totals.get(at % channels) ?? 0) + value);
    });
  }
  const order = [...totals].sort(([, a], [, b]) => b - a).slice(0, count);
  return order.map(([channel]) => channel).sort((a, b) => a - b);
}

// Filter patterns: each picture is climbed to, so that one channel of a layer answers.
const steps = isShort ? 30 : 160;
const patterns = [];
for (const layer of ['conv1', 'conv2', 'conv4']) {
  patterns.push(await maximize(model, { layer, channel: await busiest(layer, 6), steps }));
}
const all = patterns.flatMap(({ pictures }) => pictures);
console.log(`patterns: ${all.length}, each raises its filter: ${all.every((each) => each.score > each.scoreBefore)}`);

/** The share of a map's heat that lies in a box. */
function inside(heat: Float32Array, [top, left, bottom, right]: Box): number {
  let [own, total] = [0, 0];
  for (let at = 0; at < heat.length; at++) {
    const [row, column] = [Math.floor(at / SIDE), at % SIDE];
    total += heat[at] as number;
    if (row >= top && row < bottom && column >= left && column < right) own += heat[at] as number;
  }
  return own / (total || 1);
}

// Heat maps of the class, of pictures with a sketch that the network names rightly.
const maps = [];
for (let i = 0; i < 40; i++) {
  const kind = test.data.y.data[i] as number;
  if (kind >= 4) continue;
  const found = await gradCam(model, rowOf(test.data.x, i));
  if (found.class === kind) maps.push({ found, box: test.boxes[i] as Box });
}
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const heatShare = mean(maps.map(({ found, box }) => inside(found.heat.data, box)));
const areaShare = mean(
  maps.map(({ box: [top, left, bottom, right] }) => ((bottom - top) * (right - left)) / SIDE ** 2),
);
console.log(`${maps.length} heat maps; boxes are ${share(areaShare)} of the picture`);
console.log(`heat inside the boxes: ${share(heatShare)}`);
console.log(`heat lies on the sketch, twice as much as by chance: ${heatShare > 2 * areaShare}`);

const shown = maps.slice(0, 6).flatMap(({ found }) => [found.picture, found.image]);
const captions = maps
  .slice(0, 6)
  .flatMap(({ found }) => ['', `${found.label} ${(100 * (found.probability ?? 0)).toFixed(0)}%`]);
const shownMaps = plot.channelTiles(activation).slice(0, 24);
await draw(
  '116-what-it-sees',
  'What a network sees: its maps, what its filters look for, and where a class is',
  above(
    [
      titled('activations of conv2', chart(plot.grid(shownMaps, { columns: 12, scale: 2, gap: 4 }))),
      titled(
        'patterns of conv1, conv2 and conv4',
        chart(
          plot.grid(
            all.map(({ image }) => image),
            { columns: 6, scale: 3, gap: 4 },
          ),
        ),
      ),
      titled(
        'what speaks for the class',
        beside([chart(plot.grid(shown, { columns: 6, scale: 3, labels: captions }))]),
      ),
    ],
    24,
  ),
);
