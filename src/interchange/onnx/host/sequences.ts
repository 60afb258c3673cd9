// Sequences and optionals on the host: values in a row, and a value that may be missing, which is an empty row.
import { FoveaError } from '../../../core/errors.js';
import { formatShape, sizeOf, stridesOf } from '../../../core/shape.js';
import type { HostCall, HostOperators } from '../calls.js';
import { type HostValue, hostValue, type OnnxValue, type SequenceValue } from '../values.js';
import { makeData, stridedPlaces, taken } from './arrays.js';

function itemsOf(call: HostCall, index = 0): readonly OnnxValue[] {
  const value = call.value(index);
  if (value.kind !== 'sequence') throw call.error(`input ${index} is no sequence.`);
  return value.items;
}

/** A place among `count` items, counted from the end where negative. */
function place(call: HostCall, index: number, count: number): number {
  const at = call.number(index);
  const normal = at < 0 ? at + count : at;
  if (Number.isInteger(normal) && normal >= 0 && normal < count) return normal;
  throw call.error(`the place ${at} is outside of ${count} items.`);
}

const sequence = (items: readonly OnnxValue[]): SequenceValue => ({ kind: 'sequence', items });

/** The part of a value from `begin` on along an axis. */
function part(from: HostValue, axis: number, begin: number, size: number, keeps: boolean): HostValue {
  const steps = stridesOf(from.shape);
  const shape = from.shape.map((dim, i) => (i === axis ? size : dim));
  const cut = taken(from, shape, stridedPlaces(shape, steps, begin * (steps[axis] as number)));
  return keeps ? cut : { ...cut, shape: shape.filter((_, i) => i !== axis) };
}

/** Values of one type joined along an axis, or stacked along a new one. */
export function joinHosts(values: readonly HostValue[], axis: number, isStack: boolean): HostValue {
  const first = values[0] as HostValue;
  const other = values.find(
    ({ dtype, shape }) =>
      dtype !== first.dtype ||
      shape.length !== first.shape.length ||
      shape.some((dim, i) => dim !== first.shape[i] && (isStack || i !== axis)),
  );
  if (other !== undefined) {
    throw new FoveaError({
      code: 'shape',
      op: 'onnx',
      message: `${first.dtype} ${formatShape(first.shape)} and ${other.dtype} ${formatShape(other.shape)} do not join along axis ${axis}.`,
      got: [first.shape, other.shape],
    });
  }
  const wide = (value: HostValue): readonly number[] =>
    isStack ? [...value.shape.slice(0, axis), 1, ...value.shape.slice(axis)] : value.shape;
  const total = values.reduce((sum, value) => sum + (wide(value)[axis] as number), 0);
  const shape = wide(first).map((dim, i) => (i === axis ? total : dim));
  const inner = sizeOf(shape.slice(axis + 1));
  const data = makeData(first.dtype, shape) as string[];
  let before = 0;
  for (const value of values) {
    const width = (wide(value)[axis] as number) * inner;
    for (let i = 0; i < value.data.length; i++) {
      data[Math.floor(i / width) * total * inner + before + (i % width)] = value.data[i] as string;
    }
    before += width;
  }
  return { kind: 'host', dtype: first.dtype, shape, data };
}

export const sequences: HostOperators = {
  SequenceEmpty: () => sequence([]),
  SequenceConstruct: (call) => sequence(call.inputs.map((_, i) => call.value(i))),
  SequenceAt: (call) => itemsOf(call)[place(call, 1, itemsOf(call).length)] as OnnxValue,
  SequenceLength: (call) => hostValue('int64', [], [itemsOf(call).length]),
  SequenceInsert(call) {
    const items = itemsOf(call);
    const at = call.isGiven(2)
      ? call.number(2) === items.length
        ? items.length
        : place(call, 2, items.length)
      : items.length;
    return sequence([...items.slice(0, at), call.value(1), ...items.slice(at)]);
  },
  SequenceErase(call) {
    const items = itemsOf(call);
    const at = call.isGiven(1) ? place(call, 1, items.length) : items.length - 1;
    return sequence(items.filter((_, i) => i !== at));
  },
  SplitToSequence(call) {
    const from = call.host();
    const axis = call.axis(call.int('axis', 0));
    const dim = from.shape[axis] as number;
    const keeps = call.isGiven(1) || call.flag('keepdims', true);
    const given = call.isGiven(1) ? call.numbers(1) : [1];
    const step = given[0] as number;
    const isList = call.isGiven(1) && call.rank(1) > 0;
    if (!isList && !(step > 0)) throw call.error(`cannot cut parts of ${step}.`);
    const sizes = isList
      ? given
      : Array.from({ length: Math.ceil(dim / step) }, (_, i) => Math.min(step, dim - i * step));
    if (sizes.reduce((sum, size) => sum + size, 0) !== dim)
      throw call.error(`parts of ${sizes.join(', ')} do not make ${dim}.`);
    let begin = 0;
    return sequence(
      sizes.map((size) => {
        const cut = part(from, axis, begin, size, keeps);
        begin += size;
        return cut;
      }),
    );
  },
  ConcatFromSequence(call) {
    const items = itemsOf(call).filter((item): item is HostValue => item.kind === 'host');
    const first = items[0];
    if (first === undefined) throw call.error('the sequence holds no arrays on the host.');
    const isStack = call.flag('new_axis');
    return joinHosts(items, call.axis(call.int('axis'), first.shape.length + Number(isStack)), isStack);
  },
  Optional: (call) => (call.isGiven(0) ? call.value(0) : sequence([])),
  OptionalGetElement: (call) => call.value(0),
  OptionalHasElement(call) {
    const value = call.isGiven(0) ? call.value(0) : undefined;
    const isThere = value !== undefined && !(value.kind === 'sequence' && value.items.length === 0);
    return hostValue('bool', [], [Number(isThere)]);
  },
};
