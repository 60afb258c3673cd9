// Gradient descent with momentum, and the methods that divide by a running size of the gradient.
import type { Tensor } from '../../graph/tensor.js';
import { add, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { sqrt, square } from '../../ops/unary.js';
import { flag, number, type Rules } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

/** Moves a running mean towards a new value: old * keep + value * (1 - keep). */
function blend(old: Tensor, value: Tensor, keep: Tensor, take: Tensor): Tensor {
  return add(multiply(old, keep), multiply(value, take));
}

/** Gradient descent, with momentum (Nesterov's as an option). Default rate 0.01. */
export class SGD extends Optimizer {
  static override readonly className: string = 'SGD';
  static override readonly rules: Rules = { momentum: number(0, { low: 0, high: 1 }), nesterov: flag(false) };
  static override readonly switches: readonly string[] = ['momentum'];
  static override readonly defaultRate: number = 0.01;

  protected override slotGroups(): readonly (readonly string[])[] {
    return this.number('momentum') === 0 ? [] : [['momentum']];
  }

  protected override update({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const step = multiply(gradient, rate);
    if (slots.momentum === undefined) return { weight: subtract(weight, step), slots: {} };
    const keep = this.hyper('momentum');
    const momentum = subtract(multiply(slots.momentum, keep), step);
    const move = this.settings.nesterov ? subtract(multiply(momentum, keep), step) : momentum;
    return { weight: add(weight, move), slots: { momentum } };
  }
}

/** Divides by the root of a running mean of squares (Hinton 2012). Default rate 0.001. */
export class RMSprop extends Optimizer {
  static override readonly className: string = 'RMSprop';
  static override readonly rules: Rules = {
    rho: number(0.9, { low: 0, high: 1 }),
    momentum: number(0, { low: 0, high: 1 }),
    epsilon: number(1e-7, { low: 0 }),
    centered: flag(false),
  };
  static override readonly switches: readonly string[] = ['momentum'];

  protected override slotGroups(): readonly (readonly string[])[] {
    return [
      ['velocity'],
      ...(this.number('momentum') > 0 ? [['momentum']] : []),
      ...(this.settings.centered ? [['average_gradient']] : []),
    ];
  }

  protected override update({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const [rho, rest] = [this.hyper('rho'), this.rest('rho')];
    const velocity = blend(slots.velocity as Tensor, square(gradient), rho, rest);
    const after: Record<string, Tensor> = { velocity };
    let spread = velocity;
    if (slots.average_gradient !== undefined) {
      after.average_gradient = blend(slots.average_gradient, gradient, rho, rest);
      spread = subtract(velocity, square(after.average_gradient));
    }
    let move = divide(multiply(gradient, rate), sqrt(add(spread, this.hyper('epsilon'))));
    if (slots.momentum !== undefined) {
      move = add(multiply(slots.momentum, this.hyper('momentum')), move);
      after.momentum = move;
    }
    return { weight: subtract(weight, move), slots: after };
  }
}

/** Divides by the root of the sum of all squares so far (Duchi et al. 2011). Default rate 0.001. */
export class Adagrad extends Optimizer {
  static override readonly className: string = 'Adagrad';
  static override readonly rules: Rules = {
    initialAccumulatorValue: number(0.1, { low: 0 }),
    epsilon: number(1e-7, { low: 0 }),
  };
  static override readonly fixed: readonly string[] = ['initialAccumulatorValue'];

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['accumulator']];
  }

  protected override slotStart(slot: string): number {
    return slot === 'accumulator' ? this.number('initialAccumulatorValue') : 0;
  }

  protected override update({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const accumulator = add(slots.accumulator as Tensor, square(gradient));
    const move = divide(multiply(gradient, rate), sqrt(add(accumulator, this.hyper('epsilon'))));
    return { weight: subtract(weight, move), slots: { accumulator } };
  }
}

/** Takes the size of its steps from the sizes of past ones (Zeiler 2012). Default rate 0.001; the paper's is 1. */
export class Adadelta extends Optimizer {
  static override readonly className: string = 'Adadelta';
  static override readonly rules: Rules = { rho: number(0.95, { low: 0, high: 1 }), epsilon: number(1e-7, { low: 0 }) };

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['accumulated_grad', 'accumulated_delta_var']];
  }

  protected override update({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const [rho, rest] = [this.hyper('rho'), this.rest('rho')];
    const size = (mean: Tensor): Tensor => sqrt(add(mean, this.hyper('epsilon')));
    const past = slots.accumulated_delta_var as Tensor;
    const squares = blend(slots.accumulated_grad as Tensor, square(gradient), rho, rest);
    const move = divide(multiply(size(past), gradient), size(squares));
    return {
      weight: subtract(weight, multiply(move, rate)),
      slots: { accumulated_grad: squares, accumulated_delta_var: blend(past, square(move), rho, rest) },
    };
  }
}
