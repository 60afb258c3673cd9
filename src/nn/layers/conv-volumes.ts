// Convolutions of volumes [n,depth,h,w,channels].
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { conv3d as conv3dOp, conv3dTranspose, type Triple } from '../../ops/volume.js';
import type { DataFormat, PaddingWord } from '../../ops/window.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { ConfiguredLayer } from './configured.js';
import { checkChannelGroups, checkGroups, checkSteps, convolve, type KernelOptions, kernelFields } from './conv.js';
import { choice, dataFormat, optional, triple, whole } from './fields.js';

/** See `layers.conv3d`. */
export interface Conv3DOptions extends KernelOptions {
  /** Output channels. */
  filters: number;
  kernelSize: number | Triple;
  /** Default 1. */
  strides?: number | Triple;
  /** Default `valid`. */
  padding?: PaddingWord;
  dataFormat?: DataFormat;
  dilationRate?: number | Triple;
  groups?: number;
}

/** See `layers.conv3dTranspose`. */
export interface Conv3DTransposeOptions extends KernelOptions {
  filters: number;
  kernelSize: number | Triple;
  strides?: number | Triple;
  padding?: PaddingWord;
  /** Cells more at the far sides, less than the strides; default: Keras's size. */
  outputPadding?: number | Triple;
  dataFormat?: DataFormat;
  dilationRate?: number | Triple;
}

const windowFields = {
  kernelSize: triple(1),
  strides: triple(1, 1),
  padding: choice(['valid', 'same'], 'valid'),
  dataFormat: dataFormat(),
  dilationRate: triple(1, 1),
};

const conv3dFields = { filters: whole(1), ...windowFields, groups: whole(1, 1), ...kernelFields };
const transposeFields = { filters: whole(1), ...windowFields, outputPadding: optional(triple(0)), ...kernelFields };

/** Convolves volumes with a kernel [depth,height,width,channels/groups,filters]. */
export class Conv3D extends ConfiguredLayer<typeof conv3dFields> {
  static override readonly className: string = 'Conv3D';
  static override readonly fields = conv3dFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: Conv3DOptions) {
    super(options);
    const { filters, groups, strides, dilationRate } = this.settings;
    checkGroups(this, filters, groups);
    checkSteps(this, strides, dilationRate);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { filters, kernelSize, groups, ...set } = this.settings;
    const axes = spatialAxes(3, set.dataFormat);
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
    checkAxes(this, x.shape, spatialAxes(3, format), { channels: this.channels });
    const { kernel, bias } = this;
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      conv3dOp(from, kernel.value, { strides, padding, dilationRate, groups }),
    );
  }
}

/** The transposed convolution of volumes, which enlarges them; kernel [depth,height,width,filters,channels]. */
export class Conv3DTranspose extends ConfiguredLayer<typeof transposeFields> {
  static override readonly className: string = 'Conv3DTranspose';
  static override readonly fields = transposeFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private channels = 0;

  constructor(options: Conv3DTransposeOptions) {
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
    const axes = spatialAxes(3, set.dataFormat);
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
    checkAxes(this, x.shape, spatialAxes(3, format), { channels: this.channels });
    const { kernel, bias } = this;
    const extra = outputPadding === null ? {} : { outputPadding };
    return convolve(x, format, { activation: this.settings.activation, bias, context }, (from) =>
      conv3dTranspose(from, kernel.value, { strides, padding, dilationRate, ...extra }),
    );
  }
}
