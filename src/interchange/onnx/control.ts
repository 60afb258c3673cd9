// Operators that run graphs: If, Loop, Scan. What decides must be a number on the host, so these wait where it is computed.
import { FoveaError } from '../../core/errors.js';
import { stridesOf } from '../../core/shape.js';
import type { OnnxGraph, OnnxType } from '../../formats/onnx.js';
import { stack } from '../../ops/join.js';
import { reshape, slice } from '../../ops/shape.js';
import type { Call, Evaluation, GraphOperators, RunInner } from './calls.js';
import { hostOf, stridedPlaces, taken } from './host/arrays.js';
import { joinHosts } from './host/sequences.js';
import { type HostValue, hostValue, type OnnxValue, tensorValue, toTensor } from './values.js';

// A loop that says of itself that it never ends is a damaged file.
const MAX_ROUNDS = 100_000;

function bodyOf(call: Call, name: string): OnnxGraph {
  const graph = call.graphAttribute(name);
  if (graph === undefined) throw call.error(`the graph ${name} is missing.`);
  return graph;
}

/** A number, computed if need be. */
function* read(call: Call, value: OnnxValue | undefined): Evaluation<number> {
  if (value === undefined || value.kind === 'sequence') throw call.error('a number is missing.');
  const host = value.kind === 'tensor' ? ((yield [value])[0] as HostValue) : value;
  return Number(host.data[0]);
}

/** Values of all rounds along a new axis; of none, an empty one of the type that the body says. */
function stacked(values: readonly OnnxValue[], axis: number, type: OnnxType | undefined): OnnxValue {
  const first = values[0];
  if (first === undefined) {
    const isTensor = type?.kind === 'tensor';
    const sizes = isTensor ? (type.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 0)) : [];
    const dtype = (isTensor ? type.dtype : undefined) ?? 'float32';
    return hostOf(dtype, [...sizes.slice(0, axis), 0, ...sizes.slice(axis)], () => 0);
  }
  if (first.kind === 'sequence') {
    throw new FoveaError({ code: 'unsupported', op: 'onnx', message: 'sequences cannot be stacked.' });
  }
  if (values.every((each): each is HostValue => each.kind === 'host')) return joinHosts(values, axis, true);
  return tensorValue(first.dtype, stack(values.map(toTensor), axis));
}

/** Round `i` of a value along an axis. */
function roundOf(value: OnnxValue, axis: number, i: number): OnnxValue {
  if (value.kind === 'sequence') {
    throw new FoveaError({ code: 'unsupported', op: 'Scan', message: 'a sequence cannot be scanned.' });
  }
  const shape = value.shape.filter((_, at) => at !== axis);
  if (value.kind === 'tensor') {
    const begin = value.shape.map((_, at) => (at === axis ? i : 0));
    const size = value.shape.map((dim, at) => (at === axis ? 1 : dim));
    return tensorValue(value.dtype, reshape(slice(value.tensor, begin, size), shape));
  }
  const strides = stridesOf(value.shape);
  const steps = strides.filter((_, at) => at !== axis);
  return taken(value, shape, stridedPlaces(shape, steps, i * (strides[axis] as number)));
}

function* loop(call: Call, run: RunInner): Evaluation<readonly OnnxValue[]> {
  const body = bodyOf(call, 'body');
  const most = call.isGiven(0) ? call.number(0) : Number.POSITIVE_INFINITY;
  let goesOn = call.isGiven(1) ? call.number(1) !== 0 : true;
  let carried: readonly OnnxValue[] = call.inputs.slice(2).map((_, i) => call.value(i + 2));
  const count = carried.length;
  const scans: OnnxValue[][] = body.outputs.slice(1 + count).map(() => []);
  for (let i = 0; i < most && goesOn; i++) {
    if (i === MAX_ROUNDS) throw call.error(`does not end within ${MAX_ROUNDS} rounds.`);
    const given = [hostValue('int64', [], [i]), hostValue('bool', [], [1]), ...carried];
    const [condition, ...results] = yield* run(body, given);
    goesOn = (yield* read(call, condition)) !== 0;
    carried = results.slice(0, count);
    scans.forEach((scan, at) => {
      scan.push(results[count + at] as OnnxValue);
    });
  }
  return [...carried, ...scans.map((scan, at) => stacked(scan, 0, body.outputs[1 + count + at]?.type))];
}

function* scan(call: Call, run: RunInner): Evaluation<readonly OnnxValue[]> {
  if (call.opset < 9) throw call.error('is read from operator set 9 on.', 'unsupported');
  const body = bodyOf(call, 'body');
  const scanned = call.int('num_scan_inputs');
  const states = call.inputs.length - scanned;
  let carried: readonly OnnxValue[] = call.inputs.slice(0, states).map((_, i) => call.value(i));
  const inputs = call.inputs.slice(states).map((_, i) => {
    const value = call.array(states + i);
    const axis = call.axis(call.ints('scan_input_axes')?.[i] ?? 0, value.shape.length);
    return { value, axis, isReverse: (call.ints('scan_input_directions')?.[i] ?? 0) === 1 };
  });
  const first = inputs[0];
  const count = first === undefined ? 0 : (first.value.shape[first.axis] as number);
  const scans: OnnxValue[][] = body.outputs.slice(states).map(() => []);
  for (let i = 0; i < count; i++) {
    const parts = inputs.map(({ value, axis, isReverse }) => roundOf(value, axis, isReverse ? count - 1 - i : i));
    const results = yield* run(body, [...carried, ...parts]);
    carried = results.slice(0, states);
    scans.forEach((each, at) => {
      each.push(results[states + at] as OnnxValue);
    });
  }
  const outputs = scans.map((each, at) => {
    const isReverse = (call.ints('scan_output_directions')?.[at] ?? 0) === 1;
    const type = body.outputs[states + at]?.type;
    const part = each[0];
    const rank = part === undefined || part.kind === 'sequence' ? 1 : part.shape.length + 1;
    const axis = call.axis(call.ints('scan_output_axes')?.[at] ?? 0, rank);
    return stacked(isReverse ? each.reverse() : each, axis, type);
  });
  return [...carried, ...outputs];
}

export const controlOperators: GraphOperators = {
  *If(call, run): Evaluation<readonly OnnxValue[]> {
    return yield* run(bodyOf(call, call.number(0) === 0 ? 'else_branch' : 'then_branch'), []);
  },
  Loop: loop,
  Scan: scan,
};
