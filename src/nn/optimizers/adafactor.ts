// Adafactor: Adam's second moment kept as a row and a column, and steps in proportion to the weights (Shazeer and Stern 2018).
import type { Shape } from '../../core/shape.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, divide, maximum, minimum, multiply, power, subtract } from '../../ops/arithmetic.js';
import { mean } from '../../ops/reduce.js';
import { expandDims } from '../../ops/shape.js';
import { sqrt, square } from '../../ops/unary.js';
import { flag, number, type Rules } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

const rootMeanSquare = (x: Tensor): Tensor => sqrt(mean(square(x)));

/** Default rate 0.001. */
export class Adafactor extends Optimizer {
  static override readonly className: string = 'Adafactor';
  static override readonly rules: Rules = {
    beta2Decay: number(-0.8),
    epsilon1: number(1e-30, { low: 0 }),
    epsilon2: number(1e-3, { low: 0 }),
    clipThreshold: number(1, { low: 0 }),
    relativeStep: flag(true),
  };

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['row', 'column', 'velocity']];
  }

  /** Vectors are not factored; Keras keeps a number in the place of their row and column. */
  protected override slotShape(slot: string, { shape }: Variable): Shape {
    if (slot === 'velocity') return shape;
    if (shape.length < 2) return [];
    return slot === 'row' ? shape.slice(0, -1) : [...shape.slice(0, -2), shape.at(-1) as number];
  }

  protected override update({ weight, gradient, rate, step, slots }: StepInput): StepOutput {
    const ceiling = divide(1, sqrt(step));
    const isRelative = this.settings.relativeStep === true && !this.isScheduled;
    const rho = minimum(isRelative ? minimum(rate, ceiling) : rate, ceiling);
    const alpha = multiply(maximum(this.hyper('epsilon2'), rootMeanSquare(weight)), rho);
    const squares = add(square(gradient), this.hyper('epsilon1'));
    const take = power(step, this.hyper('beta2Decay'));
    const move = (old: Tensor | undefined, value: Tensor): Tensor =>
      add(multiply(old as Tensor, subtract(1, take)), multiply(value, take));
    const after: Record<string, Tensor> = { row: slots.row as Tensor, column: slots.column as Tensor };
    if (weight.rank < 2) after.velocity = move(slots.velocity, squares);
    else {
      const row = move(slots.row, mean(squares, { axis: -1 }));
      const column = move(slots.column, mean(squares, { axis: -2 }));
      const share = divide(row, mean(row, { axis: -1, keepDims: true }));
      after.row = row;
      after.column = column;
      after.velocity = multiply(expandDims(share, -1), expandDims(column, -2));
    }
    const direction = divide(gradient, sqrt(after.velocity as Tensor));
    const length = maximum(scalar(1), divide(rootMeanSquare(direction), this.hyper('clipThreshold')));
    return { weight: subtract(weight, multiply(direction, divide(alpha, length))), slots: after };
  }
}
