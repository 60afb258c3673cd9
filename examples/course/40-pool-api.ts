// Kim: the pooling layers with size 2 on two colour photos. Their sides halve, rounded down, and no average exceeds the
// largest number of its window. Any photos will do; without the data folder two scenes are painted.
import { concat, layers, max, subtract } from 'fovea';
import { beside, draw, picture, titled } from './drawing.js';
import { asBatch, type Picture, pictureOf, sizes } from './lib.js';
import { photosOf } from './photos.js';

const photos = await photosOf(['dog.jpg', 'eagle.jpg'], 171, 225);
const batch = concat(photos.map(asBatch));
console.log(`photos: ${photos.map(({ name }) => name).join(', ')}`);

const largest = layers.maxPooling2d({ poolSize: 2 }).apply(batch);
const average = layers.averagePooling2d({ poolSize: 2 }).apply(batch);
console.log(`input ${sizes(batch.shape)}, pooled ${sizes(largest.shape)} and ${sizes(average.shape)}`);

const excess = await max(subtract(average, largest)).item();
console.log(`max >= average in every cell: ${excess <= 0}`);

// The pools are drawn twice as large, so that all three pictures cover the same area.
const shown = (name: string, array: Picture, scale: number) =>
  titled(`${name}, ${array.shape[0]}×${array.shape[1]}`, picture(array, { scale }));
await draw(
  '40-pool-api',
  'A photo and its two pools of size 2',
  beside([
    shown('photo', photos[0] as Picture, 1),
    shown('max', await pictureOf(largest), 2),
    shown('average', await pictureOf(average), 2),
  ]),
);
