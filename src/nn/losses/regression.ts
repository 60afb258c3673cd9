// Losses over numbers rather than probabilities: distances, hinges, divergences and overlaps. Formulas as in Keras.
import { scalar, type Tensor } from '../../graph/tensor.js';
import { add, clip, divide, maximum, multiply, negative, subtract } from '../../ops/arithmetic.js';
import { equal, lessEqual, logicalOr } from '../../ops/compare.js';
import { l2Normalize } from '../../ops/norm.js';
import { all, max, mean, sum } from '../../ops/reduce.js';
import { abs, log, softplus, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { EPSILON } from './loss.js';

/** A loss of labels (float32, aligned) and predictions of one shape. */
export type AlignedLoss = (labels: Tensor, yPred: Tensor) => Tensor;

const last = { axis: -1 } as const;
/** The mean over the last axis; a scalar has none. */
const average = (values: Tensor): Tensor => (values.rank === 0 ? values : mean(values, last));

export const squaredError: AlignedLoss = (y, p) => average(square(subtract(p, y)));

export const absoluteError: AlignedLoss = (y, p) => average(abs(subtract(p, y)));

export const percentageError: AlignedLoss = (y, p) =>
  multiply(average(abs(divide(subtract(y, p), maximum(abs(y), EPSILON)))), 100);

export const logarithmicError: AlignedLoss = (y, p) => {
  const logarithm = (x: Tensor): Tensor => log(add(maximum(x, EPSILON), 1));
  return average(square(subtract(logarithm(p), logarithm(y))));
};

/** Half the square within delta, then a line of slope delta. */
export function huber(y: Tensor, p: Tensor, delta: number): Tensor {
  const size = abs(subtract(p, y));
  const line = multiply(subtract(size, delta / 2), delta);
  return average(where(lessEqual(size, delta), multiply(square(size), 0.5), line));
}

/** log(cosh(p - y)), without overflow. */
export const logCosh: AlignedLoss = (y, p) => {
  const x = subtract(p, y);
  return average(subtract(add(x, softplus(multiply(x, -2))), Math.LN2));
};

/** Labels of 0 and 1 become -1 and 1; others stay. */
function signs(y: Tensor): Tensor {
  const isBits = all(logicalOr(equal(y, 0), equal(y, 1)));
  return where(isBits, subtract(multiply(y, 2), 1), y);
}

const shortfall = (y: Tensor, p: Tensor): Tensor => maximum(subtract(1, multiply(signs(y), p)), 0);

export const hinge: AlignedLoss = (y, p) => average(shortfall(y, p));

export const squaredHinge: AlignedLoss = (y, p) => average(square(shortfall(y, p)));

export const categoricalHinge: AlignedLoss = (y, p) => {
  const positive = sum(multiply(y, p), last);
  const rival = max(multiply(subtract(1, y), p), last);
  return maximum(add(subtract(rival, positive), 1), 0);
};

export const divergence: AlignedLoss = (y, p) => {
  const [from, to] = [clip(y, EPSILON, 1), clip(p, EPSILON, 1)];
  return sum(multiply(from, log(divide(from, to))), last);
};

export const poisson: AlignedLoss = (y, p) => average(subtract(p, multiply(y, log(add(p, EPSILON)))));

/** Minus the cosine of the angle between labels and predictions: -1 where they point the same way. */
export function cosineSimilarity(y: Tensor, p: Tensor, axis: number): Tensor {
  return negative(sum(multiply(l2Normalize(y, { axis }), l2Normalize(p, { axis })), { axis }));
}

/** 1 minus twice the overlap over the sum of both, over the axes (default all). */
export function dice(y: Tensor, p: Tensor, axis: readonly number[] | null): Tensor {
  const over = axis === null ? {} : { axis };
  const overlap = sum(multiply(y, p), over);
  const both = add(sum(y, over), sum(p, over));
  return subtract(1, divide(add(multiply(overlap, 2), EPSILON), add(both, EPSILON)));
}

/** Dice with a weight of its own for each kind of mistake (Salehi et al. 2017). */
export function tversky(
  y: Tensor,
  p: Tensor,
  settings: { alpha: number; beta: number; axis: readonly number[] | null },
): Tensor {
  const { alpha, beta, axis } = settings;
  const over = axis === null ? {} : { axis };
  const overlap = sum(multiply(y, p), over);
  const missed = multiply(sum(multiply(subtract(scalar(1), p), y), over), alpha);
  const invented = multiply(sum(multiply(p, subtract(scalar(1), y)), over), beta);
  return subtract(1, divide(add(overlap, EPSILON), add(add(overlap, add(missed, invented)), EPSILON)));
}
