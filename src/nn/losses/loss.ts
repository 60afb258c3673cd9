// What a loss is, how values per sample become one number, and how labels are brought to the shape of predictions.
import { isFloat } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape, normalizeAxis, sameShape } from '../../core/shape.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import { add, cast, divide, multiply } from '../../ops/arithmetic.js';
import { logicalAnd } from '../../ops/compare.js';
import { sum } from '../../ops/reduce.js';
import { broadcastTo, expandDims, reshape, squeeze, transpose } from '../../ops/shape.js';
import { maskOf } from '../masks.js';

/** Keras's epsilon: probabilities are kept this far from 0 and 1. */
export const EPSILON = 1e-7;

/** How values per sample become the loss: their mean (Keras's default), their sum, as they are, or their weighted mean. */
export type Reduction = 'sumOverBatchSize' | 'sum' | 'none' | 'meanWithSampleWeight';

/** What labels a loss takes: class numbers, rows with one place per class, 0 and 1, or any numbers. */
export type LabelKind = 'classes' | 'oneHot' | 'binary' | 'values';

/** How far predictions are from labels. */
export interface Loss {
  /** In snake_case, as Keras names it. */
  readonly name: string;
  /** Keras's class name. */
  readonly className: string;
  readonly labels: LabelKind;
  readonly reduction: Reduction;
  /** The loss of every sample; where Keras averages over the last axis this does. Labels may have any dtype. */
  perSample(yTrue: Tensor, yPred: Tensor): Tensor;
  /** Which samples count, bool of the shape of `perSample`, where a loss leaves some out. */
  mask?(yTrue: Tensor, yPred: Tensor): Tensor;
  /** Keras's config. Throws `unsupported` for a function of the caller's. */
  getConfig(): Record<string, unknown>;
}

/**
 * The loss as a scalar (or one value per sample where the reduction is `none`): by default the sum of values times
 * weights over the number of values, as Keras divides; over those that count where predictions have a mask. `sampleWeight` has the shape of the values or of their first axes.
 */
export function lossValue(loss: Loss, yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): Tensor {
  const values = loss.perSample(yTrue, yPred);
  const mask = both(maskOf(yPred), loss.mask?.(yTrue, yPred));
  const isMean = loss.reduction === 'sumOverBatchSize';
  let weight = sampleWeight === undefined ? undefined : fitWeight(cast(sampleWeight, 'float32'), values);
  if (mask !== undefined) {
    const counts = cast(mask, 'float32');
    // The mean then goes over the samples that count.
    const scale = isMean ? divide(mask.size, add(sum(counts), EPSILON)) : scalar(1);
    const factor = fitWeight(multiply(counts, scale), values);
    weight = weight === undefined ? factor : multiply(weight, factor);
  }
  const weighted = weight === undefined ? values : multiply(values, weight);
  if (loss.reduction === 'none') return weighted;
  const total = sum(weighted);
  if (loss.reduction === 'sum') return total;
  if (isMean || weight === undefined) return divide(total, Math.max(1, values.size));
  return divide(total, add(sum(broadcastTo(weight, values.shape)), EPSILON));
}

/** What counts in both masks. */
function both(a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined {
  return a === undefined || b === undefined ? (a ?? b) : logicalAnd(a, b);
}

/** The weights of predictions of which some time steps may not count: those steps weigh nothing. */
export function maskedWeight(yPred: Tensor, sampleWeight?: Tensor): Tensor | undefined {
  const mask = maskOf(yPred);
  if (mask === undefined) return sampleWeight;
  const counts = cast(mask, 'float32');
  return sampleWeight === undefined ? counts : multiply(counts, fitWeight(cast(sampleWeight, 'float32'), counts));
}

/** A weight per sample with axes added until it broadcasts over the values. */
export function fitWeight(weight: Tensor, values: Tensor): Tensor {
  let fitted = weight;
  if (fitted.rank === values.rank + 1 && fitted.shape.at(-1) === 1) fitted = squeeze(fitted, -1);
  const isPrefix = fitted.shape.every((dim, axis) => dim === values.shape[axis] || dim === 1);
  if (fitted.rank > values.rank || !isPrefix) {
    throw new FoveaError({
      code: 'shape',
      op: 'sampleWeight',
      message: `sample weights ${formatShape(weight.shape)} do not fit values of shape ${formatShape(values.shape)}.`,
      got: weight.shape,
      want: values.shape,
      hint: 'Give one weight for each sample.',
    });
  }
  return reshape(fitted, [...fitted.shape, ...values.shape.slice(fitted.rank).map(() => 1)]);
}

/** The labels as float32 in the shape of the predictions: a last axis of 1 is added or dropped. Throws `shape`. */
export function alignLabels(op: string, yTrue: Tensor, yPred: Tensor): Tensor {
  let labels = cast(yTrue, 'float32');
  if (labels.rank === yPred.rank - 1 && yPred.shape.at(-1) === 1) labels = expandDims(labels, -1);
  else if (labels.rank === yPred.rank + 1 && labels.shape.at(-1) === 1) labels = squeeze(labels, -1);
  if (!sameShape(labels.shape, yPred.shape)) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `labels ${formatShape(yTrue.shape)} and predictions ${formatShape(yPred.shape)} must have one shape.`,
      got: yTrue.shape,
      want: yPred.shape,
      hint: "Class numbers go with 'sparseCategoricalCrossentropy'; or make rows of them with toCategorical.",
    });
  }
  return labels;
}

/**
 * Labels and predictions with the axis of the classes last; labels without that axis stay. Throws `argument` for an axis that
 * predictions do not have.
 */
export function classesLast(op: string, yTrue: Tensor, yPred: Tensor, axis: number): readonly [Tensor, Tensor] {
  const at = normalizeAxis(axis, yPred.rank, op);
  if (at === yPred.rank - 1) return [yTrue, yPred];
  const order = [...yPred.shape.map((_, i) => i).filter((i) => i !== at), at];
  return [yTrue.rank === yPred.rank ? transpose(yTrue, order) : yTrue, transpose(yPred, order)];
}

/** Class numbers as int32 of the predictions' shape without its last axis. Throws `shape`. */
export function alignClasses(op: string, yTrue: Tensor, yPred: Tensor): Tensor {
  const isColumn = yTrue.rank === yPred.rank && yTrue.shape.at(-1) === 1;
  const labels = cast(isColumn ? squeeze(yTrue, -1) : yTrue, 'int32');
  const want = yPred.shape.slice(0, -1);
  if (!sameShape(labels.shape, want)) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `class numbers of shape ${formatShape(yTrue.shape)} do not fit predictions ${formatShape(yPred.shape)}.`,
      got: yTrue.shape,
      want,
      hint: "Give one class number for each prediction; rows of classes go with 'categoricalCrossentropy'.",
    });
  }
  return labels;
}

/** What went into the softmax or sigmoid that made these predictions, or undefined where something else did. */
export function logitsBehind(yPred: Tensor, activation: 'softmax' | 'sigmoid'): Tensor | undefined {
  const { node } = yPred;
  if (node.storage !== undefined) return undefined;
  if (node.op.name === activation) return node.inputs[0];
  // A narrow model's probabilities are widened for the loss; its logits are what is to be widened.
  const [before] = node.inputs;
  if (node.op.name !== 'cast' || before === undefined || !isFloat(before.dtype) || !isFloat(yPred.dtype))
    return undefined;
  const logits = logitsBehind(before, activation);
  return logits === undefined ? undefined : cast(logits, yPred.dtype);
}
