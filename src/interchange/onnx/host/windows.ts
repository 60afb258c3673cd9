// Windows over pictures on the host: the places of maxima and back, columns put together again, the middle of a picture.
import { type Shape, sizeOf, stridesOf } from '../../../core/shape.js';
import type { HostOperator, HostOperators } from '../calls.js';
import type { HostValue } from '../values.js';
import { padsFor, windowOf } from '../windows.js';
import { checkSize, hostOf, makeData, taken } from './arrays.js';

function places(index: number, shape: Shape): number[] {
  const strides = stridesOf(shape);
  return strides.map((stride, axis) => Math.floor(index / stride) % (shape[axis] as number));
}

/** The largest of every window, and where it is in the whole tensor. */
const maxPool: HostOperator = (call) => {
  const from = call.host();
  const data = call.data();
  const sizes = from.shape.slice(2);
  const window = windowOf(call, sizes.length);
  const { kernel, strides, dilations } = window;
  const pads = padsFor(window, sizes);
  const isCeil = call.flag('ceil_mode');
  const out = sizes.map((size, i) => {
    const [before, after] = pads[i] as readonly [number, number];
    const span = ((kernel[i] as number) - 1) * (dilations[i] as number) + 1;
    const stride = strides[i] as number;
    const steps = (size + before + after - span) / stride;
    const count = (isCeil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that would begin behind the picture and its first pads does not count.
    return isCeil && (count - 1) * stride >= size + before ? count - 1 : count;
  });
  const own = stridesOf(sizes);
  const area = sizeOf(sizes);
  const shape = [...from.shape.slice(0, 2), ...out];
  const cells = sizeOf(kernel);
  const best = (i: number): number => {
    const [corner, plane] = [places(i % sizeOf(out), out), Math.floor(i / sizeOf(out)) * area];
    let found = -1;
    for (let cell = 0; cell < cells; cell++) {
      let at = plane;
      const isInside = places(cell, kernel).every((step, axis) => {
        const place =
          (corner[axis] as number) * (strides[axis] as number) -
          (pads[axis] as readonly [number, number])[0] +
          step * (dilations[axis] as number);
        at += place * (own[axis] as number);
        return place >= 0 && place < (sizes[axis] as number);
      });
      if (isInside && (found < 0 || (data[at] as number) > (data[found] as number))) found = at;
    }
    return found;
  };
  const found = Array.from({ length: checkSize(shape) }, (_, i) => best(i));
  const isColumns = call.int('storage_order', 0) === 1;
  const turned = (at: number): number => {
    const place = places(at % area, sizes).reverse();
    const steps = stridesOf([...sizes].reverse());
    return at - (at % area) + place.reduce((sum, each, axis) => sum + each * (steps[axis] as number), 0);
  };
  return [
    taken(from, shape, (i) => found[i] as number),
    hostOf('int64', shape, (i) => (isColumns ? turned(found[i] as number) : (found[i] as number))),
  ];
};

/** Puts maxima back where they were. */
const maxUnpool: HostOperator = (call) => {
  const from = call.host();
  const sizes = from.shape.slice(2);
  const { kernel, strides, pads = [] } = windowOf(call, sizes.length);
  const full = sizes.map(
    (size, i) =>
      (size - 1) * (strides[i] as number) + (kernel[i] as number) - (pads[i]?.[0] ?? 0) - (pads[i]?.[1] ?? 0),
  );
  const natural = [...from.shape.slice(0, 2), ...full];
  const shape = call.isGiven(2) ? call.numbers(2) : natural;
  const data = makeData(from.dtype, shape) as Float64Array;
  // Places are counted in the tensor that the pool had, which may be smaller than the shape that is asked for.
  const strided = stridesOf(shape);
  call.numbers(1).forEach((place, i) => {
    const at = places(place, natural).reduce((sum, each, axis) => sum + each * (strided[axis] as number), 0);
    if (!(at >= 0 && at < data.length)) throw call.error(`the place ${place} is outside.`);
    data[at] = from.data[i] as number;
  });
  return { ...from, shape, data };
};

/** Adds the columns of windows together where they overlap: [n, channels * cells, windows] to [n, channels, ...size]. */
const col2im: HostOperator = (call) => {
  const from = call.host();
  const data = call.data();
  const sizes = call.numbers(1);
  const kernel = call.numbers(2);
  const { strides, dilations, pads = [] } = windowOf(call, sizes.length, kernel);
  const cells = sizeOf(kernel);
  const [n, rows, count] = from.shape as [number, number, number];
  const channels = rows / cells;
  const out = sizes.map((size, i) => {
    const span = ((kernel[i] as number) - 1) * (dilations[i] as number) + 1;
    return Math.floor((size + (pads[i]?.[0] ?? 0) + (pads[i]?.[1] ?? 0) - span) / (strides[i] as number)) + 1;
  });
  if (!Number.isInteger(channels) || sizeOf(out) !== count) throw call.error('the columns do not fit the picture.');
  const shape = [n, channels, ...sizes];
  const own = stridesOf(sizes);
  const sums = makeData(from.dtype, shape) as Float64Array;
  for (let i = 0; i < data.length; i++) {
    const [corner, step] = [places(i % count, out), places(Math.floor(i / count) % cells, kernel)];
    let at = Math.floor(i / (count * cells)) * sizeOf(sizes);
    const isInside = corner.every((place, axis) => {
      const there =
        place * (strides[axis] as number) -
        (pads[axis]?.[0] ?? 0) +
        (step[axis] as number) * (dilations[axis] as number);
      at += there * (own[axis] as number);
      return there >= 0 && there < (sizes[axis] as number);
    });
    if (isInside) sums[at] = (sums[at] as number) + (data[i] as number);
  }
  return { ...from, shape, data: sums };
};

/** Cuts or fills with zeros on both sides alike, the odd one behind. */
const centerCropPad: HostOperator = (call): HostValue => {
  const from = call.host();
  const wanted = call.numbers(1);
  const axes = call.ints('axes')?.map((axis) => call.axis(axis)) ?? from.shape.map((_, axis) => axis);
  const shape = [...from.shape];
  axes.forEach((axis, i) => {
    shape[axis] = wanted[i] as number;
  });
  const shifts = shape.map((size, axis) => {
    const more = size - (from.shape[axis] as number);
    return more >= 0 ? -Math.floor(more / 2) : Math.floor(-more / 2);
  });
  const own = stridesOf(from.shape);
  const data = makeData(from.dtype, shape) as string[];
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    const isInside = places(i, shape).every((place, axis) => {
      const there = place + (shifts[axis] as number);
      at += there * (own[axis] as number);
      return there >= 0 && there < (from.shape[axis] as number);
    });
    if (isInside) data[i] = from.data[at] as string;
  }
  return { ...from, shape, data };
};

export const windows: HostOperators = {
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
  Col2Im: col2im,
  CenterCropPad: centerCropPad,
};
