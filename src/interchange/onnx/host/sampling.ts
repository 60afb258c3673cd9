// Reading pictures and volumes between their pixels on the host: grids of places, samples at them, convolutions whose taps are
// moved by offsets. Any number of spatial axes where ONNX has them.
import { type Shape, sizeOf, stridesOf } from '../../../core/shape.js';
import type { HostCall, HostOperator, HostOperators } from '../calls.js';
import { windowOf } from '../windows.js';
import { hostOf } from './arrays.js';

/** A weight and a place along one axis; the place may lie outside. */
type Tap = readonly [place: number, weight: number];

/** -1 to 1 as a place among `size` pixels: between the middles of the outer ones, or between their outer edges. */
function pixelOf(x: number, size: number, alignsCorners: boolean): number {
  return alignsCorners ? ((x + 1) / 2) * (size - 1) : ((x + 1) * size - 1) / 2;
}

/** A place mirrored until it lies between `low` and `high`. */
function mirrored(x: number, low: number, high: number): number {
  const range = high - low;
  if (range <= 0) return low;
  const offset = Math.abs(x - low);
  const flips = Math.floor(offset / range);
  const rest = offset - flips * range;
  return flips % 2 === 0 ? low + rest : high - rest;
}

/** Round half to even. */
function nearest(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

// As ONNX has it.
const CUBIC = -0.75;

function cubicWeights(t: number): number[] {
  const near = (x: number): number => ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
  const far = (x: number): number => ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** The pixels along one axis that a sample at `x` is made of. */
function tapsAt(x: number, mode: string): Tap[] {
  if (mode === 'nearest') return [[nearest(x), 1]];
  const floor = Math.floor(x);
  const t = x - floor;
  if (mode === 'cubic') return cubicWeights(t).map((weight, i): Tap => [floor - 1 + i, weight]);
  return [
    [floor, 1 - t],
    [floor + 1, t],
  ];
}

const gridSample: HostOperator = (call) => {
  const shape = call.shape(0);
  const data = call.data(0);
  const grid = call.numbers(1);
  const gridShape = call.shape(1);
  const axes = shape.length - 2;
  if (axes < 1 || gridShape.length !== axes + 2 || gridShape.at(-1) !== axes || gridShape[0] !== shape[0])
    throw call.error(`a grid of [${gridShape.join(',')}] does not fit x of [${shape.join(',')}].`);
  const mode = { bilinear: 'linear', bicubic: 'cubic' }[call.text('mode', 'linear')] ?? call.text('mode', 'linear');
  const padding = call.text('padding_mode', 'zeros');
  const alignsCorners = call.flag('align_corners');
  const sizes = shape.slice(2);
  const places = gridShape.slice(1, -1);
  const channels = shape[1] as number;
  const [count, area] = [sizeOf(places), sizeOf(sizes)];
  const strides = stridesOf(sizes);
  /** Where the pixel lies in a picture; -1 for one of the zeros around it. */
  const inside = (place: number, axis: number): number => {
    const size = sizes[axis] as number;
    if (place >= 0 && place < size) return place;
    if (padding === 'border') return Math.max(0, Math.min(size - 1, place));
    if (padding !== 'reflection') return -1;
    const found = alignsCorners ? mirrored(place, 0, size - 1) : mirrored(place, -0.5, size - 0.5);
    return Math.max(0, Math.min(size - 1, Math.round(found)));
  };
  const known = new Map<number, readonly Tap[]>();
  const tapsOf = (at: number): readonly Tap[] => {
    const before = known.get(at);
    if (before !== undefined) return before;
    let found: Tap[] = [[0, 1]];
    for (let axis = 0; axis < axes; axis++) {
      // The grid's last place is the first axis.
      const x = grid[at * axes + (axes - 1 - axis)] as number;
      let pixel = pixelOf(x, sizes[axis] as number, alignsCorners);
      if (mode !== 'cubic' && padding === 'border') pixel = Math.max(0, Math.min((sizes[axis] as number) - 1, pixel));
      found = found.flatMap(([offset, weight]) =>
        tapsAt(pixel, mode).flatMap(([place, own]): Tap[] => {
          const pick = inside(place, axis);
          return pick < 0 ? [] : [[offset + pick * (strides[axis] as number), weight * own]];
        }),
      );
    }
    known.set(at, found);
    return found;
  };
  return hostOf(call.dtype(), [shape[0] as number, channels, ...places], (i) => {
    const picture = Math.floor(i / count);
    const at = Math.floor(picture / channels) * count + (i % count);
    return tapsOf(at).reduce((sum, [place, weight]) => sum + weight * (data[picture * area + place] as number), 0);
  });
};

/** Places of the result's pixels in the input's square from -1 to 1, by a matrix for each picture. */
const affineGrid: HostOperator = (call) => {
  const theta = call.data(0);
  const size = call.numbers(1);
  const sizes = size.slice(2);
  const axes = sizes.length;
  if (call.shape(0)[1] !== axes || call.shape(0)[2] !== axes + 1) throw call.error('theta does not fit the size.');
  const alignsCorners = call.flag('align_corners');
  const strides = stridesOf(sizes);
  const count = sizeOf(sizes);
  return hostOf(call.dtype(), [size[0] as number, ...sizes, axes], (i) => {
    const row = i % axes;
    const pixel = Math.floor(i / axes) % count;
    const matrix = Math.floor(i / (axes * count)) * axes * (axes + 1) + row * (axes + 1);
    let sum = theta[matrix + axes] as number;
    for (let k = 0; k < axes; k++) {
      const axis = axes - 1 - k;
      const dim = sizes[axis] as number;
      const at = Math.floor(pixel / (strides[axis] as number)) % dim;
      const x = alignsCorners ? (dim === 1 ? 0 : (2 * at) / (dim - 1) - 1) : (2 * at + 1) / dim - 1;
      sum += (theta[matrix + k] as number) * x;
    }
    return sum;
  });
};

/** The sample between the four pixels around a place of one plane; zeros outside. */
function between(data: ArrayLike<number>, plane: number, [h, w]: Shape, y: number, x: number): number {
  const [height, width] = [h as number, w as number];
  let sum = 0;
  for (const [row, down] of tapsAt(y, 'linear')) {
    for (const [column, across] of tapsAt(x, 'linear')) {
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      sum += down * across * (data[plane + row * width + column] as number);
    }
  }
  return sum;
}

/** A convolution of pictures whose every tap is moved by an offset of its own, and scaled by a mask (Dai et al. 2017, Zhu et al. 2019). */
const deformConv: HostOperator = (call) => {
  const [x, filter, offset] = [call.data(0), call.data(1), call.data(2)];
  const bias = call.isGiven(3) ? call.data(3) : undefined;
  const mask = call.isGiven(4) ? call.data(4) : undefined;
  const [, channels, h, w] = checkPictures(call, 0);
  const [filters, perGroup, kh, kw] = checkPictures(call, 1);
  const [n, , oh, ow] = checkPictures(call, 2);
  const { strides, dilations, pads = [] } = windowOf(call, 2, [kh, kw]);
  const groups = call.int('group', 1);
  const offsetGroups = call.int('offset_group', 1);
  if (perGroup * groups !== channels || filters % groups !== 0 || channels % offsetGroups !== 0)
    throw call.error(`${groups} groups do not fit ${channels} channels and ${filters} filters.`);
  const taps = kh * kw;
  const area = oh * ow;
  return hostOf(call.dtype(), [n, filters, oh, ow], (i) => {
    const pixel = i % area;
    const f = Math.floor(i / area) % filters;
    const image = Math.floor(i / (area * filters));
    const [row, column] = [Math.floor(pixel / ow), pixel % ow];
    const first = Math.floor(f / (filters / groups)) * perGroup;
    let sum = bias === undefined ? 0 : (bias[f] as number);
    for (let c = 0; c < perGroup; c++) {
      const group = Math.floor((first + c) / (channels / offsetGroups));
      for (let tap = 0; tap < taps; tap++) {
        const [u, v] = [Math.floor(tap / kw), tap % kw];
        const moved = ((image * offsetGroups + group) * taps + tap) * area + pixel;
        const dy = offset[2 * (moved - pixel) + pixel] as number;
        const dx = offset[2 * (moved - pixel) + area + pixel] as number;
        const y = row * (strides[0] as number) - (pads[0]?.[0] ?? 0) + u * (dilations[0] as number) + dy;
        const z = column * (strides[1] as number) - (pads[1]?.[0] ?? 0) + v * (dilations[1] as number) + dx;
        const value = between(x, (image * channels + first + c) * h * w, [h, w], y, z);
        sum +=
          value *
          (mask === undefined ? 1 : (mask[moved] as number)) *
          (filter[(f * perGroup + c) * taps + tap] as number);
      }
    }
    return sum;
  });
};

function checkPictures(call: HostCall, index: number): readonly [number, number, number, number] {
  const shape = call.shape(index);
  if (shape.length === 4) return shape as unknown as readonly [number, number, number, number];
  throw call.error(`input ${index} should have four axes.`);
}

export const sampling: HostOperators = { GridSample: gridSample, AffineGrid: affineGrid, DeformConv: deformConv };
