// Functions of one element.
import type { PointwiseName } from '../core/abi.js';
import { definePointwise, type Op, type PointwiseDomain, toTensor, unify } from '../graph/define.js';
import type { GradientRule } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, divide, multiply, negative, subtract } from './arithmetic.js';

type None = Record<string, never>;
const none: None = {};

interface Unary {
  readonly name: string;
  readonly summary: string;
  /** The opcode for floats, or for floats and integers. */
  readonly opcode: PointwiseName | readonly [float: PointwiseName, int: PointwiseName];
  scalar(x: number): number;
  /** dx from dy, x and y. */
  readonly gradient: ((dy: Tensor, x: Tensor, y: Tensor) => Tensor) | 'none';
  readonly range?: readonly [number, number];
  /** The result is a bool. */
  readonly isTest?: boolean;
  readonly activation?: 'sigmoid' | 'tanh';
}

function defineUnary(unary: Unary): Op<None> {
  const { opcode, gradient, activation } = unary;
  const [float, int] = typeof opcode === 'string' ? [opcode, undefined] : opcode;
  const rule: GradientRule<None> | 'none' =
    gradient === 'none' ? 'none' : ({ dy, inputs: [x], outputs: [y] }) => [gradient(dy, x!, y!)];
  return definePointwise<None>({
    name: unary.name,
    summary: unary.summary,
    arity: 1,
    domain: int === undefined ? 'float' : 'number',
    scalar: ([x]) => unary.scalar(x as number),
    lower: (p, [x], _, kind) => p.emit(kind === 'int' && int !== undefined ? int : float, x!),
    gradient: rule,
    ...(unary.range === undefined ? {} : { range: [unary.range] }),
    ...(unary.isTest ? { result: () => 'bool' } : {}),
    ...(activation === undefined ? {} : { epilogueActivation: { name: activation } }),
  });
}

const absOp = defineUnary({
  name: 'abs',
  summary: '|x|',
  opcode: ['fabs', 'iabs'],
  scalar: Math.abs,
  gradient: (dy, x) => multiply(dy, sign(x)),
});

const signOp = defineUnary({
  name: 'sign',
  summary: '-1, 0 or 1',
  opcode: ['fsign', 'isign'],
  scalar: Math.sign,
  gradient: 'none',
});

const squareOp = definePointwise({
  name: 'square',
  summary: 'x * x',
  arity: 1,
  domain: 'number',
  scalar: ([x], _, dtype) => (dtype === 'int32' ? Math.imul(x as number, x as number) : (x as number) ** 2),
  lower: (p, [x], _, kind) => (kind === 'float' ? p.emit('fsquare', x!) : p.emit('imul', x!, x!)),
  gradient: ({ inputs: [x], dy }) => [multiply(dy, multiply(x!, 2))],
});

const sqrtOp = defineUnary({
  name: 'sqrt',
  summary: 'square root; NaN below 0',
  opcode: 'fsqrt',
  scalar: Math.sqrt,
  gradient: (dy, _, y) => divide(multiply(dy, 0.5), y),
  range: [0.1, 4],
});

const rsqrtOp = defineUnary({
  name: 'rsqrt',
  summary: '1 / sqrt(x)',
  opcode: 'frsqrt',
  scalar: (x) => 1 / Math.sqrt(x),
  gradient: (dy, _, y) => multiply(dy, multiply(multiply(y, -0.5), square(y))),
  range: [0.1, 4],
});

const reciprocalOp = defineUnary({
  name: 'reciprocal',
  summary: '1 / x',
  opcode: 'freciprocal',
  scalar: (x) => 1 / x,
  gradient: (dy, _, y) => negative(multiply(dy, square(y))),
  range: [0.25, 4],
});

const expOp = defineUnary({
  name: 'exp',
  summary: 'e to the power x',
  opcode: 'fexp',
  scalar: Math.exp,
  gradient: (dy, _, y) => multiply(dy, y),
});

const expm1Op = defineUnary({
  name: 'expm1',
  summary: 'exp(x) - 1, accurate near 0',
  opcode: 'fexpm1',
  scalar: Math.expm1,
  gradient: (dy, _, y) => multiply(dy, add(y, 1)),
});

const logOp = defineUnary({
  name: 'log',
  summary: 'natural logarithm; -inf at 0, NaN below',
  opcode: 'flog',
  scalar: Math.log,
  gradient: (dy, x) => divide(dy, x),
  range: [0.1, 4],
});

const log1pOp = defineUnary({
  name: 'log1p',
  summary: 'log(1 + x), accurate near 0',
  opcode: 'flog1p',
  scalar: Math.log1p,
  gradient: (dy, x) => divide(dy, add(x, 1)),
  range: [-0.8, 4],
});

const sinOp = defineUnary({
  name: 'sin',
  summary: 'sine of radians',
  opcode: 'fsin',
  scalar: Math.sin,
  gradient: (dy, x) => multiply(dy, cos(x)),
  range: [-6, 6],
});

const cosOp = defineUnary({
  name: 'cos',
  summary: 'cosine of radians',
  opcode: 'fcos',
  scalar: Math.cos,
  gradient: (dy, x) => negative(multiply(dy, sin(x))),
  range: [-6, 6],
});

const tanOp = defineUnary({
  name: 'tan',
  summary: 'tangent of radians',
  opcode: 'ftan',
  scalar: Math.tan,
  gradient: (dy, _, y) => multiply(dy, add(square(y), 1)),
  range: [-1.2, 1.2],
});

const tanhOp = defineUnary({
  name: 'tanh',
  summary: 'hyperbolic tangent',
  opcode: 'ftanh',
  scalar: Math.tanh,
  gradient: (dy, _, y) => multiply(dy, subtract(1, square(y))),
  activation: 'tanh',
});

const sigmoidOp = defineUnary({
  name: 'sigmoid',
  summary: '1 / (1 + exp(-x))',
  opcode: 'fsigmoid',
  scalar: (x) => 1 / (1 + Math.exp(-x)),
  gradient: (dy, _, y) => multiply(dy, multiply(y, subtract(1, y))),
  range: [-8, 8],
  activation: 'sigmoid',
});

const softplusOp = defineUnary({
  name: 'softplus',
  summary: 'log(1 + exp(x)), without overflow',
  opcode: 'fsoftplus',
  scalar: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  gradient: (dy, x) => multiply(dy, sigmoid(x)),
  range: [-8, 8],
});

const erfOp = defineUnary({
  name: 'erf',
  summary: 'error function: 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x',
  opcode: 'ferf',
  scalar: referenceErf,
  gradient: (dy, x) => multiply(dy, multiply(exp(negative(square(x))), 2 / Math.sqrt(Math.PI))),
});

/** erf in float64 by the series whose terms are all of one sign: no digits cancel. */
export function referenceErf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

const floorOp = defineUnary({
  name: 'floor',
  summary: 'largest whole number not above x',
  opcode: 'ffloor',
  scalar: Math.floor,
  gradient: 'none',
});

const ceilOp = defineUnary({
  name: 'ceil',
  summary: 'smallest whole number not below x',
  opcode: 'fceil',
  scalar: Math.ceil,
  gradient: 'none',
});

const roundOp = defineUnary({
  name: 'round',
  summary: 'nearest whole number, half to even',
  opcode: 'fround',
  scalar: roundHalfToEven,
  gradient: 'none',
});

function roundHalfToEven(x: number): number {
  if (x < 0) return -roundHalfToEven(-x);
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

const stopGradientOp = definePointwise({
  name: 'stopGradient',
  summary: 'x, through which no gradient flows',
  arity: 1,
  domain: 'number',
  scalar: ([x]) => x as number,
  lower: (_, [x]) => x!,
  gradient: 'none',
});

const isNaNOp = defineUnary({
  name: 'isNaN',
  summary: 'whether x is not a number',
  opcode: 'fisNan',
  scalar: (x) => Number(Number.isNaN(x)),
  gradient: 'none',
  isTest: true,
});

const isFiniteOp = defineUnary({
  name: 'isFinite',
  summary: 'whether x is neither NaN nor infinite',
  opcode: 'fisFinite',
  scalar: (x) => Number(Number.isFinite(x)),
  gradient: 'none',
  isTest: true,
});

function applyUnary(op: Op<None>, x: TensorLike, domain: PointwiseDomain = 'float'): Tensor {
  return op.one(unify([x], cast, domain), none);
}

/** Floats rounded to whole numbers by `op`; integers already are. */
function applyRounding(op: Op<None>, x: TensorLike): Tensor {
  const from = toTensor(x);
  return from.dtype === 'int32' || from.dtype === 'uint8' ? from : applyUnary(op, from);
}

/** |x|. */
export function abs(x: TensorLike): Tensor {
  return applyUnary(absOp, x, 'number');
}

/** -1, 0 or 1; NaN stays. No gradient flows. */
export function sign(x: TensorLike): Tensor {
  return applyUnary(signOp, x, 'number');
}

/** x * x. */
export function square(x: TensorLike): Tensor {
  return squareOp.one(unify([x], cast, 'number'), none);
}

/** Square root; NaN below 0. */
export function sqrt(x: TensorLike): Tensor {
  return applyUnary(sqrtOp, x);
}

/** 1 / sqrt(x). */
export function rsqrt(x: TensorLike): Tensor {
  return applyUnary(rsqrtOp, x);
}

/** 1 / x. */
export function reciprocal(x: TensorLike): Tensor {
  return applyUnary(reciprocalOp, x);
}

/** e to the power x. */
export function exp(x: TensorLike): Tensor {
  return applyUnary(expOp, x);
}

/** exp(x) - 1, accurate near 0. */
export function expm1(x: TensorLike): Tensor {
  return applyUnary(expm1Op, x);
}

/** The natural logarithm; -inf at 0, NaN below. */
export function log(x: TensorLike): Tensor {
  return applyUnary(logOp, x);
}

/** log(1 + x), accurate near 0. */
export function log1p(x: TensorLike): Tensor {
  return applyUnary(log1pOp, x);
}

/** Sine of radians. */
export function sin(x: TensorLike): Tensor {
  return applyUnary(sinOp, x);
}

/** Cosine of radians. */
export function cos(x: TensorLike): Tensor {
  return applyUnary(cosOp, x);
}

/** Tangent of radians. */
export function tan(x: TensorLike): Tensor {
  return applyUnary(tanOp, x);
}

/** Hyperbolic tangent. */
export function tanh(x: TensorLike): Tensor {
  return applyUnary(tanhOp, x);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: TensorLike): Tensor {
  return applyUnary(sigmoidOp, x);
}

/** log(1 + exp(x)), without overflow. */
export function softplus(x: TensorLike): Tensor {
  return applyUnary(softplusOp, x);
}

/** The error function. */
export function erf(x: TensorLike): Tensor {
  return applyUnary(erfOp, x);
}

/** The largest whole number not above x; integers stay as they are. No gradient flows. */
export function floor(x: TensorLike): Tensor {
  return applyRounding(floorOp, x);
}

/** The smallest whole number not below x; integers stay as they are. No gradient flows. */
export function ceil(x: TensorLike): Tensor {
  return applyRounding(ceilOp, x);
}

/** The nearest whole number, half to even; integers stay as they are. No gradient flows. */
export function round(x: TensorLike): Tensor {
  return applyRounding(roundOp, x);
}

/** x as it is, through which no gradient flows. */
export function stopGradient(x: TensorLike): Tensor {
  return stopGradientOp.one([toTensor(x)], none);
}

/** Whether x is not a number, as bool. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: exported under the name everybody knows; not called here.
export function isNaN(x: TensorLike): Tensor {
  return applyUnary(isNaNOp, x);
}

/** Whether x is neither NaN nor infinite, as bool. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: exported under the name everybody knows; not called here.
export function isFinite(x: TensorLike): Tensor {
  return applyUnary(isFiniteOp, x);
}

export const unaryOps = [
  absOp,
  signOp,
  squareOp,
  sqrtOp,
  rsqrtOp,
  reciprocalOp,
  expOp,
  expm1Op,
  logOp,
  log1pOp,
  sinOp,
  cosOp,
  tanOp,
  tanhOp,
  sigmoidOp,
  softplusOp,
  erfOp,
  floorOp,
  ceilOp,
  roundOp,
  stopGradientOp,
  isNaNOp,
  isFiniteOp,
] as const;
