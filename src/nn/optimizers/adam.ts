// Adam and its family: steps from running means of gradients and of their squares (Kingma and Ba 2014).
import { scalar, type Tensor } from '../../graph/tensor.js';
import { Variable } from '../../graph/variable.js';
import { add, divide, maximum, multiply, power, subtract } from '../../ops/arithmetic.js';
import { greater, logicalAnd } from '../../ops/compare.js';
import { sum } from '../../ops/reduce.js';
import { abs, sqrt, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { flag, number, type Rules } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

const BETAS = {
  beta1: number(0.9, { low: 0, high: 1 }),
  beta2: number(0.999, { low: 0, high: 1 }),
  epsilon: number(1e-7, { low: 0 }),
};

/** Moves a running mean by a part of its distance to a new value. */
function approach(old: Tensor, value: Tensor, part: Tensor): Tensor {
  return add(old, multiply(subtract(value, old), part));
}

abstract class AdamFamily extends Optimizer {
  static override readonly rules: Rules = BETAS;

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['momentum', 'velocity']];
  }

  /** beta^step: how much of a running mean is still its start of 0. */
  protected remainder(beta: 'beta1' | 'beta2', step: Tensor): Tensor {
    return power(this.hyper(beta), step);
  }

  /** Both running means after this gradient. */
  protected moments({ gradient, slots }: StepInput): { momentum: Tensor; velocity: Tensor } {
    return {
      momentum: approach(slots.momentum as Tensor, gradient, this.rest('beta1')),
      velocity: approach(slots.velocity as Tensor, square(gradient), this.rest('beta2')),
    };
  }
}

/** Default rate 0.001. `amsgrad` divides by the largest mean of squares so far. */
export class Adam extends AdamFamily {
  static override readonly className: string = 'Adam';
  static override readonly rules: Rules = { ...BETAS, amsgrad: flag(false) };

  protected override slotGroups(): readonly (readonly string[])[] {
    // As Keras makes them: the largest means of all weights last.
    return [['momentum', 'velocity'], ...(this.settings.amsgrad ? [['velocity_hat']] : [])];
  }

  protected override update(input: StepInput): StepOutput {
    const { weight, rate, step, slots } = input;
    const { momentum, velocity } = this.moments(input);
    // The corrections are scalars, so they are taken out of the weight's kernel.
    const scaled = multiply(
      rate,
      divide(sqrt(subtract(1, this.remainder('beta2', step))), subtract(1, this.remainder('beta1', step))),
    );
    const after: Record<string, Tensor> = { momentum, velocity };
    let size = velocity;
    if (slots.velocity_hat !== undefined) {
      size = maximum(slots.velocity_hat, velocity);
      after.velocity_hat = size;
    }
    const move = divide(multiply(momentum, scaled), add(sqrt(size), this.hyper('epsilon')));
    return { weight: subtract(weight, move), slots: after };
  }
}

/** Adam with weight decay, 0.004 unless given (Loshchilov and Hutter 2017). */
export class AdamW extends Adam {
  static override readonly className: string = 'AdamW';

  protected override adjustRules(rules: Rules): Rules {
    return {
      ...rules,
      weightDecay: {
        ...number(undefined, { low: 0 }),
        accepts: (value) => value === null || (typeof value === 'number' && value >= 0),
        fallback: 0.004,
      },
    };
  }
}

/** Adam with Nesterov's momentum (Dozat 2015). Default rate 0.001. */
export class Nadam extends AdamFamily {
  static override readonly className: string = 'Nadam';
  private readonly product = Variable.from(Float32Array.of(1), [], 'float32', { name: 'variable', trainable: false });

  protected override extras(): readonly Variable[] {
    return [this.product];
  }

  /** beta1 as it warms up with the steps. */
  private warmed(step: Tensor): Tensor {
    return multiply(subtract(1, multiply(power(scalar(0.96), step), 0.5)), this.hyper('beta1'));
  }

  protected override updateExtras(step: Tensor): readonly Tensor[] {
    return [multiply(this.product.value, this.warmed(step))];
  }

  protected override update(input: StepInput, [product]: readonly Tensor[]): StepOutput {
    const { weight, gradient, rate, step } = input;
    const { momentum, velocity } = this.moments(input);
    const now = this.warmed(step);
    const next = this.warmed(add(step, 1));
    const sofar = product as Tensor;
    const ahead = multiply(momentum, divide(next, subtract(1, multiply(sofar, next))));
    const here = multiply(gradient, divide(subtract(1, now), subtract(1, sofar)));
    const size = multiply(velocity, divide(1, subtract(1, this.remainder('beta2', step))));
    const move = divide(multiply(add(ahead, here), rate), add(sqrt(size), this.hyper('epsilon')));
    return { weight: subtract(weight, move), slots: { momentum, velocity } };
  }
}

/** Adam with the largest recent gradient instead of the mean square. Default rate 0.001. */
export class Adamax extends AdamFamily {
  static override readonly className: string = 'Adamax';

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['momentum', 'norm']];
  }

  protected override update({ weight, gradient, rate, step, slots }: StepInput): StepOutput {
    const momentum = approach(slots.momentum as Tensor, gradient, this.rest('beta1'));
    const norm = maximum(multiply(slots.norm as Tensor, this.hyper('beta2')), abs(gradient));
    const scaled = divide(rate, subtract(1, this.remainder('beta1', step)));
    const move = divide(multiply(momentum, scaled), add(norm, this.hyper('epsilon')));
    return { weight: subtract(weight, move), slots: { momentum, norm } };
  }
}

/** Adam with steps in proportion to each weight's length, for large batches (You et al. 2019). Default rate 0.001. */
export class Lamb extends AdamFamily {
  static override readonly className: string = 'Lamb';

  protected override update(input: StepInput): StepOutput {
    const { weight, rate, step } = input;
    const { momentum, velocity } = this.moments(input);
    const mean = multiply(momentum, divide(1, subtract(1, this.remainder('beta1', step))));
    const size = sqrt(multiply(velocity, divide(1, subtract(1, this.remainder('beta2', step)))));
    const move = divide(mean, add(size, this.hyper('epsilon')));
    const [weightNorm, moveNorm] = [sqrt(sum(square(weight))), sqrt(sum(square(move)))];
    const isUsable = logicalAnd(greater(weightNorm, 0), greater(moveNorm, 0));
    const ratio = where(isUsable, divide(weightNorm, where(isUsable, moveNorm, 1)), 1);
    return { weight: subtract(weight, multiply(move, multiply(ratio, rate))), slots: { momentum, velocity } };
  }
}
