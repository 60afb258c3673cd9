// intro: a classifier is two functions: train(images, labels) gives a model, predict(model, images) gives labels. The
// simplest one keeps all images and looks for the nearest. A training image is its own nearest. On generated pictures,
// and on CIFAR-10 where the data folder is: far from good, but above the .1 of guessing.
import {
  type ArrayDataset,
  argMin,
  datasets,
  matmul,
  multiply,
  reshape,
  square,
  subtract,
  sum,
  type Tensor,
  tensor,
  transpose,
} from 'fovea';
import { share } from './runs.js';

type Images = ArrayDataset['x'];

interface Model {
  /** One row for each image, 0..1. */
  readonly rows: Tensor;
  readonly labels: ArrayLike<number>;
}

function rowsOf({ data, shape }: Images): Tensor {
  const pixels = tensor(
    Float32Array.from(data, (value) => value / 255),
    { shape },
  );
  return reshape(pixels, [shape[0] as number, data.length / (shape[0] as number)]);
}

function train(images: Images, labels: ArrayLike<number>): Model {
  return { rows: rowsOf(images), labels };
}

/** The label of the nearest training image for each image. */
async function predict({ rows, labels }: Model, images: Images): Promise<number[]> {
  const queries = rowsOf(images);
  // |q - r|^2 = |q|^2 - 2 q.r + |r|^2, and |q|^2 is the same for every r.
  const products = matmul(queries, transpose(rows));
  const distances = subtract(sum(square(rows), { axis: 1 }), multiply(products, 2));
  return Array.from(await argMin(distances, { axis: 1 }).data(), (nearest) => labels[nearest] as number);
}

function accuracy(guesses: readonly number[], labels: ArrayLike<number>): number {
  return guesses.filter((guess, i) => guess === labels[i]).length / guesses.length;
}

async function report(name: string, part: ArrayDataset, test: ArrayDataset): Promise<void> {
  const model = train(part.x, part.y.data);
  const known = part.take(100);
  const own = accuracy(await predict(model, known.x), known.y.data);
  console.log(
    `${name}: 100 training images ${share(own)}, ${test.length} others ${share(accuracy(await predict(model, test.x), test.y.data))}`,
  );
}

const strokes = await datasets.strokes({ count: 2000, testCount: 400 });
await report('generated', strokes.train, strokes.test);
if (process.env.FOVEA_DATA) {
  const { train: part, test } = await datasets.cifar10();
  await report('CIFAR-10', part.take(5000), test.take(500));
} else console.log('CIFAR-10: skipped, FOVEA_DATA names no data folder');
