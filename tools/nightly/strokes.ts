// The generated pictures must show what convolutions are for: on three seeds the dense network, trained as long as
// helps it, stays at least five points below the convolutional one after three epochs.
import { type ArrayDataset, datasets, engineInfo, type models, Standardizer, setRandomSeed, zoo } from 'fovea';
import { atLeast, type Check, cut, type Outcome, type Part, type PartOptions } from './part.js';

const SEEDS = [0, 1, 2];
const CNN_EPOCHS = 3;
const DENSE_EPOCHS = 10;

export const strokes: Part = {
  name: 'strokes',
  about: 'generated pictures: the dense network beside the convolutional one, three seeds',
  data: [],
  run: compareOnStrokes,
};

async function compareOnStrokes({ limit, epochs }: PartOptions): Promise<Outcome> {
  const rows: { seed: number; cnn: number; dense: number }[] = [];
  const checks: Check[] = [];
  for (const seed of SEEDS) {
    setRandomSeed(seed);
    const parts = await datasets.strokes({ seed, testCount: 2000 });
    const standardizer = Standardizer.fit(parts.train.x);
    const prepare = (part: ArrayDataset): ArrayDataset => cut(part.withX(standardizer.apply(part.x)), limit);
    const [train, test] = [prepare(parts.train), prepare(parts.test)];
    const score = async (model: models.Sequential, count: number): Promise<number> => {
      model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
      await model.fit(train, { epochs: count, batchSize: 32, verbose: 0 });
      return (await model.evaluate(test)).accuracy ?? Number.NaN;
    };
    const cnn = await score(zoo.lectureCnn(), epochs ?? CNN_EPOCHS);
    const dense = await score(zoo.lectureDense(), epochs ?? DENSE_EPOCHS);
    console.log(
      `seed ${seed}: convolutional ${cnn.toFixed(4)}, dense ${dense.toFixed(4)}, ${((cnn - dense) * 100).toFixed(1)} points apart`,
    );
    rows.push({ seed, cnn, dense });
    checks.push(
      atLeast(`seed ${seed}, convolutional`, cnn, 0.97),
      atLeast(`seed ${seed}, points apart`, (cnn - dense) * 100, 5),
    );
  }
  return { figures: { engine: await engineInfo(), rows }, checks };
}
