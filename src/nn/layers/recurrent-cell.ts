// What a recurrent layer does at one time step. A cell projects the inputs of all steps at once, before the loop over
// them, so that a step is one product with the state and one pointwise kernel.
import type { Shape } from '../../core/shape.js';
import { sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, multiply, subtract } from '../../ops/arithmetic.js';
import { ones, zeros } from '../../ops/create.js';
import { concat, split, unstack } from '../../ops/join.js';
import { matmul } from '../../ops/matmul.js';
import { dropout as dropoutOp } from '../../ops/random.js';
import { broadcastTo, expandDims, reshape, slice } from '../../ops/shape.js';
import type { ActivationLike } from '../activations.js';
import type { ConstraintLike } from '../constraints.js';
import type { Initializer, InitializerLike } from '../initializers.js';
import type { CallContext } from '../layer.js';
import type { RegularizerLike } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { layerKey, seedField } from './dropout.js';
import {
  activation,
  constraint,
  type Fields,
  flag,
  initializer,
  real,
  regularizer,
  type SettingsOf,
  whole,
} from './fields.js';
import type { CellSummary } from './recurrence.js';

/** A cell over the time steps of one call. */
export interface Stepper {
  /** The part of each step that does not depend on the state. */
  readonly inputs: readonly Tensor[];
  /** One step: the output, then the new states. */
  step(input: Tensor, states: readonly Tensor[], index: number): readonly Tensor[];
}

/** A layer for one time step: `call` takes the input and the states and gives the output and the new states. */
export abstract class RecurrentCell<F extends Fields> extends ConfiguredLayer<F> {
  /** The states' shapes without the batch. */
  abstract get stateShapes(): readonly Shape[];

  /** The output's shape without the batch. */
  get outputShape(): Shape {
    return this.stateShapes[0] as Shape;
  }

  /** Prepares a loop over `sequence`, [time,n,...]. */
  abstract begin(sequence: Tensor, context: CallContext): Stepper;

  /** What the cell does, where that can be said in few words; its weights as they are computed with. */
  summary(): CellSummary | undefined {
    return undefined;
  }

  /** Zeros, one tensor per state. */
  initialState(batch: number): readonly Tensor[] {
    return this.stateShapes.map((shape) => zeros([batch, ...shape], { dtype: this.computeDtype }));
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [x, ...given] = inputs as readonly [Tensor, ...Tensor[]];
    const states = given.length > 0 ? given : this.initialState(x.shape[0] as number);
    const { inputs: steps, step } = this.begin(expandDims(x, 0), context);
    return step(steps[0] as Tensor, states, 0);
  }
}

/** What cells of dense layers share. */
export interface CellOptions extends CommonOptions {
  /** Size of the output and of the state. */
  units: number;
  /** Default `tanh`. */
  activation?: ActivationLike;
  /** Default true. */
  useBias?: boolean;
  /** Default `glorotUniform`. */
  kernelInitializer?: InitializerLike;
  /** Default `orthogonal`. */
  recurrentInitializer?: InitializerLike;
  /** Default `zeros`. */
  biasInitializer?: InitializerLike;
  kernelRegularizer?: RegularizerLike;
  recurrentRegularizer?: RegularizerLike;
  biasRegularizer?: RegularizerLike;
  kernelConstraint?: ConstraintLike;
  recurrentConstraint?: ConstraintLike;
  biasConstraint?: ConstraintLike;
  /** The share of the inputs that is dropped while training, the same at every step; default 0. */
  dropout?: number;
  /** The share of the state that is dropped while training, the same at every step; default 0. */
  recurrentDropout?: number;
  seed?: number;
}

/** See `layers.simpleRnnCell`. */
export type SimpleRNNCellOptions = CellOptions;

/** See `layers.lstmCell`. */
export interface LSTMCellOptions extends CellOptions {
  /** The activation of the gates; default `sigmoid`. */
  recurrentActivation?: ActivationLike;
  /** Starts the forget gate's bias at 1; default true. */
  unitForgetBias?: boolean;
}

/** See `layers.gruCell`. */
export interface GRUCellOptions extends CellOptions {
  /** The activation of the gates; default `sigmoid`. */
  recurrentActivation?: ActivationLike;
  /** Whether the reset gate works on the projected state, as on GPUs; default true. */
  resetAfter?: boolean;
}

/** @internal What cells do with kernels, states and dropout. */
export const cellWeightFields = {
  useBias: flag(true),
  kernelInitializer: initializer('glorotUniform'),
  recurrentInitializer: initializer('orthogonal'),
  biasInitializer: initializer('zeros'),
  kernelRegularizer: regularizer(),
  recurrentRegularizer: regularizer(),
  biasRegularizer: regularizer(),
  kernelConstraint: constraint(),
  recurrentConstraint: constraint(),
  biasConstraint: constraint(),
  dropout: real(0, { low: 0, high: 1 }),
  recurrentDropout: real(0, { low: 0, high: 1 }),
  seed: seedField,
};

/** @internal */
export const simpleCellFields = { units: whole(1), activation: activation('tanh'), ...cellWeightFields };
/** @internal */
export const lstmCellFields = {
  ...simpleCellFields,
  recurrentActivation: activation('sigmoid'),
  unitForgetBias: flag(true),
};
/** @internal */
export const gruCellFields = {
  ...simpleCellFields,
  recurrentActivation: activation('sigmoid'),
  resetAfter: flag(true),
};

/** @internal Draws a step's masks: 0 with probability `share`, else 1 / (1 - share). The n-th one of a seed is the same every time. */
export function dropoutMask(
  like: Tensor,
  share: number,
  seed: number | null,
  context: CallContext,
  index: number,
): Tensor {
  const { key, stream } = layerKey(seed, context);
  return dropoutOp(ones(like.shape, { dtype: like.dtype }), share, key, { stream: seed === null ? stream : index });
}

/** @internal Starts the second of `gates` parts at 1. */
export function forgetBias(base: Initializer, gates: number): Initializer {
  const values = (shape: Shape): Float32Array => {
    const all = base.values(shape);
    const size = sizeOf(shape) / gates;
    return all.fill(1, size, 2 * size);
  };
  return {
    className: base.className,
    values,
    fill: (variable) => variable.set(values(variable.shape)),
    getConfig: () => base.getConfig(),
  };
}

type DenseCellFields = typeof simpleCellFields;
/** With what only some of the cells have. */
type OwnSettings = SettingsOf<DenseCellFields> &
  Partial<Pick<SettingsOf<typeof gruCellFields>, 'recurrentActivation' | 'resetAfter'>>;

/** A cell that multiplies input and state by matrices, with `gates` results of `units` each side by side. */
abstract class DenseCell<F extends DenseCellFields> extends RecurrentCell<F> {
  protected abstract readonly gates: number;
  protected abstract readonly kind: CellSummary['kind'];
  protected kernel!: Variable;
  protected recurrent!: Variable;
  protected bias: Variable | undefined;

  private get own(): SettingsOf<DenseCellFields> {
    return this.settings;
  }

  override get stateShapes(): readonly Shape[] {
    return [[this.own.units]];
  }

  protected get biasShape(): Shape {
    return [this.gates * this.own.units];
  }

  protected get biasStart(): Initializer {
    return this.own.biasInitializer;
  }

  override build([shape]: readonly [PartialShape, ...PartialShape[]]): void {
    checkAxes(this, shape, ['batch', 'features']);
    const { units, ...set } = this.own;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [shape.at(-1) ?? Number.NaN, this.gates * units],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.recurrent = this.addConstrained({
      name: 'recurrent_kernel',
      shape: [units, this.gates * units],
      initializer: set.recurrentInitializer,
      regularizer: set.recurrentRegularizer,
      constraint: set.recurrentConstraint,
    });
    if (!set.useBias) return;
    this.bias = this.addConstrained({
      name: 'bias',
      shape: this.biasShape,
      initializer: this.biasStart,
      regularizer: set.biasRegularizer,
      constraint: set.biasConstraint,
    });
  }

  override summary(): CellSummary | undefined {
    const { units, activation: values, recurrentActivation: gate, resetAfter = false } = this.own as OwnSettings;
    const activations = gate === undefined ? [values] : [gate, values];
    // Layers and functions of a user's own have names that say nothing.
    if (!activations.every(({ isPointwise }) => isPointwise)) return undefined;
    const weights = [this.kernel, this.recurrent, ...(this.bias === undefined ? [] : [this.bias])];
    return {
      kind: this.kind,
      units,
      activations: activations.map(({ name }) => name),
      resetAfter,
      weights: this.computing(() => weights.map(({ value }) => value)),
    };
  }

  /** Whether every gate sees another part of input and state: Keras draws a mask for each where the state is dropped. */
  protected get dropsByGate(): boolean {
    return this.gates > 1 && this.own.recurrentDropout > 0;
  }

  /** All steps' inputs by the kernel, plus `bias`: [time,n,gates*units]. */
  protected project(sequence: Tensor, bias: Tensor | undefined, context: CallContext): Tensor {
    const { dropout, seed } = this.own;
    const [time, batch, features] = sequence.shape as [number, number, number];
    const kernel = this.kernel.value;
    const rows = (x: Tensor): Tensor => reshape(x, [time * batch, features]);
    const masked = (index: number): Tensor => {
      const like = slice(sequence, [0, 0, 0], [1, batch, features]);
      return multiply(sequence, dropoutMask(like, dropout, seed, context, index));
    };
    const drops = context.training && dropout > 0;
    const product =
      drops && this.dropsByGate
        ? concat(
            split(kernel, this.gates, 1).map((part, gate) => matmul(rows(masked(gate)), part)),
            1,
          )
        : matmul(rows(drops ? masked(0) : sequence), kernel);
    const sum = bias === undefined ? product : add(product, bias);
    return reshape(sum, [time, batch, kernel.shape[1] as number]);
  }

  /** The function that drops parts of a state for one gate; the masks are drawn once. */
  protected stateDropout(
    sequence: Tensor,
    context: CallContext,
  ): ((state: Tensor, gate: number) => Tensor) | undefined {
    const { recurrentDropout, units, seed } = this.own;
    if (!context.training || recurrentDropout === 0) return undefined;
    const like = zeros([sequence.shape[1] as number, units], { dtype: sequence.dtype });
    const masks = Array.from({ length: this.gates }, (_, gate) =>
      // Other masks than the inputs', which come first.
      dropoutMask(like, recurrentDropout, seed, context, this.gates + gate),
    );
    return (state, gate) => multiply(state, masks[gate] as Tensor);
  }

  /** How a state meets the recurrent kernel, all gates side by side. */
  protected stateProduct(sequence: Tensor, context: CallContext): (state: Tensor) => Tensor {
    const recurrent = this.recurrent.value;
    const drop = this.stateDropout(sequence, context);
    if (drop === undefined) return (state) => matmul(state, recurrent);
    const parts = split(recurrent, this.gates, 1);
    return (state) =>
      concat(
        parts.map((part, gate) => matmul(drop(state, gate), part)),
        1,
      );
  }
}

/** One step of `layers.simpleRnn`: activation(x * kernel + state * recurrentKernel + bias). */
export class SimpleRNNCell extends DenseCell<typeof simpleCellFields> {
  static override readonly className: string = 'SimpleRNNCell';
  static override readonly fields = simpleCellFields;
  protected override readonly gates = 1;
  protected override readonly kind = 'RNN';

  constructor(options: SimpleRNNCellOptions) {
    super(options);
  }

  override begin(sequence: Tensor, context: CallContext): Stepper {
    const { activation: activate } = this.settings;
    const product = this.stateProduct(sequence, context);
    return {
      inputs: unstack(this.project(sequence, this.bias?.value, context)),
      step(input, [before]) {
        const output = activate.call(add(product(before as Tensor), input), context);
        return [output, output];
      },
    };
  }
}

/** One step of `layers.lstm`; its states are the output and the carry. */
export class LSTMCell extends DenseCell<typeof lstmCellFields> {
  static override readonly className: string = 'LSTMCell';
  static override readonly fields = lstmCellFields;
  protected override readonly gates = 4;
  protected override readonly kind = 'LSTM';

  constructor(options: LSTMCellOptions) {
    super(options);
  }

  override get stateShapes(): readonly Shape[] {
    return [[this.settings.units], [this.settings.units]];
  }

  protected override get biasStart(): Initializer {
    const { biasInitializer, unitForgetBias } = this.settings;
    return unitForgetBias ? forgetBias(biasInitializer, 4) : biasInitializer;
  }

  override begin(sequence: Tensor, context: CallContext): Stepper {
    const { activation: activate, recurrentActivation: gate } = this.settings;
    const product = this.stateProduct(sequence, context);
    return {
      inputs: unstack(this.project(sequence, this.bias?.value, context)),
      step: (input, states) =>
        lstmStep(add(product(states[0] as Tensor), input), states[1] as Tensor, 1, (x, kind) =>
          (kind === 'gate' ? gate : activate).call(x, context),
        ),
    };
  }
}

/** @internal The output and states that four gates side by side along `axis` make of a carry. */
export function lstmStep(
  gates: Tensor,
  carry: Tensor,
  axis: number,
  activate: (x: Tensor, kind: 'gate' | 'value') => Tensor,
): readonly Tensor[] {
  const [i, f, c, o] = split(gates, 4, axis) as [Tensor, Tensor, Tensor, Tensor];
  const kept = multiply(activate(f, 'gate'), carry);
  const next = add(kept, multiply(activate(i, 'gate'), activate(c, 'value')));
  const output = multiply(activate(o, 'gate'), activate(next, 'value'));
  return [output, output, next];
}

/** One step of `layers.gru`. */
export class GRUCell extends DenseCell<typeof gruCellFields> {
  static override readonly className: string = 'GRUCell';
  static override readonly fields = gruCellFields;
  protected override readonly gates = 3;
  protected override readonly kind = 'GRU';

  constructor(options: GRUCellOptions) {
    super(options);
  }

  /** With `resetAfter` the state has a bias of its own. */
  protected override get biasShape(): Shape {
    const { units, resetAfter } = this.settings;
    return resetAfter ? [2, 3 * units] : [3 * units];
  }

  override begin(sequence: Tensor, context: CallContext): Stepper {
    const { activation, recurrentActivation, units, resetAfter } = this.settings;
    const [time, batch] = sequence.shape as [number, number];
    const bias = this.bias?.value;
    const [inputBias, stateBias] = resetAfter && bias !== undefined ? unstack(bias) : [bias];
    const product = this.stateProduct(sequence, context);
    const drop = this.stateDropout(sequence, context);
    const recurrent = this.recurrent.value;
    // The gates' biases add up; the candidate's is behind the reset gate. Spread over the steps its gradient is one sum.
    const [gateBias, candidateBias] = stateBias === undefined ? [] : split(stateBias, [2 * units, units]);
    const inputSum =
      inputBias === undefined || gateBias === undefined
        ? inputBias
        : add(inputBias, concat([gateBias, zeros([units], { dtype: inputBias.dtype })]));
    const spread = candidateBias === undefined ? undefined : unstack(broadcastTo(candidateBias, [time, batch, units]));
    const [gateKernel, candidateKernel] = resetAfter ? [] : split(recurrent, [2 * units, units], 1);
    const gateParts = drop === undefined || gateKernel === undefined ? [] : split(gateKernel, 2, 1);
    return {
      inputs: unstack(this.project(sequence, inputSum, context)),
      step(input, [before], index) {
        const state = before as Tensor;
        const [xz, xr, xCandidate] = split(input, 3, 1) as [Tensor, Tensor, Tensor];
        let fromState: readonly Tensor[];
        let candidate: (reset: Tensor) => Tensor;
        if (gateKernel === undefined || candidateKernel === undefined) {
          fromState = split(product(state), 3, 1);
          const rest = fromState[2] as Tensor;
          const shifted = spread === undefined ? rest : add(rest, spread[index] as Tensor);
          candidate = (reset) => multiply(reset, shifted);
        } else {
          fromState =
            drop === undefined
              ? split(matmul(state, gateKernel), 2, 1)
              : gateParts.map((part, gate) => matmul(drop(state, gate), part));
          const seen = drop === undefined ? state : drop(state, 2);
          candidate = (reset) => matmul(multiply(reset, seen), candidateKernel);
        }
        const z = recurrentActivation.call(add(xz, fromState[0] as Tensor), context);
        const r = recurrentActivation.call(add(xr, fromState[1] as Tensor), context);
        const next = activation.call(add(candidate(r), xCandidate), context);
        const output = add(multiply(z, state), multiply(subtract(1, z), next));
        return [output, output];
      },
    };
  }
}
