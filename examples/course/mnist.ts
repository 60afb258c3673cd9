// Chollet's MNIST programs, for examples 59 and 60: pictures 0..1, one-hot labels, rmsprop, 5 epochs.
import { type ArrayDataset, datasets, type models, scale, toCategorical } from 'fovea';
import { train } from './networks.js';
import { isShort, type Scores, share } from './runs.js';

const ready = (part: ArrayDataset): ArrayDataset => part.withX(scale(part.x)).withY(toCategorical(part.y, 10));

/** Trains on 60,000 digits for 5 epochs; a short run on 10,000 for 1, with 1,000 to test. */
export async function trainOnMnist(model: models.Sequential, batchSize: number): Promise<Scores> {
  const { train: training, test } = await datasets.mnist();
  const scores = await train(
    model,
    {
      compile: { optimizer: 'rmsprop', loss: 'categoricalCrossentropy' },
      fit: { epochs: isShort ? 1 : 5, batchSize },
    },
    isShort
      ? { train: ready(training.take(10_000)), test: ready(test.take(1000)) }
      : { train: ready(training), test: ready(test) },
  );
  console.log(`${model.name}: test loss ${share(scores.loss)}, accuracy ${share(scores.accuracy)}`);
  return scores;
}
