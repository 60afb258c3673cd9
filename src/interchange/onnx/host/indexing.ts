// Elements at places that other tensors name: scattered, picked out, turned, unique.
import { FoveaError } from '../../../core/errors.js';
import { formatShape, type Shape, sizeOf, stridesOf } from '../../../core/shape.js';
import { onnxDtypeOf } from '../../../formats/onnx-tensor.js';
import type { HostCall, HostOperator, HostOperators } from '../calls.js';
import { type HostValue, hostValue } from '../values.js';
import { hostOf, makeData, rounded, taken } from './arrays.js';

/** An index counted from the end where negative. Throws `format` outside. */
function placeIn(call: HostCall, index: number, dim: number): number {
  const at = index < 0 ? index + dim : index;
  if (Number.isInteger(at) && at >= 0 && at < dim) return at;
  throw call.error(`the index ${index} is outside of ${dim}.`);
}

function coordinates(index: number, shape: Shape): number[] {
  const strides = stridesOf(shape);
  return strides.map((stride, axis) => Math.floor(index / stride) % (shape[axis] as number));
}

const JOINS: Readonly<Record<string, (old: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

/** A copy into which updates are written, as `reduction` says. */
function writer(call: HostCall): { value: HostValue; write: (at: number, update: number | string) => void } {
  const from = call.host();
  const data = makeData(from.dtype, from.shape) as (number | string)[];
  for (let i = 0; i < data.length; i++) data[i] = from.data[i] as number;
  const name = call.text('reduction', 'none');
  const join = JOINS[name];
  if (join === undefined) throw call.error(`the reduction '${name}' is not known.`);
  const write = (at: number, update: number | string): void => {
    data[at] = typeof update === 'string' ? update : join(data[at] as number, update);
  };
  return { value: { ...from, data: data as unknown as HostValue['data'] }, write };
}

const scatterElements: HostOperator = (call) => {
  const axis = call.axis(call.int('axis', 0));
  const { value, write } = writer(call);
  const shape = call.shape(1);
  const updates = call.host(2);
  const fits =
    shape.length === value.shape.length && shape.every((dim, i) => i === axis || dim <= (value.shape[i] ?? 0));
  if (!fits || sizeOf(call.shape(2)) !== sizeOf(shape)) throw mismatch(call);
  const strides = stridesOf(value.shape);
  call.numbers(1).forEach((index, i) => {
    const place = coordinates(i, shape);
    place[axis] = placeIn(call, index, value.shape[axis] as number);
    write(
      place.reduce((at, each, k) => at + each * (strides[k] as number), 0),
      updates.data[i] as number,
    );
  });
  return rounded(value);
};

function mismatch(call: HostCall): FoveaError {
  const shapes = call.inputs.map((_, i) => formatShape(call.shape(i)));
  return new FoveaError({
    code: 'shape',
    op: call.node.opType,
    message: `inputs of ${shapes.join(', ')} do not belong together.`,
    got: shapes,
  });
}

/** The first element that a row of indices names, and how many follow it. */
function sliceAt(call: HostCall, row: readonly number[], shape: Shape): { start: number; count: number } {
  const strides = stridesOf(shape);
  const start = row.reduce(
    (at, index, axis) => at + placeIn(call, index, shape[axis] as number) * (strides[axis] as number),
    0,
  );
  return { start, count: sizeOf(shape.slice(row.length)) };
}

const scatterNd: HostOperator = (call) => {
  const { value, write } = writer(call);
  const indexShape = call.shape(1);
  const depth = indexShape.at(-1) ?? 0;
  const indices = call.numbers(1);
  const updates = call.host(2);
  const rows = sizeOf(indexShape.slice(0, -1));
  if (depth > value.shape.length || sizeOf(updates.shape) !== rows * sizeOf(value.shape.slice(depth)))
    throw mismatch(call);
  for (let row = 0; row < rows; row++) {
    const { start, count } = sliceAt(call, indices.slice(row * depth, (row + 1) * depth), value.shape);
    for (let i = 0; i < count; i++) write(start + i, updates.data[row * count + i] as number);
  }
  return rounded(value);
};

const gatherNd: HostOperator = (call) => {
  const from = call.host();
  const batch = call.int('batch_dims', 0);
  const indexShape = call.shape(1);
  const depth = indexShape.at(-1) ?? 0;
  const inner = from.shape.slice(batch);
  if (batch < 0 || batch >= indexShape.length || depth > inner.length) throw mismatch(call);
  const indices = call.numbers(1);
  const rows = sizeOf(indexShape.slice(0, -1));
  const perBatch = rows / sizeOf(from.shape.slice(0, batch));
  const slices = Array.from({ length: rows }, (_, row) => {
    const { start } = sliceAt(call, indices.slice(row * depth, (row + 1) * depth), inner);
    return Math.floor(row / perBatch) * sizeOf(inner) + start;
  });
  const count = sizeOf(inner.slice(depth));
  const shape = [...indexShape.slice(0, -1), ...inner.slice(depth)];
  return taken(from, shape, (i) => (slices[Math.floor(i / count)] as number) + (i % count));
};

const gatherElements: HostOperator = (call) => {
  const from = call.host();
  const axis = call.axis(call.int('axis', 0));
  const shape = call.shape(1);
  const indices = call.numbers(1);
  if (shape.length !== from.shape.length) throw mismatch(call);
  const strides = stridesOf(from.shape);
  return taken(from, shape, (i) => {
    const place = coordinates(i, shape);
    place[axis] = placeIn(call, indices[i] as number, from.shape[axis] as number);
    return place.reduce((at, each, k) => at + each * (strides[k] as number), 0);
  });
};

const oneHot: HostOperator = (call) => {
  const indices = call.numbers(0);
  const depth = call.number(1);
  const values = call.host(2);
  const rank = call.rank() + 1;
  const axis = call.axis(call.int('axis', -1), rank);
  const shape = [...call.shape().slice(0, axis), depth, ...call.shape().slice(axis)];
  const inner = sizeOf(shape.slice(axis + 1));
  return taken(values, shape, (i) => {
    const at = Math.floor(i / inner) % depth;
    const index = indices[Math.floor(i / (inner * depth)) * inner + (i % inner)] as number;
    // What lies outside is nowhere hot.
    return Number(index >= -depth && index < depth && (index < 0 ? index + depth : index) === at);
  });
};

const compress: HostOperator = (call) => {
  const given = call.has('axis') ? call.axis(call.int('axis')) : undefined;
  const from = given === undefined ? { ...call.host(), shape: [sizeOf(call.shape())] } : call.host();
  const axis = given ?? 0;
  const dim = from.shape[axis] as number;
  const kept = call.numbers(1).flatMap((holds, i) => (holds !== 0 && i < dim ? [i] : []));
  const inner = sizeOf(from.shape.slice(axis + 1));
  const shape = from.shape.map((size, i) => (i === axis ? kept.length : size));
  return taken(from, shape, (i) => {
    const rest = Math.floor(i / inner);
    return (Math.floor(rest / kept.length) * dim + (kept[rest % kept.length] as number)) * inner + (i % inner);
  });
};

const triangle: HostOperator = (call) => {
  const from = call.host();
  const data = call.data();
  const [rows, columns] = from.shape.slice(-2) as [number, number];
  const shift = call.number(1, 0);
  const isUpper = call.flag('upper', true);
  return hostOf(from.dtype, from.shape, (i) => {
    const distance = (i % columns) - (Math.floor(i / columns) % rows);
    return (isUpper ? distance >= shift : distance <= shift) ? (data[i] as number) : 0;
  });
};

const eyeLike: HostOperator = (call) => {
  const shape = call.shape();
  if (shape.length !== 2) throw call.error('takes a matrix.');
  const dtype = call.has('dtype') ? onnxDtypeOf(call.int('dtype')) : call.dtype();
  if (dtype === undefined) throw call.error(`there is no element type ${call.int('dtype')}.`);
  const columns = shape[1] as number;
  const shift = call.int('k', 0);
  return hostOf(dtype, shape, (i) => Number((i % columns) - Math.floor(i / columns) === shift));
};

const reverseSequence: HostOperator = (call) => {
  const from = call.host();
  const [batch, time] = [call.int('batch_axis', 1), call.int('time_axis', 0)];
  const lengths = call.numbers(1);
  const strides = stridesOf(from.shape);
  const steps = from.shape[call.axis(time)] as number;
  const wrong = lengths.find((length) => !Number.isInteger(length) || length < 0 || length > steps);
  if (wrong !== undefined || lengths.length !== from.shape[call.axis(batch)])
    throw call.error(`lengths of ${lengths.join(', ')} do not fit ${formatShape(from.shape)}.`);
  return taken(from, from.shape, (i) => {
    const place = coordinates(i, from.shape);
    const length = lengths[place[batch] as number] as number;
    const at = place[time] as number;
    return at < length ? i + (length - 1 - 2 * at) * (strides[time] as number) : i;
  });
};

/** The different elements or slices along an axis: their values, first places, which one each is, and counts. */
const unique: HostOperator = (call) => {
  const isFlat = !call.has('axis');
  const from = isFlat ? { ...call.host(), shape: [sizeOf(call.shape())] } : call.host();
  const axis = isFlat ? 0 : call.axis(call.int('axis'));
  const dim = from.shape[axis] as number;
  const inner = sizeOf(from.shape.slice(axis + 1));
  const outer = sizeOf(from.shape.slice(0, axis));
  const sliceOf = (i: number): (number | string)[] =>
    Array.from(
      { length: outer * inner },
      (_, k) => from.data[(Math.floor(k / inner) * dim + i) * inner + (k % inner)] as number,
    );
  const groups = new Map<string, number[]>();
  for (let i = 0; i < dim; i++) {
    const key = JSON.stringify(sliceOf(i));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  }
  const found = [...groups.values()];
  if (call.flag('sorted', true)) found.sort((a, b) => compareSlices(sliceOf(a[0] as number), sliceOf(b[0] as number)));
  const inverse: number[] = new Array(dim);
  found.forEach((group, at) => {
    for (const i of group) inverse[i] = at;
  });
  const shape = from.shape.map((size, i) => (i === axis ? found.length : size));
  const values = taken(from, shape, (i) => {
    const rest = Math.floor(i / inner);
    const first = (found[rest % found.length] as number[])[0] as number;
    return (Math.floor(rest / found.length) * dim + first) * inner + (i % inner);
  });
  const list = (numbers: number[]): HostValue => hostValue('int64', [numbers.length], numbers);
  return [
    values,
    list(found.map(([first]) => first as number)),
    list(inverse),
    list(found.map(({ length }) => length)),
  ];
};

function compareSlices(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i] as number, b[i] as number];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

export const indexing: HostOperators = {
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  GatherND: gatherNd,
  GatherElements: gatherElements,
  OneHot: oneHot,
  Compress: compress,
  Trilu: triangle,
  EyeLike: eyeLike,
  ReverseSequence: reverseSequence,
  Unique: unique,
};
