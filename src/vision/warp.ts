// Affine and perspective warps, equal to keras.ops.image.affine_transform and perspective_transform.
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape } from '../core/shape.js';
import { toTensor } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, divide, multiply, subtract } from '../ops/arithmetic.js';
import { equal } from '../ops/compare.js';
import { range } from '../ops/create.js';
import { stack } from '../ops/join.js';
import { expandDims, reshape, slice } from '../ops/shape.js';
import { where } from '../ops/where.js';
import { type Batch, checkWord, onBatch, type PictureOptions, toFloat } from './pictures.js';
import {
  FILL_MODES,
  type FillMode,
  INTERPOLATIONS,
  type Interpolation,
  type SampleOptions,
  sample,
} from './sampling.js';

/** How a warp reads its picture. */
export interface WarpOptions extends PictureOptions {
  /** Default `bilinear`. */
  interpolation?: Interpolation;
  /** Default `constant`. */
  fillMode?: FillMode;
  /** What stands outside the picture in the mode `constant`; default 0. */
  fillValue?: number;
}

/** Checked options with defaults. */
export function sampleOptions(op: string, options: WarpOptions): SampleOptions {
  const { interpolation = 'bilinear', fillMode = 'constant', fillValue = 0 } = options;
  return {
    interpolation: checkWord(op, 'interpolation', interpolation, INTERPOLATIONS),
    fillMode: checkWord(op, 'fillMode', fillMode, FILL_MODES),
    fillValue,
  };
}

/** Integers are warped as float32 and cut back to their dtype. */
export function warped(batch: Batch, body: (batch: Batch) => Tensor): Tensor {
  return cast(body({ ...batch, pictures: toFloat(batch.pictures) }), batch.pictures.dtype);
}

/** Throws `shape` unless `x` is [..inner], or one per picture. */
function perPicture(op: string, name: string, x: TensorLike, inner: Shape, n: number): Tensor {
  const given = cast(x, 'float32');
  const one = given.rank === inner.length ? expandDims(given, 0) : given;
  const [count, ...rest] = one.shape;
  if ((count === 1 || count === n) && rest.length === inner.length && rest.every((dim, i) => dim === inner[i])) {
    return one;
  }
  throw new FoveaError({
    code: 'shape',
    op,
    message: `${name} must be ${formatShape(inner)} or ${formatShape([n, ...inner])}; got ${formatShape(given.shape)}.`,
    got: given.shape,
  });
}

/** Where the output's pixels are read: rows and columns, each [n or 1,h,w], for transforms [n or 1,8]. */
export function placesOf(
  transforms: Tensor,
  height: number,
  width: number,
): { row: Tensor; column: Tensor; isDefined: Tensor } {
  const [a0, a1, a2, b0, b1, b2, c0, c1] = Array.from({ length: 8 }, (_, i) =>
    reshape(slice(transforms, [0, i], [-1, 1]), [transforms.shape[0] as number, 1, 1]),
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const x = cast(reshape(range(width), [1, 1, width]), 'float32');
  const y = cast(reshape(range(height), [1, height, 1]), 'float32');
  const linear = (p: Tensor, q: Tensor, r: TensorLike): Tensor => add(add(multiply(p, x), multiply(q, y)), r);
  const depth = linear(c0, c1, 1);
  const isHorizon = equal(depth, 0);
  const by = where(isHorizon, 1, depth);
  return {
    row: divide(linear(b0, b1, b2), by),
    column: divide(linear(a0, a1, a2), by),
    isDefined: equal(isHorizon, false),
  };
}

/** The warp of a batch of floats by transforms [n or 1,8]. */
export function warpBatch(batch: Batch, transforms: Tensor, options: SampleOptions): Tensor {
  const { row, column, isDefined } = placesOf(transforms, batch.height, batch.width);
  const read = sample(batch, row, column, options);
  return where(expandDims(isDefined, -1), read, toTensor(options.fillValue, read.dtype));
}

/**
 * Warps pictures [h,w,c] or [n,h,w,c] by a transform [8], or one per picture [n,8]: a0, a1, a2, b0, b1, b2, c0, c1. The
 * output's pixel (x, y) is read at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x + c1 y + 1. Throws `shape`
 * and `argument`.
 *
 * @example
 * const image = fovea.reshape(fovea.range(9, { dtype: 'float32' }), [3, 3, 1]);
 * const moved = fovea.vision.ops.affineTransform(image, [1, 0, 1, 0, 1, 0, 0, 0]);
 * console.log(await fovea.reshape(moved, [3, 3]).array()); // [[1, 2, 0], [4, 5, 0], [7, 8, 0]]
 */
export function affineTransform(images: TensorLike, transform: TensorLike, options: WarpOptions = {}): Tensor {
  const op = 'affineTransform';
  const how = sampleOptions(op, options);
  return onBatch(op, images, options, (batch) => {
    const transforms = perPicture(op, 'transform', transform, [8], batch.n);
    return warped(batch, (pictures) => warpBatch(pictures, transforms, how));
  });
}

/** Coefficients of a projective map, row by row. */
type Matrix = readonly Tensor[];

const product = (a: Matrix, b: Matrix): Matrix =>
  Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [3 * Math.floor(at / 3), at % 3];
    const term = (k: number): Tensor => multiply(a[row + k] as Tensor, b[3 * k + column] as Tensor);
    return add(add(term(0), term(1)), term(2));
  });

/** The inverse but for a factor, which a projective map does not feel. */
function adjugate(m: Matrix): Matrix {
  const minor = (i: number, j: number, k: number, l: number): Tensor =>
    subtract(multiply(m[i] as Tensor, m[j] as Tensor), multiply(m[k] as Tensor, m[l] as Tensor));
  return [
    minor(4, 8, 5, 7),
    minor(2, 7, 1, 8),
    minor(1, 5, 2, 4),
    minor(5, 6, 3, 8),
    minor(0, 8, 2, 6),
    minor(2, 3, 0, 5),
    minor(3, 7, 4, 6),
    minor(1, 6, 0, 7),
    minor(0, 4, 1, 3),
  ];
}

/** The map from the unit square's corners to four points [n,4,2] given as top left, top right, bottom left, bottom right. */
function fromSquare(points: Tensor): Matrix {
  const n = points.shape[0] as number;
  const value = (corner: number, axis: number): Tensor => reshape(slice(points, [0, corner, axis], [n, 1, 1]), [n]);
  const around = [0, 1, 3, 2].map((corner) => [value(corner, 0), value(corner, 1)] as const);
  const [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = around as [
    readonly [Tensor, Tensor],
    readonly [Tensor, Tensor],
    readonly [Tensor, Tensor],
    readonly [Tensor, Tensor],
  ];
  const [sumX, sumY] = [add(subtract(x0, x1), subtract(x2, x3)), add(subtract(y0, y1), subtract(y2, y3))];
  const [dx1, dx2] = [subtract(x1, x2), subtract(x3, x2)];
  const [dy1, dy2] = [subtract(y1, y2), subtract(y3, y2)];
  const cross = (a: Tensor, b: Tensor, c: Tensor, d: Tensor): Tensor => subtract(multiply(a, b), multiply(c, d));
  const area = cross(dx1, dy2, dx2, dy1);
  const g = divide(cross(sumX, dy2, dx2, sumY), area);
  const h = divide(cross(dx1, sumY, sumX, dy1), area);
  const one = add(multiply(g, 0), 1);
  return [
    add(subtract(x1, x0), multiply(g, x1)),
    add(subtract(x3, x0), multiply(h, x3)),
    x0,
    add(subtract(y1, y0), multiply(g, y1)),
    add(subtract(y3, y0), multiply(h, y3)),
    y0,
    g,
    h,
    one,
  ];
}

/**
 * The transforms [n,8] that take four end points to four start points, both [n,4,2] or [4,2] as [x, y]: what
 * `affineTransform` needs to bring the start points to the end points. Three points on one line have none (NaN).
 */
export function computeHomographyMatrix(startPoints: TensorLike, endPoints: TensorLike): Tensor {
  const op = 'computeHomographyMatrix';
  const [start, end] = [toTensor(startPoints), toTensor(endPoints)];
  const n = Math.max(start.rank === 3 ? (start.shape[0] as number) : 1, end.rank === 3 ? (end.shape[0] as number) : 1);
  const from = fromSquare(perPicture(op, 'startPoints', start, [4, 2], n));
  const to = fromSquare(perPicture(op, 'endPoints', end, [4, 2], n));
  const whole = product(from, adjugate(to));
  const scale = whole[8] as Tensor;
  return stack(
    whole.slice(0, 8).map((each) => divide(each, scale)),
    1,
  );
}

/**
 * Warps pictures so that four start points [x, y] come to four end points; each [4,2], or one set per picture [n,4,2], in
 * the order top left, top right, bottom left, bottom right. Outside stands `fillValue`. Throws `shape` and `argument`.
 */
export function perspectiveTransform(
  images: TensorLike,
  startPoints: TensorLike,
  endPoints: TensorLike,
  options: Omit<WarpOptions, 'fillMode'> = {},
): Tensor {
  const op = 'perspectiveTransform';
  const { interpolation, fillValue } = sampleOptions(op, options);
  return onBatch(op, images, options, (batch) => {
    const start = perPicture(op, 'startPoints', startPoints, [4, 2], batch.n);
    const end = perPicture(op, 'endPoints', endPoints, [4, 2], batch.n);
    const transforms = computeHomographyMatrix(start, end);
    return warped(batch, (pictures) =>
      warpBatch(pictures, transforms, { interpolation, fillMode: 'constant', fillValue }),
    );
  });
}
