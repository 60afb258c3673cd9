// Resizing pictures as Keras and as Pillow do it, and resampling under a scale and a translation that may be computed. Made
// of products with matrices of weights (../ops/resize-weights.ts), so that all of it has gradients and runs on every engine.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, normalizeAxis, type Shape } from '../core/shape.js';
import { asCompound } from '../graph/compound.js';
import { toTensor } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { add, cast, clip, divide, maximum, multiply, subtract } from '../ops/arithmetic.js';
import { greater, greaterEqual, less, lessEqual, logicalAnd, notEqual } from '../ops/compare.js';
import { range } from '../ops/create.js';
import { gather } from '../ops/gather.js';
import { resample } from '../ops/image.js';
import { floorDivide } from '../ops/integer.js';
import { pad } from '../ops/join.js';
import { matmul } from '../ops/matmul.js';
import { sum } from '../ops/reduce.js';
import {
  byteParts,
  KERAS_INTERPOLATIONS,
  type KerasInterpolation,
  kerasTaps,
  nearestPlaces,
  PIL_INTERPOLATIONS,
  type PilInterpolation,
  pilMakesRowsFirst,
  pilTaps,
  type Taps,
} from '../ops/resize-weights.js';
import { expandDims, reshape, slice, transpose } from '../ops/shape.js';
import { abs, round, sin, square } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { type Batch, checkWord, onBatch, type PictureOptions, toFloat } from './pictures.js';

/** What both ways to resize take. */
interface CommonResizeOptions extends PictureOptions {
  /** Cuts the sides or the top and bottom off first, so that shapes keep their form; default false. */
  cropToAspectRatio?: boolean;
  /** Puts borders on first, so that shapes keep their form; default false. */
  padToAspectRatio?: boolean;
  /** How borders are filled; Keras has `constant` alone. */
  fillMode?: 'constant';
  /** What borders are filled with; default 0. */
  fillValue?: number;
}

/** See `vision.ops.resize`. */
export type ResizeOptions =
  | (CommonResizeOptions & {
      /** Default. */
      like?: 'keras';
      /** Default `bilinear`. */
      interpolation?: KerasInterpolation;
      /** Widens the filter when shrinking, except for `nearest` and `area`; default false. */
      antialias?: boolean;
    })
  | (CommonResizeOptions & { like: 'pil'; interpolation?: PilInterpolation; antialias?: true });

/**
 * Pictures [h,w,c] or [n,h,w,c] in another size [height,width]. `like: 'keras'` (default) computes as `keras.ops.image.resize`:
 * integers are rounded and stay integers. `like: 'pil'` computes as Pillow, which always smooths when shrinking and rounds
 * bytes after each of its two passes; other integers become float32. Throws `argument` and `shape`.
 *
 * @example
 * const picture = fovea.ones([4, 6, 3]);
 * const half = vision.ops.resize(picture, [2, 3], { interpolation: 'bicubic', antialias: true });
 * const pillows = vision.ops.resize(picture, [2, 3], { like: 'pil', interpolation: 'lanczos' });
 */
export function resize(
  images: TensorLike,
  size: readonly [height: number, width: number],
  options: ResizeOptions = {},
): Tensor {
  checkOptions(size, options);
  return onBatch('resize', images, options, (batch) => {
    const fitted = toForm(batch, size, options);
    const [, h, w] = fitted.shape as readonly number[];
    if ((h as number) * (w as number) === 0) {
      throw new FoveaError({
        code: 'shape',
        op: 'resize',
        message: `pictures of ${h} x ${w} pixels have nothing to be made of.`,
        got: fitted.shape,
      });
    }
    return options.like === 'pil'
      ? resizeLikePil(fitted, size, options.interpolation ?? 'bilinear')
      : resizeLikeKeras(fitted, size, options.interpolation ?? 'bilinear', options.antialias ?? false);
  });
}

function checkOptions(size: readonly number[], options: ResizeOptions): void {
  const isSize = Array.isArray(size) && size.length === 2 && size.every((each) => Number.isInteger(each) && each > 0);
  if (!isSize) throw refuse('size', 'two whole numbers from 1, height and width', size);
  const { like = 'keras', interpolation = 'bilinear', antialias, fillMode = 'constant', fillValue = 0 } = options;
  checkWord('resize', 'like', like, ['keras', 'pil']);
  checkWord<string>(
    'resize',
    'interpolation',
    interpolation,
    like === 'pil' ? PIL_INTERPOLATIONS : KERAS_INTERPOLATIONS,
  );
  checkWord('resize', 'fillMode', fillMode, ['constant']);
  if (!Number.isFinite(fillValue)) throw refuse('fillValue', 'a number', fillValue);
  if (like === 'pil' && antialias === (false as boolean)) {
    throw refuse('antialias', 'true or left out: Pillow always smooths when shrinking', antialias);
  }
  if (options.cropToAspectRatio && options.padToAspectRatio) {
    throw new FoveaError({
      code: 'argument',
      op: 'resize',
      message: 'only one of cropToAspectRatio and padToAspectRatio can be true.',
      hint: 'Leave the other out.',
    });
  }
}

function refuse(option: string, want: string, got: unknown): FoveaError {
  const message = `${option} must be ${want}; got ${JSON.stringify(got)}.`;
  return new FoveaError({ code: 'argument', op: 'resize', message, got, want });
}

/** The pictures cut or with borders so that they have the form that `size` has. Numbers are rounded as Keras does. */
function toForm(
  { pictures, n, height, width, channels }: Batch,
  [toHeight, toWidth]: readonly [number, number],
  options: ResizeOptions,
): Tensor {
  const { cropToAspectRatio, padToAspectRatio, fillValue = 0 } = options;
  if (!cropToAspectRatio && !padToAspectRatio) return pictures;
  const { fround, trunc } = Math;
  const formHeight = trunc(fround(fround(width * toHeight) / toWidth));
  const formWidth = trunc(fround(fround(height * toWidth) / toHeight));
  if (cropToAspectRatio) {
    const cutHeight = Math.max(1, Math.min(height, formHeight));
    const cutWidth = Math.max(1, Math.min(width, formWidth));
    const start = [0, trunc((height - cutHeight) / 2), trunc((width - cutWidth) / 2), 0];
    return slice(pictures, start, [n, cutHeight, cutWidth, channels]);
  }
  // The same on both sides, so that the picture stays in the middle: an odd row is left out.
  const top = trunc((Math.max(height, formHeight) - height) / 2);
  const left = trunc((Math.max(width, formWidth) - width) / 2);
  return pad(
    pictures,
    [
      [0, 0],
      [top, top],
      [left, left],
      [0, 0],
    ],
    { value: fillValue },
  );
}

function resizeLikeKeras(
  pictures: Tensor,
  [height, width]: readonly [number, number],
  interpolation: KerasInterpolation,
  antialias: boolean,
): Tensor {
  const [, h, w] = pictures.shape as readonly [number, number, number];
  if (interpolation === 'nearest') return pick(pictures, 'keras', [height, width]);
  const taps = (from: number, to: number): Taps | undefined =>
    from === to ? undefined : kerasTaps(interpolation, from, to, antialias);
  const from = toFloat(pictures);
  const weighted = resample(from, { rows: taps(h, height), columns: taps(w, width) });
  const isPlain = interpolation === 'bilinear' && !antialias;
  const made = isPlain ? asCompound(weighted, 'resizeBilinear', [from], { size: [height, width] }) : weighted;
  const { dtype } = pictures;
  if (isFloat(dtype)) return made;
  return cast(dtype === 'uint8' ? clip(round(made), 0, 255) : round(made), dtype);
}

function resizeLikePil(
  pictures: Tensor,
  [height, width]: readonly [number, number],
  interpolation: PilInterpolation,
): Tensor {
  const [, h, w] = pictures.shape as readonly [number, number, number];
  if (interpolation === 'nearest') return pick(pictures, 'pil', [height, width]);
  const taps = (from: number, to: number): Taps | undefined =>
    from === to ? undefined : pilTaps(interpolation, from, to);
  const [rows, columns] = [taps(h, height), taps(w, width)];
  if (pictures.dtype !== 'uint8') return resample(toFloat(pictures), { rows, columns });
  const makeRows = (x: Tensor): Tensor => (rows === undefined ? x : byteSums(x, rows, 'rows'));
  const makeColumns = (x: Tensor): Tensor => (columns === undefined ? x : byteSums(x, columns, 'columns'));
  const from = toFloat(pictures);
  const made = pilMakesRowsFirst([h, w], [height, width]) ? makeColumns(makeRows(from)) : makeRows(makeColumns(from));
  return cast(made, 'uint8');
}

/** Bytes weighted as Pillow does it, in whole numbers, so that ties fall on its side on every engine. */
function byteSums(x: Tensor, taps: Taps, side: 'rows' | 'columns'): Tensor {
  const { high, low } = byteParts(taps);
  const sumOf = (part: Taps): Tensor => cast(resample(x, { [side]: part }), 'int32');
  const total = add(add(multiply(sumOf(high), 2 ** 11), sumOf(low)), 2 ** 21);
  return toFloat(clip(floorDivide(total, 2 ** 22), 0, 255));
}

/** Pixels picked from the pictures, of any dtype. */
function pick(pictures: Tensor, like: 'keras' | 'pil', [height, width]: readonly [number, number]): Tensor {
  const [, h, w] = pictures.shape as readonly [number, number, number];
  const along = (x: Tensor, from: number, to: number, axis: number): Tensor =>
    from === to ? x : gather(x, tensor(nearestPlaces(like, from, to)), axis);
  return along(along(pictures, h, height, 1), w, width, 2);
}

/** How `scaleAndTranslate` weighs neighbouring pixels: words for a triangle, for Keys's cubic, and Lanczos's windows. */
export type TranslateMethod =
  | 'linear'
  | 'bilinear'
  | 'trilinear'
  | 'triangle'
  | 'cubic'
  | 'bicubic'
  | 'tricubic'
  | 'lanczos3'
  | 'lanczos5';

/** See `vision.ops.scaleAndTranslate`. */
export interface ScaleAndTranslateOptions {
  /** The result's shape, as many axes as the images have. */
  outputShape: Shape;
  /** The axes that are scaled and translated. */
  spatialDims: readonly number[];
  method: TranslateMethod;
  /** Widens the filter when shrinking; default true. */
  antialias?: boolean;
}

type Kernel = (distance: Tensor) => Tensor;

const triangle: Kernel = (x) => maximum(subtract(1, x), 0);
const keysCubic: Kernel = (x) => {
  const near = add(multiply(multiply(subtract(multiply(x, 1.5), 2.5), x), x), 1);
  const far = add(multiply(subtract(multiply(add(multiply(x, -0.5), 2.5), x), 4), x), 2);
  return where(less(x, 1), near, where(less(x, 2), far, 0));
};
const lanczos =
  (radius: number): Kernel =>
  (x) => {
    const waves = multiply(multiply(sin(multiply(x, Math.PI)), sin(multiply(x, Math.PI / radius))), radius);
    const isNear = lessEqual(x, 1e-3);
    const inside = divide(waves, multiply(square(where(isNear, 1, x)), Math.PI ** 2));
    return where(greater(x, radius), 0, where(isNear, 1, inside));
  };

const KERNELS: Readonly<Record<TranslateMethod, Kernel>> = {
  ...{ linear: triangle, bilinear: triangle, trilinear: triangle, triangle },
  ...{ cubic: keysCubic, bicubic: keysCubic, tricubic: keysCubic },
  lanczos3: lanczos(3),
  lanczos5: lanczos(5),
};

/**
 * Images of any rank resampled, as `keras.ops.image.scale_and_translate`: along axis `spatialDims[i]` place x goes to
 * `x * scale[i] + translation[i]`; what comes from outside is 0. Scale and translation [k] may be computed, and have
 * gradients. Throws `shape` and `argument`.
 *
 * @example
 * const moved = vision.ops.scaleAndTranslate(fovea.ones([4, 4, 3]), fovea.tensor([2, 2]), fovea.tensor([0.5, -1]), {
 *   outputShape: [8, 8, 3],
 *   spatialDims: [0, 1],
 *   method: 'linear',
 * });
 */
export function scaleAndTranslate(
  images: TensorLike,
  scale: TensorLike,
  translation: TensorLike,
  { outputShape, spatialDims, method, antialias = true }: ScaleAndTranslateOptions,
): Tensor {
  const op = 'scaleAndTranslate';
  checkWord(op, 'method', method, Object.keys(KERNELS) as TranslateMethod[]);
  const from = toFloat(toTensor(images));
  const axes = spatialDims.map((axis) => normalizeAxis(axis, from.rank, op));
  const [scales, shifts] = [toFloat(toTensor(scale)), toFloat(toTensor(translation))];
  const isFitting =
    outputShape.length === from.rank && outputShape.every((dim, i) => axes.includes(i) || dim === from.shape[i]);
  if (!isFitting) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `outputShape ${formatShape(outputShape)} may differ from images ${formatShape(from.shape)} along spatialDims ${JSON.stringify(spatialDims)} alone.`,
      got: outputShape,
      want: from.shape,
    });
  }
  for (const [name, { shape }] of Object.entries({ scale: scales, translation: shifts })) {
    if (shape.length === 1 && shape[0] === axes.length) continue;
    throw new FoveaError({
      code: 'shape',
      op,
      message: `${name} must have one number for each of ${axes.length} spatialDims; got ${formatShape(shape)}.`,
      got: shape,
      want: [axes.length],
    });
  }
  return axes.reduce((x, axis, i) => {
    const one = (values: Tensor): Tensor => reshape(slice(values, [i], [1]), []);
    const [size, wanted] = [x.shape[axis] as number, outputShape[axis] as number];
    const weights = translatedWeights([size, wanted], one(scales), one(shifts), { kernel: KERNELS[method], antialias });
    const order = x.shape.map((_, each) => (each === axis ? x.rank - 1 : each === x.rank - 1 ? axis : each));
    return transpose(matmul(transpose(x, order), cast(weights, x.dtype)), order);
  }, from);
}

/** The matrix [from,to] of the weights of every input in every output. */
function translatedWeights(
  [from, to]: readonly [number, number],
  scale: Tensor,
  translation: Tensor,
  { kernel, antialias }: { kernel: Kernel; antialias: boolean },
): Tensor {
  const inverse = divide(1, scale);
  const stretch = antialias ? maximum(inverse, 1) : 1;
  const places = subtract(multiply(subtract(add(range(to), 0.5), translation), inverse), 0.5);
  const distances = divide(abs(subtract(expandDims(places, 0), expandDims(range(from), 1))), stretch);
  const raw = kernel(distances);
  const total = sum(raw, { axis: 0, keepDims: true });
  const isEnough = greater(abs(total), 1000 * 2 ** -23);
  const weights = where(isEnough, divide(raw, where(notEqual(total, 0), total, 1)), 0);
  const isInside = logicalAnd(greaterEqual(places, -0.5), lessEqual(places, from - 0.5));
  return where(expandDims(isInside, 0), weights, 0);
}
