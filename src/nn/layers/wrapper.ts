// Layers around another layer: at every time step, or in both directions of time.
import type { Dtype } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import { Tensor } from '../../graph/tensor.js';
import { add, cast, divide, multiply } from '../../ops/arithmetic.js';
import { concat, stack, unstack } from '../../ops/join.js';
import { flip, reshape } from '../../ops/shape.js';
import { type CallContext, Layer, type LayerConfig, type LayerSlot } from '../layer.js';
import type { CallArguments, PartialShape } from '../symbolic.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { type Field, type Fields, optional, refuseOption, type SettingsOf } from './fields.js';
import { noteFlipped } from './recurrence.js';
import { maskOfCall, Recurrent, type recurrentFields } from './recurrent.js';
import { cloneLayer, layerField, serializeLayer } from './registered.js';

/** What every wrapper takes. */
export interface WrapperOptions extends CommonOptions {
  /** The layer inside. */
  layer: Layer;
}

/** See `layers.timeDistributed`. */
export type TimeDistributedOptions = WrapperOptions;

/** How two directions become one output: side by side, sum, product, mean, or not at all. */
export type MergeMode = 'concat' | 'sum' | 'mul' | 'ave' | null;

/** See `layers.bidirectional`. */
export interface BidirectionalOptions extends WrapperOptions {
  /** A recurrent layer; the wrapper works with two of its kind, not with this one. */
  layer: Layer;
  /** Default `concat`; null gives two outputs. */
  mergeMode?: MergeMode;
  /** What goes backwards; default one like `layer`. */
  backwardLayer?: Layer;
}

const wrapperFields = { layer: layerField() };

/**
 * A layer around another, `this.layer`. Subclasses write `call`; weights, names and files follow.
 *
 * @example
 * class Residual extends layers.Wrapper {
 *   static override readonly className: string = 'Residual';
 *   override call([x]: readonly [Tensor], context: CallContext): Tensor {
 *     return fovea.add(x, this.layer.run([x], context)[0] as Tensor);
 *   }
 * }
 */
export abstract class Wrapper<
  F extends typeof wrapperFields & Fields = typeof wrapperFields,
> extends ConfiguredLayer<F> {
  static override readonly fields: Fields = wrapperFields;

  constructor(options: WrapperOptions) {
    super(options);
  }

  private get common(): SettingsOf<typeof wrapperFields> {
    return this.settings;
  }

  /** The layer inside. */
  get layer(): Layer {
    return this.common.layer;
  }

  override get sublayers(): readonly Layer[] {
    return [this.layer];
  }

  override get slots(): readonly LayerSlot[] {
    return [{ attribute: 'layer', layers: this.layer }];
  }

  override build(inputShapes: readonly PartialShape[]): void {
    this.layer.ensureBuilt(inputShapes);
  }
}

/** Applies a layer to every time step of [n,time,...]. */
export class TimeDistributed extends Wrapper {
  static override readonly className: string = 'TimeDistributed';
  static override readonly supportsMasking: boolean = true;

  constructor(options: TimeDistributedOptions) {
    super(options);
  }

  private inner(shape: PartialShape): PartialShape {
    if (shape.length >= 3) return [shape[0] ?? null, ...shape.slice(2)];
    throw new FoveaError({
      code: 'shape',
      op: this.className,
      message: `expects [batch,time,...] with three axes or more; got ${formatShape(shape)}.`,
      got: shape,
    });
  }

  override build([shape]: readonly [PartialShape, ...PartialShape[]]): void {
    super.build([this.inner(shape)]);
  }

  override computeOutputShapes(
    [shape]: readonly PartialShape[],
    dtypes?: readonly Dtype[],
  ): { shape: PartialShape; dtype: Dtype }[] {
    const whole = shape as PartialShape;
    this.buildNamed([whole]);
    const [inner] = this.layer.computeOutputShapes([this.inner(whole)], dtypes) as [
      { shape: PartialShape; dtype: Dtype },
    ];
    return [{ shape: [inner.shape[0] ?? null, whole[1] ?? null, ...inner.shape.slice(1)], dtype: inner.dtype }];
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    this.inner(x.shape);
    const mask = context.masks?.[0];
    if (mask !== undefined) this.checkMask(mask, x);
    // A mask of the steps alone says nothing to the layer inside, which sees one step.
    const inner = mask === undefined || mask.rank < 3 ? undefined : mask;
    const run = (step: Tensor, own: Tensor | undefined): Tensor =>
      this.layer.run([step], context, own === undefined ? {} : { mask: own })[0] as Tensor;
    // Statistics are gathered step by step, as Keras does; everything else sees all steps at once.
    if (context.training && this.layer.weights.some(({ trainable }) => !trainable)) {
      const masks = inner === undefined ? [] : unstack(inner, 1);
      return stack(
        unstack(x, 1).map((step, i) => run(step, masks[i])),
        1,
      );
    }
    const [batch, time] = x.shape as [number, number];
    const flat = (tensor: Tensor): Tensor => reshape(tensor, [batch * time, ...tensor.shape.slice(2)]);
    const y = run(flat(x), inner === undefined ? undefined : flat(inner));
    return reshape(y, [batch, time, ...y.shape.slice(1)]);
  }

  private checkMask(mask: Tensor, x: Tensor): void {
    if (mask.rank >= 2 && mask.shape[0] === x.shape[0] && mask.shape[1] === x.shape[1]) return;
    throw new FoveaError({
      code: 'shape',
      op: this.className,
      message: `mask ${formatShape(mask.shape)} does not fit the steps of ${formatShape(x.shape)}.`,
      got: mask.shape,
      want: x.shape.slice(0, 2),
    });
  }
}

const MODES: readonly MergeMode[] = ['concat', 'sum', 'mul', 'ave', null];

const mergeField: Field<MergeMode> = {
  fallback: () => 'concat',
  takesNull: true,
  check(value, place) {
    const found = MODES.find((mode) => mode === value);
    if (found !== undefined) return found;
    throw refuseOption(place, "'concat', 'sum', 'mul', 'ave' or null", value);
  },
  write: (value) => value,
};
const recurrentField: Field<Layer> = {
  ...layerField('a recurrent layer'),
  check(value, place) {
    if (value instanceof Recurrent) return value;
    throw refuseOption(place, 'a recurrent layer', value instanceof Layer ? value.className : value);
  },
};
const bidirectionalFields = {
  layer: recurrentField,
  mergeMode: mergeField,
  backwardLayer: optional(recurrentField),
};

type AnyRecurrent = Recurrent<typeof recurrentFields>;

/** Runs a recurrent layer forwards and another like it backwards, and merges what they give. */
export class Bidirectional extends Wrapper<typeof bidirectionalFields> {
  static override readonly className: string = 'Bidirectional';
  static override readonly fields = bidirectionalFields;
  static override readonly inputNames: readonly string[] = ['sequences'];
  static override readonly callArguments: readonly (keyof CallArguments<never>)[] = ['initialState'];
  /** What goes forwards; like `layer`, with weights of its own. */
  readonly forwardLayer: AnyRecurrent;
  /** What goes backwards. */
  readonly backwardLayer: AnyRecurrent;

  constructor(options: BidirectionalOptions) {
    super(options);
    const layer = this.settings.layer as AnyRecurrent;
    const { returnSequences } = layer.settings;
    const named = (side: string): string => `${side}_${layer.name.replace(new RegExp(`^${side}_`), '')}`;
    // Steps that do not count give 0 in whole sequences, whatever the layer says.
    const common = { zeroOutputForMask: returnSequences };
    this.forwardLayer = cloneLayer(layer, { ...common, name: named('forward') });
    const { backwardLayer } = this.settings;
    this.backwardLayer =
      backwardLayer === null
        ? cloneLayer(layer, { ...common, name: named('backward'), goBackwards: true })
        : cloneLayer(backwardLayer as AnyRecurrent, common);
    this.checkPair();
  }

  private checkPair(): void {
    const [forward, backward] = [this.forwardLayer.settings, this.backwardLayer.settings];
    const refuse = (option: string, message: string): never => {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message,
        got: [forward, backward].map((settings) => settings[option as 'goBackwards']),
        path: this.name,
      });
    };
    if (forward.goBackwards === backward.goBackwards) {
      refuse('goBackwards', 'layer and backwardLayer must go in different directions; give one goBackwards.');
    }
    for (const option of ['stateful', 'returnSequences', 'returnState'] as const) {
      if (forward[option] !== backward[option]) refuse(option, `layer and backwardLayer must have the same ${option}.`);
    }
  }

  override get layer(): Layer {
    return this.forwardLayer;
  }

  override get sublayers(): readonly Layer[] {
    return [this.forwardLayer, this.backwardLayer];
  }

  override get slots(): readonly LayerSlot[] {
    return [
      { attribute: 'backward_layer', layers: this.backwardLayer },
      { attribute: 'forward_layer', layers: this.forwardLayer },
    ];
  }

  override getConfig(): LayerConfig {
    return {
      merge_mode: this.settings.mergeMode,
      layer: serializeLayer(this.forwardLayer),
      backward_layer: serializeLayer(this.backwardLayer),
    };
  }

  /** Makes stateful layers start from zeros again. */
  resetState(): void {
    this.forwardLayer.resetState();
    this.backwardLayer.resetState();
  }

  override build(inputShapes: readonly PartialShape[]): void {
    this.forwardLayer.ensureBuilt(inputShapes);
    this.backwardLayer.ensureBuilt(inputShapes);
  }

  override computeOutputShapes(inputShapes: readonly PartialShape[]): { shape: PartialShape; dtype: Dtype }[] {
    this.buildNamed(inputShapes);
    const [output, ...states] = this.forwardLayer.computeOutputShapes(inputShapes) as [
      { shape: PartialShape; dtype: Dtype },
      ...{ shape: PartialShape; dtype: Dtype }[],
    ];
    const { mergeMode } = this.settings;
    const wide = [...output.shape.slice(0, -1), 2 * (output.shape.at(-1) as number)];
    const outputs =
      mergeMode === null ? [output, output] : [mergeMode === 'concat' ? { ...output, shape: wide } : output];
    return [...outputs, ...states, ...states];
  }

  protected override computeMask(
    _inputs: readonly Tensor[],
    masks: readonly (Tensor | undefined)[],
  ): readonly (Tensor | undefined)[] {
    if (!this.forwardLayer.settings.returnSequences) return [];
    return this.settings.mergeMode === null ? [masks[0], masks[0]] : [masks[0]];
  }

  override call([x]: readonly [Tensor], context: CallContext): readonly Tensor[] {
    const { mergeMode } = this.settings;
    const { returnSequences } = this.forwardLayer.settings;
    const given = context.options?.initialState;
    const states = given === undefined ? undefined : given instanceof Tensor ? [given] : given;
    const half = (states?.length ?? 0) / 2;
    const mask = maskOfCall(context);
    const run = (layer: AnyRecurrent, own: readonly Tensor[] | undefined): readonly [Tensor, ...Tensor[]] =>
      layer.run([x], context, {
        ...(own === undefined ? {} : { initialState: own }),
        ...(mask === undefined ? {} : { mask }),
      }) as readonly [Tensor, ...Tensor[]];
    const [y, ...forwardStates] = run(this.forwardLayer, states?.slice(0, half));
    const [reversed, ...backwardStates] = run(this.backwardLayer, states?.slice(half));
    const aligned = returnSequences ? flip(reversed, 1) : reversed;
    if (returnSequences) noteFlipped(aligned, reversed);
    const both = [y, aligned].map((each) => cast(each, this.computeDtype));
    return [...merge(both as [Tensor, Tensor], mergeMode), ...forwardStates, ...backwardStates];
  }
}

function merge([a, b]: readonly [Tensor, Tensor], mode: MergeMode): readonly Tensor[] {
  switch (mode) {
    case 'concat':
      return [concat([a, b], -1)];
    case 'sum':
      return [add(a, b)];
    case 'ave':
      return [divide(add(a, b), 2)];
    case 'mul':
      return [multiply(a, b)];
    case null:
      return [a, b];
  }
}
