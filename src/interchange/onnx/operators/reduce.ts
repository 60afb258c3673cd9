// Reductions over axes, positions of extremes, running sums and the largest few.

import { sizeOf } from '../../../core/shape.js';
import type { Tensor } from '../../../graph/tensor.js';
import { add, cast, divide, negative, subtract } from '../../../ops/arithmetic.js';
import { equal, less, lessEqual } from '../../../ops/compare.js';
import { range } from '../../../ops/create.js';
import { matmul } from '../../../ops/matmul.js';
import { argMax, argMin, logSumExp, max, mean, min, prod, sum } from '../../../ops/reduce.js';
import { topK } from '../../../ops/select.js';
import { flip, reshape, transpose } from '../../../ops/shape.js';
import { logSoftmax, softmax } from '../../../ops/softmax.js';
import { abs, log, sqrt, square } from '../../../ops/unary.js';
import { where } from '../../../ops/where.js';
import type { TensorCall, TensorOperator, TensorOperators } from '../calls.js';
import { isFloatDtype, tensorValue } from '../values.js';

type Reduction = (x: Tensor, options: { axis: number[]; keepDims: boolean }) => Tensor;

const reduction =
  (compute: Reduction): TensorOperator =>
  (call) => {
    const x = call.tensor();
    if (x.size === 0 || x.dtype === 'bool') return undefined;
    const listed = call.axes('axes', 1);
    const isEmpty = listed === undefined || listed.length === 0;
    if (isEmpty && call.flag('noop_with_empty_axes')) return compute(x, { axis: [], keepDims: true });
    const axis = isEmpty ? x.shape.map((_, i) => i) : [...listed];
    return compute(x, { axis, keepDims: call.flag('keepdims', true) });
  };

const position =
  (compute: typeof argMax): TensorOperator =>
  (call) => {
    const x = call.tensor();
    if (!isFloatDtype(call.dtype())) return undefined;
    const axis = call.axis(call.int('axis', 0));
    const keepDims = call.flag('keepdims', true);
    if (!call.flag('select_last_index')) return tensorValue('int64', compute(x, { axis, keepDims }));
    const last = subtract((x.shape[axis] as number) - 1, compute(flip(x, axis), { axis, keepDims }));
    return tensorValue('int64', cast(last, 'int32'));
  };

/** Before operator set 13 the axes from `axis` on are one. */
const alongAxis =
  (compute: typeof softmax): TensorOperator =>
  (call) => {
    const x = call.tensor();
    if (call.opset >= 13) return compute(x, { axis: call.axis(call.int('axis', -1)) });
    const axis = call.axis(call.int('axis', 1));
    const flat = reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
    return reshape(compute(flat, { axis: 1 }), x.shape);
  };

/** Running sums as a product with a triangle of ones. */
function cumulative(call: TensorCall): Tensor | undefined {
  const x = call.tensor();
  if (!isFloatDtype(call.dtype())) return undefined;
  const axis = call.axis(call.number(1));
  const last = x.rank - 1;
  const order = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const rows = transpose(x, order);
  const count = x.shape[axis] as number;
  const [from, to] = [reshape(range(count), [count, 1]), reshape(range(count), [1, count])];
  const [first, second] = call.flag('reverse') ? [to, from] : [from, to];
  const triangle = cast(call.flag('exclusive') ? less(first, second) : lessEqual(first, second), 'float32');
  return transpose(matmul(x.rank === 1 ? reshape(rows, [1, count]) : rows, triangle), x.rank === 1 ? [0, 1] : order);
}

function largest(call: TensorCall): readonly ReturnType<typeof tensorValue>[] | undefined {
  const x = call.tensor();
  if (!isFloatDtype(call.dtype())) return undefined;
  const axis = call.axis(call.int('axis', -1));
  const k = call.opset < 10 ? call.int('k') : call.number(1);
  const last = x.rank - 1;
  const order = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const rows = transpose(x, order);
  const isLargest = call.flag('largest', true);
  const { values, indices } = topK(isLargest ? rows : negative(rows), k);
  return [
    tensorValue(call.dtype(), transpose(isLargest ? values : negative(values), order)),
    tensorValue('int64', transpose(indices, order)),
  ];
}

export const reductions: TensorOperators = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction(mean),
  ReduceProd: reduction(prod),
  ReduceMax: reduction(max),
  ReduceMin: reduction(min),
  ReduceL1: reduction((x, options) => sum(abs(x), options)),
  ReduceL2: reduction((x, options) => sqrt(sum(square(x), options))),
  ReduceSumSquare: reduction((x, options) => sum(square(x), options)),
  ReduceLogSum: reduction((x, options) => log(sum(x, options))),
  ReduceLogSumExp: reduction((x, options) => logSumExp(x, options)),
  ArgMax: position(argMax),
  ArgMin: position(argMin),
  Softmax: alongAxis(softmax),
  LogSoftmax: alongAxis(logSoftmax),
  CumSum(call) {
    const y = cumulative(call);
    return y === undefined ? undefined : reshape(y, call.shape());
  },
  TopK: largest,
  LpNormalization(call) {
    const x = call.tensor();
    const options = { axis: [call.axis(call.int('axis', -1))], keepDims: true };
    const length = call.int('p', 2) === 1 ? sum(abs(x), options) : sqrt(sum(square(x), options));
    // What has no length stays.
    return divide(x, where(equal(length, 0), 1, length));
  },
  MeanVarianceNormalization(call) {
    const x = call.tensor();
    const options = { axis: [...(call.axes('axes', -1) ?? [0, 2, 3])], keepDims: true };
    const centred = subtract(x, mean(x, options));
    return divide(centred, add(sqrt(mean(square(centred), options)), 1e-9));
  },
};
