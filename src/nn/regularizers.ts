// Penalties on weights that are added to the loss: l1 * sum|w| + l2 * sum(w^2).
import { FoveaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import { add, multiply } from '../ops/arithmetic.js';
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
}

/** What may stand where a regularizer is wanted. A name stands for a factor of 0.01. */
export type RegularizerLike = Regularizer | 'l1' | 'l2' | 'l1l2';

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

/** Checks a regularizer. Throws `argument` for anything but l1 and l2 with finite factors of at least 0. */
export function makeRegularizer(like: unknown, op = 'regularizer'): Regularizer {
  if (typeof like === 'string') {
    const name = toCamelCase(like.toLowerCase());
    if (name === 'l1') return l1();
    if (name === 'l2') return l2();
    if (name === 'l1L2' || name === 'l1l2') return l1l2();
    throw unknownName(op, 'regularizer', like, ['l1', 'l2', 'l1l2']);
  }
  if (typeof like !== 'object' || like === null) throw refused(op, like);
  const entries = Object.entries(like);
  const isRight = entries.every(
    ([key, value]) =>
      (key === 'l1' || key === 'l2') && typeof value === 'number' && Number.isFinite(value) && value >= 0,
  );
  if (!isRight || entries.length === 0) throw refused(op, like);
  return like as Regularizer;
}

function refused(op: string, like: unknown): FoveaError {
  return new FoveaError({
    code: 'argument',
    op,
    message: `a regularizer is {l1, l2} with factors of at least 0; got ${describe(like)}.`,
    got: like,
    hint: 'Write for example kernelRegularizer: { l2: 0.01 }.',
  });
}

/** The penalty of a weight, a scalar. */
export function penalty(weight: Tensor, { l1: first = 0, l2: second = 0 }: Regularizer): Tensor {
  const parts: Tensor[] = [];
  if (first !== 0) parts.push(multiply(sum(abs(weight)), first));
  if (second !== 0 || first === 0) parts.push(multiply(sum(square(weight)), second));
  return parts.reduce((total, part) => add(total, part));
}

/** Keras's form of a regularizer. */
export function serializeRegularizer(regularizer: Regularizer): SerializedObject {
  const { l1: first, l2: second } = regularizer;
  if (second === undefined) return serialized('keras.regularizers', 'L1', { l1: first });
  if (first === undefined) return serialized('keras.regularizers', 'L2', { l2: second });
  return serialized('keras.regularizers', 'L1L2', { l1: first, l2: second });
}

/** A regularizer from a config. Throws `unsupported` for classes other than L1, L2 and L1L2. */
export function regularizerFromConfig(value: unknown, op = 'regularizer'): Regularizer {
  if (typeof value === 'string') return makeRegularizer(value, op);
  const found = readSerialized(value);
  const { l1: first, l2: second } = found?.config ?? {};
  const factor = (given: unknown): number => (typeof given === 'number' ? given : 0);
  if (found?.className === 'L1') return { l1: factor(first) };
  if (found?.className === 'L2') return { l2: factor(second) };
  if (found?.className === 'L1L2') return { l1: factor(first), l2: factor(second) };
  throw new FoveaError({
    code: 'unsupported',
    op,
    message: `regularizer ${found === undefined ? describe(value) : `"${found.className}"`} is not supported.`,
    got: value,
    hint: 'L1, L2 and L1L2 are.',
  });
}
