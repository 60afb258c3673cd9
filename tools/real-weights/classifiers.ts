// Networks of tfjs files that hold weights alone, and how many pictures a classifier gets right.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layers, models, zoo } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { asInput, middle, photo } from './pictures.js';

/** Darknet's tiny classifier, its layers named as its files name them. */
export async function tinyDarknet(manifest: string): Promise<TrainableModel> {
  const input = layers.input([224, 224, 3]);
  const chain: (readonly [filters: number, kernel: number] | 'pool')[] = [
    [16, 3],
    'pool',
    [32, 3],
    'pool',
    [16, 1],
    [128, 3],
    [16, 1],
    [128, 3],
    'pool',
    [32, 1],
    [256, 3],
    [32, 1],
    [256, 3],
    'pool',
    [64, 1],
    [512, 3],
    [64, 1],
    [512, 3],
    [128, 1],
  ];
  let x = input;
  let count = 0;
  for (const each of chain) {
    if (each === 'pool') {
      x = layers.maxPooling2d({ poolSize: 2, padding: 'same' }).apply(x);
      continue;
    }
    const [filters, kernelSize] = each;
    count++;
    x = layers.conv2d({ filters, kernelSize, padding: 'same', useBias: false, name: `conv2d_${count}` }).apply(x);
    x = layers.batchNormalization({ epsilon: 1e-3, name: `batch_normalization_${count}` }).apply(x);
    x = layers.leakyRelu({ negativeSlope: 0.1 }).apply(x);
  }
  x = layers.conv2d({ filters: 1000, kernelSize: 1, padding: 'same', name: 'conv2d_16' }).apply(x);
  const model = models.model({ inputs: input, outputs: layers.globalAveragePooling2d().apply(x) });
  await model.loadWeights(manifest);
  return model;
}

export async function mobilenet(manifest: string): Promise<TrainableModel> {
  const model = zoo.create('mobilenet', { alpha: 0.25, weights: null });
  await model.loadWeights(manifest);
  return model;
}

export interface Hits {
  readonly top1: number;
  readonly top5: number;
  readonly count: number;
}

/** Over the photos that are named by their class; `wnids` are the classes in the model's order. */
export async function hitsOn(
  folder: string,
  model: TrainableModel,
  wnids: readonly string[],
  value: (byte: number) => number,
): Promise<Hits> {
  const names = readdirSync(folder)
    .filter((name) => /\.JPEG$/i.test(name))
    .sort();
  let [top1, top5] = [0, 0];
  for (const name of names) {
    const { x } = asInput(middle(await photo(folder, name)), { size: [224, 224], value });
    const scores = Array.from((await model.predict(x)).data as Float32Array);
    const best = scores
      .map((_, i) => i)
      .sort((a, b) => (scores[b] as number) - (scores[a] as number))
      .slice(0, 5);
    const wnid = name.split('_')[0] as string;
    if (wnids[best[0] as number] === wnid) top1++;
    if (best.some((index) => wnids[index] === wnid)) top5++;
  }
  return { top1, top5, count: names.length };
}

/** The thousand classes in ImageNet's order. */
export function imagenetClasses(folder: string): string[] {
  const lines = readFileSync(join(folder, 'classes_1000.tsv'), 'utf8').trim().split('\n');
  return lines.map((line) => line.split('\t')[1] as string);
}

export const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trim().split(/\r?\n/);
