// Data for the commands: a data set by name or a folder of pictures, and how its pictures are prepared. What was
// done to the training pictures is kept with the model, so that later ones get the same.
import { stat } from 'node:fs/promises';
import { FoveaError } from '../core/errors.js';
import { nearestFolder } from '../core/node-files.js';
import { type ArrayDataset, datasets, type HostArray, imageDatasetFromDirectory, Standardizer } from '../data/index.js';
import { nearestName } from '../nn/keras-config.js';
import type { PicturePreprocessing } from '../nn/model-metadata.js';
import type { Output } from './output.js';

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
export async function loadData(
  nameOrFolder: string,
  options: { limit?: number; size: number; seed: number; output: Output },
): Promise<CommandData> {
  if (Object.hasOwn(datasets.loaders, nameOrFolder)) {
    const { train, test } =
      nameOrFolder === 'strokes' ? await datasets.strokes({ seed: options.seed }) : await datasets.byName(nameOrFolder);
    const limited = options.limit === undefined ? train : train.take(options.limit);
    const classNames = train.classNames ?? Array.from({ length: 1 + maxLabel(train.y) }, (_, i) => String(i));
    return { train: limited, test, classNames, isFolder: false };
  }
  const exists = await stat(nameOrFolder).catch(() => undefined);
  if (exists === undefined) {
    const names = Object.keys(datasets.loaders);
    const near = nearestName(nameOrFolder, names);
    throw new FoveaError({
      code: 'argument',
      message: `"${nameOrFolder}" is neither a data set nor a folder${near === undefined ? '.' : `; did you mean "${near}"?`}`,
      lines: [
        `data sets: ${names.join(', ')}`,
        `the nearest folder that exists is ${await nearestFolder(nameOrFolder)}`,
      ],
      got: nameOrFolder,
      want: names,
      hint: 'Give one of these, or a folder with a folder of pictures for each class.',
    });
  }
  return loadFolder(nameOrFolder, options);
}

async function loadFolder(
  folder: string,
  { limit, size, seed, output }: { limit?: number; size: number; seed: number; output: Output },
): Promise<CommandData> {
  const found = await imageDatasetFromDirectory(folder, { imageSize: size, seed, onError: 'skip' });
  const all = await found.load();
  for (const { path, problem } of found.broken) {
    output.text(`skipped ${path}: ${problem}`);
    output.event('skipped', { picture: path, problem });
  }
  // A fifth to test on; the seed has mixed the order. A limit leaves the test pictures as they are.
  const test = Math.max(1, Math.floor(all.length / 5));
  if (test === all.length) {
    throw new FoveaError({
      code: 'data',
      message: `${folder} has one picture: none is left to train on.`,
      path: folder,
      hint: 'Give at least a few pictures for each class.',
    });
  }
  const rest = all.skip(test);
  return {
    train: limit === undefined ? rest : rest.take(limit),
    test: all.take(test),
    classNames: found.classNames,
    isFolder: true,
  };
}

function maxLabel({ data }: HostArray): number {
  let largest = 0;
  for (const label of data) largest = Math.max(largest, label);
  return largest;
}

/** The ways of `--preprocess`. */
export type PreprocessKind = 'standardize' | 'scale' | 'none';

/** Chooses how to prepare pictures, from the training part alone. */
export function fitPreprocess(kind: PreprocessKind | undefined, train: ArrayDataset): PicturePreprocessing {
  const [height, width, channels] = train.x.shape.slice(1) as [number, number, 1 | 3];
  const chosen = kind ?? (height * width * channels <= STANDARDIZE_LIMIT ? 'standardize' : 'scale');
  const common = { mode: chosen, size: [height, width], channels } as const;
  if (chosen === 'none') return common;
  if (chosen === 'scale') return { ...common, factor: 1 / 127.5, offset: -1 };
  const { mean, std } = Standardizer.fit(train.x);
  return { ...common, mean: [...mean.data], std: [...std.data] };
}
