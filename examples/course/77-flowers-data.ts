// Kim: tf_flowers, 3,670 photos of five kinds. The first 10% test, the next 15% validate, the rest trains, shuffled in a buffer
// of 1000; then all are resized and scaled to -1..1 as Xception wants them, in batches of 32, one batch ahead.
import { Dataset, vision } from 'fovea';
import { flowerNames, flowerParts, side } from './flowers.js';
import { sizes } from './lib.js';

const places = [0, 10, 25, 100].map((percent) => Math.round((3670 * percent) / 100));
const counts = places.slice(1).map((place, i) => place - (places[i] as number));
console.log(`of 3670: ${counts[0]} to test, ${counts[1]} to validate, ${counts[2]} to train`);

const { name, test, validation, train } = await flowerParts();
console.log(`here: ${name}`);
console.log(`${flowerNames.length} classes: ${flowerNames.join(', ')}`);
const total = test.length + validation.length + train.length;
console.log(`shares ${[test, validation, train].map((part) => (part.length / total).toFixed(2)).join(' ')}`);

const stream = Dataset.fromArrays(train)
  .shuffle(1000, { seed: 42 })
  .repeat()
  .map(({ x, y }) => ({ x: { ...vision.ops.preprocessInput(x, { mode: 'tf' }), dtype: 'float32' as const }, y }))
  .batch(32)
  .prefetch(1);
let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
let last: readonly number[] = [];
for await (const { x } of stream.take(3)) {
  for (const value of x.data) [least, most] = [Math.min(least, value), Math.max(most, value)];
  last = x.shape;
}
console.log(
  `batches ${sizes(last)}, values within -1 to 1: ${least >= -1 && most <= 1}, most of that range used: ${most - least > 1.5}`,
);
if (last[1] !== side) throw new Error('the pictures have another size');
