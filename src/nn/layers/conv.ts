// Convolution layers for sequences, pictures and volumes. Bias and activation follow the convolution directly, in its own axis
// order, so that the compiler can fold them into its tile.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add } from '../../ops/arithmetic.js';
import { conv2d } from '../../ops/conv.js';
import { conv1d } from '../../ops/conv-variants.js';
import { transpose } from '../../ops/shape.js';
import { conv3d, type Triple } from '../../ops/volume.js';
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
  type Field,
  flag,
  initializer,
  pair,
  regularizer,
  single,
  triple,
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

interface ConvolutionOptions<Size> extends KernelOptions {
  /** Output channels. */
  filters: number;
  kernelSize: Size;
  /** Default 1. */
  strides?: Size;
  /** Default `valid`; `same` pads so that stride 1 keeps the size. */
  padding?: PaddingWord;
  /** Default `channelsLast`. */
  dataFormat?: DataFormat;
  /** Distance between the cells a filter touches; default 1. Not above 1 together with strides. */
  dilationRate?: Size;
  /** Splits the channels; default 1. Divides filters and input channels. */
  groups?: number;
}

/** See `layers.conv1d`. */
export interface Conv1DOptions extends Omit<ConvolutionOptions<number>, 'padding'> {
  /** `causal` pads in front only. */
  padding?: PaddingWord | 'causal';
}
/** See `layers.conv2d`. */
export type Conv2DOptions = ConvolutionOptions<number | Pair>;
/** See `layers.conv3d`. */
export type Conv3DOptions = ConvolutionOptions<number | Triple>;

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

/** @internal How a filter slides, for sizes of one rank. */
export const windowFieldsWith = <V, W extends string>(size: Field<V>, steps: Field<V>, paddings: readonly W[]) => ({
  kernelSize: size,
  strides: steps,
  padding: choice(paddings, paddings[0] as W),
  dataFormat: dataFormat(),
  dilationRate: steps,
});

const convolutionFieldsWith = <V, W extends string>(size: Field<V>, steps: Field<V>, paddings: readonly W[]) => ({
  filters: whole(1),
  ...windowFieldsWith(size, steps, paddings),
  groups: whole(1, 1),
  ...kernelFields,
});

type ConvolutionFields<V, W extends string> = ReturnType<typeof convolutionFieldsWith<V, W>>;

/** @internal One number, or one along each axis. */
export type Size = number | readonly number[];

/** @internal Throws `argument` for options that exclude each other. */
export function checkSteps(layer: Layer, strides: Size, dilationRate: Size): void {
  const largest = (size: Size): number => Math.max(...[size].flat());
  if (largest(strides) === 1 || largest(dilationRate) === 1) return;
  throw new FoveaError({
    code: 'argument',
    op: layer.className,
    message: `strides ${strides} and dilationRate ${dilationRate} cannot both be above 1.`,
    got: { strides, dilationRate },
    path: layer.name,
  });
}

/** Throws `argument` where groups do not divide the filters. */
function checkGroups(layer: Layer, filters: number, groups: number): void {
  if (filters % groups === 0) return;
  throw new FoveaError({
    code: 'argument',
    op: layer.className,
    message: `groups ${groups} must divide filters ${filters}.`,
    got: { filters, groups },
    path: layer.name,
  });
}

/** Throws `shape` where groups do not divide the input's channels. */
function checkChannelGroups(layer: Layer, channels: number | null, groups: number): void {
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

/** What an op takes beside the tensors. */
interface Steps<V, W> {
  readonly strides: V;
  readonly padding: W;
  readonly dilationRate: V;
  readonly groups: number;
}

abstract class Convolution<V extends Size, W extends string, O extends object> extends ConfiguredLayer<
  ConvolutionFields<V, W>
> {
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;
  protected abstract readonly rank: 1 | 2 | 3;
  protected abstract readonly op: (x: Tensor, kernel: Tensor, steps: Steps<V, W>) => Tensor;

  constructor(options: O) {
    super(options);
    const { filters, groups, strides, dilationRate } = this.settings;
    checkGroups(this, filters, groups);
    checkSteps(this, strides, dilationRate);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, groups, ...set } = this.settings;
    const axes = spatialAxes(this.rank, set.dataFormat);
    checkAxes(this, shape, axes);
    const channels = shape[axes.indexOf('channels')] ?? null;
    checkChannelGroups(this, channels, groups);
    this.channels = channels ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [...[kernelSize as Size].flat(), this.channels / groups, filters],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, groups, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format), { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      this.op(from, kernel.value, { strides, padding, dilationRate, groups }),
    );
  }
}

/** Convolves sequences [n,length,channels] with a kernel [width,channels/groups,filters]. */
export class Conv1D extends Convolution<number, 'valid' | 'same' | 'causal', Conv1DOptions> {
  static override readonly className: string = 'Conv1D';
  static override readonly fields = convolutionFieldsWith(single(1), single(1, 1), ['valid', 'same', 'causal']);
  protected override readonly rank = 1;
  protected override readonly op = conv1d;
}

/** Convolves pictures with a kernel [height,width,channels/groups,filters]. */
export class Conv2D extends Convolution<Pair, 'valid' | 'same', Conv2DOptions> {
  static override readonly className: string = 'Conv2D';
  static override readonly fields = convolutionFieldsWith(pair(1), pair(1, 1), ['valid', 'same']);
  protected override readonly rank = 2;
  protected override readonly op = conv2d;
}

/** Convolves volumes with a kernel [depth,height,width,channels/groups,filters]. */
export class Conv3D extends Convolution<Triple, 'valid' | 'same', Conv3DOptions> {
  static override readonly className: string = 'Conv3D';
  static override readonly fields = convolutionFieldsWith(triple(1), triple(1, 1), ['valid', 'same']);
  protected override readonly rank = 3;
  protected override readonly op = conv3d;
}
