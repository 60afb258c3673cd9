// Comparisons and logic: results are bool.
import type { PointwiseName } from '../core/abi.js';
import { definePointwise, type Op, unify } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';

type None = Record<string, never>;
const none: None = {};

function defineComparison(
  name: string,
  summary: string,
  domain: 'any' | 'number',
  [float, int]: readonly [PointwiseName, PointwiseName],
  test: (a: number, b: number) => boolean,
): Op<None> {
  return definePointwise({
    name,
    summary,
    arity: 2,
    domain,
    result: () => 'bool',
    scalar: ([a, b]) => Number(test(a as number, b as number)),
    lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? float : int, a!, b!),
    gradient: 'none',
  });
}

const equalOp = defineComparison('equal', 'a = b; NaN equals nothing', 'any', ['feq', 'ieq'], (a, b) => a === b);
const notEqualOp = defineComparison('notEqual', 'a is not b; true for NaN', 'any', ['fne', 'ine'], (a, b) => a !== b);
const lessOp = defineComparison('less', 'a < b', 'number', ['flt', 'ilt'], (a, b) => a < b);
const lessEqualOp = defineComparison('lessEqual', 'a <= b', 'number', ['fle', 'ile'], (a, b) => a <= b);
const greaterOp = defineComparison('greater', 'a > b', 'number', ['fgt', 'igt'], (a, b) => a > b);
const greaterEqualOp = defineComparison('greaterEqual', 'a >= b', 'number', ['fge', 'ige'], (a, b) => a >= b);

function defineLogic(
  name: string,
  summary: string,
  opcode: PointwiseName,
  test: (a: number, b: number) => number,
): Op<None> {
  return definePointwise({
    name,
    summary,
    arity: 2,
    domain: 'bool',
    scalar: ([a, b]) => test(a as number, b as number),
    lower: (p, [a, b]) => p.emit(opcode, a!, b!),
    gradient: 'none',
  });
}

const logicalAndOp = defineLogic('logicalAnd', 'a and b', 'iand', (a, b) => a & b);
const logicalOrOp = defineLogic('logicalOr', 'a or b', 'ior', (a, b) => a | b);
const logicalXorOp = defineLogic('logicalXor', 'either a or b', 'ixor', (a, b) => a ^ b);

const logicalNotOp = definePointwise({
  name: 'logicalNot',
  summary: 'not x',
  arity: 1,
  domain: 'bool',
  scalar: ([x]) => 1 - (x as number),
  lower: (p, [x]) => p.emit('ixor', x!, p.constant(1, 'int')),
  gradient: 'none',
});

/** Whether a = b, elementwise with broadcasting; NaN equals nothing. Throws `shape` where the shapes do not broadcast. */
export function equal(a: TensorLike, b: TensorLike): Tensor {
  return equalOp.one(unify([a, b], cast, 'any'), none);
}

/** Whether a differs from b; NaN differs from everything. */
export function notEqual(a: TensorLike, b: TensorLike): Tensor {
  return notEqualOp.one(unify([a, b], cast, 'any'), none);
}

/** Whether a < b; false for NaN. */
export function less(a: TensorLike, b: TensorLike): Tensor {
  return lessOp.one(unify([a, b], cast, 'number'), none);
}

/** Whether a <= b; false for NaN. */
export function lessEqual(a: TensorLike, b: TensorLike): Tensor {
  return lessEqualOp.one(unify([a, b], cast, 'number'), none);
}

/** Whether a > b; false for NaN. */
export function greater(a: TensorLike, b: TensorLike): Tensor {
  return greaterOp.one(unify([a, b], cast, 'number'), none);
}

/** Whether a >= b; false for NaN. */
export function greaterEqual(a: TensorLike, b: TensorLike): Tensor {
  return greaterEqualOp.one(unify([a, b], cast, 'number'), none);
}

/** a and b; anything but 0 counts as true. */
export function logicalAnd(a: TensorLike, b: TensorLike): Tensor {
  return logicalAndOp.one([cast(a, 'bool'), cast(b, 'bool')], none);
}

/** a or b; anything but 0 counts as true. */
export function logicalOr(a: TensorLike, b: TensorLike): Tensor {
  return logicalOrOp.one([cast(a, 'bool'), cast(b, 'bool')], none);
}

/** Either a or b, not both; anything but 0 counts as true. */
export function logicalXor(a: TensorLike, b: TensorLike): Tensor {
  return logicalXorOp.one([cast(a, 'bool'), cast(b, 'bool')], none);
}

/** Whether x is 0. */
export function logicalNot(x: TensorLike): Tensor {
  return logicalNotOp.one([cast(x, 'bool')], none);
}

export const compareOps = [
  equalOp,
  notEqualOp,
  lessOp,
  lessEqualOp,
  greaterOp,
  greaterEqualOp,
  logicalAndOp,
  logicalOrOp,
  logicalXorOp,
  logicalNotOp,
] as const;
