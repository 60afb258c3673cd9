// intro: a trained network as a search engine. What its last layer but one says about a picture is a vector; pictures
// with near vectors look alike. The nearest to a picture is the picture itself. On drawings that the library makes. Draws
// queries, each with its hits.
import {
  argSort,
  datasets,
  layers,
  matmul,
  models,
  multiply,
  plot,
  rowOf,
  scale,
  setRandomSeed,
  square,
  subtract,
  sum,
  tensor,
  transpose,
} from 'fovea';
import { chart, draw } from './drawing.js';

setRandomSeed(5);
const { train, test } = await datasets.strokes({ count: 2500, testCount: 300 });
const input = layers.input([28, 28, 1]);
let x = layers.conv2d({ filters: 16, kernelSize: 5, activation: 'relu' }).apply(input);
x = layers.maxPooling2d({ poolSize: 2 }).apply(x);
x = layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }).apply(x);
x = layers.maxPooling2d({ poolSize: 2 }).apply(x);
const features = layers.dense({ units: 64, activation: 'relu' }).apply(layers.flatten().apply(x));
const output = layers.dense({ units: 10, activation: 'softmax' }).apply(features);
const classifier = models.model({ inputs: input, outputs: output });
classifier.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
await classifier.fit(train.withX(scale(train.x)), { epochs: 8, verbose: 0 });

const describe = models.model({ inputs: input, outputs: features });
const { data, shape } = await describe.predict(scale(test.x));
const rows = tensor(data, { shape });
// |q - r|^2 = |q|^2 - 2 q.r + |r|^2; |q|^2 is the same for every r.
const distances = subtract(sum(square(rows), { axis: 1 }), multiply(matmul(rows, transpose(rows)), 2));
const order = await argSort(distances).data();
const nearest = (query: number, count: number): number[] =>
  Array.from(order.slice(query * test.length, query * test.length + count));

const queries = [0, 1, 2, 3, 4].map((label) => test.y.data.indexOf(label));
const found = queries.map((query) => nearest(query, 9));
console.log(`vectors ${shape.join('x')}`);
console.log(`the query comes first: ${queries.every((query, i) => found[i]?.[0] === query)}`);
const all = Array.from({ length: test.length }, (_, query) =>
  nearest(query, 6)
    .slice(1)
    .map((hit) => [query, hit]),
).flat();
const share =
  all.filter(([query, hit]) => test.y.data[query as number] === test.y.data[hit as number]).length / all.length;
console.log(`of the five nearest others, of the same class: ${share.toFixed(4)}`);
await draw(
  '119-retrieval',
  'Queries (left) and what is nearest to them',
  chart(
    plot.grid(
      found.flat().map((i) => ({ ...rowOf(test.x, i), shape: [28, 28] })),
      { columns: 9, scale: 2, colormap: 'gray', gap: 4 },
    ),
  ),
);
