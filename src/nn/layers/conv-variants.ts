// Depthwise, separable and transposed convolution layers.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { conv2dTranspose, depthwiseConv2d, separableConv2d } from '../../ops/conv-variants.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import type { ActivationLike } from '../activations.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { CallContext } from '../layer.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { checkSteps, convolve, type KernelOptions, kernelFields } from './conv.js';
import {
  activation,
  choice,
  constraint,
  dataFormat,
  flag,
  initializer,
  optional,
  pair,
  regularizer,
  whole,
} from './fields.js';

/** See `layers.depthwiseConv2d`. */
export interface DepthwiseConv2DOptions extends CommonOptions {
  kernelSize: number | Pair;
  /** Filters per input channel; default 1. */
  depthMultiplier?: number;
  strides?: number | Pair;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
  dilationRate?: number | Pair;
  activation?: ActivationLike;
  useBias?: boolean;
  depthwiseInitializer?: InitializerLike;
  biasInitializer?: InitializerLike;
  depthwiseRegularizer?: RegularizerLike;
  biasRegularizer?: RegularizerLike;
  depthwiseConstraint?: ConstraintLike;
  biasConstraint?: ConstraintLike;
}

/** See `layers.separableConv2d`. */
export interface SeparableConv2DOptions extends DepthwiseConv2DOptions {
  filters: number;
  pointwiseInitializer?: InitializerLike;
  pointwiseRegularizer?: RegularizerLike;
  pointwiseConstraint?: ConstraintLike;
}

/** See `layers.conv2dTranspose`. */
export interface Conv2DTransposeOptions extends KernelOptions {
  filters: number;
  kernelSize: number | Pair;
  strides?: number | Pair;
  padding?: PaddingWord;
  /** Rows and columns more, less than the strides; default: Keras's size, a multiple of the stride for `same`. */
  outputPadding?: number | Pair;
  dataFormat?: DataFormat;
  dilationRate?: number | Pair;
}

const windowFields = {
  kernelSize: pair(1),
  strides: pair(1, 1),
  padding: choice(['valid', 'same'], 'valid'),
  dataFormat: dataFormat(),
  dilationRate: pair(1, 1),
};

const depthwiseFields = {
  depthMultiplier: whole(1, 1),
  ...windowFields,
  activation: activation(),
  useBias: flag(true),
  depthwiseInitializer: initializer('glorotUniform'),
  biasInitializer: initializer('zeros'),
  depthwiseRegularizer: regularizer(),
  biasRegularizer: regularizer(),
  depthwiseConstraint: constraint(),
  biasConstraint: constraint(),
};

const separableFields = {
  filters: whole(1),
  ...depthwiseFields,
  pointwiseInitializer: initializer('glorotUniform'),
  pointwiseRegularizer: regularizer(),
  pointwiseConstraint: constraint(),
};

const transposeFields = { filters: whole(1), ...windowFields, outputPadding: optional(pair(0)), ...kernelFields };

/** Convolves every channel with filters of its own, [height,width,channels,depthMultiplier]. */
export class DepthwiseConv2D extends ConfiguredLayer<typeof depthwiseFields> {
  static override readonly className: string = 'DepthwiseConv2D';
  static override readonly fields = depthwiseFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: DepthwiseConv2DOptions) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { kernelSize, depthMultiplier, ...set } = this.settings;
    const axes = spatialAxes(2, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [...kernelSize, this.channels, depthMultiplier],
      initializer: set.depthwiseInitializer,
      regularizer: set.depthwiseRegularizer,
      constraint: set.depthwiseConstraint,
    });
    this.bias = this.addBias(this.channels * depthMultiplier, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, format), { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      depthwiseConv2d(from, kernel.value, { strides, padding, dilationRate }),
    );
  }
}

/** A depthwise convolution, then a 1x1 convolution that mixes the channels. */
export class SeparableConv2D extends ConfiguredLayer<typeof separableFields> {
  static override readonly className: string = 'SeparableConv2D';
  static override readonly fields = separableFields;
  private depthwise!: Variable;
  private pointwise!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: SeparableConv2DOptions) {
    super(options);
    checkSteps(this, this.settings.strides, this.settings.dilationRate);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, depthMultiplier, ...set } = this.settings;
    const axes = spatialAxes(2, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.depthwise = this.addConstrained({
      name: 'depthwise_kernel',
      shape: [...kernelSize, this.channels, depthMultiplier],
      initializer: set.depthwiseInitializer,
      regularizer: set.depthwiseRegularizer,
      constraint: set.depthwiseConstraint,
    });
    this.pointwise = this.addConstrained({
      name: 'pointwise_kernel',
      shape: [1, 1, this.channels * depthMultiplier, filters],
      initializer: set.pointwiseInitializer,
      regularizer: set.pointwiseRegularizer,
      constraint: set.pointwiseConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, format), { channels: this.channels });
    const { depthwise, pointwise, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      separableConv2d(from, depthwise.value, pointwise.value, { strides, padding, dilationRate }),
    );
  }
}

/** The transposed convolution, which enlarges pictures; kernel [height,width,filters,channels]. */
export class Conv2DTranspose extends ConfiguredLayer<typeof transposeFields> {
  static override readonly className: string = 'Conv2DTranspose';
  static override readonly fields = transposeFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: Conv2DTransposeOptions) {
    super(options);
    const { strides, dilationRate, outputPadding } = this.settings;
    checkSteps(this, strides, dilationRate);
    if (outputPadding?.some((extra, axis) => extra >= (strides[axis] as number))) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `outputPadding ${outputPadding.join(',')} must be less than strides ${strides.join(',')}.`,
        got: outputPadding,
        want: strides,
        path: this.name,
      });
    }
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, ...set } = this.settings;
    const axes = spatialAxes(2, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [...kernelSize, filters, this.channels],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, outputPadding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, format), { channels: this.channels });
    const { kernel, bias } = this;
    const extra = outputPadding === null ? {} : { outputPadding };
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      conv2dTranspose(from, kernel.value, { strides, padding, dilationRate, ...extra }),
    );
  }
}
