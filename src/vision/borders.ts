// Cutting borders off, putting borders on, mirroring and turning by quarters.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { toTensor } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { pad } from '../ops/join.js';
import { flip, slice, transpose } from '../ops/shape.js';
import { onBatch, type PictureOptions } from './pictures.js';

/** See `cropImages`. Of each axis give two: the two sides, or one side and the size that is wanted. */
export interface CropImagesOptions extends PictureOptions {
  topCropping?: number;
  leftCropping?: number;
  bottomCropping?: number;
  rightCropping?: number;
  targetHeight?: number;
  targetWidth?: number;
}

/** See `padImages`. Of each axis give two: the two sides, or one side and the size that is wanted. */
export interface PadImagesOptions extends PictureOptions {
  topPadding?: number;
  leftPadding?: number;
  bottomPadding?: number;
  rightPadding?: number;
  targetHeight?: number;
  targetWidth?: number;
}

interface Side {
  readonly name: string;
  readonly value: number | undefined;
}

/** The third of three numbers that add up to `total`, two being given. */
function complete(op: string, total: number, before: Side, after: Side, target: Side): [before: number, after: number] {
  const given = [before, after, target].filter(({ value }) => value !== undefined);
  if (given.length !== 2) {
    const names = [before, after, target].map(({ name }) => name);
    throw new FoveaError({
      code: 'argument',
      op,
      message: `needs two of ${names.join(', ')}; got ${given.map(({ name }) => name).join(', ') || 'none'}.`,
      got: given.length,
      want: 2,
    });
  }
  const first = before.value ?? total - (target.value as number) - (after.value as number);
  return [first, after.value ?? total - (target.value as number) - first];
}

function checkSides(
  op: string,
  what: string,
  sides: readonly number[],
  [height, width]: readonly [number, number],
): void {
  if (sides.every((side) => Number.isInteger(side) && side >= 0) && height > 0 && width > 0) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `${what} top ${sides[0]}, bottom ${sides[1]}, left ${sides[2]}, right ${sides[3]} leaves ${height}x${width}.`,
    got: sides,
    hint: 'Sides are whole numbers of at least 0, and something must be left.',
  });
}

/**
 * Cuts rows and columns off [h,w,c] or [n,h,w,c]. Throws `argument` unless two of side, other side and target size are given
 * for each axis and something is left.
 */
export function cropImages(images: TensorLike, options: CropImagesOptions): Tensor {
  const op = 'cropImages';
  return onBatch(op, images, options, ({ pictures, n, height, width, channels }) => {
    const { topCropping, bottomCropping, leftCropping, rightCropping, targetHeight, targetWidth } = options;
    const [top, bottom] = complete(
      op,
      height,
      { name: 'topCropping', value: topCropping },
      { name: 'bottomCropping', value: bottomCropping },
      { name: 'targetHeight', value: targetHeight },
    );
    const [left, right] = complete(
      op,
      width,
      { name: 'leftCropping', value: leftCropping },
      { name: 'rightCropping', value: rightCropping },
      { name: 'targetWidth', value: targetWidth },
    );
    const size = [height - top - bottom, width - left - right] as const;
    checkSides(op, 'cropping', [top, bottom, left, right], size);
    return slice(pictures, [0, top, left, 0], [n, ...size, channels]);
  });
}

/**
 * Puts rows and columns of zeros around [h,w,c] or [n,h,w,c]. Throws `argument` unless two of side, other side and target size
 * are given for each axis.
 */
export function padImages(images: TensorLike, options: PadImagesOptions): Tensor {
  const op = 'padImages';
  return onBatch(op, images, options, ({ pictures, height, width }) => {
    const { topPadding, bottomPadding, leftPadding, rightPadding, targetHeight, targetWidth } = options;
    const minus = (value: number | undefined): number | undefined => (value === undefined ? undefined : -value);
    // Padding is cropping by a negative number of cells.
    const negative = [
      ...complete(
        op,
        height,
        { name: 'topPadding', value: minus(topPadding) },
        { name: 'bottomPadding', value: minus(bottomPadding) },
        { name: 'targetHeight', value: targetHeight },
      ),
      ...complete(
        op,
        width,
        { name: 'leftPadding', value: minus(leftPadding) },
        { name: 'rightPadding', value: minus(rightPadding) },
        { name: 'targetWidth', value: targetWidth },
      ),
    ];
    const [top, bottom, left, right] = negative.map((side) => 0 - side) as [number, number, number, number];
    checkSides(op, 'padding', [top, bottom, left, right], [height + top + bottom, width + left + right]);
    return pad(pictures, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
  });
}

/** Pictures mirrored left to right. */
export function flipLeftRight(images: TensorLike, options: PictureOptions = {}): Tensor {
  return onBatch('flipLeftRight', images, options, ({ pictures }) => flip(pictures, 2));
}

/** Pictures mirrored top to bottom. */
export function flipUpDown(images: TensorLike, options: PictureOptions = {}): Tensor {
  return onBatch('flipUpDown', images, options, ({ pictures }) => flip(pictures, 1));
}

/** The plane of two axes turned by `k` quarters, from the first axis towards the second; default the rows and columns of [h,w,..]. */
export function rot90(
  array: TensorLike,
  { k = 1, axes = [0, 1] }: { k?: number; axes?: readonly [number, number] } = {},
): Tensor {
  const from = toTensor(array);
  const [first, second] = axes.map((axis) => (axis < 0 ? axis + from.rank : axis)) as [number, number];
  const isPlane = [first, second].every((axis) => Number.isInteger(axis) && axis >= 0 && axis < from.rank);
  if (!isPlane || first === second || !Number.isInteger(k)) {
    throw new FoveaError({
      code: 'argument',
      op: 'rot90',
      message: `cannot turn axes ${axes.join(' and ')} of ${formatShape(from.shape)} by ${k} quarters.`,
      got: { k, axes },
      hint: 'Give two different axes and a whole number of quarters.',
    });
  }
  const quarters = ((k % 4) + 4) % 4;
  if (quarters === 0) return from;
  if (quarters === 2) return flip(from, [first, second]);
  const order = from.shape.map((_, axis) => (axis === first ? second : axis === second ? first : axis));
  return quarters === 1 ? transpose(flip(from, second), order) : flip(transpose(from, order), second);
}

/** Pictures turned anticlockwise by `k` quarters. */
export function rotate90(images: TensorLike, { k = 1, ...options }: PictureOptions & { k?: number } = {}): Tensor {
  return onBatch('rotate90', images, options, ({ pictures }) => rot90(pictures, { k, axes: [1, 2] }));
}
