// LSTM layers whose products are convolutions (Shi et al. 2015), over sequences of sequences, pictures or volumes.
import type { Shape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, multiply } from '../../ops/arithmetic.js';
import { conv2d } from '../../ops/conv.js';
import { conv1d } from '../../ops/conv-variants.js';
import { zeros } from '../../ops/create.js';
import { concat, split, unstack } from '../../ops/join.js';
import { reshape, slice, transpose } from '../../ops/shape.js';
import { conv3d, type Triple } from '../../ops/volume.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { checkSteps } from './conv.js';
import { activation, choice, dataFormat, type Field, flag, pair, single, triple, whole } from './fields.js';
import { cellOptions, Recurrent, type RecurrentOptions, recurrentFields } from './recurrent.js';
import {
  cellWeightFields,
  dropoutMask,
  forgetBias,
  type LSTMCellOptions,
  lstmStep,
  RecurrentCell,
  type Stepper,
} from './recurrent-cell.js';

interface ConvLSTMOptions<Size> extends Omit<LSTMCellOptions, 'units'>, RecurrentOptions {
  /** Output channels. */
  filters: number;
  kernelSize: Size;
  /** Of the convolution of the inputs; default 1. */
  strides?: Size;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
  dilationRate?: Size;
}

/** See `layers.convLstm1d`. */
export type ConvLSTM1DOptions = ConvLSTMOptions<number>;
/** See `layers.convLstm2d`. */
export type ConvLSTM2DOptions = ConvLSTMOptions<number | Pair>;
/** See `layers.convLstm3d`. */
export type ConvLSTM3DOptions = ConvLSTMOptions<number | Triple>;

type Size = number | readonly number[];

const cellFieldsWith = <V>(size: Field<V>, steps: Field<V>) => ({
  filters: whole(1),
  kernelSize: size,
  strides: steps,
  padding: choice(['valid', 'same'], 'valid'),
  dataFormat: dataFormat(),
  dilationRate: steps,
  activation: activation('tanh'),
  recurrentActivation: activation('sigmoid'),
  unitForgetBias: flag(true),
  ...cellWeightFields,
});

type CellFields<V> = ReturnType<typeof cellFieldsWith<V>>;

const list = (size: Size): readonly number[] => [size].flat();

const GATES = 4;

/** One step: inputs and state are convolved, and meet as in an LSTM. */
abstract class ConvLSTMCell<V extends Size> extends RecurrentCell<CellFields<V>> {
  private kernel!: Variable;
  private recurrent!: Variable;
  private bias: Variable | undefined;
  /** Of the output, without batch and channels. */
  private sizes: readonly number[] = [];
  protected abstract readonly rank: 1 | 2 | 3;
  protected abstract readonly op: (
    x: Tensor,
    kernel: Tensor,
    steps: { strides?: V; padding: PaddingWord; dilationRate?: V },
  ) => Tensor;

  constructor(options: object) {
    super(options);
    checkSteps(this, this.settings.strides, this.settings.dilationRate);
  }

  private get isFirst(): boolean {
    return this.settings.dataFormat === 'channelsFirst';
  }

  override get stateShapes(): readonly Shape[] {
    const { filters } = this.settings;
    const shape = this.isFirst ? [filters, ...this.sizes] : [...this.sizes, filters];
    return [shape, shape];
  }

  override build([shape]: readonly [PartialShape, ...PartialShape[]]): void {
    const { filters, kernelSize, strides, padding, dilationRate, ...set } = this.settings;
    const axes = spatialAxes(this.rank, set.dataFormat);
    checkAxes(this, shape, axes);
    const channels = shape[axes.indexOf('channels')] ?? Number.NaN;
    const spatial = shape.filter((_, axis) => axes[axis] !== 'batch' && axes[axis] !== 'channels');
    const [sizes, steps, dilations] = [list(kernelSize), list(strides), list(dilationRate)];
    this.sizes = spatial.map((dim, i) => {
      const span = ((sizes[i] as number) - 1) * (dilations[i] as number);
      const length = padding === 'same' ? (dim ?? Number.NaN) : (dim ?? Number.NaN) - span;
      return Math.ceil(length / (steps[i] as number));
    });
    const weight = (name: string, inputs: number, part: 'kernel' | 'recurrent'): Variable =>
      this.addConstrained({
        name,
        shape: [...sizes, inputs, GATES * filters],
        initializer: set[`${part}Initializer`],
        regularizer: set[`${part}Regularizer`],
        constraint: set[`${part}Constraint`],
      });
    this.kernel = weight('kernel', channels, 'kernel');
    this.recurrent = weight('recurrent_kernel', filters, 'recurrent');
    if (!set.useBias) return;
    this.bias = this.addConstrained({
      name: 'bias',
      shape: [GATES * filters],
      initializer: set.unitForgetBias ? forgetBias(set.biasInitializer, GATES) : set.biasInitializer,
      regularizer: set.biasRegularizer,
      constraint: set.biasConstraint,
    });
  }

  /** Channels to the end, from where the format has them behind `lead` axes; and back. */
  private toLast(x: Tensor, lead: number): Tensor {
    if (!this.isFirst) return x;
    const outer = Array.from({ length: lead }, (_, i) => i);
    const inner = Array.from({ length: this.rank }, (_, i) => lead + 1 + i);
    return transpose(x, [...outer, ...inner, lead]);
  }

  private fromLast(x: Tensor): Tensor {
    if (!this.isFirst) return x;
    return transpose(x, [0, x.rank - 1, ...Array.from({ length: this.rank }, (_, i) => 1 + i)]);
  }

  override begin(given: Tensor, context: CallContext): Stepper {
    const { strides, padding, dilationRate, dropout, recurrentDropout, seed, ...set } = this.settings;
    const sequence = this.toLast(given, 2);
    const [time, batch, ...rest] = sequence.shape as [number, number, ...number[]];
    const convolve = (x: Tensor, kernel: Tensor): Tensor => this.op(x, kernel, { strides, padding, dilationRate });
    const rows = (x: Tensor): Tensor => reshape(x, [time * batch, ...rest]);
    const kernel = this.kernel.value;
    const recurrent = this.recurrent.value;
    const last = kernel.rank - 1;
    const isDropping = (share: number): boolean => context.training && share > 0;
    let product: Tensor;
    if (isDropping(dropout)) {
      const like = slice(sequence, [0], [1]);
      const parts = split(kernel, GATES, last).map((part, gate) =>
        convolve(rows(multiply(sequence, dropoutMask(like, dropout, seed, context, gate))), part),
      );
      product = concat(parts, -1);
    } else product = convolve(rows(sequence), kernel);
    const sum = this.bias === undefined ? product : add(product, this.bias.value);
    const stateMasks = isDropping(recurrentDropout)
      ? Array.from({ length: GATES }, (_, gate) => {
          const like = zeros([batch, ...this.sizes, set.filters], { dtype: sequence.dtype });
          return dropoutMask(like, recurrentDropout, seed, context, GATES + gate);
        })
      : undefined;
    const same = (x: Tensor, part: Tensor): Tensor => this.op(x, part, { padding: 'same' });
    const fromState = (state: Tensor): Tensor =>
      stateMasks === undefined
        ? same(state, recurrent)
        : concat(
            split(recurrent, GATES, last).map((part, gate) => same(multiply(state, stateMasks[gate] as Tensor), part)),
            -1,
          );
    return {
      inputs: unstack(reshape(sum, [time, batch, ...sum.shape.slice(1)])),
      step: (input, states) => {
        const [state, carry] = states.map((each) => this.toLast(each, 1)) as [Tensor, Tensor];
        const after = lstmStep(add(fromState(state), input), carry, -1, (x, kind) =>
          (kind === 'gate' ? set.recurrentActivation : set.activation).call(x, context),
        );
        return after.map((each) => this.fromLast(each));
      },
    };
  }
}

const fields1d = cellFieldsWith(single(1), single(1, 1));
const fields2d = cellFieldsWith(pair(1), pair(1, 1));
const fields3d = cellFieldsWith(triple(1), triple(1, 1));

class ConvLSTMCell1D extends ConvLSTMCell<number> {
  static override readonly className: string = 'ConvLSTMCell';
  static override readonly fields = fields1d;
  protected override readonly rank = 1;
  protected override readonly op = conv1d;
}

class ConvLSTMCell2D extends ConvLSTMCell<Pair> {
  static override readonly className: string = 'ConvLSTMCell';
  static override readonly fields = fields2d;
  protected override readonly rank = 2;
  protected override readonly op = conv2d;
}

class ConvLSTMCell3D extends ConvLSTMCell<Triple> {
  static override readonly className: string = 'ConvLSTMCell';
  static override readonly fields = fields3d;
  protected override readonly rank = 3;
  protected override readonly op = conv3d;
}

const layerFields1d = { ...recurrentFields, ...fields1d };
const layerFields2d = { ...recurrentFields, ...fields2d };
const layerFields3d = { ...recurrentFields, ...fields3d };

/** A convolutional LSTM over [n,time,length,channels]. */
export class ConvLSTM1D extends Recurrent<typeof layerFields1d> {
  static override readonly className: string = 'ConvLSTM1D';
  static override readonly fields = layerFields1d;
  readonly cell: ConvLSTMCell1D;

  constructor(options: ConvLSTM1DOptions) {
    super(options);
    this.cell = new ConvLSTMCell1D(cellOptions(fields1d, this.settings, 'conv_lstm_cell', this.dtypePolicy));
  }
}

/** A convolutional LSTM over [n,time,h,w,channels]. */
export class ConvLSTM2D extends Recurrent<typeof layerFields2d> {
  static override readonly className: string = 'ConvLSTM2D';
  static override readonly fields = layerFields2d;
  readonly cell: ConvLSTMCell2D;

  constructor(options: ConvLSTM2DOptions) {
    super(options);
    this.cell = new ConvLSTMCell2D(cellOptions(fields2d, this.settings, 'conv_lstm_cell', this.dtypePolicy));
  }
}

/** A convolutional LSTM over [n,time,depth,h,w,channels]. */
export class ConvLSTM3D extends Recurrent<typeof layerFields3d> {
  static override readonly className: string = 'ConvLSTM3D';
  static override readonly fields = layerFields3d;
  readonly cell: ConvLSTMCell3D;

  constructor(options: ConvLSTM3DOptions) {
    super(options);
    this.cell = new ConvLSTMCell3D(cellOptions(fields3d, this.settings, 'conv_lstm_cell', this.dtypePolicy));
  }
}
