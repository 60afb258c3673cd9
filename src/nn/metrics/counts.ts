// Metrics made of counts: precision, recall and their like from thresholded predictions, intersection over union
// from a confusion matrix.
import { constant, type Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, multiply, subtract } from '../../ops/arithmetic.js';
import { greater, greaterEqual, notEqual } from '../../ops/compare.js';
import { eye } from '../../ops/create.js';
import { gather, oneHot } from '../../ops/gather.js';
import { matmul } from '../../ops/matmul.js';
import { argMax, mean, sum } from '../../ops/reduce.js';
import { topK } from '../../ops/select.js';
import { broadcastTo, expandDims, reshape, slice } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import { alignLabels, fitWeight } from '../losses/loss.js';
import { Accumulator, divideOrZero, type Metric } from './metric.js';

/** The four cells of a binary confusion matrix. */
export type Cell = 'truePositives' | 'falsePositives' | 'trueNegatives' | 'falseNegatives';

/** What counts of thresholded predictions take. */
export interface ThresholdSettings {
  readonly thresholds: readonly number[];
  /** The one class that is looked at, along the last axis. */
  readonly classId: number | null;
  /** Only so many of the largest scores along the last axis can be positive. */
  readonly topK?: number | null;
}

/** A score that no threshold lets through: Keras's own number. */
export const LOWEST_SCORE = -1e10;

/** Counts cells at one or several thresholds and makes a value of them. */
export class ThresholdMetric implements Metric {
  private readonly counts: readonly Accumulator[];

  constructor(
    readonly name: string,
    private readonly settings: ThresholdSettings,
    private readonly cells: readonly Cell[],
    private readonly finish: (counts: readonly Tensor[]) => Tensor,
  ) {
    this.counts = cells.map((cell) => new Accumulator(cell, [settings.thresholds.length]));
  }

  get variables(): readonly Variable[] {
    return this.counts.flatMap(({ variables }) => variables);
  }

  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void {
    let labels = alignLabels(this.name, yTrue, yPred);
    let scores = cast(yPred, 'float32');
    const { classId, thresholds, topK: most = null } = this.settings;
    if (most !== null) scores = onlyLargest(scores, most);
    if (classId !== null) [labels, scores] = [column(labels, classId), column(scores, classId)];
    const weight =
      sampleWeight === undefined
        ? undefined
        : reshape(broadcastTo(fitWeight(cast(sampleWeight, 'float32'), labels), labels.shape), [1, labels.size]);
    const truth = cast(notEqual(reshape(labels, [1, labels.size]), 0), 'float32');
    const above = greater(reshape(scores, [1, scores.size]), constant(thresholds, [thresholds.length, 1], 'float32'));
    const positive = cast(above, 'float32');
    this.cells.forEach((cell, i) => {
      const predicted = cell.endsWith('Positives') ? positive : subtract(1, positive);
      const isTruth = cell === 'truePositives' || cell === 'falseNegatives';
      const hits = multiply(predicted, isTruth ? truth : subtract(1, truth));
      (this.counts[i] as Accumulator).add(sum(weight === undefined ? hits : multiply(hits, weight), { axis: 1 }));
    });
  }

  result(): Tensor {
    const value = this.finish(this.counts.map((count) => count.value));
    return value.size === 1 ? reshape(value, []) : value;
  }

  reset(): void {
    for (const count of this.counts) count.reset();
  }
}

/** The k largest scores along the last axis; the others become the lowest there is. */
function onlyLargest(scores: Tensor, k: number): Tensor {
  const classes = scores.shape.at(-1) ?? 1;
  const isLargest = sum(oneHot(topK(scores, k).indices, classes), { axis: -2 });
  return where(greater(isLargest, 0), scores, LOWEST_SCORE);
}

/** One class's place along the last axis. */
export function column(x: Tensor, index: number): Tensor {
  const rows = reshape(x, [x.size / (x.shape.at(-1) as number), x.shape.at(-1) as number]);
  return reshape(slice(rows, [0, index], [rows.shape[0] as number, 1]), x.shape.slice(0, -1));
}

/** Hits over everything predicted positive, at each threshold. */
export function precision(name: string, settings: ThresholdSettings): Metric {
  return new ThresholdMetric(name, settings, ['truePositives', 'falsePositives'], ([hits, wrong]) =>
    divideOrZero(hits as Tensor, add(hits as Tensor, wrong as Tensor)),
  );
}

/** Hits over everything that is positive, at each threshold. */
export function recall(name: string, settings: ThresholdSettings): Metric {
  return new ThresholdMetric(name, settings, ['truePositives', 'falseNegatives'], ([hits, missed]) =>
    divideOrZero(hits as Tensor, add(hits as Tensor, missed as Tensor)),
  );
}

/** What intersection over union takes. */
export interface OverlapSettings {
  readonly numClasses: number;
  /** The classes to average over, null for all. */
  readonly targetClassIds: readonly number[] | null;
  /** Whether labels and predictions are class numbers rather than scores along the last axis. */
  readonly sparseYTrue: boolean;
  readonly sparseYPred: boolean;
  /** Where predictions are scores of class 1 against class 0: above it they are of class 1. */
  readonly threshold?: number;
  /** Labels of this class do not count; default none. */
  readonly ignoreClass?: number | null;
  /** The axis of the scores; default the last. */
  readonly axis?: number;
}

/** Intersection over union of each class, averaged over the classes that occur. */
export class OverlapMetric implements Metric {
  /** Rows are true classes, columns predicted ones. */
  private readonly matrix: Accumulator;

  constructor(
    readonly name: string,
    private readonly settings: OverlapSettings,
  ) {
    this.matrix = new Accumulator('confusion_matrix', [settings.numClasses, settings.numClasses]);
  }

  get variables(): readonly Variable[] {
    return this.matrix.variables;
  }

  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void {
    const { numClasses, sparseYTrue, sparseYPred, threshold, ignoreClass = null, axis = -1 } = this.settings;
    const truth = sparseYTrue ? cast(yTrue, 'int32') : argMax(yTrue, { axis });
    const classes = threshold === undefined ? yPred : greaterEqual(yPred, threshold);
    const predicted = sparseYPred ? cast(classes, 'int32') : argMax(classes, { axis });
    const rows = (x: Tensor): Tensor => oneHot(reshape(x, [x.size]), numClasses);
    let left = rows(truth);
    const weigh = (weight: Tensor): void => {
      left = multiply(left, expandDims(reshape(weight, [truth.size]), 1));
    };
    // Keras counts in whole numbers, and cuts the fractions of weights off.
    const whole = sampleWeight === undefined ? undefined : cast(cast(sampleWeight, 'int32'), 'float32');
    if (whole !== undefined) weigh(broadcastTo(fitWeight(whole, truth), truth.shape));
    if (ignoreClass !== null) weigh(cast(notEqual(truth, ignoreClass), 'float32'));
    this.matrix.add(matmul(left, rows(predicted), { transposeA: true }));
  }

  result(): Tensor {
    const { numClasses, targetClassIds } = this.settings;
    const matrix = this.matrix.value;
    const hits = sum(multiply(matrix, eye(numClasses)), { axis: 1 });
    const union = subtract(add(sum(matrix, { axis: 0 }), sum(matrix, { axis: 1 })), hits);
    const chosen = (x: Tensor): Tensor =>
      targetClassIds === null ? x : gather(x, constant(targetClassIds, [targetClassIds.length], 'int32'));
    const occurs = cast(greater(chosen(union), 0), 'float32');
    return divideOrZero(sum(divideOrZero(chosen(hits), chosen(union))), sum(occurs));
  }

  reset(): void {
    this.matrix.reset();
  }
}

/** What an F score takes. */
export interface ScoreSettings {
  readonly beta: number;
  /** Above it a class is predicted; null: the largest is. */
  readonly threshold: number | null;
  readonly average: 'micro' | 'macro' | 'weighted' | null;
}

/** The weighted harmonic mean of precision and recall, by class or over all. */
export class ScoreMetric implements Metric {
  private counts: readonly Accumulator[] = [];

  constructor(
    readonly name: string,
    private readonly settings: ScoreSettings,
  ) {
    // Micro averages need no classes; the others learn them from the first batch.
    if (settings.average === 'micro') this.build(1);
  }

  private build(classes: number): void {
    if (this.counts.length > 0) return;
    this.counts = ['true_positives', 'predicted', 'actual'].map((name) => new Accumulator(name, [classes]));
  }

  get variables(): readonly Variable[] {
    return this.counts.flatMap(({ variables }) => variables);
  }

  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void {
    const classes = yPred.shape.at(-1) as number;
    const { average, threshold } = this.settings;
    this.build(classes);
    const flat = (x: Tensor): Tensor => reshape(x, [x.size / classes, classes]);
    const truth = flat(alignLabels(this.name, yTrue, yPred));
    const scores = flat(yPred);
    const predicted =
      threshold === null ? oneHot(argMax(scores), classes) : cast(greater(scores, threshold), 'float32');
    const weight = sampleWeight === undefined ? undefined : fitWeight(cast(sampleWeight, 'float32'), truth);
    const over = average === 'micro' ? {} : { axis: 0 };
    const total = (x: Tensor): Tensor => {
      const counted = sum(weight === undefined ? x : multiply(x, weight), over);
      return average === 'micro' ? reshape(counted, [1]) : counted;
    };
    [multiply(truth, predicted), predicted, truth].forEach((each, i) => {
      this.counts[i]?.add(total(each));
    });
  }

  result(): Tensor {
    this.build(1);
    const { beta, average } = this.settings;
    const [hits, predicted, actual] = this.counts.map(({ value }) => value) as [Tensor, Tensor, Tensor];
    // (1 + b²) p r / (b² p + r), written in counts.
    const scores = divideOrZero(multiply(hits, 1 + beta * beta), add(multiply(actual, beta * beta), predicted));
    if (average === 'micro') return reshape(scores, []);
    if (average === 'macro') return mean(scores);
    if (average === 'weighted') return sum(multiply(scores, divideOrZero(actual, sum(actual))));
    return scores;
  }

  reset(): void {
    for (const count of this.counts) count.reset();
  }
}
