// Data for the commands: a data set by name or a folder of pictures, and how its pictures are prepared. What was
// done to the training pictures is kept with the model, so that later ones get the same.
import { stat } from 'node:fs/promises';
import { missingPathError } from '../core/node-files.js';
import { FoveaError } from '../core/errors.js';
import {
  type ArrayDataset,
  datasets,
  type HostArray,
  imageDatasetFromDirectory,
  Standardizer,
  scale,
} from '../data/index.js';
import type { Output } from './output.js';

/** How pixels become the model's input. */
export type Preprocess =
  | { readonly kind: 'standardize'; readonly mean: readonly number[]; readonly std: readonly number[]; readonly shape: readonly number[] }
  | { readonly kind: 'scale'; readonly factor: number; readonly offset: number }
  | { readonly kind: 'none' };

/** Pictures to train and test on. */
export interface CommandData {
  readonly train: ArrayDataset;
  readonly test: ArrayDataset;
  readonly classNames: readonly string[];
  readonly isFolder: boolean;
}

/** Pixels a per-pixel standardisation may have: beyond, scaling does as well and is kept in two numbers. */
const STANDARDIZE_LIMIT = 4096;

/** Loads a data set by name, or a folder with a folder of pictures for each class. */
export async function loadData(nameOrFolder: string, options: { limit?: number; size: number; seed: number; output: Output }): Promise<CommandData> {
  if (nameOrFolder in datasets.loaders) {
    const { train, test } = nameOrFolder === 'strokes' ? await datasets.strokes({ seed: options.seed }) : await datasets.byName(nameOrFolder);
    const limited = options.limit === undefined ? train : train.take(options.limit);
    const classNames = train.classNames ?? Array.from({ length: 1 + maxLabel(train.y) }, (_, i) => String(i));
    return { train: limited, test, classNames, isFolder: false };
  }
  const exists = await stat(nameOrFolder).catch(() => undefined);
  if (exists === undefined) {
    const missing = await missingPathError(nameOrFolder, 'data');
    throw new FoveaError({
      code: 'argument',
      op: 'data',
      message: `"${nameOrFolder}" is neither a data set nor a folder.`,
      lines: [`Data sets: ${Object.keys(datasets.loaders).join(', ')}.`],
      got: nameOrFolder,
      hint: missing.hint ?? 'Give a name or a folder.',
    });
  }
  return loadFolder(nameOrFolder, options);
}

async function loadFolder(folder: string, { limit, size, seed, output }: { limit?: number; size: number; seed: number; output: Output }): Promise<CommandData> {
  const found = await imageDatasetFromDirectory(folder, { size, channels: 3, seed, shuffle: true, onBroken: 'skip' });
  const all = await found.load();
  for (const { path, problem } of found.broken) output.text(`skipped ${path}: ${problem}`);
  const kept = limit === undefined ? all : all.take(limit);
  // A fifth to test on; the order was shuffled by the seed.
  const test = Math.max(1, Math.floor(kept.length / 5));
  return { train: kept.skip(test), test: kept.take(test), classNames: found.classNames, isFolder: true };
}

function maxLabel({ data }: HostArray): number {
  let largest = 0;
  for (const label of data) largest = Math.max(largest, label);
  return largest;
}

/** Chooses how to prepare pictures, from the training part alone. */
export function fitPreprocess(kind: Preprocess['kind'] | undefined, train: ArrayDataset): Preprocess {
  const pixels = train.x.shape.slice(1).reduce((product, dim) => product * dim, 1);
  const chosen = kind ?? (pixels <= STANDARDIZE_LIMIT ? 'standardize' : 'scale');
  if (chosen === 'none') return { kind: 'none' };
  if (chosen === 'scale') return { kind: 'scale', factor: 1 / 127.5, offset: -1 };
  const { mean, std } = Standardizer.fit(train.x);
  return { kind: 'standardize', mean: [...mean.data], std: [...std.data], shape: mean.shape };
}

/** Prepares pictures `[n, height, width, channels]`. */
export function applyPreprocess(preprocess: Preprocess, x: HostArray): HostArray {
  if (preprocess.kind === 'none') return x;
  if (preprocess.kind === 'scale') return scale(x, preprocess.factor, preprocess.offset);
  const { mean, std, shape } = preprocess;
  return Standardizer.from(
    { data: Float32Array.from(mean), shape, dtype: 'float32' },
    { data: Float32Array.from(std), shape, dtype: 'float32' },
  ).apply(x);
}
