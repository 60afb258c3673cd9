// Kim, Chollet: once the new classifier is sensible, all layers are let go, the model is compiled again, and trained on at a
// lower rate: SGD at .01 with Nesterov's momentum .9, the rate divided by 1 + .001 step. It starts lower than it ended before.
import { layers, models, optimizers, schedules, setRandomSeed } from 'fovea';
import { flowerBase, flowerParts, side } from './flowers.js';
import { isShort, share } from './runs.js';

setRandomSeed(42);
const { train, validation } = await flowerParts();
const base = await flowerBase();
const inputs = layers.input([side, side, 3]);
const scaled = layers.rescaling({ scale: 1 / 127.5, offset: -1 }).apply(inputs);
const mean = layers.globalAveragePooling2d().apply(base.apply(scaled));
const model = models.model({ inputs, outputs: layers.dense({ units: 5, activation: 'softmax' }).apply(mean) });
const count = (): number => model.trainableWeights.length;

base.trainable = false;
const loss = 'sparseCategoricalCrossentropy';
model.compile({ optimizer: optimizers.sgd({ learningRate: 0.2, momentum: 0.9 }), loss, metrics: ['accuracy'] });
await model.fit(train, { epochs: isShort ? 2 : 5, verbose: 0 });
const frozen = await model.evaluate(validation);
console.log(`frozen: ${count()} weights train, validation accuracy ${share(frozen.accuracy)}`);

base.trainable = true;
const rate = schedules.inverseTimeDecay({ initialLearningRate: 0.01, decaySteps: 1, decayRate: 0.001 });
console.log(`rate ${rate.at(3440).toFixed(5)} at step 3440`);
const optimizer = optimizers.sgd({ learningRate: rate, momentum: 0.9, nesterov: true });
model.compile({ optimizer, loss, metrics: ['accuracy'] });
const { history } = await model.fit(train, { epochs: isShort ? 2 : 40, validationData: validation, verbose: 0 });
console.log(`all: ${count()} weights train`);
console.log(`the training loss falls: ${(history.loss?.at(-1) ?? 1) < (history.loss?.[0] ?? 0)}`);
console.log(`validation accuracy ${share(history.val_accuracy?.at(-1))}`);
