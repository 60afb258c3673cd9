// A ResNet-20 on the part of CIFAR-10 that the data folder holds, with shifts and mirror images, three seeds. Its accuracy is
// held to what Python's Keras reaches with the same recipe: bench/peers/cifar_resnet20.py.
import {
  type ArrayDataset,
  Dataset,
  datasets,
  engineInfo,
  layers,
  optimizers,
  schedules,
  setRandomSeed,
  zoo,
} from 'fovea';
import { atLeast, cut, type Outcome, type Part, type PartOptions } from './part.js';

const SEEDS = 3;
const EPOCHS = 15;
const BATCH = 128;
const SIDE = 32;
/** How far a picture may be shifted. */
const BORDER = 4;
const RATE = 0.1;
const DECAY = 1e-4;
/** Mean and deviation of red, green and blue over CIFAR-10's training pictures. */
const MEAN = [125.3, 123, 113.9] as const;
const DEVIATION = [63, 62.1, 66.7] as const;
/** What the Keras script reaches: the mean test accuracy of its three seeds. */
const KERAS = 0.6008;

export const cifarResnet20: Part = {
  name: 'cifar-resnet20',
  about: 'a ResNet-20 on a part of CIFAR-10, shifted and mirrored, three seeds',
  data: ['cifar10'],
  run: trainSeeds,
};

/** The pictures in a border of mean colour, of which any part of their own size may be cut. */
function bordered(part: ArrayDataset): ArrayDataset {
  const wide = SIDE + 2 * BORDER;
  const mean = MEAN.map(Math.round);
  const data = Uint8Array.from({ length: part.length * wide * wide * 3 }, (_, i) => mean[i % 3] as number);
  for (let row = 0; row < part.length * SIDE; row++) {
    const [picture, line] = [Math.floor(row / SIDE), row % SIDE];
    const from = part.x.data.subarray(row * SIDE * 3, (row + 1) * SIDE * 3) as Uint8Array;
    data.set(from, ((picture * wide + line + BORDER) * wide + BORDER) * 3);
  }
  return part.withX({ data, shape: [part.length, wide, wide, 3], dtype: 'uint8' });
}

async function trainSeeds({ limit, epochs = EPOCHS, seed }: PartOptions): Promise<Outcome> {
  const parts = await datasets.cifar10();
  // Where the whole set is there, the part that the figure belongs to.
  const [train, test] = [cut(parts.train.take(6000), limit), cut(parts.test.take(4000), limit)];
  const steps = Math.ceil(train.length / BATCH);
  const accuracies: number[] = [];
  for (let i = 0; i < SEEDS; i++) {
    setRandomSeed(seed + i);
    const model = zoo.cifarResnet({
      depth: 20,
      decay: DECAY,
      preparation: [layers.normalization({ mean: [...MEAN], variance: DEVIATION.map((each) => each ** 2) })],
    });
    const pictures = Dataset.fromArrays(bordered(train))
      .shuffle(train.length, { seed: seed + i })
      .map([{ op: 'randomCrop', size: SIDE }, { op: 'randomFlip' }], { seed: seed + i })
      .batch(BATCH)
      .prefetch(2);
    const learningRate = schedules.cosineDecay({ initialLearningRate: RATE, decaySteps: steps * epochs });
    const optimizer = optimizers.sgd({ learningRate, momentum: 0.9 });
    model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
    const started = performance.now();
    await model.fit(pictures, { epochs, verbose: 2 });
    const seconds = (performance.now() - started) / 1000;
    const { accuracy = Number.NaN } = await model.evaluate(test, { batchSize: BATCH });
    console.log(`seed ${seed + i}: test accuracy ${accuracy.toFixed(4)}, ${seconds.toFixed(0)} s`);
    accuracies.push(accuracy);
  }
  const mean = accuracies.reduce((sum, each) => sum + each, 0) / SEEDS;
  return {
    figures: { engine: await engineInfo(), train: train.length, test: test.length, epochs, accuracies, mean },
    checks: [atLeast('mean test accuracy', mean, KERAS - 0.02)],
  };
}
