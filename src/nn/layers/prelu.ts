// A leaky ReLU whose slopes are learned.
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { relu } from '../../ops/activation.js';
import { multiply, negative, subtract } from '../../ops/arithmetic.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { constraint, initializer, list, optional, regularizer } from './fields.js';

/** See `layers.prelu`. */
export interface PReLUOptions extends CommonOptions {
  alphaInitializer?: InitializerLike;
  alphaRegularizer?: RegularizerLike;
  alphaConstraint?: ConstraintLike;
  /** Axes, counted from 1, along which one slope serves; [1, 2] gives a picture one slope per channel. */
  sharedAxes?: readonly number[];
}

const preluFields = {
  alphaInitializer: initializer('zeros'),
  alphaRegularizer: regularizer(),
  alphaConstraint: constraint(),
  sharedAxes: optional(list('axes counted from 1', (axis) => axis >= 1)),
};

/** x above 0, alpha * x below, with an alpha for every input or channel. */
export class PReLU extends ConfiguredLayer<typeof preluFields> {
  static override readonly className: string = 'PReLU';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = preluFields;
  private alpha!: Variable;

  constructor(options: PReLUOptions = {}) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { sharedAxes, alphaInitializer, alphaRegularizer, alphaConstraint } = this.settings;
    this.alpha = this.addConstrained({
      name: 'alpha',
      shape: shape.slice(1).map((dim, i) => (sharedAxes?.includes(i + 1) ? 1 : (dim ?? Number.NaN))),
      initializer: alphaInitializer,
      regularizer: alphaRegularizer,
      constraint: alphaConstraint,
    });
  }

  override call([x]: readonly [Tensor]): Tensor {
    return subtract(relu(x), multiply(this.alpha.value, relu(negative(x))));
  }
}
