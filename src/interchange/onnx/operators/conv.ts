// Convolutions and pools over one, two and three spatial axes, channels first as ONNX has them. Sequences are pictures of one
// row; what the engine's ops cannot pad themselves is padded before.
import { FoveaError } from '../../../core/errors.js';
import type { Tensor } from '../../../graph/tensor.js';
import { add, divide, maximum, multiply, power } from '../../../ops/arithmetic.js';
import { conv2d } from '../../../ops/conv.js';
import { conv2dTranspose } from '../../../ops/conv-variants.js';
import { ones } from '../../../ops/create.js';
import { concat, pad } from '../../../ops/join.js';
import { averagePool2d, maxPool2d } from '../../../ops/pool.js';
import { max, mean, sum } from '../../../ops/reduce.js';
import { expandDims, reshape, slice, squeeze, transpose } from '../../../ops/shape.js';
import { abs } from '../../../ops/unary.js';
import { averagePool3d, conv3d, conv3dTranspose, maxPool3d } from '../../../ops/volume.js';
import type { TensorCall, TensorOperators } from '../calls.js';
import { padsFor, type Window, windowOf } from '../windows.js';

type Pair = readonly [number, number];
type Triple = readonly [number, number, number];
type Pads = readonly Pair[];

/** Channels last, and a row around a sequence. */
function toPicture(x: Tensor): Tensor {
  const inner = x.shape.slice(2).map((_, i) => i + 2);
  const last = transpose(x, [0, ...inner, 1]);
  return inner.length === 1 ? expandDims(last, 1) : last;
}

function fromPicture(y: Tensor, axes: number): Tensor {
  const flat = axes === 1 ? squeeze(y, 1) : y;
  const inner = Array.from({ length: axes }, (_, i) => i + 1);
  return transpose(flat, [0, axes + 1, ...inner]);
}

/** A filter [a, b, ...sizes] as [...sizes, b, a], a sequence's with a row of its own. */
function toFilter(filter: Tensor): Tensor {
  const inner = filter.shape.slice(2).map((_, i) => i + 2);
  const turned = transpose(filter, [...inner, 1, 0]);
  return inner.length === 1 ? expandDims(turned, 0) : turned;
}

/** Entries for two axes where there is one. */
function two<T>(values: readonly T[], first: T): [T, T] {
  return values.length === 1 ? [first, values[0] as T] : [values[0] as T, values[1] as T];
}

function axesOf(call: TensorCall): number {
  const axes = call.rank() - 2;
  if (axes >= 1 && axes <= 3) return axes;
  throw new FoveaError({
    code: 'unsupported',
    op: call.node.opType,
    message: `takes one to three spatial axes; got [${call.shape().join(',')}].`,
    got: call.shape(),
  });
}

/** A convolution of x [n,c,...] with a filter [out,c/groups,...]. */
export function convolve(x: Tensor, filter: Tensor, window: Window, groups: number): Tensor {
  const axes = x.rank - 2;
  const pads = padsFor(window, x.shape.slice(2));
  const kernel = toFilter(filter);
  const from = toPicture(x);
  const y =
    axes === 3
      ? conv3d(from, kernel, {
          strides: window.strides as Triple,
          dilationRate: window.dilations as Triple,
          groups,
          padding: pads as [Pair, Pair, Pair],
        })
      : conv2d(from, kernel, {
          strides: two(window.strides, 1),
          dilationRate: two(window.dilations, 1),
          groups,
          padding: two<Pair>(pads, [0, 0]),
        });
  return fromPicture(y, axes);
}

export function checkFilter(call: TensorCall, channels: number, wanted: number, groups: number): void {
  if (channels === wanted * groups) return;
  throw new FoveaError({
    code: 'shape',
    op: call.node.opType,
    message: `the filter takes ${wanted * groups} channels (${groups} groups of ${wanted}), but the input has ${channels}.`,
    got: channels,
    want: wanted * groups,
  });
}

/** A bias [c] as [c,1,...] of so many axes. */
export function alongChannels(bias: Tensor, axes: number): Tensor {
  return reshape(bias, [bias.size, ...Array<number>(axes).fill(1)]);
}

export function conv(call: TensorCall): Tensor {
  const axes = axesOf(call);
  const [x, filter] = [call.tensor(0), call.tensor(1)];
  const window = windowOf(call, axes, filter.shape.slice(2));
  const groups = call.int('group', 1);
  checkFilter(call, x.shape[1] as number, filter.shape[1] as number, groups);
  const y = convolve(x, filter, window, groups);
  const bias = call.optional(2);
  return bias === undefined ? y : add(y, alongChannels(bias, axes));
}

/** The transposed convolution: pads cut, output_padding adds behind. */
function convTranspose(call: TensorCall): Tensor {
  const axes = axesOf(call);
  const [x, filter] = [call.tensor(0), call.tensor(1)];
  const window = windowOf(call, axes, filter.shape.slice(2));
  const groups = call.int('group', 1);
  const extra = call.ints('output_padding') ?? window.kernel.map(() => 0);
  const spans = window.kernel.map((size, i) => (size - 1) * (window.dilations[i] as number) + 1);
  const full = x.shape
    .slice(2)
    .map((size, i) => (size - 1) * (window.strides[i] as number) + (spans[i] as number) + (extra[i] as number));
  const wanted = call.ints('output_shape')?.slice(-axes);
  const begin: number[] = [];
  const sizes = full.map((size, i) => {
    const [before, after] = window.pads?.[i] ?? [0, 0];
    const target =
      wanted?.[i] ??
      (window.pads === undefined ? (x.shape[i + 2] as number) * (window.strides[i] as number) : undefined);
    if (target === undefined) {
      begin[i] = before;
      return size - before - after;
    }
    const total = Math.max(0, size - target);
    begin[i] = window.isLower ? total - Math.floor(total / 2) : Math.floor(total / 2);
    return target;
  });
  const perGroup = (x.shape[1] as number) / groups;
  const parts = Array.from({ length: groups }, (_, g) => {
    const own = groups === 1 ? x : channelsOf(x, g * perGroup, perGroup);
    const weights =
      groups === 1
        ? filter
        : slice(filter, [g * perGroup, ...filter.shape.slice(1).map(() => 0)], [perGroup, ...filter.shape.slice(1)]);
    return transposedPart(own, weights, window);
  });
  const whole = parts.length === 1 ? (parts[0] as Tensor) : concat(parts, 1);
  // The stamps' whole extent, then the part that is asked for.
  const missing = whole.shape.map((dim, axis) =>
    axis < 2 ? 0 : Math.max(0, (begin[axis - 2] as number) + (sizes[axis - 2] as number) - dim),
  );
  const wide = missing.some((each) => each > 0)
    ? pad(
        whole,
        missing.map((each) => [0, each] as const),
      )
    : whole;
  const y = slice(wide, [0, 0, ...begin], [wide.shape[0] as number, wide.shape[1] as number, ...sizes]);
  const bias = call.optional(2);
  return bias === undefined ? y : add(y, alongChannels(bias, axes));
}

function channelsOf(x: Tensor, from: number, count: number): Tensor {
  return slice(
    x,
    x.shape.map((_, axis) => (axis === 1 ? from : 0)),
    x.shape.map((dim, axis) => (axis === 1 ? count : dim)),
  );
}

function transposedPart(x: Tensor, filter: Tensor, { strides, dilations }: Window): Tensor {
  const axes = x.rank - 2;
  const kernel = toFilter(filter);
  const from = toPicture(x);
  if (axes === 3) {
    return fromPicture(
      conv3dTranspose(from, kernel, {
        strides: strides as Triple,
        dilationRate: dilations as Triple,
        padding: 'valid',
      }),
      axes,
    );
  }
  const none: [Pair, Pair] = [
    [0, 0],
    [0, 0],
  ];
  return fromPicture(
    conv2dTranspose(from, kernel, { strides: two(strides, 1), dilationRate: two(dilations, 1), padding: none }),
    axes,
  );
}

/** Pads that also let the last window hang over, where `ceil_mode` counts it. */
export function poolPads(
  call: TensorCall,
  window: Window,
  sizes: readonly number[],
): { pads: Pads; over: readonly number[] } {
  const pads = padsFor(window, sizes);
  if (!call.flag('ceil_mode')) return { pads, over: pads.map(() => 0) };
  const over = pads.map(([before, after], i) => {
    const span = ((window.kernel[i] as number) - 1) * (window.dilations[i] as number) + 1;
    const stride = window.strides[i] as number;
    const total = (sizes[i] as number) + before + after;
    let count = Math.ceil((total - span) / stride) + 1;
    // A window that would begin behind the picture and its first pads does not count.
    if ((count - 1) * stride >= (sizes[i] as number) + before) count--;
    return Math.max(0, (count - 1) * stride + span - total);
  });
  return { pads, over };
}

const LOWEST = -3.4028234663852886e38;

function padAll(x: Tensor, pads: Pads, value: number): Tensor {
  if (pads.every(([before, after]) => before === 0 && after === 0)) return x;
  return pad(x, [[0, 0], [0, 0], ...pads], { value });
}

function maxPool(call: TensorCall): Tensor | undefined {
  // Positions of the maxima: on the host.
  if (call.outputCount > 1) return undefined;
  const axes = axesOf(call);
  const x = call.tensor();
  const window = windowOf(call, axes);
  const { pads, over } = poolPads(call, window, x.shape.slice(2));
  const all = pads.map(([before, after], i) => [before, after + (over[i] as number)] as const);
  if (
    window.dilations.every((each) => each === 1) &&
    all.every(([a, b], i) => Math.max(a, b) < (window.kernel[i] as number))
  ) {
    if (axes === 3) {
      const y = maxPool3d(toPicture(padAll(x, all, LOWEST)), {
        poolSize: window.kernel as Triple,
        strides: window.strides as Triple,
      });
      return fromPicture(y, axes);
    }
    const y = maxPool2d(toPicture(x), {
      poolSize: two(window.kernel, 1),
      strides: two(window.strides, 1),
      padding: two<Pair>(all, [0, 0]),
    });
    return fromPicture(y, axes);
  }
  return slidden(padAll(x, all, LOWEST), window, (rest, first) => rest.reduce(maximum, first));
}

/** Every cell of a window as a picture of its own, one for each place; joined by `join`. */
function slidden(x: Tensor, window: Window, join: (rest: readonly Tensor[], first: Tensor) => Tensor): Tensor {
  const sizes = x.shape.slice(2).map((dim, i) => {
    const span = ((window.kernel[i] as number) - 1) * (window.dilations[i] as number) + 1;
    return Math.floor((dim - span) / (window.strides[i] as number)) + 1;
  });
  const count = window.kernel.reduce((product, size) => product * size, 1);
  if (count > 4096)
    throw new FoveaError({
      code: 'unsupported',
      op: 'onnx',
      message: `windows of ${count} cells are too large.`,
      got: window.kernel,
    });
  const cells: number[][] = window.kernel.reduce<number[][]>(
    (all, size) => all.flatMap((each) => Array.from({ length: size }, (_, i) => [...each, i])),
    [[]],
  );
  const parts = cells.map((cell) =>
    slice(
      x,
      [0, 0, ...cell.map((at, i) => at * (window.dilations[i] as number))],
      [x.shape[0] as number, x.shape[1] as number, ...sizes],
      [1, 1, ...window.strides],
    ),
  );
  return join(parts.slice(1), parts[0] as Tensor);
}

/** Sums over windows: a mean of windows without padding, times their cells. */
function windowSums(x: Tensor, window: Window): Tensor {
  const cells = window.kernel.reduce((product, size) => product * size, 1);
  if (window.dilations.some((each) => each !== 1)) return slidden(x, window, (rest, first) => rest.reduce(add, first));
  const axes = x.rank - 2;
  const y =
    axes === 3
      ? averagePool3d(toPicture(x), { poolSize: window.kernel as Triple, strides: window.strides as Triple })
      : averagePool2d(toPicture(x), { poolSize: two(window.kernel, 1), strides: two(window.strides, 1) });
  return multiply(fromPicture(y, axes), cells);
}

function averagePool(call: TensorCall): Tensor {
  const axes = axesOf(call);
  const x = call.tensor();
  const window = windowOf(call, axes);
  const { pads, over } = poolPads(call, window, x.shape.slice(2));
  const all = pads.map(([before, after], i) => [before, after + (over[i] as number)] as const);
  const counts = call.flag('count_include_pad');
  const hasPads = all.some(([before, after]) => before + after > 0);
  const cells = window.kernel.reduce((product, size) => product * size, 1);
  const isPlain = window.dilations.every((each) => each === 1);
  if (
    isPlain &&
    axes < 3 &&
    (!hasPads || (!counts && all.every(([a, b], i) => Math.max(a, b) < (window.kernel[i] as number))))
  ) {
    const y = averagePool2d(toPicture(x), {
      poolSize: two(window.kernel, 1),
      strides: two(window.strides, 1),
      padding: two<Pair>(all, [0, 0]),
    });
    return fromPicture(y, axes);
  }
  const sums = windowSums(padAll(x, all, 0), window);
  if (!hasPads) return divide(sums, cells);
  // What counts is the picture, with its pads where they are included, but never what hangs over.
  const inside = counts ? pads : pads.map(() => [0, 0] as const);
  const field = ones([
    1,
    1,
    ...x.shape.slice(2).map((dim, i) => dim + (inside[i] as Pair)[0] + (inside[i] as Pair)[1]),
  ]);
  const around = all.map(
    ([before, after], i) => [before - (inside[i] as Pair)[0], after - (inside[i] as Pair)[1]] as const,
  );
  return divide(sums, windowSums(padAll(field, around, 0), window));
}

function lpPool(call: TensorCall): Tensor {
  const x = call.tensor();
  const window = windowOf(call, axesOf(call));
  const { pads, over } = poolPads(call, window, x.shape.slice(2));
  const all = pads.map(([before, after], i) => [before, after + (over[i] as number)] as const);
  const p = call.int('p', 2);
  return power(windowSums(padAll(power(abs(x), p), all, 0), window), 1 / p);
}

const inner = (call: TensorCall): number[] =>
  call
    .shape()
    .slice(2)
    .map((_, i) => i + 2);

export const convolutions: TensorOperators = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: (call) => mean(call.tensor(), { axis: inner(call), keepDims: true }),
  GlobalMaxPool: (call) => max(call.tensor(), { axis: inner(call), keepDims: true }),
  GlobalLpPool(call) {
    const p = call.int('p', 2);
    return power(sum(power(abs(call.tensor()), p), { axis: inner(call), keepDims: true }), 1 / p);
  },
};
