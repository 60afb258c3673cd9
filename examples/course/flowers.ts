// Flowers for the examples of transfer: photos of five kinds from the data folder, else drawn ones; and a base that knows
// other pictures, with its trained weights where the data folder has them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ArrayDataset, datasets, zoo } from 'fovea';
import { isShort } from './runs.js';

/** As TFDS numbers them. */
export const flowerNames = ['dandelion', 'daisy', 'tulips', 'sunflowers', 'roses'] as const;

export interface FlowerParts {
  /** Which flowers they are, for people. */
  readonly name: string;
  readonly test: ArrayDataset;
  readonly validation: ArrayDataset;
  readonly train: ArrayDataset;
}

/** The side of the pictures: the photos' for photos, small ones for drawings. */
export const side = hasPhotos() ? 128 : 64;

function hasPhotos(): boolean {
  const data = process.env.FOVEA_DATA ?? '';
  return data !== '' && ['tf_flowers', 'flowers128'].some((name) => existsSync(join(data, name)));
}

/** The first 10 per cent to test on, 15 to validate on, the rest to train on. Short runs take a part of each. */
export async function flowerParts(): Promise<FlowerParts> {
  const split = ['train[:10%]', 'train[10%:25%]', 'train[25%:]'];
  if (!hasPhotos()) {
    const all = drawnFlowers(300);
    const cut = (from: number, to: number): ArrayDataset => all.slice(from, to);
    return { name: '300 drawn flowers', test: cut(0, 30), validation: cut(30, 75), train: cut(75, 300) };
  }
  const lists = await datasets.tfFlowers({ split, imageSize: side });
  const loaded: ArrayDataset[] = [];
  for (const list of lists) {
    const part = await list.load();
    loaded.push(isShort ? part.take(Math.ceil(part.length / 5)) : part);
  }
  const [test, validation, train] = loaded as [ArrayDataset, ArrayDataset, ArrayDataset];
  const count = lists.reduce((sum, { paths }) => sum + paths.length, 0);
  return { name: `${count} photos of flowers`, test, validation, train };
}

/**
 * A MobileNet of a quarter of the width without its classifier, trained on ImageNet where the data folder has its weights. Else
 * they are drawn: the programs run, but a frozen base that knows nothing can teach nothing.
 */
export async function flowerBase(): Promise<ReturnType<typeof zoo.mobilenet>> {
  const file = join(process.env.FOVEA_DATA ?? '', 'weights/mobilenet-v1-0.25-tfjs/model.json');
  const base = zoo.mobilenet({ alpha: 0.25, includeTop: false, inputShape: [side, side, 3] });
  if (existsSync(file)) {
    const whole = await zoo.create('mobilenet', { alpha: 0.25, inputShape: [side, side, 3], weights: file });
    for (const layer of base.layers) layer.setWeights(await whole.getLayer(layer.name).getWeights());
  }
  return base;
}

/** Petals around a middle: number, width and colour tell the kinds apart, place and size do not. */
function drawnFlowers(count: number): ArrayDataset {
  const kinds = [
    { petals: 24, width: 0.9, petal: [240, 210, 40], middle: [230, 190, 30] },
    { petals: 13, width: 0.5, petal: [245, 245, 240], middle: [235, 190, 40] },
    { petals: 3, width: 1, petal: [200, 60, 120], middle: [200, 60, 120] },
    { petals: 16, width: 0.7, petal: [245, 190, 30], middle: [90, 55, 25] },
    { petals: 6, width: 1.3, petal: [190, 25, 40], middle: [140, 15, 30] },
  ] as const;
  // A sequence of its own, so that the flowers are the same in every run.
  let state = 1;
  const random = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const data = new Uint8Array(count * side * side * 3);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const label = i % kinds.length;
    labels[i] = label;
    const { petals, width, petal, middle } = kinds[label] as (typeof kinds)[number];
    const [cx, cy, size, turn] = [0.35 + 0.3 * random(), 0.35 + 0.3 * random(), 0.25 + 0.15 * random(), 7 * random()];
    const light = 0.8 + 0.4 * random();
    for (let at = 0; at < side * side; at++) {
      const [x, y] = [(at % side) / side - cx, Math.floor(at / side) / side - cy];
      const [radius, angle] = [Math.hypot(x, y) / size, Math.atan2(y, x)];
      const reach = 0.6 + 0.4 * Math.cos(petals * angle + turn) ** 2 * width;
      const colour = radius < 0.3 ? middle : radius < reach ? petal : [60, 120, 50];
      const noise = 20 * random() - 10;
      for (let c = 0; c < 3; c++) {
        data[(i * side * side + at) * 3 + c] = Math.max(0, Math.min(255, (colour[c] as number) * light + noise));
      }
    }
  }
  const x = { data, shape: [count, side, side, 3], dtype: 'uint8' as const };
  const y = { data: labels, shape: [count], dtype: 'int32' as const };
  return new ArrayDataset({ name: 'drawn flowers', classNames: [...flowerNames], x, y });
}
