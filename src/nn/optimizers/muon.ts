// Muon: momentum made orthogonal by a few Newton-Schulz steps, for matrices; Adam for all other weights (Jordan et al. 2024).
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, divide, multiply, power, subtract } from '../../ops/arithmetic.js';
import { matmul } from '../../ops/matmul.js';
import { sum } from '../../ops/reduce.js';
import { transpose } from '../../ops/shape.js';
import { sqrt, square } from '../../ops/unary.js';
import { flag, list, nullable, number, type Rules, text, whole } from '../options.js';
import { Optimizer, type StepInput, type StepOutput } from './optimizer.js';

const share = (fallback: number) => number(fallback, { low: 0, high: 1 });
const atLeast0 = (fallback: number) => number(fallback, { low: 0 });

/** Default rate 0.001, decay 0.004. `excludeLayers` are parts of the names of weights that Adam is to change. */
export class Muon extends Optimizer {
  static override readonly className: string = 'Muon';
  static override readonly rules: Rules = {
    adamBeta1: share(0.9),
    adamBeta2: share(0.999),
    adamWeightDecay: nullable(atLeast0(0.004)),
    epsilon: atLeast0(1e-7),
    excludeLayers: list(text(), []),
    excludeEmbeddings: flag(true),
    muonA: number(3.4445),
    muonB: number(-4.775),
    muonC: number(2.0315),
    adamLrRatio: atLeast0(1),
    momentum: share(0.95),
    nsSteps: whole(5, 1),
    nesterov: flag(true),
    rmsRate: nullable(atLeast0(0.2)),
  };
  static override readonly fixed: readonly string[] = ['nsSteps'];

  protected override adjustRules(rules: Rules): Rules {
    return { ...rules, weightDecay: nullable(atLeast0(0.004)) };
  }

  protected override slotGroups(): readonly (readonly string[])[] {
    return [['momentum', 'velocity']];
  }

  protected override hasSlot(slot: string, variable: Variable): boolean {
    return slot !== 'velocity' || this.usesAdam(variable);
  }

  private usesAdam({ shape, name, path }: Variable): boolean {
    const full = path ?? name;
    if (shape.length !== 2) return true;
    if (this.settings.excludeEmbeddings === true && full.toLowerCase().includes('embedding')) return true;
    return (this.settings.excludeLayers as readonly string[]).some((part) => full.includes(part));
  }

  protected override decay(variable: Variable): Tensor | undefined {
    const option = this.usesAdam(variable) ? 'adamWeightDecay' : 'weightDecay';
    return this.settings[option] === null ? undefined : this.hyper(option);
  }

  protected override update(input: StepInput): StepOutput {
    return input.slots.velocity === undefined ? this.orthogonal(input) : this.adam(input);
  }

  private orthogonal({ weight, gradient, rate, slots }: StepInput): StepOutput {
    const momentum = add(multiply(slots.momentum as Tensor, this.hyper('momentum')), gradient);
    const ahead = this.settings.nesterov ? add(gradient, multiply(momentum, this.hyper('momentum'))) : momentum;
    const move = this.orthogonalized(ahead);
    const longest = Math.sqrt(Math.max(...weight.shape));
    const size = this.settings.rmsRate === null ? rate : multiply(rate, multiply(this.hyper('rmsRate'), longest));
    return { weight: subtract(weight, multiply(move, size)), slots: { momentum } };
  }

  /** A matrix with the same directions and lengths of about 1. */
  private orthogonalized(matrix: Tensor): Tensor {
    const isTall = (matrix.shape[0] as number) > (matrix.shape[1] as number);
    const wide = isTall ? transpose(matrix) : matrix;
    let x = divide(wide, add(sqrt(sum(square(wide))), 1e-7));
    for (let i = 0; i < this.number('nsSteps'); i++) {
      const product = matmul(x, x, { transposeB: true });
      const mixed = add(
        multiply(product, this.hyper('muonB')),
        matmul(multiply(product, this.hyper('muonC')), product),
      );
      x = add(multiply(x, this.hyper('muonA')), matmul(mixed, x));
    }
    return isTall ? transpose(x) : x;
  }

  private adam({ weight, gradient, rate, step, slots }: StepInput): StepOutput {
    const [oldMean, oldSize] = [slots.momentum as Tensor, slots.velocity as Tensor];
    const momentum = add(oldMean, multiply(subtract(gradient, oldMean), this.rest('adamBeta1')));
    const velocity = add(oldSize, multiply(subtract(square(gradient), oldSize), this.rest('adamBeta2')));
    const left = (beta: string): Tensor => subtract(1, power(this.hyper(beta), step));
    const scaled = multiply(
      multiply(rate, this.hyper('adamLrRatio')),
      divide(sqrt(left('adamBeta2')), left('adamBeta1')),
    );
    const move = divide(multiply(momentum, scaled), add(sqrt(velocity), this.hyper('epsilon')));
    return { weight: subtract(weight, move), slots: { momentum, velocity } };
  }
}
