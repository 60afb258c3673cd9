// intro: image classification picks one label of a fixed set, here {dog, cat, truck, plane}; for two labels one sigmoid
// unit is enough, 0 for cat and 1 for dog. Trained on CIFAR-10's four classes where the data folder is, and shown a photo
// from it, on which so small a network may well err; else on sketches. (The course's own picture is not to be had: any
// photo will do.)
import { type ArrayDataset, layers, models, plot, resizeImage, setRandomSeed } from 'fovea';
import { above, arrow, beside, chart, draw, picture, titled } from './drawing.js';
import { fourKinds } from './four-kinds.js';
import { share } from './runs.js';
import { sketchNames } from './sketches.js';

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
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units, activation: units === 1 ? 'sigmoid' : 'softmax' }),
  ]);
  const loss = units === 1 ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy';
  model.compile({ optimizer: 'adam', loss, metrics: ['accuracy'] });
  return model;
}

setRandomSeed(1);
const { name, train, test, photo } = await fourKinds();
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
const answer = sketchNames[probabilities.indexOf(Math.max(...probabilities))];
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
  `A network trained on ${name} takes this dog for a ${answer}`,
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
