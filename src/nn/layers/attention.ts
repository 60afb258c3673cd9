// Attention without projections: dot products (Luong) and a nonlinear sum (Bahdanau).
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, multiply, subtract } from '../../ops/arithmetic.js';
import { logicalAnd, logicalNot } from '../../ops/compare.js';
import { matmul } from '../../ops/matmul.js';
import { dropout as dropoutOp } from '../../ops/random.js';
import { sum } from '../../ops/reduce.js';
import { expandDims } from '../../ops/shape.js';
import { softmax } from '../../ops/softmax.js';
import { tanh } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import type { CallContext } from '../layer.js';
import type { CallArguments, PartialShape } from '../symbolic.js';
import { causalMask } from './attention-mask.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { layerKey, seedField } from './dropout.js';
import { choice, type Fields, flag, real, type SettingsOf } from './fields.js';

/** See `layers.additiveAttention`. */
export interface AdditiveAttentionOptions extends CommonOptions {
  /** Learns a scale; default true, of `attention` false. */
  useScale?: boolean;
  /** The share of scores that is dropped while training; default 0. */
  dropout?: number;
  seed?: number;
}

/** See `layers.attention`. */
export interface AttentionOptions extends AdditiveAttentionOptions {
  /** `dot` multiplies query and key, `concat` sums the tanh of their sum; default `dot`. */
  scoreMode?: 'dot' | 'concat';
}

const commonFields = { dropout: real(0, { low: 0, high: 1 }), seed: seedField };
const attentionFields = {
  useScale: flag(false),
  scoreMode: choice(['dot', 'concat'], 'dot'),
  ...commonFields,
};
const additiveFields = { useScale: flag(true), ...commonFields };

type Common = typeof commonFields & Fields;

abstract class ScoredAttention<F extends Common> extends ConfiguredLayer<F> {
  static override readonly supportsMasking: boolean = true;
  static override readonly callArguments: readonly (keyof CallArguments<never>)[] = [
    'useCausalMask',
    'returnAttentionScores',
  ];

  private get common(): SettingsOf<typeof commonFields> {
    return this.settings;
  }

  /** Scores [n,queries,keys]. */
  protected abstract score(query: Tensor, key: Tensor): Tensor;

  /** Throws `argument` unless there are query and value, and perhaps key. */
  protected checkCount(inputs: readonly unknown[]): void {
    if (inputs.length === 2 || inputs.length === 3) return;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `takes a list of query and value, and perhaps key; got ${inputs.length} ${inputs.length === 1 ? 'input' : 'inputs'}.`,
      got: inputs.length,
      hint: 'Apply it to a list: layer.apply([query, value]).',
    });
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    this.checkCount(inputs);
    const [query, value, key = value] = inputs as readonly [Tensor, Tensor, Tensor?];
    const { dropout, seed } = this.common;
    const [queryMask, valueMask] = context.masks ?? [];
    const scores = this.score(query, key);
    const [queries, keys] = scores.shape.slice(-2) as [number, number];
    const known = valueMask === undefined ? undefined : expandDims(cast(valueMask, 'bool'), -2);
    const causal = context.options?.useCausalMask === true ? causalMask(queries, keys) : undefined;
    const mask = known !== undefined && causal !== undefined ? logicalAnd(known, causal) : (known ?? causal);
    // Keras lowers the scores rather than replacing them.
    const out = scores.dtype === 'float16' ? 65504 : 1e9;
    const left = mask === undefined ? scores : where(logicalNot(mask), subtract(scores, out), scores);
    let shares = softmax(left);
    if (context.training && dropout > 0) {
      const { key: random, stream } = layerKey(seed, context);
      shares = dropoutOp(shares, dropout, random, { stream });
    }
    const chosen = matmul(shares, value);
    const shown = queryMask === undefined ? chosen : where(expandDims(cast(queryMask, 'bool'), -1), chosen, 0);
    return context.options?.returnAttentionScores === true ? [shown, shares] : [shown];
  }
}

/** Every query with every key, summed over tanh of their sum. */
function sumOfTanh(query: Tensor, key: Tensor, inner?: Tensor, outer?: Tensor): Tensor {
  const both = add(expandDims(query, -2), expandDims(key, -3));
  const bent = tanh(inner === undefined ? both : multiply(inner, both));
  return sum(outer === undefined ? bent : multiply(outer, bent), { axis: -1 });
}

/** Attention by dot products of query and key (Luong et al. 2015); apply it to [query, value] or [query, value, key]. */
export class Attention extends ScoredAttention<typeof attentionFields> {
  static override readonly className: string = 'Attention';
  static override readonly fields = attentionFields;
  private scale: Variable | undefined;
  private concatWeight: Variable | undefined;

  constructor(options: AttentionOptions = {}) {
    super(options);
  }

  override build(inputShapes: readonly PartialShape[]): void {
    this.checkCount(inputShapes);
    const { useScale, scoreMode } = this.settings;
    if (useScale) this.scale = this.addWeight({ name: 'scale', shape: [], initializer: 'ones' });
    if (scoreMode === 'concat') {
      this.concatWeight = this.addWeight({ name: 'concat_score_weight', shape: [], initializer: 'ones' });
    }
  }

  protected override score(query: Tensor, key: Tensor): Tensor {
    const scale = this.scale?.value;
    if (this.concatWeight !== undefined) return multiply(this.concatWeight.value, sumOfTanh(query, key, scale));
    const product = matmul(query, key, { transposeB: true });
    return scale === undefined ? product : multiply(product, scale);
  }
}

/** Attention by a nonlinear sum of query and key (Bahdanau et al. 2015); apply it to [query, value] or [query, value, key]. */
export class AdditiveAttention extends ScoredAttention<typeof additiveFields> {
  static override readonly className: string = 'AdditiveAttention';
  static override readonly fields = additiveFields;
  private scale: Variable | undefined;

  constructor(options: AdditiveAttentionOptions = {}) {
    super(options);
  }

  override build(inputShapes: readonly PartialShape[]): void {
    this.checkCount(inputShapes);
    const size = inputShapes[0]?.at(-1) ?? Number.NaN;
    if (this.settings.useScale) this.scale = this.addWeight({ name: 'scale', shape: [size] });
  }

  protected override score(query: Tensor, key: Tensor): Tensor {
    return sumOfTanh(query, key, undefined, this.scale?.value);
  }
}
