// Bounding boxes in Keras's formats, and what becomes of them when the picture is bent: the upright box around the
// four corners, cut at the border.
import type { Tensor } from '../../graph/tensor.js';
import { add, cast, divide, maximum, minimum, multiply, subtract } from '../../ops/arithmetic.js';
import { greater } from '../../ops/compare.js';
import { concat } from '../../ops/join.js';
import { max, min } from '../../ops/reduce.js';
import { reshape, slice } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import type { BatchSize, BoundingBoxes } from './data.js';

/**
 * What the four numbers of a box are: corners (`xyxy`, `yxyx`), a corner and the size (`xywh`) or the middle and the size
 * (`centerXywh`, `centerYxhw`), in pixels, or with `rel` as shares of width and height.
 */
export type BoundingBoxFormat =
  | 'xyxy'
  | 'yxyx'
  | 'xywh'
  | 'centerXywh'
  | 'centerYxhw'
  | 'relXyxy'
  | 'relYxyx'
  | 'relXywh'
  | 'relCenterXywh';

export const BOX_FORMATS: readonly BoundingBoxFormat[] = [
  'xyxy',
  'yxyx',
  'xywh',
  'centerXywh',
  'centerYxhw',
  'relXyxy',
  'relYxyx',
  'relXywh',
  'relCenterXywh',
];

type Four = readonly [Tensor, Tensor, Tensor, Tensor];

const columnsOf = (boxes: Tensor): Four => {
  const [n, k] = boxes.shape as [number, number];
  return [0, 1, 2, 3].map((at) => slice(boxes, [0, 0, at], [n, k, 1])) as unknown as Four;
};

/** Boxes [n,k,4] of a format as left, top, right, bottom in pixels. */
export function toCorners(boxes: Tensor, format: BoundingBoxFormat, { height, width }: BatchSize): Tensor {
  const isRelative = format.startsWith('rel');
  const [a, b, c, d] = columnsOf(boxes);
  const half = (size: Tensor): Tensor => multiply(size, 0.5);
  const corners = (): Four => {
    switch (format) {
      case 'yxyx':
      case 'relYxyx':
        return [b, a, d, c];
      case 'xywh':
      case 'relXywh':
        return [a, b, add(a, c), add(b, d)];
      case 'centerXywh':
      case 'relCenterXywh':
        return [subtract(a, half(c)), subtract(b, half(d)), add(a, half(c)), add(b, half(d))];
      case 'centerYxhw':
        return [subtract(b, half(d)), subtract(a, half(c)), add(b, half(d)), add(a, half(c))];
      default:
        return [a, b, c, d];
    }
  };
  const [left, top, right, bottom] = corners();
  if (!isRelative) return concat([left, top, right, bottom], 2);
  return concat([multiply(left, width), multiply(top, height), multiply(right, width), multiply(bottom, height)], 2);
}

/** Corners in pixels [n,k,4] as boxes of a format. */
export function fromCorners(corners: Tensor, format: BoundingBoxFormat, { height, width }: BatchSize): Tensor {
  const isRelative = format.startsWith('rel');
  const [x0, y0, x1, y1] = columnsOf(corners);
  const [left, right] = isRelative ? [divide(x0, width), divide(x1, width)] : [x0, x1];
  const [top, bottom] = isRelative ? [divide(y0, height), divide(y1, height)] : [y0, y1];
  const [w, h] = [subtract(right, left), subtract(bottom, top)];
  const middle = (a: Tensor, b: Tensor): Tensor => multiply(add(a, b), 0.5);
  switch (format) {
    case 'yxyx':
    case 'relYxyx':
      return concat([top, left, bottom, right], 2);
    case 'xywh':
    case 'relXywh':
      return concat([left, top, w, h], 2);
    case 'centerXywh':
    case 'relCenterXywh':
      return concat([middle(left, right), middle(top, bottom), w, h], 2);
    case 'centerYxhw':
      return concat([middle(top, bottom), middle(left, right), h, w], 2);
    default:
      return concat([left, top, right, bottom], 2);
  }
}

/** Boxes as corners in pixels [n,k,4] after `move` has moved points [n,m,2]: the upright boxes around the moved corners. */
export function moveCorners(corners: Tensor, move: (points: Tensor) => Tensor): Tensor {
  const [n, k] = corners.shape as [number, number];
  const [left, top, right, bottom] = columnsOf(corners);
  const around = concat([left, top, right, top, right, bottom, left, bottom], 2);
  const moved = reshape(move(reshape(around, [n, 4 * k, 2])), [n, k, 4, 2]);
  return concat([min(moved, { axis: 2 }), max(moved, { axis: 2 })], 2);
}

/** Boxes as corners cut at the border; the labels of those of which nothing is left become -1, as in Keras. */
export function clipBoxes({ boxes, labels }: BoundingBoxes, { height, width }: BatchSize): BoundingBoxes {
  const [left, top, right, bottom] = columnsOf(boxes);
  const within = (x: Tensor, high: number): Tensor => minimum(maximum(x, 0), high);
  const [x0, x1, y0, y1] = [within(left, width), within(right, width), within(top, height), within(bottom, height)];
  const cut = concat([x0, y0, x1, y1], 2);
  if (labels === undefined) return { boxes: cut };
  const [n, k] = boxes.shape as [number, number];
  const isLeft = greater(reshape(multiply(subtract(x1, x0), subtract(y1, y0)), [n, k]), 0);
  const isKept = labels.rank === 2 ? isLeft : reshape(isLeft, [n, k, ...labels.shape.slice(2).map(() => 1)]);
  return { boxes: cut, labels: where(isKept, labels, cast(-1, labels.dtype)) };
}
