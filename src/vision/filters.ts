// Filters of fixed weights: any small matrix over every channel, the classic ones by name, and the Gaussian.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { add, cast, multiply } from '../ops/arithmetic.js';
import { depthwiseConv2d } from '../ops/conv-variants.js';
import { gather } from '../ops/gather.js';
import { pad, stack } from '../ops/join.js';
import { broadcastTo, reshape } from '../ops/shape.js';
import { sqrt, square } from '../ops/unary.js';
import { checkWhole, type Pair, pairOf } from '../ops/window.js';
import { checkWord, fromBatch, onBatch, type PictureOptions, toBatch, toFloat } from './pictures.js';
import { FILL_MODES, type FillMode } from './sampling.js';

type Matrix = readonly (readonly number[])[];

/** The classic filters by name: rows of weights. Those for edges sum to 0, the others to 1. */
export const kernels = {
  identity: [
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ],
  edge: [
    [-1, -1, -1],
    [-1, 8, -1],
    [-1, -1, -1],
  ],
  sharpen: [
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ],
  blur: [
    [1 / 9, 1 / 9, 1 / 9],
    [1 / 9, 1 / 9, 1 / 9],
    [1 / 9, 1 / 9, 1 / 9],
  ],
  gaussian: [
    [1 / 16, 2 / 16, 1 / 16],
    [2 / 16, 4 / 16, 2 / 16],
    [1 / 16, 2 / 16, 1 / 16],
  ],
  emboss: [
    [-2, -1, 0],
    [-1, 1, 1],
    [0, 1, 2],
  ],
  laplacian: [
    [0, 1, 0],
    [1, -4, 1],
    [0, 1, 0],
  ],
  sobelX: [
    [-1, 0, 1],
    [-2, 0, 2],
    [-1, 0, 1],
  ],
  sobelY: [
    [-1, -2, -1],
    [0, 0, 0],
    [1, 2, 1],
  ],
  scharrX: [
    [-3, 0, 3],
    [-10, 0, 10],
    [-3, 0, 3],
  ],
  scharrY: [
    [-3, -10, -3],
    [0, 0, 0],
    [3, 10, 3],
  ],
  prewittX: [
    [-1, 0, 1],
    [-1, 0, 1],
    [-1, 0, 1],
  ],
  prewittY: [
    [-1, -1, -1],
    [0, 0, 0],
    [1, 1, 1],
  ],
} as const satisfies Readonly<Record<string, Matrix>>;

/** The name of a classic filter. */
export type KernelName = keyof typeof kernels;

/** See `filter2d`. */
export interface Filter2dOptions extends PictureOptions {
  /** `same` (default) keeps the size; `valid` reads nothing beyond the border. */
  padding?: 'same' | 'valid';
  /** What stands beyond the border with `same`; default `constant`, which is 0. */
  fillMode?: FillMode;
}

/** Where a border of `before` and `after` cells is read, for an axis of `size`. */
function borderIndices(size: number, before: number, after: number, mode: FillMode): Int32Array {
  return Int32Array.from({ length: before + size + after }, (_, i) => {
    const at = i - before;
    if (mode === 'constant') return at < 0 || at >= size ? -1 : at;
    if (mode === 'nearest') return Math.min(Math.max(at, 0), size - 1);
    const period = mode === 'wrap' ? size : 2 * size;
    const turn = ((at % period) + period) % period;
    return turn < size ? turn : 2 * size - 1 - turn;
  });
}

/** Pictures [n,h,w,c] in a border of [top, bottom] and [left, right] cells. */
export function bordered(pictures: Tensor, rows: Pair, columns: Pair, mode: FillMode): Tensor {
  const [, height, width] = pictures.shape as [number, number, number];
  const down = gather(pictures, tensor(borderIndices(height, ...rows, mode)), 1);
  return gather(down, tensor(borderIndices(width, ...columns, mode)), 2);
}

function kernelOf(op: string, kernel: TensorLike | KernelName, dtype: Tensor['dtype']): Tensor {
  if (typeof kernel === 'string') {
    const name = checkWord(op, 'kernel', kernel, Object.keys(kernels) as KernelName[]);
    return tensor(kernels[name], { dtype });
  }
  const matrix = cast(kernel, dtype);
  if (matrix.rank === 2 && matrix.size > 0) return matrix;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `kernel must be [height,width]; got ${formatShape(matrix.shape)}.`,
    got: matrix.shape,
    hint: 'The same kernel is applied to every channel; conv2d takes kernels that mix channels.',
  });
}

/**
 * Slides one small matrix over every channel of pictures [h,w,c] or [n,h,w,c]: at each place the sum of products, the kernel not
 * turned. Integers become float32. Throws `shape`, and `argument` for a name that is not in `vision.kernels`.
 *
 * @example
 * const edges = fovea.vision.ops.filter2d(fovea.ones([4, 4, 1]), 'sobelX', { padding: 'valid' });
 * console.log(await fovea.reshape(edges, [2, 2]).array()); // [[0, 0], [0, 0]]
 */
export function filter2d(images: TensorLike, kernel: TensorLike | KernelName, options: Filter2dOptions = {}): Tensor {
  const op = 'filter2d';
  const padding = checkWord(op, 'padding', options.padding ?? 'same', ['same', 'valid']);
  const fillMode = checkWord(op, 'fillMode', options.fillMode ?? 'constant', FILL_MODES);
  return onBatch(op, images, options, ({ pictures, channels }) => {
    const from = toFloat(pictures);
    const matrix = kernelOf(op, kernel, from.dtype);
    const [kh, kw] = matrix.shape as [number, number];
    const filter = broadcastTo(reshape(matrix, [kh, kw, 1, 1]), [kh, kw, channels, 1]);
    if (padding === 'valid' || fillMode === 'constant') return depthwiseConv2d(from, filter, { padding });
    const sides = (size: number): Pair => [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
    return depthwiseConv2d(bordered(from, sides(kh), sides(kw), fillMode), filter);
  });
}

/** See `gaussianBlur`. */
export interface GaussianBlurOptions extends PictureOptions {
  /** Default [3, 3]. */
  kernelSize?: number | Pair;
  /** Deviation in pixels along columns and along rows, in this order as in Keras; default [1, 1]. */
  sigma?: number | Pair;
}

/** Weights of a Gaussian over `size` pixels, summing to 1. */
export function gaussianWeights(size: number, sigma: number): number[] {
  const weights = Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2));
  const total = weights.reduce((sum, each) => sum + each, 0);
  return weights.map((each) => each / total);
}

/**
 * Blurs pictures by a Gaussian of `kernelSize` pixels; beyond the border there are zeros. Equal to
 * keras.ops.image.gaussian_blur, also where height and width of the kernel differ and Keras deals its weights out
 * row by row. Throws `argument`.
 */
export function gaussianBlur(images: TensorLike, options: GaussianBlurOptions = {}): Tensor {
  const op = 'gaussianBlur';
  const size = pairOf(options.kernelSize ?? 3);
  const sigma = pairOf(options.sigma ?? 1);
  checkWhole(op, 'kernelSize', size, 1);
  if (!sigma.every((each) => Number.isFinite(each) && each > 0)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `sigma must be numbers above 0; got ${sigma.join(', ')}.`,
      got: sigma,
    });
  }
  const across = gaussianWeights(size[0], sigma[0]);
  const down = gaussianWeights(size[1], sigma[1]);
  const constant = { dataFormat: options.dataFormat ?? 'channelsLast' } as const;
  if (size[0] === size[1]) {
    // Two passes of n weights instead of one of n * n.
    const column = down.map((each) => [each]);
    return filter2d(filter2d(images, column, constant), [across], constant);
  }
  const weights = down.flatMap((a) => across.map((b) => a * b));
  return filter2d(images, tensor(Float32Array.from(weights), { shape: size }), constant);
}

/** See `edgeStrength`. */
export interface EdgeOptions extends Filter2dOptions {
  /** Default `sobel`. */
  kernel?: 'sobel' | 'scharr' | 'prewitt';
}

/** How steep the pictures are at each pixel of each channel: the length of the slope by Sobel's filters, or another pair's. */
export function edgeStrength(images: TensorLike, { kernel = 'sobel', ...options }: EdgeOptions = {}): Tensor {
  checkWord('edgeStrength', 'kernel', kernel, ['sobel', 'scharr', 'prewitt']);
  const across = filter2d(images, `${kernel}X`, options);
  const down = filter2d(images, `${kernel}Y`, options);
  return sqrt(add(square(across), square(down)));
}

/**
 * The slopes of pictures downwards and to the right by Sobel's filters, on a last axis of 2: [h,w,c,2] or [n,h,w,c,2]; channels first
 * [c,h,w,2] or [n,c,h,w,2]. The border is mirrored at its outermost pixels, as in TensorFlow. Throws `shape`.
 */
export function sobelEdges(images: TensorLike, options: PictureOptions = {}): Tensor {
  const { pictures } = toBatch('sobelEdges', images, options);
  const wide = pad(
    toFloat(pictures),
    [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ],
    { mode: 'reflect' },
  );
  const slope = (kernel: KernelName): Tensor =>
    fromBatch(filter2d(wide, kernel, { padding: 'valid' }), images, options);
  const [down, across] = [slope('sobelY'), slope('sobelX')];
  return stack([down, across], down.rank);
}

/** The products of slopes that corners are found by, averaged over a window: x x, y y and x y, each [n,h,w,1]. */
export function structureTensor(grey: Tensor, sigma: number): readonly [Tensor, Tensor, Tensor] {
  const dx = filter2d(grey, 'sobelX', { fillMode: 'nearest' });
  const dy = filter2d(grey, 'sobelY', { fillMode: 'nearest' });
  const size = 2 * Math.ceil(2 * sigma) + 1;
  const weights = gaussianWeights(size, sigma);
  const window = (products: Tensor): Tensor =>
    filter2d(
      filter2d(
        products,
        weights.map((each) => [each]),
        { fillMode: 'nearest' },
      ),
      [weights],
      { fillMode: 'nearest' },
    );
  return [window(square(dx)), window(square(dy)), window(multiply(dx, dy))];
}
