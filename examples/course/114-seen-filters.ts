// Kim: what the first layer of the lecture's network (example 54) looks for once it has learned: its 64 filters of 7x7. On
// Fashion-MNIST where the data folder is, else on drawings that the library makes. Draws the filters, drawn by chance and after.
import { datasets, plot, Standardizer, setRandomSeed, zoo } from 'fovea';
import { filters } from 'fovea/explain';
import { beside, chart, draw, titled } from './drawing.js';
import { isShort, share } from './runs.js';

const hasData = (process.env.FOVEA_DATA ?? '') !== '';
setRandomSeed(5);
const { train, test } = hasData ? await datasets.fashionMnist() : await datasets.strokes({ count: 4000 });
const used = isShort ? train.take(320) : train.take(8000);
const standardizer = Standardizer.fit(used.x);
const model = zoo.lectureCnn();
model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });

const before = await filters(model);
await model.fit(used.withX(standardizer.apply(used.x)), { epochs: isShort ? 1 : 3, verbose: 0 });
const after = await filters(model);
const seen = test.take(500);
const { accuracy } = await model.evaluate(seen.withX(standardizer.apply(seen.x)));
console.log(`trained on ${used.length} of ${hasData ? 'Fashion-MNIST' : 'strokes'}: accuracy ${share(accuracy)}`);

const [height, width, channels, count] = after.weights.shape as [number, number, number, number];
console.log(`first layer: ${count} filters ${height}x${width}x${channels}, ${after.weights.data.length} weights`);
const lengthOf = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const change = after.weights.data.map((value, i) => value - (before.weights.data[i] as number));
const part = lengthOf(change) / lengthOf(before.weights.data);
console.log(`training changed them by ${share(part)} of their length`);

/** Weights of neighbours go together in a filter that means something: the mean product with the one to the right. */
function smoothness(values: Float32Array): number {
  let [together, alone] = [0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width - 1; column++) {
      for (let filter = 0; filter < count; filter++) {
        const at = (row * width + column) * count + filter;
        together += (values[at] as number) * (values[at + count] as number);
        alone += (values[at] as number) ** 2;
      }
    }
  }
  return together / alone;
}
console.log(`neighbouring weights go together: ${share(smoothness(before.weights.data))} by chance`);
console.log(`neighbouring weights go together: ${share(smoothness(after.weights.data))} learned`);

const sheet = (tiles: readonly plot.ImageArray[]) =>
  chart(plot.grid(tiles, { columns: 8, scale: 7, gap: 3, colormap: 'gray' }));
await draw(
  '114-seen-filters',
  'The first layer looks for edges, bars and spots',
  beside([titled('before training', sheet(before.tiles)), titled('learned', sheet(after.tiles))], 28),
);
