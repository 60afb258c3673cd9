// AdamW without a schedule: steps are taken at one point, averaged in another, and gradients taken between them
// (Defazio et al. 2024).
import type { Tensor } from '../../graph/tensor.js';
import { add, divide, minimum, multiply, power, subtract } from '../../ops/arithmetic.js';
import { equal } from '../../ops/compare.js';
import { sqrt, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { number, type Rules, whole } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

/**
 * Default rate 0.0025; with `warmupSteps` it rises to that. As in the paper; Keras on TensorFlow recovers the average from the
 * point after the step, which changes the numbers.
 */
export class ScheduleFreeAdamW extends Optimizer {
  static override readonly className: string = 'ScheduleFreeAdamW';
  static override readonly rules: Rules = {
    beta1: number(0.9, { low: Number.MIN_VALUE, high: 1 }),
    beta2: number(0.999, { low: 0, high: 1 }),
    epsilon: number(1e-8, { low: 0 }),
    warmupSteps: whole(0),
  };
  static override readonly fixed: readonly string[] = ['warmupSteps'];
  static override readonly defaultRate: number = 0.0025;

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['momentum', 'velocity']];
  }

  protected override update({ weight, before, gradient, rate, step, slots }: StepInput): StepOutput {
    const warmup = this.number('warmupSteps');
    const warmed = warmup === 0 ? rate : multiply(rate, minimum(divide(step, warmup), 1));
    // The point of the steps begins where the weight does.
    const point = where(equal(step, 1), before, slots.momentum as Tensor);
    const old = slots.velocity as Tensor;
    const velocity = add(old, multiply(subtract(square(gradient), old), this.rest('beta2')));
    const unbiased = divide(velocity, subtract(1, power(this.hyper('beta2'), step)));
    const size = add(sqrt(unbiased), this.hyper('epsilon'));
    const momentum = subtract(point, divide(multiply(gradient, warmed), size));
    const average = divide(subtract(weight, multiply(point, this.rest('beta1'))), this.hyper('beta1'));
    const share = divide(1, step);
    const next = add(multiply(average, subtract(1, share)), multiply(momentum, share));
    const between: Tensor = add(multiply(momentum, this.rest('beta1')), multiply(next, this.hyper('beta1')));
    return { weight: between, slots: { momentum, velocity } };
  }
}
