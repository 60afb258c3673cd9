// Lion: steps of one size, in the direction of a running mean's sign (Chen et al. 2023).

import type { Tensor } from '../../graph/tensor.js';
import { add, multiply, subtract } from '../../ops/arithmetic.js';
import { sign } from '../../ops/unary.js';
import { number, type Rules } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

/** Default rate 0.001; a third to a tenth of Adam's is usual. */
export class Lion extends Optimizer {
  static override readonly className: string = 'Lion';
  static override readonly rules: Rules = {
    beta1: number(0.9, { low: Number.MIN_VALUE, high: 1 }),
    beta2: number(0.99, { low: 0, high: 1 }),
  };

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['momentum']];
  }

  protected override update({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const blend = (beta: 'beta1' | 'beta2'): Tensor =>
      add(multiply(slots.momentum as Tensor, this.hyper(beta)), multiply(gradient, this.rest(beta)));
    return { weight: subtract(weight, multiply(sign(blend('beta1')), rate)), slots: { momentum: blend('beta2') } };
  }
}
