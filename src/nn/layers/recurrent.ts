// Recurrent layers: a cell run over the time steps of [n,time,...]. The loop is written out in the graph, so compiling
// takes longer for longer sequences (some milliseconds a step) and a Program holds for one length.

import type { Dtype } from '../../core/dtype.js';
import { makeTypedArray } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../../core/shape.js';
import { Tensor } from '../../graph/tensor.js';
import { Variable } from '../../graph/variable.js';
import { cast } from '../../ops/arithmetic.js';
import { zeros } from '../../ops/create.js';
import { stack, unstack } from '../../ops/join.js';
import { reshape, transpose } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import { type CallContext, Layer, type LayerConfig, type LayerSlot } from '../layer.js';
import type { CallArguments, PartialShape } from '../symbolic.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { type Field, type Fields, flag, refuseOption, type SettingsOf } from './fields.js';
import { noteRecurrence } from './recurrence.js';
import {
  GRUCell,
  type GRUCellOptions,
  gruCellFields,
  LSTMCell,
  type LSTMCellOptions,
  lstmCellFields,
  RecurrentCell,
  SimpleRNNCell,
  type SimpleRNNCellOptions,
  simpleCellFields,
} from './recurrent-cell.js';
import { layerField } from './registered.js';
import { StackedRNNCells } from './stacked-cells.js';

/** What all recurrent layers take. */
export interface RecurrentOptions extends CommonOptions {
  /** Gives the output of every step, [n,time,...], instead of the last; default false. */
  returnSequences?: boolean;
  /** Gives the states after the last step as further outputs, see `applyAll`; default false. */
  returnState?: boolean;
  /** Walks the sequence from its end; the outputs are in that order, too. Default false. */
  goBackwards?: boolean;
  /** Starts each batch from the states that the last one ended with; needs a fixed batch size. Default false. */
  stateful?: boolean;
  /** Has no effect: steps are always written out. */
  unroll?: boolean;
  /** Gives 0 at steps that do not count, instead of the output before; default false. */
  zeroOutputForMask?: boolean;
}

/** A layer that a recurrent layer runs at each step: `call` takes the input and the states, and gives the output and the new states. */
export interface CellLike extends Layer {
  /** Sizes of the states, or their shapes without the batch. */
  readonly stateSize: number | readonly (number | Shape)[];
  /** Size of the output, default that of the first state. */
  readonly outputSize?: number;
}

/** See `layers.rnn`. */
export interface RNNOptions extends RecurrentOptions {
  /** A cell, several to be stacked, or a layer of your own with `stateSize`. */
  cell: Layer | readonly Layer[];
}
/** See `layers.simpleRnn`. */
export type SimpleRNNOptions = SimpleRNNCellOptions & RecurrentOptions;
/** See `layers.lstm`. */
export type LSTMOptions = LSTMCellOptions & RecurrentOptions;
/** See `layers.gru`. */
export type GRUOptions = GRUCellOptions & RecurrentOptions;

/** @internal */
export const recurrentFields = {
  returnSequences: flag(false),
  returnState: flag(false),
  goBackwards: flag(false),
  stateful: flag(false),
  unroll: flag(false),
  zeroOutputForMask: flag(false),
};

/** What every recurrent layer has among its settings. */
type RecurrentFields = typeof recurrentFields & Fields;

/** The states' shapes of a cell of any kind. */
function stateShapesOf(cell: Layer): readonly Shape[] {
  if (cell instanceof RecurrentCell) return cell.stateShapes;
  const { stateSize } = cell as CellLike;
  return (typeof stateSize === 'number' ? [stateSize] : stateSize).map((size) =>
    typeof size === 'number' ? [size] : size,
  );
}

function outputShapeOf(cell: Layer): Shape {
  if (cell instanceof RecurrentCell) return cell.outputShape;
  const { outputSize } = cell as CellLike;
  return outputSize === undefined ? (stateShapesOf(cell)[0] as Shape) : [outputSize];
}

const summaryOf = (cell: Layer): ReturnType<RecurrentCell<Fields>['summary']> =>
  cell instanceof RecurrentCell ? cell.summary() : undefined;

/** Runs a cell over steps stacked as [time,n,...]. Where a step does not count the states stay as they were. */
function runSteps(
  cell: Layer,
  sequence: Tensor,
  initial: readonly Tensor[],
  counts: readonly Tensor[] | undefined,
  context: CallContext,
): { outputs: readonly Tensor[]; states: readonly Tensor[] } {
  if (cell instanceof StackedRNNCells) {
    // One cell after the other over all steps: each projects its inputs at once.
    let below = sequence;
    let outputs: readonly Tensor[] = [];
    const states: Tensor[] = [];
    for (const each of cell.cells) {
      const count = stateShapesOf(each).length;
      const own = initial.slice(states.length, states.length + count);
      const result = runSteps(each, below, own, counts, context);
      outputs = result.outputs;
      below = stack(outputs);
      states.push(...result.states);
    }
    return { outputs, states };
  }
  return cell.computing(() => {
    const { inputs, step } =
      cell instanceof RecurrentCell
        ? cell.begin(sequence, context)
        : {
            inputs: unstack(sequence),
            step: (x: Tensor, before: readonly Tensor[]) => cell.run([x, ...before], context),
          };
    let states = initial;
    const outputs = inputs.map((input, index) => {
      const [output, ...after] = step(input, states, index) as readonly [Tensor, ...Tensor[]];
      const mask = counts?.[index];
      states =
        mask === undefined ? after : after.map((state, i) => where(fitMask(mask, state), state, states[i] as Tensor));
      return output;
    });
    return { outputs, states };
  });
}

/** A mask [n] with axes added until it broadcasts over x. */
function fitMask(mask: Tensor, x: Tensor): Tensor {
  return reshape(mask, [mask.shape[0] as number, ...x.shape.slice(1).map(() => 1)]);
}

/** Runs a cell over the steps of a sequence [n,time,...]. */
export abstract class Recurrent<F extends RecurrentFields> extends ConfiguredLayer<F> {
  static override readonly inputNames: readonly string[] = ['sequences'];
  static override readonly callArguments: readonly (keyof CallArguments<never>)[] = ['initialState'];
  /** The layer that is run at each step. */
  abstract readonly cell: Layer;
  private carried: readonly Variable[] | undefined;

  private get loop(): SettingsOf<typeof recurrentFields> {
    return this.settings;
  }

  override get sublayers(): readonly Layer[] {
    return [this.cell];
  }

  override get slots(): readonly LayerSlot[] {
    return [{ attribute: 'cell', layers: this.cell }];
  }

  override build([shape]: readonly [PartialShape]): void {
    if (shape.length < 3) throw this.wrongRank(shape);
    const [batch, , ...sizes] = shape;
    this.cell.ensureBuilt([[batch ?? null, ...sizes]]);
    if (this.loop.stateful) this.carry(batch ?? null);
  }

  private wrongRank(shape: PartialShape): FoveaError {
    return new FoveaError({
      code: 'shape',
      op: this.className,
      message: `expects [batch,time,features]; got ${formatShape(shape)}.`,
      got: shape,
      hint: 'A sequence of numbers needs an axis of features: reshape it to [batch,time,1].',
    });
  }

  private wrongMask(mask: Tensor, x: Tensor): FoveaError {
    return new FoveaError({
      code: 'shape',
      op: this.className,
      message: `mask must be ${formatShape(x.shape.slice(0, 2))}, one value for each step; got ${formatShape(mask.shape)}.`,
      got: mask.shape,
      want: x.shape.slice(0, 2),
    });
  }

  private carry(batch: number | null): void {
    if (batch === null) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: 'stateful needs a batch size that is known.',
        hint: 'Give it to the input: layers.input(shape, { batchSize: 32 }).',
      });
    }
    this.carried = stateShapesOf(this.cell).map((each) => {
      const shape = [batch, ...each];
      return Variable.from(makeTypedArray(this.dtype, sizeOf(shape)), shape, this.dtype, {
        name: 'rnn_state',
        trainable: false,
      });
    });
  }

  /** Makes a stateful layer start from zeros again. */
  resetState(): void {
    for (const state of this.carried ?? []) state.set(makeTypedArray(state.dtype, state.size));
  }

  override computeOutputShapes(
    [shape]: readonly PartialShape[],
    _dtypes?: readonly Dtype[],
  ): { shape: PartialShape; dtype: Dtype }[] {
    // Not by tracing: an unknown number of steps would be written out as hundreds.
    const { returnSequences, returnState } = this.loop;
    const [batch = null, time = null] = shape as PartialShape;
    this.buildNamed([shape as PartialShape]);
    const type = (inner: PartialShape): { shape: PartialShape; dtype: Dtype } => ({
      shape: inner,
      dtype: this.computeDtype,
    });
    const output = outputShapeOf(this.cell);
    return [
      type(returnSequences ? [batch, time, ...output] : [batch, ...output]),
      ...(returnState ? stateShapesOf(this.cell).map((each) => type([batch, ...each])) : []),
    ];
  }

  protected override computeMask(
    _inputs: readonly Tensor[],
    masks: readonly (Tensor | undefined)[],
  ): readonly (Tensor | undefined)[] {
    return this.loop.returnSequences ? [masks[0]] : [];
  }

  override call([x]: readonly [Tensor], context: CallContext): readonly Tensor[] {
    const { returnSequences, returnState, goBackwards, zeroOutputForMask } = this.loop;
    if (x.rank < 3) throw this.wrongRank(x.shape);
    const initial = this.startFrom(x, context);
    const forward = <T>(steps: readonly T[]): readonly T[] => (goBackwards ? [...steps].reverse() : steps);
    const rest = x.shape.map((_, axis) => axis).slice(2);
    const turned = transpose(x, [1, 0, ...rest]);
    const sequence = goBackwards ? stack(forward(unstack(turned))) : turned;
    const mask = maskOfCall(context);
    if (mask !== undefined && `${mask.shape}` !== `${x.shape.slice(0, 2)}`) throw this.wrongMask(mask, x);
    const counts = mask === undefined ? undefined : forward(unstack(cast(mask, 'bool'), 1));
    const { outputs, states } = runSteps(this.cell, sequence, initial, counts, context);
    const shown = counts === undefined ? outputs : showCounted(outputs, counts, zeroOutputForMask);
    this.carried?.forEach((variable, i) => {
      variable.assign(cast(states[i] as Tensor, variable.dtype));
    });
    const output = returnSequences ? stack(shown, 1) : (shown.at(-1) as Tensor);
    const summary = context.training || mask !== undefined ? undefined : summaryOf(this.cell);
    if (summary !== undefined) {
      const isFromZeros = context.options?.initialState === undefined && this.carried === undefined;
      noteRecurrence(summary, x, isFromZeros ? [] : initial, {
        outputs: returnSequences ? output : undefined,
        states,
        isReverse: goBackwards,
      });
    }
    return [output, ...(returnState ? states : [])];
  }

  private startFrom(x: Tensor, context: CallContext): readonly Tensor[] {
    const batch = x.shape[0] as number;
    const shapes = stateShapesOf(this.cell);
    const given = context.options?.initialState;
    if (given !== undefined) {
      const states = given instanceof Tensor ? [given] : given;
      const isRight =
        states.length === shapes.length &&
        states.every(({ shape }, i) => `${shape}` === `${[batch, ...(shapes[i] as Shape)]}`);
      if (isRight) return states;
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `initialState must be ${shapes.map((shape) => formatShape([batch, ...shape])).join(' and ')}; got ${states.map(({ shape }) => formatShape(shape)).join(' and ')}.`,
        got: states.map(({ shape }) => shape),
        want: shapes.map((shape) => [batch, ...shape]),
      });
    }
    if (this.carried === undefined)
      return shapes.map((shape) => zeros([batch, ...shape], { dtype: this.computeDtype }));
    const size = this.carried[0]?.shape[0];
    if (size !== batch) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `is stateful with batches of ${size}; got one of ${batch}.`,
        got: batch,
        want: size,
        hint: 'Leave out the last examples, so that all batches have one size.',
      });
    }
    return this.carried.map(({ value }) => value);
  }
}

/** The mask that a recurrent layer heeds: where it is given states Keras heeds none but one that is given, too. */
export function maskOfCall({ masks, options }: CallContext): Tensor | undefined {
  return options?.initialState !== undefined && options.mask === undefined ? undefined : masks?.[0];
}

/** Outputs where steps count; elsewhere 0, or the output before. */
function showCounted(outputs: readonly Tensor[], counts: readonly Tensor[], isZero: boolean): readonly Tensor[] {
  const nothing = zeros((outputs[0] as Tensor).shape, { dtype: (outputs[0] as Tensor).dtype });
  let before = nothing;
  return outputs.map((output, i) => {
    const shown = where(fitMask(counts[i] as Tensor, output), output, isZero ? nothing : before);
    before = shown;
    return shown;
  });
}

/** A cell, or several that are stacked. */
const cellField: Field<Layer> = {
  ...layerField('a cell'),
  check(value, place) {
    const cell = Array.isArray(value) ? new StackedRNNCells({ cells: value as Layer[] }) : value;
    const isCell = cell instanceof Layer && (cell instanceof RecurrentCell || 'stateSize' in cell);
    if (isCell) return cell;
    throw refuseOption(place, 'a cell, or a layer with stateSize', cell instanceof Layer ? cell.className : cell);
  },
};
const rnnFields = { ...recurrentFields, cell: cellField };

/** A recurrent layer of any cell. */
export class RNN extends Recurrent<typeof rnnFields> {
  static override readonly className: string = 'RNN';
  static override readonly fields = rnnFields;

  constructor(options: RNNOptions) {
    super(options);
  }

  get cell(): Layer {
    return this.settings.cell;
  }
}

/** The options of a layer that are its cell's. */
export function cellOptions<C>(fields: Fields, settings: object, name: string, dtype: string): C {
  const own = Object.entries(settings).filter(([option]) => Object.hasOwn(fields, option));
  return { ...Object.fromEntries(own), name, dtype } as C;
}

const simpleFields = { ...recurrentFields, ...simpleCellFields };
const lstmFields = { ...recurrentFields, ...lstmCellFields };
const gruFields = { ...recurrentFields, ...gruCellFields };

/** The simplest recurrent layer: the output is fed back beside the next input. */
export class SimpleRNN extends Recurrent<typeof simpleFields> {
  static override readonly className: string = 'SimpleRNN';
  static override readonly fields = simpleFields;
  readonly cell: SimpleRNNCell;

  constructor(options: SimpleRNNOptions) {
    super(options);
    this.cell = new SimpleRNNCell(cellOptions(simpleCellFields, this.settings, 'simple_rnn_cell', this.dtypePolicy));
  }

  /** Keras writes no seed for this class. */
  override getConfig(): LayerConfig {
    const { seed, ...config } = super.getConfig();
    return seed === null ? config : { ...config, seed };
  }
}

/** Long short-term memory (Hochreiter and Schmidhuber 1997). */
export class LSTM extends Recurrent<typeof lstmFields> {
  static override readonly className: string = 'LSTM';
  static override readonly fields = lstmFields;
  readonly cell: LSTMCell;

  constructor(options: LSTMOptions) {
    super(options);
    this.cell = new LSTMCell(cellOptions(lstmCellFields, this.settings, 'lstm_cell', this.dtypePolicy));
  }
}

/** Gated recurrent units (Cho et al. 2014). */
export class GRU extends Recurrent<typeof gruFields> {
  static override readonly className: string = 'GRU';
  static override readonly fields = gruFields;
  readonly cell: GRUCell;

  constructor(options: GRUOptions) {
    super(options);
    this.cell = new GRUCell(cellOptions(gruCellFields, this.settings, 'gru_cell', this.dtypePolicy));
  }
}
