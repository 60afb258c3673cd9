// Weights that learn faster or slower than the rest: what an optimizer multiplies its rate by, weight by weight. Keras has no
// such option, so it is no part of the optimizer's config; models keep it in their own entry of a file.
import { FoveaError } from '../../core/errors.js';
import type { Variable } from '../../graph/variable.js';
import { describe } from '../keras-config.js';

/** A factor per weight; 1 for those that have none. */
export class RateFactors {
  /** Grows with every change: a step that was compiled before holds the old factors. */
  version = 0;
  private readonly factors = new Map<Variable, number>();

  of(variable: Variable): number {
    return this.factors.get(variable) ?? 1;
  }

  /** Throws `argument` for a factor that is no number of at least 0. */
  set(variables: readonly Variable[], factor: number, op: string): void {
    if (typeof factor !== 'number' || !Number.isFinite(factor) || factor < 0) {
      throw new FoveaError({
        code: 'argument',
        op,
        message: `a factor of the learning rate must be a number of at least 0; got ${describe(factor)}.`,
        got: factor,
        want: 'a number of at least 0',
      });
    }
    if (variables.every((variable) => this.of(variable) === factor)) return;
    for (const variable of variables) this.factors.set(variable, factor);
    this.version++;
  }
}
