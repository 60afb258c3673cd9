// Resize and Upsample: every axis by itself, by places (nearest) or by a small matrix of weights (linear, cubic), for all of
// ONNX's ways to say where a pixel of the result lies in the input.
import { FoveaError } from '../../../core/errors.js';
import type { Shape } from '../../../core/shape.js';
import { type Tensor, tensor } from '../../../graph/tensor.js';
import { add, multiply } from '../../../ops/arithmetic.js';
import { gather } from '../../../ops/gather.js';
import { matmul } from '../../../ops/matmul.js';
import { transpose } from '../../../ops/shape.js';
import type { TensorCall, TensorOperators } from '../calls.js';
import { tensorValue } from '../values.js';

// Elements of a matrix of weights above which only its neighbours are multiplied.
const LARGE_MATRIX = 2 ** 18;
// Along one axis of the result, and of neighbours that a pixel of it is made of: no picture has more.
const MOST_PIXELS = 2 ** 18;
const MOST_NEIGHBOURS = 2 ** 12;

/** What one axis of the result is made of. */
interface AxisPlan {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  /** Where the part to enlarge begins and ends, 0 to 1; for `tf_crop_and_resize`. */
  readonly roi: readonly [number, number];
}

interface Manner {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludesOutside: boolean;
  readonly antialias: boolean;
  readonly extrapolation: number;
}

/** Reads the operator's versions: scales from an attribute (7), an input (9, 10), with sizes (11), of some axes (18). */
function plansOf(call: TensorCall): AxisPlan[] {
  const shape = call.shape();
  const isUpsample = call.node.opType === 'Upsample';
  const isOld = isUpsample || call.opset < 11;
  const axes = call.ints('axes')?.map((axis) => call.axis(axis)) ?? shape.map((_, axis) => axis);
  const scaleInput = isOld ? 1 : 2;
  const listedScales = call.floats('scales') ?? (call.isGiven(scaleInput) ? call.numbers(scaleInput) : []);
  const sizes = !isOld && call.isGiven(3) ? call.numbers(3) : [];
  if (sizes.length === 0 && listedScales.length === 0) throw call.error('has neither scales nor sizes.');
  const roi = !isOld && call.isGiven(1) ? call.numbers(1) : [];
  const count = axes.length;
  const plans = axes.map((axis, i): AxisPlan => {
    const from = shape[axis] as number;
    const scale = sizes.length > 0 ? (sizes[i] as number) / from : (listedScales[i] as number);
    const begin = roi.length === 2 * count ? (roi[i] as number) : 0;
    const end = roi.length === 2 * count ? (roi[i + count] as number) : 1;
    const isCrop = call.text('coordinate_transformation_mode', '') === 'tf_crop_and_resize';
    const to = sizes.length > 0 ? (sizes[i] as number) : Math.floor(from * (isCrop ? end - begin : 1) * scale);
    if (!(scale > 0 && to >= 0 && to <= MOST_PIXELS))
      throw call.error(`cannot make ${to} of ${from} along axis ${axis}.`);
    return { axis, from, to, scale, roi: [begin, end] };
  });
  return sizes.length > 0 ? keepAspect(call, plans) : plans;
}

/** One scale for all axes, where the operator is asked to keep proportions. */
function keepAspect(call: TensorCall, plans: AxisPlan[]): AxisPlan[] {
  const policy = call.text('keep_aspect_ratio_policy', 'stretch');
  if (policy === 'stretch') return plans;
  const scales = plans.map(({ scale }) => scale);
  const scale = policy === 'not_larger' ? Math.min(...scales) : Math.max(...scales);
  const kept = plans.map((plan) => ({ ...plan, scale, to: Math.floor(scale * plan.from + 0.5) }));
  const wrong = kept.find(({ to }) => !(to >= 0 && to <= MOST_PIXELS));
  if (wrong !== undefined) throw call.error(`cannot make ${wrong.to} of ${wrong.from} along axis ${wrong.axis}.`);
  return kept;
}

/** Where pixel `i` of the result lies in the input. */
function placeOf(i: number, { from, to, scale, roi: [begin, end] }: AxisPlan, coordinates: string): number {
  switch (coordinates) {
    case 'asymmetric':
      return i / scale;
    case 'align_corners': {
      // The length before it was made whole.
      const length = scale * from;
      return length === 1 ? 0 : (i * (from - 1)) / (length - 1);
    }
    case 'pytorch_half_pixel':
      return to > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case 'half_pixel_symmetric': {
      const adjust = to / (scale * from);
      return (from / 2) * (1 - adjust) + (i + 0.5) / scale - 0.5;
    }
    case 'tf_half_pixel_for_nn':
      return (i + 0.5) / scale;
    case 'tf_crop_and_resize':
      return to > 1
        ? begin * (from - 1) + (i * (end - begin) * (from - 1)) / (to - 1)
        : 0.5 * (begin + end) * (from - 1);
    case 'half_pixel':
      return (i + 0.5) / scale - 0.5;
    default:
      throw new FoveaError({
        code: 'unsupported',
        op: 'Resize',
        message: `the coordinate_transformation_mode '${coordinates}' is not known.`,
      });
  }
}

function nearestOf(place: number, { nearest }: Manner): number {
  switch (nearest) {
    case 'floor':
      return Math.floor(place);
    case 'ceil':
      return Math.ceil(place);
    case 'round_prefer_ceil':
      return Math.floor(place + 0.5);
    default:
      return Math.ceil(place - 0.5);
  }
}

/** Weights of the neighbours of a place, wider where the picture is made smaller and smoothed. */
function weightsAt(place: number, { from, scale }: AxisPlan, manner: Manner): Map<number, number> {
  const stretch = manner.antialias ? Math.max(1, 1 / scale) : 1;
  const radius = (manner.mode === 'cubic' ? 2 : 1) * stretch;
  if (!(radius <= MOST_NEIGHBOURS)) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'Resize',
      message: `cannot make pixels of ${2 * radius} neighbours.`,
    });
  }
  const found = new Map<number, number>();
  let total = 0;
  const raw: (readonly [number, number])[] = [];
  for (let at = Math.floor(place - radius) + 1; at <= Math.floor(place + radius); at++) {
    const distance = Math.abs(place - at) / stretch;
    const weight = manner.mode === 'cubic' ? cubic(distance, manner.cubic) : Math.max(0, 1 - distance);
    const isOutside = at < 0 || at >= from;
    if (isOutside && manner.excludesOutside) continue;
    raw.push([Math.max(0, Math.min(from - 1, at)), weight]);
    total += weight;
  }
  const divisor = manner.excludesOutside || manner.antialias ? total : 1;
  for (const [at, weight] of raw) found.set(at, (found.get(at) ?? 0) + weight / divisor);
  return found;
}

function cubic(x: number, a: number): number {
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** One axis of x, resized. */
function resizeAxis(x: Tensor, plan: AxisPlan, manner: Manner): Tensor {
  const { axis, from, to, scale } = plan;
  const isCrop = manner.coordinates === 'tf_crop_and_resize';
  if (from === to && scale === 1 && !isCrop) return x;
  const places = Array.from({ length: to }, (_, i) => placeOf(i, plan, manner.coordinates));
  const isOutside = (place: number): boolean => isCrop && (place < 0 || place > from - 1);
  if (manner.mode === 'nearest' && !places.some(isOutside)) {
    const list = places.map((place) => Math.max(0, Math.min(from - 1, nearestOf(place, manner))));
    return gather(x, Int32Array.from(list), axis);
  }
  const neighbours = places.map((place): ReadonlyMap<number, number> => {
    if (isOutside(place)) return new Map();
    return manner.mode === 'nearest' ? new Map([[nearestOf(place, manner), 1]]) : weightsAt(place, plan, manner);
  });
  const y = to * from > LARGE_MATRIX ? sumOfTaps(x, axis, neighbours) : productOf(x, axis, from, neighbours);
  if (manner.extrapolation === 0 || !places.some(isOutside)) return y;
  const around = Float32Array.from(places, (place) => (isOutside(place) ? manner.extrapolation : 0));
  return add(y, tensor(around, { shape: [to, ...Array<number>(x.rank - 1 - axis).fill(1)] }));
}

/** Weighted neighbours as a product with a small matrix. */
function productOf(x: Tensor, axis: number, from: number, neighbours: readonly ReadonlyMap<number, number>[]): Tensor {
  const to = neighbours.length;
  const weights = new Float32Array(to * from);
  neighbours.forEach((own, i) => {
    for (const [at, weight] of own) weights[i * from + at] = weight;
  });
  const matrix = tensor(weights, { shape: [to, from] });
  const last = x.rank - 1;
  if (axis === last - 1 && x.rank >= 2) return matmul(matrix, x);
  const order = swapped(x.shape, axis, last);
  return transpose(matmul(transpose(x, order), transpose(matrix, [1, 0])), order);
}

/** The same for long axes: the first neighbours of all places, then the second ones, and so on. */
function sumOfTaps(x: Tensor, axis: number, neighbours: readonly ReadonlyMap<number, number>[]): Tensor {
  const count = neighbours.reduce((most, { size }) => Math.max(most, size), 1);
  const lists = neighbours.map((own) => [...own]);
  const shape = x.shape.map((_, i) => (i === axis ? lists.length : 1));
  return Array.from({ length: count }, (_, k) => {
    const places = Int32Array.from(lists, (list) => list[k]?.[0] ?? 0);
    const weights = Float32Array.from(lists, (list) => list[k]?.[1] ?? 0);
    return multiply(gather(x, places, axis), tensor(weights, { shape }));
  }).reduce((total, part) => add(total, part));
}

function swapped(shape: Shape, a: number, b: number): number[] {
  return shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis));
}

function resized(call: TensorCall): ReturnType<typeof tensorValue> {
  const isOld = call.node.opType === 'Upsample' || call.opset < 11;
  const mode = call.text('mode', 'nearest');
  const manner: Manner = {
    mode: mode === 'bilinear' ? 'linear' : mode,
    coordinates: isOld ? 'asymmetric' : call.text('coordinate_transformation_mode', 'half_pixel'),
    nearest: isOld ? 'floor' : call.text('nearest_mode', 'round_prefer_floor'),
    cubic: call.float('cubic_coeff_a', -0.75),
    excludesOutside: call.flag('exclude_outside'),
    antialias: call.flag('antialias') && mode !== 'nearest',
    extrapolation: call.float('extrapolation_value', 0),
  };
  const y = plansOf(call).reduce((x, plan) => resizeAxis(x, plan, manner), call.tensor());
  return tensorValue(call.dtype(), y);
}

export const resizes: TensorOperators = { Resize: resized, Upsample: resized };
