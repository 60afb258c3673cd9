// Reading an array of any rank at given coordinates, as keras.ops.image.map_coordinates does on TensorFlow.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, sizeOf, stridesOf } from '../core/shape.js';
import { toTensor } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, clip, multiply, subtract } from '../ops/arithmetic.js';
import { greaterEqual, less, logicalAnd } from '../ops/compare.js';
import { gather } from '../ops/gather.js';
import { mod } from '../ops/integer.js';
import { reshape, slice } from '../ops/shape.js';
import { abs, floor, round } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { checkWord } from './pictures.js';

/** What lies beyond the array; `mirror` turns at the middle of the last element (d c b | a b c d | c b a). */
export type MapFillMode = 'constant' | 'nearest' | 'wrap' | 'mirror' | 'reflect';

const MODES: readonly MapFillMode[] = ['constant', 'nearest', 'wrap', 'mirror', 'reflect'];

/** See `mapCoordinates`. */
export interface MapCoordinatesOptions {
  /** 0 takes the nearest element, 1 interpolates linearly. */
  order: 0 | 1;
  fillMode?: MapFillMode;
  /** Default 0. */
  fillValue?: number;
}

/** Whole numbers along an axis of `size`, brought inside. Below 0, Keras's `reflect` mirrors as `mirror` does. */
function mapIndex(index: Tensor, size: number, mode: MapFillMode): Tensor {
  if (mode === 'constant' || mode === 'nearest' || size === 1) return clip(index, 0, size - 1);
  if (mode === 'wrap') return mod(index, size);
  if (mode === 'mirror') {
    const turn = mod(abs(index), 2 * size - 2);
    return where(less(turn, size), turn, subtract(2 * size - 2, turn));
  }
  const turn = mod(abs(index), 2 * size);
  return where(less(turn, size), turn, subtract(2 * size - 1, turn));
}

/**
 * The elements of `inputs` (any rank r) at `coordinates` [r,...]: the first axis holds one coordinate per axis of the inputs.
 * The result has the shape [...] and the dtype of the inputs. Throws `shape` and `argument`.
 */
export function mapCoordinates(inputs: TensorLike, coordinates: TensorLike, options: MapCoordinatesOptions): Tensor {
  const op = 'mapCoordinates';
  const { order, fillMode = 'constant', fillValue = 0 } = options;
  const [from, at] = [toTensor(inputs), toTensor(coordinates)];
  checkWord(op, 'fillMode', fillMode, MODES);
  if (order !== 0 && order !== 1) {
    throw new FoveaError({ code: 'argument', op, message: `order must be 0 or 1; got ${String(order)}.`, got: order });
  }
  if (at.rank < 2 || at.shape[0] !== from.rank) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `coordinates must be [${from.rank},...], one for each axis of inputs ${formatShape(from.shape)}; got ${formatShape(at.shape)}.`,
      got: at.shape,
      want: from.rank,
    });
  }
  const shape = at.shape.slice(1);
  const count = sizeOf(shape);
  const places = reshape(isFloat(at.dtype) ? at : cast(at, 'float32'), [from.rank, count]);
  const flat = reshape(from, [from.size]);
  const strides = stridesOf(from.shape);

  // Per axis what can be read: an index, its weight, and whether it lies inside.
  const choices = from.shape.map((size, axis) => {
    const along = reshape(slice(places, [axis, 0], [1, count]), [count]);
    const below = order === 0 ? round(along) : floor(along);
    const upper = subtract(along, below);
    const options: (readonly [Tensor, Tensor | undefined])[] =
      order === 0
        ? [[below, undefined]]
        : [
            [below, subtract(1, upper)],
            [add(below, 1), upper],
          ];
    return options.map(([place, weight]) => {
      const index = cast(place, 'int32');
      const isInside = logicalAnd(greaterEqual(index, 0), less(index, size));
      return { offset: multiply(mapIndex(index, size, fillMode), strides[axis] as number), weight, isInside };
    });
  });
  const corners = choices.reduce<readonly (typeof choices)[number][]>(
    (found, options) => found.flatMap((each) => options.map((one) => [...each, one])),
    [[]],
  );
  const terms = corners.map((corner) => {
    const offset = corner.map((each) => each.offset).reduce(add);
    const read = gather(flat, offset);
    const value = isFloat(read.dtype) ? read : cast(read, 'float32');
    const isInside = corner.map((each) => each.isInside).reduce(logicalAnd);
    const filled = fillMode === 'constant' ? where(isInside, value, toTensor(fillValue, value.dtype)) : value;
    const weights = corner.flatMap(({ weight }) => (weight === undefined ? [] : [cast(weight, value.dtype)]));
    return weights.length === 0 ? filled : multiply(weights.reduce(multiply), filled);
  });
  const total = reshape(terms.reduce(add), shape);
  return isFloat(from.dtype) ? total : cast(round(total), from.dtype);
}
