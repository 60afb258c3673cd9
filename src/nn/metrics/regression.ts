// Metrics of regression that need more than a mean, and the plain sum.
import { scalar, type Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { greater, logicalOr } from '../../ops/compare.js';
import { mean, std, sum, variance } from '../../ops/reduce.js';
import { broadcastTo, reshape } from '../../ops/shape.js';
import { isNaN as isNotNumber, isFinite as isNumber, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { alignLabels, EPSILON, fitWeight } from '../losses/loss.js';
import { Accumulator, type Metric } from './metric.js';

/** How the scores of several outputs become one; null: one score each. */
export type ScoreAggregation = 'uniformAverage' | 'varianceWeightedAverage' | null;

/** The share of the labels' variance that the predictions explain: 1 is perfect, 0 no better than the mean. */
export class DeterminationMetric implements Metric {
  private sums: readonly Accumulator[] = [];
  /** As Keras counts them: every output of every example, of whatever weight. */
  private readonly samples = new Accumulator('num_samples');

  constructor(
    readonly name: string,
    private readonly settings: { readonly classAggregation: ScoreAggregation; readonly numRegressors: number },
  ) {}

  private build(outputs: number): void {
    if (this.sums.length > 0) return;
    this.sums = ['squared_sum', 'sum', 'residual', 'count'].map((name) => new Accumulator(name, [outputs]));
  }

  get variables(): readonly Variable[] {
    return [...this.sums, this.samples].flatMap(({ variables }) => variables);
  }

  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void {
    const outputs = yPred.rank < 2 ? 1 : (yPred.shape.at(-1) as number);
    this.build(outputs);
    const rows = (x: Tensor): Tensor => reshape(x, [x.size / outputs, outputs]);
    const labels = rows(alignLabels(this.name, yTrue, yPred));
    const misses = square(subtract(labels, rows(cast(yPred, 'float32'))));
    const given = sampleWeight === undefined ? scalar(1) : fitWeight(cast(sampleWeight, 'float32'), labels);
    const weight = broadcastTo(given, labels.shape);
    [multiply(weight, square(labels)), multiply(weight, labels), multiply(weight, misses), weight].forEach(
      (each, i) => {
        this.sums[i]?.add(sum(each, { axis: 0 }));
      },
    );
    this.samples.add(scalar(labels.size));
  }

  result(): Tensor {
    this.build(1);
    const [squares, total, residual, count] = this.sums.map(({ value }) => value) as [Tensor, Tensor, Tensor, Tensor];
    const variance = subtract(squares, multiply(total, divide(total, count)));
    const raw = subtract(1, divide(residual, variance));
    // A label that never varies scores 0; no label at all has no score.
    const scores = where(logicalOr(isNumber(raw), isNotNumber(raw)), raw, 0);
    const { classAggregation, numRegressors } = this.settings;
    let score = scores;
    if (classAggregation === 'uniformAverage') score = mean(scores);
    if (classAggregation === 'varianceWeightedAverage') {
      score = divide(sum(multiply(variance, scores)), sum(variance));
    }
    if (numRegressors === 0) return score;
    const samples = this.samples.value;
    const left = subtract(samples, numRegressors + 1);
    // With too few samples the plain score stands.
    const isEnough = greater(left, 0);
    const factor = divide(subtract(samples, 1), where(isEnough, left, 1));
    return where(isEnough, subtract(1, multiply(subtract(1, score), factor)), score);
  }

  reset(): void {
    for (const each of [...this.sums, this.samples]) each.reset();
  }
}

/** Pearson's correlation of labels and predictions along an axis. */
export function pearsonCorrelation(yTrue: Tensor, yPred: Tensor, axis: number): Tensor {
  const over = { axis, keepDims: true };
  const standard = (x: Tensor): Tensor => {
    const centred = subtract(x, mean(x, over));
    return divide(centred, std(centred, over));
  };
  return mean(multiply(standard(alignLabels('pearsonCorrelation', yTrue, yPred)), standard(yPred)), { axis });
}

/** Lin's concordance of labels and predictions along an axis, as Keras computes it. */
export function concordanceCorrelation(yTrue: Tensor, yPred: Tensor, axis: number): Tensor {
  const over = { axis, keepDims: true };
  const labels = alignLabels('concordanceCorrelation', yTrue, yPred);
  const [trueMean, predMean] = [mean(labels, over), mean(yPred, over)];
  // Keras takes the predictions' mean from both; over the axis that comes to the same.
  const covariance = multiply(subtract(labels, predMean), subtract(yPred, predMean));
  const spread = add(add(variance(labels, over), variance(yPred, over)), square(subtract(trueMean, predMean)));
  return mean(divide(multiply(covariance, 2), add(spread, EPSILON)), { axis });
}

/** The sum of everything it was given, weighted. */
export class Sum {
  private readonly total: Accumulator;

  constructor(readonly name = 'sum') {
    this.total = new Accumulator('total');
  }

  get variables(): readonly Variable[] {
    return this.total.variables;
  }

  /** Takes values of any shape in, all of weight 1 or with weights for their first axes. */
  update(value: Tensor, weight?: Tensor): void {
    const values = cast(value, 'float32');
    const weighted = weight === undefined ? values : multiply(values, fitWeight(cast(weight, 'float32'), values));
    this.total.add(sum(weighted));
  }

  result(): Tensor {
    return add(this.total.value, 0);
  }

  reset(): void {
    this.total.reset();
  }
}
