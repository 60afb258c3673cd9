// Arithmetic on elements: the four operations, powers, extremes, and casts between dtypes.
import { type Dtype, isFloat, roundTo, toInt32 } from '../core/dtype.js';
import { defineOp, definePointwise, mapBroadcast, toTensor, unify } from '../graph/define.js';
import type { TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { equal, greater, less } from './compare.js';
import { log } from './unary.js';
import { where } from './where.js';

type None = Record<string, never>;
const none: None = {};

const addOp = definePointwise({
  name: 'add',
  summary: 'a + b',
  arity: 2,
  domain: 'number',
  scalar: ([a, b]) => (a as number) + (b as number),
  lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? 'fadd' : 'iadd', a!, b!),
  gradient: ({ dy }) => [dy, dy],
});

const subtractOp = definePointwise({
  name: 'subtract',
  summary: 'a - b',
  arity: 2,
  domain: 'number',
  scalar: ([a, b]) => (a as number) - (b as number),
  lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? 'fsub' : 'isub', a!, b!),
  gradient: ({ dy }) => [dy, negative(dy)],
});

const multiplyOp = definePointwise({
  name: 'multiply',
  summary: 'a * b',
  arity: 2,
  domain: 'number',
  scalar: ([a, b], _, dtype) => (isFloat(dtype) ? (a as number) * (b as number) : Math.imul(a as number, b as number)),
  lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? 'fmul' : 'imul', a!, b!),
  gradient: ({ inputs: [a, b], dy }) => [multiply(dy, b!), multiply(dy, a!)],
});

const divideOp = definePointwise({
  name: 'divide',
  summary: 'a / b, in floats',
  arity: 2,
  domain: 'float',
  scalar: ([a, b]) => (a as number) / (b as number),
  lower: (p, [a, b]) => p.emit('fdiv', a!, b!),
  gradient: ({ inputs: [, b], outputs: [y], dy }) => {
    const da = divide(dy, b!);
    return [da, negative(multiply(da, y!))];
  },
  range: [
    [-2, 2],
    [0.5, 2],
  ],
});

const powerOp = definePointwise({
  name: 'power',
  summary: 'a to the power b',
  arity: 2,
  domain: 'float',
  scalar: ([a, b]) => (a as number) ** (b as number),
  lower: (p, [a, b]) => p.emit('fpow', a!, b!),
  gradient: ({ inputs: [a, b], outputs: [y], dy }) => [
    multiply(dy, multiply(b!, power(a!, subtract(b!, 1)))),
    // The limit of a^b * log(a) at a = 0 is 0, where log alone would give -inf * 0.
    multiply(dy, where(greater(a!, 0), multiply(y!, log(where(greater(a!, 0), a!, 1))), 0)),
  ],
  range: [
    [0.2, 3],
    [-2, 3],
  ],
});

const negativeOp = definePointwise({
  name: 'negative',
  summary: '-x',
  arity: 1,
  domain: 'number',
  scalar: ([x]) => -(x as number),
  lower: (p, [x], _, kind) => p.emit(kind === 'float' ? 'fneg' : 'ineg', x!),
  gradient: ({ dy }) => [negative(dy)],
});

const maximumOp = definePointwise({
  name: 'maximum',
  summary: 'the larger of a and b; NaN wins; equal values share the gradient',
  arity: 2,
  domain: 'number',
  scalar: ([a, b]) => Math.max(a as number, b as number),
  lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? 'fmax' : 'imax', a!, b!),
  gradient: ({ inputs: [a, b], dy }) => shareGradient(a!, b!, dy, greater),
});

const minimumOp = definePointwise({
  name: 'minimum',
  summary: 'the smaller of a and b; NaN wins; equal values share the gradient',
  arity: 2,
  domain: 'number',
  scalar: ([a, b]) => Math.min(a as number, b as number),
  lower: (p, [a, b], _, kind) => p.emit(kind === 'float' ? 'fmin' : 'imin', a!, b!),
  gradient: ({ inputs: [a, b], dy }) => shareGradient(a!, b!, dy, less),
});

function shareGradient(a: Tensor, b: Tensor, dy: Tensor, wins: (a: Tensor, b: Tensor) => Tensor): [Tensor, Tensor] {
  const half = where(equal(a, b), multiply(dy, 0.5), 0);
  return [where(wins(a, b), dy, half), where(wins(b, a), dy, half)];
}

const castOp = defineOp<{ dtype: Dtype }>({
  name: 'cast',
  summary: 'the same numbers in another dtype; floats truncate to integers, anything but 0 is true',
  shape: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  gradient: ({ inputs: [x], dy }) => [isFloat(x!.dtype) && isFloat(dy.dtype) ? cast(dy, x!.dtype) : undefined],
  reference: ([x], { dtype }, [output]) => [
    mapBroadcast([x!], output as TensorType, ([value]) => {
      const number = value as number;
      if (isFloat(dtype)) return number;
      return roundTo(dtype, dtype === 'bool' ? number : toInt32(number));
    }),
  ],
  lower(p, [x], { dtype }) {
    if (isFloat(dtype)) return [p.toFloat(x!)];
    if (dtype === 'bool') return [p.emit(x!.kind === 'float' ? 'ftest' : 'itest', x!)];
    const whole = p.toInt(x!);
    return [dtype === 'uint8' ? p.emit('toUint8', whole) : whole];
  },
  cases: () =>
    (['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'bool'] as const).flatMap((from) =>
      (['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'bool'] as const).map((to) => ({
        name: `${from} to ${to}`,
        // Whole numbers and halves: exact in every dtype they can reach.
        inputs: [
          {
            shape: [9],
            dtype: from,
            values:
              from === 'bool'
                ? [0, 1, 1, 0, 1, 0, 0, 1, 1]
                : [0, 1, 2, 3.5, 100, 7, 0, 5, 1].map((v) => (isFloat(from) ? v : Math.floor(v))),
          },
        ],
        params: { dtype: to },
      })),
    ),
});

/** a + b, elementwise with broadcasting. Throws `shape` where the shapes do not broadcast. */
export function add(a: TensorLike, b: TensorLike): Tensor {
  return addOp.one(unify([a, b], cast, 'number'), none);
}

/** a - b, elementwise with broadcasting. */
export function subtract(a: TensorLike, b: TensorLike): Tensor {
  return subtractOp.one(unify([a, b], cast, 'number'), none);
}

/** a * b, elementwise with broadcasting. */
export function multiply(a: TensorLike, b: TensorLike): Tensor {
  return multiplyOp.one(unify([a, b], cast, 'number'), none);
}

/** a / b, elementwise with broadcasting; integers become float32. */
export function divide(a: TensorLike, b: TensorLike): Tensor {
  return divideOp.one(unify([a, b], cast, 'float'), none);
}

/** a to the power b, elementwise with broadcasting; NaN for a negative a and a fractional b. */
export function power(a: TensorLike, b: TensorLike): Tensor {
  if (b === 2 || b === 3) {
    const [base] = unify([a], cast, 'float') as [Tensor];
    const product = multiply(base, base);
    return b === 2 ? product : multiply(product, base);
  }
  return powerOp.one(unify([a, b], cast, 'float'), none);
}

/** The larger of each pair of elements; NaN wins. */
export function maximum(a: TensorLike, b: TensorLike): Tensor {
  return maximumOp.one(unify([a, b], cast, 'number'), none);
}

/** The smaller of each pair of elements; NaN wins. */
export function minimum(a: TensorLike, b: TensorLike): Tensor {
  return minimumOp.one(unify([a, b], cast, 'number'), none);
}

/** -x. */
export function negative(x: TensorLike): Tensor {
  return negativeOp.one(unify([x], cast, 'number'), none);
}

/** x limited to low..high. */
export function clip(x: TensorLike, low: number, high: number): Tensor {
  return minimum(maximum(x, low), high);
}

/** The same numbers in another dtype: floats truncate towards zero and saturate; anything but 0 is true. */
export function cast(x: TensorLike, dtype: Dtype): Tensor {
  const from = toTensor(x);
  return from.dtype === dtype ? from : castOp.one([from], { dtype });
}

export const arithmeticOps = [
  addOp,
  subtractOp,
  multiplyOp,
  divideOp,
  powerOp,
  negativeOp,
  maximumOp,
  minimumOp,
  castOp,
] as const;
