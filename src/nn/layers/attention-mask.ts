// Which query may look at which key, and the softmax that heeds it.
import { sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { cast, subtract } from '../../ops/arithmetic.js';
import { greaterEqual, less, logicalAnd } from '../../ops/compare.js';
import { range } from '../../ops/create.js';
import { expandDims, reshape } from '../../ops/shape.js';
import { softmax } from '../../ops/softmax.js';
import { abs } from '../../ops/unary.js';
import { where } from '../../ops/where.js';

/** What narrows attention down. */
export interface AttentionMasks {
  /** Bool [n,queries]. */
  readonly query?: Tensor | undefined;
  /** Bool [n,keys]. */
  readonly value?: Tensor | undefined;
  readonly key?: Tensor | undefined;
  /** Bool [n,queries,keys], or with heads. */
  readonly pairs?: Tensor | undefined;
  readonly isCausal?: boolean | undefined;
  /** Keys farther than this from the query are not looked at. */
  readonly window?: number | null | undefined;
}

/** Bool [1,queries,keys]: the keys up to each query's own place. */
export function causalMask(queries: number, keys: number): Tensor {
  return expandDims(greaterEqual(expandDims(range(queries), 1), range(keys)), 0);
}

/** Keras's combination of all masks, [n,queries,keys], or undefined where everything may be looked at. */
export function combineMasks(masks: AttentionMasks, queries: number, keys: number): Tensor | undefined {
  const { query, value, key, pairs, isCausal, window } = masks;
  const near = (size: number): Tensor =>
    expandDims(less(abs(subtract(expandDims(range(queries), 1), range(keys))), size), 0);
  const all = [
    query === undefined ? undefined : expandDims(cast(query, 'bool'), -1),
    value === undefined ? undefined : expandDims(cast(value, 'bool'), -2),
    key === undefined ? undefined : expandDims(cast(key, 'bool'), -2),
    isCausal === true ? causalMask(queries, keys) : undefined,
    window === undefined || window === null ? undefined : near(window),
    pairs === undefined ? undefined : cast(pairs, 'bool'),
  ].filter((mask) => mask !== undefined);
  return all.length === 0 ? undefined : all.reduce((a, b) => logicalAnd(a, b));
}

/** A mask [n,...] with axes for the heads put before its last `inner` axes, until it has `rank` axes. */
export function withHeads(mask: Tensor, rank: number, inner: number): Tensor {
  let full = mask;
  while (full.rank < rank) full = expandDims(full, -inner - 1);
  return full;
}

/** How much a score that is left out is lowered. */
const OUT = { softmaxLayer: -1e9, product: -0.7 * 3.38953e38, narrow: -3e4 };

/**
 * Softmax over the last `axes` axes together, of what the mask leaves. Where it leaves nothing, `isZeroed` gives 0 and
 * otherwise all get the same. Computed in float32, whatever the dtype.
 */
export function maskedSoftmax(
  scores: Tensor,
  mask: Tensor | undefined,
  { axes, isZeroed }: { axes: number; isZeroed: boolean },
): Tensor {
  const { shape, rank, dtype } = scores;
  const least = dtype === 'float16' ? OUT.narrow : isZeroed ? OUT.softmaxLayer : OUT.product;
  const wide = cast(scores, 'float32');
  const left = mask === undefined ? wide : where(mask, wide, least);
  const flat = axes === 1 ? left : reshape(left, [...shape.slice(0, rank - axes), sizeOf(shape.slice(rank - axes))]);
  const shares = cast(reshape(softmax(flat), shape), dtype);
  return mask !== undefined && isZeroed ? where(mask, shares, 0) : shares;
}
