// Kim, Chollet: Xception without its classifier, the mean over its map, a dense layer of five. The base is frozen, so only the
// new layer learns: SGD at .2 with momentum .9, the rate divided by 1 + .01 step. (`decay` of old optimizers is a schedule now.)
import { layers, models, optimizers, schedules, setRandomSeed, zoo } from 'fovea';
import { flowerBase, flowerParts, side } from './flowers.js';
import { isShort, share } from './runs.js';

function withHead(base: models.Model, pixels: number): models.Model {
  const inputs = layers.input([pixels, pixels, 3]);
  const scaled = layers.rescaling({ scale: 1 / 127.5, offset: -1 }).apply(inputs);
  const mean = layers.globalAveragePooling2d().apply(base.apply(scaled, { training: false }));
  return models.model({ inputs, outputs: layers.dense({ units: 5, activation: 'softmax' }).apply(mean) });
}
const parameters = (weights: models.Model['weights']): string =>
  weights.reduce((sum, { size }) => sum + size, 0).toLocaleString('en');

setRandomSeed(42);
const xception = zoo.xception({ includeTop: false, inputShape: [224, 224, 3] });
xception.trainable = false;
const course = withHead(xception, 224);
console.log(`Xception: ${parameters(course.trainableWeights)} of ${parameters(course.weights)} parameters train`);
console.log(`${Math.floor((0.75 * 3670) / 32)} steps an epoch, ${Math.floor((0.15 * 3670) / 32)} to validate`);
const rate = schedules.inverseTimeDecay({ initialLearningRate: 0.2, decaySteps: 1, decayRate: 0.01 });
console.log(`rate ${rate.at(430).toFixed(4)} at step 430`);

// The same with a smaller base on the flowers that are here.
const { name, train, validation } = await flowerParts();
const base = await flowerBase();
base.trainable = false;
const model = withHead(base, side);
const optimizer = optimizers.sgd({ learningRate: rate, momentum: 0.9 });
model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
const before = await base.getWeights();
const { history } = await model.fit(train, { epochs: isShort ? 3 : 5, validationData: validation, verbose: 0 });
const after = await base.getWeights();
console.log(
  `the base is as it was: ${before.every((weight, i) => weight.every((value, k) => value === after[i]?.[k]))}`,
);
console.log(`on ${name}: accuracy ${history.accuracy?.map(share).join(' ')}`);
console.log(`validation accuracy ${share(history.val_accuracy?.at(-1))}`);
