// The names of ImageNet's thousand classes, from the file that Keras publishes: found in the data folder or the cache, or
// fetched with its checksum.
import { FoveaError } from '../core/errors.js';
import { readFileBytes } from '../core/node-files.js';
import { findLocal, type LoadOptions, loadFile, type RemoteDataset } from './dataset-files.js';

/** The classes of ImageNet's 2012 challenge in the order of their numbers. */
export interface ImagenetClasses {
  /** Such as `tench`. */
  readonly names: readonly string[];
  /** WordNet's, such as `n01440764`. */
  readonly ids: readonly string[];
}

const COUNT = 1000;
const FILE = { name: 'imagenet_class_index.json', md5: 'c2c37ea517e94d9795004a39431a14cb' };
const PUBLISHED: RemoteDataset = {
  op: 'imagenetClasses',
  folder: 'imagenet-weights',
  baseUrls: ['https://storage.googleapis.com/download.tensorflow.org/data/'],
  fileNames: [FILE.name],
};
/** A table of index, id and name that stands beside sample pictures. */
const TABLE: RemoteDataset = { ...PUBLISHED, folder: 'imagenet-samples', fileNames: ['classes_1000.tsv'] };

let known: Promise<ImagenetClasses> | undefined;

/**
 * Names and ids of ImageNet's classes, of which several words of a name are parted by spaces. Looked for in `imagenet-samples` and
 * `imagenet-weights` of FOVEA_DATA and the cache, else fetched from Keras's address. Throws `network` with a remedy.
 */
export async function imagenetClasses(options: LoadOptions = {}): Promise<ImagenetClasses> {
  if (Object.keys(options).some((name) => name !== 'onProgress' && name !== 'signal')) return readClasses(options);
  known ??= readClasses(options);
  try {
    return await known;
  } catch (error) {
    // The next call may find the connection mended.
    known = undefined;
    throw error;
  }
}

async function readClasses(options: LoadOptions): Promise<ImagenetClasses> {
  const table = await findLocal(TABLE, TABLE.fileNames, options);
  if (table !== undefined) return readTable(await readFileBytes(table, TABLE.op), table);
  const { bytes, path } = await loadFile(PUBLISHED, FILE, options);
  return readIndex(bytes, path);
}

function readTable(bytes: Uint8Array, path: string): ImagenetClasses {
  const rows = new TextDecoder().decode(bytes).trim().split(/\r?\n/);
  const cells = rows.map((row) => row.split('\t'));
  const isWhole = cells.every(([index, id, name], row) => Number(index) === row && Boolean(id) && Boolean(name));
  if (cells.length !== COUNT || !isWhole) throw unreadable(path, `${COUNT} lines of index, id and name`);
  return { ids: cells.map(([, id]) => id as string), names: cells.map(([, , name]) => spaced(name as string)) };
}

function readIndex(bytes: Uint8Array, path: string): ImagenetClasses {
  const want = `an object of ${COUNT} pairs of id and name`;
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw unreadable(path, want, error);
  }
  const pairs = Array.from({ length: COUNT }, (_, i) => (index as Record<string, unknown> | null)?.[i]);
  const isWhole = pairs.every(
    (pair): pair is [string, string] =>
      Array.isArray(pair) && pair.length === 2 && pair.every((each) => typeof each === 'string'),
  );
  if (!isWhole) throw unreadable(path, want);
  const found = pairs as [string, string][];
  return { ids: found.map(([id]) => id), names: found.map(([, name]) => spaced(name)) };
}

const spaced = (name: string): string => name.replaceAll('_', ' ');

function unreadable(path: string, want: string, cause?: unknown): FoveaError {
  return new FoveaError({
    code: 'data',
    op: 'imagenetClasses',
    message: `${path} does not hold ${want}.`,
    path,
    want,
    hint: 'Remove the file: it is then fetched anew.',
    cause,
  });
}
