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
import { add, clip, divide, maximum, minimum, multiply, negative, subtract } from '../ops/arithmetic.js';
import { greater, greaterEqual, less, lessEqual } from '../ops/compare.js';
import { split } from '../ops/join.js';
import { logSoftmax, softmax } from '../ops/softmax.js';
import { sparsemax } from '../ops/sparsemax.js';
import { abs, expm1, sigmoid, softplus, sqrt, square, tanh } from '../ops/unary.js';
import { where } from '../ops/where.js';
import { describe, isRecord, serialized, toCamelCase, toSnakeCase, unknownName } from './keras-config.js';
import { type CallContext, Layer } from './layer.js';

/** What activation functions can be told, by Keras's names; each takes what concerns it. */
export interface ActivationSettings {
  /** Of `elu` and `celu`; default 1. */
  readonly alpha?: number;
  /** Of `gelu`: by tanh, not by the error function; default false. */
  readonly approximate?: boolean;
  /** Of `softmax`, `logSoftmax`, `sparsemax` and `glu`; default the last. */
  readonly axis?: number;
  /** Of `squareplus`: how smooth; default 4. */
  readonly b?: number;
  /** Of `threshold`: what stands for values that do not exceed it. */
  readonly defaultValue?: number;
  /** Of `relu`: outputs above it are cut; default none. */
  readonly maxValue?: number;
  /** Of `leakyRelu`, default 0.2, and of `relu`, default 0. */
  readonly negativeSlope?: number;
  /** Of `softShrink` and `hardShrink`, default 0.5; of `relu`, default 0; of `threshold`. */
  readonly threshold?: number;
}

type ActivationFunction = (x: Tensor, settings?: ActivationSettings) => Tensor;

/** Every element by itself, so that the order of axes does not matter. */
const POINTWISE = {
  relu: (x, settings) => boundedRelu(x, settings),
  relu6: (x) => relu6(x),
  leakyRelu: (x, { negativeSlope } = {}) => leakyRelu(x, negativeSlope),
  elu: (x, { alpha } = {}) => elu(x, alpha),
  selu: (x) => selu(x),
  gelu: (x, { approximate = false } = {}) => gelu(x, { approximate }),
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
  celu: (x, { alpha = 1 } = {}) => {
    const below = multiply(expm1(multiply(minimum(x, 0), 1 / alpha)), alpha);
    return add(maximum(x, 0), below);
  },
  tanhShrink: (x) => subtract(x, tanh(x)),
  softShrink: (x, { threshold = 0.5 } = {}) =>
    where(greater(x, threshold), subtract(x, threshold), where(less(x, -threshold), add(x, threshold), 0)),
  hardShrink: (x, { threshold = 0.5 } = {}) => where(greater(abs(x), threshold), x, 0),
  squareplus: (x, { b = 4 } = {}) => divide(add(x, sqrt(add(square(x), b))), 2),
  sparsePlus: (x) => where(lessEqual(x, -1), 0, where(less(x, 1), multiply(square(add(x, 1)), 0.25), x)),
  sparseSigmoid: (x) => where(lessEqual(x, -1), 0, where(greaterEqual(x, 1), 1, multiply(add(x, 1), 0.5))),
} satisfies Record<string, ActivationFunction>;

/** Along an axis, the last by default. */
const ALONG_AXIS = {
  softmax: (x, { axis = -1 } = {}) => softmax(x, { axis }),
  logSoftmax: (x, { axis = -1 } = {}) => logSoftmax(x, { axis }),
  sparsemax: (x, { axis = -1 } = {}) => sparsemax(x, { axis }),
  glu: (x, { axis = -1 } = {}) => {
    const [value, gate] = split(x, 2, axis) as [Tensor, Tensor];
    return multiply(value, sigmoid(gate));
  },
} satisfies Record<string, ActivationFunction>;

/** No default makes sense of these, so a name alone cannot stand for them. */
const NEED_SETTINGS: Readonly<Record<string, ActivationFunction>> = {
  threshold: (x, { threshold, defaultValue } = {}) => {
    if (threshold !== undefined && defaultValue !== undefined) return where(greater(x, threshold), x, defaultValue);
    throw new FoveaError({
      code: 'argument',
      op: 'threshold',
      message: 'needs threshold and defaultValue.',
      hint: 'Give a function as the activation: (x) => where(greater(x, threshold), x, defaultValue).',
    });
  },
};

/** x between the threshold and the maximum, a slope below. Single ops where there is one: they can be folded into the layer before. */
function boundedRelu(x: Tensor, { maxValue, negativeSlope = 0, threshold = 0 }: ActivationSettings = {}): Tensor {
  if (threshold === 0) {
    if (maxValue === undefined) return negativeSlope === 0 ? relu(x) : leakyRelu(x, negativeSlope);
    if (maxValue === 6 && negativeSlope === 0) return relu6(x);
  }
  const above = threshold === 0 ? relu(x) : where(greater(x, threshold), x, 0);
  const cut = maxValue === undefined ? above : clip(above, 0, maxValue);
  if (negativeSlope === 0) return cut;
  return subtract(cut, multiply(relu(add(negative(x), threshold)), negativeSlope));
}

const FUNCTIONS: Readonly<Record<string, ActivationFunction>> = {
  ...POINTWISE,
  ...ALONG_AXIS,
  ...NEED_SETTINGS,
};
const ALIASES: Readonly<Record<string, string>> = { swish: 'silu', hardSwish: 'hardSilu' };

/** The activations known by name. */
export type ActivationName = keyof typeof POINTWISE | keyof typeof ALONG_AXIS | 'swish' | 'hardSwish';

/** What may stand where an activation is wanted: a name, an activation layer, or a function of tensors. */
export type ActivationLike = ActivationName | Layer | Activation | ((x: Tensor) => Tensor);

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
  return [...Object.keys(POINTWISE), ...Object.keys(ALONG_AXIS), ...Object.keys(ALIASES)];
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
  if (isActivation(like)) return like;
  if (typeof like !== 'string') throw unknownName(op, 'activation', like, activationNames());
  const call = activationFunction(like, op);
  const camel = toCamelCase(like);
  const name = ALIASES[camel] ?? camel;
  return { name, isPointwise: name in POINTWISE, call: (x) => call(x), serialize: () => toSnakeCase(name) };
}

/** One that was made before, as layers hand it to layers inside them. */
function isActivation(value: unknown): value is Activation {
  return isRecord(value) && typeof value.call === 'function' && typeof value.serialize === 'function';
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
