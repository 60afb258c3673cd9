// Batch normalisation (Ioffe and Szegedy). In training it uses the batch's statistics and moves the running
// ones towards them; elsewhere, and where the layer is frozen, it uses the running ones.
import { normalizeAxis } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { type BatchNormOptions, type BatchNormResult, batchNorm, batchNormTrain } from '../../ops/norm.js';
import { sum } from '../../ops/reduce.js';
import { expandDims, transpose } from '../../ops/shape.js';
import { square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { CallContext } from '../layer.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { wrongInput } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import {
  constraint as constraintField,
  type Field,
  flag,
  initializer,
  real,
  refuseOption,
  regularizer,
} from './fields.js';

/** See `layers.batchNormalization`. */
export interface BatchNormalizationOptions extends CommonOptions {
  /** The axis of the channels; default the last. */
  axis?: number;
  /** What stays of the running statistics in a step; default 0.99. */
  momentum?: number;
  /** Added to the variance; default 1e-3. */
  epsilon?: number;
  /** Whether to shift by beta; default true. */
  center?: boolean;
  /** Whether to scale by gamma; default true. */
  scale?: boolean;
  betaInitializer?: InitializerLike;
  gammaInitializer?: InitializerLike;
  movingMeanInitializer?: InitializerLike;
  movingVarianceInitializer?: InitializerLike;
  betaRegularizer?: RegularizerLike;
  gammaRegularizer?: RegularizerLike;
  betaConstraint?: ConstraintLike;
  gammaConstraint?: ConstraintLike;
}

/** @internal A single axis; Keras 2 writes it as a list of one. */
export const axisField: Field<number> = {
  fallback: () => -1,
  check(value, place) {
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    throw refuseOption(place, 'one axis', value);
  },
  write: (value) => value,
  read: (value) => (Array.isArray(value) && value.length === 1 ? value[0] : value),
};

const batchNormFields = {
  axis: axisField,
  momentum: real(0.99, { low: 0 }),
  epsilon: real(1e-3, { low: 0 }),
  center: flag(true),
  scale: flag(true),
  betaInitializer: initializer('zeros'),
  gammaInitializer: initializer('ones'),
  movingMeanInitializer: initializer('zeros'),
  movingVarianceInitializer: initializer('ones'),
  betaRegularizer: regularizer(),
  gammaRegularizer: regularizer(),
  betaConstraint: constraintField(),
  gammaConstraint: constraintField(),
};

/** Gives every channel mean 0 and variance 1, then scale gamma and shift beta. */
export class BatchNormalization extends ConfiguredLayer<typeof batchNormFields> {
  static override readonly className: string = 'BatchNormalization';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = batchNormFields;
  private gamma: Variable | undefined;
  private beta: Variable | undefined;
  private movingMean!: Variable;
  private movingVariance!: Variable;
  private channels = 0;

  constructor(options: BatchNormalizationOptions = {}) {
    super(options);
  }

  override build([input]: readonly [PartialShape]): void {
    const { axis, center, scale, ...set } = this.settings;
    this.channels = input[normalizeAxis(axis, input.length, this.className)] ?? Number.NaN;
    const shape = [this.channels];
    if (scale) {
      const [initializer, regularizer, constraint] = [set.gammaInitializer, set.gammaRegularizer, set.gammaConstraint];
      this.gamma = this.addConstrained({ name: 'gamma', autocast: false, shape, initializer, regularizer, constraint });
    }
    if (center) {
      const [initializer, regularizer, constraint] = [set.betaInitializer, set.betaRegularizer, set.betaConstraint];
      this.beta = this.addConstrained({ name: 'beta', autocast: false, shape, initializer, regularizer, constraint });
    }
    const fixed = { shape, trainable: false, autocast: false };
    this.movingMean = this.addWeight({ ...fixed, name: 'moving_mean', initializer: set.movingMeanInitializer });
    this.movingVariance = this.addWeight({
      ...fixed,
      name: 'moving_variance',
      initializer: set.movingVarianceInitializer,
    });
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const axis = normalizeAxis(this.settings.axis, x.rank, this.className);
    if (x.shape[axis] !== this.channels) {
      const axes = x.shape.map((_, i) => (i === 0 ? 'batch' : i === axis ? 'channels' : `axis${i}`));
      throw wrongInput(this, x.shape, axes, { channels: this.channels });
    }
    if (axis === x.rank - 1) return this.normalize(x, context);
    const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
    const order = [...others, axis];
    const back = x.shape.map((_, i) => order.indexOf(i));
    // A mask is of the first axes: it does not follow where these are turned.
    return transpose(this.normalize(transpose(x, order), { ...context, masks: [] }), back);
  }

  /** In float32 whatever the layer computes in: sums of squares need the digits. */
  private normalize(input: Tensor, context: CallContext): Tensor {
    const x = cast(input, 'float32');
    const { epsilon } = this.settings;
    const affine = { gamma: this.gamma?.value, beta: this.beta?.value, epsilon };
    if (!context.training || !this.trainable) {
      const y = batchNorm(x, { ...affine, mean: this.movingMean.value, variance: this.movingVariance.value });
      return cast(y, this.computeDtype);
    }
    const mask = context.masks?.[0];
    const { y, mean, variance } =
      mask?.rank === x.rank - 1 ? this.normalizeCounted(x, expandDims(mask, -1), affine) : batchNormTrain(x, affine);
    this.move(this.movingMean, mean);
    this.move(this.movingVariance, variance);
    return cast(y, this.computeDtype);
  }

  /** By mean and variance of the time steps that count. */
  private normalizeCounted(
    x: Tensor,
    counts: Tensor,
    affine: Omit<BatchNormOptions, 'mean' | 'variance'>,
  ): BatchNormResult {
    const axis = x.shape.map((_, i) => i).slice(0, -1);
    const total = add(sum(cast(counts, 'float32'), { axis }), 1e-7);
    const mean = divide(sum(where(counts, x, 0), { axis }), total);
    const variance = divide(sum(square(where(counts, subtract(x, mean), 0)), { axis }), total);
    return { y: batchNorm(x, { ...affine, mean, variance }), mean, variance };
  }

  private move(statistic: Variable, batch: Tensor): void {
    const { momentum } = this.settings;
    const moved = add(multiply(cast(statistic.value, 'float32'), momentum), multiply(batch, 1 - momentum));
    statistic.assign(cast(moved, statistic.dtype));
  }
}
