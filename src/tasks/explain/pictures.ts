// Pictures on their way into a model: read, resized and, inside the Program, prepared as the model's training pictures were.
// So gradients arrive at the picture itself, 0..255.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { LoadOptions } from '../../data/dataset-files.js';
import { imagenetClasses } from '../../data/imagenet.js';
import {
  type Channels,
  convertChannels,
  type HostArray,
  isHostArray,
  loadImage,
  type PictureStep,
  resizeImage,
} from '../../data/index.js';
import { type Picture, readPictures } from '../../data/picture-reader.js';
import { type Tensor, tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { checkPreprocessing, type PicturePreprocessing } from '../../nn/model-metadata.js';
import { add, multiply, subtract } from '../../ops/arithmetic.js';
import { flip } from '../../ops/shape.js';
import { type PreprocessMode, preprocessInput } from '../../vision/preprocess.js';
import { drawable, type FloatArray, floats, type Size, toBytes } from './maps.js';

export type { Picture } from '../../data/picture-reader.js';

/**
 * How pictures 0..255 become the model's input: a record as models carry it, one of its words, or a function of tensors [n,h,w,c].
 */
export type Preparation = PicturePreprocessing | PreprocessMode | 'none' | ((pictures: Tensor) => Tensor);

/** How a model is to be fed and what its classes are called. */
export interface ModelOptions {
  /** Default: `model.metadata.preprocessing`; without it pictures go in as they are. */
  preprocessing?: Preparation;
  /** The classes' names; default `model.metadata.labels`. `imagenet` for ImageNet's. */
  labels?: readonly string[] | 'imagenet';
  /** Which of several outputs is explained, by its place; default the first. */
  output?: number;
  /** Where and how published weights and ImageNet's names are fetched. */
  download?: LoadOptions;
}

/** A picture as the model takes it. */
export interface InputPicture {
  /** 0..255, [h,w,c] of the model's input. */
  readonly input: FloatArray;
  /** The same as large as the picture was. */
  readonly full: FloatArray;
  /** What is shown: bytes [H,W,1 or 3], as large as the picture was, 640 at most. */
  readonly shown: HostArray;
}

/** Larger pictures are shown smaller. */
const MOST_SHOWN = 640;

/** The preparation that was asked for or that the model brings. Throws `argument` for one that is none. */
export function preparationOf(model: TrainableModel, asked: Preparation | undefined): Preparation {
  const found = asked ?? model.metadata.preprocessing ?? 'none';
  const isWord = found === 'none' || found === 'tf' || found === 'torch' || found === 'caffe';
  return isWord || typeof found === 'function' ? found : checkPreprocessing(found, model.name, 'explain');
}

/** Pictures [n,h,w,c] 0..255 as the model's input. */
export function prepare(preparation: Preparation, pictures: Tensor): Tensor {
  if (typeof preparation === 'function') return preparation(pictures);
  if (typeof preparation === 'string')
    return preparation === 'none' ? pictures : preprocessInput(pictures, { mode: preparation });
  const { mode, channels = 3, factor = 1, offset = 0, mean = [], std = [], size } = preparation;
  const { channelOrder = mode === 'caffe' ? 'bgr' : 'rgb' } = preparation;
  // The mode caffe turns the colours itself.
  const isTurned = channels === 3 && (channelOrder === 'bgr') !== (mode === 'caffe');
  const from = isTurned ? flip(pictures, 3) : pictures;
  if (mode === 'none') return from;
  if (mode === 'scale') return add(multiply(from, factor), offset);
  if (mode !== 'standardize') return preprocessInput(from, { mode });
  const shape = mean.length === channels ? [channels] : [...size, channels];
  const inverse = Float32Array.from(std, (value) => 1 / value);
  return multiply(subtract(from, tensor(Float32Array.from(mean), { shape })), tensor(inverse, { shape }));
}

/** Whether a model takes its channels first, as some from other libraries do. */
export function isPlanar(model: TrainableModel): boolean {
  const [, first, , last] = model.isKnown ? (model.inputs[0]?.shape ?? []) : [];
  return (first === 1 || first === 3) && last !== 1 && last !== 3 && last !== 4;
}

/** Fetches the published weights of a network of the zoo that nobody gave any. */
export async function withWeights(model: TrainableModel, { download = {} }: ModelOptions): Promise<void> {
  if (model.pretrained !== undefined && model.isUntrained) await model.pretrained(download);
}

/** The names of the classes; none where neither the options nor the model say. */
export async function labelsOf(
  model: TrainableModel,
  { labels, download = {} }: ModelOptions,
): Promise<readonly string[]> {
  const found = labels ?? model.metadata.labels;
  return found === 'imagenet' ? (await imagenetClasses(download)).names : (found ?? []);
}

/** Height, width (null where the model leaves them open) and channels of a model's pictures. Throws `unsupported` for other inputs. */
export function inputSizes(model: TrainableModel): readonly [number | null, number | null, number | null] {
  if (!model.isKnown) return [null, null, null];
  const { inputs } = model;
  const [, first = null, second = null, third = null, ...more] = inputs[0]?.shape ?? [];
  const isPictures = inputs.length === 1 && inputs[0]?.shape.length === 4 && more.length === 0;
  if (isPictures) return isPlanar(model) ? [second, third, first] : [first, second, third];
  throw new FoveaError({
    code: 'unsupported',
    op: 'explain',
    message: `model "${model.name}" takes ${inputs.map(({ shape }) => formatShape(shape.map((dim) => dim ?? -1))).join(' and ')}, not pictures.`,
    hint: 'Explain a model of one input [n,height,width,channels]; cut others open with models.model({ inputs, outputs }).',
  });
}

/** Reads a picture and brings it to the model's size and channels; `size` is for models that leave theirs open. */
export async function readPicture(
  model: TrainableModel,
  picture: Picture,
  options: ModelOptions & { size?: Size | undefined },
  op: string,
): Promise<InputPicture> {
  await withWeights(model, options);
  const preparation = preparationOf(model, options.preprocessing);
  const [height, width, channels] = inputSizes(model);
  const asFloats = ({ data, shape }: HostArray): FloatArray => floats(Float32Array.from(data), shape);
  if (typeof preparation === 'object' && options.size === undefined) {
    const fitted = await readFitted(picture, preparation, op);
    // What is cut off or added to a picture is not shown either.
    const { fit = 'stretch', kept = 1 } = preparation;
    const isWhole = fit === 'stretch' && kept === 1;
    const full = isWhole ? await readAny(picture, (preparation.channels ?? 3) as Channels, op) : fitted;
    return { input: asFloats(fitted), full: asFloats(full), shown: toShown(full) };
  }
  const full = await readAny(picture, channels as Channels | null, op);
  const { size } = options;
  const [rows, columns] = full.shape as [number, number];
  const to: Size = [height ?? size?.[0] ?? rows, width ?? size?.[1] ?? columns];
  const input = rows === to[0] && columns === to[1] ? full : resizeImage(full, to);
  return { input: asFloats(input), full: asFloats(full), shown: toShown(full) };
}

/** A picture as large as it is; `channels` null keeps its own. */
async function readAny(picture: Picture, channels: Channels | null, op: string): Promise<HostArray> {
  const given = isHostArray(picture) ? checked(picture, op) : await loadImage(picture);
  if (channels === null || given.shape[2] === channels) return given;
  if (channels === 1 || channels === 3 || channels === 4) return convertChannels(given, channels);
  throw new FoveaError({
    code: 'shape',
    op,
    message: `the model takes ${channels} channels; the picture has ${given.shape[2]}.`,
    got: given.shape,
    want: channels,
    hint: 'Give an array with the channels of the model.',
  });
}

/** A picture cut and resized as a model's own record says. */
async function readFitted(picture: Picture, preparation: PicturePreprocessing, op: string): Promise<HostArray> {
  const { size, channels = 3, fit = 'stretch', resize = 'bilinear', kept = 1 } = preparation;
  const steps: PictureStep[] = [
    { op: 'decode', channels },
    { op: 'resize', size: [Math.round(size[0] / kept), Math.round(size[1] / kept)], method: resize, fit },
  ];
  if (kept < 1) steps.push({ op: 'centerCrop', size });
  const one = isHostArray(picture) ? checked(picture, op) : picture;
  for await (const [read] of readPictures(one, [steps], { op, batchSize: 1, workers: 0 })) {
    if (read?.problem !== undefined) throw read.problem;
    if (read?.arrays[0] !== undefined) return read.arrays[0];
  }
  throw new FoveaError({ code: 'internal', op, message: 'no picture was read.' });
}

function checked(picture: HostArray, op: string): HostArray {
  const { data, shape } = picture;
  const inner = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape.length === 2 ? [...shape, 1] : shape;
  if (inner.length === 3 && inner.every((dim) => dim > 0) && inner.reduce((a, b) => a * b, 1) === data.length)
    return { ...picture, shape: inner };
  throw new FoveaError({
    code: 'shape',
    op,
    message: `a picture has the shape [height,width,channels], not ${formatShape(shape)}.`,
    got: shape,
    hint: 'Give one picture; rowOf takes one out of a batch.',
  });
}

/** A picture as bytes to look at, of one or three channels; floats below 0 or within 0..1 are stretched. */
export function toShown(picture: HostArray): HostArray {
  const plain = drawable(picture);
  const colours = plain.shape[2] === 4 ? convertChannels(plain, 3) : plain;
  let [low, high] = [0, 0];
  for (const value of colours.data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const range: [number, number] = low < 0 ? [low, high] : high > 1 || colours.dtype === 'uint8' ? [0, 255] : [0, 1];
  const bytes = colours.dtype === 'uint8' ? colours : toBytes(colours, range);
  const [height, width] = bytes.shape as [number, number];
  const scale = MOST_SHOWN / Math.max(height, width);
  if (scale >= 1) return bytes;
  const size: Size = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
  return resizeImage(bytes, size, { method: 'area' });
}
