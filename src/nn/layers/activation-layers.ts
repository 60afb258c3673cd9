// Activations as layers.
import { isFloat } from '../../core/dtype.js';
import type { Tensor } from '../../graph/tensor.js';
import { elu, leakyRelu } from '../../ops/activation.js';
import { cast, subtract } from '../../ops/arithmetic.js';
import { logSumExp } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import { exp } from '../../ops/unary.js';
import { type ActivationLike, activationFunction } from '../activations.js';
import type { CallContext } from '../layer.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { activation, type Field, optional, real, refuseOption } from './fields.js';

/** See `layers.activation`. */
export interface ActivationOptions extends CommonOptions {
  activation: ActivationLike;
}

/** See `layers.relu`. */
export interface ReLUOptions extends CommonOptions {
  /** Outputs above it are cut; default none. */
  maxValue?: number;
  /** Slope below the threshold; default 0. */
  negativeSlope?: number;
  /** Where the slope begins; default 0. */
  threshold?: number;
}

/** See `layers.leakyRelu`. */
export interface LeakyReLUOptions extends CommonOptions {
  /** Default 0.3. */
  negativeSlope?: number;
}

/** See `layers.elu`. */
export interface ELUOptions extends CommonOptions {
  /** Default 1. */
  alpha?: number;
}

/** See `layers.softmax`. */
export interface SoftmaxOptions extends CommonOptions {
  /** Default the last; several are normalised together. */
  axis?: number | readonly number[];
}

const { fallback: _, ...requiredActivation } = activation();
const activationFields = { activation: requiredActivation };
const reluFields = {
  maxValue: optional(real(undefined, { low: 0 })),
  negativeSlope: real(0, { low: 0 }),
  threshold: real(0, { low: 0 }),
};
// Keras 2 calls the slope alpha.
const leakyFields = { negativeSlope: { ...real(0.3, { low: 0 }), keys: ['negative_slope', 'alpha'] } };
const eluFields = { alpha: real(1) };

/** @internal One axis or several. */
export const axesField: Field<number | readonly number[]> = {
  fallback: () => -1,
  check(value, place) {
    const isAxis = (each: unknown): boolean => Number.isInteger(each);
    if (isAxis(value)) return value as number;
    if (Array.isArray(value) && value.length > 0 && value.every(isAxis)) return [...value] as number[];
    throw refuseOption(place, 'an axis or a list of axes', value);
  },
  write: (value) => (typeof value === 'number' ? value : [...value]),
};
const softmaxFields = { axis: axesField };

const floating = (x: Tensor): Tensor => (isFloat(x.dtype) ? x : cast(x, 'float32'));

/** Applies an activation function. */
export class Activation extends ConfiguredLayer<typeof activationFields> {
  static override readonly className: string = 'Activation';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = activationFields;

  constructor(options: ActivationOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    return this.settings.activation.call(x, context);
  }
}

/** x from the threshold to the maximum, a slope below. */
export class ReLU extends ConfiguredLayer<typeof reluFields> {
  static override readonly className: string = 'ReLU';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = reluFields;

  constructor(options: ReLUOptions = {}) {
    super(options);
  }

  override call([given]: readonly [Tensor]): Tensor {
    const { maxValue, negativeSlope, threshold } = this.settings;
    const limit = maxValue === null ? {} : { maxValue };
    return activationFunction('relu')(floating(given), { ...limit, negativeSlope, threshold });
  }
}

/** x above 0, a slope below. */
export class LeakyReLU extends ConfiguredLayer<typeof leakyFields> {
  static override readonly className: string = 'LeakyReLU';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = leakyFields;

  constructor(options: LeakyReLUOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    return leakyRelu(x, this.settings.negativeSlope);
  }
}

/** x above 0, alpha * (exp(x) - 1) below. */
export class ELU extends ConfiguredLayer<typeof eluFields> {
  static override readonly className: string = 'ELU';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = eluFields;

  constructor(options: ELUOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    return elu(x, this.settings.alpha);
  }
}

/** Exponentials that sum to 1 along the axis. */
export class Softmax extends ConfiguredLayer<typeof softmaxFields> {
  static override readonly className: string = 'Softmax';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = softmaxFields;

  constructor(options: SoftmaxOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { axis } = this.settings;
    if (typeof axis === 'number') return softmax(x, { axis });
    return exp(subtract(x, logSumExp(x, { axis, keepDims: true })));
  }
}
