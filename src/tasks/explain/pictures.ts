// Pictures on their way into a model: read, resized and, inside the Program, prepared as the model's training pictures were.
// So gradients arrive at the picture itself, 0..255.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import {
  type Channels,
  convertChannels,
  type HostArray,
  isHostArray,
  loadImage,
  resizeImage,
} from '../../data/index.js';
import { type Tensor, tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { add, multiply, subtract } from '../../ops/arithmetic.js';
import { type PreprocessMode, preprocessInput } from '../../vision/preprocess.js';
import { drawable, type FloatArray, floats, type Size, toBytes } from './maps.js';

/** A file, an address, the bytes of a file, or an array [h,w,c] or [h,w] of numbers 0..255. */
export type PictureLike = string | URL | Uint8Array | HostArray;

/**
 * How pictures 0..255 become the model's input: a word of `vision.ops.preprocessInput`, `none`, a factor and an offset, means and
 * deviations (per pixel or channel), or a function of tensors [n,h,w,c].
 */
export type Preparation =
  | PreprocessMode
  | 'none'
  | { readonly kind: 'none' }
  | { readonly kind: 'scale'; readonly factor: number; readonly offset: number }
  | {
      readonly kind: 'standardize';
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly shape: readonly number[];
    }
  | ((pictures: Tensor) => Tensor);

/** How a model is to be fed and what its classes are called. */
export interface ModelOptions {
  /** Default: what `model.metadata.preprocess` says, as `fovea train` writes it; without it pictures go in as they are. */
  preprocess?: Preparation;
  /** Default: `model.metadata.classNames`. */
  classNames?: readonly string[];
  /** Which of several outputs is explained, by its place; default the first. */
  output?: number;
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
  const found = asked ?? (model.metadata.preprocess as Preparation | undefined) ?? 'none';
  const isWord = found === 'none' || found === 'tf' || found === 'torch' || found === 'caffe';
  if (isWord || typeof found === 'function') return found;
  const kind = typeof found === 'object' && found !== null ? found.kind : undefined;
  if (kind === 'none' || kind === 'scale' || kind === 'standardize') return found;
  throw new FoveaError({
    code: 'argument',
    op: 'explain',
    message: `preprocess is ${JSON.stringify(found)}.`,
    got: found,
    want: ['none', 'tf', 'torch', 'caffe', "{ kind: 'scale' }", "{ kind: 'standardize' }"],
    hint: "Give 'none', 'tf', 'torch', 'caffe', { kind: 'scale', factor, offset } or a function of tensors.",
  });
}

/** Pictures [n,h,w,c] 0..255 as the model's input. */
export function prepare(preparation: Preparation, pictures: Tensor): Tensor {
  if (typeof preparation === 'function') return preparation(pictures);
  if (typeof preparation === 'string')
    return preparation === 'none' ? pictures : preprocessInput(pictures, { mode: preparation });
  if (preparation.kind === 'none') return pictures;
  if (preparation.kind === 'scale') return add(multiply(pictures, preparation.factor), preparation.offset);
  const { mean, std, shape } = preparation;
  const factor = Float32Array.from(std, (value) => 1 / value);
  return multiply(subtract(pictures, tensor(Float32Array.from(mean), { shape })), tensor(factor, { shape }));
}

/** Height, width (null where the model leaves them open) and channels of a model's pictures. Throws `unsupported` for other inputs. */
export function inputSizes(model: TrainableModel): readonly [number | null, number | null, number | null] {
  if (!model.isKnown) return [null, null, null];
  const { inputs } = model;
  const [, ...sizes] = inputs[0]?.shape ?? [];
  if (inputs.length === 1 && sizes.length === 3) return sizes as [number | null, number | null, number | null];
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
  picture: PictureLike,
  { size, op = 'explain' }: { size?: Size | undefined; op?: string } = {},
): Promise<InputPicture> {
  const [height, width, channels] = inputSizes(model);
  const given = isHostArray(picture) ? checked(picture, op) : await loadImage(picture);
  const wanted = (channels ?? (given.shape[2] as number)) as Channels;
  const fitted = given.shape[2] === wanted ? given : convertChannels(given, wanted);
  const [rows, columns] = fitted.shape as [number, number];
  const to: Size = [height ?? size?.[0] ?? rows, width ?? size?.[1] ?? columns];
  const input = rows === to[0] && columns === to[1] ? fitted : resizeImage(fitted, to);
  const asFloats = ({ data, shape }: HostArray): FloatArray => floats(Float32Array.from(data), shape);
  return { input: asFloats(input), full: asFloats(fitted), shown: toShown(given) };
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
