// Reductions over axes: sum, mean, prod, max, min, any, all, argMax, argMin, and what follows from them.

import { DTYPES, PARTIAL_SUMS, REDUCTIONS } from '../core/abi.js';
import { type Dtype, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { normalizeAxes, type Shape, sizeOf, stridesOf } from '../core/shape.js';
import { defineOp, type Op, toTensor } from '../graph/define.js';
import type { GradientRequest, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, divide, multiply, subtract } from './arithmetic.js';
import { equal } from './compare.js';
import { broadcastTo, reshape } from './shape.js';
import { exp, log, sqrt, square } from './unary.js';
import { where } from './where.js';

interface ReduceParams {
  /** Sorted, from the front. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Where to reduce, and whether reduced axes stay with size 1. */
export interface ReduceOptions {
  /** Default: all axes. */
  axis?: number | readonly number[] | undefined;
  keepDims?: boolean | undefined;
}

interface Reduction {
  readonly name: keyof typeof REDUCTIONS;
  readonly summary: string;
  result(dtype: Dtype): Dtype;
  /** Folds the values of one output, which come in row-major order. */
  fold(values: Float64Array): number;
  readonly gradient: ((request: GradientRequest<ReduceParams>) => Tensor) | 'none';
  /** False where ties or kinks leave no gradient. */
  readonly checkGradient?: boolean;
  readonly dtypes: readonly Dtype[];
}

function defineReduction(reduction: Reduction): Op<ReduceParams> {
  const { name, gradient } = reduction;
  return defineOp<ReduceParams>({
    name,
    summary: reduction.summary,
    shape([x], { axes, keepDims }) {
      const { shape, dtype } = x as TensorType;
      if (!reduction.dtypes.includes(dtype)) {
        throw new FoveaError({
          code: 'dtype',
          op: name,
          message: `is not defined for ${dtype}.`,
          got: dtype,
          want: reduction.dtypes,
          hint: 'Cast the input with fovea.cast.',
        });
      }
      return [{ shape: reducedShape(shape, axes, keepDims), dtype: reduction.result(dtype) }];
    },
    gradient: gradient === 'none' ? 'none' : (request) => [gradient(request)],
    reference([x], { axes }, [output]) {
      const out = new Float64Array(sizeOf((output as TensorType).shape));
      const inner = sizeOf(axes.map((axis) => x!.shape[axis] as number));
      const groups = Array.from(out, () => new Float64Array(inner));
      const filled = new Uint32Array(out.length);
      const keep = stridesOf(reducedShape(x!.shape, axes, true)).map((stride, axis) =>
        axes.includes(axis) ? 0 : stride,
      );
      const steps = stridesOf(x!.shape);
      for (let i = 0; i < x!.data.length; i++) {
        let to = 0;
        for (let axis = 0; axis < steps.length; axis++) {
          to += (Math.floor(i / (steps[axis] as number)) % (x!.shape[axis] as number)) * (keep[axis] as number);
        }
        (groups[to] as Float64Array)[filled[to]!++] = x!.data[i] as number;
      }
      groups.forEach((group, to) => {
        out[to] = reduction.fold(group);
      });
      return [out];
    },
    acceptsStrides: true,
    reduces: ([x], { axes }) => sizeOf(axes.map((axis) => x!.shape[axis] as number)),
    flops: ([x]) => sizeOf(x!.shape),
    kernels({ inputs: [x], outputs: [y], params: { axes }, layouts: [layout] }) {
      const kept = x!.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
      const dims = (of: readonly number[]) => of.map((axis) => x!.shape[axis] as number);
      const strides = (of: readonly number[]) => of.map((axis) => layout!.strides[axis] as number);
      return [
        {
          kernel: 'reduce',
          operands: [{ kind: 'input', index: 0 }, { kind: 'output', index: 0 }, { kind: 'scratch' }],
          parameters: [
            REDUCTIONS[name],
            DTYPES[x!.dtype],
            DTYPES[y!.dtype],
            kept.length,
            ...dims(kept),
            ...strides(kept),
            axes.length,
            ...dims(axes),
            ...strides(axes),
          ],
          scratchBytes: PARTIAL_SUMS * 8 * sizeOf(y!.shape),
        },
      ];
    },
    cases: () => {
      const cases = [
        { name: 'all', shape: [3, 5, 7], axes: [0, 1, 2], keepDims: false },
        { name: 'rows', shape: [33, 65], axes: [1], keepDims: false },
        { name: 'columns', shape: [65, 33], axes: [0], keepDims: true },
        { name: 'middle', shape: [3, 17, 5], axes: [1], keepDims: false },
        { name: 'outer and inner', shape: [3, 4, 5], axes: [0, 2], keepDims: true },
        { name: 'long', shape: [2, 10007], axes: [1], keepDims: false },
        { name: 'none', shape: [4], axes: [], keepDims: false },
        { name: 'short rows', shape: [37, 10], axes: [1], keepDims: false },
        { name: 'one long row', shape: [1, 517], axes: [1], keepDims: false },
        { name: 'wide columns', shape: [19, 263], axes: [0], keepDims: false },
      ];
      return cases.flatMap(({ name: caseName, shape, axes, keepDims }) =>
        reduction.dtypes.map((dtype) => ({
          name: `${caseName} ${dtype}`,
          inputs: [
            isFloat(dtype)
              ? { shape, dtype, low: name === 'prod' ? 0.9 : -1, high: 1.1 }
              : { shape, dtype, low: 0, high: name === 'prod' ? 2 : 5 },
          ],
          params: { axes, keepDims },
          gradient: dtype === 'float32' && reduction.checkGradient !== false && shape.length > 0,
        })),
      );
    },
  });
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** A reduced tensor repeated back to the shape it came from. */
function spread(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return broadcastTo(reshape(y, reducedShape(shape, axes, true)), shape);
}

const FLOATS: readonly Dtype[] = ['float32', 'float16', 'bfloat16'];
const NUMBERS: readonly Dtype[] = [...FLOATS, 'int32', 'uint8'];
const wide = (dtype: Dtype): Dtype => (isFloat(dtype) ? dtype : 'int32');

const sumOp = defineReduction({
  name: 'sum',
  summary: 'sum over axes',
  dtypes: [...NUMBERS, 'bool'],
  result: wide,
  fold: (values) => values.reduce((total, value) => total + value, 0),
  gradient: ({ inputs: [x], params: { axes }, dy }) => spread(dy, x!.shape, axes),
});

const meanOp = defineReduction({
  name: 'mean',
  summary: 'mean over axes',
  dtypes: FLOATS,
  result: (dtype) => dtype,
  fold: (values) => values.reduce((total, value) => total + value, 0) / values.length,
  gradient: ({ inputs: [x], params: { axes }, dy }) =>
    spread(divide(dy, sizeOf(axes.map((axis) => x!.shape[axis] as number))), x!.shape, axes),
});

const prodOp = defineReduction({
  name: 'prod',
  summary: 'product over axes; no gradient where a factor is 0',
  dtypes: [...FLOATS, 'int32'],
  result: wide,
  fold: (values) => values.reduce((total, value) => total * value, 1),
  gradient: ({ inputs: [x], outputs: [y], params: { axes }, dy }) =>
    divide(spread(multiply(dy, y!), x!.shape, axes), x!),
});

const maxOp = defineReduction({
  name: 'max',
  summary: 'largest over axes; NaN wins; equal values share the gradient',
  dtypes: NUMBERS,
  result: (dtype) => dtype,
  fold: (values) => values.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY),
  gradient: shareAmongEqual,
});

const minOp = defineReduction({
  name: 'min',
  summary: 'smallest over axes; NaN wins; equal values share the gradient',
  dtypes: NUMBERS,
  result: (dtype) => dtype,
  fold: (values) => values.reduce((best, value) => Math.min(best, value), Number.POSITIVE_INFINITY),
  gradient: shareAmongEqual,
});

function shareAmongEqual({ inputs: [x], outputs: [y], params: { axes }, dy }: GradientRequest<ReduceParams>): Tensor {
  const isBest = cast(equal(x!, spread(y!, x!.shape, axes)), dy.dtype);
  const count = sum(isBest, { axis: axes, keepDims: true });
  return multiply(isBest, divide(spread(dy, x!.shape, axes), count));
}

const anyOp = defineReduction({
  name: 'any',
  summary: 'whether any element over the axes is true',
  dtypes: ['bool'],
  result: () => 'bool',
  fold: (values) => Number(values.some((value) => value !== 0)),
  gradient: 'none',
});

const allOp = defineReduction({
  name: 'all',
  summary: 'whether all elements over the axes are true',
  dtypes: ['bool'],
  result: () => 'bool',
  fold: (values) => Number(values.every((value) => value !== 0)),
  gradient: 'none',
});

const argMaxOp = defineReduction({
  name: 'argMax',
  summary: 'position of the first largest element along an axis',
  dtypes: NUMBERS,
  result: () => 'int32',
  fold: (values) => firstBest(values, (value, best) => value > best),
  gradient: 'none',
});

const argMinOp = defineReduction({
  name: 'argMin',
  summary: 'position of the first smallest element along an axis',
  dtypes: NUMBERS,
  result: () => 'int32',
  fold: (values) => firstBest(values, (value, best) => value < best),
  gradient: 'none',
});

function firstBest(values: Float64Array, wins: (value: number, best: number) => boolean): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    const isNaNFirst = Number.isNaN(values[i]) && !Number.isNaN(values[best]);
    if (isNaNFirst || wins(values[i] as number, values[best] as number)) best = i;
  }
  return best;
}

function reduceWith(op: Op<ReduceParams>, x: TensorLike, { axis, keepDims = false }: ReduceOptions): Tensor {
  const from = toTensor(x);
  return op.one([from], { axes: normalizeAxes(axis, from.rank, op.name), keepDims });
}

/** The sum over axes; integers and booleans give int32. */
export function sum(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return reduceWith(sumOp, x, options);
}

/** The mean over axes; integers and booleans are averaged in float32. */
export function mean(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const from = toTensor(x);
  return reduceWith(meanOp, isFloat(from.dtype) ? from : cast(from, 'float32'), options);
}

/** The product over axes. */
export function prod(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return reduceWith(prodOp, x, options);
}

/** The largest element over axes; NaN where there is one. */
export function max(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return reduceWith(maxOp, x, options);
}

/** The smallest element over axes; NaN where there is one. */
export function min(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return reduceWith(minOp, x, options);
}

/** Whether any element over the axes is not 0. */
export function any(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return reduceWith(anyOp, cast(x, 'bool'), options);
}

/** Whether every element over the axes is not 0. */
export function all(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return reduceWith(allOp, cast(x, 'bool'), options);
}

/** The position of the first largest element along `axis` (default: the last), int32. */
export function argMax(x: TensorLike, options: { axis?: number; keepDims?: boolean } = {}): Tensor {
  return reduceWith(argMaxOp, x, { axis: options.axis ?? -1, keepDims: options.keepDims });
}

/** The position of the first smallest element along `axis` (default: the last), int32. */
export function argMin(x: TensorLike, options: { axis?: number; keepDims?: boolean } = {}): Tensor {
  return reduceWith(argMinOp, x, { axis: options.axis ?? -1, keepDims: options.keepDims });
}

/** The population variance over axes. */
export function variance(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const from = toTensor(x);
  const centred = subtract(from, mean(from, { axis: options.axis, keepDims: true }));
  return mean(square(centred), options);
}

/** The population standard deviation over axes. */
export function std(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return sqrt(variance(x, options));
}

/** log(sum(exp(x))) over axes, without overflow. */
export function logSumExp(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const from = toTensor(x);
  const top = max(from, { axis: options.axis, keepDims: true });
  const shift = where(equal(subtract(top, top), 0), top, 0);
  const total = log(sum(exp(subtract(from, shift)), options));
  const axes = normalizeAxes(options.axis, from.rank, 'logSumExp');
  return add(total, reshape(shift, reducedShape(from.shape, axes, options.keepDims ?? false)));
}

/** The Euclidean length of all elements together, or over axes. */
export function norm(x: TensorLike, options: ReduceOptions = {}): Tensor {
  return sqrt(sum(square(x), options));
}

export const reduceOps = [sumOp, meanOp, prodOp, maxOp, minOp, anyOp, allOp, argMaxOp, argMinOp] as const;
