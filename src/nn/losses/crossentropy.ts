// Cross-entropies. Where predictions come straight from a softmax or sigmoid the loss is computed from what went
// into it, as Keras does inside fit: no probability is then rounded to 0. Other probabilities are kept 1e-7 from 0 and 1.
import { scalar, type Tensor } from '../../graph/tensor.js';
import { add, clip, divide, multiply, negative, power, subtract } from '../../ops/arithmetic.js';
import { equal, notEqual } from '../../ops/compare.js';
import { range } from '../../ops/create.js';
import { mean, sum } from '../../ops/reduce.js';
import { expandDims } from '../../ops/shape.js';
import { logSoftmax, softmax } from '../../ops/softmax.js';
import { log, sigmoid, softplus } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { alignClasses, alignLabels, classesLast, EPSILON, logitsBehind } from './loss.js';

// As float32 has it: one step below 1 - 1e-7, so that the largest loss is that of Keras in float32.
const UPPER = Math.fround(1 - EPSILON);

const last = { axis: -1 } as const;

function clipProbabilities(p: Tensor): Tensor {
  return clip(p, EPSILON, UPPER);
}

/** The value in `x` that each class number picks along the last axis. */
export function pickClass(x: Tensor, classes: Tensor): Tensor {
  const isHot = equal(expandDims(classes, -1), range(x.shape.at(-1) as number));
  // Chosen, not multiplied: 0 * -infinity must not become NaN.
  return sum(where(isHot, x, 0), last);
}

/** -log of the probability given to the true class. */
export function sparseCategorical(
  givenTrue: Tensor,
  givenPred: Tensor,
  { fromLogits, ignoreClass, axis }: { fromLogits: boolean; ignoreClass: number | null; axis: number },
): Tensor {
  const [yTrue, yPred] = classesLast('sparseCategoricalCrossentropy', givenTrue, givenPred, axis);
  const labels = alignClasses('sparseCategoricalCrossentropy', yTrue, yPred);
  const classes = ignoreClass === null ? labels : where(equal(labels, ignoreClass), 0, labels);
  const logits = fromLogits ? yPred : logitsBehind(yPred, 'softmax');
  let values: Tensor;
  if (logits !== undefined) {
    values = negative(pickClass(logSoftmax(logits), classes));
  } else {
    const clipped = clipProbabilities(yPred);
    values = subtract(log(sum(clipped, last)), log(pickClass(clipped, classes)));
  }
  return ignoreClass === null ? values : where(equal(labels, ignoreClass), 0, values);
}

/** Which samples are not of the class to ignore. */
export function isCounted(yTrue: Tensor, yPred: Tensor, ignoreClass: number, axis: number): Tensor {
  const op = 'sparseCategoricalCrossentropy';
  return notEqual(alignClasses(op, ...classesLast(op, yTrue, yPred, axis)), ignoreClass);
}

/** The labels moved towards equal probabilities; Keras takes the last axis for the number of classes, whatever the axis is. */
function smoothed(labels: Tensor, smoothing: number, classes: number): Tensor {
  return smoothing === 0 ? labels : add(multiply(labels, 1 - smoothing), smoothing / classes);
}

/** -sum(y * log p) along the axis of the classes. */
export function categorical(
  givenTrue: Tensor,
  givenPred: Tensor,
  { fromLogits, labelSmoothing, axis }: { fromLogits: boolean; labelSmoothing: number; axis: number },
): Tensor {
  const [yTrue, yPred] = classesLast('categoricalCrossentropy', givenTrue, givenPred, axis);
  const labels = smoothed(
    alignLabels('categoricalCrossentropy', yTrue, yPred),
    labelSmoothing,
    givenPred.shape.at(-1) as number,
  );
  const logits = fromLogits ? yPred : logitsBehind(yPred, 'softmax');
  const logarithms = logits === undefined ? log(normalized(yPred)) : logSoftmax(logits);
  return negative(sum(multiply(labels, logarithms), last));
}

function normalized(yPred: Tensor): Tensor {
  return clipProbabilities(divide(yPred, sum(yPred, { axis: -1, keepDims: true })));
}

export function binary(
  yTrue: Tensor,
  yPred: Tensor,
  { fromLogits, labelSmoothing, axis }: { fromLogits: boolean; labelSmoothing: number; axis: number },
): Tensor {
  const labels = smoothed(alignLabels('binaryCrossentropy', yTrue, yPred), labelSmoothing, 2);
  const logits = fromLogits ? yPred : logitsBehind(yPred, 'sigmoid');
  if (logits !== undefined) return mean(subtract(softplus(logits), multiply(labels, logits)), { axis });
  return mean(binaryElements(labels, yPred), { axis });
}

function binaryElements(labels: Tensor, yPred: Tensor): Tensor {
  const p = clipProbabilities(yPred);
  const positive = multiply(labels, log(p));
  return negative(add(positive, multiply(subtract(1, labels), log(subtract(1, p)))));
}

/** What focal losses take. */
export interface FocalSettings {
  readonly fromLogits: boolean;
  readonly labelSmoothing: number;
  readonly alpha: number;
  readonly gamma: number;
  /** Of the classes; for the binary loss the one that is averaged. */
  readonly axis: number;
}

/** Binary cross-entropy times (1 - p)^gamma, p the probability given to the truth (Lin et al. 2017). */
export function binaryFocal(
  yTrue: Tensor,
  yPred: Tensor,
  settings: FocalSettings & { applyClassBalancing: boolean },
): Tensor {
  const { fromLogits, labelSmoothing, alpha, gamma, applyClassBalancing, axis } = settings;
  const labels = smoothed(alignLabels('binaryFocalCrossentropy', yTrue, yPred), labelSmoothing, 2);
  const p = fromLogits ? sigmoid(yPred) : yPred;
  const truth = add(multiply(labels, p), multiply(subtract(1, labels), subtract(1, p)));
  let values = multiply(power(subtract(1, truth), scalar(gamma)), binaryElements(labels, p));
  if (applyClassBalancing) {
    values = multiply(values, add(multiply(labels, alpha), multiply(subtract(1, labels), 1 - alpha)));
  }
  return mean(values, { axis });
}

/** Categorical cross-entropy times alpha (1 - p)^gamma, class by class. */
export function categoricalFocal(
  givenTrue: Tensor,
  givenPred: Tensor,
  { fromLogits, labelSmoothing, alpha, gamma, axis }: FocalSettings,
): Tensor {
  const [yTrue, yPred] = classesLast('categoricalFocalCrossentropy', givenTrue, givenPred, axis);
  const labels = smoothed(
    alignLabels('categoricalFocalCrossentropy', yTrue, yPred),
    labelSmoothing,
    givenPred.shape.at(-1) as number,
  );
  const p = normalized(fromLogits ? softmax(yPred) : yPred);
  const factor = multiply(power(subtract(1, p), scalar(gamma)), alpha);
  return negative(sum(multiply(factor, multiply(labels, log(p))), last));
}

/** (1 - p^q) / q for the probability p of the true class (Zhang and Sabuncu 2018). */
export function generalized(yTrue: Tensor, yPred: Tensor, q: number): Tensor {
  const p = pickClass(yPred, alignClasses('categoricalGeneralizedCrossEntropy', yTrue, yPred));
  return divide(subtract(1, power(p, scalar(q))), q);
}
