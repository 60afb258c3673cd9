// Kim's Fashion-MNIST data and network, for examples 53 to 57.
import { type ArrayDataset, datasets, Standardizer, zoo } from 'fovea';
import { train } from './networks.js';
import { isShort, type Scores, savedScores, saveScores, share } from './runs.js';

/** The three parts. */
export interface Parts {
  readonly train: ArrayDataset;
  readonly validation: ArrayDataset;
  readonly test: ArrayDataset;
}

/** The pictures 0..255: 55,000 train, the last 5,000 of the 60,000 validate, 10,000 test. */
export async function loadFashion(): Promise<Parts> {
  const { train, test } = await datasets.fashionMnist();
  return { train: train.slice(0, -5000), validation: train.slice(-5000), test };
}

/** As many pictures as this run is to see: all of them, or 4,000, 1,000 and 1,000. */
export function cut({ train, validation, test }: Parts): Parts {
  if (!isShort) return { train, validation, test };
  return { train: train.take(4000), validation: validation.take(1000), test: test.take(1000) };
}

/** The convolutional network's score: from example 55 if it ran, else trained now. */
export async function convnetScores(): Promise<Scores> {
  return savedScores('55-fashion-train') ?? trainConvnet();
}

/** Trains the network with nadam on standardised pictures for 10 epochs (a short run: 1). */
export async function trainConvnet(): Promise<Scores> {
  const parts = await loadFashion();
  const standardizer = Standardizer.fit(parts.train.x);
  const used = cut(parts);
  const [training, validation, test] = [used.train, used.validation, used.test].map((part) =>
    part.withX(standardizer.apply(part.x)),
  ) as [ArrayDataset, ArrayDataset, ArrayDataset];
  const model = zoo.lectureCnn();
  const scores = await train(
    model,
    {
      compile: { loss: 'sparseCategoricalCrossentropy', optimizer: 'nadam' },
      fit: { epochs: isShort ? 1 : 10, batchSize: 32, validationData: validation },
    },
    { train: training, test },
  );
  const first = test.take(10);
  const { data } = await model.predict(first.x);
  const guesses = Array.from({ length: 10 }, (_, i) => {
    const row = data.slice(10 * i, 10 * i + 10);
    return row.indexOf(Math.max(...row));
  });
  console.log(`first 10 predicted ${guesses.join(' ')}, labels ${[...first.y.data].join(' ')}`);
  console.log(`test loss ${share(scores.loss)}, accuracy ${share(scores.accuracy)}`);
  saveScores('55-fashion-train', scores);
  return scores;
}
