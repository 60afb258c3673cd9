// Putting tensors together and taking them apart: concat, stack, split, unstack, pad, tile, repeat.
import { bytesPerElement, type Dtype, encodeElements, floatBits, promote } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, normalizeAxis, type Shape, sameShape, sizeOf, stridesOf } from '../core/shape.js';
import { defineOp, type Op, toTensor } from '../graph/define.js';
import type { KernelCall, Layout, OpCase, ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { broadcastTo, expandDims, flip, reshape, slice, squeeze } from './shape.js';

/** Where a box of elements goes inside a dense output. */
interface Placement {
  readonly offset: number;
  readonly strides: readonly number[];
}

function copyCall(index: number, input: Layout, output: Placement, dtype: Dtype): KernelCall {
  return {
    kernel: 'copy',
    operands: [
      { kind: 'input', index },
      { kind: 'output', index: 0 },
    ],
    parameters: [
      bytesPerElement(dtype),
      input.shape.length,
      ...input.shape,
      ...input.strides,
      ...output.strides,
      input.offset,
      output.offset,
    ],
  };
}

/** The same for the reference: `x`, dense, into `out`. */
function placeInto(out: Float64Array, x: ReferenceArray, { offset, strides }: Placement): void {
  const steps = stridesOf(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    let to = offset;
    for (let axis = 0; axis < steps.length; axis++) {
      to += (Math.floor(i / (steps[axis] as number)) % (x.shape[axis] as number)) * (strides[axis] as number);
    }
    out[to] = x.data[i] as number;
  }
}

/** Where each input of a concat begins inside the output. */
function concatPlacements(inputs: readonly TensorType[], output: TensorType, axis: number): Placement[] {
  const strides = stridesOf(output.shape);
  let from = 0;
  return inputs.map((input) => {
    const offset = from * (strides[axis] as number);
    from += input.shape[axis] as number;
    return { offset, strides };
  });
}

const concatOp: Op<{ axis: number }> = defineOp({
  name: 'concat',
  summary: 'tensors one after the other along an axis',
  shape(inputs, { axis }) {
    const first = inputs[0];
    if (first === undefined) {
      throw new FoveaError({ code: 'argument', op: 'concat', message: 'needs at least one tensor; got none.' });
    }
    for (const { shape, dtype } of inputs) {
      const isFit =
        shape.length === first.shape.length && shape.every((dim, each) => each === axis || dim === first.shape[each]);
      if (!isFit || dtype !== first.dtype) {
        throw new FoveaError({
          code: isFit ? 'dtype' : 'shape',
          op: 'concat',
          message: isFit
            ? `inputs must share a dtype; got ${inputs.map((each) => each.dtype).join(', ')}.`
            : `shapes ${inputs.map((each) => formatShape(each.shape)).join(', ')} do not fit along axis ${axis}.`,
          got: inputs.map((each) => (isFit ? each.dtype : each.shape)),
          hint: isFit ? 'Cast them with fovea.cast.' : 'All sizes but that of the axis must be equal.',
        });
      }
    }
    const total = inputs.reduce((sum, { shape }) => sum + (shape[axis] as number), 0);
    return [{ shape: first.shape.map((dim, each) => (each === axis ? total : dim)), dtype: first.dtype }];
  },
  gradient({ inputs, params: { axis }, dy }) {
    let from = 0;
    return inputs.map((input) => {
      const begin = input.shape.map((_, each) => (each === axis ? from : 0));
      from += input.shape[axis] as number;
      return slice(dy, begin, input.shape);
    });
  },
  reference(inputs, { axis }, [output]) {
    const out = new Float64Array(sizeOf((output as TensorType).shape));
    const placements = concatPlacements(inputs, output as TensorType, axis);
    inputs.forEach((input, i) => {
      placeInto(out, input, placements[i] as Placement);
    });
    return [out];
  },
  acceptsStrides: true,
  kernels({ inputs, outputs: [output], params: { axis }, layouts }) {
    const { dtype } = output as TensorType;
    const placements = concatPlacements(inputs, output as TensorType, axis);
    return placements.flatMap((placement, i) =>
      sizeOf((inputs[i] as TensorType).shape) === 0 ? [] : [copyCall(i, layouts[i] as Layout, placement, dtype)],
    );
  },
  cases: () => [
    {
      name: 'channels',
      inputs: [{ shape: [2, 3, 4] }, { shape: [2, 3, 5] }, { shape: [2, 3, 1] }],
      params: { axis: 2 },
    },
    { name: 'rows', inputs: [{ shape: [3, 7] }, { shape: [1, 7] }], params: { axis: 0 } },
    { name: 'middle', inputs: [{ shape: [2, 1, 3] }, { shape: [2, 4, 3] }], params: { axis: 1 } },
    { name: 'one', inputs: [{ shape: [5] }], params: { axis: 0 } },
    { name: 'with an empty one', inputs: [{ shape: [0, 3] }, { shape: [2, 3] }], params: { axis: 0 } },
    ...(['float16', 'bfloat16', 'int32', 'uint8', 'bool'] as const).map((dtype) => ({
      name: dtype,
      inputs: [
        { shape: [3, 3], dtype },
        { shape: [3, 2], dtype },
      ],
      params: { axis: 1 },
    })),
  ],
});

interface PadParams {
  /** Per axis: elements before and after, not negative. */
  readonly paddings: readonly (readonly [number, number])[];
  /** Per axis: elements put between two neighbours. */
  readonly gaps: readonly number[];
  readonly value: number;
}

function padPlacement(output: TensorType, { paddings, gaps }: PadParams): Placement {
  const strides = stridesOf(output.shape);
  return {
    offset: strides.reduce(
      (offset, stride, axis) => offset + stride * (paddings[axis] as readonly [number, number])[0],
      0,
    ),
    strides: strides.map((stride, axis) => stride * ((gaps[axis] as number) + 1)),
  };
}

/** `value` in this dtype as a 32-bit word. */
function wordOf(value: number, dtype: Dtype): number {
  return dtype === 'float32' ? floatBits(value) : (encodeElements(dtype, [value])[0] as number);
}

const padOp: Op<PadParams> = defineOp({
  name: 'pad',
  summary: 'a constant around and, with gaps, between the elements',
  shape([x], { paddings, gaps }) {
    const { shape, dtype } = x as TensorType;
    const isWhole = (count: number): boolean => Number.isInteger(count) && count >= 0;
    if (
      paddings.length !== shape.length ||
      gaps.length !== shape.length ||
      !paddings.flat().every(isWhole) ||
      !gaps.every(isWhole)
    ) {
      throw new FoveaError({
        code: 'argument',
        op: 'pad',
        message: `paddings ${JSON.stringify(paddings)} with gaps ${JSON.stringify(gaps)} do not fit ${formatShape(shape)}.`,
        got: paddings,
        hint: 'Give [before, after] for every axis, whole numbers of at least 0.',
      });
    }
    const out = shape.map((dim, axis) => {
      const [before, after] = paddings[axis] as readonly [number, number];
      return before + dim + Math.max(0, dim - 1) * (gaps[axis] as number) + after;
    });
    return [{ shape: out, dtype }];
  },
  gradient: ({ inputs: [x], params: { paddings, gaps }, dy }) => [
    slice(
      dy,
      paddings.map(([before]) => before),
      x!.shape,
      gaps.map((gap) => gap + 1),
    ),
  ],
  reference([x], params, [output]) {
    const out = new Float64Array(sizeOf((output as TensorType).shape)).fill(params.value);
    placeInto(out, x as ReferenceArray, padPlacement(output as TensorType, params));
    return [out];
  },
  acceptsStrides: true,
  kernels({ inputs: [x], outputs: [output], params, layouts: [layout] }) {
    const { shape, dtype } = output as TensorType;
    const fill: KernelCall = {
      kernel: 'fill',
      operands: [{ kind: 'output', index: 0 }],
      parameters: [bytesPerElement(dtype), sizeOf(shape), wordOf(params.value, dtype)],
    };
    if (sizeOf((x as TensorType).shape) === 0) return [fill];
    return [fill, copyCall(0, layout as Layout, padPlacement(output as TensorType, params), dtype)];
  },
  cases: () => {
    const padding = (
      name: string,
      shape: Shape,
      paddings: PadParams['paddings'],
      more: Partial<PadParams> & { dtype?: Dtype } = {},
    ): OpCase<PadParams> => ({
      name,
      inputs: [{ shape, dtype: more.dtype ?? 'float32' }],
      params: { paddings, gaps: more.gaps ?? shape.map(() => 0), value: more.value ?? 0 },
      gradient: (more.dtype ?? 'float32') === 'float32',
    });
    return [
      padding(
        'picture',
        [2, 3, 4, 2],
        [
          [0, 0],
          [1, 2],
          [3, 0],
          [0, 0],
        ],
      ),
      padding('value', [5], [[2, 1]], { value: -1.5 }),
      padding(
        'gaps',
        [3, 4],
        [
          [1, 0],
          [0, 2],
        ],
        { gaps: [2, 1] },
      ),
      padding('one element with gaps', [1], [[1, 1]], { gaps: [3] }),
      padding(
        'empty',
        [0, 2],
        [
          [1, 1],
          [0, 1],
        ],
        { value: 2 },
      ),
      padding('scalar', [], []),
      padding('f16', [7], [[1, 1]], { dtype: 'float16', value: 0.5 }),
      padding('bf16', [7], [[1, 1]], { dtype: 'bfloat16', value: -2 }),
      padding(
        'i32',
        [2, 3],
        [
          [1, 0],
          [0, 1],
        ],
        { dtype: 'int32', value: -7 },
      ),
      padding('u8', [5], [[3, 4]], { dtype: 'uint8', value: 255 }),
      padding('bool', [5], [[1, 1]], { dtype: 'bool', value: 1 }),
    ];
  },
});

/** Tensors one after the other along `axis`; the widest dtype wins. Throws `shape` where another size differs. */
export function concat(tensors: readonly TensorLike[], axis = 0): Tensor {
  const all = tensors.map((each) => toTensor(each));
  const first = all[0];
  if (first === undefined) return concatOp.one([], { axis });
  const dtype = all.reduce((widest, each) => promote(widest, each.dtype), first.dtype);
  const at = normalizeAxis(axis, first.rank, 'concat');
  return all.length === 1
    ? first
    : concatOp.one(
        all.map((each) => cast(each, dtype)),
        { axis: at },
      );
}

/** Tensors of one shape side by side along a new axis. */
export function stack(tensors: readonly TensorLike[], axis = 0): Tensor {
  const all = tensors.map((each) => toTensor(each));
  const shape = all[0]?.shape;
  if (shape === undefined || !all.every((each) => sameShape(each.shape, shape))) {
    throw new FoveaError({
      code: 'shape',
      op: 'stack',
      message:
        shape === undefined
          ? 'needs at least one tensor; got none.'
          : `tensors must share a shape; got ${all.map((each) => formatShape(each.shape)).join(', ')}.`,
      got: all.map((each) => each.shape),
    });
  }
  const at = normalizeAxis(axis, shape.length + 1, 'stack');
  return concat(
    all.map((each) => expandDims(each, at)),
    at,
  );
}

/**
 * Parts along `axis`: so many of equal size, or of the sizes given. Throws `argument` where they do not add up to the axis.
 *
 * @example
 * const [left, right] = fovea.split(fovea.tensor([1, 2, 3]), [1, 2]);
 */
export function split(x: TensorLike, sizes: number | readonly number[], axis = 0): Tensor[] {
  const from = toTensor(x);
  const at = normalizeAxis(axis, from.rank, 'split');
  const dim = from.shape[at] as number;
  const parts = typeof sizes === 'number' ? Array.from({ length: sizes }, () => dim / sizes) : sizes;
  const total = parts.reduce((sum, size) => sum + size, 0);
  if (parts.length === 0 || total !== dim || !parts.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new FoveaError({
      code: 'argument',
      op: 'split',
      message: `axis ${at} of ${formatShape(from.shape)} has size ${dim} and does not split into ${
        typeof sizes === 'number' ? `${sizes} equal parts` : `parts of ${sizes.join(', ')}`
      }.`,
      got: sizes,
      want: dim,
    });
  }
  let start = 0;
  return parts.map((size) => {
    const begin = from.shape.map((_, each) => (each === at ? start : 0));
    start += size;
    return slice(
      from,
      begin,
      from.shape.map((each, i) => (i === at ? size : each)),
    );
  });
}

/** One tensor per place along `axis`, without that axis: the inverse of `stack`. */
export function unstack(x: TensorLike, axis = 0): Tensor[] {
  const from = toTensor(x);
  const at = normalizeAxis(axis, from.rank, 'unstack');
  const count = from.shape[at] as number;
  return count === 0 ? [] : split(from, count, at).map((part) => squeeze(part, at));
}

/** How `pad` fills. */
export interface PadOptions {
  /** What a constant padding consists of; default 0. */
  value?: number;
  /** Elements of `value` between neighbours, per axis: the adjoint of a slice with steps. Constant mode only. */
  gaps?: readonly number[];
  /** `reflect` mirrors at the border element, `symmetric` repeats it; default `constant`. */
  mode?: 'constant' | 'reflect' | 'symmetric';
}

/** Elements before and after every axis: a constant, or the picture mirrored. `paddings` holds [before, after] per axis. */
export function pad(x: TensorLike, paddings: readonly (readonly [number, number])[], options: PadOptions = {}): Tensor {
  const from = toTensor(x);
  const { value = 0, mode = 'constant' } = options;
  const gaps = options.gaps ?? from.shape.map(() => 0);
  if (mode !== 'constant') return padMirrored(from, paddings, mode);
  const isSame = paddings.length === from.rank && [...paddings.flat(), ...gaps].every((each) => each === 0);
  return isSame ? from : padOp.one([from], { paddings, gaps, value });
}

function padMirrored(
  x: Tensor,
  paddings: readonly (readonly [number, number])[],
  mode: 'reflect' | 'symmetric',
): Tensor {
  const skip = mode === 'reflect' ? 1 : 0;
  return paddings.reduce((padded, [before, after], axis) => {
    const dim = x.shape[axis];
    if (dim === undefined || before > dim - skip || after > dim - skip || before < 0 || after < 0) {
      throw new FoveaError({
        code: 'argument',
        op: 'pad',
        message:
          dim === undefined
            ? `${paddings.length} paddings do not fit the ${x.rank} axes of ${formatShape(x.shape)}.`
            : `axis ${axis} of ${formatShape(x.shape)} cannot be padded by ${before} and ${after} in mode ${mode}.`,
        got: paddings,
        hint: `Mirroring gives at most ${skip === 0 ? 'the size of the axis' : 'one less than the size of the axis'}.`,
      });
    }
    const mirrored = (begin: number, count: number): Tensor[] =>
      count === 0 ? [] : [flip(sliceAxis(padded, axis, begin, count), axis)];
    return concat([...mirrored(skip, before), padded, ...mirrored(dim - skip - after, after)], axis);
  }, x);
}

function sliceAxis(x: Tensor, axis: number, begin: number, count: number): Tensor {
  return slice(
    x,
    x.shape.map((_, each) => (each === axis ? begin : 0)),
    x.shape.map((dim, each) => (each === axis ? count : dim)),
  );
}

/** The whole tensor repeated `reps` times per axis, counted from the last; more reps than axes add leading axes. */
export function tile(x: TensorLike, reps: readonly number[]): Tensor {
  const from = toTensor(x);
  const rank = Math.max(from.rank, reps.length);
  const shape = [...Array.from({ length: rank - from.rank }, () => 1), ...from.shape];
  const times = [...Array.from({ length: rank - reps.length }, () => 1), ...reps];
  checkCounts('tile', times);
  // An axis of size n that repeats r times is [1, n] broadcast to [r, n]; others need no second axis.
  const isRepeated = times.map((count) => count !== 1);
  const open = shape.flatMap((dim, axis) => (isRepeated[axis] ? [1, dim] : [dim]));
  const wide = shape.flatMap((dim, axis) => (isRepeated[axis] ? [times[axis] as number, dim] : [dim]));
  return reshape(
    broadcastTo(reshape(from, open), wide),
    shape.map((dim, axis) => dim * (times[axis] as number)),
  );
}

/** Every element `count` times in a row along `axis`: [1, 2] by 2 gives [1, 1, 2, 2]. */
export function repeat(x: TensorLike, count: number, axis = 0): Tensor {
  const from = toTensor(x);
  const at = normalizeAxis(axis, from.rank, 'repeat');
  checkCounts('repeat', [count]);
  const dim = from.shape[at] as number;
  const wide = [...from.shape.slice(0, at), dim, count, ...from.shape.slice(at + 1)];
  const shape = from.shape.map((each, i) => (i === at ? dim * count : each));
  return reshape(broadcastTo(expandDims(from, at + 1), wide), shape);
}

function checkCounts(op: string, counts: readonly number[]): void {
  if (counts.every((count) => Number.isInteger(count) && count >= 0)) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `counts must be whole numbers of at least 0; got ${counts.join(', ')}.`,
    got: counts,
  });
}

export const joinOps = [concatOp, padOp] as const;
