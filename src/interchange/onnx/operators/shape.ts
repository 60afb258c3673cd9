// Operators that move elements: reshaping, joining, cutting, padding, picking.
import { FoveaError } from '../../../core/errors.js';
import { sizeOf } from '../../../core/shape.js';
import type { Tensor } from '../../../graph/tensor.js';
import { add, multiply } from '../../../ops/arithmetic.js';
import { less } from '../../../ops/compare.js';
import { gather, takeAlongAxis } from '../../../ops/gather.js';
import { concat, pad, tile } from '../../../ops/join.js';
import { broadcastTo, reshape, slice, transpose } from '../../../ops/shape.js';
import { where } from '../../../ops/where.js';
import type { TensorCall, TensorOperators } from '../calls.js';
import {
  broadcastShape,
  concatShape,
  reshapeTo,
  slicesOf,
  splitSizes,
  squeezeShape,
  unsqueezeShape,
} from '../geometry.js';
import { shapeOf } from '../host/shape.js';
import { hostValue, tensorValue } from '../values.js';

/** Indices counted from the end where negative, as the engine wants them. */
function indicesOf(call: TensorCall, index: number, dim: number): Tensor {
  const value = call.array(index);
  const indices = call.tensor(index);
  if (value.kind === 'tensor') return where(less(indices, 0), add(indices, dim), indices);
  const all = call.numbers(index);
  const wrong = all.find((each) => each < -dim || each >= dim);
  if (wrong !== undefined) throw call.error(`the index ${wrong} is outside of ${dim}.`);
  return all.some((each) => each < 0) ? where(less(indices, 0), add(indices, dim), indices) : indices;
}

/** Cells before and after every axis, from an attribute or input by the operator set. */
export function paddingsOf(call: TensorCall, rank: number): (readonly [number, number])[] {
  const isOld = call.opset < 11;
  const pads = isOld ? (call.ints('pads') ?? call.ints('paddings') ?? []) : call.numbers(1);
  const axes = !isOld && call.isGiven(3) ? call.numbers(3).map((axis) => call.axis(axis, rank)) : undefined;
  const listed = axes ?? Array.from({ length: rank }, (_, axis) => axis);
  if (pads.some((each) => !Number.isInteger(each) || Math.abs(each) > 2 ** 24))
    throw call.error(`cannot pad by ${pads.join(', ')}.`);
  if (pads.length !== 2 * listed.length) throw call.error(`has ${pads.length} pads for ${listed.length} axes.`);
  const all: [number, number][] = Array.from({ length: rank }, () => [0, 0]);
  listed.forEach((axis, i) => {
    all[axis] = [pads[i] as number, pads[i + listed.length] as number];
  });
  return all;
}

/** Pads; what is negative is cut off. */
export function padTensor(
  call: TensorCall,
  x: Tensor,
  pads: readonly (readonly [number, number])[],
  value: number,
): Tensor {
  const isCut = pads.some(([before, after]) => before < 0 || after < 0);
  const begin = pads.map(([before]) => Math.max(0, -before));
  const size = x.shape.map(
    (dim, axis) => dim - (begin[axis] as number) - Math.max(0, -(pads[axis] as [number, number])[1]),
  );
  const rest = isCut ? slice(x, begin, size) : x;
  const more = pads.map(([before, after]) => [Math.max(0, before), Math.max(0, after)] as const);
  const mode = call.text('mode', 'constant');
  if (mode === 'constant') return pad(rest, more, { value });
  if (mode === 'reflect') return pad(rest, more, { mode: 'reflect' });
  const places = more.map(([before, after], axis) => {
    const dim = rest.shape[axis] as number;
    return Array.from({ length: before + dim + after }, (_, i) =>
      mode === 'edge' ? Math.max(0, Math.min(dim - 1, i - before)) : (((i - before) % dim) + dim) % dim,
    );
  });
  if (mode !== 'edge' && mode !== 'wrap') throw call.error(`the mode '${mode}' is not known.`);
  return places.reduce((y, list, axis) => {
    const [before, after] = more[axis] as readonly [number, number];
    return before + after === 0 ? y : gather(y, int32(list), axis);
  }, rest);
}

function int32(list: readonly number[]): Int32Array {
  return Int32Array.from(list);
}

/** Blocks of channels as pixels; `DCR` has the block's places outside of the channels. */
function depthToSpace(x: Tensor, size: number, isDepthFirst: boolean): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const inner = c / (size * size);
  const parts = isDepthFirst ? [n, size, size, inner, h, w] : [n, inner, size, size, h, w];
  const order = isDepthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  return reshape(transpose(reshape(x, parts), order), [n, inner, h * size, w * size]);
}

function checkRank4(call: TensorCall): void {
  if (call.rank() === 4) return;
  throw new FoveaError({
    code: 'shape',
    op: call.node.opType,
    message: `needs [n,c,h,w]; got [${call.shape().join(',')}].`,
    got: call.shape(),
  });
}

export const shapes: TensorOperators = {
  Shape: (call) => shapeOf(call, call.shape()),
  Size: (call) => hostValue('int64', [], [sizeOf(call.shape())]),
  Reshape: (call) => reshape(call.tensor(), reshapeTo(call, call.shape())),
  Flatten(call) {
    const axis = call.int('axis', 1);
    const at = axis < 0 ? axis + call.rank() : axis;
    return reshape(call.tensor(), [sizeOf(call.shape().slice(0, at)), sizeOf(call.shape().slice(at))]);
  },
  Squeeze: (call) => reshape(call.tensor(), squeezeShape(call, call.shape())),
  Unsqueeze: (call) => reshape(call.tensor(), unsqueezeShape(call, call.shape())),
  Transpose(call) {
    const perm = call.ints('perm');
    return transpose(call.tensor(), perm === undefined ? undefined : [...perm]);
  },
  Expand: (call) => broadcastTo(call.tensor(), broadcastShape(call, call.shape(), call.numbers(1))),
  Tile: (call) => tile(call.tensor(), call.opset < 6 ? [call.number(1)] : call.numbers(1)),
  Concat(call) {
    const axis = call.axis(call.int('axis', 1));
    concatShape(call, axis);
    return concat(
      call.inputs.map((_, i) => call.tensor(i)),
      axis,
    );
  },
  Split(call) {
    const axis = call.axis(call.int('axis', 0));
    const x = call.tensor();
    let begin = 0;
    return splitSizes(call, x.shape[axis] as number).map((size) => {
      const part = slice(
        x,
        x.shape.map((_, i) => (i === axis ? begin : 0)),
        x.shape.map((dim, i) => (i === axis ? size : dim)),
      );
      begin += size;
      return part;
    });
  },
  Slice(call) {
    const { begin, size, step } = slicesOf(call, call.shape());
    return slice(call.tensor(), begin, size, step);
  },
  Gather(call) {
    const axis = call.axis(call.int('axis', 0));
    const y = gather(call.tensor(0), indicesOf(call, 1, call.shape()[axis] as number), axis);
    return tensorValue(call.dtype(0), y);
  },
  GatherElements(call) {
    const axis = call.axis(call.int('axis', 0));
    const x = call.tensor(0);
    const indices = indicesOf(call, 1, x.shape[axis] as number);
    // Only along the axis may the indices be fewer or more.
    const size = x.shape.map((dim, i) => (i === axis ? dim : (indices.shape[i] as number)));
    const part = slice(
      x,
      size.map(() => 0),
      size,
    );
    return tensorValue(call.dtype(0), takeAlongAxis(part, indices, axis));
  },
  GatherND(call) {
    const batch = call.int('batch_dims', 0);
    const x = call.tensor(0);
    const indices = call.tensor(1);
    const width = indices.shape.at(-1) as number;
    if (batch > 0 || width === 0) return undefined;
    // One flat position for every row of indices.
    const inner = x.shape.slice(width);
    const rows = sizeOf(indices.shape.slice(0, -1));
    const flat = reshape(indices, [rows, width]);
    let position: Tensor | undefined;
    for (let k = 0; k < width; k++) {
      const dim = x.shape[k] as number;
      const raw = reshape(slice(flat, [0, k], [rows, 1]), [rows]);
      const column = where(less(raw, 0), add(raw, dim), raw);
      position = position === undefined ? column : add(multiply(position, dim), column);
    }
    const table = reshape(x, [sizeOf(x.shape.slice(0, width)), ...inner]);
    return tensorValue(
      call.dtype(0),
      reshape(gather(table, position as Tensor), [...indices.shape.slice(0, -1), ...inner]),
    );
  },
  Pad(call) {
    const value = call.opset < 11 ? call.float('value', 0) : call.number(2, 0);
    return padTensor(call, call.tensor(), paddingsOf(call, call.rank()), value);
  },
  DepthToSpace(call) {
    checkRank4(call);
    return depthToSpace(call.tensor(), call.int('blocksize'), call.text('mode', 'DCR') === 'DCR');
  },
  SpaceToDepth(call) {
    checkRank4(call);
    const size = call.int('blocksize');
    const [n, c, h, w] = call.shape() as [number, number, number, number];
    const parts = reshape(call.tensor(), [n, c, h / size, size, w / size, size]);
    return reshape(transpose(parts, [0, 3, 5, 1, 2, 4]), [n, c * size * size, h / size, w / size]);
  },
};
