// FTRL-proximal: gradient descent that leaves weights at 0 which do not earn their keep (McMahan et al. 2013).
import type { Tensor } from '../../graph/tensor.js';
import { add, divide, maximum, minimum, multiply, negative, power, subtract } from '../../ops/arithmetic.js';
import { square } from '../../ops/unary.js';
import { number, type Rules } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

const atLeast0 = (fallback: number) => number(fallback, { low: 0 });

/** Default rate 0.001. */
export class Ftrl extends Optimizer {
  static override readonly className: string = 'Ftrl';
  static override readonly rules: Rules = {
    learningRatePower: number(-0.5, { high: 0, low: -Number.MAX_VALUE }),
    initialAccumulatorValue: atLeast0(0.1),
    l1RegularizationStrength: atLeast0(0),
    l2RegularizationStrength: atLeast0(0),
    l2ShrinkageRegularizationStrength: atLeast0(0),
    beta: number(0),
  };
  static override readonly fixed: readonly string[] = ['initialAccumulatorValue'];

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['accumulator', 'linear']];
  }

  protected override slotStart(slot: string): number {
    return slot === 'accumulator' ? this.number('initialAccumulatorValue') : 0;
  }

  protected override update({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const [before, pull] = [slots.accumulator as Tensor, slots.linear as Tensor];
    const exponent = negative(this.hyper('learningRatePower'));
    const l1 = this.hyper('l1RegularizationStrength');
    const l2 = add(this.hyper('l2RegularizationStrength'), divide(this.hyper('beta'), multiply(rate, 2)));
    const shrinkage = multiply(this.hyper('l2ShrinkageRegularizationStrength'), 2);
    const shrunk = add(gradient, multiply(weight, shrinkage));
    const accumulator = add(before, square(gradient));
    const after = power(accumulator, exponent);
    const growth = divide(subtract(after, power(before, exponent)), rate);
    const linear = add(pull, subtract(shrunk, multiply(growth, weight)));
    const quadratic = add(divide(after, rate), multiply(l2, 2));
    const kept = maximum(minimum(linear, l1), negative(l1));
    return { weight: divide(subtract(kept, linear), quadratic), slots: { accumulator, linear } };
  }
}
