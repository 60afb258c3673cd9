// What operators of both kinds compute from shapes and attributes, by the version of the operator set.
import { FoveaError } from '../../core/errors.js';
import { broadcastShapes, formatShape, type Shape, sizeOf } from '../../core/shape.js';
import type { Call } from './calls.js';

/** The shape that shapes broadcast to. Throws `shape` where they do not. */
export function broadcast(a: Shape, b: Shape, op: string): Shape {
  const shape = broadcastShapes(a, b);
  if (shape !== undefined) return shape;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `${formatShape(a)} and ${formatShape(b)} do not broadcast.`,
    got: [a, b],
  });
}

/** The shape that Reshape asks for: 0 copies a size, -1 is what is left. */
export function reshapeTo(call: Call, from: Shape): Shape {
  const wanted = call.opset < 5 ? [...(call.ints('shape') ?? [])] : call.numbers(1);
  const allowsZero = call.flag('allowzero');
  const sizes = wanted.map((dim, axis) => (dim === 0 && !allowsZero ? (from[axis] ?? 0) : dim));
  const open = sizes.indexOf(-1);
  const known = sizeOf(sizes.filter((dim) => dim !== -1));
  const total = sizeOf(from);
  if (open >= 0 && known !== 0) sizes[open] = total / known;
  if (sizeOf(sizes) === total && sizes.every((dim) => Number.isInteger(dim) && dim >= 0)) return sizes;
  throw new FoveaError({
    code: 'shape',
    op: 'Reshape',
    message: `${formatShape(from)} cannot become ${formatShape(wanted)}.`,
    got: from,
    want: wanted,
  });
}

export function squeezeShape(call: Call, from: Shape): Shape {
  const axes = call.axes('axes', 1, from.length) ?? from.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  const wrong = axes.find((axis) => from[axis] !== 1);
  if (wrong !== undefined) throw call.error(`axis ${wrong} of ${formatShape(from)} is not of size 1.`);
  return from.filter((_, axis) => !axes.includes(axis));
}

export function unsqueezeShape(call: Call, from: Shape): Shape {
  const listed = call.ints('axes') ?? call.numbers(1);
  const rank = from.length + listed.length;
  const axes = listed.map((axis) => call.axis(axis, rank));
  const rest = [...from];
  return Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() as number)));
}

/** The shape that both shapes broadcast to. */
export function broadcastShape(call: Call, from: Shape, wanted: readonly number[]): Shape {
  if (wanted.some((dim) => !Number.isInteger(dim) || dim < 0)) throw call.error(`cannot make ${formatShape(wanted)}.`);
  return broadcast(from, wanted, call.node.opType);
}

export function concatShape(call: Call, axis: number): Shape {
  const first = call.shape();
  const all = call.inputs.map((_, i) => call.shape(i));
  for (const shape of all) {
    if (shape.length === first.length && shape.every((dim, i) => i === axis || dim === first[i])) continue;
    throw call.error(`${formatShape(first)} and ${formatShape(shape)} do not join along axis ${axis}.`);
  }
  return first.map((dim, i) => (i === axis ? all.reduce((sum, shape) => sum + (shape[i] as number), 0) : dim));
}

export function gatherShape(from: Shape, axis: number, indices: Shape): Shape {
  return [...from.slice(0, axis), ...indices, ...from.slice(axis + 1)];
}

/** The sizes of Split's parts. */
export function splitSizes(call: Call, dim: number): readonly number[] {
  const listed = call.ints('split') ?? (call.isGiven(1) ? call.numbers(1) : undefined);
  if (listed !== undefined) {
    if (listed.every((size) => size >= 0) && listed.reduce((sum, size) => sum + size, 0) === dim) return listed;
    throw call.error(`parts of ${listed.join(', ')} do not make ${dim}.`);
  }
  const count = call.has('num_outputs') ? call.int('num_outputs') : call.node.outputs.length;
  if (!(count >= 1 && count <= 65536)) throw call.error(`cannot make ${count} parts.`);
  const size = Math.ceil(dim / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(size, dim - i * size)));
}

/** Where Slice begins along every axis, how many it takes and how far apart. */
export function slicesOf(call: Call, from: Shape): { begin: number[]; size: number[]; step: number[] } {
  const isOld = call.opset < 10;
  const starts = isOld ? (call.ints('starts') ?? []) : call.numbers(1);
  const ends = isOld ? (call.ints('ends') ?? []) : call.numbers(2);
  const axes = (isOld ? call.ints('axes') : call.isGiven(3) ? call.numbers(3) : undefined) ?? starts.map((_, i) => i);
  const steps = !isOld && call.isGiven(4) ? call.numbers(4) : starts.map(() => 1);
  const begin = from.map(() => 0);
  const size = [...from];
  const step = from.map(() => 1);
  axes.forEach((each, i) => {
    const axis = call.axis(each, from.length);
    const dim = from[axis] as number;
    const stride = steps[i] as number;
    if (!Number.isInteger(stride) || stride === 0) throw call.error(`cannot take every ${stride}th.`);
    const clamp = (at: number, low: number, high: number): number =>
      Math.max(low, Math.min(high, at < 0 ? at + dim : at));
    const first = stride > 0 ? clamp(starts[i] as number, 0, dim) : clamp(starts[i] as number, 0, dim - 1);
    const last = stride > 0 ? clamp(ends[i] as number, 0, dim) : clamp(ends[i] as number, -1, dim - 1);
    begin[axis] = first;
    step[axis] = stride;
    size[axis] = Math.max(0, Math.ceil((last - first) / stride));
  });
  return { begin, size, step };
}
