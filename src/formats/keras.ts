// Keras 3's files: `.keras` archives and `.weights.h5`. They work on bytes and on a neutral description of a model;
// binding to layers happens in nn. See keras-paths (where variables lie), keras-config (architecture), keras-legacy.
import { encodeText, formatError } from './cursor.js';
import { readHdf5, writeHdf5 } from './hdf5.js';
import { kerasText } from './keras-object.js';
import { type WeightTree, weightTreeFromHdf5, weightTreeToHdf5 } from './keras-paths.js';
import type { StoredArray } from './stored.js';
import { writeZip, type ZipEntry, ZipReader } from './zip.js';

/** A `.keras` file, taken apart. */
export interface KerasArchive {
  readonly metadata: KerasMetadata;
  /** The model as a serialized Keras object, with `compile_config` where it was compiled. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The model's weights; the optimizer's are in `optimizer`. */
  readonly weights: WeightTree;
  /** The optimizer's variables in its order: iteration, learning rate, then the slots. */
  readonly optimizer?: readonly StoredArray[];
  /** The optimizer's name, `adam`. */
  readonly optimizerName?: string;
  /** What exact resuming needs beyond Keras's own state: any JSON. */
  readonly training?: unknown;
  /** Bytes that belong to `training`. */
  readonly trainingBytes?: Uint8Array;
}

export interface KerasMetadata {
  readonly keras_version: string;
  /** `2025-01-31@23:59:59`. */
  readonly date_saved: string;
  readonly [key: string]: unknown;
}

const METADATA = 'metadata.json';
const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';
// Python's Keras ignores entries that it does not know.
const TRAINING = 'fovea/training.json';
const TRAINING_BYTES = 'fovea/training.bin';
const OPTIMIZER = 'optimizer/vars/';

/** Reads a `.keras` archive. Throws `format`, naming the file and the entry, for anything damaged or missing. */
export function readKerasArchive(bytes: Uint8Array, name: string): KerasArchive {
  const zip = new ZipReader(bytes, name, 'a .keras model');
  const config = zip.readJson(CONFIG);
  if (!isRecord(config) || typeof config.class_name !== 'string' || !isRecord(config.config)) {
    throw formatError(name, `${CONFIG} does not describe a Keras model.`, { place: CONFIG });
  }
  const metadata = zip.has(METADATA) ? zip.readJson(METADATA) : {};
  const known: KerasMetadata = { keras_version: '', date_saved: '', ...(isRecord(metadata) ? metadata : {}) };
  const training = zip.has(TRAINING) ? { training: zip.readJson(TRAINING) } : {};
  const trainingBytes = zip.has(TRAINING_BYTES) ? { trainingBytes: zip.read(TRAINING_BYTES) } : {};
  const stored = readWeights(zip.read(WEIGHTS), `${name}/${WEIGHTS}`);
  return { metadata: known, config, ...stored, ...training, ...trainingBytes };
}

/** Writes a `.keras` archive that Python's Keras 3 opens. Throws `unsupported` from 4 GiB on. */
export function writeKerasArchive(archive: KerasArchive): Uint8Array {
  const entries: ZipEntry[] = [
    { name: METADATA, bytes: encodeText(JSON.stringify(archive.metadata)) },
    { name: CONFIG, bytes: encodeText(kerasText(archive.config)) },
    { name: WEIGHTS, bytes: writeWeights(archive) },
  ];
  if (archive.training !== undefined)
    entries.push({ name: TRAINING, bytes: encodeText(JSON.stringify(archive.training)) });
  if (archive.trainingBytes !== undefined) entries.push({ name: TRAINING_BYTES, bytes: archive.trainingBytes });
  return writeZip(entries, 'model.keras');
}

/** The parts of a `.weights.h5` file. */
export type KerasWeights = Pick<KerasArchive, 'weights' | 'optimizer' | 'optimizerName'>;

/** Reads a `.weights.h5` file in Keras 3's layout. Throws `format` for a damaged one. */
export function readWeights(bytes: Uint8Array, name: string): KerasWeights {
  const { arrays, names } = weightTreeFromHdf5(readHdf5(bytes, name));
  const optimizer: StoredArray[] = [];
  const own = new Map<string, StoredArray>();
  for (const [path, array] of arrays) {
    if (path.startsWith(OPTIMIZER)) optimizer[Number(path.slice(OPTIMIZER.length))] = array;
    else own.set(path, array);
  }
  const count = [...arrays.keys()].filter((path) => path.startsWith(OPTIMIZER)).length;
  if (optimizer.length !== count || optimizer.some((array) => array === undefined)) {
    throw formatError(name, 'the optimizer’s variables are not numbered from 0 without a gap.', { place: OPTIMIZER });
  }
  const optimizerName = names.get('optimizer');
  return {
    weights: { arrays: own, names: new Map([...names].filter(([group]) => group !== 'optimizer')) },
    ...(count === 0 && optimizerName === undefined ? {} : { optimizer }),
    ...(optimizerName === undefined ? {} : { optimizerName }),
  };
}

/** Writes a `.weights.h5` file in Keras 3's layout. */
export function writeWeights({ weights, optimizer, optimizerName }: KerasWeights): Uint8Array {
  const arrays = new Map(weights.arrays);
  const names = new Map(weights.names);
  optimizer?.forEach((array, i) => {
    arrays.set(`${OPTIMIZER}${i}`, array);
  });
  if (optimizer !== undefined) names.set('optimizer', optimizerName ?? 'optimizer');
  return writeHdf5(weightTreeToHdf5({ arrays, names }));
}

/** Now, as Keras dates its files. */
export function kerasDate(now: Date = new Date()): string {
  return now.toISOString().slice(0, 19).replace('T', '@');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
