// Softmax and its logarithm: a kernel along the last axis; other axes go through a transposed view.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { normalizeAxis, type Shape } from '../core/shape.js';
import { defineOp, type Op, toTensor, unify } from '../graph/define.js';
import type { GradientRequest, ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast, multiply, subtract } from './arithmetic.js';
import { sum } from './reduce.js';
import { transpose } from './shape.js';
import { exp } from './unary.js';

type None = Record<string, never>;

interface SoftmaxRule {
  readonly name: 'softmax' | 'logSoftmax';
  readonly summary: string;
  /** One element, from it, the row's maximum and the sum of exp(x - maximum). */
  element(x: number, top: number, total: number): number;
  gradient(y: Tensor, dy: Tensor): Tensor;
}

function defineSoftmax({ name, summary, element, gradient }: SoftmaxRule): Op<None> {
  return defineOp<None>({
    name,
    summary,
    shape(inputs) {
      const [{ shape, dtype }] = inputs as readonly [TensorType];
      normalizeAxis(-1, shape.length, name);
      if (!isFloat(dtype)) {
        throw new FoveaError({
          code: 'dtype',
          op: name,
          message: `is not defined for ${dtype}; it takes floats.`,
          got: dtype,
          hint: 'Cast the input with fovea.cast.',
        });
      }
      return [{ shape, dtype }];
    },
    gradient: ({ outputs: [y], dy }: GradientRequest<None>) => [gradient(y as Tensor, dy)],
    reference([input]) {
      const x = input as ReferenceArray;
      const columns = x.shape.at(-1) as number;
      const y = new Float64Array(x.data.length);
      for (let row = 0; row < x.data.length; row += columns) {
        const values = x.data.subarray(row, row + columns);
        const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
        const total = values.reduce((all, value) => all + Math.exp(value - top), 0);
        values.forEach((value, i) => {
          y[row + i] = element(value, top, total);
        });
      }
      return [y];
    },
    reduces: ([x]) => (x as TensorType).shape.at(-1) as number,
    flops: ([x]) => 5 * rowsOf(x as TensorType) * ((x as TensorType).shape.at(-1) as number),
    kernels({ inputs: [x] }) {
      const type = x as TensorType;
      return [
        {
          kernel: 'softmax',
          operands: [
            { kind: 'input', index: 0 },
            { kind: 'output', index: 0 },
          ],
          parameters: [rowsOf(type), type.shape.at(-1) as number, Number(name === 'logSoftmax')],
        },
      ];
    },
    cases: () => [
      ...[1, 2, 7, 8, 9, 10, 16, 17, 33].map((columns) => ({
        name: `${columns} columns`,
        inputs: [{ shape: [3, columns], low: -3, high: 3 }],
        params: {},
      })),
      { name: 'vector', inputs: [{ shape: [5], low: -3, high: 3 }], params: {} },
      { name: 'many rows', inputs: [{ shape: [67, 10], low: -3, high: 3 }], params: {} },
      { name: 'wide', inputs: [{ shape: [2, 1031], low: -3, high: 3 }], params: {} },
      { name: 'rank 4', inputs: [{ shape: [2, 3, 2, 5], low: -3, high: 3 }], params: {} },
      { name: 'large values', inputs: [{ shape: [2, 9], low: 1000, high: 1010 }], params: {} },
      // Most of the row underflows beside the one that wins.
      { name: 'far apart', inputs: [{ shape: [1, 4], values: [-200, 0, 90, -90] }], params: {}, gradient: false },
      { name: 'equal', inputs: [{ shape: [2, 4], values: [3, 3, 3, 3, -7, -7, -7, -7] }], params: {} },
    ],
  });
}

function rowsOf({ shape }: TensorType): number {
  return shape.slice(0, -1).reduce((rows, dim) => rows * dim, 1);
}

const lastSum = (x: Tensor): Tensor => sum(x, { axis: -1, keepDims: true });

const softmaxOp = defineSoftmax({
  name: 'softmax',
  summary: 'exp(x) / sum(exp(x)) along the last axis',
  element: (x, top, total) => Math.exp(x - top) / total,
  gradient(y, dy) {
    const weighted = multiply(dy, y);
    return subtract(weighted, multiply(y, lastSum(weighted)));
  },
});

const logSoftmaxOp = defineSoftmax({
  name: 'logSoftmax',
  summary: 'x - log(sum(exp(x))) along the last axis',
  element: (x, top, total) => x - top - Math.log(total),
  gradient: (y, dy) => subtract(dy, multiply(exp(y), lastSum(dy))),
});

/** Which axis sums to one; default the last. */
export interface SoftmaxOptions {
  axis?: number;
}

/** exp(x) / sum(exp(x)) along an axis, without overflow; integers become float32. */
export function softmax(x: TensorLike, options: SoftmaxOptions = {}): Tensor {
  return alongLast(softmaxOp, x, options);
}

/** The logarithm of the softmax along an axis, without overflow or underflow. */
export function logSoftmax(x: TensorLike, options: SoftmaxOptions = {}): Tensor {
  return alongLast(logSoftmaxOp, x, options);
}

function alongLast(op: Op<None>, x: TensorLike, { axis = -1 }: SoftmaxOptions): Tensor {
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  const at = normalizeAxis(axis, from.rank, op.name);
  if (at === from.rank - 1) return op.one([from], {});
  const order = swapWithLast(from.shape, at);
  return transpose(op.one([transpose(from, order)], {}), order);
}

/** The order that swaps an axis with the last one: its own inverse. */
function swapWithLast(shape: Shape, axis: number): number[] {
  const last = shape.length - 1;
  return shape.map((_, each) => (each === axis ? last : each === last ? axis : each));
}

export const softmaxOps = [softmaxOp, logSoftmaxOp] as const;
