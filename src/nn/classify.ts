// What is on a picture: pictures are read ahead, prepared as the model's metadata say, predicted in batches, over one crop or
// several, by one model or several, and the best classes named. Loaded when a model's `classify` is called.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import type { LoadOptions } from '../data/dataset-files.js';
import { type HostArray, stackRows } from '../data/host-array.js';
import { imagenetClasses } from '../data/imagenet.js';
import { countOf, isOnePicture, type Pictures, readPictures } from '../data/picture-reader.js';
import type { PictureStep } from '../data/steps.js';
import { cropRows } from './classify-crops.js';
import { bestOf, type Guess, scoresOf } from './classify-scores.js';
import { checkLabels, checkPreprocessing, type PicturePreprocessing, scalePixels } from './model-metadata.js';
import { TransferLine } from './progress-line.js';
import type { TrainableModel } from './trainable-model.js';

export type { Picture, Pictures } from '../data/picture-reader.js';
export type { Guess } from './classify-scores.js';

/** What was found on one of many pictures. */
export interface ClassifiedPicture {
  /** Its path or address; `picture 3` where it has none. */
  readonly picture: string;
  /** The best first; none where the picture could not be read. */
  readonly guesses: readonly Guess[];
  /** Why it could not be read. */
  readonly problem?: FoveaError;
}

/** How far `classify` is. */
export interface ClassifyProgress<P extends ClassifiedPicture = ClassifiedPicture> {
  readonly done: number;
  /** Undefined for a stream. */
  readonly total: number | undefined;
  /** Pictures so far that could not be read. */
  readonly broken: number;
  readonly latest: P;
}

/** Crops of each picture: the middle; that and the four corners; all of these and their mirror images. */
export type Crops = 1 | 5 | 10;

/** See `model.classify`. */
export interface ClassifyOptions<P extends ClassifiedPicture = ClassifiedPicture> {
  /** Classes to name for each picture; default 5. */
  top?: number;
  /** Pictures at a time; default 32. */
  batchSize?: number;
  /** Probabilities are the mean over the crops; default 1. */
  crops?: Crops;
  /** The classes' names, where not those of the model's metadata; `imagenet` for ImageNet's. */
  labels?: readonly string[] | 'imagenet';
  /** How pictures are prepared, where not as the model's metadata say. */
  preprocessing?: PicturePreprocessing;
  /** Threads that read pictures; default one per core, four at most. */
  workers?: number;
  /** Called after each picture. */
  onProgress?: (progress: ClassifyProgress<P>) => void;
  /** 1 draws a bar for downloads and for many pictures; `auto` (default) does on a terminal; 0 draws nothing. */
  verbose?: 'auto' | 0 | 1;
  /** Where and how published weights and ImageNet's names are fetched. */
  download?: LoadOptions;
  signal?: AbortSignal;
}

/** A model ready to classify. */
interface Member {
  readonly model: TrainableModel;
  readonly preprocessing: PicturePreprocessing;
  readonly steps: readonly PictureStep[];
}

/** The probabilities that each model gives one picture. */
export interface Scored {
  readonly name: string;
  readonly scores: readonly Float32Array[];
  readonly problem?: FoveaError;
}

const OP = 'classify';
/** What is kept of a picture where a model leaves no room for crops beside the middle: 224 of 256. */
const CROP_ROOM = 0.875;

/** Classifies with one model: a picture's guesses, or of many the list. */
export function classify(
  model: TrainableModel,
  pictures: Pictures,
  options: ClassifyOptions = {},
): Promise<readonly Guess[] | readonly ClassifiedPicture[]> {
  return classifyJointly([model], pictures, options, (labels, top) => ({ name, scores }) => ({
    picture: name,
    guesses: bestOf(scores[0] as Float32Array, top, labels),
  }));
}

/** Classifies with several models; `join` makes what is told of a picture from the probabilities that each gives. */
export async function classifyJointly<P extends ClassifiedPicture>(
  models: readonly TrainableModel[],
  pictures: Pictures,
  options: ClassifyOptions<P>,
  join: (labels: readonly string[], top: number) => (scored: Scored) => P,
): Promise<readonly Guess[] | readonly P[]> {
  const top = checkOptions(options);
  const { labels, stream } = await begin(models, pictures, options);
  const all = await gather(stream, pictures, options, join(labels, top));
  return isOnePicture(pictures) ? (all[0] as P).guesses : all;
}

/** Takes what `scorePictures` yields, reports it, and makes the list. One picture that cannot be read is an error. */
async function gather<P extends ClassifiedPicture>(
  stream: AsyncIterable<readonly Scored[]>,
  pictures: Pictures,
  { onProgress, verbose = 'auto' }: ClassifyOptions<P>,
  make: (scored: Scored) => P,
): Promise<P[]> {
  const all: P[] = [];
  const total = countOf(pictures);
  const isOne = isOnePicture(pictures);
  const line = new TransferLine(isOne ? 0 : verbose);
  let broken = 0;
  try {
    for await (const batch of stream) {
      for (const scored of batch) {
        if (scored.problem !== undefined && isOne) throw scored.problem;
        const latest =
          scored.problem === undefined
            ? make(scored)
            : ({ picture: scored.name, guesses: [], problem: scored.problem } as ClassifiedPicture as P);
        if (scored.problem !== undefined) broken++;
        all.push(latest);
        line.show('pictures', all.length, total);
        onProgress?.({ done: all.length, total, broken, latest });
      }
    }
  } finally {
    line.end();
  }
  return all;
}

/** Makes the models ready: fetches published weights that nobody set, finds the labels, and starts to read. */
async function begin(
  models: readonly TrainableModel[],
  pictures: Pictures,
  options: ClassifyOptions<never>,
): Promise<{ labels: readonly string[]; stream: AsyncGenerator<readonly Scored[]> }> {
  const { crops = 1, verbose = 'auto', signal } = options;
  const line = new TransferLine(verbose);
  const download: LoadOptions = {
    onProgress: ({ file, loaded, total }) => line.show(file, loaded, total),
    ...(signal === undefined ? {} : { signal }),
    ...options.download,
  };
  try {
    const members: Member[] = [];
    for (const model of models) {
      const member = prepare(model, options.preprocessing, crops);
      if (model.pretrained !== undefined && model.isUntrained) await model.pretrained(download);
      members.push(member);
    }
    const labels = await labelsOf(models, options.labels, download);
    return { labels, stream: scorePictures(members, pictures, options) };
  } finally {
    line.end();
  }
}

function checkOptions({ top = 5, batchSize = 32, crops = 1 }: ClassifyOptions<never>): number {
  const refuse = (name: string, got: unknown, want: string): FoveaError =>
    new FoveaError({
      code: 'argument',
      op: OP,
      message: `${name} must be ${want}; got ${JSON.stringify(got)}.`,
      got,
      want,
    });
  if (!Number.isInteger(top) || top < 1) throw refuse('top', top, 'a whole number from 1');
  if (!Number.isInteger(batchSize) || batchSize < 1) throw refuse('batchSize', batchSize, 'a whole number from 1');
  if (![1, 5, 10].includes(crops)) throw refuse('crops', crops, '1, 5 or 10');
  return top;
}

function prepare(model: TrainableModel, given: PicturePreprocessing | undefined, crops: Crops): Member {
  const preprocessing = checkPreprocessing(given ?? model.metadata.preprocessing, model.name, OP);
  const { size, channels = 3, fit = 'stretch', resize = 'bilinear', kept = 1 } = preprocessing;
  if (model.isKnown) checkInputs(model, [...size, channels]);
  const room = crops > 1 && kept === 1 ? CROP_ROOM : kept;
  const [height, width] = size;
  const whole = [Math.round(height / room), Math.round(width / room)] as const;
  const steps: PictureStep[] = [
    { op: 'decode', channels },
    { op: 'resize', size: whole, method: resize, fit },
  ];
  if (crops === 1 && room < 1) steps.push({ op: 'centerCrop', size });
  return { model, preprocessing, steps };
}

function checkInputs(model: TrainableModel, picture: readonly number[]): void {
  const [input, ...others] = model.inputs;
  const shape = input?.shape.slice(1) ?? [];
  const isFitting = shape.length === 3 && shape.every((dim, i) => dim === null || dim === picture[i]);
  if (isFitting && others.length === 0) return;
  throw new FoveaError({
    code: 'shape',
    op: OP,
    message:
      others.length > 0
        ? `model "${model.name}" has ${1 + others.length} inputs, not one for pictures.`
        : `model "${model.name}" takes ${formatShape(shape)} but its preprocessing makes pictures of ${formatShape(picture)}.`,
    got: picture,
    want: shape,
    hint: 'Set size and channels of model.metadata.preprocessing to what the model takes.',
  });
}

/** The names of the classes, which must be the same for all models. */
async function labelsOf(
  models: readonly TrainableModel[],
  given: ClassifyOptions['labels'],
  download: LoadOptions,
): Promise<readonly string[]> {
  const lists: (readonly string[])[] = [];
  for (const model of models) {
    const count = classCount(model);
    const own = given ?? model.metadata.labels;
    const names = own === 'imagenet' ? (await imagenetClasses(download)).names : own;
    const numbers = Array.from({ length: count }, (_, i) => String(i));
    lists.push(checkLabels(names, count, model.name, OP) ?? numbers);
  }
  const [first = [], ...others] = lists;
  const odd = others.findIndex((list) => list.length !== first.length || list.some((name, i) => name !== first[i]));
  if (odd < 0) return first;
  throw new FoveaError({
    code: 'argument',
    op: OP,
    message: `models "${models[0]?.name}" and "${models[odd + 1]?.name}" tell different classes apart, or in another order.`,
    hint: 'Join models that were trained on the same classes.',
  });
}

/** Classes that a model tells apart; one output alone tells two. Throws `shape` for a model that gives no classes. */
function classCount(model: TrainableModel): number {
  const shape = model.outputs[0]?.shape.slice(1) ?? [];
  const sizes = shape.filter((dim) => dim !== 1);
  const [count = 1] = sizes;
  if (shape.length > 0 && sizes.length < 2 && count !== null) return count === 1 ? 2 : count;
  throw new FoveaError({
    code: 'shape',
    op: OP,
    message: `model "${model.name}" gives ${formatShape([null, ...shape])}, which are no classes.`,
    got: shape,
    hint: 'Use a model with its classifier: one of the zoo without includeTop: false.',
  });
}

/** The probabilities of pictures, batch by batch: those of each model, averaged over the crops. */
async function* scorePictures(
  members: readonly Member[],
  pictures: Pictures,
  { batchSize = 32, crops = 1, workers, signal }: ClassifyOptions<never>,
): AsyncGenerator<readonly Scored[]> {
  const plans = members.map(({ steps }) => steps);
  for await (const batch of readPictures(pictures, plans, { op: OP, batchSize, workers })) {
    if (signal?.aborted) {
      throw new FoveaError({ code: 'aborted', op: OP, message: 'was stopped.', cause: signal.reason });
    }
    const readable = batch.filter(({ problem }) => problem === undefined);
    const scores: Float32Array[][] = [];
    for (const [at, member] of members.entries()) {
      const arrays = readable.map((each) => each.arrays[at] as HostArray);
      scores.push(arrays.length === 0 ? [] : await scoreBatch(member, arrays, crops, batchSize));
    }
    let place = 0;
    yield batch.map(({ name, problem }): Scored => {
      if (problem !== undefined) return { name, scores: [], problem };
      const own = scores.map((each) => each[place] as Float32Array);
      place++;
      const isBroken = own.some((each) => each.some(Number.isNaN));
      return isBroken ? { name, scores: own, problem: notNumbers(name, members, own) } : { name, scores: own };
    });
  }
}

async function scoreBatch(
  { model, preprocessing }: Member,
  pictures: readonly HostArray[],
  crops: Crops,
  batchSize: number,
): Promise<Float32Array[]> {
  const rows = crops === 1 ? pictures : pictures.flatMap((each) => cropRows(each, preprocessing.size, crops));
  const x = scalePixels(preprocessing, stackRows(rows, OP));
  const predictions = await model.predict(x, { batchSize });
  return scoresOf(model, predictions, crops);
}

function notNumbers(name: string, members: readonly Member[], scores: readonly Float32Array[]): FoveaError {
  const at = scores.findIndex((each) => each.some(Number.isNaN));
  return new FoveaError({
    code: 'value',
    op: OP,
    message: `${name}: model "${members[at]?.model.name}" gives NaN.`,
    hint: 'Check its weights and its preprocessing.',
  });
}
