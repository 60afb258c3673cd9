// Equalising by neighbourhood: each tile of a picture has a table of its own, its steps bounded, and every pixel is read
// from the four nearest tables.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { add, cast, clip, divide, minimum, multiply, subtract } from '../ops/arithmetic.js';
import { equal } from '../ops/compare.js';
import { ones, range } from '../ops/create.js';
import { gather, scatterAdd } from '../ops/gather.js';
import { matmul } from '../ops/matmul.js';
import { min, sum } from '../ops/reduce.js';
import { reshape, slice } from '../ops/shape.js';
import { where } from '../ops/where.js';
import { checkWhole, type Pair, pairOf } from '../ops/window.js';
import { bordered } from './filters.js';
import type { ValueRange } from './histogram.js';
import { type Batch, onBatch, type PictureOptions, toFloat } from './pictures.js';

const LEVELS = 256;

/** See `contrastLimitedEqualize`. */
export interface ContrastLimitOptions extends PictureOptions {
  /** Default [0, 255]. */
  valueRange?: ValueRange;
  /** How many times the average a level of a tile may count, so that flat parts stay calm; 0 for no limit. Default 4. */
  clipLimit?: number;
  /** Tiles down and across; default [8, 8]. */
  tileGridSize?: number | Pair;
}

/** Which two tiles along an axis a pixel is read from, and the weight of the second. */
function neighbours(
  size: number,
  tile: number,
  tiles: number,
): { first: number[]; second: number[]; weight: number[] } {
  const places = Array.from({ length: size }, (_, i) => (i - tile / 2) / tile + 1);
  // The tables at the border stand for those beyond it.
  const tileAt = (place: number): number => Math.min(Math.max(place - 1, 0), tiles - 1);
  return {
    first: places.map((at) => tileAt(Math.floor(at))),
    second: places.map((at) => tileAt(Math.floor(at) + 1)),
    weight: places.map((at) => at - Math.floor(at)),
  };
}

/** @internal Floats from 0 to 255, equalised by tiles. */
export function equalizeTiles({ pictures, n, height, width, channels }: Batch, clipLimit: number, grid: Pair): Tensor {
  const [down, across] = grid;
  const [tileHeight, tileWidth] = [Math.ceil(height / down), Math.ceil(width / across)];
  const [rows, columns] = [tileHeight * down, tileWidth * across];
  const wide =
    rows === height && columns === width
      ? pictures
      : bordered(pictures, [0, rows - height], [0, columns - width], 'reflect');
  const level = cast(clip(wide, 0, LEVELS - 1), 'int32');
  const tables = n * down * across * channels;
  // Tables lie as [n, down, across, channels].
  const picture = reshape(multiply(range(n), down * across * channels), [n, 1, 1, 1]);
  const channel = reshape(range(channels), [1, 1, 1, channels]);
  const offset = (tileRow: readonly number[], tileColumn: readonly number[]): Tensor => {
    const row = tensor(
      Int32Array.from(tileRow, (each) => each * across * channels),
      { shape: [1, rows, 1, 1] },
    );
    const column = tensor(
      Int32Array.from(tileColumn, (each) => each * channels),
      { shape: [1, 1, columns, 1] },
    );
    return multiply(add(add(picture, row), add(column, channel)), LEVELS);
  };
  const own = offset(
    Array.from({ length: rows }, (_, i) => Math.floor(i / tileHeight)),
    Array.from({ length: columns }, (_, i) => Math.floor(i / tileWidth)),
  );
  const size = n * rows * columns * channels;
  const counted = scatterAdd(ones([size]), reshape(add(level, own), [size]), tables * LEVELS);
  const counts = reshape(counted, [tables, LEVELS]);
  const limit = (clipLimit * tileHeight * tileWidth) / LEVELS;
  const clipped = clipLimit > 0 ? minimum(counts, limit) : counts;
  const excess = sum(subtract(counts, clipped), { axis: 1, keepDims: true });
  const even = add(clipped, multiply(excess, 1 / LEVELS));
  const upTo = Float32Array.from({ length: LEVELS * LEVELS }, (_, i) => (Math.floor(i / LEVELS) <= i % LEVELS ? 1 : 0));
  const below = matmul(even, tensor(upTo, { shape: [LEVELS, LEVELS] }));
  const least = min(below, { axis: 1, keepDims: true });
  const span = subtract(tileHeight * tileWidth, least);
  const spread = divide(multiply(subtract(below, least), LEVELS - 1), where(equal(span, 0), 1, span));
  const table = reshape(clip(spread, 0, LEVELS - 1), [tables * LEVELS]);

  const vertical = neighbours(rows, tileHeight, down);
  const horizontal = neighbours(columns, tileWidth, across);
  const read = (tileRow: readonly number[], tileColumn: readonly number[]): Tensor =>
    gather(table, add(level, offset(tileRow, tileColumn)));
  const toRight = tensor(Float32Array.from(horizontal.weight), { shape: [1, 1, columns, 1] });
  const toBottom = tensor(Float32Array.from(vertical.weight), { shape: [1, rows, 1, 1] });
  const mix = (a: Tensor, b: Tensor, weight: Tensor): Tensor =>
    add(multiply(a, subtract(1, weight)), multiply(b, weight));
  const above = mix(read(vertical.first, horizontal.first), read(vertical.first, horizontal.second), toRight);
  const under = mix(read(vertical.second, horizontal.first), read(vertical.second, horizontal.second), toRight);
  return slice(cast(mix(above, under, toBottom), pictures.dtype), [0, 0, 0, 0], [n, height, width, channels]);
}

/**
 * Pictures equalised by neighbourhood (CLAHE), equal to Keras's layer: each of the tiles has a table, mixed with its neighbours'
 * from pixel to pixel. Throws `argument`.
 */
export function contrastLimitedEqualize(images: TensorLike, options: ContrastLimitOptions = {}): Tensor {
  const op = 'contrastLimitedEqualize';
  const { valueRange: [low, high] = [0, 255], clipLimit = 4 } = options;
  const grid = pairOf(options.tileGridSize ?? 8);
  checkWhole(op, 'tileGridSize', grid, 1);
  if (!(Number.isFinite(clipLimit) && clipLimit >= 0 && low < high)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `clipLimit must be at least 0 and valueRange must rise; got ${clipLimit} and [${low}, ${high}].`,
      got: { clipLimit, valueRange: [low, high] },
    });
  }
  return onBatch(op, images, options, (batch) => {
    const from = toFloat(batch.pictures);
    const isBytes = low === 0 && high === 255;
    const bytes = isBytes ? from : multiply(divide(subtract(from, low), high - low), 255);
    const result = equalizeTiles({ ...batch, pictures: bytes }, clipLimit, grid);
    const back = isBytes ? result : add(multiply(divide(result, 255), high - low), low);
    return isFloat(batch.pictures.dtype) ? back : cast(back, batch.pictures.dtype);
  });
}
