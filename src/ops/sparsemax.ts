// sparsemax (Martins and Astudillo, "From softmax to sparsemax"), a composition, with the threshold that Keras computes.
import { normalizeAxis } from '../core/shape.js';
import { unify } from '../graph/define.js';
import { type Tensor, type TensorLike, tensor } from '../graph/tensor.js';
import { cast, divide, maximum, subtract } from './arithmetic.js';
import { greater } from './compare.js';
import { matmul } from './matmul.js';
import { sum } from './reduce.js';
import { sort } from './select.js';
import { transpose } from './shape.js';
import type { SoftmaxOptions } from './softmax.js';
import { where } from './where.js';

/**
 * Like softmax, but small values become exactly 0 along the axis. As in Keras, where more than one value stays the threshold
 * adds their running sums, so that they sum to less than 1.
 */
export function sparsemax(x: TensorLike, { axis = -1 }: SoftmaxOptions = {}): Tensor {
  const [from] = unify([x], cast, 'float') as [Tensor];
  const at = normalizeAxis(axis, from.rank, 'sparsemax');
  const last = from.rank - 1;
  const order = from.shape.map((_, each) => (each === at ? last : each === last ? at : each));
  const rows = transpose(from, order);
  const size = rows.shape[last] ?? 1;
  const sorted = sort(rows, { axis: -1, direction: 'descending' });
  const sums = cast(matmul(sorted, triangle(size, from)), from.dtype);
  const numbers = cast(tensor(Float32Array.from({ length: size }, (_, i) => i + 1)), from.dtype);
  const isKept = greater(subtract(sorted, divide(subtract(sums, 1), numbers)), 0);
  const count = sum(cast(isKept, from.dtype), { axis: -1, keepDims: true });
  const kept = sum(where(isKept, sums, 0), { axis: -1, keepDims: true });
  const threshold = divide(subtract(kept, 1), count);
  return transpose(maximum(subtract(rows, threshold), 0), order);
}

/** The matrix whose product with a row is the row's running sums. */
function triangle(size: number, { dtype }: Tensor): Tensor {
  const ones = Float32Array.from({ length: size * size }, (_, i) => (Math.floor(i / size) <= i % size ? 1 : 0));
  return cast(tensor(ones, { shape: [size, size] }), dtype);
}
