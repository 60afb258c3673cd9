// Attention with several heads, and with heads that share keys and values. The projections are EinsumDense layers.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { multiply } from '../../ops/arithmetic.js';
import { einsum } from '../../ops/einsum.js';
import { repeat } from '../../ops/join.js';
import { dropout as dropoutOp } from '../../ops/random.js';
import type { ConstraintLike } from '../constraints.js';
import type { InitializerLike } from '../initializers.js';
import type { CallContext, Layer, LayerConfig, LayerSlot } from '../layer.js';
import type { RegularizerLike } from '../regularizers.js';
import type { CallArguments, PartialShape } from '../symbolic.js';
import { combineMasks, maskedSoftmax, withHeads } from './attention-mask.js';
import { wrongInput } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { layerKey, seedField } from './dropout.js';
import { EinsumDense } from './einsum-dense.js';
import {
  constraint,
  type Field,
  type Fields,
  flag,
  initializer,
  optional,
  real,
  refuseOption,
  regularizer,
  type SettingsOf,
  whole,
} from './fields.js';

interface ProjectionOptions extends CommonOptions {
  /** The share of attention scores that is dropped while training; default 0. */
  dropout?: number;
  /** Default true. */
  useBias?: boolean;
  /** Multiplies what comes out by a sigmoid of the query, projected; default false. */
  useGate?: boolean;
  /** Keys so far from the query are not looked at; default none. */
  slidingWindow?: number | null;
  /** Default `glorotUniform`. */
  kernelInitializer?: InitializerLike;
  biasInitializer?: InitializerLike;
  kernelRegularizer?: RegularizerLike;
  biasRegularizer?: RegularizerLike;
  kernelConstraint?: ConstraintLike;
  biasConstraint?: ConstraintLike;
  seed?: number;
}

/** See `layers.multiHeadAttention`. */
export interface MultiHeadAttentionOptions extends ProjectionOptions {
  numHeads: number;
  /** Size of each head's queries and keys. */
  keyDim: number;
  /** Size of each head's values; default keyDim. */
  valueDim?: number;
  /** Sizes of the output in place of the query's last; default those of the query. */
  outputShape?: number | readonly number[] | null;
  /** The axes over which attention goes; default all but the batch, the heads and the features. */
  attentionAxes?: number | readonly number[] | null;
}

/** See `layers.groupQueryAttention`. */
export interface GroupedQueryAttentionOptions extends ProjectionOptions {
  /** Size of each head. */
  headDim: number;
  numQueryHeads: number;
  /** Divides numQueryHeads. */
  numKeyValueHeads: number;
}

/** Whole numbers, given as one or as a list. */
const numbersField = (want: string): Field<readonly number[]> => ({
  check(value, place) {
    const list: unknown = typeof value === 'number' ? [value] : value;
    if (Array.isArray(list) && list.length > 0 && list.every((each) => Number.isInteger(each))) return [...list];
    throw refuseOption(place, want, value);
  },
  write: (value) => [...value],
});

const projectionFields = {
  dropout: real(0, { low: 0, high: 1 }),
  useBias: flag(true),
  useGate: flag(false),
  slidingWindow: optional(whole(1)),
  kernelInitializer: initializer('glorotUniform'),
  biasInitializer: initializer('zeros'),
  kernelRegularizer: regularizer(),
  biasRegularizer: regularizer(),
  kernelConstraint: constraint(),
  biasConstraint: constraint(),
  seed: seedField,
};
const multiHeadFields = {
  numHeads: whole(1),
  keyDim: whole(1),
  valueDim: optional(whole(1)),
  outputShape: optional(numbersField('a size or a list of sizes')),
  attentionAxes: optional(numbersField('an axis or a list of axes')),
  ...projectionFields,
};
const groupedFields = {
  headDim: whole(1),
  numQueryHeads: whole(1),
  numKeyValueHeads: whole(1),
  ...projectionFields,
};

type ProjectionFields = typeof projectionFields & Fields;

/** Letters from a on. */
const letters = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(97 + from + i)).join('');

/** The layers that project query, key and value, and what comes out. */
interface Projections {
  readonly query: EinsumDense;
  readonly key: EinsumDense;
  readonly value: EinsumDense;
  readonly gate: EinsumDense | undefined;
  readonly output: EinsumDense;
}

abstract class ProjectedAttention<F extends ProjectionFields> extends ConfiguredLayer<F> {
  static override readonly inputNames: readonly string[] = ['query', 'value', 'key'];
  static override readonly supportsMasking: boolean = true;
  static override readonly callArguments: readonly (keyof CallArguments<never>)[] = [
    'queryMask',
    'valueMask',
    'keyMask',
    'attentionMask',
    'useCausalMask',
    'returnAttentionScores',
  ];
  protected made: Projections | undefined;
  /** Keras's attributes begin with this where they have no public name. */
  protected abstract readonly prefix: '' | '_';

  private get shared(): SettingsOf<typeof projectionFields> {
    return this.settings;
  }

  protected abstract makeProjections(query: PartialShape, value: PartialShape, key: PartialShape): Projections;

  protected projection(
    name: string,
    equation: string,
    outputShape: PartialShape,
    biasAxes: string,
    gate = false,
  ): EinsumDense {
    const { kernelInitializer, biasInitializer, kernelRegularizer, biasRegularizer } = this.shared;
    const { kernelConstraint, biasConstraint, useBias } = this.shared;
    return new EinsumDense({
      name,
      equation,
      outputShape,
      biasAxes: useBias ? biasAxes : null,
      activation: gate ? 'sigmoid' : 'linear',
      kernelInitializer,
      biasInitializer,
      ...(kernelRegularizer === null ? {} : { kernelRegularizer }),
      ...(biasRegularizer === null ? {} : { biasRegularizer }),
      ...(kernelConstraint === null ? {} : { kernelConstraint }),
      ...(biasConstraint === null ? {} : { biasConstraint }),
      ...(this.activityRegularizer === null ? {} : { activityRegularizer: this.activityRegularizer }),
      dtype: this.dtypePolicy,
    });
  }

  override get sublayers(): readonly Layer[] {
    if (this.made === undefined) return [];
    const { query, key, gate, value, output } = this.made;
    return gate === undefined ? [query, key, value, output] : [query, key, gate, value, output];
  }

  /** In the order of the attributes' names, as Keras saves them. */
  override get slots(): readonly LayerSlot[] {
    if (this.made === undefined) return [];
    const { query, key, gate, value, output } = this.made;
    const slot = (name: string, layers: Layer): LayerSlot => ({ attribute: `${this.prefix}${name}_dense`, layers });
    return [
      ...(gate === undefined ? [] : [{ attribute: '_gate_dense', layers: gate }]),
      slot('key', key),
      slot('output', output),
      slot('query', query),
      slot('value', value),
    ];
  }

  /** The query, the value, and the key, which is the value where there is none. */
  protected three<T>(inputs: readonly T[]): readonly [T, T, T] {
    const [query, value, key = value] = inputs;
    if (query !== undefined && value !== undefined && key !== undefined && inputs.length <= 3)
      return [query, value, key];
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `takes query and value, and perhaps key; got ${inputs.length} ${inputs.length === 1 ? 'input' : 'inputs'}.`,
      got: inputs.length,
      hint: 'Apply it to a list; for self-attention the same tensor twice: layer.apply([x, x]).',
    });
  }

  override build(inputShapes: readonly PartialShape[]): void {
    const [query, value, key] = this.three(inputShapes);
    for (const shape of [query, value, key]) {
      if (shape.length < 3) throw wrongInput(this, shape, ['batch', 'time', 'features']);
    }
    const inner = (shape: PartialShape): string => shape.slice(1, -1).join();
    if (inner(value) !== inner(key)) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `value ${formatShape(value)} and key ${formatShape(key)} may differ in the last axis only.`,
        got: [value, key],
      });
    }
    this.made = this.makeProjections(query, value, key);
    const { made } = this;
    made.query.ensureBuilt([query]);
    made.key.ensureBuilt([key]);
    made.gate?.ensureBuilt([query]);
    made.value.ensureBuilt([value]);
    const [, heads, size] = made.value.kernelShape as [number, number, number];
    made.output.ensureBuilt([[...query.slice(0, -1), this.headsOf(heads), size]]);
  }

  /** How many heads come out, for so many heads of values. */
  protected headsOf(valueHeads: number): number {
    return valueHeads;
  }

  /** Scores of projected queries and keys, softmax, dropout, and the values they choose. */
  protected attend(
    [query, key, value]: readonly [Tensor, Tensor, Tensor],
    mask: Tensor | undefined,
    context: CallContext,
    {
      dotProduct,
      combine,
      axes,
      keySize,
    }: { dotProduct: readonly [string, 0 | 1]; combine: string; axes: number; keySize: number },
  ): { output: Tensor; scores: Tensor } {
    const { dropout, seed } = this.shared;
    const [equation, first] = dotProduct;
    const scaled = multiply(query, 1 / Math.sqrt(keySize));
    const raw = first === 0 ? einsum(equation, scaled, key) : einsum(equation, key, scaled);
    // Keras takes another road where nothing is dropped and nobody asks for scores: it differs where a query may look at nothing.
    const isPlain = dropout === 0 && context.options?.returnAttentionScores !== true && query.rank === 4;
    const full = mask === undefined ? undefined : withHeads(mask, raw.rank, 2 * axes);
    const scores = maskedSoftmax(raw, full, { axes, isZeroed: !isPlain });
    let chosen = scores;
    if (context.training && dropout > 0) {
      const { key: random, stream } = layerKey(seed, context);
      chosen = dropoutOp(scores, dropout, random, { stream });
    }
    return { output: einsum(combine, chosen, value), scores };
  }

  protected finish(output: Tensor, scores: Tensor, query: Tensor, context: CallContext): readonly Tensor[] {
    const { gate, output: project } = this.made as Projections;
    const gated = gate === undefined ? output : multiply(output, gate.run([query], context)[0] as Tensor);
    const [result] = project.run([gated], context) as readonly [Tensor];
    return context.options?.returnAttentionScores === true ? [result, scores] : [result];
  }
}

/** Attention of queries to keys and values, several heads at once (Vaswani et al. 2017). */
export class MultiHeadAttention extends ProjectedAttention<typeof multiHeadFields> {
  static override readonly className: string = 'MultiHeadAttention';
  static override readonly fields = multiHeadFields;
  protected override readonly prefix = '';

  constructor(options: MultiHeadAttentionOptions) {
    super(options);
  }

  private get valueDim(): number {
    return this.settings.valueDim ?? this.settings.keyDim;
  }

  /** The axes of attention, counted from the batch, for projected values of this rank. */
  private axes(rank: number): number[] {
    const { attentionAxes } = this.settings;
    if (attentionAxes === null) return Array.from({ length: rank - 3 }, (_, i) => i + 1);
    return attentionAxes.map((axis) => (axis < 0 ? axis + rank - 1 : axis));
  }

  /** Keras writes the axes it has settled on. */
  override getConfig(): LayerConfig {
    const value = this.builtFor[1];
    const axes = value === undefined || !this.isBuilt ? this.settings.attentionAxes : this.axes(value.length + 1);
    return { ...super.getConfig(), value_dim: this.valueDim, attention_axes: axes };
  }

  protected override makeProjections(query: PartialShape, value: PartialShape, key: PartialShape): Projections {
    const { numHeads, keyDim, outputShape, useGate } = this.settings;
    const { valueDim } = this;
    const inward = (name: string, shape: PartialShape, size: number, isGate = false): EinsumDense => {
      const free = shape.length - 1;
      const [kept, summed, made] = [letters(free), letters(1, free), letters(2, free + 1)];
      const sizes = [...Array<null>(free - 1).fill(null), numHeads, size];
      return this.projection(name, `${kept}${summed},${summed}${made}->${kept}${made}`, sizes, made, isGate);
    };
    const free = query.length - 1;
    const sizes = outputShape ?? [query.at(-1) ?? null];
    const [kept, summed, made] = [letters(free), letters(2, free), letters(sizes.length, free + 2)];
    const outward = [...Array<null>(free - 1).fill(null), ...sizes];
    return {
      query: inward('query', query, keyDim),
      key: inward('key', key, keyDim),
      gate: useGate ? inward('gate', query, valueDim, true) : undefined,
      value: inward('value', value, valueDim),
      output: this.projection('attention_output', `${kept}${summed},${summed}${made}->${kept}${made}`, outward, made),
    };
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [query, value, key] = this.three(inputs);
    const { slidingWindow, keyDim } = this.settings;
    const made = this.made as Projections;
    const rank = value.rank + 1;
    const axes = this.axes(rank);
    if (axes.some((axis) => axis < 1 || axis > rank - 3)) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `attentionAxes ${axes.join(', ')} do not fit inputs ${formatShape(value.shape)}.`,
        got: axes,
        hint: 'Give axes between the batch and the features.',
      });
    }
    const { options = {}, masks = [] } = context;
    const mask = combineMasks(
      {
        // Keras heeds the mask that travels with the query alone, whatever query mask the call gives.
        query: masks[0],
        value: options.valueMask ?? masks[1],
        key: options.keyMask ?? masks[2],
        pairs: options.attentionMask,
        isCausal: options.useCausalMask,
        window: slidingWindow,
      },
      query.shape[1] as number,
      value.shape[1] as number,
    );
    const project = (layer: EinsumDense, x: Tensor): Tensor => layer.run([x], context)[0] as Tensor;
    const { output, scores } = this.attend(
      [project(made.query, query), project(made.key, key), project(made.value, value)],
      mask,
      context,
      { ...equations(rank, axes), axes: axes.length, keySize: keyDim },
    );
    return this.finish(output, scores, query, context);
  }
}

/** The equations of scores and of what they choose, for projected tensors of this rank: [batch, others, heads, size]. */
function equations(rank: number, axes: readonly number[]): { dotProduct: readonly [string, 1]; combine: string } {
  const target = letters(rank);
  let next = rank;
  const source = [...target].map((letter, i) => (axes.includes(i) ? letters(1, next++) : letter)).join('');
  const at = (term: string, places: readonly number[]): string => places.map((i) => term[i]).join('');
  const batch = [...target].map((_, i) => i).filter((i) => i < rank - 1 && !axes.includes(i));
  const scores = at(target, batch) + at(target, axes) + at(source, axes);
  return { dotProduct: [`${source},${target}->${scores}`, 1], combine: `${scores},${source}->${target}` };
}

/** Attention in which groups of query heads share one head of keys and values (Ainslie et al. 2023). */
export class GroupedQueryAttention extends ProjectedAttention<typeof groupedFields> {
  static override readonly className: string = 'GroupQueryAttention';
  static override readonly fields = groupedFields;
  protected override readonly prefix = '_';

  constructor(options: GroupedQueryAttentionOptions) {
    super(options);
    const { numQueryHeads, numKeyValueHeads } = this.settings;
    if (numQueryHeads % numKeyValueHeads === 0) return;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `numKeyValueHeads ${numKeyValueHeads} must divide numQueryHeads ${numQueryHeads}.`,
      got: { numQueryHeads, numKeyValueHeads },
      path: this.name,
    });
  }

  override get pathName(): string {
    return 'GroupedQueryAttention';
  }

  protected override headsOf(): number {
    return this.settings.numQueryHeads;
  }

  protected override makeProjections(query: PartialShape, value: PartialShape): Projections {
    const { headDim, numQueryHeads, numKeyValueHeads, useGate } = this.settings;
    for (const [name, shape] of [
      ['query', query],
      ['value', value],
    ] as const) {
      if (shape.length === 3) continue;
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `${name} must be [batch,length,features]; got ${formatShape(shape)}.`,
        got: shape,
      });
    }
    const keys = (name: string): EinsumDense =>
      this.projection(name, 'bkm,mvh->bkvh', [null, numKeyValueHeads, headDim], 'vh');
    const queries = (name: string, isGate: boolean): EinsumDense =>
      this.projection(name, 'bqm,muh->bquh', [null, numQueryHeads, headDim], 'uh', isGate);
    return {
      query: queries('query', false),
      key: keys('key'),
      gate: useGate ? queries('gate', true) : undefined,
      value: keys('value'),
      output: this.projection('attention_output', 'bquh,uhm->bqm', [null, query.at(-1) ?? null], 'm'),
    };
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [query, value, key] = this.three(inputs);
    const { slidingWindow, headDim, numQueryHeads, numKeyValueHeads } = this.settings;
    const { query: forQuery, key: forKey, value: forValue } = this.made as Projections;
    const { options = {}, masks = [] } = context;
    const mask = combineMasks(
      {
        query: options.queryMask ?? masks[0],
        value: options.valueMask ?? masks[1],
        key: options.keyMask ?? masks[2],
        pairs: options.attentionMask,
        isCausal: options.useCausalMask,
        window: slidingWindow,
      },
      query.shape[1] as number,
      value.shape[1] as number,
    );
    const project = (layer: EinsumDense, x: Tensor): Tensor => layer.run([x], context)[0] as Tensor;
    const times = numQueryHeads / numKeyValueHeads;
    const { output, scores } = this.attend(
      [project(forQuery, query), repeat(project(forKey, key), times, 2), repeat(project(forValue, value), times, 2)],
      mask,
      context,
      { dotProduct: ['bquh,bkuh->buqk', 0], combine: 'buqk,bkuh->bquh', axes: 1, keySize: headDim },
    );
    return this.finish(output, scores, query, context);
  }
}
