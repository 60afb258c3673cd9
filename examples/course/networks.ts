// Training and scoring a classifier, timed: the part that examples 55, 57, 59 and 60 have in common.
import type { ArrayDataset, CompileOptions, FitOptions, models } from 'fovea';
import { isShort, type Scores } from './runs.js';

export interface Recipe {
  readonly compile: CompileOptions;
  readonly fit: FitOptions & { readonly epochs: number; readonly batchSize: number };
}

/** Compiles, fits and evaluates; says how many steps an epoch has. */
export async function train(
  model: models.Sequential,
  { compile, fit }: Recipe,
  data: { readonly train: ArrayDataset; readonly test: ArrayDataset },
): Promise<Scores> {
  model.compile({ metrics: ['accuracy'], ...compile });
  const steps = Math.ceil(data.train.length / fit.batchSize);
  const testSteps = Math.ceil(data.test.length / 32);
  console.log(`${model.name}: ${steps} steps an epoch, ${testSteps} to test`);
  // One step of each kind before the clock starts: they are compiled then.
  await model.evaluate(data.test.take(32));
  const start = performance.now();
  await model.fit(data.train, { verbose: isShort ? 0 : 'auto', ...fit });
  const middle = performance.now();
  const { loss, accuracy } = (await model.evaluate(data.test)) as { loss: number; accuracy: number };
  const end = performance.now();
  return { loss, accuracy, trainStep: (middle - start) / (steps * fit.epochs), testStep: (end - middle) / testSteps };
}
