// Chollet: the dense network beside the convnet: 512 units, rmsprop, 5 epochs in batches of 128. In the course the error
// falls from 2.2% to .7%, by 68%. The convnet's scores are example 59's, if it ran. `--short` as there.
import { setRandomSeed, zoo } from 'fovea';
import { trainOnMnist } from './mnist.js';
import { savedScores, saveScores } from './runs.js';

setRandomSeed(42);
const model = zoo.mnistDense();
console.log(`${model.countParams().toLocaleString('en')} parameters`);
const dense = await trainOnMnist(model, 128);
let convnet = savedScores('59-mnist-fit');
if (convnet === undefined) {
  convnet = await trainOnMnist(zoo.mnistConvnet(), 64);
  saveScores('59-mnist-fit', convnet);
}
const [before, after] = [1 - dense.accuracy, 1 - convnet.accuracy];
const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;
const less = (from: number, to: number): number => Math.round(100 * (1 - to / from));
console.log(`error ${percent(before)} -> ${percent(after)}: ${less(before, after)}% less (course: ${less(2.2, 0.7)}%)`);
