// Picking elements by index, and its adjoint, adding at indices. Kernels: gather and scatterAdd.
import { bytesPerElement, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, normalizeAxis, type Shape, sameShape, sizeOf } from '../core/shape.js';
import { defineOp, type Op, toTensor } from '../graph/define.js';
import type { ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, multiply } from './arithmetic.js';
import { equal, greaterEqual, less, logicalAnd } from './compare.js';
import { type CreateOptions, range } from './create.js';
import { expandDims, reshape, transpose } from './shape.js';
import { where } from './where.js';

function checkIndices(op: string, { dtype }: TensorType): void {
  if (dtype === 'int32') return;
  throw new FoveaError({
    code: 'dtype',
    op,
    message: `indices must be int32; got ${dtype}.`,
    got: dtype,
    want: 'int32',
    hint: 'Cast them with fovea.cast.',
  });
}

const gatherOp: Op<{ axis: number }> = defineOp({
  name: 'gather',
  summary: 'the places along an axis that the indices name; an index outside gives zeros',
  shape([x, indices], { axis }) {
    const { shape, dtype } = x as TensorType;
    checkIndices('gather', indices as TensorType);
    return [{ shape: [...shape.slice(0, axis), ...indices!.shape, ...shape.slice(axis + 1)], dtype }];
  },
  gradient: ({ inputs: [x, indices], params: { axis }, dy }) => [
    scatterAdd(dy, indices!, x!.shape[axis] as number, axis),
    undefined,
  ],
  reference([x, indices], { axis }, [output]) {
    const { outer, dim, inner } = extents((x as TensorType).shape, axis);
    const out = new Float64Array(sizeOf((output as TensorType).shape));
    const count = indices!.data.length;
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        const index = indices!.data[i] as number;
        if (index < 0 || index >= dim) continue;
        const from = (o * dim + index) * inner;
        out.set(x!.data.subarray(from, from + inner), (o * count + i) * inner);
      }
    }
    return [out];
  },
  kernels({ inputs: [x, indices], params: { axis } }) {
    const { outer, dim, inner } = extents((x as TensorType).shape, axis);
    return [
      {
        kernel: 'gather',
        operands: [
          { kind: 'input', index: 0 },
          { kind: 'input', index: 1 },
          { kind: 'output', index: 0 },
        ],
        parameters: [bytesPerElement(x!.dtype), outer, dim, sizeOf(indices!.shape), inner],
      },
    ];
  },
  cases: () => {
    const indices = (shape: Shape, values: readonly number[]) => ({ shape, dtype: 'int32' as const, values });
    return [
      { name: 'rows', inputs: [{ shape: [5, 3] }, indices([4], [4, 0, 0, 2])], params: { axis: 0 } },
      { name: 'columns', inputs: [{ shape: [3, 4] }, indices([2, 2], [1, 3, 3, 0])], params: { axis: 1 } },
      { name: 'middle', inputs: [{ shape: [2, 5, 3] }, indices([3], [4, 1, 4])], params: { axis: 1 } },
      { name: 'scalar index', inputs: [{ shape: [4, 2] }, indices([], [2])], params: { axis: 0 } },
      { name: 'outside', inputs: [{ shape: [3, 2] }, indices([4], [-1, 3, 2, 100])], params: { axis: 0 } },
      {
        name: 'many',
        inputs: [{ shape: [7, 33] }, { shape: [129], dtype: 'int32', low: 0, high: 6 }],
        params: { axis: 0 },
      },
      ...(['float16', 'bfloat16', 'int32', 'uint8', 'bool'] as const).map((dtype) => ({
        name: dtype,
        inputs: [{ shape: [5, 3], dtype }, indices([3], [4, 0, 2])],
        params: { axis: 0 },
      })),
    ];
  },
});

/** Elements before, along and after an axis. */
function extents(shape: Shape, axis: number): { outer: number; dim: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), dim: shape[axis] as number, inner: sizeOf(shape.slice(axis + 1)) };
}

interface ScatterParams {
  readonly axis: number;
  /** Size of the axis in the result. */
  readonly size: number;
}

const scatterAddOp: Op<ScatterParams> = defineOp({
  name: 'scatterAdd',
  summary: 'zeros, plus each slice of dy added at its index; an index outside is left out',
  shape([dy, indices], { axis, size }) {
    const { shape, dtype } = dy as TensorType;
    checkIndices('scatterAdd', indices as TensorType);
    if (!isFloat(dtype)) {
      throw new FoveaError({
        code: 'dtype',
        op: 'scatterAdd',
        message: `is not defined for ${dtype}; it takes floats.`,
        got: dtype,
        want: 'a float dtype',
        hint: 'Cast the values with fovea.cast.',
      });
    }
    const rank = indices!.shape.length;
    if (!sameShape(shape.slice(axis, axis + rank), indices!.shape)) {
      throw new FoveaError({
        code: 'shape',
        op: 'scatterAdd',
        message: `values ${formatShape(shape)} do not hold the indices' shape ${formatShape(indices!.shape)} at axis ${axis}.`,
        got: [shape, indices!.shape],
      });
    }
    return [{ shape: [...shape.slice(0, axis), size, ...shape.slice(axis + rank)], dtype }];
  },
  gradient: ({ inputs: [, indices], params: { axis }, dy }) => [gather(dy, indices!, axis), undefined],
  reference([dy, indices], params, [output]) {
    const { outer, dim, inner } = extents((output as TensorType).shape, params.axis);
    const out = new Float64Array(outer * dim * inner);
    const { data } = indices as ReferenceArray;
    for (let o = 0; o < outer; o++) {
      data.forEach((index, i) => {
        if (index < 0 || index >= dim) return;
        for (let each = 0; each < inner; each++) {
          const to = (o * dim + index) * inner + each;
          out[to] = (out[to] as number) + (dy!.data[(o * data.length + i) * inner + each] as number);
        }
      });
    }
    return [out];
  },
  reduces: ([, indices]) => sizeOf(indices!.shape),
  flops: ([dy]) => sizeOf(dy!.shape),
  kernels({ inputs: [, indices], outputs: [output], params }) {
    const { outer, dim, inner } = extents((output as TensorType).shape, params.axis);
    return [
      {
        kernel: 'scatterAdd',
        operands: [
          { kind: 'input', index: 0 },
          { kind: 'input', index: 1 },
          { kind: 'output', index: 0 },
        ],
        parameters: [outer, dim, sizeOf(indices!.shape), inner],
      },
    ];
  },
  cases: () => {
    const indices = (shape: Shape, values: readonly number[]) => ({ shape, dtype: 'int32' as const, values });
    return [
      { name: 'rows', inputs: [{ shape: [4, 3] }, indices([4], [4, 0, 0, 2])], params: { axis: 0, size: 5 } },
      { name: 'columns', inputs: [{ shape: [3, 2, 2] }, indices([2, 2], [1, 3, 3, 0])], params: { axis: 1, size: 4 } },
      { name: 'middle', inputs: [{ shape: [2, 3, 3] }, indices([3], [4, 1, 4])], params: { axis: 1, size: 5 } },
      { name: 'outside', inputs: [{ shape: [3] }, indices([3], [-1, 2, 7])], params: { axis: 0, size: 3 } },
      {
        name: 'many',
        inputs: [{ shape: [129, 33] }, { shape: [129], dtype: 'int32', low: 0, high: 6 }],
        params: { axis: 0, size: 7 },
      },
    ];
  },
});

function toIndices(indices: TensorLike): Tensor {
  const from = toTensor(indices);
  // Literals arrive as float32; a tensor of floats is more likely a mistake.
  return isFloat(from.dtype) && indices === from ? from : cast(from, 'int32');
}

/**
 * The places along `axis` that the indices name: shape x[:axis] + indices + x[axis+1:]. An index outside 0..size-1 gives
 * zeros. Throws `dtype` for indices that are floats.
 */
export function gather(x: TensorLike, indices: TensorLike, axis = 0): Tensor {
  const from = toTensor(x);
  return gatherOp.one([from, toIndices(indices)], { axis: normalizeAxis(axis, from.rank, 'gather') });
}

/**
 * The adjoint of `gather`: zeros with `size` places along `axis`, plus each slice of the values added at its index.
 * Floats only; added in float32, in the order of the indices.
 */
export function scatterAdd(values: TensorLike, indices: TensorLike, size: number, axis = 0): Tensor {
  const from = toTensor(values);
  const at = toIndices(indices);
  const place = axis < 0 ? axis + from.rank - at.rank + 1 : axis;
  const wide = isFloat(from.dtype) ? cast(from, 'float32') : from;
  return cast(scatterAddOp.one([wide, at], { axis: place, size }), from.dtype);
}

/** Positions in a flattened [rows, columns] of indices [..., k] along the last axis; -1 where an index lies outside. */
function flatIndices(indices: Tensor, columns: number): Tensor {
  const k = indices.shape.at(-1) as number;
  const rows = sizeOf(indices.shape.slice(0, -1));
  const each = reshape(indices, [rows, k]);
  const start = expandDims(multiply(range(rows), columns), 1);
  const isInside = logicalAnd(greaterEqual(each, 0), less(each, columns));
  return reshape(where(isInside, add(each, start), -1), [rows * k]);
}

/**
 * The elements of x that the indices name along `axis`, each within its own row: the indices have x's shape but for the
 * size of that axis. An index outside gives 0.
 */
export function takeAlongAxis(x: TensorLike, indices: TensorLike, axis = -1): Tensor {
  const from = toTensor(x);
  const places = toIndices(indices);
  const at = normalizeAxis(axis, from.rank, 'takeAlongAxis');
  const isFit = places.rank === from.rank && places.shape.every((dim, each) => each === at || dim === from.shape[each]);
  if (!isFit) {
    throw new FoveaError({
      code: 'shape',
      op: 'takeAlongAxis',
      message: `indices ${formatShape(places.shape)} do not fit x ${formatShape(from.shape)} along axis ${at}.`,
      got: places.shape,
      want: from.shape,
      hint: 'All sizes but that of the axis must be equal.',
    });
  }
  checkIndices('takeAlongAxis', places);
  // The axis goes last; exchanging two axes undoes itself.
  const order = from.shape.map((_, each) => (each === at ? from.rank - 1 : each === from.rank - 1 ? at : each));
  const isLast = at === from.rank - 1;
  const rows = isLast ? from : transpose(from, order);
  const picks = isLast ? places : transpose(places, order);
  const taken = reshape(
    gather(reshape(rows, [from.size]), flatIndices(picks, rows.shape.at(-1) as number)),
    picks.shape,
  );
  return isLast ? taken : transpose(taken, order);
}

/** The adjoint of `takeAlongAxis` on the last axis: values [..., k] added at their indices into [..., size]. */
export function putAlongLastAxis(values: Tensor, indices: Tensor, size: number): Tensor {
  const lead = indices.shape.slice(0, -1);
  const flat = scatterAdd(reshape(values, [values.size]), flatIndices(indices, size), sizeOf(lead) * size);
  return reshape(flat, [...lead, size]);
}

/** How `oneHot` writes. */
export interface OneHotOptions extends CreateOptions {
  onValue?: number;
  offValue?: number;
}

/** `onValue` (1) at the place each index names along a new last axis of size `depth`, `offValue` (0) elsewhere. */
export function oneHot(indices: TensorLike, depth: number, options: OneHotOptions = {}): Tensor {
  const { dtype = 'float32', onValue = 1, offValue = 0 } = options;
  const places = toIndices(indices);
  checkIndices('oneHot', places);
  const isHot = equal(expandDims(places, -1), range(depth));
  if (onValue === 1 && offValue === 0) return cast(isHot, dtype);
  return cast(where(isHot, onValue, offValue), dtype);
}

export const gatherOps = [gatherOp, scatterAddOp] as const;
