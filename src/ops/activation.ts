// Activations by their Keras names. Those that a matmul or convolution can apply to its tile are ops of
// their own (`epilogueActivation`); the others are compositions, which the compiler fuses.
import { definePointwise, toTensor, unify } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, divide, multiply, negative, subtract } from './arithmetic.js';
import { greater, less, logicalAnd } from './compare.js';
import { abs, erf, exp, expm1, referenceErf, sigmoid, softplus, square, tanh } from './unary.js';
import { where } from './where.js';

type None = Record<string, never>;
const none: None = {};

const reluOp = definePointwise({
  name: 'relu',
  summary: 'max(x, 0)',
  arity: 1,
  domain: 'number',
  scalar: ([x]) => Math.max(x as number, 0),
  lower: (p, [x], _, kind) =>
    kind === 'float' ? p.emit('fmax', x!, p.constant(0)) : p.emit('imax', x!, p.constant(0, 'int')),
  gradient: ({ outputs: [y], dy }) => [where(greater(y!, 0), dy, 0)],
  epilogueActivation: { name: 'relu' },
});

const relu6Op = definePointwise({
  name: 'relu6',
  summary: 'min(max(x, 0), 6)',
  arity: 1,
  domain: 'number',
  scalar: ([x]) => Math.min(Math.max(x as number, 0), 6),
  lower: (p, [x], _, kind) =>
    kind === 'float'
      ? p.emit('fmin', p.emit('fmax', x!, p.constant(0)), p.constant(6))
      : p.emit('imin', p.emit('imax', x!, p.constant(0, 'int')), p.constant(6, 'int')),
  gradient: ({ outputs: [y], dy }) => [where(logicalAnd(greater(y!, 0), less(y!, 6)), dy, 0)],
  range: [[-4, 10]],
  epilogueActivation: { name: 'relu6' },
});

const leakyReluOp = definePointwise<{ alpha: number }>({
  name: 'leakyRelu',
  summary: 'x above 0, alpha * x below',
  arity: 1,
  domain: 'float',
  scalar: ([x], { alpha }) => ((x as number) < 0 ? alpha * (x as number) : (x as number)),
  lower: (p, [x], { alpha }) =>
    p.emit('select', p.emit('flt', x!, p.constant(0)), p.emit('fmul', x!, p.constant(alpha)), x!),
  // By y where its sign tells that of x: then x need not be kept for the backward pass.
  gradient: ({ inputs: [x], outputs: [y], params: { alpha }, dy }) => [
    where(greater(alpha >= 0 ? y! : x!, 0), dy, multiply(dy, alpha)),
  ],
  variants: [{ alpha: 0.2 }, { alpha: -0.5 }],
  epilogueActivation: { name: 'leakyRelu', alpha: ({ alpha }) => alpha },
});

const siluOp = definePointwise({
  name: 'silu',
  summary: 'x * sigmoid(x)',
  arity: 1,
  domain: 'float',
  scalar: ([x]) => (x as number) / (1 + Math.exp(-(x as number))),
  lower: (p, [x]) => p.emit('fmul', x!, p.emit('fsigmoid', x!)),
  gradient: ({ inputs: [x], dy }) => {
    const gate = sigmoid(x!);
    return [multiply(dy, multiply(gate, add(multiply(x!, subtract(1, gate)), 1)))];
  },
  range: [[-8, 8]],
  epilogueActivation: { name: 'silu' },
});

const geluOp = definePointwise({
  name: 'gelu',
  summary: 'x * Phi(x), where Phi is the normal distribution function',
  arity: 1,
  domain: 'float',
  scalar: ([x]) => (x as number) * 0.5 * (1 + referenceErf((x as number) * Math.SQRT1_2)),
  lower: (p, [x]) => p.emit('fgelu', x!),
  gradient: ({ inputs: [x], dy }) => {
    const below = multiply(add(erf(multiply(x!, Math.SQRT1_2)), 1), 0.5);
    const density = multiply(exp(multiply(square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [multiply(dy, add(below, multiply(x!, density)))];
  },
});

function floating(x: TensorLike): Tensor {
  return unify([x], cast, 'float')[0] as Tensor;
}

/** max(x, 0); NaN stays. */
export function relu(x: TensorLike): Tensor {
  return reluOp.one(unify([x], cast, 'number'), none);
}

/** min(max(x, 0), 6). */
export function relu6(x: TensorLike): Tensor {
  return relu6Op.one(unify([x], cast, 'number'), none);
}

/** x above 0 and alpha * x below, alpha 0.2 as in keras.activations (the layer's default is 0.3). */
export function leakyRelu(x: TensorLike, alpha = 0.2): Tensor {
  return leakyReluOp.one([floating(x)], { alpha });
}

/** x above 0 and alpha * (exp(x) - 1) below. */
export function elu(x: TensorLike, alpha = 1): Tensor {
  const from = floating(x);
  const isAbove = greater(from, 0);
  // expm1 sees only what lies below 0, or it would overflow on the side not taken.
  return where(isAbove, from, multiply(expm1(where(isAbove, 0, from)), alpha));
}

/** Scaled elu, whose outputs keep mean 0 and variance 1 (Klambauer et al., "Self-normalizing neural networks"). */
export function selu(x: TensorLike): Tensor {
  return multiply(elu(x, 1.6732632423543772), 1.0507009873554805);
}

/** x * Phi(x), by the error function, or with `approximate` by tanh (Hendrycks and Gimpel, "Gaussian error linear units"). */
export function gelu(x: TensorLike, { approximate = false }: { approximate?: boolean } = {}): Tensor {
  const from = floating(x);
  if (!approximate) return geluOp.one([from], none);
  const half = multiply(from, 0.5);
  const inner = multiply(multiply(from, add(multiply(square(from), 0.044715), 1)), Math.sqrt(2 / Math.PI));
  return multiply(half, add(tanh(inner), 1));
}

/** x * sigmoid(x), also known as swish. */
export function silu(x: TensorLike): Tensor {
  return siluOp.one([floating(x)], none);
}

/** x / (1 + |x|). */
export function softsign(x: TensorLike): Tensor {
  const from = floating(x);
  return divide(from, add(abs(from), 1));
}

/** relu6(x + 3) / 6. */
export function hardSigmoid(x: TensorLike): Tensor {
  return multiply(relu6(add(floating(x), 3)), 1 / 6);
}

/** x * hardSigmoid(x), also known as hard swish. */
export function hardSilu(x: TensorLike): Tensor {
  const from = floating(x);
  return multiply(from, hardSigmoid(from));
}

/** x * tanh(softplus(x)). */
export function mish(x: TensorLike): Tensor {
  const from = floating(x);
  return multiply(from, tanh(softplus(from)));
}

/** e to the power x. */
export function exponential(x: TensorLike): Tensor {
  return exp(x);
}

/** x itself. */
export function linear(x: TensorLike): Tensor {
  return toTensor(x);
}

/** log(sigmoid(x)), without overflow. */
export function logSigmoid(x: TensorLike): Tensor {
  return negative(softplus(negative(floating(x))));
}

export const activationOps = [reluOp, relu6Op, leakyReluOp, siluOp, geluOp] as const;
