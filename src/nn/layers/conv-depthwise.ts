// Convolutions that keep the channels apart: depthwise, and separable ones, which then mix them by a 1x1 convolution.
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { depthwiseConv1d, depthwiseConv2d, separableConv1d, separableConv2d } from '../../ops/conv-variants.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import type { ActivationLike } from '../activations.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { CallContext } from '../layer.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { checkSteps, convolve, type Size, windowFieldsWith } from './conv.js';
import { activation, constraint, type Field, flag, initializer, pair, regularizer, single, whole } from './fields.js';

interface DepthwiseOptions<Size> extends CommonOptions {
  kernelSize: Size;
  /** Filters per input channel; default 1. */
  depthMultiplier?: number;
  strides?: Size;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
  dilationRate?: Size;
  activation?: ActivationLike;
  useBias?: boolean;
  depthwiseInitializer?: InitializerLike;
  biasInitializer?: InitializerLike;
  depthwiseRegularizer?: RegularizerLike;
  biasRegularizer?: RegularizerLike;
  depthwiseConstraint?: ConstraintLike;
  biasConstraint?: ConstraintLike;
}

interface SeparableOptions<Size> extends DepthwiseOptions<Size> {
  filters: number;
  pointwiseInitializer?: InitializerLike;
  pointwiseRegularizer?: RegularizerLike;
  pointwiseConstraint?: ConstraintLike;
}

/** See `layers.depthwiseConv1d`. */
export type DepthwiseConv1DOptions = DepthwiseOptions<number>;
/** See `layers.depthwiseConv2d`. */
export type DepthwiseConv2DOptions = DepthwiseOptions<number | Pair>;
/** See `layers.separableConv1d`. */
export type SeparableConv1DOptions = SeparableOptions<number>;
/** See `layers.separableConv2d`. */
export type SeparableConv2DOptions = SeparableOptions<number | Pair>;

const depthwiseFieldsWith = <V>(size: Field<V>, steps: Field<V>) => ({
  depthMultiplier: whole(1, 1),
  ...windowFieldsWith(size, steps, ['valid', 'same']),
  activation: activation(),
  useBias: flag(true),
  depthwiseInitializer: initializer('glorotUniform'),
  biasInitializer: initializer('zeros'),
  depthwiseRegularizer: regularizer(),
  biasRegularizer: regularizer(),
  depthwiseConstraint: constraint(),
  biasConstraint: constraint(),
});

const separableFieldsWith = <V>(size: Field<V>, steps: Field<V>) => ({
  filters: whole(1),
  ...depthwiseFieldsWith(size, steps),
  pointwiseInitializer: initializer('glorotUniform'),
  pointwiseRegularizer: regularizer(),
  pointwiseConstraint: constraint(),
});

interface Steps<V> {
  readonly strides: V;
  readonly padding: PaddingWord;
  readonly dilationRate: V;
}

abstract class DepthwiseConvolution<V extends Size, O extends object> extends ConfiguredLayer<
  ReturnType<typeof depthwiseFieldsWith<V>>
> {
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;
  protected abstract readonly rank: 1 | 2;
  protected abstract readonly op: (x: Tensor, kernel: Tensor, steps: Steps<V>) => Tensor;

  constructor(options: O) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { kernelSize, depthMultiplier, ...set } = this.settings;
    const axes = spatialAxes(this.rank, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [...[kernelSize as Size].flat(), this.channels, depthMultiplier],
      initializer: set.depthwiseInitializer,
      regularizer: set.depthwiseRegularizer,
      constraint: set.depthwiseConstraint,
    });
    this.bias = this.addBias(this.channels * depthMultiplier, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format), { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      this.op(from, kernel.value, { strides, padding, dilationRate }),
    );
  }
}

/** Convolves every channel of a sequence with filters of its own, [width,channels,depthMultiplier]. */
export class DepthwiseConv1D extends DepthwiseConvolution<number, DepthwiseConv1DOptions> {
  static override readonly className: string = 'DepthwiseConv1D';
  static override readonly fields = depthwiseFieldsWith(single(1), single(1, 1));
  protected override readonly rank = 1;
  protected override readonly op = depthwiseConv1d;
}

/** Convolves every channel with filters of its own, [height,width,channels,depthMultiplier]. */
export class DepthwiseConv2D extends DepthwiseConvolution<Pair, DepthwiseConv2DOptions> {
  static override readonly className: string = 'DepthwiseConv2D';
  static override readonly fields = depthwiseFieldsWith(pair(1), pair(1, 1));
  protected override readonly rank = 2;
  protected override readonly op = depthwiseConv2d;
}

abstract class SeparableConvolution<V extends Size, O extends object> extends ConfiguredLayer<
  ReturnType<typeof separableFieldsWith<V>>
> {
  private depthwise!: Variable;
  private pointwise!: Variable;
  private bias: Variable | undefined;
  private channels = 0;
  protected abstract readonly rank: 1 | 2;
  protected abstract readonly op: (x: Tensor, depthwise: Tensor, pointwise: Tensor, steps: Steps<V>) => Tensor;

  constructor(options: O) {
    super(options);
    checkSteps(this, this.settings.strides, this.settings.dilationRate);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, depthMultiplier, ...set } = this.settings;
    const axes = spatialAxes(this.rank, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    const cells = [kernelSize as Size].flat();
    this.depthwise = this.addConstrained({
      name: 'depthwise_kernel',
      shape: [...cells, this.channels, depthMultiplier],
      initializer: set.depthwiseInitializer,
      regularizer: set.depthwiseRegularizer,
      constraint: set.depthwiseConstraint,
    });
    this.pointwise = this.addConstrained({
      name: 'pointwise_kernel',
      shape: [...cells.map(() => 1), this.channels * depthMultiplier, filters],
      initializer: set.pointwiseInitializer,
      regularizer: set.pointwiseRegularizer,
      constraint: set.pointwiseConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format), { channels: this.channels });
    const { depthwise, pointwise, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      this.op(from, depthwise.value, pointwise.value, { strides, padding, dilationRate }),
    );
  }
}

/** A depthwise convolution of a sequence, then one of width 1 that mixes the channels. */
export class SeparableConv1D extends SeparableConvolution<number, SeparableConv1DOptions> {
  static override readonly className: string = 'SeparableConv1D';
  static override readonly fields = separableFieldsWith(single(1), single(1, 1));
  protected override readonly rank = 1;
  protected override readonly op = separableConv1d;
}

/** A depthwise convolution, then a 1x1 convolution that mixes the channels. */
export class SeparableConv2D extends SeparableConvolution<Pair, SeparableConv2DOptions> {
  static override readonly className: string = 'SeparableConv2D';
  static override readonly fields = separableFieldsWith(pair(1), pair(1, 1));
  protected override readonly rank = 2;
  protected override readonly op = separableConv2d;
}
