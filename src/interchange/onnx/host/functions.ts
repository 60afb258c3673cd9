// Functions of one number that the engine does not have: inverse and hyperbolic ones.
import { sizeOf } from '../../../core/shape.js';
import type { HostOperator, HostOperators } from '../calls.js';
import { hostOf, mapHost, type Numbers, stridedPlaces } from './arrays.js';

const each =
  (compute: (x: number) => number): HostOperator =>
  (call) =>
    mapHost(call.dtype(), [call.host()], compute);

/** 1 at the first of the largest numbers along the axis, 0 elsewhere; before operator set 13 the axes from `axis` on are one. */
const hardmax: HostOperator = (call) => {
  const { shape } = call.host();
  const isOld = call.opset < 13;
  const axis = call.axis(call.int('axis', isOld ? 1 : -1));
  const data = call.data();
  const dim = isOld ? sizeOf(shape.slice(axis)) : (shape[axis] as number);
  const inner = isOld ? 1 : sizeOf(shape.slice(axis + 1));
  const tops = new Map<number, number>();
  const rowOf = (i: number): number => Math.floor(i / (dim * inner)) * inner + (i % inner);
  data.forEach((value: number, i: number) => {
    const top = tops.get(rowOf(i));
    if (top === undefined || value > (data[top] as number)) tops.set(rowOf(i), i);
  });
  return hostOf(call.dtype(), shape, (i) => (tops.get(rowOf(i)) === i ? 1 : 0));
};

/** Running sums or products along an axis, either way, with or without the element itself. */
const running =
  (start: number, step: (total: number, x: number) => number): HostOperator =>
  (call) => {
    const { shape } = call.host();
    const data = call.data();
    const axis = call.axis(call.number(1));
    const dim = shape[axis] as number;
    const inner = sizeOf(shape.slice(axis + 1));
    const isReverse = call.flag('reverse');
    const isExclusive = call.flag('exclusive');
    const out = new Float64Array(data.length);
    for (let first = 0; first < data.length; first++) {
      if (Math.floor(first / inner) % dim !== 0) continue;
      let total = start;
      for (let k = 0; k < dim; k++) {
        const at = first + (isReverse ? dim - 1 - k : k) * inner;
        const next = step(total, data[at] as number);
        out[at] = isExclusive ? total : next;
        total = next;
      }
    }
    return hostOf(call.dtype(), shape, (i) => out[i] as number);
  };

/** The largest or smallest k of every row, and their places; of equals the first. */
const topK: HostOperator = (call) => {
  const { shape } = call.host();
  const data = call.data() as Numbers;
  const axis = call.axis(call.int('axis', -1));
  const k = call.opset < 10 ? call.int('k') : call.number(1);
  const dim = shape[axis] as number;
  if (!Number.isInteger(k) || k < 0 || k > dim) throw call.error(`cannot take ${k} of ${dim}.`);
  const inner = sizeOf(shape.slice(axis + 1));
  const sign = call.flag('largest', true) ? -1 : 1;
  const result = shape.map((size, i) => (i === axis ? k : size));
  const places = new Map<number, readonly number[]>();
  const orderOf = (row: number, column: number): readonly number[] => {
    const key = row * inner + column;
    const known = places.get(key);
    if (known !== undefined) return known;
    const value = (i: number): number => data[(row * dim + i) * inner + column] as number;
    const made = Array.from({ length: dim }, (_, i) => i).sort((a, b) => sign * (value(a) - value(b)) || a - b);
    places.set(key, made);
    return made;
  };
  const pick = (i: number): number => {
    const row = Math.floor(i / (k * inner));
    return orderOf(row, i % inner)[Math.floor(i / inner) % k] as number;
  };
  const from = (i: number): number => (Math.floor(i / (k * inner)) * dim + pick(i)) * inner + (i % inner);
  return [hostOf(call.dtype(), result, (i) => data[from(i)] as number), hostOf('int64', result, pick)];
};

type Fold = (values: Float64Array) => number;

const total = (values: Float64Array, of: (x: number) => number): number => values.reduce((sum, x) => sum + of(x), 0);

/** Folds axes; over no element gives what the fold of nothing is. */
const reduction =
  (fold: Fold): HostOperator =>
  (call) => {
    const { shape } = call.host();
    const data = call.data();
    const listed = call.axes('axes', 1);
    const isEmpty = listed === undefined || listed.length === 0;
    if (isEmpty && call.flag('noop_with_empty_axes')) return call.host();
    const axes = isEmpty ? shape.map((_, axis) => axis) : listed;
    const kept = shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const steps = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
    const inner = shape.map((dim, axis) => (axes.includes(axis) ? dim : 1));
    const [outer, within] = [stridedPlaces(kept, steps), stridedPlaces(inner, steps)];
    const values = new Float64Array(sizeOf(inner));
    const result = call.flag('keepdims', true) ? kept : shape.filter((_, axis) => !axes.includes(axis));
    return hostOf(call.dtype(), result, (i) => {
      const start = outer(i);
      for (let k = 0; k < values.length; k++) values[k] = data[start + within(k)] as number;
      return fold(values);
    });
  };

/** The place of the largest or smallest along an axis. */
const position =
  (isBetter: (a: number, b: number) => boolean): HostOperator =>
  (call) => {
    const { shape } = call.host();
    const data = call.data();
    const axis = call.axis(call.int('axis', 0));
    const dim = shape[axis] as number;
    const inner = sizeOf(shape.slice(axis + 1));
    const takesLast = call.flag('select_last_index');
    const keeps = call.flag('keepdims', true);
    const result = keeps ? shape.map((size, i) => (i === axis ? 1 : size)) : shape.filter((_, i) => i !== axis);
    return hostOf('int64', result, (i) => {
      const start = Math.floor(i / inner) * dim * inner + (i % inner);
      const at = (k: number): number => data[start + k * inner] as number;
      let best = 0;
      for (let k = 1; k < dim; k++) if (isBetter(at(k), at(best)) || (takesLast && at(k) === at(best))) best = k;
      return best;
    });
  };

const logSumExp: Fold = (values) => {
  const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return Number.isFinite(top) ? top + Math.log(total(values, (x) => Math.exp(x - top))) : top;
};

export const functions: HostOperators = {
  Acos: each(Math.acos),
  Acosh: each(Math.acosh),
  Asin: each(Math.asin),
  Asinh: each(Math.asinh),
  Atan: each(Math.atan),
  Atanh: each(Math.atanh),
  Cosh: each(Math.cosh),
  Sinh: each(Math.sinh),
  Hardmax: hardmax,
  CumSum: running(0, (sum, x) => sum + x),
  CumProd: running(1, (product, x) => product * x),
  TopK: topK,
  ReduceSum: reduction((values) => total(values, (x) => x)),
  ReduceMean: reduction((values) => total(values, (x) => x) / values.length),
  ReduceProd: reduction((values) => values.reduce((product, x) => product * x, 1)),
  ReduceMax: reduction((values) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)),
  ReduceMin: reduction((values) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)),
  ReduceL1: reduction((values) => total(values, Math.abs)),
  ReduceL2: reduction((values) => Math.sqrt(total(values, (x) => x * x))),
  ReduceSumSquare: reduction((values) => total(values, (x) => x * x)),
  ReduceLogSum: reduction((values) => Math.log(total(values, (x) => x))),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: position((a, b) => a > b),
  ArgMin: position((a, b) => a < b),
};
