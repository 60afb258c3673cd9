// Transposed convolutions, which lengthen sequences and enlarge pictures and volumes.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { conv1dTranspose, conv2dTranspose } from '../../ops/conv-variants.js';
import { conv3dTranspose, type Triple } from '../../ops/volume.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { ConfiguredLayer } from './configured.js';
import { checkSteps, convolve, type KernelOptions, kernelFields, type Size, windowFieldsWith } from './conv.js';
import { type Field, optional, pair, single, triple, whole } from './fields.js';

interface TransposedOptions<Size> extends KernelOptions {
  filters: number;
  kernelSize: Size;
  strides?: Size;
  padding?: PaddingWord;
  /** Cells more at the far sides, less than the strides; default: Keras's size, a multiple of the stride for `same`. */
  outputPadding?: Size;
  dataFormat?: DataFormat;
  dilationRate?: Size;
}

/** See `layers.conv1dTranspose`. */
export type Conv1DTransposeOptions = TransposedOptions<number>;
/** See `layers.conv2dTranspose`. */
export type Conv2DTransposeOptions = TransposedOptions<number | Pair>;
/** See `layers.conv3dTranspose`. */
export type Conv3DTransposeOptions = TransposedOptions<number | Triple>;

const transposedFieldsWith = <V>(size: Field<V>, steps: Field<V>, extra: Field<V>) => ({
  filters: whole(1),
  ...windowFieldsWith(size, steps, ['valid', 'same']),
  outputPadding: optional(extra),
  ...kernelFields,
});

interface Steps<V> {
  readonly strides: V;
  readonly padding: PaddingWord;
  readonly dilationRate: V;
  readonly outputPadding?: V;
}

abstract class TransposedConvolution<V extends Size, O extends object> extends ConfiguredLayer<
  ReturnType<typeof transposedFieldsWith<V>>
> {
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;
  protected abstract readonly rank: 1 | 2 | 3;
  protected abstract readonly op: (x: Tensor, kernel: Tensor, steps: Steps<V>) => Tensor;

  constructor(options: O) {
    super(options);
    const { strides, dilationRate, outputPadding } = this.settings;
    checkSteps(this, strides, dilationRate);
    const steps = [strides as Size].flat();
    const extras = outputPadding === null ? [] : [outputPadding as Size].flat();
    if (extras.some((extra, axis) => extra >= (steps[axis] as number))) {
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
    const axes = spatialAxes(this.rank, set.dataFormat);
    checkAxes(this, shape, axes);
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [...[kernelSize as Size].flat(), filters, this.channels],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(filters, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { strides, padding, dilationRate, outputPadding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format), { channels: this.channels });
    const { kernel, bias } = this;
    const extra = outputPadding === null ? {} : { outputPadding };
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      this.op(from, kernel.value, { strides, padding, dilationRate, ...extra }),
    );
  }
}

/** The transposed convolution of a sequence, which lengthens it; kernel [width,filters,channels]. */
export class Conv1DTranspose extends TransposedConvolution<number, Conv1DTransposeOptions> {
  static override readonly className: string = 'Conv1DTranspose';
  static override readonly fields = transposedFieldsWith(single(1), single(1, 1), single(0));
  protected override readonly rank = 1;
  protected override readonly op = conv1dTranspose;
}

/** The transposed convolution, which enlarges pictures; kernel [height,width,filters,channels]. */
export class Conv2DTranspose extends TransposedConvolution<Pair, Conv2DTransposeOptions> {
  static override readonly className: string = 'Conv2DTranspose';
  static override readonly fields = transposedFieldsWith(pair(1), pair(1, 1), pair(0));
  protected override readonly rank = 2;
  protected override readonly op = conv2dTranspose;
}

/** The transposed convolution of volumes, which enlarges them; kernel [depth,height,width,filters,channels]. */
export class Conv3DTranspose extends TransposedConvolution<Triple, Conv3DTransposeOptions> {
  static override readonly className: string = 'Conv3DTranspose';
  static override readonly fields = transposedFieldsWith(triple(1), triple(1, 1), triple(0));
  protected override readonly rank = 3;
  protected override readonly op = conv3dTranspose;
}
