// Metrics over all thresholds at once: areas under curves, and the best of one rate while another holds. A batch
// only fills a histogram of how many thresholds each score exceeds; the confusion matrices follow from it.
import { constant, type Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, clip, divide, maximum, minimum, multiply, subtract } from '../../ops/arithmetic.js';
import { greater, greaterEqual, logicalAnd, notEqual } from '../../ops/compare.js';
import { range } from '../../ops/create.js';
import { scatterAdd } from '../../ops/gather.js';
import { matmul } from '../../ops/matmul.js';
import { max, mean, sum } from '../../ops/reduce.js';
import { broadcastTo, expandDims, reshape, slice } from '../../ops/shape.js';
import { ceil, log, sigmoid } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { alignLabels, EPSILON, fitWeight } from '../losses/loss.js';
import { column } from './counts.js';
import { Accumulator, divideOrZero, type Metric } from './metric.js';

/** Which thresholds: evenly spaced from 0 to 1, or given ones between 0 and 1, to which both ends are added. */
export interface Thresholds {
  readonly count: number;
  readonly given: readonly number[] | null;
}

/** The four counts of every threshold, `[thresholds, labels]` each. */
interface Counts {
  readonly truePositives: Tensor;
  readonly falsePositives: Tensor;
  readonly trueNegatives: Tensor;
  readonly falseNegatives: Tensor;
}

/** Counts scores by the number of thresholds that they exceed. */
abstract class CurveMetric implements Metric {
  private histograms: readonly Accumulator[] = [];
  private labelCount = 0;

  constructor(
    readonly name: string,
    private readonly thresholds: Thresholds,
    private readonly classId: number | null = null,
    private readonly isMultiLabel = false,
    private readonly fromLogits = false,
  ) {
    if (!isMultiLabel) this.build(1);
  }

  protected get size(): number {
    const { count, given } = this.thresholds;
    return given === null ? count : given.length + 2;
  }

  private build(labels: number): void {
    if (this.histograms.length > 0) return;
    this.labelCount = labels;
    this.histograms = ['positives', 'negatives'].map((name) => new Accumulator(name, [(this.size + 1) * labels]));
  }

  get variables(): readonly Variable[] {
    return this.histograms.flatMap(({ variables }) => variables);
  }

  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void {
    let labels = alignLabels(this.name, yTrue, yPred);
    let scores = cast(yPred, 'float32');
    if (this.classId !== null) [labels, scores] = [column(labels, this.classId), column(scores, this.classId)];
    const columns = this.isMultiLabel ? (scores.shape.at(-1) ?? 1) : 1;
    this.build(columns);
    if (this.fromLogits) scores = sigmoid(scores);
    const flat = (x: Tensor): Tensor => reshape(x, [scores.size]);
    const isPositive = cast(notEqual(flat(labels), 0), 'float32');
    const ones = broadcastTo(constant([1], [1], 'float32'), [scores.size]);
    const weight =
      sampleWeight === undefined
        ? ones
        : flat(broadcastTo(fitWeight(cast(sampleWeight, 'float32'), labels), labels.shape));
    const rows = cast(this.exceeded(flat(scores)), 'int32');
    const label = broadcastTo(range(columns, { dtype: 'int32' }), [scores.size / columns, columns]);
    const places = add(multiply(rows, columns), flat(label));
    [isPositive, subtract(1, isPositive)].forEach((share, i) => {
      this.histograms[i]?.add(scatterAdd(multiply(share, weight), places, (this.size + 1) * columns));
    });
  }

  /** How many thresholds lie below each score. */
  private exceeded(scores: Tensor): Tensor {
    const { count, given } = this.thresholds;
    // The lowest threshold lies just below 0, the highest just above 1.
    if (given === null) return maximum(ceil(multiply(clip(scores, 0, 1), count - 1)), 1);
    const sorted = [...given].sort((a, b) => a - b);
    const inner = constant(sorted, [sorted.length, 1], 'float32');
    const above = sum(cast(greater(expandDims(scores, 0), inner), 'float32'), { axis: 0 });
    const ends = add(cast(greater(scores, -EPSILON), 'float32'), cast(greater(scores, 1 + EPSILON), 'float32'));
    return add(above, ends);
  }

  private counts(): Counts {
    this.build(1);
    const shape = [this.size + 1, this.labelCount];
    const [positives, negatives] = this.histograms.map(({ value }) => reshape(value, shape)) as [Tensor, Tensor];
    // Threshold j is exceeded by every score that exceeds more than j of them.
    const [above, all] = [expandDims(range(this.size), 1), expandDims(range(this.size + 1), 0)];
    const isExceeded = cast(greater(all, above), 'float32');
    const [truePositives, falsePositives] = [matmul(isExceeded, positives), matmul(isExceeded, negatives)];
    return {
      truePositives,
      falsePositives,
      trueNegatives: subtract(sum(negatives, { axis: 0 }), falsePositives),
      falseNegatives: subtract(sum(positives, { axis: 0 }), truePositives),
    };
  }

  result(): Tensor {
    return this.finish(this.counts());
  }

  protected abstract finish(counts: Counts): Tensor;

  reset(): void {
    for (const histogram of this.histograms) histogram.reset();
  }
}

/** What an area takes. */
export interface AreaSettings {
  readonly curve: 'ROC' | 'PR';
  readonly summationMethod: 'interpolation' | 'minoring' | 'majoring';
  readonly multiLabel: boolean;
  /** Weights of the labels in the mean of their areas, null for equal ones. */
  readonly labelWeights: readonly number[] | null;
  readonly fromLogits: boolean;
}

/** The area under the receiver operating characteristic or the precision-recall curve. */
export class AreaMetric extends CurveMetric {
  constructor(
    name: string,
    thresholds: Thresholds,
    private readonly settings: AreaSettings,
  ) {
    super(name, thresholds, null, settings.multiLabel, settings.fromLogits);
  }

  protected finish(counts: Counts): Tensor {
    const { curve, summationMethod, labelWeights } = this.settings;
    const perLabel =
      curve === 'PR' && summationMethod === 'interpolation'
        ? this.interpolatedPrecision(counts)
        : this.trapezes(counts);
    if (labelWeights === null) return mean(perLabel);
    const weights = constant(labelWeights, [labelWeights.length], 'float32');
    return divideOrZero(sum(multiply(perLabel, weights)), sum(weights));
  }

  /** All thresholds but the last, and all but the first. */
  private neighbours(x: Tensor): [Tensor, Tensor] {
    const shape = [this.size - 1, x.shape[1] as number];
    return [slice(x, [0, 0], shape), slice(x, [1, 0], shape)];
  }

  private trapezes({ truePositives, falsePositives, trueNegatives, falseNegatives }: Counts): Tensor {
    const recall = divideOrZero(truePositives, add(truePositives, falseNegatives));
    const [x, y] =
      this.settings.curve === 'ROC'
        ? [divideOrZero(falsePositives, add(falsePositives, trueNegatives)), recall]
        : [recall, divideOrZero(truePositives, add(truePositives, falsePositives))];
    const [x0, x1] = this.neighbours(x);
    const [y0, y1] = this.neighbours(y);
    const method = this.settings.summationMethod;
    const height =
      method === 'minoring' ? minimum(y0, y1) : method === 'majoring' ? maximum(y0, y1) : divide(add(y0, y1), 2);
    return sum(multiply(subtract(x0, x1), height), { axis: 0 });
  }

  /** Between two thresholds true positives grow in proportion to all positives, so precision follows a curve. */
  private interpolatedPrecision({ truePositives, falsePositives, falseNegatives }: Counts): Tensor {
    const [hits0, hits1] = this.neighbours(truePositives);
    const [all0, all1] = this.neighbours(add(truePositives, falsePositives));
    const [, missed1] = this.neighbours(falseNegatives);
    const slope = divideOrZero(subtract(hits0, hits1), maximum(subtract(all0, all1), 0));
    const intercept = subtract(hits1, multiply(slope, all1));
    const isSafe = logicalAnd(greater(all0, 0), greater(all1, 0));
    const ratio = where(isSafe, divideOrZero(all0, all1), 1);
    const area = multiply(slope, add(subtract(hits0, hits1), multiply(intercept, log(ratio))));
    return sum(divideOrZero(area, add(hits1, missed1)), { axis: 0 });
  }
}

/** The rates of a threshold. */
export type Rate = 'precision' | 'recall' | 'specificity';

/** The largest `wanted` among the thresholds whose `held` is at least `least`, 0 where there is none. */
export class RateAtMetric extends CurveMetric {
  constructor(
    name: string,
    settings: { readonly numThresholds: number; readonly classId: number | null },
    private readonly rates: { readonly wanted: Rate; readonly held: Rate; readonly least: number },
  ) {
    super(name, { count: settings.numThresholds, given: null }, settings.classId);
  }

  protected finish(counts: Counts): Tensor {
    const { wanted, held, least } = this.rates;
    const isHeld = greaterEqual(rateOf(held, counts), least);
    return max(where(isHeld, rateOf(wanted, counts), 0));
  }
}

function rateOf(rate: Rate, { truePositives, falsePositives, trueNegatives, falseNegatives }: Counts): Tensor {
  if (rate === 'precision') return divideOrZero(truePositives, add(truePositives, falsePositives));
  if (rate === 'recall') return divideOrZero(truePositives, add(truePositives, falseNegatives));
  return divideOrZero(trueNegatives, add(trueNegatives, falsePositives));
}
