// Losses that compare the embeddings of a batch with one another.
import type { Tensor } from '../../graph/tensor.js';
import { relu } from '../../ops/activation.js';
import { add, cast, multiply, subtract } from '../../ops/arithmetic.js';
import { equal, logicalAnd, logicalNot } from '../../ops/compare.js';
import { eye } from '../../ops/create.js';
import { matmul } from '../../ops/matmul.js';
import { max, sum } from '../../ops/reduce.js';
import { expandDims, reshape } from '../../ops/shape.js';
import { exp, log, softplus, stopGradient } from '../../ops/unary.js';
import { where } from '../../ops/where.js';

/** So far below any logit that its exponential is 0, and still a number: a row without a partner has no gradient. */
const NOWHERE = -1e30;

/**
 * Circle loss (Sun et al. 2020): embeddings of one class should be near each other, those of two far apart, and pairs that
 * are further from it weigh more. Embeddings should have length 1.
 */
export function circle(
  yTrue: Tensor,
  embeddings: Tensor,
  { gamma, margin, removeDiagonal }: { gamma: number; margin: number; removeDiagonal: boolean },
): Tensor {
  const count = embeddings.shape[0] as number;
  const labels = reshape(cast(yTrue, 'int32'), [count]);
  const isSame = equal(expandDims(labels, 1), expandDims(labels, 0));
  const isOther = logicalNot(isSame);
  const isSelf = cast(eye(count), 'bool');
  const isPartner = removeDiagonal ? logicalAnd(isSame, logicalNot(isSelf)) : isSame;
  const distance = subtract(1, matmul(embeddings, embeddings, { transposeB: true }));
  const pull = multiply(relu(add(distance, margin)), subtract(distance, margin));
  const push = multiply(relu(subtract(1 + margin, distance)), subtract(1 - margin, distance));
  const gathered = (logits: Tensor, isCounted: Tensor): Tensor => {
    const counted = where(isCounted, multiply(logits, gamma), NOWHERE);
    const largest = stopGradient(max(counted, { axis: 1, keepDims: true }));
    return add(log(sum(exp(subtract(counted, largest)), { axis: 1 })), reshape(largest, [count]));
  };
  return softplus(add(gathered(pull, isPartner), gathered(push, isOther)));
}
