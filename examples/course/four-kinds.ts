// Dogs, cats, trucks and planes, numbered in this order, for example 66.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ArrayDataset, datasets, type HostArray, loadImage } from 'fovea';
import { numbers, sketch, sketchBook } from './sketches.js';

/** What to learn from, and a photo to try. */
export interface Material {
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

/** CIFAR-10's dogs, cats, trucks and planes where the data folder is; else sketches. */
export async function fourKinds(): Promise<Material> {
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
