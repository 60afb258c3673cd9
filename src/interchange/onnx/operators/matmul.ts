// Products of matrices.
import { FoveaError } from '../../../core/errors.js';
import type { Tensor } from '../../../graph/tensor.js';
import { add, multiply } from '../../../ops/arithmetic.js';
import { einsum } from '../../../ops/einsum.js';
import { matmul } from '../../../ops/matmul.js';
import { reshape, transpose } from '../../../ops/shape.js';
import type { TensorOperators } from '../calls.js';

/** The product as NumPy defines it: vectors are rows on the left and columns on the right. */
export function product(a: Tensor, b: Tensor): Tensor {
  if (a.rank >= 2 && b.rank >= 2) return matmul(a, b);
  const left = a.rank === 1 ? reshape(a, [1, a.size]) : a;
  const right = b.rank === 1 ? reshape(b, [b.size, 1]) : b;
  const y = matmul(left, right);
  const shape = [...y.shape];
  if (b.rank === 1) shape.pop();
  if (a.rank === 1) shape.splice(b.rank === 1 ? -1 : -2, 1);
  return reshape(y, a.rank === 1 && b.rank === 1 ? [] : shape);
}

export const products: TensorOperators = {
  MatMul: (call) => product(call.tensor(0), call.tensor(1)),
  Gemm(call) {
    const [a, b] = [call.tensor(0), call.tensor(1)];
    if (a.rank !== 2 || b.rank !== 2) {
      throw new FoveaError({
        code: 'shape',
        op: 'Gemm',
        message: `needs two matrices; got [${a.shape.join(',')}] and [${b.shape.join(',')}].`,
        got: [a.shape, b.shape],
      });
    }
    const left = call.flag('transA') ? transpose(a) : a;
    const right = call.flag('transB') ? transpose(b) : b;
    const alpha = call.float('alpha', 1);
    const y = matmul(left, right);
    const scaled = alpha === 1 ? y : multiply(y, alpha);
    const c = call.optional(2);
    if (c === undefined) return scaled;
    const beta = call.float('beta', 1);
    return add(scaled, beta === 1 ? c : multiply(c, beta));
  },
  Einsum: (call) => einsum(call.text('equation').replaceAll(' ', ''), ...call.inputs.map((_, i) => call.tensor(i))),
};
