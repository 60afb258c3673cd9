// intro: image classification picks one label of a fixed set, here {dog, cat, truck, plane}; for two labels one sigmoid
// unit is enough, 0 for cat and 1 for dog. Trained on CIFAR-10's four classes where the data folder is, and shown a photo
// from it; else on sketches. (The course's own picture is not to be had: any photo will do.)
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ArrayDataset,
  datasets,
  type HostArray,
  layers,
  loadImage,
  models,
  plot,
  resizeImage,
  setRandomSeed,
} from 'fovea';
import { above, arrow, beside, chart, draw, picture, titled } from './drawing.js';
import { share } from './runs.js';
import { numbers, sketch, sketchBook, sketchNames } from './sketches.js';

interface Material {
  readonly name: string;
  readonly train: ArrayDataset;
  readonly test: ArrayDataset;
  readonly photo: HostArray;
}

/** The four classes of CIFAR-10, numbered as the sketches are. */
function fourOf(part: ArrayDataset): ArrayDataset {
  const wanted = ['dog', 'cat', 'truck', 'airplane'].map((name) => part.classNames?.indexOf(name) ?? -1);
  const labels = Array.from(part.y.data, (label) => wanted.indexOf(label));
  const kept = part.gather(labels.flatMap((label, i) => (label >= 0 ? [i] : [])));
  return kept.withY({ ...kept.y, data: Int32Array.from(kept.y.data, (label) => wanted.indexOf(label)) });
}

async function material(): Promise<Material> {
  const path = join(process.env.FOVEA_DATA ?? '', 'photos', 'dog.jpg');
  if (process.env.FOVEA_DATA && existsSync(path)) {
    const { train, test } = await datasets.cifar10();
    const photo = await loadImage(path);
    return {
      name: 'CIFAR-10',
      train: fourOf(train.take(6000)),
      test: fourOf(test.take(4000)),
      photo: cropped(photo, 200, 130, 200),
    };
  }
  const random = numbers(7);
  const [train, test] = [sketchBook(1600, random), sketchBook(200, random)];
  return {
    name: 'sketches',
    train,
    test,
    photo: { data: sketch(0, 192, random), shape: [192, 192, 3], dtype: 'uint8' },
  };
}

/** A square of a photo. */
function cropped({ data, shape }: HostArray, top: number, left: number, side: number): HostArray {
  const out = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const from = ((top + row) * (shape[1] as number) + left) * 3;
    out.set(data.subarray(from, from + side * 3), row * side * 3);
  }
  return { data: out, shape: [side, side, 3], dtype: 'uint8' };
}

/** A small convnet with one unit per label, or a single sigmoid unit. */
function network(units: number): models.Sequential {
  const conv = (filters: number) => layers.conv2d({ filters, kernelSize: 3, activation: 'relu' });
  const model = models.sequential([
    layers.input([32, 32, 3]),
    layers.rescaling({ scale: 1 / 127.5, offset: -1 }),
    conv(16),
    layers.maxPooling2d(),
    conv(32),
    layers.maxPooling2d(),
    layers.flatten(),
    layers.dense({ units, activation: units === 1 ? 'sigmoid' : 'softmax' }),
  ]);
  const loss = units === 1 ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy';
  model.compile({ optimizer: 'adam', loss, metrics: ['accuracy'] });
  return model;
}

setRandomSeed(1);
const { name, train, test, photo } = await material();
console.log(`trained on ${train.length} of ${name}`);
const four = network(4);
await four.fit(train, { epochs: 8, verbose: 0 });
console.log(`four labels: accuracy ${share((await four.evaluate(test)).accuracy)}`);

/** Cats as 0, dogs as 1. */
function catsAndDogs(part: ArrayDataset): ArrayDataset {
  const kept = part.gather(Array.from(part.y.data, (label, i) => (label < 2 ? i : -1)).filter((i) => i >= 0));
  return kept.withY({ ...kept.y, data: Int32Array.from(kept.y.data, (label) => 1 - label) });
}
const two = network(1);
await two.fit(catsAndDogs(train), { epochs: 8, verbose: 0 });
console.log(`cat or dog: accuracy ${share((await two.evaluate(catsAndDogs(test))).accuracy)}`);

const seen = resizeImage(photo, [32, 32], { method: 'area' });
const input = { ...seen, shape: [1, 32, 32, 3] };
const probabilities = [...(await four.predict(input)).data];
const [dog = 0] = (await two.predict(input)).data;
sketchNames.forEach((label, i) => {
  console.log(`${label}: ${probabilities[i]?.toFixed(3)}`);
});
console.log(`sigmoid unit: ${dog.toFixed(3)}, ${dog > 0.5 ? 'a dog' : 'a cat'}`);

const bars = (values: readonly number[], labels: readonly string[], title: string) =>
  chart(
    plot.bars(
      values.map((value) => Math.round(1000 * value) / 1000),
      { labels, title, direction: 'horizontal', width: 360 },
    ),
  );
const charts = [
  bars(probabilities, sketchNames, 'Which of four?'),
  bars([1 - dog, dog], ['0 cat', '1 dog'], 'Cat or dog?'),
];
await draw(
  '66-cat-or-dog',
  `What is it? A network trained on ${name}`,
  beside(
    [
      picture(photo, { scale: 1 }),
      arrow(),
      titled('what it sees', picture(seen, { scale: 4 })),
      arrow(),
      above(charts, 4),
    ],
    16,
  ),
);
