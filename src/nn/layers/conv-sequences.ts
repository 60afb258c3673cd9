// Convolutions of sequences [n,length,channels] beside Conv1D: depthwise, separable, transposed.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { conv1dTranspose, depthwiseConv1d, separableConv1d } from '../../ops/conv-variants.js';
import type { DataFormat, PaddingWord } from '../../ops/window.js';
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
  regularizer,
  single,
  whole,
} from './fields.js';

/** See `layers.depthwiseConv1d`. */
export interface DepthwiseConv1DOptions extends CommonOptions {
  kernelSize: number;
  /** Filters per input channel; default 1. */
  depthMultiplier?: number;
  strides?: number;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
  dilationRate?: number;
  activation?: ActivationLike;
  useBias?: boolean;
  depthwiseInitializer?: InitializerLike;
  biasInitializer?: InitializerLike;
  depthwiseRegularizer?: RegularizerLike;
  biasRegularizer?: RegularizerLike;
  depthwiseConstraint?: ConstraintLike;
  biasConstraint?: ConstraintLike;
}

/** See `layers.separableConv1d`. */
export interface SeparableConv1DOptions extends DepthwiseConv1DOptions {
  filters: number;
  pointwiseInitializer?: InitializerLike;
  pointwiseRegularizer?: RegularizerLike;
  pointwiseConstraint?: ConstraintLike;
}

/** See `layers.conv1dTranspose`. */
export interface Conv1DTransposeOptions extends KernelOptions {
  filters: number;
  kernelSize: number;
  strides?: number;
  padding?: PaddingWord;
  /** Elements more at the end, less than the stride; default: Keras's length. */
  outputPadding?: number;
  dataFormat?: DataFormat;
  dilationRate?: number;
}

const windowFields = {
  kernelSize: single(1),
  strides: single(1, 1),
  padding: choice(['valid', 'same'], 'valid'),
  dataFormat: dataFormat(),
  dilationRate: single(1, 1),
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

const transposeFields = { filters: whole(1), ...windowFields, outputPadding: optional(single(0)), ...kernelFields };

/** Convolves every channel of a sequence with filters of its own, [width,channels,depthMultiplier]. */
export class DepthwiseConv1D extends ConfiguredLayer<typeof depthwiseFields> {
  static override readonly className: string = 'DepthwiseConv1D';
  static override readonly fields = depthwiseFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: DepthwiseConv1DOptions) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { kernelSize, depthMultiplier, ...set } = this.settings;
    const axes = spatialAxes(1, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [kernelSize, this.channels, depthMultiplier],
      initializer: set.depthwiseInitializer,
      regularizer: set.depthwiseRegularizer,
      constraint: set.depthwiseConstraint,
    });
    this.bias = this.addBias(this.channels * depthMultiplier, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(1, format), { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      depthwiseConv1d(from, kernel.value, { strides, padding, dilationRate }),
    );
  }
}

/** A depthwise convolution of a sequence, then one of width 1 that mixes the channels. */
export class SeparableConv1D extends ConfiguredLayer<typeof separableFields> {
  static override readonly className: string = 'SeparableConv1D';
  static override readonly fields = separableFields;
  private depthwise!: Variable;
  private pointwise!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: SeparableConv1DOptions) {
    super(options);
    checkSteps(this, [this.settings.strides], [this.settings.dilationRate]);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, depthMultiplier, ...set } = this.settings;
    const axes = spatialAxes(1, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.depthwise = this.addConstrained({
      name: 'depthwise_kernel',
      shape: [kernelSize, this.channels, depthMultiplier],
      initializer: set.depthwiseInitializer,
      regularizer: set.depthwiseRegularizer,
      constraint: set.depthwiseConstraint,
    });
    this.pointwise = this.addConstrained({
      name: 'pointwise_kernel',
      shape: [1, this.channels * depthMultiplier, filters],
      initializer: set.pointwiseInitializer,
      regularizer: set.pointwiseRegularizer,
      constraint: set.pointwiseConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(1, format), { channels: this.channels });
    const { depthwise, pointwise, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      separableConv1d(from, depthwise.value, pointwise.value, { strides, padding, dilationRate }),
    );
  }
}

/** The transposed convolution of a sequence, which lengthens it; kernel [width,filters,channels]. */
export class Conv1DTranspose extends ConfiguredLayer<typeof transposeFields> {
  static override readonly className: string = 'Conv1DTranspose';
  static override readonly fields = transposeFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: Conv1DTransposeOptions) {
    super(options);
    const { strides, dilationRate, outputPadding } = this.settings;
    checkSteps(this, [strides], [dilationRate]);
    if (outputPadding !== null && outputPadding >= strides) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `outputPadding ${outputPadding} must be less than strides ${strides}.`,
        got: outputPadding,
        want: strides,
        path: this.name,
      });
    }
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, ...set } = this.settings;
    const axes = spatialAxes(1, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [kernelSize, filters, this.channels],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, outputPadding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(1, format), { channels: this.channels });
    const { kernel, bias } = this;
    const extra = outputPadding === null ? {} : { outputPadding };
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      conv1dTranspose(from, kernel.value, { strides, padding, dilationRate, ...extra }),
    );
  }
}
