// Choosing boxes and pooling regions on the host: how many there are follows from the data.
import { FoveaError } from '../../../core/errors.js';
import type { HostCall, HostOperators } from '../calls.js';
import { type HostValue, hostValue } from '../values.js';
import { hostOf } from './arrays.js';

interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function boxAt(data: ArrayLike<number>, at: number, isCentred: boolean): Box {
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => data[at + i] as number) as [number, number, number, number];
  if (isCentred) return { top: b - d / 2, left: a - c / 2, bottom: b + d / 2, right: a + c / 2 };
  return { top: Math.min(a, c), left: Math.min(b, d), bottom: Math.max(a, c), right: Math.max(b, d) };
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box): number => (box.right - box.left) * (box.bottom - box.top);
  const both = width * height;
  return both / (area(a) + area(b) - both);
}

/** Greedy suppression, by picture and class; rows of [picture, class, box]. */
function nonMaxSuppression(call: HostCall): HostValue {
  const [pictures, count] = call.shape(0) as [number, number, number];
  const classes = call.shape(1)[1] as number;
  if (call.shape(0)[2] !== 4 || call.shape(1)[0] !== pictures || call.shape(1)[2] !== count) {
    throw new FoveaError({
      code: 'shape',
      op: 'NonMaxSuppression',
      message: `boxes [${call.shape(0).join(',')}] and scores [${call.shape(1).join(',')}] do not belong together.`,
      got: [call.shape(0), call.shape(1)],
    });
  }
  const [boxes, scores] = [call.data(0), call.data(1)];
  const most = call.number(2, 0);
  const limit = call.number(3, 0);
  const least = call.isGiven(4) ? call.number(4) : Number.NEGATIVE_INFINITY;
  const isCentred = call.flag('center_point_box');
  const rows: number[] = [];
  for (let n = 0; n < pictures; n++) {
    const all = Array.from({ length: count }, (_, i) => boxAt(boxes, (n * count + i) * 4, isCentred));
    for (let c = 0; c < classes; c++) {
      const score = (i: number): number => scores[(n * classes + c) * count + i] as number;
      const order = Array.from({ length: count }, (_, i) => i)
        .filter((i) => score(i) > least)
        .sort((a, b) => score(b) - score(a) || a - b);
      const kept: number[] = [];
      for (const i of order) {
        if (kept.length >= most) break;
        if (kept.every((other) => overlap(all[i] as Box, all[other] as Box) <= limit)) kept.push(i);
      }
      for (const i of kept) rows.push(n, c, i);
    }
  }
  return hostValue('int64', [rows.length / 3, 3], rows);
}

/** Means or maxima of samples between pixels, in the cells of every region. */
function roiAlign(call: HostCall): HostValue {
  const [, channels, height, width] = call.shape(0) as [number, number, number, number];
  const [x, rois, pictures] = [call.data(0), call.data(1), call.data(2)];
  const count = call.shape(1)[0] as number;
  const [rows, columns] = [call.int('output_height', 1), call.int('output_width', 1)];
  const ratio = call.int('sampling_ratio', 0);
  const scale = call.float('spatial_scale', 1);
  const isMax = call.text('mode', 'avg') === 'max';
  const isHalf =
    call.text('coordinate_transformation_mode', call.opset < 16 ? 'output_half_pixel' : 'half_pixel') === 'half_pixel';
  const shift = isHalf ? 0.5 : 0;
  const sample = (plane: number, y: number, sx: number): readonly number[] => {
    if (y < -1 || y > height || sx < -1 || sx > width) return [0, 0, 0, 0];
    const [cy, cx] = [Math.max(0, y), Math.max(0, sx)];
    const [y0, x0] = [Math.min(Math.floor(cy), height - 1), Math.min(Math.floor(cx), width - 1)];
    const [y1, x1] = [Math.min(y0 + 1, height - 1), Math.min(x0 + 1, width - 1)];
    const [dy, dx] = [y0 >= height - 1 ? 0 : cy - y0, x0 >= width - 1 ? 0 : cx - x0];
    const at = (row: number, column: number): number => x[(plane * height + row) * width + column] as number;
    return [
      (1 - dy) * (1 - dx) * at(y0, x0),
      (1 - dy) * dx * at(y0, x1),
      dy * (1 - dx) * at(y1, x0),
      dy * dx * at(y1, x1),
    ];
  };
  return hostOf(call.dtype(), [count, channels, rows, columns], (index) => {
    const column = index % columns;
    const row = Math.floor(index / columns) % rows;
    const channel = Math.floor(index / (columns * rows)) % channels;
    const roi = Math.floor(index / (columns * rows * channels));
    const [left, top, right, bottom] = [0, 1, 2, 3].map((i) => (rois[roi * 4 + i] as number) * scale - shift) as [
      number,
      number,
      number,
      number,
    ];
    const least = isHalf ? Number.NEGATIVE_INFINITY : 1;
    const [high, wide] = [Math.max(bottom - top, least) / rows, Math.max(right - left, least) / columns];
    const [ny, nx] = ratio > 0 ? [ratio, ratio] : [Math.max(1, Math.ceil(high)), Math.max(1, Math.ceil(wide))];
    const plane = (pictures[roi] as number) * channels + channel;
    let total = 0;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < ny; i++) {
      for (let j = 0; j < nx; j++) {
        const four = sample(
          plane,
          top + row * high + ((i + 0.5) * high) / ny,
          left + column * wide + ((j + 0.5) * wide) / nx,
        );
        for (const each of four) total += each;
        largest = Math.max(largest, ...four);
      }
    }
    return isMax ? largest : total / (ny * nx);
  });
}

export const detection: HostOperators = { NonMaxSuppression: nonMaxSuppression, RoiAlign: roiAlign };
