// Penalties on weights that are added to the loss: l1 * sum|w| + l2 * sum(w^2), or how far rows are from orthogonal.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import { add, divide, multiply, subtract } from '../ops/arithmetic.js';
import { eye } from '../ops/create.js';
import { matmul } from '../ops/matmul.js';
import { l2Normalize } from '../ops/norm.js';
import { sum } from '../ops/reduce.js';
import { abs, square } from '../ops/unary.js';
import {
  describe,
  readSerialized,
  type SerializedObject,
  serialized,
  toCamelCase,
  unknownName,
} from './keras-config.js';

/** A penalty on a weight. */
export interface Regularizer {
  readonly l1?: number;
  readonly l2?: number;
  /** The factor of what rows or columns of a matrix have in common: see `orthogonal`. */
  readonly orthogonal?: number;
  readonly mode?: 'rows' | 'columns';
}

/** What may stand where a regularizer is wanted. A name stands for a factor of 0.01. */
export type RegularizerLike = Regularizer | 'l1' | 'l2' | 'l1l2' | 'orthogonal';

/** `factor * sum|w|`, default 0.01. */
export function l1(factor = 0.01): Regularizer {
  return { l1: factor };
}

/** `factor * sum(w^2)`, default 0.01. */
export function l2(factor = 0.01): Regularizer {
  return { l2: factor };
}

/** Both, 0.01 each unless given. */
export function l1l2(factors: Regularizer = { l1: 0.01, l2: 0.01 }): Regularizer {
  return { l1: 0, l2: 0, ...factors };
}

/** `factor` times the mean |cosine| between pairs of rows (or columns) of a matrix. */
export function orthogonal({
  factor = 0.01,
  mode = 'rows',
}: {
  factor?: number;
  mode?: 'rows' | 'columns';
} = {}): Regularizer {
  return { orthogonal: factor, mode };
}

/** Checks a regularizer. Throws `argument` for anything but finite factors of at least 0. */
export function makeRegularizer(like: unknown, op = 'regularizer'): Regularizer {
  if (typeof like === 'string') {
    const name = toCamelCase(like.toLowerCase());
    if (name === 'l1') return l1();
    if (name === 'l2') return l2();
    if (name === 'l1L2' || name === 'l1l2') return l1l2();
    if (name === 'orthogonal' || name === 'orthogonalRegularizer') return orthogonal();
    throw unknownName(op, 'regularizer', like, ['l1', 'l2', 'l1l2', 'orthogonal']);
  }
  if (typeof like !== 'object' || like === null) throw refused(op, like);
  const entries = Object.entries(like);
  const isFactor = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value >= 0;
  const isRight = entries.every(([key, value]) =>
    key === 'mode'
      ? value === 'rows' || value === 'columns'
      : (key === 'l1' || key === 'l2' || key === 'orthogonal') && isFactor(value),
  );
  if (!isRight || !entries.some(([key]) => key !== 'mode')) throw refused(op, like);
  return like as Regularizer;
}

function refused(op: string, like: unknown): FoveaError {
  return new FoveaError({
    code: 'argument',
    op,
    message: `a regularizer is {l1, l2} or {orthogonal} with factors of at least 0; got ${describe(like)}.`,
    got: like,
    hint: 'Write for example kernelRegularizer: { l2: 0.01 }.',
  });
}

/** The penalty of a weight, a scalar. */
export function penalty(weight: Tensor, regularizer: Regularizer): Tensor {
  const { l1: first = 0, l2: second = 0, orthogonal: factor } = regularizer;
  const parts: Tensor[] = [];
  if (factor !== undefined) {
    parts.push(multiply(overlap(weight, regularizer.mode ?? 'rows'), factor));
    if (first === 0 && second === 0) return parts[0] as Tensor;
  }
  if (first !== 0) parts.push(multiply(sum(abs(weight)), first));
  if (second !== 0 || first === 0) parts.push(multiply(sum(square(weight)), second));
  return parts.reduce((total, part) => add(total, part));
}

/** The mean |cosine| between different rows or columns of a matrix. Throws `shape` for another rank. */
function overlap(weight: Tensor, mode: 'rows' | 'columns'): Tensor {
  if (weight.rank !== 2) {
    throw new FoveaError({
      code: 'shape',
      op: 'orthogonal',
      message: `takes a matrix; the weight is ${formatShape(weight.shape)}.`,
      got: weight.shape,
      hint: 'Use it on dense kernels.',
    });
  }
  const isRows = mode === 'rows';
  const units = l2Normalize(weight, { axis: isRows ? 1 : 0 });
  const count = weight.shape[isRows ? 0 : 1] as number;
  const cosines = matmul(units, units, isRows ? { transposeB: true } : { transposeA: true });
  const others = multiply(abs(cosines), subtract(1, eye(count)));
  return divide(sum(others), Math.max(1, count * (count - 1)));
}

/** Keras's form of a regularizer. */
export function serializeRegularizer(regularizer: Regularizer): SerializedObject {
  const { l1: first, l2: second, orthogonal: factor, mode = 'rows' } = regularizer;
  if (factor !== undefined) {
    return serialized('keras.regularizers', 'OrthogonalRegularizer', { factor, mode });
  }
  if (second === undefined) return serialized('keras.regularizers', 'L1', { l1: first });
  if (first === undefined) return serialized('keras.regularizers', 'L2', { l2: second });
  return serialized('keras.regularizers', 'L1L2', { l1: first, l2: second });
}

/** A regularizer from a config. Throws `unsupported` for a class that is not known. */
export function regularizerFromConfig(value: unknown, op = 'regularizer'): Regularizer {
  if (typeof value === 'string') return makeRegularizer(value, op);
  const found = readSerialized(value);
  const { l1: first, l2: second } = found?.config ?? {};
  // What Keras takes where a config says nothing.
  const factor = (given: unknown, fallback: number): number => (typeof given === 'number' ? given : fallback);
  if (found?.className === 'L1') return { l1: factor(first, 0.01) };
  if (found?.className === 'L2') return { l2: factor(second, 0.01) };
  if (found?.className === 'L1L2') return { l1: factor(first, 0), l2: factor(second, 0) };
  if (found?.className === 'OrthogonalRegularizer') return makeRegularizer(orthogonal(found.config), op);
  throw new FoveaError({
    code: 'unsupported',
    op,
    message: `regularizer ${found === undefined ? describe(value) : `"${found.className}"`} is not supported.`,
    got: value,
    hint: 'L1, L2, L1L2 and OrthogonalRegularizer are.',
  });
}
