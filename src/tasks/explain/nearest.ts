// The pictures of a data set that a network finds most alike to one: nearest in the space of its features.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import {
  ArrayDataset,
  type Example,
  type HostArray,
  isHostArray,
  rowCount,
  rowOf,
  sliceRows,
  stackRows,
} from '../../data/index.js';
import type { TrainableModel } from '../../nn/model.js';
import { cast } from '../../ops/arithmetic.js';
import { mean } from '../../ops/reduce.js';
import { reshape } from '../../ops/shape.js';
import type { Figure } from '../../plot/figure.js';
import { grid } from '../../plot/image.js';
import { ask, findLayer, type LayerInfo, type Look, layersFor, mapsOf, seenAt } from './look.js';
import { checkCount, type FloatArray, floats, type Size } from './maps.js';
import { labelsOf, type ModelOptions, type Picture, preparationOf, readPicture, toShown } from './pictures.js';

/** Pictures 0..255 to search: an array [n,h,w,c], a data set in memory, or a stream of pictures or batches. */
export type SearchedPictures = HostArray | ArrayDataset | AsyncIterable<Example>;

/** See `nearestPictures`. */
export interface NearestOptions extends ModelOptions {
  /** What layer's output is compared, by name or path; maps are averaged over their places. Default what the last dense layer is given. */
  layer?: string;
  /** Default 8. */
  count?: number;
  /** `cosine` (default): the angle between features; `euclidean`: their distance. */
  metric?: 'cosine' | 'euclidean';
  /** Pictures at once; default 32. */
  batchSize?: number;
  /** For models that take pictures of any size; default the picture's own. */
  size?: Size;
}

/** A picture that was found. */
export interface Neighbour {
  /** Its place in the data. */
  readonly index: number;
  /** 1 minus the cosine, or the Euclidean distance; 0 for the same features. */
  readonly distance: number;
  /** Where the data has labels of one number. */
  readonly label: number | undefined;
  /** Bytes [h,w,1 or 3]. */
  readonly picture: HostArray;
}

/** What `nearestPictures` gives. */
export interface NearestPictures {
  readonly layer: string;
  /** Of the picture that was asked about. */
  readonly features: Float32Array;
  /** The nearest first. */
  readonly neighbours: readonly Neighbour[];
  /** The picture and what was found, with distances and labels. */
  readonly figure: Figure;
}

/**
 * The pictures of a data set whose features are nearest to those of one picture. The data is read once, and of it only the features of one
 * batch and the nearest pictures are kept. Throws `shape` for pictures of another size than the model's.
 */
export async function nearestPictures(
  model: TrainableModel,
  picture: Picture,
  data: SearchedPictures,
  options: NearestOptions = {},
): Promise<NearestPictures> {
  const op = 'nearestPictures';
  const { count = 8, metric = 'cosine', batchSize = 32 } = options;
  checkCount(op, 'count', count);
  checkCount(op, 'batchSize', batchSize);
  if (metric !== 'cosine' && metric !== 'euclidean') {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `metric is ${JSON.stringify(metric)}.`,
      got: metric,
      want: ['cosine', 'euclidean'],
    });
  }
  const { input, shown } = await readPicture(model, picture, options, op);
  const layer = featureLayer(layersFor(model, input.shape), options.layer, op);
  const features = await featuresOf(model, layer, floats(input.data, [1, ...input.shape]), options);
  const best: Neighbour[] = [];
  let start = 0;
  for await (const { x, y } of batchesOf(data, batchSize)) {
    const rows = rowCount(x);
    const found = await featuresOf(model, layer, filledUp(checkedSize(x, input.shape, op), batchSize), options);
    const width = features.length;
    for (let i = 0; i < rows; i++) {
      const distance = distanceOf(features, found.subarray(i * width, (i + 1) * width), metric);
      if (best.length === count && distance >= (best.at(-1) as Neighbour).distance) continue;
      const label = y !== undefined && y.data.length === rows ? y.data[i] : undefined;
      const neighbour = { index: start + i, distance, label, picture: toShown(copyOf(rowOf(x, i))) };
      // Behind those that are as near: the first one met comes first.
      const at = best.findIndex((each) => each.distance > distance);
      best.splice(at < 0 ? best.length : at, 0, neighbour);
      if (best.length > count) best.pop();
    }
    start += rows;
  }
  if (best.length === 0) throw new FoveaError({ code: 'argument', op, message: 'there are no pictures to search.' });
  const names = await namesFor(model, data, options);
  return { layer: layer.path, features, neighbours: best, figure: sheetOf(shown, best, names) };
}

async function namesFor(
  model: TrainableModel,
  data: SearchedPictures,
  options: ModelOptions,
): Promise<readonly string[]> {
  const own = isInMemory(data) ? data.classNames : undefined;
  return options.labels === undefined && own !== undefined ? own : labelsOf(model, options);
}

/** The layer that was asked for, or the last one before the last dense layer that gives numbers worth comparing. */
function featureLayer(layers: readonly LayerInfo[], name: string | undefined, op: string): LayerInfo {
  if (name !== undefined) return findLayer(layers, name, op);
  const last = layers.findLastIndex(({ className }) => className === 'Dense');
  const before = layers.slice(0, last < 0 ? layers.length : last).filter(({ isModel }) => !isModel);
  const found = before.findLast(({ className }) => !/^(Dropout|SpatialDropout\w+)$/.test(className)) ?? layers.at(-1);
  if (found !== undefined) return found;
  throw new FoveaError({ code: 'argument', op, message: 'the model has no layers.' });
}

/** Features of pictures [n,h,w,c], n rows. */
async function featuresOf(
  model: TrainableModel,
  { path }: LayerInfo,
  pictures: HostArray,
  options: ModelOptions,
): Promise<Float32Array> {
  const question = {
    key: `features ${path}`,
    preparation: preparationOf(model, options.preprocessing),
    ask: (look: Look) => {
      const seen = seenAt(look, path);
      const output = cast(mapsOf(seen, seen.output), 'float32');
      return [reshape(output.rank === 4 ? mean(output, { axis: [1, 2] }) : output, [output.shape[0] as number, -1])];
    },
  };
  const [found] = (await ask(model, question, [pictures])) as [FloatArray];
  return found.data;
}

function isInMemory(data: SearchedPictures): data is ArrayDataset {
  return 'x' in data && 'y' in data;
}

/** The data as batches of pictures with their labels. */
async function* batchesOf(
  data: SearchedPictures,
  batchSize: number,
): AsyncGenerator<{ x: HostArray; y: HostArray | undefined }> {
  if (isInMemory(data) || isHostArray(data)) {
    const [x, y] = isInMemory(data) ? [data.x, data.y] : [data, undefined];
    const rows = rowCount(x);
    for (let start = 0; start < rows; start += batchSize) {
      const end = Math.min(rows, start + batchSize);
      yield { x: sliceRows(x, start, end), y: y === undefined ? undefined : sliceRows(y, start, end) };
    }
    return;
  }
  let waiting: Example[] = [];
  const together = (): { x: HostArray; y: HostArray | undefined } => {
    const x = stackRows(
      waiting.map((each) => each.x),
      'nearestPictures',
    );
    const labels = waiting.flatMap(({ y }) => (y === undefined ? [] : [y]));
    const y = labels.length === waiting.length ? stackRows(labels, 'nearestPictures') : undefined;
    waiting = [];
    return { x, y };
  };
  for await (const { x, y } of data) {
    if (x.shape.length === 3) {
      // Its memory may be the next picture's.
      waiting.push({ x: copyOf(x), y: y && copyOf(y), sampleWeight: undefined });
      if (waiting.length === batchSize) yield together();
    } else yield* batchesOf(y === undefined ? x : new ArrayDataset({ x, y, name: '', source: '' }), batchSize);
  }
  if (waiting.length > 0) yield together();
}

/** As many rows as one Program takes. */
function filledUp(x: HostArray, rows: number): HostArray {
  if (rowCount(x) === rows) return x;
  const full = new Float32Array((x.data.length / rowCount(x)) * rows);
  full.set(x.data);
  return floats(full, [rows, ...x.shape.slice(1)]);
}

function checkedSize(x: HostArray, shape: readonly number[], op: string): HostArray {
  const inner = x.shape.slice(1);
  if (String(inner) === String(shape)) return x;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `the data's pictures are ${formatShape(inner)}; the model compares ${formatShape(shape)}.`,
    got: inner,
    want: shape,
    hint: 'Load the data in the size and with the channels of the model.',
  });
}

/** A row that outlives its batch. */
function copyOf({ data, shape, dtype }: HostArray): HostArray {
  return { data: data.slice(), shape, dtype };
}

function distanceOf(a: Float32Array, b: Float32Array, metric: 'cosine' | 'euclidean'): number {
  let [dot, first, second, apart] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    first += x * x;
    second += y * y;
    apart += (x - y) * (x - y);
  }
  if (metric === 'euclidean') return Math.sqrt(apart);
  // Features that are all 0 have no direction: as far from others as a right angle.
  const lengths = Math.sqrt(first * second);
  return lengths === 0 ? (first === second ? 0 : 1) : Math.max(0, 1 - dot / lengths);
}

function sheetOf(shown: HostArray, found: readonly Neighbour[], names: readonly string[]): Figure {
  const tiles = [shown, ...found.map(({ picture }) => picture)];
  const most = Math.max(...tiles.flatMap(({ shape }) => shape.slice(0, 2)));
  const grey = { colormap: 'gray', vmin: 0, vmax: 255 } as const;
  const wordFor = ({ label, distance }: Neighbour): string =>
    `${label === undefined ? '' : `${names[label] ?? label} `}${distance.toFixed(3)}`;
  return grid(tiles, {
    ...grey,
    columns: Math.min(tiles.length, 9),
    labels: ['the picture', ...found.map(wordFor)],
    scale: Math.max(1, Math.round(96 / most)),
  });
}
