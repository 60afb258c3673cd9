// The loaders `datasets.mnist()`, `datasets.fashionMnist()`, `datasets.cifar10()` and `datasets.strokes()`; flowers.ts has one more.
// Pictures come as uint8 `[n, height, width, channels]`, labels as int32 `[n]`.
import { FoveaError } from '../core/errors.js';
import { nodeModule, readFileBytes } from '../core/node-files.js';
import { damagedFile, gunzip, isGzip, readTar } from './archive.js';
import { ArrayDataset, concatDatasets, selectSplit } from './array-dataset.js';
import { type LoadOptions, loadFile, localFolders, type RemoteDataset, type RemoteFile } from './dataset-files.js';
import { readIdx } from './idx.js';
import { parseSplit } from './split.js';
import { makeStrokes, type StrokesOptions } from './strokes.js';

export { type FlowerOptions, type Flowers, tfFlowers } from './flowers.js';

/** The two parts of a dataset. */
export interface TrainTest {
  readonly train: ArrayDataset;
  readonly test: ArrayDataset;
}

type Part = keyof TrainTest;
type LoadPart = (part: Part) => Promise<ArrayDataset>;

const PARTS: readonly Part[] = ['train', 'test'];

// Loads only the parts that the split expression names.
async function loadSplit(load: LoadPart, split: string): Promise<ArrayDataset> {
  const names = new Set(parseSplit(split, PARTS).map((term) => term.name as Part));
  const parts: Partial<Record<Part, ArrayDataset>> = {};
  for (const part of PARTS) {
    if (names.has(part)) parts[part] = await load(part);
  }
  return selectSplit(parts, split);
}

async function loadParts(load: LoadPart, split: string | undefined): Promise<ArrayDataset | TrainTest> {
  if (split !== undefined) return loadSplit(load, split);
  return { train: await load('train'), test: await load('test') };
}

// ---- MNIST and Fashion-MNIST

const IDX_NAMES = [
  'train-images-idx3-ubyte.gz',
  'train-labels-idx1-ubyte.gz',
  't10k-images-idx3-ubyte.gz',
  't10k-labels-idx1-ubyte.gz',
];

interface IdxDataset extends RemoteDataset {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly files: Readonly<Record<Part, { readonly images: RemoteFile; readonly labels: RemoteFile }>>;
}

const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const MNIST: IdxDataset = {
  op: 'datasets.mnist',
  name: 'mnist',
  folder: 'mnist',
  fileNames: IDX_NAMES,
  baseUrls: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
  classNames: DIGITS,
  files: {
    train: {
      images: {
        name: 'train-images-idx3-ubyte.gz',
        md5: 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
        contentMd5: '6bbc9ace898e44ae57da46a324031adb',
      },
      labels: {
        name: 'train-labels-idx1-ubyte.gz',
        md5: 'd53e105ee54ea40749a09fcbcd1e9432',
        contentMd5: 'a25bea736e30d166cdddb491f175f624',
      },
    },
    test: {
      images: {
        name: 't10k-images-idx3-ubyte.gz',
        md5: '9fb629c4189551a2d022fa330f9573f3',
        contentMd5: '2646ac647ad5339dbf082846283269ea',
      },
      labels: {
        name: 't10k-labels-idx1-ubyte.gz',
        md5: 'ec29112dd5afa0611ce80d1b7f02629c',
        contentMd5: '27ae3e4e09519cfbb04c329615203637',
      },
    },
  },
};

const FASHION_MNIST: IdxDataset = {
  op: 'datasets.fashionMnist',
  name: 'fashion-mnist',
  folder: 'fashion-mnist',
  fileNames: IDX_NAMES,
  baseUrls: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
  classNames: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  files: {
    train: {
      images: {
        name: 'train-images-idx3-ubyte.gz',
        md5: '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
        contentMd5: 'f4a8712d7a061bf5bd6d2ca38dc4d50a',
      },
      labels: {
        name: 'train-labels-idx1-ubyte.gz',
        md5: '25c81989df183df01b3e8a0aad5dffbe',
        contentMd5: '9018921c3c673c538a1fc5bad174d6f9',
      },
    },
    test: {
      images: {
        name: 't10k-images-idx3-ubyte.gz',
        md5: 'bef4ecab320f06d8554ea6380940ec79',
        contentMd5: '8181f5470baa50b63fa0f6fddb340f0a',
      },
      labels: {
        name: 't10k-labels-idx1-ubyte.gz',
        md5: 'bb300cfdad3c16e7a12a480ee83cd310',
        contentMd5: '15d484375f8d13e6eb1aabb0c3f46965',
      },
    },
  },
};

async function loadIdxPart(dataset: IdxDataset, part: Part, options: LoadOptions): Promise<ArrayDataset> {
  const { images, labels } = dataset.files[part];
  const imageFile = await loadFile(dataset, images, options);
  const labelFile = await loadFile(dataset, labels, options);
  const x = readIdx(imageFile.bytes, imageFile.path, dataset.op);
  const y = readIdx(labelFile.bytes, labelFile.path, dataset.op);
  const [count, height, width] = x.shape;
  if (x.shape.length !== 3 || count === undefined || height === undefined || width === undefined) {
    throw damagedFile(dataset.op, imageFile.path, 3, `it holds an array of rank ${x.shape.length}, not pictures`);
  }
  if (y.shape.length !== 1 || y.shape[0] !== count) {
    throw damagedFile(dataset.op, labelFile.path, 4, `it has [${y.shape}] labels for ${count} pictures`);
  }
  checkLabels(y.data, dataset, labelFile.path, 8, 1);
  return new ArrayDataset({
    name: dataset.name,
    classNames: dataset.classNames,
    source: imageFile.path,
    x: { data: x.data, shape: [count, height, width, 1], dtype: 'uint8' },
    y: { data: Int32Array.from(y.data), shape: [count], dtype: 'int32' },
  });
}

// Label k lies at byte `start + k * step` of the unpacked file.
function checkLabels(
  labels: ArrayLike<number>,
  dataset: { op: string; classNames: readonly string[] },
  path: string,
  start: number,
  step: number,
): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (label >= dataset.classNames.length) {
      throw damagedFile(
        dataset.op,
        path,
        start + i * step,
        `label ${i} is ${label}, beyond the ${dataset.classNames.length} classes`,
      );
    }
  }
}

/** Loads MNIST's digits: 60,000 and 10,000 pictures, x uint8 `[n,28,28,1]`, y int32 `[n]`. */
export function mnist(options: LoadOptions & { split: string }): Promise<ArrayDataset>;
export function mnist(options?: LoadOptions & { split?: undefined }): Promise<TrainTest>;
export function mnist(options: LoadOptions & { split?: string | undefined } = {}): Promise<ArrayDataset | TrainTest> {
  return loadParts((part) => loadIdxPart(MNIST, part, options), options.split);
}

/** Loads Fashion-MNIST: 60,000 and 10,000 pictures of clothing, x uint8 `[n,28,28,1]`, y int32 `[n]`. */
export function fashionMnist(options: LoadOptions & { split: string }): Promise<ArrayDataset>;
export function fashionMnist(options?: LoadOptions & { split?: undefined }): Promise<TrainTest>;
export function fashionMnist(
  options: LoadOptions & { split?: string | undefined } = {},
): Promise<ArrayDataset | TrainTest> {
  return loadParts((part) => loadIdxPart(FASHION_MNIST, part, options), options.split);
}

// ---- CIFAR-10

const CIFAR10 = {
  op: 'datasets.cifar10',
  folder: 'cifar10',
  fileNames: ['cifar-10-binary.tar.gz'],
  baseUrls: ['https://www.cs.toronto.edu/~kriz/'],
  classNames: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  archive: { name: 'cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530' },
  full: { train: 50_000, test: 10_000 },
} as const;

const CIFAR_SIDE = 32;
const CIFAR_PLANE = CIFAR_SIDE * CIFAR_SIDE;
const CIFAR_RECORD = 1 + 3 * CIFAR_PLANE;

/**
 * Loads CIFAR-10: 50,000 and 10,000 colour pictures, x uint8 `[n,32,32,3]`, y int32 `[n]`.
 * A local folder may hold the official archive, its `.bin` files, or a part of them as `train*.bin.gz` and
 * `test*.bin.gz`; what is missing from the full set is then said in `note`.
 */
export function cifar10(options: LoadOptions & { split: string }): Promise<ArrayDataset>;
export function cifar10(options?: LoadOptions & { split?: undefined }): Promise<TrainTest>;
export function cifar10(options: LoadOptions & { split?: string | undefined } = {}): Promise<ArrayDataset | TrainTest> {
  let archive: ReturnType<typeof loadFile> | undefined;
  return loadParts(async (part) => {
    const local = await localCifarRecords(part, options);
    if (local !== undefined) return readCifar(local, part);
    // One archive holds both parts: fetch and unpack it once.
    archive ??= loadFile(CIFAR10, CIFAR10.archive, options);
    const { bytes, path } = await archive;
    const entries = readTar(bytes, path, CIFAR10.op)
      .filter((entry) => isCifarName(entry.name.split('/').pop() ?? '', part))
      .map((entry) => ({ bytes: entry.bytes, path: `${path}/${entry.name}` }));
    if (entries.length === 0) throw damagedFile(CIFAR10.op, path, bytes.length, `it has no ${part} batches inside`);
    return readCifar(entries, part);
  }, options.split);
}

function isCifarName(name: string, part: Part): boolean {
  return part === 'train' ? /^(data_batch_\d+|train.*)\.bin(\.gz)?$/.test(name) : /^test.*\.bin(\.gz)?$/.test(name);
}

async function localCifarRecords(
  part: Part,
  options: LoadOptions,
): Promise<{ bytes: Uint8Array; path: string }[] | undefined> {
  const folders = await localFolders(CIFAR10, options);
  if (folders.length === 0) return undefined;
  const fs = await nodeModule('node:fs/promises', CIFAR10.op);
  const { join } = await nodeModule('node:path', CIFAR10.op);
  for (const folder of folders.flatMap((each) => [each, join(each, 'cifar-10-batches-bin')])) {
    const names = (await fs.readdir(folder).catch(() => [])).filter((name) => isCifarName(name, part)).sort();
    if (names.length === 0) continue;
    return Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        return { bytes: await gunzip(await readFileBytes(path, CIFAR10.op), path, CIFAR10.op), path };
      }),
    );
  }
  return undefined;
}

function readCifar(files: readonly { bytes: Uint8Array; path: string }[], part: Part): ArrayDataset {
  const whole = concatDatasets(files.map(({ bytes, path }) => readCifarRecords(bytes, path)));
  const full = CIFAR10.full[part];
  const note =
    whole.length < full
      ? `${whole.length.toLocaleString('en')} of the ${full.toLocaleString('en')} ${part} pictures were there.`
      : undefined;
  return new ArrayDataset({ ...whole, note });
}

function readCifarRecords(bytes: Uint8Array, path: string): ArrayDataset {
  const count = Math.floor(bytes.length / CIFAR_RECORD);
  if (bytes.length % CIFAR_RECORD !== 0 || count === 0 || isGzip(bytes)) {
    const rest = bytes.length - count * CIFAR_RECORD;
    throw damagedFile(
      CIFAR10.op,
      path,
      count * CIFAR_RECORD,
      `a record has ${CIFAR_RECORD} bytes, but ${rest} are left`,
    );
  }
  const x = new Uint8Array(count * 3 * CIFAR_PLANE);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const record = i * CIFAR_RECORD;
    y[i] = bytes[record] as number;
    // The file keeps the three colour planes apart; here colours lie together.
    for (let channel = 0; channel < 3; channel++) {
      const plane = record + 1 + channel * CIFAR_PLANE;
      for (let p = 0; p < CIFAR_PLANE; p++) x[3 * (i * CIFAR_PLANE + p) + channel] = bytes[plane + p] as number;
    }
  }
  checkLabels(y, CIFAR10, path, 0, CIFAR_RECORD);
  return new ArrayDataset({
    name: 'cifar10',
    classNames: CIFAR10.classNames,
    source: path,
    x: { data: x, shape: [count, CIFAR_SIDE, CIFAR_SIDE, 3], dtype: 'uint8' },
    y: { data: y, shape: [count], dtype: 'int32' },
  });
}

// ---- generated

/**
 * Draws the generated picture set: ten pen shapes, x uint8 `[n,28,28,1]`, y int32 `[n]`; needs no download.
 * The same seed gives the same pictures everywhere.
 */
export function strokes(options: StrokesOptions & { split: string }): Promise<ArrayDataset>;
export function strokes(options?: StrokesOptions & { split?: undefined }): Promise<TrainTest>;
export async function strokes(
  options: StrokesOptions & { split?: string | undefined } = {},
): Promise<ArrayDataset | TrainTest> {
  const { split } = options;
  const parts = makeStrokes(options);
  return split === undefined ? parts : selectSplit({ ...parts }, split);
}

/** The loaders by the name the command line uses. */
export const loaders: Readonly<Record<string, (options?: LoadOptions) => Promise<TrainTest>>> = {
  mnist: (options) => mnist({ ...options }),
  'fashion-mnist': (options) => fashionMnist({ ...options }),
  cifar10: (options) => cifar10({ ...options }),
  strokes: () => strokes(),
};

/** Loads a dataset by name; throws `argument` listing the names there are. */
export function byName(name: string, options?: LoadOptions): Promise<TrainTest> {
  const load = loaders[name];
  if (load !== undefined) return load(options);
  throw new FoveaError({
    code: 'argument',
    op: 'datasets',
    message: `there is no dataset '${name}'.`,
    got: name,
    want: Object.keys(loaders),
    hint: `Use one of ${Object.keys(loaders).join(', ')}, or the path of a folder of pictures.`,
  });
}
