// Metrics of regression that need more than a mean, and the plain sum.
import { scalar, type Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { logicalOr } from '../../ops/compare.js';
import { mean, sum } from '../../ops/reduce.js';
import { broadcastTo, reshape } from '../../ops/shape.js';
import { isNaN as isNotNumber, isFinite as isNumber, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { alignLabels, fitWeight } from '../losses/loss.js';
import { Accumulator, type Metric } from './metric.js';

/** How the scores of several outputs become one; null: one score each. */
export type ScoreAggregation = 'uniformAverage' | 'varianceWeightedAverage' | null;

/** The share of the labels' variance that the predictions explain: 1 is perfect, 0 no better than the mean. */
export class DeterminationMetric implements Metric {
  private sums: readonly Accumulator[] = [];

  constructor(
    readonly name: string,
    private readonly settings: { readonly classAggregation: ScoreAggregation; readonly numRegressors: number },
  ) {}

  private build(outputs: number): void {
    if (this.sums.length > 0) return;
    this.sums = ['squared_sum', 'sum', 'residual', 'count'].map((name) => new Accumulator(name, [outputs]));
  }

  get variables(): readonly Variable[] {
    return this.sums.flatMap(({ variables }) => variables);
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
    const examples = reshape(mean(count), []);
    const factor = divide(subtract(examples, 1), subtract(subtract(examples, numRegressors), 1));
    return subtract(1, multiply(subtract(1, score), factor));
  }

  reset(): void {
    for (const each of this.sums) each.reset();
  }
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
