// Legacy Keras files, `.h5` of whole models and the official applications' weights: weights lie in one group per
// layer, in the order that the attributes `layer_names` and `weight_names` give.
import { formatError } from './cursor.js';
import {
  findDataset,
  type Hdf5Attribute,
  type Hdf5Group,
  hdf5Group,
  type MutableHdf5Group,
  readHdf5,
  writeHdf5,
} from './hdf5.js';
import { isRecord, type JsonRecord, kerasText } from './keras-object.js';
import type { StoredArray } from './stored.js';

const TRAINING = 'fovea_training';
const MOST_NAMES = 4000;

/** A weight with the name that its file gives it: `block1_conv1/kernel:0`. */
export interface NamedArray {
  readonly name: string;
  readonly array: StoredArray;
}

/** A layer's weights in the order of its `weights`. */
export interface LegacyLayer {
  readonly name: string;
  readonly weights: readonly NamedArray[];
}

/** A legacy `.h5` file, taken apart; the configs are null in a file of weights alone. */
export interface LegacyFile {
  readonly config: JsonRecord | null;
  readonly trainingConfig: JsonRecord | null;
  readonly kerasVersion: string | null;
  readonly backend: string | null;
  readonly layers: readonly LegacyLayer[];
  /** Weights that the model itself owns, in no layer. */
  readonly topLevel: readonly NamedArray[];
  /** The optimizer's variables: iteration, learning rate, then the slots; null where none were saved. */
  readonly optimizerWeights: readonly NamedArray[] | null;
  /** fovea's own entry, which Keras does not look at: the state of training, and `model.metadata`. */
  readonly training?: unknown;
}

/** How `readLegacyH5` treats a file. */
export interface LegacyOptions {
  /** Throw where there is no `model_config`: weights without a model. */
  readonly needsModel?: boolean;
}

/** Reads a legacy `.h5` file, a whole model or weights alone. Throws `format` for a damaged one. */
export function readLegacyH5(bytes: Uint8Array, name: string, { needsModel = false }: LegacyOptions = {}): LegacyFile {
  const root = readHdf5(bytes, name);
  const config = readJson(root, 'model_config', name);
  if (needsModel && config === null) {
    throw formatError(name, 'the file has no model_config: it holds weights without a model.', {
      hint: 'Build the model in code and load the weights into it.',
    });
  }
  const weights = root.groups.get('model_weights') ?? root;
  const top = weights.groups.get('top_level_model_weights');
  const optimizer = root.groups.get('optimizer_weights');
  const training = readJson(root, TRAINING, name);
  return {
    config,
    trainingConfig: readJson(root, 'training_config', name),
    kerasVersion: text(root, 'keras_version') ?? text(weights, 'keras_version'),
    backend: text(root, 'backend') ?? text(weights, 'backend'),
    layers: readLayers(weights, name),
    topLevel: top === undefined ? [] : readNamed(top, name, 'top_level_model_weights'),
    optimizerWeights: optimizer === undefined ? null : readNamed(optimizer, name, 'optimizer_weights'),
    ...(training === null ? {} : { training }),
  };
}

/** What `writeLegacyH5` writes. */
export type LegacyContent = Omit<LegacyFile, 'kerasVersion' | 'backend'> & { readonly kerasVersion: string };

/** Writes a legacy `.h5` file that Python's Keras opens: a whole model, or its weights where there is no config. */
export function writeLegacyH5(content: LegacyContent): Uint8Array {
  const { config, trainingConfig, layers, topLevel, optimizerWeights, training, kerasVersion } = content;
  const root = hdf5Group();
  const weights = config === null ? root : groupAt(root, 'model_weights');
  for (const group of new Set([root, weights])) {
    group.attributes.set('backend', 'tensorflow');
    group.attributes.set('keras_version', kerasVersion);
  }
  if (config !== null) root.attributes.set('model_config', kerasText(config));
  if (trainingConfig !== null) root.attributes.set('training_config', kerasText(trainingConfig));
  if (training !== undefined) root.attributes.set(TRAINING, JSON.stringify(training));
  putNames(
    weights,
    'layer_names',
    layers.map(({ name }) => name),
  );
  for (const { name, weights: own } of layers) putNamed(groupAt(weights, name), own);
  putNamed(groupAt(weights, 'top_level_model_weights'), topLevel);
  if (optimizerWeights !== null) putNamed(groupAt(root, 'optimizer_weights'), optimizerWeights);
  return writeHdf5(root);
}

function putNamed(group: MutableHdf5Group, arrays: readonly NamedArray[]): void {
  putNames(
    group,
    'weight_names',
    arrays.map(({ name }) => name),
  );
  for (const { name, array } of arrays) {
    const slash = name.lastIndexOf('/');
    const dataset = { shape: array.shape, dtype: array.dtype, data: () => array.data(), attributes: new Map() };
    groupAt(group, name.slice(0, Math.max(0, slash))).datasets.set(name.slice(slash + 1), dataset);
  }
}

/** Names as an attribute, or as several where they are too many for one: each takes 16 of its 64 KiB. */
function putNames({ attributes }: MutableHdf5Group, attribute: string, names: readonly string[]): void {
  if (names.length <= MOST_NAMES) attributes.set(attribute, names);
  else
    for (let i = 0; i * MOST_NAMES < names.length; i++)
      attributes.set(`${attribute}${i}`, names.slice(i * MOST_NAMES, (i + 1) * MOST_NAMES));
}

function groupAt(root: MutableHdf5Group, path: string): MutableHdf5Group {
  let group = root;
  for (const part of path.split('/')) {
    if (part === '') continue;
    const next = group.groups.get(part) ?? hdf5Group();
    group.groups.set(part, next);
    group = next;
  }
  return group;
}

function readLayers(group: Hdf5Group, file: string): LegacyLayer[] {
  const names = namesIn(group, 'layer_names');
  if (names === undefined) {
    throw formatError(file, 'the file has no layer_names: it is not a legacy Keras file.', {
      hint: 'Files in the layout of Keras 3 are called .weights.h5.',
    });
  }
  return names.map((name) => {
    const layer = group.groups.get(name);
    if (layer === undefined) throw formatError(file, `the layer '${name}' is listed but not stored.`, { place: name });
    return { name, weights: readNamed(layer, file, name) };
  });
}

function readNamed(group: Hdf5Group, file: string, place: string): NamedArray[] {
  return (namesIn(group, 'weight_names') ?? []).map((name) => {
    const array = findDataset(group, name);
    if (array === undefined) throw formatError(file, `the weight '${name}' is listed but not stored.`, { place });
    return { name, array };
  });
}

/** A list of names; Keras splits one that is too long for HDF5 over `<attribute>0`, `<attribute>1`, ... */
function namesIn({ attributes }: Hdf5Group, attribute: string): string[] | undefined {
  const whole = attributes.get(attribute);
  if (whole !== undefined) return asNames(whole);
  const out: string[] = [];
  let isFound = false;
  for (let i = 0; ; i++) {
    const part = attributes.get(`${attribute}${i}`);
    if (part === undefined) return isFound ? out : undefined;
    isFound = true;
    out.push(...asNames(part));
  }
}

function asNames(value: Hdf5Attribute): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function text({ attributes }: Hdf5Group, name: string): string | null {
  const value = attributes.get(name);
  return typeof value === 'string' ? value : null;
}

function readJson(group: Hdf5Group, attribute: string, file: string): JsonRecord | null {
  const value = text(group, attribute);
  if (value === null) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (cause) {
    throw formatError(file, `the attribute ${attribute} is not valid JSON.`, { place: attribute, cause });
  }
  if (!isRecord(parsed))
    throw formatError(file, `the attribute ${attribute} is not a JSON object.`, { place: attribute });
  return parsed;
}
