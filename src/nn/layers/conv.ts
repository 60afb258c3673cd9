// Convolution layers: Conv2D and Conv1D. Bias and activation follow the convolution directly, in its own axis
// order, so that the compiler can fold them into its tile.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add } from '../../ops/arithmetic.js';
import { conv2d as conv2dOp } from '../../ops/conv.js';
import { conv1d as conv1dOp } from '../../ops/conv-variants.js';
import { transpose } from '../../ops/shape.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import type { Activation, ActivationLike } from '../activations.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { CallContext, Layer } from '../layer.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import {
  activation,
  choice,
  constraint,
  dataFormat,
  flag,
  initializer,
  pair,
  regularizer,
  single,
  whole,
} from './fields.js';

/** What convolutions with a kernel share. */
export interface KernelOptions extends CommonOptions {
  /** Default none. */
  activation?: ActivationLike;
  /** Default true. */
  useBias?: boolean;
  /** Default `glorotUniform`. */
  kernelInitializer?: InitializerLike;
  /** Default `zeros`. */
  biasInitializer?: InitializerLike;
  /** Default none. */
  kernelRegularizer?: RegularizerLike;
  biasRegularizer?: RegularizerLike;
  kernelConstraint?: ConstraintLike;
  biasConstraint?: ConstraintLike;
}

/** See `layers.conv2d`. */
export interface Conv2DOptions extends KernelOptions {
  /** Output channels. */
  filters: number;
  kernelSize: number | Pair;
  /** Default 1. */
  strides?: number | Pair;
  /** Default `valid`; `same` pads so that stride 1 keeps the size. */
  padding?: PaddingWord;
  /** Default `channelsLast`. */
  dataFormat?: DataFormat;
  /** Distance between the cells a filter touches; default 1. Not above 1 together with strides. */
  dilationRate?: number | Pair;
  /** Splits the channels; default 1. Divides filters and input channels. */
  groups?: number;
}

/** See `layers.conv1d`. */
export interface Conv1DOptions extends KernelOptions {
  filters: number;
  kernelSize: number;
  strides?: number;
  /** `causal` pads in front only. */
  padding?: PaddingWord | 'causal';
  dataFormat?: DataFormat;
  dilationRate?: number;
  groups?: number;
}

/** @internal The fields of layers with a kernel and a bias. */
export const kernelFields = {
  activation: activation(),
  useBias: flag(true),
  kernelInitializer: initializer('glorotUniform'),
  biasInitializer: initializer('zeros'),
  kernelRegularizer: regularizer(),
  biasRegularizer: regularizer(),
  kernelConstraint: constraint(),
  biasConstraint: constraint(),
};

const conv2dFields = {
  filters: whole(1),
  kernelSize: pair(1),
  strides: pair(1, 1),
  padding: choice(['valid', 'same'], 'valid'),
  dataFormat: dataFormat(),
  dilationRate: pair(1, 1),
  groups: whole(1, 1),
  ...kernelFields,
};

const conv1dFields = {
  filters: whole(1),
  kernelSize: single(1),
  strides: single(1, 1),
  padding: choice(['valid', 'same', 'causal'], 'valid'),
  dataFormat: dataFormat(),
  dilationRate: single(1, 1),
  groups: whole(1, 1),
  ...kernelFields,
};

/** @internal Throws `argument` for options that exclude each other. */
export function checkSteps(layer: Layer, strides: readonly number[], dilationRate: readonly number[]): void {
  if (Math.max(...strides) === 1 || Math.max(...dilationRate) === 1) return;
  throw new FoveaError({
    code: 'argument',
    op: layer.className,
    message: `strides ${strides.join(',')} and dilationRate ${dilationRate.join(',')} cannot both be above 1.`,
    got: { strides, dilationRate },
    path: layer.name,
  });
}

/** @internal Throws `argument` where groups do not divide the filters. */
export function checkGroups(layer: Layer, filters: number, groups: number): void {
  if (filters % groups === 0) return;
  throw new FoveaError({
    code: 'argument',
    op: layer.className,
    message: `groups ${groups} must divide filters ${filters}.`,
    got: { filters, groups },
    path: layer.name,
  });
}

/** @internal Throws `shape` where groups do not divide the input's channels. */
export function checkChannelGroups(layer: Layer, channels: number | null, groups: number): void {
  if (channels === null || channels % groups === 0) return;
  throw new FoveaError({
    code: 'shape',
    op: layer.className,
    message: `groups ${groups} must divide the input's ${channels} channels.`,
    got: channels,
    hint: 'Change groups, or the filters of the layer before.',
  });
}

/** @internal Runs `body` with the channels last and the activation where it belongs. */
export function convolve(
  x: Tensor,
  format: DataFormat,
  { activation: activate, bias, context }: { activation: Activation; bias: Variable | undefined; context: CallContext },
  body: (x: Tensor) => Tensor,
): Tensor {
  const isFirst = format === 'channelsFirst';
  const last = x.rank - 1;
  const inner = Array.from({ length: last - 1 }, (_, i) => i + 1);
  const from = isFirst ? transpose(x, [0, ...inner.map((axis) => axis + 1), 1]) : x;
  const sum = bias === undefined ? body(from) : add(body(from), bias.value);
  if (!isFirst) return activate.call(sum, context);
  const active = activate.isPointwise ? activate.call(sum, context) : sum;
  const back = transpose(active, [0, last, ...inner]);
  return activate.isPointwise ? back : activate.call(back, context);
}

/** Convolves pictures with a kernel [height,width,channels/groups,filters]. */
export class Conv2D extends ConfiguredLayer<typeof conv2dFields> {
  static override readonly className: string = 'Conv2D';
  static override readonly fields = conv2dFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: Conv2DOptions) {
    super(options);
    const { filters, groups, strides, dilationRate } = this.settings;
    checkGroups(this, filters, groups);
    checkSteps(this, strides, dilationRate);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, groups, ...set } = this.settings;
    const axes = spatialAxes(2, set.dataFormat);
    checkAxes(this, shape, axes);
    const channels = shape[axes.indexOf('channels')] ?? null;
    checkChannelGroups(this, channels, groups);
    this.channels = channels ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [...kernelSize, this.channels / groups, filters],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, groups, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, format), { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      conv2dOp(from, kernel.value, { strides, padding, dilationRate, groups }),
    );
  }
}

/** Convolves sequences [n,length,channels] with a kernel [width,channels/groups,filters]. */
export class Conv1D extends ConfiguredLayer<typeof conv1dFields> {
  static override readonly className: string = 'Conv1D';
  static override readonly fields = conv1dFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: Conv1DOptions) {
    super(options);
    const { filters, groups, strides, dilationRate } = this.settings;
    checkGroups(this, filters, groups);
    checkSteps(this, [strides], [dilationRate]);
  }

  private get axes(): readonly string[] {
    return spatialAxes(1, this.settings.dataFormat);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, groups, ...set } = this.settings;
    checkAxes(this, shape, this.axes);
    const channels = shape[this.axes.indexOf('channels')] ?? null;
    checkChannelGroups(this, channels, groups);
    this.channels = channels ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [kernelSize, this.channels / groups, filters],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, groups, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, this.axes, { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      conv1dOp(from, kernel.value, { strides, padding, dilationRate, groups }),
    );
  }
}
