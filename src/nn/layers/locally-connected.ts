// Keras 2's locally connected layers: convolutions with filters of their own at every place.
import { sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add } from '../../ops/arithmetic.js';
import { concat } from '../../ops/join.js';
import { matmul } from '../../ops/matmul.js';
import { reshape, slice, transpose } from '../../ops/shape.js';
import type { DataFormat, Pair } from '../../ops/window.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes, wrongInput } from './check-input.js';
import { ConfiguredLayer } from './configured.js';
import { type KernelOptions, kernelFields } from './conv.js';
import { choice, dataFormat, type Field, pair, refuseOption, single, whole } from './fields.js';

interface LocalOptions<Size> extends KernelOptions {
  /** Output channels. */
  filters: number;
  kernelSize: Size;
  /** Default 1. */
  strides?: Size;
  /** Only `valid`, as in Keras. */
  padding?: 'valid';
  dataFormat?: DataFormat;
}

/** See `layers.locallyConnected1d`. */
export type LocallyConnected1DOptions = LocalOptions<number>;
/** See `layers.locallyConnected2d`. */
export type LocallyConnected2DOptions = LocalOptions<number | Pair>;

type Size = number | readonly number[];

const layoutField: Field<number> = {
  fallback: () => 1,
  check(value, place) {
    if (value === 1) return 1;
    throw refuseOption(
      place,
      '1',
      value,
      'The other layouts of the kernel are not supported; save the model with this one.',
    );
  },
  write: (value) => value,
};

const localFieldsWith = <V>(size: Field<V>, steps: Field<V>) => ({
  filters: whole(1),
  kernelSize: size,
  strides: steps,
  padding: choice(['valid'], 'valid'),
  dataFormat: dataFormat(),
  // Keras 2 has three ways to lay the kernel out; this is the first, and its default.
  implementation: layoutField,
  ...kernelFields,
});

type LocalFields<V> = ReturnType<typeof localFieldsWith<V>>;

const list = (size: Size): readonly number[] => [size].flat();

abstract class LocallyConnected<V extends Size> extends ConfiguredLayer<LocalFields<V>> {
  protected abstract readonly rank: 1 | 2;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private sizes: readonly number[] = [];
  private channels = 0;

  private get axes(): readonly string[] {
    return spatialAxes(this.rank, this.settings.dataFormat);
  }

  override build([shape]: readonly [PartialShape, ...PartialShape[]]): void {
    const { filters, kernelSize, strides, ...set } = this.settings;
    const { axes } = this;
    checkAxes(this, shape, axes);
    const inner = shape.filter((_, axis) => axes[axis] !== 'batch' && axes[axis] !== 'channels');
    const [window, steps] = [list(kernelSize), list(strides)];
    this.channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    this.sizes = inner.map((dim, i) =>
      Math.floor(((dim ?? Number.NaN) - (window[i] as number)) / (steps[i] as number) + 1),
    );
    if (this.sizes.some((size) => size < 1)) throw wrongInput(this, shape, axes);
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [sizeOf(this.sizes), sizeOf(window) * this.channels, filters],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    if (!set.useBias) return;
    this.bias = this.addConstrained({
      name: 'bias',
      shape: [...this.sizes, filters],
      initializer: set.biasInitializer,
      regularizer: set.biasRegularizer,
      constraint: set.biasConstraint,
    });
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { filters, dataFormat: format, activation } = this.settings;
    checkAxes(this, x.shape, this.axes, { channels: this.channels });
    const batch = x.shape[0] as number;
    const product = matmul(this.patches(x), this.kernel.value);
    const shaped = reshape(product, [...this.sizes, batch, filters]);
    const { rank, bias } = this;
    const inner = this.sizes.map((_, axis) => axis);
    const isFirst = format === 'channelsFirst';
    const y = transpose(shaped, isFirst ? [rank, rank + 1, ...inner] : [rank, ...inner, rank + 1]);
    // Channels first: Keras reads the bias as it lies in memory, without turning it.
    const shift = bias === undefined || !isFirst ? bias?.value : reshape(bias.value, [filters, ...this.sizes]);
    return activation.call(shift === undefined ? y : add(y, shift), context);
  }

  /** What each place sees: [places,n,window*channels], in the input's order of axes. */
  private patches(x: Tensor): Tensor {
    const { kernelSize, strides, dataFormat: format } = this.settings;
    const [window, steps] = [list(kernelSize), list(strides)];
    const isFirst = format === 'channelsFirst';
    const lead = isFirst ? 2 : 1;
    const offsets = window.reduce<number[][]>(
      (before, size) => before.flatMap((each) => Array.from({ length: size }, (_, i) => [...each, i])),
      [[]],
    );
    const around = (offset: readonly number[]): Tensor => {
      const at = (value: (i: number) => number, other: (axis: number) => number): number[] =>
        x.shape.map((_, axis) => (axis >= lead && axis < lead + this.rank ? value(axis - lead) : other(axis)));
      const part = slice(
        x,
        at(
          (i) => offset[i] as number,
          () => 0,
        ),
        at(
          (i) => this.sizes[i] as number,
          (axis) => x.shape[axis] as number,
        ),
        at(
          (i) => steps[i] as number,
          () => 1,
        ),
      );
      // [n,...sizes,channels], or [n,channels,...sizes]: the places to the front.
      const inner = this.sizes.map((_, i) => lead + i);
      const channel = isFirst ? 1 : lead + this.rank;
      const turned = transpose(part, [...inner, 0, channel]);
      return reshape(turned, [sizeOf(this.sizes), x.shape[0] as number, this.channels, 1]);
    };
    const all = concat(offsets.map(around), 3);
    // [places,n,channels,window]: the channels come first or last within a patch, as in the input.
    const ordered = isFirst ? all : transpose(all, [0, 1, 3, 2]);
    return reshape(ordered, [sizeOf(this.sizes), x.shape[0] as number, sizeOf(window) * this.channels]);
  }
}

/** Like Conv1D, with filters of their own at every place. */
export class LocallyConnected1D extends LocallyConnected<number> {
  static override readonly className: string = 'LocallyConnected1D';
  static override readonly fields = localFieldsWith(single(1), single(1, 1));
  protected override readonly rank = 1;

  constructor(options: LocallyConnected1DOptions) {
    super(options);
  }
}

/** Like Conv2D, with filters of their own at every place. */
export class LocallyConnected2D extends LocallyConnected<Pair> {
  static override readonly className: string = 'LocallyConnected2D';
  static override readonly fields = localFieldsWith(pair(1), pair(1, 1));
  protected override readonly rank = 2;

  constructor(options: LocallyConnected2DOptions) {
    super(options);
  }
}
