// Kim: a dense network, 784-300-100-10, on the same pictures, beside the convolutional one: fewer parameters and faster
// steps, but less accurate. 30 epochs of SGD .01 on x/255; the first 5,000 validate. (The course names 10 predictions
// what is a whole evaluation of 313 steps; its step times were 3 and 6 ms in training, 2 and 3 in testing.) The
// convolutional network's scores are example 55's, if it ran. `--short`: 4,000 pictures, 1 epoch, 1,000 test pictures.
import { type ArrayDataset, datasets, optimizers, scale, setRandomSeed, zoo } from 'fovea';
import { convnetScores } from './fashion.js';
import { train } from './networks.js';
import { isShort, type Scores, share } from './runs.js';

setRandomSeed(42);
const convnet = await convnetScores();
const model = zoo.lectureDense();
const parts = await datasets.fashionMnist();
const scaled = (part: ArrayDataset): ArrayDataset => part.withX(scale(part.x));
const scores = await train(
  model,
  {
    compile: { loss: 'sparseCategoricalCrossentropy', optimizer: optimizers.sgd({ learningRate: 0.01 }) },
    fit: {
      epochs: isShort ? 1 : 30,
      batchSize: 32,
      validationData: scaled(parts.train.take(isShort ? 1000 : 5000)),
    },
  },
  {
    train: scaled(isShort ? parts.train.slice(5000, 9000) : parts.train.skip(5000)),
    test: scaled(isShort ? parts.test.take(1000) : parts.test),
  },
);

const line = (name: string, dense: string, convolutional: string): void =>
  console.log(`${name.padEnd(22)}${dense.padStart(12)}${convolutional.padStart(16)}`);
const speed = (ms: number): string => `${ms.toFixed(1)} ms`;
const rows: [string, (one: Scores) => string][] = [
  ['test loss', ({ loss }) => share(loss)],
  ['test accuracy', ({ accuracy }) => share(accuracy)],
  ['a training step', ({ trainStep }) => speed(trainStep)],
  ['a test step', ({ testStep }) => speed(testStep)],
];
line('', 'dense', 'convolutional');
line('parameters', model.countParams().toLocaleString('en'), zoo.lectureCnn().countParams().toLocaleString('en'));
for (const [name, of] of rows) line(name, of(scores), of(convnet));
line("the course's accuracy", '0.8827', '0.9038');
