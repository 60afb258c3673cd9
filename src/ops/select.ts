// Choosing elements by their value: the largest of each row, sorting, and the places where something holds.
// What is found may be fewer than the static bound; a count goes with it.
import { DTYPES } from '../core/abi.js';
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, normalizeAxis, sameShape, sizeOf } from '../core/shape.js';
import { defineOp, type Op, toTensor } from '../graph/define.js';
import type { ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast, negative } from './arithmetic.js';
import { gather, putAlongLastAxis, takeAlongAxis } from './gather.js';
import { reshape, transpose } from './shape.js';

const topKOp: Op<{ k: number }> = defineOp({
  name: 'topK',
  summary: 'the k largest of each row, in descending order, and their places; NaN counts as largest',
  shape([x], { k }) {
    const { shape, dtype } = x as TensorType;
    const columns = shape.at(-1);
    if (!isFloat(dtype)) {
      throw new FoveaError({
        code: 'dtype',
        op: 'topK',
        message: `is not defined for ${dtype}; it takes floats.`,
        got: dtype,
        want: 'a float dtype',
        hint: 'Cast the values with fovea.cast.',
      });
    }
    if (columns === undefined || !Number.isInteger(k) || k < 1 || k > columns) {
      throw new FoveaError({
        code: 'argument',
        op: 'topK',
        message: `cannot take ${k} of the last axis of ${formatShape(shape)}.`,
        got: k,
        want: columns,
        hint: `k must be a whole number from 1 to the size of the last axis.`,
      });
    }
    const out = [...shape.slice(0, -1), k];
    return [
      { shape: out, dtype },
      { shape: out, dtype: 'int32' },
    ];
  },
  gradient: ({ inputs: [x], outputs: [, indices], dy }) => [putAlongLastAxis(dy, indices!, x!.shape.at(-1) as number)],
  reference([x], { k }, [output]) {
    const columns = x!.shape.at(-1) as number;
    const size = sizeOf((output as TensorType).shape);
    const values = new Float64Array(size);
    const indices = new Float64Array(size);
    for (let row = 0; row * k < size; row++) {
      const from = x!.data.subarray(row * columns, (row + 1) * columns);
      const order = Array.from(from, (_, i) => i).sort(
        (a, b) => compareDescending(from[a] as number, from[b] as number) || a - b,
      );
      for (let i = 0; i < k; i++) {
        indices[row * k + i] = order[i] as number;
        values[row * k + i] = from[order[i] as number] as number;
      }
    }
    return [values, indices];
  },
  kernels({ inputs: [x], params: { k } }) {
    const columns = x!.shape.at(-1) as number;
    return [
      {
        kernel: 'topK',
        operands: [
          { kind: 'input', index: 0 },
          { kind: 'output', index: 0 },
          { kind: 'output', index: 1 },
        ],
        parameters: [sizeOf(x!.shape) / columns, columns, k],
      },
    ];
  },
  cases: () => [
    { name: 'one', inputs: [{ shape: [1] }], params: { k: 1 } },
    { name: 'some', inputs: [{ shape: [3, 11] }], params: { k: 4 } },
    { name: 'all', inputs: [{ shape: [2, 3, 5] }], params: { k: 5 } },
    { name: 'many', inputs: [{ shape: [3, 1031] }], params: { k: 100 } },
    { name: 'ties', inputs: [{ shape: [8], values: [1, 3, 3, -1, 3, 1, 0, 3] }], params: { k: 6 }, gradient: false },
    {
      name: 'NaN and infinities',
      inputs: [
        { shape: [6], values: [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 2] },
      ],
      params: { k: 6 },
      gradient: false,
    },
    { name: 'empty', inputs: [{ shape: [0, 3] }], params: { k: 2 }, gradient: false },
  ],
});

function compareDescending(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a === b ? 0 : a > b ? -1 : 1;
}

const nonZeroOp: Op<{ bound: number }> = defineOp({
  name: 'nonZero',
  summary: 'coordinates of the elements that are not 0, row-major; rows after the count are -1',
  shape([x], { bound }) {
    const { shape } = x as TensorType;
    if (shape.length === 0 || !Number.isInteger(bound) || bound < 0) {
      throw new FoveaError({
        code: 'argument',
        op: 'nonZero',
        message:
          shape.length === 0
            ? 'a scalar has no coordinates.'
            : `the bound must be a whole number of at least 0; got ${bound}.`,
        got: shape.length === 0 ? shape : bound,
      });
    }
    return [
      { shape: [bound, shape.length], dtype: 'int32' },
      { shape: [1], dtype: 'int32' },
    ];
  },
  gradient: 'none',
  reference([x], { bound }) {
    const { shape, data } = x as ReferenceArray;
    const rank = shape.length;
    const indices = new Float64Array(bound * rank).fill(-1);
    let count = 0;
    data.forEach((value, i) => {
      if (value === 0) return;
      if (count < bound) {
        let rest = i;
        for (let axis = rank - 1; axis >= 0; axis--) {
          indices[count * rank + axis] = rest % (shape[axis] as number);
          rest = Math.floor(rest / (shape[axis] as number));
        }
      }
      count++;
    });
    return [indices, Float64Array.of(count)];
  },
  kernels: ({ inputs: [x], params: { bound } }) => [
    {
      kernel: 'nonZero',
      operands: [
        { kind: 'input', index: 0 },
        { kind: 'output', index: 0 },
        { kind: 'output', index: 1 },
      ],
      parameters: [DTYPES[x!.dtype], x!.shape.length, ...x!.shape, bound],
    },
  ],
  cases: () => [
    { name: 'mask', inputs: [{ shape: [5, 7], dtype: 'bool' }], params: { bound: 35 } },
    { name: 'more than the bound', inputs: [{ shape: [5], values: [1, 0, 2, 0, -3] }], params: { bound: 2 } },
    { name: 'none', inputs: [{ shape: [4], values: [0, 0, -0, 0] }], params: { bound: 3 } },
    { name: 'NaN is one', inputs: [{ shape: [2, 2], values: [0, Number.NaN, 0, 1] }], params: { bound: 4 } },
    { name: 'many', inputs: [{ shape: [3, 37, 41], dtype: 'bool' }], params: { bound: 3000 } },
    { name: 'bound 0', inputs: [{ shape: [4], dtype: 'bool' }], params: { bound: 0 } },
    ...(['float16', 'bfloat16'] as const).map((dtype) => ({
      name: dtype,
      inputs: [{ shape: [6], dtype, values: [0, 1, -0, 0.5, -2, 0] }],
      params: { bound: 6 },
    })),
    ...(['int32', 'uint8'] as const).map((dtype) => ({
      name: dtype,
      inputs: [{ shape: [6], dtype, values: [0, 1, 0, 5, 2, 0] }],
      params: { bound: 6 },
    })),
  ],
});

/** The k largest elements along the last axis, descending, and their places there (int32); of equals the first comes first. */
export function topK(x: TensorLike, k: number): { values: Tensor; indices: Tensor } {
  const from = toTensor(x);
  const [values, indices] = topKOp.apply([cast(from, 'float32')], { k }) as [Tensor, Tensor];
  if (from.dtype === 'float32') return { values, indices };
  // int32 has numbers that float32 rounds: take the originals.
  return { values: takeAlongAxis(from, indices), indices };
}

/** Where sorting goes along, and which way. */
export interface SortOptions {
  /** Default: the last axis. */
  axis?: number;
  /** Default `ascending`. */
  direction?: 'ascending' | 'descending';
}

/** The places that put the elements along `axis` in order, int32; equals keep their order, NaN comes first. */
export function argSort(x: TensorLike, { axis = -1, direction = 'ascending' }: SortOptions = {}): Tensor {
  const from = toTensor(x);
  const at = normalizeAxis(axis, from.rank, 'argSort');
  const order = from.shape.map((_, each) => (each === at ? from.rank - 1 : each === from.rank - 1 ? at : each));
  const rows = cast(transpose(from, order), 'float32');
  const size = from.shape[at] as number;
  if (size === 0) return cast(from, 'int32');
  const { indices } = topK(direction === 'descending' ? rows : negative(rows), size);
  return transpose(indices, order);
}

/** The elements along `axis` in order; NaN comes first. Integers are compared as float32. */
export function sort(x: TensorLike, options: SortOptions = {}): Tensor {
  const from = toTensor(x);
  return takeAlongAxis(from, argSort(from, options), options.axis ?? -1);
}

/** How many results there is room for. */
export interface BoundOptions {
  /** Rows of the result; default: as many as there can be. */
  bound?: number;
}

/**
 * The coordinates [bound, rank] (int32, row-major) of the elements that are not 0, and how many there are, int32 [1].
 * Rows after the count are -1. The count is the true number even where it exceeds the bound and coordinates are missing.
 */
export function nonZero(x: TensorLike, options: BoundOptions = {}): { indices: Tensor; count: Tensor } {
  const from = toTensor(x);
  const [indices, count] = nonZeroOp.apply([from], { bound: options.bound ?? from.size }) as [Tensor, Tensor];
  return { indices, count };
}

/**
 * The slices of x where the mask, which covers x's leading axes, is not 0: values [bound, ...the other axes] with zeros after
 * the first `count` rows, and the count, int32 [1]. Shapes are static, so cut after reading the count.
 *
 * @example
 * const { values, count } = fovea.booleanMask(fovea.tensor([5, 6, 7]), fovea.tensor([true, false, true]));
 * const kept = fovea.slice(values, [0], [await count.item()]); // [5, 7]
 */
export function booleanMask(
  x: TensorLike,
  mask: TensorLike,
  options: BoundOptions = {},
): { values: Tensor; count: Tensor } {
  const from = toTensor(x);
  const where = toTensor(mask);
  if (where.rank === 0 || !sameShape(where.shape, from.shape.slice(0, where.rank))) {
    throw new FoveaError({
      code: 'shape',
      op: 'booleanMask',
      message: `mask ${formatShape(where.shape)} does not cover the leading axes of ${formatShape(from.shape)}.`,
      got: where.shape,
      want: from.shape,
    });
  }
  const { indices, count } = nonZero(reshape(where, [where.size]), options);
  const rows = reshape(from, [where.size, ...from.shape.slice(where.rank)]);
  // The places after the count are -1, which gather answers with zeros.
  return { values: gather(rows, reshape(indices, [indices.shape[0] as number])), count };
}

export const selectOps = [topKOp, nonZeroOp] as const;
