// Ng, Chollet: augmentation as layers. Two in a Sequential: mirror left to right, turn by up to .2 of a full turn, 72 degrees,
// either way. They change pictures in training alone; cropping joins them. Draws nine variants of one photo.
import { abs, concat, layers, max, mean, models, plot, subtract, tensor, zeros } from 'fovea';
import { beside, chart, draw, picture, titled } from './drawing.js';
import { asBatch, largestDifference, photo, sizes } from './lib.js';

const source = await photo(120, 120);
const image = asBatch(source);

const augmentation = models.sequential([
  layers.input([120, 120, 3]),
  layers.randomFlip({ mode: 'horizontal', seed: 1 }),
  layers.randomRotation({ factor: 0.2, seed: 2 }),
]);
const resting = await augmentation.predict(image);
const difference = await largestDifference(tensor(resting.data, { shape: resting.shape }), image);
console.log(`outside training the photo changes by ${difference}`);

const [mirror, turn] = [layers.randomFlip({ mode: 'horizontal' }), layers.randomRotation({ factor: 0.2 })];
const nine = concat(Array.from({ length: 9 }, () => image));
const variants = turn.transform(mirror.transform(nine, { key: 4 }), { key: 5 });
const changed = await mean(abs(subtract(variants, nine))).item();
console.log(`in training it does: on average by ${changed > 0.01 ? 'more' : 'less'} than .01`);

// The angles show in where a point on the right of the middle goes.
const many = 1000;
const marks = turn.transform(
  {
    images: zeros([many, 3, 3, 1]),
    keypoints: tensor(
      Float32Array.from({ length: 2 * many }, (_, i) => (i % 2 === 0 ? 2.5 : 1.5)),
      { shape: [many, 1, 2] },
    ),
  },
  { key: 6 },
);
const places = (await marks.keypoints?.data()) as Float32Array;
const angles = Array.from({ length: many }, (_, i) => {
  const [x, y] = [(places[2 * i] as number) - 1.5, (places[2 * i + 1] as number) - 1.5];
  return (Math.atan2(-y, x) * 180) / Math.PI;
});
const [least, most] = [Math.min(...angles), Math.max(...angles)];
console.log(
  `angles of ${many} pictures within 72 degrees: ${least >= -72.01 && most <= 72.01}; beyond 70: ${least < -70 && most > 70}`,
);

const crop = layers.randomCrop({ height: 90, width: 90 });
const crops = crop.transform(nine, { key: 7 });
console.log(`cropped: ${sizes(crops.shape)}; in inference ${sizes(crop.transform(nine, { training: false }).shape)}`);
console.log(`largest value after all: ${(await max(variants).item()) <= 1.0001 ? 'at most 1' : 'above 1'}`);

async function sheet(batch: typeof nine): Promise<ReturnType<typeof chart>> {
  const [, height, width] = batch.shape as [number, number, number];
  const data = (await batch.data()) as Float32Array;
  const size = height * width * 3;
  const tiles = Array.from({ length: 9 }, (_, i) => ({
    data: data.slice(i * size, (i + 1) * size),
    shape: [height, width, 3],
  }));
  return chart(plot.grid(tiles, { columns: 3, gap: 4 }));
}
await draw(
  '120-augment',
  'One photo, augmented',
  beside([
    titled('photo', picture(source)),
    titled('mirrored and turned', await sheet(variants)),
    titled('cropped', await sheet(crops)),
  ]),
);
