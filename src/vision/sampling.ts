// Reading pictures at places between their pixels: what every warp comes down to. Coordinates outside the picture are
// brought inside as TensorFlow's projective transform does, to the last rounding.
import { toTensor } from '../graph/define.js';
import type { Tensor } from '../graph/tensor.js';
import { add, cast, clip, multiply, negative, subtract } from '../ops/arithmetic.js';
import { greater, greaterEqual, less, lessEqual, logicalAnd } from '../ops/compare.js';
import { range } from '../ops/create.js';
import { gather } from '../ops/gather.js';
import { mod } from '../ops/integer.js';
import { expandDims, reshape } from '../ops/shape.js';
import { floor } from '../ops/unary.js';
import { where } from '../ops/where.js';
import type { Batch } from './pictures.js';

/** How values between pixels are found. */
export type Interpolation = 'nearest' | 'bilinear';

/**
 * What lies beyond the border: `constant`, `fillValue`; `nearest`, the border's pixels; `reflect`, the picture mirrored (d c b a | a
 * b c d | d c b a); `wrap`, the picture again.
 */
export type FillMode = 'constant' | 'nearest' | 'reflect' | 'wrap';

export const INTERPOLATIONS: readonly Interpolation[] = ['nearest', 'bilinear'];
export const FILL_MODES: readonly FillMode[] = ['constant', 'nearest', 'reflect', 'wrap'];

/** How a picture is read. */
export interface SampleOptions {
  readonly interpolation: Interpolation;
  readonly fillMode: FillMode;
  readonly fillValue: number;
}

/** A coordinate along an axis of `size` pixels, brought inside where the fill mode does so. */
function mapCoordinate(at: Tensor, size: number, mode: FillMode): Tensor {
  const last = size - 1;
  if (mode === 'constant') return at;
  if (mode === 'nearest' || size === 1) return clip(at, 0, last);
  if (mode === 'reflect') {
    const turn = mod(at, 2 * size);
    return clip(where(greaterEqual(turn, size), subtract(2 * size - 1, turn), turn), 0, last);
  }
  // The count of turns follows from size - 1, the shift from size.
  const before = add(at, multiply(add(floor(multiply(negative(at), 1 / last)), 1), size));
  const after = subtract(at, multiply(floor(multiply(at, 1 / last)), size));
  return clip(where(less(at, 0), before, where(greater(at, last), after, at)), 0, last);
}

/** The nearest whole number; halves go away from 0. */
export function roundAway(x: Tensor): Tensor {
  const below = floor(x);
  const rest = subtract(x, below);
  const isUp = where(greaterEqual(x, 0), greaterEqual(rest, 0.5), greater(rest, 0.5));
  return where(isUp, add(below, 1), below);
}

/**
 * The pictures [n,h,w,c] read at rows `y` and columns `x`, both [n,oh,ow] or [1,oh,ow] and float32, giving [n,oh,ow,c] in the
 * dtype of the pictures (which must be floats). Differentiable in the pictures, and in the places where it interpolates.
 */
export function sample(batch: Batch, y: Tensor, x: Tensor, options: SampleOptions): Tensor {
  const { pictures, n, height, width, channels } = batch;
  const { interpolation, fillMode, fillValue } = options;
  const rows = reshape(pictures, [n * height * width, channels]);
  const start = reshape(multiply(range(n), height * width), [n, 1, 1]);
  const isConstant = fillMode === 'constant';
  // Far away is as good as just outside, and fits an index.
  const row = clip(mapCoordinate(y, height, fillMode), -2, height + 1);
  const column = clip(mapCoordinate(x, width, fillMode), -2, width + 1);

  const read = (atRow: Tensor, atColumn: Tensor): Tensor => {
    const isInside = logicalAnd(
      logicalAnd(greaterEqual(atRow, 0), lessEqual(atRow, height - 1)),
      logicalAnd(greaterEqual(atColumn, 0), lessEqual(atColumn, width - 1)),
    );
    const place = add(multiply(cast(atRow, 'int32'), width), cast(atColumn, 'int32'));
    // An index outside reads zeros.
    const found = gather(rows, where(isInside, add(place, start), -1));
    if (!isConstant || fillValue === 0) return found;
    return where(expandDims(isInside, -1), found, toTensor(fillValue, found.dtype));
  };

  if (interpolation === 'nearest') return read(roundAway(row), roundAway(column));
  const [top, left] = [floor(row), floor(column)];
  const [bottom, right] = [add(top, 1), add(left, 1)];
  const share = (weight: Tensor): Tensor => cast(expandDims(weight, -1), pictures.dtype);
  const [toRight, toLeft] = [share(subtract(column, left)), share(subtract(right, column))];
  const [toBottom, toTop] = [share(subtract(row, top)), share(subtract(bottom, row))];
  const above = add(multiply(toLeft, read(top, left)), multiply(toRight, read(top, right)));
  const below = add(multiply(toLeft, read(bottom, left)), multiply(toRight, read(bottom, right)));
  return add(multiply(toTop, above), multiply(toBottom, below));
}
