// Loading a model, or weights into one, from any kind of file that is known: told by content, each kind's reader loaded when
// such a file comes. A reader is a file of this folder that exports `reader`, and its line in READERS.
import { FoveaError } from '../core/errors.js';
import { FILE_KINDS, type FileKind, kindOf } from '../formats/kinds.js';
import type { TrainableModel } from '../nn/model.js';
import type { LoadOptions as KerasOptions } from '../nn/saving.js';
import { readSource, type Source, type SourceOptions } from './source.js';

/** How a model is loaded. */
export interface LoadOptions extends KerasOptions {
  /** For a model given as bytes: the files that it names, by the path under which it names them. */
  files?: Readonly<Record<string, Uint8Array>>;
  /** Sizes of the input without the batch, for files that leave them open, as Caffe's of training do. */
  inputShape?: readonly number[];
  /**
   * For ONNX files, whose pictures have the channels first: `channelsLast` makes a model that takes [n,h,w,c], as all that
   * works on pictures here gives them. Default `channelsFirst`, as the file says.
   */
  inputLayout?: 'channelsFirst' | 'channelsLast';
}

/** How weights are loaded into a model. */
export interface LoadWeightsOptions extends SourceOptions {
  /** Load what fits and leave the rest as it is. */
  skipMismatch?: boolean;
  /** Go by the layers' names and not by their order; layers that the file does not know keep their weights. */
  byName?: boolean;
}

/** What reads one kind of files. */
export interface Reader {
  /** Makes the model; left out where such a file holds weights alone. */
  readonly load?: (source: Source, options: LoadOptions) => Promise<TrainableModel>;
  /** Puts the file's weights into a model; left out where that cannot be. */
  readonly loadWeights?: (model: TrainableModel, source: Source, options: LoadWeightsOptions) => Promise<void>;
}

const keras = async (): Promise<Reader> => (await import('./keras.js')).reader;
const safetensors = async (): Promise<Reader> => (await import('./safetensors.js')).reader;
const torch = async (): Promise<Reader> => (await import('./torch/reader.js')).reader;
const caffe = async (): Promise<Reader> => (await import('./caffe/reader.js')).reader;
const darknet = async (): Promise<Reader> => (await import('./darknet/reader.js')).reader;
const onnx = async (): Promise<Reader> => (await import('./onnx/reader.js')).reader;
const tfjs = async (): Promise<Reader> => (await import('./tfjs/read.js')).reader;

/** The readers by kind. */
const READERS: Readonly<Partial<Record<FileKind, () => Promise<Reader>>>> = {
  keras,
  'keras-h5': keras,
  'keras-h5-weights': keras,
  'keras-weights': keras,
  // A damaged one, or another's: the reader says which.
  hdf5: keras,
  onnx,
  safetensors,
  torch,
  'torch-legacy': torch,
  caffe,
  'caffe-text': caffe,
  'darknet-config': darknet,
  'darknet-weights': darknet,
  'tfjs-layers': tfjs,
  'tfjs-graph': tfjs,
  'tfjs-weights': tfjs,
};

/** What to do with files that are known but not read. */
const REMEDIES: Readonly<Partial<Record<FileKind, string>>> = {
  'keras-config': 'It has no weights. Load the .keras or .h5 file of the model.',
  'torch-script': 'Export the model to ONNX, or save its state_dict.',
  tensorflow: 'Convert it to ONNX (tf2onnx) or to a TensorFlow.js graph model.',
  tflite: 'Convert the model that it was made from to ONNX.',
  numpy: 'Put the arrays into a model in code: model.setWeights(arrays).',
  gzip: 'Unpack it first.',
  zip: 'Unpack it first, and give the model inside.',
  html: 'The address it came from answered with a web page; download the file itself.',
  picture: 'Give the model first and the picture to model.predict.',
  empty: 'Download or copy the file again.',
};

/** Endings whose reader explains best what is wrong with a file that is of no known kind. */
const ENDINGS: readonly (readonly [ending: string, kind: FileKind])[] = [
  ['.keras', 'keras'],
  ['.h5', 'keras-h5'],
  ['.hdf5', 'keras-h5'],
  ['model.json', 'tfjs-layers'],
  ['.safetensors', 'safetensors'],
  ['.onnx', 'onnx'],
];

/**
 * Loads a model of any kind that is read, told by the file's content: Keras's `.keras` and `.h5`, TensorFlow.js's
 * model.json and others (docs/formats.md lists them). From a path, an address, or bytes. Code in a file is never run.
 * Throws `format` for a damaged file, `unsupported` for what a model here cannot express, saying what to do.
 *
 * @example
 * const model = await models.load('fashion.keras');
 */
export async function load(source: string | URL | Uint8Array, options: LoadOptions = {}): Promise<TrainableModel> {
  const read = await readSource(await entryOf(source), options, 'load');
  const kind = kindOf(read.bytes);
  const reader = await readerOf(kind, read, 'load');
  if (reader.load !== undefined) return reader.load(read, options);
  throw new FoveaError({
    code: 'format',
    op: 'load',
    message: `${read.file} holds ${FILE_KINDS[kind]}: weights without a model.`,
    path: read.file,
    got: kind,
    hint: 'Build the model in code, or with zoo.create, and load the weights into it: await model.loadWeights(path).',
  });
}

/** Loads weights into a model from any kind of file that holds some. Throws one `format` error listing all that does not fit. */
export async function loadWeights(
  model: TrainableModel,
  source: string | URL | Uint8Array,
  options: LoadWeightsOptions = {},
): Promise<void> {
  const read = await readSource(await entryOf(source), options, 'loadWeights');
  const kind = kindOf(read.bytes);
  const reader = await readerOf(kind, read, 'loadWeights');
  if (reader.loadWeights !== undefined) return reader.loadWeights(model, read, options);
  throw new FoveaError({
    code: 'unsupported',
    op: 'loadWeights',
    message: `${read.file} is ${FILE_KINDS[kind]}, whose weights have no names of layers.`,
    path: read.file,
    got: kind,
    hint: 'Load it as a model: models.load(path).',
  });
}

/** A folder stands for the model in it. */
async function entryOf(source: string | URL | Uint8Array): Promise<string | URL | Uint8Array> {
  if (typeof source !== 'string' || /^https?:\/\//.test(source)) return source;
  const { isNode, nodeModule } = await import('../core/node-files.js');
  if (!isNode()) return source;
  const fs = await nodeModule('node:fs/promises', 'load');
  const { join } = await nodeModule('node:path', 'load');
  const isFolder = async (path: string): Promise<boolean> =>
    (await fs.stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!(await isFolder(source))) return source;
  const names = await fs.readdir(source).catch((): string[] => []);
  const found = ['model.json', 'model.keras'].find((name) => names.includes(name));
  return found === undefined ? source : join(source, found);
}

async function readerOf(kind: FileKind, { bytes, file }: Source, op: string): Promise<Reader> {
  const known = READERS[kind];
  if (known !== undefined) return known();
  const isVague = ['text', 'unknown', 'empty', 'json', 'zip', 'html'].includes(kind);
  const ending = isVague ? ENDINGS.find(([end]) => file.toLowerCase().endsWith(end))?.[1] : undefined;
  const reader = ending === undefined ? undefined : READERS[ending];
  if (reader !== undefined) return reader();
  throw new FoveaError({
    code: isVague ? 'format' : 'unsupported',
    op,
    message: `${file} is ${FILE_KINDS[kind]}${bytes.length === 0 ? '' : ` (${bytes.length} bytes)`}, which ${isVague ? 'is no model' : 'is not read'}.`,
    path: file,
    got: kind,
    hint: REMEDIES[kind] ?? 'docs/formats.md lists the files that are read.',
  });
}
