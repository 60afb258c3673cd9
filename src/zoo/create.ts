// Making a network of the zoo by its name, and finding names.
import { FoveaError } from '../core/errors.js';
import { loadFile } from '../data/dataset-files.js';
import { loadWeights } from '../interchange/models.js';
import { nearestName } from '../nn/keras-config.js';
import type { TrainableModel } from '../nn/model.js';

import { architectures, type PublishedWeights, type ZooEntry } from './entries.js';
import type { ZooOptions } from './options.js';

/** The folder of published weights under FOVEA_DATA and the cache folder. */
const FOLDER = 'imagenet-weights';

/** See `list`. */
export interface ListOptions {
  task?: ZooEntry['task'];
  /** Parameters at most, of the network as it comes by default. */
  maxParams?: number;
}

/** The entry of a name; `ResNet50`, `resnet-50` and `resnet50` are one. Throws `argument` for a name that is not there. */
export function entryOf(name: string, op = 'zoo.create', hint = 'zoo.list() gives all names.'): ZooEntry {
  const plain = (each: string): string => each.toLowerCase().replaceAll(/[-_ ]/g, '');
  const found = Object.entries(architectures).find(([each]) => plain(each) === plain(name));
  if (found !== undefined) return found[1];
  const names = Object.keys(architectures);
  const near = nearestName(name, names);
  throw new FoveaError({
    code: 'argument',
    op,
    message: `there is no architecture "${name}"${near === undefined ? '.' : `; did you mean "${near}"?`}`,
    lines: Object.entries(architectures).map(([each, { about }]) => `${each}: ${about}`),
    got: name,
    want: names,
    hint,
  });
}

/** The names of all networks that fit, the smallest first. */
export function list({ task, maxParams = Number.POSITIVE_INFINITY }: ListOptions = {}): string[] {
  return Object.entries(architectures)
    .filter(([, entry]) => (task === undefined || entry.task === task) && entry.parameters <= maxParams)
    .sort(([, a], [, b]) => a.parameters - b.parameters)
    .map(([name]) => name);
}

/**
 * A network by name, as Keras's applications make it: with `weights`, a promise of it.
 *
 * @example
 * const small = zoo.create('mobilenet', { alpha: 0.25, inputShape: [96, 96, 3], classes: 5 });
 */
export function create(name: string, options?: ZooOptions & { weights?: null }): TrainableModel;
export function create(name: string, options: ZooOptions): TrainableModel | Promise<TrainableModel>;
export function create(name: string, options: ZooOptions = {}): TrainableModel | Promise<TrainableModel> {
  const entry = entryOf(name);
  const { weights } = options;
  if (weights === 'imagenet') return withPublished(name, entry, options);
  const model = described(entry, options);
  if (weights !== undefined && weights !== null) return withFile(model, weights);
  model.pretrained = (download) => fetchInto(model, name, entry, { ...options, download });
  return model;
}

/** The network, with what is known of its pictures and classes. */
function described(entry: ZooEntry, options: ZooOptions): TrainableModel {
  const model = entry.make(options);
  const { size, preprocessing, labels, kept, resize } = entry;
  if (labels === undefined) return model;
  const { includeTop = true, classes = 1000, inputShape } = options;
  const [height, width] = inputShape ?? [];
  model.metadata = {
    preprocessing: {
      ...(preprocessing === 'unit' ? { mode: 'scale', factor: 1 / 255 } : { mode: preprocessing }),
      size: [height ?? size, width ?? size],
      fit: 'crop',
      ...(kept === undefined ? {} : { kept }),
      ...(resize === undefined ? {} : { resize }),
    },
    ...(includeTop && classes === 1000 ? { labels } : {}),
  };
  return model;
}

/** Published weights for a network that was made without any. */
async function fetchInto(model: TrainableModel, name: string, entry: ZooEntry, options: ZooOptions): Promise<void> {
  await putPublished(model, await publishedFile(name, entry, options));
  await entry.adapt?.(model);
}

async function withFile(model: TrainableModel, weights: string | Uint8Array, name?: string): Promise<TrainableModel> {
  await loadWeights(model, weights, name === undefined ? {} : { name });
  return model;
}

async function withPublished(name: string, entry: ZooEntry, options: ZooOptions): Promise<TrainableModel> {
  const file = await publishedFile(name, entry, options);
  const model = described(entry, options);
  await putPublished(model, file);
  return model;
}

/** Puts a published file into its network. Files of PyTorch may hold more than it has: its other heads. */
async function putPublished(model: TrainableModel, { bytes, path, rename }: PublishedBytes): Promise<void> {
  if (!path.endsWith('.pth')) {
    await loadWeights(model, bytes, { name: path });
    return;
  }
  const { readTorch } = await import('../formats/torch.js');
  const { namedWeights, putNamedWeights } = await import('../nn/named-weights.js');
  const wanted = new Set(namedWeights(model).map(({ key }) => key));
  const named = [...readTorch(bytes, path).tensors].map(([name, array]) => [rename?.(name) ?? name, array] as const);
  const tensors = new Map(named.filter(([name]) => wanted.has(name)));
  putNamedWeights(model, tensors, { file: path, skipMismatch: false });
}

interface PublishedBytes {
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly rename: PublishedWeights['rename'];
}

async function publishedFile(name: string, entry: ZooEntry, options: ZooOptions): Promise<PublishedBytes> {
  const { includeTop = true, classes = 1000 } = options;
  if (includeTop && classes !== 1000) {
    throw new FoveaError({
      code: 'argument',
      op: 'zoo.create',
      message: `the published weights of ${name} tell 1000 classes apart, not ${classes}.`,
      got: classes,
      want: 1000,
      hint: 'Pass includeTop: false and put a classifier of your own on top.',
    });
  }
  const published = entry.weights?.(options);
  if (published === undefined) throw noWeights(name);
  const { bytes, path } = await fetchWeights(published, includeTop, options);
  return { bytes, path, rename: published.rename };
}

function fetchWeights(
  { baseUrl, top, noTop }: PublishedWeights,
  includeTop: boolean,
  { download = {} }: ZooOptions,
): ReturnType<typeof loadFile> {
  const file = includeTop ? top : noTop;
  const source = { op: 'zoo.create', folder: FOLDER, baseUrls: [baseUrl], fileNames: [file.name] };
  return loadFile(source, file, download);
}

function noWeights(name: string): FoveaError {
  const others = Object.entries(architectures)
    .filter(([, { weights }]) => weights !== undefined)
    .map(([each]) => each);
  return new FoveaError({
    code: 'argument',
    op: 'zoo.create',
    message: `there are no published weights for ${name} with these options.`,
    got: name,
    hint: `Load a file of your own (weights: 'model.h5'), or use one of ${others.join(', ')}.`,
  });
}
