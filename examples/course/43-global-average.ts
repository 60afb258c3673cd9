// Kim: global average pooling gives one number per channel, the mean over all places. It is a plain mean over axes 1 and
// 2, as an op and as a layer; no Lambda is needed. Any photos will do: the course's are scikit-learn's china and flower,
// cut to rows 150-219 and columns 130-249, and are used where the data folder has them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { concat, globalAveragePool, layers, loadImage, mean, slice, type Tensor, tensor } from 'fovea';
import { asBatch, largestDifference, sizes } from './lib.js';
import { photosOf } from './photos.js';

const paths = ['china.jpg', 'flower.jpg'].map((name) => join(process.env.FOVEA_DATA ?? '', 'photos', name));
const isCourse = paths.every((path) => existsSync(path));

async function whole(path: string): Promise<Tensor> {
  const { data, shape } = await loadImage(path);
  return tensor(
    Float32Array.from(data, (value) => value / 255),
    { shape: [1, ...shape] },
  );
}

const others = isCourse ? [] : await photosOf(['horses.jpg', 'giraffe.jpg'], 427, 640);
const photos = isCourse ? await Promise.all(paths.map(whole)) : others.map(asBatch);
console.log(
  `photos: ${isCourse ? 'china, flower' : `${others.map(({ name }) => name).join(', ')} (not the course's)`}`,
);
const batch = concat(photos.map((photo) => slice(photo, [0, 150, 130, 0], [1, 70, 120, 3])));

const pooled = globalAveragePool(batch);
console.log(`${sizes(batch.shape)} -> ${sizes(pooled.shape)}`);
const numbers = await pooled.data();
for (const start of [0, 3]) {
  console.log(
    `photo ${start / 3 + 1}: ${[...numbers.slice(start, start + 3)].map((value) => value.toFixed(5)).join(' ')}`,
  );
}
console.log(
  `mean over axes 1, 2 differs by ${(await largestDifference(pooled, mean(batch, { axis: [1, 2] }))).toFixed(6)}`,
);
const layer = layers.globalAveragePooling2d();
console.log(`the layer differs by ${(await largestDifference(pooled, layer.apply(batch))).toFixed(6)}`);
