// The course's three networks on its own data sets, trained by its recipes to the end and held to the accuracy that
// Python's Keras reaches with them.
import {
  type ArrayDataset,
  type CompileOptions,
  datasets,
  engineInfo,
  type models,
  optimizers,
  Standardizer,
  scale,
  setRandomSeed,
  toCategorical,
  zoo,
} from 'fovea';
import { atLeast, type Check, cut, near, type Outcome, type Part, type PartOptions } from './part.js';

interface Parts {
  readonly train: ArrayDataset;
  readonly test: ArrayDataset;
  readonly validation?: ArrayDataset;
}

interface Recipe {
  readonly make: () => models.Sequential;
  readonly load: () => Promise<Parts>;
  readonly compile: () => CompileOptions;
  readonly epochs: number;
  readonly batchSize: number;
  readonly parameters: number;
  readonly accuracy: (got: number) => Check;
}

/** The pictures of the lecture: the last 5,000 of the 60,000 validate, each pixel standardised over the other 55,000. */
export async function standardizedFashion(): Promise<Required<Parts>> {
  const { train, test } = await datasets.fashionMnist();
  const standardizer = Standardizer.fit(train.slice(0, -5000).x);
  const standardize = (part: ArrayDataset): ArrayDataset => part.withX(standardizer.apply(part.x));
  return {
    train: standardize(train.slice(0, -5000)),
    validation: standardize(train.slice(-5000)),
    test: standardize(test),
  };
}

async function scaledFashion(): Promise<Parts> {
  const { train, test } = await datasets.fashionMnist();
  const scaled = (part: ArrayDataset): ArrayDataset => part.withX(scale(part.x));
  return { train: scaled(train.skip(5000)), validation: scaled(train.take(5000)), test: scaled(test) };
}

async function scaledDigits(): Promise<Parts> {
  const { train, test } = await datasets.mnist();
  const prepare = (part: ArrayDataset): ArrayDataset => part.withX(scale(part.x)).withY(toCategorical(part.y, 10));
  return { train: prepare(train), test: prepare(test) };
}

async function trainRecipe(recipe: Recipe, { limit, epochs = recipe.epochs, seed }: PartOptions): Promise<Outcome> {
  setRandomSeed(seed);
  const parts = await recipe.load();
  const [train, test] = [cut(parts.train, limit), cut(parts.test, limit)];
  const model = recipe.make();
  model.compile({ metrics: ['accuracy'], ...recipe.compile() });
  const engine = await engineInfo();
  console.log(
    `${model.name}: ${train.length} pictures, ${epochs} epochs; ${engine.name} ${engine.level}, ${engine.threads} threads`,
  );
  const started = performance.now();
  const { history } = await model.fit(train, {
    epochs,
    batchSize: recipe.batchSize,
    verbose: 2,
    ...(parts.validation === undefined ? {} : { validationData: cut(parts.validation, limit) }),
  });
  const seconds = (performance.now() - started) / 1000;
  const { loss = Number.NaN, accuracy = Number.NaN } = await model.evaluate(test, { batchSize: recipe.batchSize });
  return {
    figures: { engine, parameters: model.countParams(), loss, accuracy, secondsOfTraining: seconds, history },
    checks: [near('parameters', model.countParams(), recipe.parameters), recipe.accuracy(accuracy)],
  };
}

function part(name: string, about: string, folder: string, recipe: Recipe): Part {
  return { name, about, data: [folder], run: (options) => trainRecipe(recipe, options) };
}

export const fashionCnn = part('fashion-cnn', "Fashion-MNIST with the lecture's network and recipe", 'fashion-mnist', {
  make: zoo.lectureCnn,
  load: standardizedFashion,
  compile: () => ({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy' }),
  epochs: 10,
  batchSize: 32,
  parameters: 1_413_834,
  accuracy: (got) => near('test accuracy', got, 0.894, 0.015),
});

export const fashionDense = part('fashion-dense', 'Fashion-MNIST with two dense layers', 'fashion-mnist', {
  make: zoo.lectureDense,
  load: scaledFashion,
  compile: () => ({ optimizer: optimizers.sgd({ learningRate: 0.01 }), loss: 'sparseCategoricalCrossentropy' }),
  epochs: 30,
  batchSize: 32,
  parameters: 266_610,
  accuracy: (got) => near('test accuracy', got, 0.882, 0.01),
});

export const mnistConvnet = part('mnist-convnet', 'MNIST with the small convnet', 'mnist', {
  make: zoo.mnistConvnet,
  load: scaledDigits,
  compile: () => ({ optimizer: 'rmsprop', loss: 'categoricalCrossentropy' }),
  epochs: 5,
  batchSize: 64,
  parameters: 93_322,
  accuracy: (got) => atLeast('test accuracy', got, 0.988),
});
