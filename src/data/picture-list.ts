// Pictures that are known by name and not yet read, whatever names them: a folder, a table, an archive. They are split, ordered
// and read alike.
import { FoveaError } from '../core/errors.js';
import { keyFromSeed, permutation } from '../core/random.js';
import { ArrayDataset } from './array-dataset.js';
import { Dataset } from './dataset.js';
import { type HostArray, stackRows } from './host-array.js';
import type { Channels } from './images.js';
import type { ResizeMethod } from './resize.js';
import { checkSteps, type PictureSize, type PictureStep } from './steps.js';
import { addStage, type BrokenImage, type Work } from './work.js';
import { nameOf, type Source } from './workers/messages.js';

export type { BrokenImage } from './work.js';

/** `int` gives y `[n]`, `categorical` one-hot `[n, classes]`, `binary` float32 `[n, 1]`, null none. */
export type LabelMode = 'int' | 'categorical' | 'binary' | null;

/** How pictures are read, with the names and defaults of Keras's `image_dataset_from_directory`. */
export interface PictureListOptions {
  /** `[height, width]` of the pictures; one number means a square, null their own sizes. Default 256. */
  imageSize?: PictureSize | null;
  /** Default `rgb`. */
  colorMode?: 'grayscale' | 'rgb' | 'rgba';
  /** Default `bilinear`. */
  interpolation?: ResizeMethod;
  /** Cuts the largest part of the wanted aspect ratio out of the middle instead of stretching. */
  cropToAspectRatio?: boolean;
  /** Adds borders of 0 instead of stretching. */
  padToAspectRatio?: boolean;
  /** Turns pictures as the camera noted; default true. (Keras leaves them as they are stored.) */
  applyOrientation?: boolean;
  /** Whether each pass has its own mixed order; default true. */
  shuffle?: boolean;
  /** Fixes the order and the validation part; default 0. */
  seed?: number;
  /** The share of pictures, 0 to 1, kept for validation. */
  validationSplit?: number;
  /** Which part to give when there is a `validationSplit`. */
  subset?: 'training' | 'validation' | undefined;
  /** `throw` at the first picture that cannot be read (default), or `skip` it and list it in `broken`. */
  onError?: 'throw' | 'skip';
  /** Threads that read and decode; 0 works in the main thread. Default one per core, four at most. */
  workers?: number;
}

/** Pictures, found but not yet read. */
export interface PictureList {
  /** The pictures with their labels, read anew in each pass. */
  readonly dataset: Dataset;
  readonly classNames: readonly string[];
  /** Names of the pictures and, beside them, their labels (-1 for none). */
  readonly paths: readonly string[];
  readonly labels: readonly number[];
  /** Pictures per class, in the order of `classNames`. */
  readonly counts: readonly number[];
  /** Pictures that a pass skipped; grows while one runs. */
  readonly broken: readonly BrokenImage[];
  /** Reads all pictures into memory, in the order of the first pass: mixed unless `shuffle` is false. */
  load(): Promise<ArrayDataset>;
}

/** A picture by its place, with its label. */
export interface Listed {
  readonly source: Source;
  readonly label: number;
  /** What y is, where it is more than a label. */
  readonly y?: HostArray | undefined;
}

const CHANNELS = { grayscale: 1, rgb: 3, rgba: 4 } as const satisfies Record<string, Channels>;

/** The steps by which a picture is read. */
function readingSteps(options: PictureListOptions): PictureStep[] {
  const { imageSize = 256, interpolation = 'bilinear', colorMode = 'rgb', applyOrientation = true } = options;
  const decode: PictureStep = { op: 'decode', channels: CHANNELS[colorMode], applyOrientation };
  if (imageSize === null) return [decode];
  const fit = options.cropToAspectRatio ? 'crop' : options.padToAspectRatio ? 'pad' : 'stretch';
  return [decode, { op: 'resize', size: imageSize, method: interpolation, fit }];
}

/** Throws `argument` for options that contradict each other. */
export function checkPictureOptions(options: PictureListOptions, op: string): void {
  const refuse = (message: string, got: unknown, hint: string): never => {
    throw new FoveaError({ code: 'argument', op, message, got, hint });
  };
  const { validationSplit: split, subset, colorMode = 'rgb' } = options;
  if (split !== undefined && !(split > 0 && split < 1)) {
    refuse(`validationSplit is ${split}.`, split, 'Give the share of pictures to keep for validation, such as 0.2.');
  }
  if ((split === undefined) !== (subset === undefined)) {
    refuse(
      split === undefined ? `subset '${subset}' needs a validationSplit.` : 'validationSplit needs a subset.',
      split ?? subset,
      "Give both, such as validationSplit: 0.2 with subset: 'training', and the same seed for the other subset.",
    );
  }
  if (!Object.hasOwn(CHANNELS, colorMode)) {
    refuse(`colorMode is '${String(colorMode)}'.`, colorMode, "Give 'grayscale', 'rgb' or 'rgba'.");
  }
  if (options.cropToAspectRatio && options.padToAspectRatio) {
    refuse('cropToAspectRatio and padToAspectRatio are both set.', true, 'Set one of them.');
  }
  checkSteps(readingSteps(options));
}

/** Mixed before it is cut, by the seed alone: the two subsets share no picture and together are everything. */
export function choosePart<T>(all: readonly T[], options: PictureListOptions): readonly T[] {
  if (options.validationSplit === undefined) return all;
  const order = permutation(all.length, keyFromSeed(options.seed ?? 0), 0);
  const validation = Math.floor(options.validationSplit * all.length);
  const indices =
    options.subset === 'validation' ? order.slice(all.length - validation) : order.slice(0, all.length - validation);
  return Array.from(indices, (at) => all[at] as T);
}

/** A label as an example's y. */
export function encodeLabel(label: number, classes: number, mode: LabelMode): HostArray | undefined {
  if (mode === null || label < 0) return undefined;
  if (mode === 'categorical') {
    const data = new Float32Array(classes);
    data[label] = 1;
    return { data, shape: [classes], dtype: 'float32' };
  }
  if (mode === 'binary') return { data: Float32Array.of(label), shape: [1], dtype: 'float32' };
  return { data: Int32Array.of(label), shape: [], dtype: 'int32' };
}

/** What is to be read of the chosen pictures, as a list. `boxes` says that y moves along with the pictures. */
export function makePictureList(
  name: string,
  chosen: readonly Listed[],
  classNames: readonly string[],
  options: PictureListOptions & { labelMode?: LabelMode | undefined; batchSize?: number | null; boxes?: boolean },
): PictureList {
  const { labelMode = 'int', batchSize = null, onError = 'throw', seed = 0, boxes = false } = options;
  const broken: BrokenImage[] = [];
  const isMixed = options.shuffle !== false && options.subset !== 'validation';
  const key = keyFromSeed(seed);
  const ys = chosen.map(({ label, y }) => y ?? encodeLabel(label, classNames.length, labelMode));
  const sources: Work = {
    stages: [],
    workers: options.workers,
    onError,
    broken,
    // Orders names, not pictures: mixing costs no memory, however many there are.
    async *open(pass) {
      const order = isMixed ? permutation(chosen.length, key, pass + 1) : chosen.keys();
      for (const at of order) {
        yield { source: (chosen[at] as Listed).source, y: ys[at], sampleWeight: undefined, draws: [] };
      }
    },
  };
  const work = addStage(sources, { steps: readingSteps(options), seed, boxes }, options.workers);
  const pictures = Dataset.fromWork(work, onError === 'skip' ? undefined : chosen.length);
  return {
    dataset: batchSize === null ? pictures : pictures.batch(batchSize),
    classNames,
    paths: chosen.map(({ source }) => nameOf(source) ?? ''),
    labels: chosen.map(({ label }) => label),
    counts: classNames.map((_, label) => chosen.filter((found) => found.label === label).length),
    broken,
    async load() {
      const xs: HostArray[] = [];
      const labels: HostArray[] = [];
      for await (const { x, y } of pictures.open(0)) {
        xs.push(x);
        labels.push(y ?? { data: Int32Array.of(-1), shape: [], dtype: 'int32' });
      }
      if (xs.length === 0) {
        throw new FoveaError({
          code: 'data',
          op: 'load',
          message: `no pictures in ${name}: all ${chosen.length} are broken.`,
          path: name,
          ...(broken[0] === undefined ? {} : { lines: [broken[0].problem] }),
          hint: 'Give PNG or JPEG files.',
        });
      }
      return new ArrayDataset({
        name,
        source: name,
        classNames,
        x: stackRows(xs, 'load'),
        y: stackRows(labels, 'load'),
        note: broken.length === 0 ? undefined : `${broken.length} broken pictures were left out.`,
      });
    },
  };
}

/** Name endings that pictures have. */
export const PICTURE_NAMES = /\.(png|jpe?g|bmp|gif|webp|tiff?|avif)$/i;

/** Sorted by code units, so that every machine numbers classes alike whatever its language. */
export function sortNames(names: string[]): string[] {
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The `data` error for a place without pictures. */
export function noPictures(op: string, place: string, problem: string): FoveaError {
  return new FoveaError({
    code: 'data',
    op,
    message: `no pictures in ${place}: ${problem}.`,
    path: place,
    got: problem,
    hint: 'Put the pictures of each class into a sub-folder of its name, as PNG or JPEG files.',
  });
}
