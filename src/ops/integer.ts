// Whole-number arithmetic: floor division and its remainder, and the bits of integers.
import type { PointwiseName } from '../core/abi.js';
import { isFloat } from '../core/dtype.js';
import { definePointwise, type Op, unify } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast, multiply, negative } from './arithmetic.js';

type None = Record<string, never>;
const none: None = {};

const floorDivideOp = definePointwise({
  name: 'floorDivide',
  summary: 'floor(a / b); integers by 0 give 0',
  arity: 2,
  domain: 'number',
  scalar: ([a, b], _, dtype) => (!isFloat(dtype) && b === 0 ? 0 : Math.floor((a as number) / (b as number))),
  lower: (p, [a, b], _, kind) => (kind === 'float' ? p.emit('ffloor', p.emit('fdiv', a!, b!)) : p.emit('idiv', a!, b!)),
  gradient: 'none',
  range: [
    [-2, 2],
    [0.5, 2],
  ],
});

const modOp = definePointwise({
  name: 'mod',
  summary: 'a - b * floor(a / b): has the sign of b; integers by 0 give 0',
  arity: 2,
  domain: 'number',
  scalar: ([a, b], _, dtype) => floorModulo(a as number, b as number, isFloat(dtype)),
  lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? 'fmod' : 'imod', a!, b!),
  gradient: ({ inputs: [a, b], dy }) => [dy, negative(multiply(dy, floorDivide(a!, b!)))],
  range: [
    [-2, 2],
    [0.5, 2],
  ],
});

function floorModulo(a: number, b: number, isFloating: boolean): number {
  if (b === 0) return isFloating ? Number.NaN : 0;
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function defineBitwise(
  name: string,
  summary: string,
  opcode: PointwiseName,
  of: (a: number, b: number) => number,
): Op<None> {
  return definePointwise({
    name,
    summary,
    arity: 2,
    domain: 'int',
    scalar: ([a, b]) => of(a as number, b as number),
    lower: (p, [a, b]) => p.emit(opcode, a!, b!),
    gradient: 'none',
  });
}

const bitwiseAndOp = defineBitwise('bitwiseAnd', 'bits set in both', 'iand', (a, b) => a & b);
const bitwiseOrOp = defineBitwise('bitwiseOr', 'bits set in either', 'ior', (a, b) => a | b);
const bitwiseXorOp = defineBitwise('bitwiseXor', 'bits set in one', 'ixor', (a, b) => a ^ b);

/** floor(a / b), elementwise with broadcasting, in the dtype of the operands; integers divided by 0 give 0. */
export function floorDivide(a: TensorLike, b: TensorLike): Tensor {
  return floorDivideOp.one(unify([a, b], cast, 'number'), none);
}

/** The remainder of floor division, which has the sign of b; integers by 0 give 0, floats NaN. */
export function mod(a: TensorLike, b: TensorLike): Tensor {
  return modOp.one(unify([a, b], cast, 'number'), none);
}

/** The bits set in both a and b. Throws `dtype` for floats. */
export function bitwiseAnd(a: TensorLike, b: TensorLike): Tensor {
  return bitwiseAndOp.one(unify([a, b], cast, 'int'), none);
}

/** The bits set in a or b. Throws `dtype` for floats. */
export function bitwiseOr(a: TensorLike, b: TensorLike): Tensor {
  return bitwiseOrOp.one(unify([a, b], cast, 'int'), none);
}

/** The bits set in just one of a and b. Throws `dtype` for floats. */
export function bitwiseXor(a: TensorLike, b: TensorLike): Tensor {
  return bitwiseXorOp.one(unify([a, b], cast, 'int'), none);
}

export const integerOps = [floorDivideOp, modOp, bitwiseAndOp, bitwiseOrOp, bitwiseXorOp] as const;
