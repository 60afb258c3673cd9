// The pictures of a transfer: a folder that is cut into three, or parts that are given. They lie in memory where they fit, else
// they are read anew in each epoch.
import { FoveaError } from '../../core/errors.js';
import { keyFromSeed, permutation } from '../../core/random.js';
import { ArrayDataset } from '../../data/array-dataset.js';
import { Dataset, type Example } from '../../data/dataset.js';
import { imageDatasetFromDirectory } from '../../data/image-folder.js';
import { type BrokenImage, type Listed, makePictureList, type PictureList } from '../../data/picture-list.js';

/** Pictures with the numbers of their classes: in memory `[n,height,width,channels]`, or a list of files. */
export type PictureSource = ArrayDataset | PictureList;

/** What to learn from: a folder with a folder of pictures per class, or parts. */
export type TransferData =
  | string
  | { readonly train: PictureSource; readonly validation: PictureSource; readonly test?: PictureSource };

/** How a folder is cut and read. */
export interface PictureOptions {
  readonly size: readonly [height: number, width: number];
  readonly channels: 1 | 3;
  readonly seed: number;
  /** Shares of a folder's pictures to test and to validate on. */
  readonly test: number;
  readonly validation: number;
  readonly workers?: number | undefined;
  /** Bytes of pictures that may lie in memory. */
  readonly memory: number;
}

/** One part. */
export interface Part {
  readonly length: number;
  readonly labels: readonly number[];
  /** In memory, where they fit. */
  readonly array: ArrayDataset | undefined;
  /** The files, where they do not. */
  readonly list: PictureList | undefined;
  /** From number `skip` on, always in the same order, one by one. */
  inOrder(skip?: number): AsyncIterable<Example>;
  /** The same, as `fit` validates on it. */
  fixed(): ArrayDataset | Dataset;
  /** For training: in another order in each pass. */
  mixed(): ArrayDataset | Dataset;
}

export interface Parts {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly train: Part;
  readonly validation: Part;
  readonly test: Part | undefined;
  /** Files that could not be read. */
  readonly broken: readonly BrokenImage[];
}

/** How many pictures a folder's parts get: first those to test on, then those to validate on, as the course cuts tf_flowers. */
export function partSizes(count: number, test: number, validation: number): readonly [number, number, number] {
  const first = Math.round(count * test);
  const second = Math.round(count * (test + validation));
  return [first, second - first, count - second];
}

/** Opens the data. Throws `data` where a part would be empty. */
export async function openPictures(data: TransferData, options: PictureOptions): Promise<Parts> {
  if (typeof data === 'string') return fromFolder(data, options);
  const { train, validation, test } = data;
  const { classNames } = train;
  const labels = train instanceof ArrayDataset ? Array.from(train.y.data, Number) : train.labels;
  return {
    name: train instanceof ArrayDataset ? train.name : 'pictures',
    classNames:
      classNames ?? Array.from({ length: 1 + labels.reduce((a, b) => Math.max(a, b), 0) }, (_, i) => String(i)),
    train: await openPart(train, options),
    validation: await openPart(validation, options),
    test: test === undefined ? undefined : await openPart(test, options),
    broken: [train, validation, test].flatMap((part) =>
      part === undefined || part instanceof ArrayDataset ? [] : part.broken,
    ),
  };
}

async function fromFolder(folder: string, options: PictureOptions): Promise<Parts> {
  const { seed, size, channels, workers } = options;
  const all = await imageDatasetFromDirectory(folder, { batchSize: null, shuffle: false, imageSize: null });
  const order = permutation(all.paths.length, keyFromSeed(seed), 0);
  const listed = Array.from(
    order,
    (at): Listed => ({ source: { kind: 'file', path: all.paths[at] as string }, label: all.labels[at] as number }),
  );
  const [test, validation] = partSizes(listed.length, options.test, options.validation);
  const broken: BrokenImage[] = [];
  const open = async (chosen: readonly Listed[]): Promise<Part> => {
    const list = makePictureList(folder, chosen, all.classNames, {
      imageSize: size,
      colorMode: channels === 1 ? 'grayscale' : 'rgb',
      shuffle: false,
      seed,
      onError: 'skip',
      ...(workers === undefined ? {} : { workers }),
    });
    const part = await openPart(list, options);
    broken.push(...list.broken);
    return part;
  };
  if (validation === 0 || listed.length - test - validation === 0) {
    throw new FoveaError({
      code: 'data',
      op: 'finetune',
      message: `${folder} has ${listed.length} pictures: too few to train and to validate on.`,
      path: folder,
      hint: 'Give at least a few pictures for each class.',
    });
  }
  return {
    name: folder,
    classNames: all.classNames,
    test: test === 0 ? undefined : await open(listed.slice(0, test)),
    validation: await open(listed.slice(test, test + validation)),
    train: await open(listed.slice(test + validation)),
    broken,
  };
}

async function openPart(source: PictureSource, { size, channels, seed, memory }: PictureOptions): Promise<Part> {
  const bytes = size[0] * size[1] * channels;
  const count = source instanceof ArrayDataset ? source.length : source.paths.length;
  if (count === 0) {
    throw new FoveaError({ code: 'data', op: 'finetune', message: 'a part of the data has no pictures.' });
  }
  if (source instanceof ArrayDataset || count * bytes <= memory) {
    const array = source instanceof ArrayDataset ? source : await source.load();
    checkPictures(array.x.shape, [...size, channels]);
    return {
      length: array.length,
      labels: Array.from(array.y.data, Number),
      array,
      list: undefined,
      inOrder: (skip = 0) => Dataset.fromArrays(array).open(0, { skip }),
      fixed: () => array,
      mixed: () => array,
    };
  }
  const { paths, labels, dataset } = source;
  // Whole pictures wait in the buffer that mixes them.
  const waiting = Math.max(1, Math.min(paths.length, Math.floor(memory / bytes)));
  return {
    length: paths.length,
    labels,
    array: undefined,
    list: source,
    inOrder: (skip = 0) => one(dataset).open(0, { skip }),
    fixed: () => one(dataset),
    mixed: () => one(dataset).shuffle(waiting, { seed }),
  };
}

const one = (dataset: Dataset): Dataset => (dataset.isBatched ? dataset.unbatch() : dataset);

function checkPictures(shape: readonly number[], want: readonly number[]): void {
  if (shape.length === 4 && want.every((dim, axis) => dim === shape[axis + 1])) return;
  throw new FoveaError({
    code: 'shape',
    op: 'finetune',
    message: `the base takes pictures [${want.join(',')}]; the data has [${shape.slice(1).join(',')}].`,
    got: shape,
    want,
    hint: 'Read or resize the pictures to that size, or pass size.',
  });
}
