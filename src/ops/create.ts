// Tensors from nothing but their shape. None stores its elements: equal ones are one number read with
// stride 0, and sequences are computed from the index.
import { type Dtype, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { checkShape, type Shape } from '../core/shape.js';
import { defineOp, toTensor } from '../graph/define.js';
import { scalar, type Tensor, type TensorLike } from '../graph/tensor.js';
import { add, cast, divide, multiply, subtract } from './arithmetic.js';
import { equal } from './compare.js';
import { broadcastTo, expandDims } from './shape.js';

interface RangeParams {
  readonly start: number;
  readonly step: number;
  readonly count: number;
  readonly dtype: 'float32' | 'int32';
}

const rangeOp = defineOp<RangeParams>({
  name: 'range',
  summary: 'start, start + step, start + 2 step, ...',
  shape: (_inputs, { count, dtype }) => [{ shape: [count], dtype }],
  gradient: 'none',
  reference: (_inputs, { start, step, count }) => [Float64Array.from({ length: count }, (_, i) => start + step * i)],
  lower(p, _inputs, { start, step, dtype }) {
    const index = p.emit('index');
    if (dtype === 'int32')
      return [p.emit('iadd', p.emit('imul', index, p.constant(step, 'int')), p.constant(start, 'int'))];
    return [p.emit('fadd', p.emit('fmul', p.toFloat(index), p.constant(step)), p.constant(start))];
  },
  cases: () => [
    { name: 'i32', inputs: [], params: { start: 0, step: 1, count: 1031, dtype: 'int32' } },
    { name: 'backwards', inputs: [], params: { start: 5, step: -3, count: 4, dtype: 'int32' } },
    { name: 'f32', inputs: [], params: { start: -1, step: 0.25, count: 37, dtype: 'float32' } },
    { name: 'empty', inputs: [], params: { start: 0, step: 1, count: 0, dtype: 'int32' } },
  ],
});

/** The element type of a created tensor. */
export interface CreateOptions {
  /** Default float32, or as the function says. */
  dtype?: Dtype;
}

/** Every element `value`. */
export function full(shape: Shape, value: number, { dtype = 'float32' }: CreateOptions = {}): Tensor {
  checkShape(shape, 'full');
  return broadcastTo(scalar(value, dtype), shape);
}

/** Zeros. */
export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** Ones. */
export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** Every element `value`, in the shape and dtype of x. */
export function fullLike(x: TensorLike, value: number, options: CreateOptions = {}): Tensor {
  const like = toTensor(x);
  return full(like.shape, value, { dtype: options.dtype ?? like.dtype });
}

/** Zeros in the shape and dtype of x. */
export function zerosLike(x: TensorLike, options: CreateOptions = {}): Tensor {
  return fullLike(x, 0, options);
}

/** Ones in the shape and dtype of x. */
export function onesLike(x: TensorLike, options: CreateOptions = {}): Tensor {
  return fullLike(x, 1, options);
}

/**
 * The numbers from start (default 0) up to but without stop, `step` apart: `range(3)` is [0, 1, 2]. int32 where start and
 * step are whole, else float32, or the dtype given. Throws `argument` for a step of 0.
 */
export function range(stop: number, options?: CreateOptions): Tensor;
export function range(start: number, stop: number, step?: number, options?: CreateOptions): Tensor;
export function range(first: number, second?: number | CreateOptions, third = 1, fourth: CreateOptions = {}): Tensor {
  const isBounded = typeof second === 'number';
  const [start, stop] = isBounded ? [first, second] : [0, first];
  const options = isBounded ? fourth : (second ?? {});
  if (third === 0 || ![start, stop, third].every(Number.isFinite)) {
    throw new FoveaError({
      code: 'argument',
      op: 'range',
      message: `${start} to ${stop} in steps of ${third} has no end.`,
      got: { start, stop, step: third },
      hint: 'Give finite bounds and a step that is not 0.',
    });
  }
  const count = Math.max(0, Math.ceil((stop - start) / third));
  const isWhole = Number.isInteger(start) && Number.isInteger(third);
  const dtype = options.dtype ?? (isWhole ? 'int32' : 'float32');
  // Whole numbers count exactly in int32; other dtypes are cast from there.
  const base = isWhole && !isFloat(dtype) ? 'int32' : 'float32';
  return cast(rangeOp.one([], { start, step: third, count, dtype: base }), dtype);
}

/** `count` numbers from start to stop, both included, evenly spaced; float32. */
export function linspace(start: number, stop: number, count: number): Tensor {
  if (!Number.isInteger(count) || count < 1) {
    throw new FoveaError({
      code: 'argument',
      op: 'linspace',
      message: `count must be a whole number of at least 1; got ${count}.`,
      got: count,
    });
  }
  if (count === 1) return full([1], start);
  // Weighted this way, both ends come out exactly.
  const t = divide(range(count, { dtype: 'float32' }), count - 1);
  return add(multiply(subtract(1, t), start), multiply(t, stop));
}

/** Ones on the main diagonal, zeros elsewhere. */
export function eye(rows: number, columns = rows, { dtype = 'float32' }: CreateOptions = {}): Tensor {
  checkShape([rows, columns], 'eye');
  return cast(equal(expandDims(range(rows), 1), range(columns)), dtype);
}

export const createOps = [rangeOp] as const;
