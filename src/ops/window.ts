// What convolution and pooling share: windows that slide over pictures, their padding and output sizes.
import { FoveaError } from '../core/errors.js';
import type { Shape } from '../core/shape.js';

/** Along height and along width. */
export type Pair = readonly [number, number];

/** How the courses and libraries write the two usual paddings; capitals mean the same. */
export type PaddingWord = 'valid' | 'same' | 'VALID' | 'SAME';

/**
 * Zeros around a picture: none, as many as keep `ceil(size / stride)` outputs (an odd one goes after), the
 * same number on every side, or `[[top, bottom], [left, right]]`.
 */
export type Padding = PaddingWord | number | readonly [Pair, Pair];

/** `channelsLast` is [n,h,w,c], the order of the kernels; `channelsFirst` is [n,c,h,w]. */
export type DataFormat = 'channelsLast' | 'channelsFirst';

export function pairOf(value: number | Pair): Pair {
  return typeof value === 'number' ? [value, value] : value;
}

/** Cells from the first to the last that a filter with holes touches. */
export function spanOf(size: number, dilation: number): number {
  return (size - 1) * dilation + 1;
}

/** How many places a window of `span` cells has, `stride` apart; less than 1 where it does not fit. */
export function outputSize(size: number, span: number, stride: number, [before, after]: Pair): number {
  return Math.floor((size + before + after - span) / stride) + 1;
}

/** Padding as numbers per side, for windows of `span` cells. Throws `argument` for an unknown word. */
export function paddingOf(op: string, padding: Padding, size: Pair, span: Pair, strides: Pair): [Pair, Pair] {
  if (typeof padding === 'number') {
    return [
      [padding, padding],
      [padding, padding],
    ];
  }
  if (typeof padding !== 'string') return [padding[0], padding[1]];
  const word = padding.toLowerCase();
  if (word === 'valid') {
    return [
      [0, 0],
      [0, 0],
    ];
  }
  if (word === 'same') return [samePadding(size[0], span[0], strides[0]), samePadding(size[1], span[1], strides[1])];
  throw new FoveaError({
    code: 'argument',
    op,
    message: `padding '${padding as string}' is unknown.`,
    got: padding,
    want: ['valid', 'same'],
    hint: "Give 'valid', 'same', a number, or [[top, bottom], [left, right]].",
  });
}

/** Zeros before and after an axis that keep `ceil(size / stride)` outputs; an odd one goes after. */
export function samePadding(size: number, span: number, stride: number): Pair {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + span - size);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** Throws `argument` unless every value is a whole number of at least `least`. */
export function checkWhole(op: string, name: string, values: readonly number[], least: number): void {
  if (values.every((value) => Number.isInteger(value) && value >= least)) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `${name} must be whole numbers of at least ${least}; got ${values.join(', ')}.`,
    got: values,
  });
}

/** Throws `shape` unless the operand has the axes that `axes` names, such as `n,h,w,channels`. */
export function checkRank(op: string, name: string, shape: Shape, axes: string): void {
  const rank = axes.split(',').length;
  if (shape.length === rank) return;
  const isPicture = name === 'x' && shape.length === rank - 1;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `${name} must be [${axes}]; got [${shape.join(',')}].`,
    got: shape,
    want: rank,
    ...(isPicture ? { hint: 'Add the missing axis with fovea.expandDims.' } : {}),
  });
}

/** The two sizes as people write them, `3x5`. */
export function formatPair([height, width]: Pair): string {
  return `${height}x${width}`;
}
