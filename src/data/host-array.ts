// Arrays on the host: numbers, a shape and a dtype, nothing an engine must free.
// Rows are the slices along axis 0; slices share memory with their array, gathers copy.
import type { Dtype } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';

/** What may hold a host array's elements. */
export type HostData = Float32Array | Uint8Array | Int32Array;

/** The dtypes of host arrays. */
export type HostDtype = Extract<Dtype, 'float32' | 'uint8' | 'int32'>;

/** Elements in row-major order with their shape. */
export interface HostArray {
  readonly data: HostData;
  readonly shape: Shape;
  readonly dtype: HostDtype;
}

/** A single number or nested arrays of numbers, all of one length per level. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** What is accepted where a host array is wanted: typed arrays are one-dimensional, nested numbers become float32. */
export type HostArrayLike = HostArray | HostData | NestedNumbers;

export function isHostArray(value: unknown): value is HostArray {
  if (typeof value !== 'object' || value === null || !('data' in value) || !('shape' in value)) return false;
  return isHostData(value.data) && Array.isArray(value.shape);
}

export function isHostData(value: unknown): value is HostData {
  return value instanceof Float32Array || value instanceof Uint8Array || value instanceof Int32Array;
}

/** The dtype of a typed array's elements. */
export function dtypeOf(data: HostData): HostDtype {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Int32Array ? 'int32' : 'uint8';
}

/** Joins elements and shape, throwing `shape` where their sizes differ. */
export function hostArray(data: HostData, shape: Shape = [data.length]): HostArray {
  if (sizeOf(shape) !== data.length || shape.some((dim) => !Number.isInteger(dim) || dim < 0)) {
    throw new FoveaError({
      code: 'shape',
      op: 'hostArray',
      message: `${data.length} elements do not fill the shape ${formatShape(shape)}, which holds ${sizeOf(shape)}.`,
      got: data.length,
      want: sizeOf(shape),
      hint: 'Give a shape whose sizes multiply to the number of elements.',
    });
  }
  return { data, shape: [...shape], dtype: dtypeOf(data) };
}

/** Zeros of a dtype. */
export function emptyHostArray(dtype: HostDtype, shape: Shape): HostArray {
  return { data: makeHostData(dtype, sizeOf(shape)), shape: [...shape], dtype };
}

export function makeHostData(dtype: HostDtype, size: number): HostData {
  if (dtype === 'float32') return new Float32Array(size);
  return dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);
}

/** Reads anything array-like as a host array, without copying typed arrays. Throws `shape` for ragged nesting. */
export function toHostArray(value: HostArrayLike, op = 'toHostArray'): HostArray {
  if (isHostArray(value)) return value;
  if (isHostData(value)) return { data: value, shape: [value.length], dtype: dtypeOf(value) };
  const shape: number[] = [];
  for (let level: NestedNumbers | undefined = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const data = new Float32Array(sizeOf(shape));
  let next = 0;
  const copy = (part: NestedNumbers, axis: number): void => {
    if (typeof part === 'number' ? axis !== shape.length : !Array.isArray(part) || part.length !== shape[axis]) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `nested arrays of unequal depth or length: the first ones say ${formatShape(shape)}.`,
        got: typeof part === 'number' ? 'a number' : Array.isArray(part) ? `length ${part.length}` : typeof part,
        want: axis === shape.length ? 'a number' : `length ${shape[axis]}`,
        hint: 'Give nested arrays of numbers in which every level has one length.',
      });
    }
    if (typeof part === 'number') data[next++] = part;
    else for (const inner of part) copy(inner, axis + 1);
  };
  copy(value, 0);
  return { data, shape, dtype: 'float32' };
}

/** How many rows an array has: its size along axis 0. Throws `shape` for a scalar. */
export function rowCount(array: HostArray): number {
  const rows = array.shape[0];
  if (rows === undefined) {
    throw new FoveaError({
      code: 'shape',
      op: 'rowCount',
      message: 'a scalar has no rows.',
      hint: 'Give an array with the examples along axis 0.',
    });
  }
  return rows;
}

/** Rows `start` to `end` (exclusive), sharing memory. */
export function sliceRows(array: HostArray, start: number, end: number): HostArray {
  const step = sizeOf(array.shape.slice(1));
  return {
    data: array.data.subarray(start * step, end * step),
    shape: [end - start, ...array.shape.slice(1)],
    dtype: array.dtype,
  };
}

/** One row without its leading axis, sharing memory. */
export function rowOf(array: HostArray, index: number): HostArray {
  const shape = array.shape.slice(1);
  const step = sizeOf(shape);
  return { data: array.data.subarray(index * step, (index + 1) * step), shape, dtype: array.dtype };
}

/** Copies the rows named by `indices`, in that order. */
export function gatherRows(array: HostArray, indices: ArrayLike<number>): HostArray {
  const inner = array.shape.slice(1);
  const step = sizeOf(inner);
  const out = makeHostData(array.dtype, indices.length * step);
  for (let i = 0; i < indices.length; i++) {
    const from = (indices[i] as number) * step;
    out.set(array.data.subarray(from, from + step), i * step);
  }
  return { data: out, shape: [indices.length, ...inner], dtype: array.dtype };
}

/** Puts arrays of one dtype and inner shape behind each other along axis 0. */
export function concatRows(arrays: readonly HostArray[]): HostArray {
  const [first] = arrays;
  if (first === undefined) {
    throw new FoveaError({
      code: 'argument',
      op: 'concatRows',
      message: 'no arrays to join.',
      hint: 'Give at least one.',
    });
  }
  for (const array of arrays) checkAlike(first, array, 'concatRows', 1);
  const out = makeHostData(
    first.dtype,
    arrays.reduce((sum, array) => sum + array.data.length, 0),
  );
  let at = 0;
  for (const array of arrays) {
    out.set(array.data, at);
    at += array.data.length;
  }
  const rows = arrays.reduce((sum, array) => sum + rowCount(array), 0);
  return { data: out, shape: [rows, ...first.shape.slice(1)], dtype: first.dtype };
}

/** Stacks arrays of one dtype and shape along a new axis 0. Throws `shape` or `dtype`, naming the odd one. */
export function stackRows(arrays: readonly HostArray[], op: string): HostArray {
  const [first] = arrays;
  if (first === undefined) {
    throw new FoveaError({ code: 'argument', op, message: 'no arrays to stack.', hint: 'Give at least one.' });
  }
  const out = makeHostData(first.dtype, arrays.length * first.data.length);
  arrays.forEach((array, index) => {
    checkAlike(first, array, op, 0, index);
    out.set(array.data, index * first.data.length);
  });
  return { data: out, shape: [arrays.length, ...first.shape], dtype: first.dtype };
}

function checkAlike(first: HostArray, array: HostArray, op: string, fromAxis: number, index?: number): void {
  const want = formatShape(first.shape.slice(fromAxis));
  const got = formatShape(array.shape.slice(fromAxis));
  const which = index === undefined ? 'an array' : `element ${index}`;
  if (got !== want) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `${which} has shape ${got} where the first has ${want}.`,
      got: array.shape,
      want: first.shape,
      hint: 'Resize or pad so that all have one shape.',
    });
  }
  if (array.dtype !== first.dtype) {
    throw new FoveaError({
      code: 'dtype',
      op,
      message: `${which} is ${array.dtype} where the first is ${first.dtype}.`,
      got: array.dtype,
      want: first.dtype,
      hint: 'Convert all to one dtype.',
    });
  }
}
