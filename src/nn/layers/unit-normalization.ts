// Normalisations of every example by itself: over axes, over groups of channels, by the root of the mean square, to length 1.
import { FoveaError } from '../../core/errors.js';
import { normalizeAxes, normalizeAxis } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, multiply } from '../../ops/arithmetic.js';
import { groupNorm, layerNorm } from '../../ops/layer-norm.js';
import { l2Normalize } from '../../ops/norm.js';
import { mean } from '../../ops/reduce.js';
import { reshape, transpose } from '../../ops/shape.js';
import { rsqrt, square } from '../../ops/unary.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { axesField } from './activation-layers.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { constraint, flag, initializer, real, regularizer } from './fields.js';
import { axisField } from './normalization.js';

interface AffineOptions extends CommonOptions {
  /** Added to the variance; default 1e-3. */
  epsilon?: number;
  /** Whether to shift by beta; default true. */
  center?: boolean;
  /** Whether to scale by gamma; default true. */
  scale?: boolean;
  betaInitializer?: InitializerLike;
  gammaInitializer?: InitializerLike;
  betaRegularizer?: RegularizerLike;
  gammaRegularizer?: RegularizerLike;
  betaConstraint?: ConstraintLike;
  gammaConstraint?: ConstraintLike;
}

/** See `layers.layerNormalization`. */
export interface LayerNormalizationOptions extends AffineOptions {
  /** Which axes are normalised together; default the last. */
  axis?: number | readonly number[];
  /** Divides by the standard deviation without taking the mean away; default false. */
  rmsScaling?: boolean;
}

/** See `layers.groupNormalization`. */
export interface GroupNormalizationOptions extends AffineOptions {
  /** How many groups the channels form; default 32, -1 gives every channel its own. */
  groups?: number;
  /** The channels; default the last. */
  axis?: number;
}

/** See `layers.rmsNormalization`. */
export interface RMSNormalizationOptions extends CommonOptions {
  axis?: number | readonly number[];
  /** Default 1e-6. */
  epsilon?: number;
}

/** See `layers.unitNormalization`. */
export interface UnitNormalizationOptions extends CommonOptions {
  axis?: number | readonly number[];
}

const affineFields = {
  epsilon: real(1e-3, { low: 0 }),
  center: flag(true),
  scale: flag(true),
  betaInitializer: initializer('zeros'),
  gammaInitializer: initializer('ones'),
  betaRegularizer: regularizer(),
  gammaRegularizer: regularizer(),
  betaConstraint: constraint(),
  gammaConstraint: constraint(),
};

/** Keras writes these axes as a list. */
const axesListField = { ...axesField, write: (value: number | readonly number[]) => [value].flat() };
const layerFields = { axis: axesListField, ...affineFields, rmsScaling: flag(false) };
const groupFields = { groups: groupCount(), axis: axisField, ...affineFields };
const rmsFields = { axis: axesListField, epsilon: real(1e-6, { low: 0 }) };
const unitFields = { axis: axesListField };

function groupCount() {
  const field = real(32);
  return {
    ...field,
    check: (value: unknown, place: Parameters<typeof field.check>[1]): number => {
      const count = field.check(value, place);
      if (count === -1 || (Number.isInteger(count) && count >= 1)) return count;
      throw new FoveaError({
        code: 'argument',
        op: place.className,
        message: `groups must be a whole number of at least 1, or -1; got ${count}.`,
        got: value,
      });
    },
  };
}

type AffineFields = typeof affineFields;

abstract class Affine<F extends AffineFields> extends ConfiguredLayer<F> {
  protected gamma: Variable | undefined;
  protected beta: Variable | undefined;

  protected addAffine(
    shape: readonly number[],
    { center, scale, ...set }: ConfiguredLayer<AffineFields>['settings'],
  ): void {
    if (scale) {
      const [initializer, regularizer, constraint] = [set.gammaInitializer, set.gammaRegularizer, set.gammaConstraint];
      this.gamma = this.addConstrained({ name: 'gamma', shape, initializer, regularizer, constraint });
    }
    if (center) {
      const [initializer, regularizer, constraint] = [set.betaInitializer, set.betaRegularizer, set.betaConstraint];
      this.beta = this.addConstrained({ name: 'beta', shape, initializer, regularizer, constraint });
    }
  }
}

/** Sizes along axes, unknown ones as NaN, which the weight's own check names. */
function sizesOf(shape: PartialShape, axis: number | readonly number[], op: string): number[] {
  return normalizeAxes(axis, shape.length, op).map((each) => shape[each] ?? Number.NaN);
}

/** Gives every example mean 0 and variance 1 over the axes, then scale gamma and shift beta of their sizes. */
export class LayerNormalization extends Affine<typeof layerFields> {
  static override readonly className: string = 'LayerNormalization';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = layerFields;

  constructor(options: LayerNormalizationOptions = {}) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { axis, rmsScaling, center, scale } = this.settings;
    const sizes = sizesOf(shape, axis, this.className);
    this.addAffine(sizes, { ...this.settings, center: center && !rmsScaling, scale: scale || rmsScaling });
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { axis, epsilon, rmsScaling } = this.settings;
    const affine = { gamma: this.gamma?.value, beta: this.beta?.value };
    return layerNorm(x, { axis, epsilon, ...affine, isCentred: !rmsScaling });
  }
}

/** Gives each group of channels of every example mean 0 and variance 1, then scale gamma and shift beta by channel. */
export class GroupNormalization extends Affine<typeof groupFields> {
  static override readonly className: string = 'GroupNormalization';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = groupFields;

  constructor(options: GroupNormalizationOptions = {}) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { axis, groups } = this.settings;
    const channels = shape[normalizeAxis(axis, shape.length, this.className)] ?? Number.NaN;
    if (groups !== -1 && channels % groups !== 0 && !Number.isNaN(channels)) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `groups ${groups} must divide the input's ${channels} channels.`,
        got: channels,
        hint: 'Change groups; -1 gives every channel its own.',
      });
    }
    this.addAffine([channels], this.settings);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { axis, groups, epsilon } = this.settings;
    const at = normalizeAxis(axis, x.rank, this.className);
    const order = [...x.shape.map((_, i) => i).filter((i) => i !== at), at];
    const count = groups === -1 ? (x.shape[at] as number) : groups;
    const y = groupNorm(transpose(x, order), count, { gamma: this.gamma?.value, beta: this.beta?.value, epsilon });
    return transpose(
      y,
      x.shape.map((_, i) => order.indexOf(i)),
    );
  }
}

/** Divides every example by the root of its mean square over the axes, times a learned scale. */
export class RMSNormalization extends ConfiguredLayer<typeof rmsFields> {
  static override readonly className: string = 'RMSNormalization';
  static override readonly fields = rmsFields;
  private scale!: Variable;

  constructor(options: RMSNormalizationOptions = {}) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const sizes = sizesOf(shape, this.settings.axis, this.className);
    this.scale = this.addWeight({ name: 'scale', shape: sizes, initializer: 'ones' });
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { axis, epsilon } = this.settings;
    const axes = normalizeAxes(axis, x.rank, this.className);
    const wide = cast(x, 'float32');
    const inverse = rsqrt(add(mean(square(wide), { axis: axes, keepDims: true }), epsilon));
    const scale = reshape(
      this.scale.value,
      x.shape.map((dim, i) => (axes.includes(i) ? dim : 1)),
    );
    return cast(multiply(multiply(wide, inverse), scale), x.dtype);
  }
}

/** Divides every example by its length over the axes. */
export class UnitNormalization extends ConfiguredLayer<typeof unitFields> {
  static override readonly className: string = 'UnitNormalization';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = unitFields;

  constructor(options: UnitNormalizationOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    return l2Normalize(x, { axis: this.settings.axis });
  }
}
