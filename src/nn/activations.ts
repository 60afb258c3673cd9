// Activation functions by their Keras names, in camelCase or snake_case. Those that a convolution or matmul
// applies to its own result stay single ops, so that the compiler can fuse them.
import { FoveaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import {
  elu,
  exponential,
  gelu,
  hardSigmoid,
  hardSilu,
  leakyRelu,
  linear,
  logSigmoid,
  mish,
  relu,
  relu6,
  selu,
  silu,
  softsign,
} from '../ops/activation.js';
import { add, clip, divide, maximum, minimum, multiply, subtract } from '../ops/arithmetic.js';
import { greater, greaterEqual, less, lessEqual } from '../ops/compare.js';
import { split } from '../ops/join.js';
import { logSoftmax, softmax } from '../ops/softmax.js';
import { abs, expm1, sigmoid, softplus, sqrt, square, tanh } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { describe, isRecord, serialized, toCamelCase, toSnakeCase, unknownName } from './keras-config.js';
import { type CallContext, Layer } from './layer.js';

type ActivationFunction = (x: Tensor) => Tensor;

/** Every element by itself, so that the order of axes does not matter. */
const POINTWISE = {
  relu: (x) => relu(x),
  relu6: (x) => relu6(x),
  leakyRelu: (x) => leakyRelu(x),
  elu: (x) => elu(x),
  selu: (x) => selu(x),
  gelu: (x) => gelu(x),
  silu: (x) => silu(x),
  sigmoid: (x) => sigmoid(x),
  tanh: (x) => tanh(x),
  softplus: (x) => softplus(x),
  softsign: (x) => softsign(x),
  hardSigmoid: (x) => hardSigmoid(x),
  hardSilu: (x) => hardSilu(x),
  hardTanh: (x) => clip(x, -1, 1),
  mish: (x) => mish(x),
  exponential: (x) => exponential(x),
  linear: (x) => linear(x),
  logSigmoid: (x) => logSigmoid(x),
  celu: (x) => add(maximum(x, 0), expm1(minimum(x, 0))),
  tanhShrink: (x) => subtract(x, tanh(x)),
  softShrink: (x) => where(greater(x, 0.5), subtract(x, 0.5), where(less(x, -0.5), add(x, 0.5), 0)),
  hardShrink: (x) => where(greater(abs(x), 0.5), x, 0),
  squareplus: (x) => divide(add(x, sqrt(add(square(x), 4))), 2),
  sparsePlus: (x) => where(lessEqual(x, -1), 0, where(less(x, 1), multiply(square(add(x, 1)), 0.25), x)),
  sparseSigmoid: (x) => where(lessEqual(x, -1), 0, where(greaterEqual(x, 1), 1, multiply(add(x, 1), 0.5))),
} satisfies Record<string, ActivationFunction>;

/** Along the last axis. */
const ALONG_LAST = {
  softmax: (x) => softmax(x),
  logSoftmax: (x) => logSoftmax(x),
  glu: (x) => {
    const [value, gate] = split(x, 2, -1) as [Tensor, Tensor];
    return multiply(value, sigmoid(gate));
  },
} satisfies Record<string, ActivationFunction>;

const FUNCTIONS: Readonly<Record<string, ActivationFunction>> = { ...POINTWISE, ...ALONG_LAST };
const ALIASES: Readonly<Record<string, string>> = { swish: 'silu', hardSwish: 'hardSilu' };

/** The activations known by name. */
export type ActivationName = keyof typeof POINTWISE | keyof typeof ALONG_LAST | 'swish' | 'hardSwish';

/** What may stand where an activation is wanted: a name, an activation layer, or a function of tensors. */
export type ActivationLike = ActivationName | Layer | ((x: Tensor) => Tensor);

/** An activation, ready to be applied. */
export interface Activation {
  /** Its name in camelCase; of a layer its class, of a function `function`. */
  readonly name: string;
  /** True where every element is mapped by itself. */
  readonly isPointwise: boolean;
  call(x: Tensor, context: CallContext): Tensor;
  /** As Keras writes it: a name, or a serialized layer. Throws `unsupported` for a function of the caller's. */
  serialize(): unknown;
}

/** All names, for checks and messages. */
export function activationNames(): string[] {
  return [...Object.keys(FUNCTIONS), ...Object.keys(ALIASES)];
}

/** The function behind a name, in either spelling. Throws `argument` for an unknown one. */
export function activationFunction(name: string, op = 'activation'): ActivationFunction {
  const camel = toCamelCase(name);
  const found = FUNCTIONS[ALIASES[camel] ?? camel];
  if (found === undefined) throw unknownName(op, 'activation', name, activationNames());
  return found;
}

/** An activation from whatever may stand for one; undefined and null are `linear`. Throws `argument` for anything else. */
export function makeActivation(like: ActivationLike | null | undefined, op = 'activation'): Activation {
  if (like === undefined || like === null) return makeActivation('linear', op);
  if (like instanceof Layer) {
    return {
      name: like.className,
      isPointwise: false,
      call: (x, context) => like.run([x], context)[0] as Tensor,
      serialize: () => serialized((like.constructor as typeof Layer).module, like.className, like.config),
    };
  }
  if (typeof like === 'function') {
    return { name: 'function', isPointwise: false, call: (x) => like(x), serialize: () => refuseFunction(op) };
  }
  if (typeof like !== 'string') throw unknownName(op, 'activation', like, activationNames());
  const call = activationFunction(like, op);
  const camel = toCamelCase(like);
  const name = ALIASES[camel] ?? camel;
  return { name, isPointwise: name in POINTWISE, call: (x) => call(x), serialize: () => toSnakeCase(name) };
}

function refuseFunction(op: string): never {
  throw new FoveaError({
    code: 'unsupported',
    op,
    message: 'a function given as an activation cannot be saved.',
    hint: 'Give its name, or make it a layer class and register it.',
  });
}

/** What stands for an activation in a config: a name, a function's name or a layer, which `makeLayer` makes. */
export function activationFromConfig(
  value: unknown,
  makeLayer: (className: string, config: Record<string, unknown>) => Layer,
): ActivationLike | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value as ActivationName;
  if (!isRecord(value) || typeof value.class_name !== 'string') {
    throw new FoveaError({
      code: 'format',
      op: 'activation',
      message: `${describe(value)} is not an activation.`,
      got: value,
    });
  }
  // Keras 3 writes functions as {class_name: 'function', config: name}.
  if (typeof value.config === 'string') return value.config as ActivationName;
  const config = isRecord(value.config) ? value.config : {};
  if (value.class_name === 'Activation' && typeof config.activation === 'string')
    return config.activation as ActivationName;
  return makeLayer(typeof value.registered_name === 'string' ? value.registered_name : value.class_name, config);
}
