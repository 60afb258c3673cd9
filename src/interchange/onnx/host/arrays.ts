// What host operators share: results in an element type, broadcasting, walking over axes.
import { roundTo } from '../../../core/dtype.js';
import { FoveaError } from '../../../core/errors.js';
import { formatShape, type Shape, sizeOf, stridesOf } from '../../../core/shape.js';
import type { OnnxDtype } from '../../../formats/onnx-schema.js';
import { makeOnnxData, type OnnxData } from '../../../formats/onnx-tensor.js';
import { broadcast } from '../geometry.js';
import type { HostValue } from '../values.js';

/** Elements that are numbers. */
export type Numbers = Exclude<OnnxData, string[]>;

// An operator that is asked for more than this is asked by a damaged file.
const MAX_ELEMENTS = 2 ** 27;
/** So many elements may come out of nothing, as of OneHot or Expand; and so many times those that go in. */
const FREE_ELEMENTS = 2 ** 21;
const MOST_TIMES = 16;
let most = MAX_ELEMENTS;

/** Runs an operator that is given so many elements: what it makes must be in proportion to them. */
export function inProportion<T>(elements: number, body: () => T): T {
  const outer = most;
  most = Math.min(MAX_ELEMENTS, Math.max(FREE_ELEMENTS, MOST_TIMES * elements));
  try {
    return body();
  } finally {
    most = outer;
  }
}

/** Throws `range` where a result would have more elements than the host should make. */
export function checkSize(shape: Shape): number {
  const size = sizeOf(shape);
  if (shape.every((dim) => Number.isInteger(dim) && dim >= 0) && size <= most) return size;
  throw new FoveaError({
    code: 'range',
    op: 'onnx',
    message: `${formatShape(shape)} is no size that the host makes.`,
    got: shape,
  });
}

/** Room for the elements of a shape. Throws `range` for too many. */
export function makeData(dtype: OnnxDtype, shape: Shape): OnnxData {
  return makeOnnxData(dtype, checkSize(shape));
}

/** A value whose elements a function of their place gives, rounded as the element type rounds. */
export function hostOf(dtype: OnnxDtype, shape: Shape, at: (index: number) => number): HostValue {
  const data = makeData(dtype, shape) as Float64Array;
  for (let i = 0; i < data.length; i++) data[i] = at(i);
  return rounded({ kind: 'host', dtype, shape, data });
}

/** Rounds the elements of 16-bit floats; those of other types are what their arrays hold. */
export function rounded(value: HostValue): HostValue {
  const { dtype } = value;
  if (dtype !== 'float16' && dtype !== 'bfloat16') return value;
  const data = value.data as Float32Array;
  for (let i = 0; i < data.length; i++) data[i] = roundTo(dtype, data[i] as number);
  return value;
}

/** The same elements, text too, taken from places of another value. */
export function taken(from: HostValue, shape: Shape, place: (index: number) => number): HostValue {
  const data = makeData(from.dtype, shape) as string[];
  const source = from.data as string[];
  for (let i = 0; i < data.length; i++) data[i] = source[place(i)] as string;
  return { kind: 'host', dtype: from.dtype, shape, data };
}

/** For every element of `shape` the place in an array of a shape that is broadcast to it. */
export function broadcastPlaces(from: Shape, shape: Shape): (index: number) => number {
  const offset = shape.length - from.length;
  const own = stridesOf(from);
  const steps = shape.map((_, axis) =>
    axis < offset || from[axis - offset] === 1 ? 0 : (own[axis - offset] as number),
  );
  return stridedPlaces(shape, steps);
}

/** For every element of `shape` its place by steps along the axes; fastest where it is asked for one after the other. */
export function stridedPlaces(shape: Shape, steps: readonly number[], start = 0): (index: number) => number {
  const strides = stridesOf(shape);
  const last = shape.length - 1;
  const at = shape.map(() => 0);
  let [next, place] = [0, start];
  const seek = (index: number): void => {
    let rest = index;
    place = start;
    for (let axis = 0; axis <= last; axis++) {
      const i = Math.floor(rest / (strides[axis] as number));
      rest -= i * (strides[axis] as number);
      at[axis] = i;
      place += i * (steps[axis] as number);
    }
  };
  return (index) => {
    if (index !== next) seek(index);
    const found = place;
    next = index + 1;
    for (let axis = last; axis >= 0; axis--) {
      const i = (at[axis] as number) + 1;
      place += steps[axis] as number;
      at[axis] = i;
      if (i < (shape[axis] as number)) break;
      place -= i * (steps[axis] as number);
      at[axis] = 0;
    }
    return found;
  };
}

/** Applies a function of several numbers, element by element, with broadcasting. */
export function mapHost(
  dtype: OnnxDtype,
  inputs: readonly HostValue[],
  compute: (...values: number[]) => number,
): HostValue {
  const shape = inputs.reduce<Shape>((all, each) => broadcast(all, each.shape, 'onnx'), []);
  const places = inputs.map((each) => broadcastPlaces(each.shape, shape));
  const sources = inputs.map(({ data }) => data as Float64Array);
  return hostOf(dtype, shape, (i) =>
    compute(...sources.map((data, k) => data[(places[k] as (index: number) => number)(i)] as number)),
  );
}
