// Ng: advice on data. Threads load and distort pictures while the network trains on those before: it hardly waits. The order
// stays, and so do the numbers, however many threads there are.
import { Dataset, datasets, encodePng, type HostArray, layers, models, rowOf, setRandomSeed } from 'fovea';
import { isShort } from './runs.js';

const COUNT = isShort ? 192 : 768;
const BATCH = 32;
const { train } = await datasets.strokes({ count: COUNT });
// As files would bring them: compressed.
const files = await Promise.all(Array.from({ length: COUNT }, (_, i) => encodePng(rowOf(train.x, i))));

let read = 0;
async function* pictures(): AsyncGenerator<{ x: Uint8Array; y: number }> {
  for (const [i, x] of files.entries()) {
    read++;
    yield { x, y: train.y.data[i] as number };
  }
}

const loader = (workers: number, ahead: number): Dataset => {
  const batches = Dataset.fromGenerator(pictures, { length: COUNT })
    .map(
      [
        { op: 'decode', channels: 1 },
        { op: 'resize', size: 64, method: 'bicubic' },
        { op: 'randomCrop', size: 56 },
        { op: 'resize', size: 28 },
        { op: 'randomBrightness', factor: 0.2 },
        { op: 'rescale' },
      ],
      { workers, seed: 3 },
    )
    .batch(BATCH);
  return ahead === 0 ? batches : batches.prefetch(ahead);
};

setRandomSeed(1);
const model = models.sequential([
  layers.input([28, 28, 1]),
  layers.conv2d({ filters: 32, kernelSize: 5, activation: 'relu' }),
  layers.maxPooling2d({ poolSize: 2 }),
  layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
  layers.flatten(),
  layers.dense({ units: 10, activation: 'softmax' }),
]);
model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
await model.trainOnBatch(
  { data: new Float32Array(BATCH * 784), shape: [BATCH, 28, 28, 1], dtype: 'float32' },
  new Int32Array(BATCH),
);

/** One epoch: the labels as they came, a sum of all pixels, and the milliseconds that the network waited. */
async function epoch(stream: Dataset): Promise<{ labels: number[]; pixels: number; waited: number }> {
  const labels: number[] = [];
  let pixels = 0;
  let waited = 0;
  let asked = performance.now();
  for await (const { x, y } of stream) {
    waited += performance.now() - asked;
    const own = y as HostArray;
    labels.push(...own.data);
    for (const value of x.data) pixels += value;
    await model.trainOnBatch(x, own);
    asked = performance.now();
  }
  return { labels, pixels, waited };
}

// Threads are started once and kept: this pass pays for it.
await epoch(loader(2, 2));
const alone = await epoch(loader(0, 0));
const threads = await epoch(loader(2, 2));
const wanted = Array.from(train.y.data);
const isKept = (labels: readonly number[]): boolean => labels.every((label, i) => label === wanted[i]);
console.log(`order kept: ${isKept(alone.labels) && isKept(threads.labels)}, of ${threads.labels.length} pictures`);
console.log(`the same pictures from two threads: ${alone.pixels === threads.pixels}`);
console.log(
  `waited for pictures: ${alone.waited.toFixed(0)} ms alone, ${threads.waited.toFixed(0)} ms with two threads`,
);

/** The pictures that were read by the time the network had its first batch and worked on it for a while. */
async function readMeanwhile(stream: Dataset): Promise<number> {
  read = 0;
  for await (const _ of stream) {
    const before = read;
    for (let i = 0; i < 200 && read === before; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    break;
  }
  return read;
}
const ahead = await readMeanwhile(loader(0, 2));
console.log(`read while the first batch of ${BATCH} is worked on: more than that batch: ${ahead > BATCH}`);
