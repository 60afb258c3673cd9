// Accuracies: per example 1 where the prediction is right. `accuracy` is the kind that fits labels and predictions.
import type { Tensor } from '../../graph/tensor.js';
import { cast } from '../../ops/arithmetic.js';
import { equal, greater, less, logicalAnd } from '../../ops/compare.js';
import { any, argMax, mean, sum } from '../../ops/reduce.js';
import { expandDims, slice } from '../../ops/shape.js';
import { isFinite as isNumber } from '../../ops/unary.js';
import { pickClass } from '../losses/crossentropy.js';
import { alignClasses, alignLabels, type Loss } from '../losses/loss.js';

const toNumbers = (isRight: Tensor): Tensor => cast(isRight, 'float32');

/** Where labels and predictions are the same number. */
export function exactAccuracy(yTrue: Tensor, yPred: Tensor): Tensor {
  return toNumbers(equal(alignLabels('accuracy', yTrue, yPred), cast(yPred, 'float32')));
}

/** The share of an example's outputs that lie on the right side of the threshold. */
export function binaryAccuracy(yTrue: Tensor, yPred: Tensor, threshold: number): Tensor {
  const labels = alignLabels('binaryAccuracy', yTrue, yPred);
  const isRight = toNumbers(equal(labels, toNumbers(greater(yPred, threshold))));
  return isRight.rank === 0 ? isRight : mean(isRight, { axis: -1 });
}

export function categoricalAccuracy(yTrue: Tensor, yPred: Tensor): Tensor {
  return toNumbers(equal(argMax(alignLabels('categoricalAccuracy', yTrue, yPred)), argMax(yPred)));
}

export function sparseCategoricalAccuracy(yTrue: Tensor, yPred: Tensor): Tensor {
  return toNumbers(equal(alignClasses('sparseCategoricalAccuracy', yTrue, yPred), argMax(yPred)));
}

/** Whether fewer than k classes score higher than the true one. */
export function sparseTopKAccuracy(yTrue: Tensor, yPred: Tensor, k: number): Tensor {
  const score = pickClass(yPred, alignClasses('sparseTopKCategoricalAccuracy', yTrue, yPred));
  const above = sum(cast(greater(yPred, expandDims(score, -1)), 'int32'), { axis: -1 });
  return toNumbers(logicalAnd(less(above, k), isNumber(score)));
}

/** Whether the true class is among the first k of classes that are sorted, the best first. */
export function sortedTopKAccuracy(yTrue: Tensor, yPred: Tensor, k: number): Tensor {
  const size = yPred.shape.map((dim, axis) => (axis === yPred.rank - 1 ? Math.min(k, dim) : dim));
  const first = slice(
    yPred,
    yPred.shape.map(() => 0),
    size,
  );
  const labels = alignClasses('sparseTopKCategoricalAccuracy', yTrue, yPred);
  return toNumbers(any(equal(expandDims(labels, -1), cast(first, 'int32')), { axis: -1 }));
}

export function topKAccuracy(yTrue: Tensor, yPred: Tensor, k: number): Tensor {
  return sparseTopKAccuracy(argMax(alignLabels('topKCategoricalAccuracy', yTrue, yPred)), yPred, k);
}

/** Which accuracy `accuracy` means, by Keras's rule. */
export type AccuracyKind = 'binary' | 'sparse' | 'categorical';

export function accuracyKind(yTrue: Tensor, yPred: Tensor, loss?: Loss): AccuracyKind {
  const classes = yPred.shape.at(-1) ?? 1;
  if (loss?.labels === 'classes') return 'sparse';
  if (classes === 1 || yPred.rank < 2) return 'binary';
  return yTrue.rank < yPred.rank || yTrue.shape.at(-1) === 1 ? 'sparse' : 'categorical';
}
