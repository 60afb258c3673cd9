// What a metric is, and the accumulators they are made of. Sums are kept as two floats each, so that counting
// pixels or examples by the million loses none.
import { makeTypedArray } from '../../core/dtype.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import { Variable } from '../../graph/variable.js';
import { add, cast, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { equal, greaterEqual } from '../../ops/compare.js';
import { sum } from '../../ops/reduce.js';
import { broadcastTo } from '../../ops/shape.js';
import { abs } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { fitWeight } from '../losses/loss.js';

/** A number that training reports, gathered batch by batch. */
export interface Metric {
  /** Under which it appears in logs. */
  readonly name: string;
  /** What it has gathered; saved where training is cut in the middle of an epoch. */
  readonly variables: readonly Variable[];
  /** Takes a batch in. Assigns variables, so it may run inside a trace. */
  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void;
  /** The value so far: a float32 scalar, or one value per threshold or class where the metric has several. */
  result(): Tensor;
  reset(): void;
}

/** A sum of float32 tensors that carries along what rounding lost (Neumaier). */
export class Accumulator {
  readonly variables: readonly [Variable, Variable];

  constructor(name: string, shape: Shape = []) {
    const make = (suffix: string): Variable =>
      Variable.from(makeTypedArray('float32', sizeOf(shape)), shape, 'float32', {
        name: `${name}${suffix}`,
        trainable: false,
      });
    this.variables = [make(''), make('_rest')];
  }

  add(value: Tensor): void {
    const [total, rest] = this.variables;
    const before = total.value;
    const after = add(before, value);
    const isLarger = greaterEqual(abs(before), abs(value));
    const [large, small] = [where(isLarger, before, value), where(isLarger, value, before)];
    total.assign(after);
    rest.assign(add(rest.value, add(subtract(large, after), small)));
  }

  get value(): Tensor {
    const [total, rest] = this.variables;
    return add(total.value, rest.value);
  }

  reset(): void {
    for (const variable of this.variables) variable.set(makeTypedArray('float32', variable.size));
  }
}

/** a / b, and 0 where b is 0. */
export function divideOrZero(a: Tensor, b: Tensor): Tensor {
  const isZero = equal(b, 0);
  return where(isZero, 0, divide(a, where(isZero, 1, b)));
}

/** A running mean, weighted. */
export class Mean {
  readonly name: string;
  private readonly total: Accumulator;
  private readonly count: Accumulator;

  constructor(name = 'mean') {
    this.name = name;
    this.total = new Accumulator('total');
    this.count = new Accumulator('count');
  }

  get variables(): readonly Variable[] {
    return [...this.total.variables, ...this.count.variables];
  }

  /** Takes values of any shape in, all of weight 1 or with weights for their first axes. */
  update(value: Tensor, weight?: Tensor): void {
    const values = cast(value, 'float32');
    if (weight === undefined) {
      this.total.add(sum(values));
      this.count.add(scalar(values.size));
      return;
    }
    const fitted = broadcastTo(fitWeight(cast(weight, 'float32'), values), values.shape);
    this.total.add(sum(multiply(values, fitted)));
    this.count.add(sum(fitted));
  }

  /** The mean so far, 0 before the first value. */
  result(): Tensor {
    return divideOrZero(this.total.value, this.count.value);
  }

  reset(): void {
    this.total.reset();
    this.count.reset();
  }
}

/** The mean over all examples of a function of labels and predictions. */
export class MeanOf implements Metric {
  readonly name: string;
  protected readonly mean: Mean;

  constructor(
    name: string,
    private readonly compute: (yTrue: Tensor, yPred: Tensor) => Tensor,
    private readonly finish: (mean: Tensor) => Tensor = (mean) => mean,
  ) {
    this.name = name;
    this.mean = new Mean(name);
  }

  get variables(): readonly Variable[] {
    return this.mean.variables;
  }

  update(yTrue: Tensor, yPred: Tensor, sampleWeight?: Tensor): void {
    this.mean.update(this.compute(yTrue, yPred), sampleWeight);
  }

  result(): Tensor {
    return this.finish(this.mean.result());
  }

  reset(): void {
    this.mean.reset();
  }
}
