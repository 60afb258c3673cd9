// Legacy Keras files, `.h5` of whole models and the official applications' weights: weights lie in one group per
// layer, in the order that the attributes `layer_names` and `weight_names` give.
import { formatError } from './cursor.js';
import { findDataset, type Hdf5Attribute, type Hdf5Group, readHdf5 } from './hdf5.js';
import { isRecord, type JsonRecord } from './keras-object.js';
import type { StoredArray } from './stored.js';

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
  return {
    config,
    trainingConfig: readJson(root, 'training_config', name),
    kerasVersion: text(root, 'keras_version') ?? text(weights, 'keras_version'),
    backend: text(root, 'backend') ?? text(weights, 'backend'),
    layers: readLayers(weights, name),
    topLevel: top === undefined ? [] : readNamed(top, name, 'top_level_model_weights'),
    optimizerWeights: optimizer === undefined ? null : readNamed(optimizer, name, 'optimizer_weights'),
  };
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
