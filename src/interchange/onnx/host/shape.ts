// Shapes and what is computed with them on the host; moving elements without looking at them, text too.
import { FoveaError } from '../../../core/errors.js';
import { formatShape, type Shape, sizeOf, stridesOf } from '../../../core/shape.js';
import type { HostCall, HostOperators } from '../calls.js';
import {
  broadcastShape,
  concatShape,
  gatherShape,
  reshapeTo,
  slicesOf,
  splitSizes,
  squeezeShape,
  unsqueezeShape,
} from '../geometry.js';
import { type HostValue, hostValue } from '../values.js';
import { broadcastPlaces, checkSize, hostOf, makeData, stridedPlaces, taken } from './arrays.js';

function reshaped(from: HostValue, shape: Shape): HostValue {
  if (sizeOf(shape) === sizeOf(from.shape)) return { ...from, shape };
  throw new FoveaError({
    code: 'shape',
    op: 'onnx',
    message: `${formatShape(from.shape)} cannot become ${formatShape(shape)}.`,
    got: from.shape,
    want: shape,
  });
}

/** A constant by the one attribute that it has. */
function constantOf(call: HostCall): HostValue {
  const tensor = call.tensorAttribute('value') ?? call.tensorAttribute('sparse_value');
  if (tensor !== undefined) return hostValue(tensor.dtype, tensor.shape, tensor.data);
  if (call.has('value_float')) return hostValue('float32', [], [call.float('value_float')]);
  if (call.has('value_int')) return hostValue('int64', [], [call.int('value_int')]);
  if (call.has('value_string')) return hostValue('string', [], [call.text('value_string')]);
  const floats = call.floats('value_floats');
  if (floats !== undefined) return hostValue('float32', [floats.length], floats);
  const ints = call.ints('value_ints');
  if (ints !== undefined) return hostValue('int64', [ints.length], ints);
  const texts = call.texts('value_strings');
  if (texts !== undefined) return hostValue('string', [texts.length], [...texts]);
  throw call.error('has no value.');
}

export const shapes: HostOperators = {
  Constant: constantOf,
  ConstantOfShape(call) {
    const value = call.tensorAttribute('value');
    const fill = Number(value?.data[0] ?? 0);
    return hostOf(value?.dtype ?? 'float32', call.numbers(0), () => fill);
  },
  Shape: (call) => shapeOf(call, call.shape()),
  Size: (call) => hostValue('int64', [], [sizeOf(call.shape())]),
  Identity: (call) => call.value(0),
  Reshape: (call) => reshaped(call.host(), reshapeTo(call, call.shape())),
  Flatten(call) {
    const axis = call.int('axis', 1);
    const at = axis < 0 ? axis + call.rank() : axis;
    const shape = call.shape();
    return reshaped(call.host(), [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
  },
  Squeeze: (call) => reshaped(call.host(), squeezeShape(call, call.shape())),
  Unsqueeze: (call) => reshaped(call.host(), unsqueezeShape(call, call.shape())),
  Transpose(call) {
    const from = call.host();
    const order = call.ints('perm') ?? from.shape.map((_, axis) => from.shape.length - 1 - axis);
    const strides = stridesOf(from.shape);
    const shape = order.map((axis) => from.shape[axis] as number);
    return taken(
      from,
      shape,
      stridedPlaces(
        shape,
        order.map((axis) => strides[axis] as number),
      ),
    );
  },
  Expand(call) {
    const shape = broadcastShape(call, call.shape(), call.numbers(1));
    return taken(call.host(), shape, broadcastPlaces(call.shape(), shape));
  },
  Tile(call) {
    const from = call.host();
    const times = call.numbers(1);
    const shape = from.shape.map((dim, axis) => dim * (times[axis] as number));
    const strides = stridesOf(from.shape);
    const own = stridesOf(shape);
    return taken(from, shape, (i) => {
      let rest = i;
      return from.shape.reduce((at, dim, axis) => {
        const place = Math.floor(rest / (own[axis] as number));
        rest -= place * (own[axis] as number);
        return at + (place % dim) * (strides[axis] as number);
      }, 0);
    });
  },
  Concat(call) {
    const all = call.inputs.map((_, i) => call.host(i));
    const axis = call.axis(call.int('axis', 1));
    const shape = concatShape(call, axis);
    const data = makeData(call.dtype(), shape) as string[];
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const row = (shape[axis] as number) * inner;
    let before = 0;
    for (const each of all) {
      const width = (each.shape[axis] as number) * inner;
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < width; i++) data[o * row + before + i] = each.data[o * width + i] as string;
      before += width;
    }
    return { kind: 'host', dtype: call.dtype(), shape, data };
  },
  Split(call) {
    const from = call.host();
    const axis = call.axis(call.int('axis', 0));
    const steps = stridesOf(from.shape);
    let begin = 0;
    return splitSizes(call, from.shape[axis] as number).map((size) => {
      const shape = from.shape.map((dim, i) => (i === axis ? size : dim));
      const part = taken(from, shape, stridedPlaces(shape, steps, begin * (steps[axis] as number)));
      begin += size;
      return part;
    });
  },
  Slice(call) {
    const from = call.host();
    const { begin, size, step } = slicesOf(call, from.shape);
    const strides = stridesOf(from.shape);
    const start = begin.reduce((at, each, axis) => at + each * (strides[axis] as number), 0);
    return taken(
      from,
      size,
      stridedPlaces(
        size,
        strides.map((stride, axis) => stride * (step[axis] as number)),
        start,
      ),
    );
  },
  Gather(call) {
    const from = call.host();
    const axis = call.axis(call.int('axis', 0));
    const dim = from.shape[axis] as number;
    const indices = call.numbers(1).map((index) => {
      const at = index < 0 ? index + dim : index;
      if (at >= 0 && at < dim) return at;
      throw call.error(`the index ${index} is outside of ${dim}.`);
    });
    const shape = gatherShape(from.shape, axis, call.shape(1));
    const inner = sizeOf(from.shape.slice(axis + 1));
    return taken(from, shape, (i) => {
      const column = i % inner;
      const rest = Math.floor(i / inner);
      const which = rest % indices.length;
      return (Math.floor(rest / indices.length) * dim + (indices[which] as number)) * inner + column;
    });
  },
  Range(call) {
    const [start, limit, delta] = [call.number(0), call.number(1), call.number(2)];
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    checkSize([count]);
    return hostOf(call.dtype(), [count], (i) => start + i * delta);
  },
  NonZero(call) {
    const data = call.data();
    const shape = call.shape();
    const found: number[] = [];
    data.forEach((value: number, i: number) => {
      if (value !== 0) found.push(i);
    });
    const strides = stridesOf(shape);
    return hostOf('int64', [shape.length, found.length], (i) => {
      const axis = Math.floor(i / found.length);
      return Math.floor((found[i % found.length] as number) / (strides[axis] as number)) % (shape[axis] as number);
    });
  },
};

/** The sizes of a value, or of some of its axes. */
export function shapeOf(call: { int(name: string, fallback: number): number }, shape: Shape): HostValue {
  const rank = shape.length;
  const at = (axis: number): number => Math.max(0, Math.min(rank, axis < 0 ? axis + rank : axis));
  const sizes = shape.slice(at(call.int('start', 0)), at(call.int('end', rank)));
  return hostValue('int64', [sizes.length], sizes);
}
