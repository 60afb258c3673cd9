// Softmax and its logarithm: a kernel along the last axis; other axes go through a transposed view.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { normalizeAxis, type Shape, sizeOf } from '../core/shape.js';
import { defineOp, type Op, toTensor, unify } from '../graph/define.js';
import type { GradientRequest, ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast, multiply, negative, subtract } from './arithmetic.js';
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
      { name: 'long', inputs: [{ shape: [3, 257], low: -3, high: 3 }], params: {} },
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

interface GradientRuleOfSoftmax {
  readonly name: 'softmaxGradient' | 'logSoftmaxGradient';
  readonly summary: string;
  /** A term of the row's total, and one element from it. */
  term(y: number, dy: number): number;
  element(y: number, dy: number, total: number): number;
  /** Of its result with respect to y and dy, where `g` flows in. */
  gradient(y: Tensor, dy: Tensor, g: Tensor): [Tensor, Tensor];
}

/** The gradient in one kernel: as pointwise ops and a sum it would read everything twice. */
function defineSoftmaxGradient({ name, summary, term, element, gradient }: GradientRuleOfSoftmax): Op<None> {
  return defineOp<None>({
    name,
    summary,
    shape([y]) {
      const { shape, dtype } = y as TensorType;
      return [{ shape, dtype }];
    },
    gradient: ({ inputs: [y, dy], dy: g }: GradientRequest<None>) => gradient(y as Tensor, dy as Tensor, g),
    reference(inputs) {
      const [y, dy] = inputs as readonly [ReferenceArray, ReferenceArray];
      const columns = y.shape.at(-1) as number;
      const dx = new Float64Array(y.data.length);
      for (let row = 0; row < dx.length; row += columns) {
        let total = 0;
        for (let i = row; i < row + columns; i++) total += term(y.data[i] as number, dy.data[i] as number);
        for (let i = row; i < row + columns; i++) dx[i] = element(y.data[i] as number, dy.data[i] as number, total);
      }
      return [dx];
    },
    reduces: ([y]) => (y as TensorType).shape.at(-1) as number,
    flops: ([y]) => 4 * sizeOf((y as TensorType).shape),
    kernels({ inputs: [y] }) {
      const type = y as TensorType;
      return [
        {
          kernel: 'softmaxGradient',
          operands: [
            { kind: 'input', index: 0 },
            { kind: 'input', index: 1 },
            { kind: 'output', index: 0 },
          ],
          parameters: [rowsOf(type), type.shape.at(-1) as number, Number(name === 'logSoftmaxGradient')],
        },
      ];
    },
    cases: () =>
      [...[1, 4, 7, 8, 10, 16, 17, 33, 257, 1031].map((columns) => [3, columns]), [67, 10], [5], [2, 3, 2, 5]].map(
        (shape) => ({ name: `[${shape}]`, inputs: [{ shape }, { shape }], params: {} }),
      ),
  });
}

const softmaxGradientOp = defineSoftmaxGradient({
  name: 'softmaxGradient',
  summary: 'the gradient of softmax, from its result y: y * (dy - sum(y * dy))',
  term: (y, dy) => y * dy,
  element: (y, dy, total) => y * (dy - total),
  gradient: (y, dy, g) => [
    subtract(multiply(g, subtract(dy, lastSum(multiply(y, dy)))), multiply(dy, lastSum(multiply(g, y)))),
    softmaxGradientOp.one([y, g], {}),
  ],
});

const logSoftmaxGradientOp = defineSoftmaxGradient({
  name: 'logSoftmaxGradient',
  summary: 'the gradient of logSoftmax, from its result y: dy - exp(y) * sum(dy)',
  term: (_y, dy) => dy,
  element: (y, dy, total) => dy - Math.exp(y) * total,
  gradient: (y, dy, g) => {
    const weighted = multiply(g, exp(y));
    return [negative(multiply(weighted, lastSum(dy))), subtract(g, lastSum(weighted))];
  },
});

const softmaxOp = defineSoftmax({
  name: 'softmax',
  summary: 'exp(x) / sum(exp(x)) along the last axis',
  element: (x, top, total) => Math.exp(x - top) / total,
  gradient: (y, dy) => softmaxGradientOp.one([y, dy], {}),
});

const logSoftmaxOp = defineSoftmax({
  name: 'logSoftmax',
  summary: 'x - log(sum(exp(x))) along the last axis',
  element: (x, top, total) => x - top - Math.log(total),
  gradient: (y, dy) => logSoftmaxGradientOp.one([y, dy], {}),
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

export const softmaxOps = [softmaxOp, logSoftmaxOp, softmaxGradientOp, logSoftmaxGradientOp] as const;
