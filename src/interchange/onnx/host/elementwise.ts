// Arithmetic, comparisons and conversions on the host: for integers, doubles, and the sizes of shapes.

import type { OnnxDtype } from '../../../formats/onnx-schema.js';
import { onnxDtypeOf } from '../../../formats/onnx-tensor.js';
import type { HostCall, HostOperator, HostOperators } from '../calls.js';
import { broadcast } from '../geometry.js';
import { type HostValue, isFloatDtype } from '../values.js';
import { broadcastPlaces, hostOf, makeData, mapHost } from './arrays.js';

const hosts = (call: HostCall): HostValue[] => call.inputs.map((_, i) => call.host(i));

/** Gives the first input's element type. */
const same =
  (compute: (...values: number[]) => number): HostOperator =>
  (call) =>
    mapHost(call.dtype(), hosts(call), compute);

/** Gives bool; of text, only equality. */
const claim =
  (compute: (a: number, b: number) => boolean): HostOperator =>
  (call) =>
    mapHost('bool', hosts(call), (a, b = 0) => (compute(a, b) ? 1 : 0));

/** Whole quotients are cut towards zero. */
const divide: HostOperator = (call) =>
  mapHost(
    call.dtype(),
    hosts(call),
    isFloatDtype(call.dtype()) ? (a, b) => a / b : (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  );

const fold =
  (compute: (a: number, b: number) => number): HostOperator =>
  (call) =>
    mapHost(call.dtype(), hosts(call), (...all) => all.reduce(compute));

/** Half goes to the even neighbour. */
function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Converts elements; floats are cut towards zero to become integers. */
export function castHost(from: HostValue, dtype: OnnxDtype): HostValue {
  if (dtype === from.dtype) return from;
  if (dtype === 'string') {
    return { ...from, dtype, data: Array.from(from.data as Float64Array, (value) => textOf(value, from.dtype)) };
  }
  const data = from.data as Float64Array | string[];
  const isInteger = !isFloatDtype(dtype);
  return hostOf(dtype, from.shape, (i) => {
    const value = typeof data[i] === 'string' ? numberOf(data[i]) : (data[i] as number);
    if (dtype === 'bool') return value !== 0 ? 1 : 0;
    return isInteger ? Math.trunc(value) : value;
  });
}

function numberOf(text: string): number {
  const word = text.trim().toLowerCase().replace(/^\+/, '');
  if (/^-?inf(inity)?$/.test(word)) return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(word);
}

function textOf(value: number, dtype: OnnxDtype): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-INF' : 'INF';
  if (dtype !== 'float32') return String(value);
  // The shortest decimal that is this float32.
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

export const elementwise: HostOperators = {
  Add: same((a, b) => a + b),
  Sub: same((a, b) => a - b),
  Mul: same((a, b) => a * b),
  Div: divide,
  Pow: same((a, b) => a ** b),
  Neg: same((a) => -a),
  Abs: same(Math.abs),
  Sign: same(Math.sign),
  Floor: same(Math.floor),
  Ceil: same(Math.ceil),
  Round: same(roundEven),
  Sqrt: same(Math.sqrt),
  Reciprocal: same((a) => 1 / a),
  Exp: same(Math.exp),
  Log: same(Math.log),
  Mod: (call) =>
    mapHost(call.dtype(), hosts(call), call.flag('fmod') ? (a, b) => a % b : (a, b) => a - b * Math.floor(a / b)),
  Max: fold((a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b))),
  Min: fold((a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b))),
  Sum: fold((a, b) => a + b),
  Equal(call) {
    const [a, b] = hosts(call) as [HostValue, HostValue];
    const shape = broadcast(a.shape, b.shape, 'Equal');
    const [left, right] = [broadcastPlaces(a.shape, shape), broadcastPlaces(b.shape, shape)];
    return hostOf('bool', shape, (i) => (a.data[left(i)] === b.data[right(i)] ? 1 : 0));
  },
  Greater: claim((a, b) => a > b),
  GreaterOrEqual: claim((a, b) => a >= b),
  Less: claim((a, b) => a < b),
  LessOrEqual: claim((a, b) => a <= b),
  And: claim((a, b) => a !== 0 && b !== 0),
  Or: claim((a, b) => a !== 0 || b !== 0),
  Xor: claim((a, b) => (a !== 0) !== (b !== 0)),
  Not: claim((a) => a === 0),
  Where(call) {
    const [condition, a, b] = hosts(call) as [HostValue, HostValue, HostValue];
    const shape = broadcast(broadcast(condition.shape, a.shape, 'Where'), b.shape, 'Where');
    const holds = broadcastPlaces(condition.shape, shape);
    const [left, right] = [broadcastPlaces(a.shape, shape), broadcastPlaces(b.shape, shape)];
    const data = makeData(a.dtype, shape) as string[];
    for (let i = 0; i < data.length; i++) {
      data[i] = (condition.data[holds(i)] ? a.data[left(i)] : b.data[right(i)]) as string;
    }
    return { kind: 'host', dtype: a.dtype, shape, data };
  },
  Cast(call) {
    const dtype = onnxDtypeOf(call.int('to'));
    if (dtype === undefined) throw call.error(`there is no element type ${call.int('to')}.`);
    return castHost(call.host(), dtype);
  },
  CastLike: (call) => castHost(call.host(), call.dtype(1)),
  Clip(call) {
    const low =
      call.opset < 11 ? call.float('min', Number.NEGATIVE_INFINITY) : call.number(1, Number.NEGATIVE_INFINITY);
    const high =
      call.opset < 11 ? call.float('max', Number.POSITIVE_INFINITY) : call.number(2, Number.POSITIVE_INFINITY);
    return mapHost(call.dtype(), [call.host()], (x) => Math.min(high, Math.max(low, x)));
  },
};
