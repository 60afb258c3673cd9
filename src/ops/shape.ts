// Ops that only say where elements lie: reshape, transpose, broadcastTo, slice, flip. They move nothing;
// who needs the elements side by side gets a copy from the planner (compile/layout.ts).
import { FoveaError } from '../core/errors.js';
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  normalizeAxis,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from '../core/shape.js';
import { defineOp, type Op, toTensor } from '../graph/define.js';
import type { GradientRequest, Layout, OpDefinition, ReferenceArray, TensorType } from '../graph/op.js';
import { scalar, type Tensor, type TensorLike } from '../graph/tensor.js';
import { concat, pad } from './join.js';
import { sum } from './reduce.js';

/** The float64 reference of any strided view: read the input through the layout. */
function referenceView<P extends object>(op: () => OpDefinition<P>): OpDefinition<P>['reference'] {
  return ([x], params, [output]) => {
    const { shape } = output as TensorType;
    const input: Layout = { offset: 0, shape: x!.shape, strides: stridesOf(x!.shape) };
    const layout = op().view?.(input, params, output as TensorType) as Layout;
    return [readLayout(x as ReferenceArray, layout, shape)];
  };
}

function readLayout(x: ReferenceArray, layout: Layout, shape: Shape): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < out.length; i++) {
    let from = layout.offset;
    for (let axis = 0; axis < at.length; axis++) from += (at[axis] as number) * (layout.strides[axis] as number);
    out[i] = x.data[from] as number;
    for (let axis = at.length - 1; axis >= 0; axis--) {
      at[axis] = (at[axis] as number) + 1;
      if ((at[axis] as number) < (shape[axis] as number)) break;
      at[axis] = 0;
    }
  }
  return out;
}

const reshapeOp = defineOp<{ shape: Shape }>({
  name: 'reshape',
  summary: 'the same elements in another shape; one size may be -1',
  shape([x], { shape }) {
    return [{ shape: inferShape((x as TensorType).shape, shape), dtype: (x as TensorType).dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [reshape(dy, x!.shape)],
  reference: ([x]) => [x!.data],
  view: (input, _params, output) => reshapeLayout(input, output.shape),
  cases: () => [
    { name: 'split', inputs: [{ shape: [4, 6] }], params: { shape: [2, 2, -1] } },
    { name: 'merge', inputs: [{ shape: [2, 3, 5] }], params: { shape: [30] } },
    { name: 'scalar', inputs: [{ shape: [1, 1] }], params: { shape: [] } },
    { name: 'i32', inputs: [{ shape: [6], dtype: 'int32', high: 9 }], params: { shape: [3, 2] } },
  ],
});

function inferShape(from: Shape, to: Shape): Shape {
  const wild = to.filter((dim) => dim === -1).length;
  const known = to.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const size = sizeOf(from);
  const missing = wild === 1 && known > 0 ? size / known : undefined;
  const shape = to.map((dim) => (dim === -1 ? (missing ?? 0) : dim));
  const isWhole = shape.every((dim) => Number.isInteger(dim) && dim >= 0);
  if (wild > 1 || !isWhole || sizeOf(shape) !== size) {
    throw new FoveaError({
      code: 'shape',
      op: 'reshape',
      message: `${formatShape(from)} has ${size} elements and cannot become ${formatShape(to)}.`,
      got: from,
      want: to,
      hint: wild > 1 ? 'Only one size may be -1.' : 'The sizes must multiply to the same count.',
    });
  }
  return shape;
}

/** A view of a strided layout in another shape, where the axes it merges lie evenly spaced; else undefined. */
function reshapeLayout(input: Layout, shape: Shape): Layout | undefined {
  if (sizeOf(shape) === 0) return { offset: input.offset, shape, strides: stridesOf(shape) };
  const dims: number[] = [];
  const steps: number[] = [];
  input.shape.forEach((dim, axis) => {
    if (dim === 1) return;
    dims.push(dim);
    steps.push(input.strides[axis] as number);
  });
  const strides = new Array<number>(shape.length).fill(0);
  // Match the shortest runs of old and new axes that hold equally many elements.
  let from = 0;
  let to = 0;
  while (from < dims.length) {
    let fromEnd = from + 1;
    let toEnd = to + 1;
    let fromSize = dims[from] as number;
    let toSize = shape[to] as number;
    while (fromSize !== toSize) {
      if (toSize < fromSize) toSize *= shape[toEnd++] as number;
      else fromSize *= dims[fromEnd++] as number;
    }
    for (let axis = from; axis < fromEnd - 1; axis++) {
      if (steps[axis] !== (dims[axis + 1] as number) * (steps[axis + 1] as number)) return undefined;
    }
    let stride = steps[fromEnd - 1] as number;
    for (let axis = toEnd - 1; axis >= to; axis--) {
      strides[axis] = stride;
      stride *= shape[axis] as number;
    }
    from = fromEnd;
    to = toEnd;
  }
  return { offset: input.offset, shape, strides };
}

const transposeOp: Op<{ axes: readonly number[] }> = defineOp({
  name: 'transpose',
  summary: 'axes in another order',
  shape([x], { axes }) {
    const { shape, dtype } = x as TensorType;
    const normal = axes.map((axis) => normalizeAxis(axis, shape.length, 'transpose'));
    if (normal.length !== shape.length || new Set(normal).size !== shape.length) {
      throw new FoveaError({
        code: 'argument',
        op: 'transpose',
        message: `axes [${axes.join(',')}] are not an order of the ${shape.length} axes of ${formatShape(shape)}.`,
        got: axes,
        hint: 'Name every axis once.',
      });
    }
    return [{ shape: normal.map((axis) => shape[axis] as number), dtype }];
  },
  gradient: ({ params: { axes }, dy }) => {
    const inverse = new Array<number>(axes.length);
    axes.forEach((axis, to) => {
      inverse[axis < 0 ? axis + axes.length : axis] = to;
    });
    return [transpose(dy, inverse)];
  },
  reference: referenceView(() => transposeOp),
  view: (input, { axes }, output) => ({
    offset: input.offset,
    shape: output.shape,
    strides: axes.map((axis) => input.strides[axis < 0 ? axis + axes.length : axis] as number),
  }),
  cases: () => [
    { name: '2d', inputs: [{ shape: [3, 5] }], params: { axes: [1, 0] } },
    { name: 'nhwc to nchw', inputs: [{ shape: [2, 3, 4, 5] }], params: { axes: [0, 3, 1, 2] } },
    { name: 'large', inputs: [{ shape: [67, 131] }], params: { axes: [-1, 0] } },
    { name: 'u8', inputs: [{ shape: [5, 7], dtype: 'uint8' }], params: { axes: [1, 0] } },
  ],
});

const broadcastToOp: Op<{ shape: Shape }> = defineOp({
  name: 'broadcastTo',
  summary: 'repeats along axes of size 1 and new leading axes',
  shape([x], { shape }) {
    const from = x as TensorType;
    const both = broadcastShapes(from.shape, shape);
    if (both === undefined || !sameShape(both, shape)) {
      throw new FoveaError({
        code: 'shape',
        op: 'broadcastTo',
        message: `${formatShape(from.shape)} does not broadcast to ${formatShape(shape)}.`,
        got: from.shape,
        want: shape,
        hint: 'Sizes must be equal or 1, counted from the last axis.',
      });
    }
    return [{ shape, dtype: from.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [sumTo(dy, x!.shape)],
  reference: referenceView(() => broadcastToOp),
  view: (input, _params, output) => ({
    offset: input.offset,
    shape: output.shape,
    strides: broadcastStrides(input.shape, input.strides, output.shape),
  }),
  cases: () => [
    { name: 'rows', inputs: [{ shape: [5] }], params: { shape: [3, 5] } },
    { name: 'columns', inputs: [{ shape: [4, 1] }], params: { shape: [2, 4, 3] } },
    { name: 'scalar', inputs: [{ shape: [] }], params: { shape: [2, 2] } },
  ],
});

interface SliceParams {
  /** Per axis, in 0..size. */
  readonly begin: readonly number[];
  readonly size: readonly number[];
  /** Not 0; negative walks backwards from `begin`. */
  readonly stride: readonly number[];
}

const sliceOp: Op<SliceParams> = defineOp({
  name: 'slice',
  summary: 'a box of elements, with steps (negative: backwards)',
  shape([x], { begin, size, stride }) {
    const { shape, dtype } = x as TensorType;
    shape.forEach((dim, axis) => {
      const from = begin[axis] as number;
      const count = size[axis] as number;
      const last = from + (count - 1) * (stride[axis] as number);
      if (count < 0 || from < 0 || (count > 0 && (from >= dim || last < 0 || last >= dim))) {
        throw new FoveaError({
          code: 'range',
          op: 'slice',
          message: `axis ${axis} of ${formatShape(shape)} has no elements ${from}..${last}.`,
          got: { begin, size, stride },
          want: shape,
          hint: `Stay within 0..${dim - 1}.`,
        });
      }
    });
    return [{ shape: size, dtype }];
  },
  gradient: ({ inputs: [x], params, dy }) => [unslice(dy, x!.shape, params)],
  sharedGradient: (_index, uses) => joinSlices(uses),
  reference: referenceView(() => sliceOp),
  view: (input, { begin, stride }, output) => ({
    offset: begin.reduce((offset, from, axis) => offset + from * (input.strides[axis] as number), input.offset),
    shape: output.shape,
    strides: input.strides.map((each, axis) => each * (stride[axis] as number)),
  }),
  cases: () => [
    { name: 'box', inputs: [{ shape: [4, 6] }], params: { begin: [1, 2], size: [2, 3], stride: [1, 1] } },
    { name: 'steps', inputs: [{ shape: [5, 7] }], params: { begin: [0, 1], size: [3, 3], stride: [2, 2] } },
    { name: 'backwards', inputs: [{ shape: [5, 4] }], params: { begin: [4, 0], size: [5, 4], stride: [-1, 1] } },
    { name: 'empty', inputs: [{ shape: [3] }], params: { begin: [3], size: [0], stride: [1] }, gradient: false },
    { name: 'u8', inputs: [{ shape: [9], dtype: 'uint8' }], params: { begin: [2], size: [5], stride: [1] } },
  ],
});

/** The adjoint of a slice: zeros everywhere but where the slice read. */
function unslice(dy: Tensor, shape: Shape, { begin, size, stride }: SliceParams): Tensor {
  const backwards = stride.map((step, axis) => (step < 0 ? axis : -1)).filter((axis) => axis >= 0);
  const forwards = backwards.length === 0 ? dy : flip(dy, backwards);
  const gaps = stride.map((step) => Math.abs(step) - 1);
  const paddings = shape.map((dim, axis): [number, number] => {
    const from = begin[axis] as number;
    const span = Math.max(0, ((size[axis] as number) - 1) * Math.abs(stride[axis] as number) + 1);
    const low = (stride[axis] as number) < 0 ? from - span + 1 : from;
    const start = size[axis] === 0 ? 0 : low;
    return [start, dim - start - (size[axis] === 0 ? 0 : span)];
  });
  return pad(forwards, paddings, { gaps });
}

/** The gradient of a tensor taken apart along one axis: its parts' gradients one after the other, zeros between them. */
function joinSlices(uses: readonly GradientRequest<SliceParams>[]): Tensor | undefined {
  const { inputs, dy: first } = uses[0] as GradientRequest<SliceParams>;
  const { shape } = inputs[0] as Tensor;
  const axis = shape.findIndex((dim, at) => uses.some(({ params }) => params.size[at] !== dim));
  const isApart = uses.every(({ params: { begin, size, stride } }) =>
    shape.every((dim, at) => stride[at] === 1 && (at === axis || (begin[at] === 0 && size[at] === dim))),
  );
  if (axis < 0 || !isApart) return undefined;
  const parts: Tensor[] = [];
  const sized = (count: number): number[] => shape.map((dim, at) => (at === axis ? count : dim));
  let filled = 0;
  const startOf = ({ params }: GradientRequest<SliceParams>): number => params.begin[axis] as number;
  const fill = (to: number): void => {
    if (to > filled) parts.push(broadcastTo(scalar(0, first.dtype), sized(to - filled)));
    filled = to;
  };
  for (const use of [...uses].sort((a, b) => startOf(a) - startOf(b))) {
    if (startOf(use) < filled) return undefined;
    fill(startOf(use));
    parts.push(use.dy);
    filled += use.params.size[axis] as number;
  }
  fill(shape[axis] as number);
  return concat(parts, axis);
}

/** The same elements in another shape, without moving them; one size may be -1. Throws `shape` where the counts differ. */
export function reshape(x: TensorLike, shape: Shape): Tensor {
  const from = toTensor(x);
  return sameShape(from.shape, shape) ? from : reshapeOp.one([from], { shape });
}

/** Axes in another order, by default reversed. */
export function transpose(x: TensorLike, axes?: readonly number[]): Tensor {
  const from = toTensor(x);
  const order = axes ?? from.shape.map((_, axis) => from.rank - 1 - axis);
  return transposeOp.one([from], { axes: order });
}

/** Repeats along axes of size 1 and new leading axes until the shape is `shape`. */
export function broadcastTo(x: TensorLike, shape: Shape): Tensor {
  const from = toTensor(x);
  return sameShape(from.shape, shape) ? from : broadcastToOp.one([from], { shape });
}

/** Elements `begin` to `begin + size` of every axis (size -1: to the end), `stride` apart. */
export function slice(
  x: TensorLike,
  begin: readonly number[],
  size?: readonly number[],
  stride?: readonly number[],
): Tensor {
  const from = toTensor(x);
  const steps = from.shape.map((_, axis) => stride?.[axis] ?? 1);
  const start = from.shape.map((dim, axis) => {
    const at = begin[axis] ?? 0;
    return at < 0 ? at + dim : at;
  });
  const counts = from.shape.map((dim, axis) => {
    const asked = size?.[axis] ?? -1;
    if (asked >= 0) return asked;
    const step = steps[axis] as number;
    const at = start[axis] as number;
    return step > 0 ? Math.ceil((dim - at) / step) : Math.ceil((at + 1) / -step);
  });
  return sliceOp.one([from], { begin: start, size: counts, stride: steps });
}

/** Elements in reverse order along the axes. */
export function flip(x: TensorLike, axis: number | readonly number[]): Tensor {
  const from = toTensor(x);
  const axes = (typeof axis === 'number' ? [axis] : axis).map((each) => normalizeAxis(each, from.rank, 'flip'));
  const isFlipped = from.shape.map((_, each) => axes.includes(each));
  if (from.size === 0) return from;
  return sliceOp.one([from], {
    begin: from.shape.map((dim, each) => (isFlipped[each] ? dim - 1 : 0)),
    size: from.shape,
    stride: isFlipped.map((each) => (each ? -1 : 1)),
  });
}

/** A new axis of size 1 before `axis`. */
export function expandDims(x: TensorLike, axis: number): Tensor {
  const from = toTensor(x);
  const at = normalizeAxis(axis, from.rank + 1, 'expandDims');
  return reshape(from, [...from.shape.slice(0, at), 1, ...from.shape.slice(at)]);
}

/** Without the axes of size 1, or without the given ones. Throws `shape` where a given axis is not of size 1. */
export function squeeze(x: TensorLike, axis?: number | readonly number[]): Tensor {
  const from = toTensor(x);
  const axes =
    axis === undefined
      ? undefined
      : (typeof axis === 'number' ? [axis] : axis).map((each) => normalizeAxis(each, from.rank, 'squeeze'));
  for (const each of axes ?? []) {
    if (from.shape[each] !== 1) {
      throw new FoveaError({
        code: 'shape',
        op: 'squeeze',
        message: `axis ${each} of ${formatShape(from.shape)} has size ${from.shape[each]}, not 1.`,
        got: from.shape,
      });
    }
  }
  const keep = from.shape.filter((dim, each) => (axes === undefined ? dim !== 1 : !axes.includes(each)));
  return reshape(from, keep);
}

/** Sums what broadcasting repeated: the adjoint of `broadcastTo`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes: number[] = [];
  for (let axis = 0; axis < x.rank; axis++) {
    if (axis < lead || (shape[axis - lead] === 1 && x.shape[axis] !== 1)) axes.push(axis);
  }
  return reshape(sum(x, { axis: axes }), shape);
}

export const shapeOps = [reshapeOp, transposeOp, broadcastToOp, sliceOp] as const;
