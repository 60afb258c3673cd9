// A folder of pictures as a dataset: one sub-folder per class, as Keras's image_dataset_from_directory reads it.
import { FoveaError } from '../core/errors.js';
import { missingPathError, nodeModule } from '../core/node-files.js';
import { keyFromSeed, permutation } from '../core/random.js';
import { ArrayDataset } from './array-dataset.js';
import { Dataset, type Example } from './dataset.js';
import { type HostArray, stackRows } from './host-array.js';
import { type Channels, loadImage } from './images.js';
import type { ResizeMethod } from './resize.js';

/** Options of `imageDatasetFromDirectory`, with Keras's defaults. */
export interface ImageFolderOptions {
  /** `[height, width]` of the pictures; one number means a square. Default 256. */
  size?: number | readonly [height: number, width: number];
  /** Pictures per batch; default 32. */
  batchSize?: number;
  /** Default 3. */
  channels?: Channels;
  resize?: ResizeMethod;
  /** `inferred` from the sub-folders, `none`, or one whole number per picture in the order of sorted paths. */
  labels?: 'inferred' | 'none' | readonly number[];
  /** `int` gives y `[n]`, `categorical` one-hot `[n, classes]`, `binary` float32 `[n, 1]`. Default `int`. */
  labelMode?: 'int' | 'categorical' | 'binary';
  /** The classes in the order of their labels; default the sorted folder names. */
  classNames?: readonly string[];
  /** Whether each pass has its own mixed order; default true. */
  shuffle?: boolean;
  /** Fixes the order and the validation part; default 0. */
  seed?: number;
  /** The share of pictures, 0 to 1, kept for validation. */
  validationSplit?: number;
  /** Which part to give when there is a `validationSplit`. */
  subset?: 'training' | 'validation';
  /** `throw` at the first picture that cannot be read (default), or `skip` it and list it in `broken`. */
  onBroken?: 'throw' | 'skip';
}

/** A picture that could not be read. */
export interface BrokenImage {
  readonly path: string;
  readonly problem: string;
}

/** A folder's pictures, found but not yet read. */
export interface ImageFolder {
  /** Batches `x` uint8 `[n, height, width, channels]` and labels `y`, read anew in each pass. */
  readonly dataset: Dataset;
  readonly classNames: readonly string[];
  /** Paths of the pictures and, beside them, their labels (-1 for none). */
  readonly paths: readonly string[];
  readonly labels: readonly number[];
  /** Pictures per class, in the order of `classNames`. */
  readonly counts: readonly number[];
  /** Pictures that a pass skipped; grows while one runs. */
  readonly broken: readonly BrokenImage[];
  /** Reads all pictures into memory, in the order of the first pass: mixed unless `shuffle` is false. */
  load(): Promise<ArrayDataset>;
}

const EXTENSIONS = /\.(png|jpe?g|bmp|gif|webp|tiff?|avif)$/i;
const OP = 'imageDatasetFromDirectory';

interface Found {
  readonly path: string;
  readonly label: number;
}

/**
 * Finds the pictures below a folder with one sub-folder per class. Throws `file` for a path that is not there and
 * `data` for a folder without classes or pictures.
 */
export async function imageDatasetFromDirectory(path: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  checkOptions(options);
  const { resolve } = await nodeModule('node:path', OP);
  const root = resolve(path);
  const classNames = options.labels === 'none' ? [] : await findClasses(root, path, options);
  const all = await findImages(root, classNames, options);
  const chosen = choosePart(all, options);
  const broken: BrokenImage[] = [];
  const size = options.size ?? 256;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  const channels = options.channels ?? 3;

  const read = async (found: Found): Promise<HostArray | undefined> => {
    try {
      return await loadImage(found.path, {
        size: [height, width],
        channels,
        ...(options.resize === undefined ? {} : { resize: options.resize }),
      });
    } catch (error) {
      if (!(error instanceof FoveaError) || options.onBroken !== 'skip') throw error;
      if (!broken.some((each) => each.path === found.path)) {
        broken.push({ path: found.path, problem: error.message.split('\n')[0] as string });
      }
      return undefined;
    }
  };
  const labelOf = (label: number): HostArray | undefined => encodeLabel(label, classNames.length, options);
  const isMixed = options.shuffle !== false && options.subset !== 'validation';
  const key = keyFromSeed(options.seed ?? 0);

  // Orders paths, not pictures: mixing costs no memory, however many there are.
  const inOrder = (pass: number): Found[] =>
    isMixed ? Array.from(permutation(chosen.length, key, pass + 1), (at) => chosen[at] as Found) : [...chosen];
  async function* readPass(pass: number): AsyncGenerator<Example> {
    for (const found of inOrder(pass)) {
      const x = await read(found);
      if (x !== undefined) yield { x, y: labelOf(found.label) };
    }
  }

  const batchSize = options.batchSize ?? 32;
  const length = options.onBroken === 'skip' ? {} : { length: chosen.length };
  return {
    dataset: Dataset.fromGenerator(readPass, length).batch(batchSize).prefetch(1),
    classNames,
    paths: chosen.map((found) => found.path),
    labels: chosen.map((found) => found.label),
    counts: classNames.map((_, label) => chosen.filter((found) => found.label === label).length),
    broken,
    async load() {
      const pictures: HostArray[] = [];
      const labels: HostArray[] = [];
      for (const found of inOrder(0)) {
        const x = await read(found);
        if (x === undefined) continue;
        pictures.push(x);
        labels.push(labelOf(found.label) ?? { data: Int32Array.of(-1), shape: [], dtype: 'int32' });
      }
      if (pictures.length === 0) throw noImages(root, `all ${chosen.length} pictures are broken`);
      return new ArrayDataset({
        name: root,
        source: root,
        classNames,
        x: stackRows(pictures, OP),
        y: stackRows(labels, OP),
        note: broken.length === 0 ? undefined : `${broken.length} broken pictures were left out.`,
      });
    },
  };
}

function checkOptions(options: ImageFolderOptions): void {
  const { validationSplit: split, subset } = options;
  if (split !== undefined && !(split > 0 && split < 1)) {
    throw new FoveaError({
      code: 'argument',
      op: OP,
      message: `validationSplit is ${split}.`,
      got: split,
      want: '0..1',
      hint: 'Give the share of pictures to keep for validation, such as 0.2.',
    });
  }
  if ((split === undefined) !== (subset === undefined)) {
    throw new FoveaError({
      code: 'argument',
      op: OP,
      message: split === undefined ? `subset '${subset}' needs a validationSplit.` : 'validationSplit needs a subset.',
      hint: "Give both, such as validationSplit: 0.2 with subset: 'training', and the same seed for the other subset.",
    });
  }
}

// Sorted by code units, so that every machine numbers the classes alike whatever its language.
function sortNames(names: string[]): string[] {
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

async function listFolder(root: string, given: string): Promise<{ folders: string[]; files: string[] }> {
  const fs = await nodeModule('node:fs/promises', OP);
  const { join } = await nodeModule('node:path', OP);
  const stats = await fs.stat(root).catch(() => undefined);
  if (stats === undefined) throw await missingPathError(given, OP);
  if (!stats.isDirectory()) {
    throw new FoveaError({
      code: 'file',
      op: OP,
      message: `${root} is a file, not a folder.`,
      path: root,
      got: given,
      hint: 'Give the folder that holds one sub-folder per class.',
    });
  }
  const folders: string[] = [];
  const files: string[] = [];
  for (const name of sortNames(await fs.readdir(root))) {
    if (name.startsWith('.')) continue;
    // stat follows links, which people use to mix folders without copying.
    const entry = await fs.stat(join(root, name)).catch(() => undefined);
    if (entry?.isDirectory()) folders.push(name);
    else if (entry?.isFile()) files.push(name);
  }
  return { folders, files };
}

async function findClasses(root: string, given: string, options: ImageFolderOptions): Promise<readonly string[]> {
  const { folders, files } = await listFolder(root, given);
  const wanted = options.classNames;
  if (Array.isArray(options.labels)) {
    const classes = Math.max(0, ...options.labels.map((label: number) => label + 1));
    return wanted ?? Array.from({ length: classes }, (_, label) => String(label));
  }
  if (folders.length === 0) {
    const pictures = files.filter((name) => EXTENSIONS.test(name)).length;
    throw noImages(
      root,
      pictures > 0
        ? `it has ${pictures} pictures but no sub-folders to name their classes`
        : files.length > 0
          ? `it has ${files.length} other files but no sub-folders`
          : 'it is empty',
    );
  }
  if (wanted === undefined) return folders;
  const missing = wanted.filter((name) => !folders.includes(name));
  if (missing.length === 0) return wanted;
  throw new FoveaError({
    code: 'argument',
    op: OP,
    message: `there are no folders for ${missing.join(', ')} in ${root}.`,
    path: root,
    got: wanted,
    want: folders,
    hint: `The folders there are ${folders.join(', ')}.`,
  });
}

function noImages(root: string, problem: string): FoveaError {
  return new FoveaError({
    code: 'data',
    op: OP,
    message: `no pictures in ${root}: ${problem}.`,
    path: root,
    got: problem,
    hint: 'Put the pictures of each class into a sub-folder of its name, as PNG or JPEG files.',
  });
}

async function findImages(
  root: string,
  classNames: readonly string[],
  options: ImageFolderOptions,
): Promise<readonly Found[]> {
  const { join } = await nodeModule('node:path', OP);
  const found: Found[] = [];
  const visit = async (folder: string, label: number): Promise<void> => {
    const { folders, files } = await listFolder(folder, folder);
    for (const name of files) if (EXTENSIONS.test(name)) found.push({ path: join(folder, name), label });
    for (const name of folders) await visit(join(folder, name), label);
  };
  const labels = options.labels ?? 'inferred';
  if (labels === 'inferred') {
    for (const [label, name] of classNames.entries()) await visit(join(root, name), label);
  } else await visit(root, -1);
  if (found.length === 0) throw noImages(root, `its folders ${classNames.join(', ')} hold no picture files`);
  if (typeof labels === 'string') return found;
  if (labels.length !== found.length) {
    throw new FoveaError({
      code: 'argument',
      op: OP,
      message: `${labels.length} labels for ${found.length} pictures.`,
      got: labels.length,
      want: found.length,
      hint: 'Give one label per picture in the order of sorted paths, or labels: "inferred".',
    });
  }
  return found.map(({ path }, i) => ({ path, label: labels[i] as number }));
}

// Mixed before it is cut, by the seed alone: the two subsets share no picture and together are everything.
function choosePart(all: readonly Found[], options: ImageFolderOptions): readonly Found[] {
  if (options.validationSplit === undefined) return all;
  const order = permutation(all.length, keyFromSeed(options.seed ?? 0), 0);
  const validation = Math.floor(options.validationSplit * all.length);
  const indices =
    options.subset === 'validation' ? order.slice(all.length - validation) : order.slice(0, all.length - validation);
  return Array.from(indices, (at) => all[at] as Found);
}

function encodeLabel(label: number, classes: number, options: ImageFolderOptions): HostArray | undefined {
  if (options.labels === 'none') return undefined;
  if (options.labelMode === 'categorical') {
    const data = new Float32Array(classes);
    data[label] = 1;
    return { data, shape: [classes], dtype: 'float32' };
  }
  if (options.labelMode === 'binary') return { data: Float32Array.of(label), shape: [1], dtype: 'float32' };
  return { data: Int32Array.of(label), shape: [], dtype: 'int32' };
}
