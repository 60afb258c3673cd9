// Pooling to a given size: output cell i of `out` covers the cells from floor(i*size/out) up to ceil((i+1)*size/out).
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { toTensor, unify } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { gather } from './gather.js';
import { matmul } from './matmul.js';
import { max } from './reduce.js';
import { reshape, transpose } from './shape.js';
import { checkWhole, type DataFormat } from './window.js';

/** What an adaptive pool takes. */
export interface AdaptivePoolOptions {
  dataFormat?: DataFormat;
}

interface Cells {
  readonly first: number;
  readonly last: number;
}

function cellsOf(size: number, out: number): Cells[] {
  return Array.from({ length: out }, (_, i) => ({
    first: Math.floor((i * size) / out),
    last: Math.ceil(((i + 1) * size) / out) - 1,
  }));
}

function averageAlong(x: Tensor, axis: number, out: number): Tensor {
  const size = x.shape[axis] as number;
  const weights = new Float32Array(out * size);
  cellsOf(size, out).forEach(({ first, last }, i) => {
    weights.fill(1 / (last - first + 1), i * size + first, i * size + last + 1);
  });
  const before = x.shape.slice(0, axis);
  const rest = x.shape.slice(axis + 1);
  const count = before.reduce((product, dim) => product * dim, 1);
  const inner = rest.reduce((product, dim) => product * dim, 1);
  const matrix = cast(tensor(weights, { shape: [out, size] }), x.dtype);
  return reshape(matmul(matrix, reshape(x, [count, size, inner])), [...before, out, ...rest]);
}

function maxAlong(x: Tensor, axis: number, out: number): Tensor {
  const cells = cellsOf(x.shape[axis] as number, out);
  const widest = Math.max(...cells.map(({ first, last }) => last - first + 1));
  // A narrow cell reads its last place again.
  const indices = cells.flatMap(({ first, last }) =>
    Array.from({ length: widest }, (_, i) => Math.min(first + i, last)),
  );
  const places = tensor(Int32Array.from(indices), { shape: [out, widest] });
  return max(gather(x, places, axis), { axis: axis + 1 });
}

function adaptivePool(
  op: string,
  along: (x: Tensor, axis: number, out: number) => Tensor,
  x: TensorLike,
  outputSize: number | readonly number[],
  { dataFormat }: AdaptivePoolOptions,
): Tensor {
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  const rank = from.rank - 2;
  const sizes = typeof outputSize === 'number' ? Array<number>(Math.max(rank, 0)).fill(outputSize) : outputSize;
  checkWhole(op, 'outputSize', sizes, 1);
  if (rank < 1 || sizes.length !== rank) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `outputSize has ${sizes.length} sizes but x is ${formatShape(from.shape)}.`,
      got: from.shape,
      hint: 'Give one size for each axis between the batch and the channels.',
    });
  }
  const isFirst = dataFormat === 'channelsFirst';
  const inner = sizes.map((_, i) => i + 1);
  let y = isFirst ? transpose(from, [0, ...inner.map((axis) => axis + 1), 1]) : from;
  sizes.forEach((size, i) => {
    y = along(y, i + 1, size);
  });
  return isFirst ? transpose(y, [0, rank + 1, ...inner]) : y;
}

/** The mean of every cell of a grid of `outputSize` cells over x [n,...,c], whatever the size of x. */
export function adaptiveAveragePool(
  x: TensorLike,
  outputSize: number | readonly number[],
  options: AdaptivePoolOptions = {},
): Tensor {
  return adaptivePool('adaptiveAveragePool', averageAlong, x, outputSize, options);
}

/** The largest value of every cell of a grid of `outputSize` cells over x [n,...,c], whatever the size of x. */
export function adaptiveMaxPool(
  x: TensorLike,
  outputSize: number | readonly number[],
  options: AdaptivePoolOptions = {},
): Tensor {
  return adaptivePool('adaptiveMaxPool', maxAlong, x, outputSize, options);
}
