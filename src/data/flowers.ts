// `datasets.tfFlowers()`: TensorFlow's flower photos, known as tf_flowers, in the parts that split expressions name. The
// pictures are found, not read: they have all sizes, and 3,670 of them are best streamed.
import { FoveaError } from '../core/errors.js';
import { fileError, isNode, makeFolders, nodeModule, syncFolder } from '../core/node-files.js';
import { keyFromSeed, permutation } from '../core/random.js';
import { damagedFile, readTar } from './archive.js';
import { type LoadOptions, loadFile, localFolders, type RemoteDataset } from './dataset-files.js';
import { imageDatasetFromDirectory } from './image-folder.js';
import { type Listed, makePictureList, type PictureList, type PictureListOptions } from './picture-list.js';
import { parseSplit, resolveTerm } from './split.js';

/** How the flowers are read. */
export interface FlowerOptions
  extends LoadOptions,
    Omit<PictureListOptions, 'validationSplit' | 'subset' | 'colorMode'> {
  /** `train` and slices of it, such as `train[:10%]`; a list gives a part for each. Default `train`. */
  split?: string | readonly string[];
}

/** A part of the flowers. */
export interface Flowers extends PictureList {
  /** The folder in which they are. */
  readonly source: string;
  /** Says so where other pictures stand in for the published ones. */
  readonly note: string | undefined;
}

/** As TFDS numbers them. */
const CLASS_NAMES = ['dandelion', 'daisy', 'tulips', 'sunflowers', 'roses'] as const;
const ARCHIVE = { name: 'flower_photos.tgz', md5: '6f87fb78e9cc9ab41eff2015b380011d' };
/** The folder inside the archive. */
const INSIDE = 'flower_photos';
const FLOWERS: RemoteDataset = {
  op: 'datasets.tfFlowers',
  folder: 'tf_flowers',
  fileNames: [ARCHIVE.name],
  baseUrls: [
    'https://storage.googleapis.com/download.tensorflow.org/example_images/',
    'http://download.tensorflow.org/example_images/',
  ],
};

/** Folders of FOVEA_DATA that may hold flowers, and the names of the classes there. */
const STAND_IN = { folder: 'flowers128', classNames: ['dandelion', 'daisy', 'tulip', 'sunflower', 'rose'] } as const;

/** Fixes the order in which parts are cut: the files come class by class. */
const ORDER_SEED = 3670;

interface Found {
  readonly folder: string;
  readonly classNames: readonly string[];
  readonly note?: string;
}

/**
 * TensorFlow's 3,670 photos of dandelions, daisies, tulips, sunflowers and roses. One part `train`, in a fixed mixed order, of
 * which `split` takes slices. Looks for `tf_flowers/flower_photos` or `flowers128` in FOVEA_DATA, then in the cache, then fetches
 * the official archive. Throws `network` where it cannot, saying what belongs where; `argument` for a split that cannot be read.
 *
 * The order is not the one in which TFDS stores its examples, so its slices hold other pictures.
 */
export async function tfFlowers(options: FlowerOptions & { split: readonly string[] }): Promise<Flowers[]>;
export async function tfFlowers(options?: FlowerOptions & { split?: string }): Promise<Flowers>;
export async function tfFlowers(options: FlowerOptions = {}): Promise<Flowers | Flowers[]> {
  const { split = 'train' } = options;
  const expressions = typeof split === 'string' ? [split] : split;
  const terms = expressions.map((expression) => parseSplit(expression, ['train']));
  const { folder, classNames, note } = await findFlowers(options);
  const all = await imageDatasetFromDirectory(folder, { classNames, batchSize: null, shuffle: false, imageSize: null });
  const listed = all.paths.map((path, i): Listed => ({ source: { kind: 'file', path }, label: all.labels[i] ?? 0 }));
  const mixed = Array.from(permutation(listed.length, keyFromSeed(ORDER_SEED), 0), (at) => listed[at] as Listed);
  const { shuffle = false, imageSize = 224 } = options;
  const parts = terms.map((each): Flowers => {
    const chosen = each.flatMap((term) => {
      const { start, end } = resolveTerm(term, mixed.length);
      return mixed.slice(start, end);
    });
    const list = makePictureList(folder, chosen, CLASS_NAMES, { ...options, shuffle, imageSize });
    return Object.assign(list, { source: folder, note });
  });
  return typeof split === 'string' ? (parts[0] as Flowers) : parts;
}

async function findFlowers(options: LoadOptions): Promise<Found> {
  if (!isNode()) {
    throw new FoveaError({
      code: 'unsupported',
      op: FLOWERS.op,
      message: 'the flowers are an archive of files; there is no file system here.',
      hint: 'Serve the pictures one by one, and read them by data.fromCsv.',
    });
  }
  const fs = await nodeModule('node:fs/promises', FLOWERS.op);
  const { dirname, join } = await nodeModule('node:path', FLOWERS.op);
  const isFolder = async (path: string): Promise<boolean> =>
    (await fs.stat(path).catch(() => undefined))?.isDirectory() === true;
  const folders = await localFolders(FLOWERS, options);
  const data = options.dataFolder ?? process.env.FOVEA_DATA;
  for (const folder of folders) {
    const unpacked = join(folder, INSIDE);
    if (await isFolder(unpacked)) return { folder: unpacked, classNames: CLASS_NAMES };
    // An archive in the data folder is worth more than what stands in for it.
    if (await fs.stat(join(folder, ARCHIVE.name)).catch(() => undefined)) break;
    const standIn = data ? join(data, STAND_IN.folder) : undefined;
    if (standIn !== undefined && dirname(folder) === data && (await isFolder(standIn))) {
      const note = `${STAND_IN.folder} of FOVEA_DATA stands in for tf_flowers: 128 by 128 pixels, other photos of the same five classes.`;
      return { folder: standIn, classNames: STAND_IN.classNames, note };
    }
  }
  const { bytes, path } = await loadFile(FLOWERS, ARCHIVE, options);
  // Beside the archive where it was downloaded; a data folder may be read-only.
  const target = join(folders.at(-1) as string, INSIDE);
  await unpack(bytes, path, target);
  return { folder: target, classNames: CLASS_NAMES };
}

/** Writes the pictures of the archive into a folder, which has its name only once all are there. */
async function unpack(bytes: Uint8Array, path: string, target: string): Promise<void> {
  const fs = await nodeModule('node:fs/promises', FLOWERS.op);
  const { dirname, join } = await nodeModule('node:path', FLOWERS.op);
  const pictures = readTar(bytes, path, FLOWERS.op).flatMap((entry) => {
    // Plain names in the folders of the classes: nothing leads elsewhere.
    const [, label, name] = /^(?:\.\/)?flower_photos\/(\w+)\/(\w[\w.-]*\.jpe?g)$/.exec(entry.name) ?? [];
    const isClass = CLASS_NAMES.some((each) => each === label);
    return isClass ? [{ label: label as string, name: name as string, bytes: entry.bytes }] : [];
  });
  if (CLASS_NAMES.some((label) => !pictures.some((each) => each.label === label))) {
    throw damagedFile(FLOWERS.op, path, bytes.length, 'it does not hold pictures of all five classes');
  }
  const part = `${target}.part-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  try {
    for (const label of CLASS_NAMES) await makeFolders(join(part, label));
    for (const each of pictures) await fs.writeFile(join(part, each.label, each.name), each.bytes);
    await fs.rename(part, target);
  } catch (error) {
    await fs.rm(part, { recursive: true, force: true });
    // Another process was faster.
    if ((await fs.stat(target).catch(() => undefined))?.isDirectory() !== true) {
      throw fileError(FLOWERS.op, part, 'written', error);
    }
  }
  await syncFolder(dirname(target));
}
