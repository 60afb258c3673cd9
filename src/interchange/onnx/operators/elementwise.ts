// Operators that treat every element by itself, as the engine's ops.
import { onnxDtypeOf } from '../../../formats/onnx-tensor.js';
import type { Tensor } from '../../../graph/tensor.js';
import { elu, gelu, hardSilu, leakyRelu, mish, relu, selu, silu, softsign } from '../../../ops/activation.js';
import {
  add,
  cast,
  clip,
  divide,
  maximum,
  minimum,
  multiply,
  negative,
  power,
  subtract,
} from '../../../ops/arithmetic.js';
import {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
} from '../../../ops/compare.js';
import { mod } from '../../../ops/integer.js';
import * as unary from '../../../ops/unary.js';
import { where } from '../../../ops/where.js';
import type { TensorCall, TensorOperator, TensorOperators } from '../calls.js';
import { engineDtype, isFloatDtype, tensorValue } from '../values.js';

const one =
  (compute: (x: Tensor) => Tensor): TensorOperator =>
  (call) =>
    compute(call.tensor());

/** Two operands that broadcast, as from operator set 7 on. */
const two =
  (compute: (a: Tensor, b: Tensor) => Tensor): TensorOperator =>
  (call) =>
    compute(call.tensor(0), call.tensor(1));

const several =
  (compute: (a: Tensor, b: Tensor) => Tensor): TensorOperator =>
  (call) =>
    call.inputs.map((_, i) => call.tensor(i)).reduce(compute);

/** Converts to one of ONNX's element types; floats are cut towards zero, and 16-bit floats rounded. */
export function castTensor(call: TensorCall, number: number): ReturnType<TensorOperator> {
  const dtype = onnxDtypeOf(number);
  if (dtype === undefined) throw call.error(`there is no element type ${number}.`);
  const x = call.tensor();
  if (dtype === 'float16' || dtype === 'bfloat16')
    return tensorValue(dtype, x.dtype === 'float32' && call.dtype() === dtype ? x : cast(cast(x, dtype), 'float32'));
  if (dtype === 'bool') return tensorValue('bool', cast(x, 'bool'));
  const target = engineDtype(dtype);
  // Narrow integers wrap around, which the engine's do not.
  if (target === 'int32' && !['int32', 'int64', 'uint32', 'uint64'].includes(dtype) && x.dtype !== 'bool')
    return undefined;
  if (target === 'uint8' && x.dtype !== 'bool' && x.dtype !== 'uint8') return undefined;
  return tensorValue(dtype, cast(x, target));
}

function clipped(call: TensorCall): Tensor {
  const isOld = call.opset < 11;
  const low = isOld ? call.float('min', Number.NEGATIVE_INFINITY) : call.number(1, Number.NEGATIVE_INFINITY);
  const high = isOld ? call.float('max', Number.POSITIVE_INFINITY) : call.number(2, Number.POSITIVE_INFINITY);
  // A lower bound above the upper one gives the upper one.
  const x = call.tensor();
  return low <= high ? clip(x, low, high) : minimum(maximum(x, low), high);
}

export const elementwise: TensorOperators = {
  Identity: (call) => call.value(0),
  Abs: one(unary.abs),
  Neg: one(negative),
  Exp: one(unary.exp),
  Log: one(unary.log),
  Sqrt: one(unary.sqrt),
  Reciprocal: one(unary.reciprocal),
  Sign: one(unary.sign),
  Floor: one(unary.floor),
  Ceil: one(unary.ceil),
  Round: one(unary.round),
  Erf: one(unary.erf),
  Sin: one(unary.sin),
  Cos: one(unary.cos),
  Tan: one(unary.tan),
  Tanh: one(unary.tanh),
  Sigmoid: one(unary.sigmoid),
  Softplus: one(unary.softplus),
  Softsign: one(softsign),
  Relu: one(relu),
  Mish: one(mish),
  Swish: (call) => {
    const alpha = call.float('alpha', 1);
    return alpha === 1 ? silu(call.tensor()) : multiply(call.tensor(), unary.sigmoid(multiply(call.tensor(), alpha)));
  },
  HardSwish: one(hardSilu),
  HardSigmoid: (call) => clip(add(multiply(call.tensor(), call.float('alpha', 0.2)), call.float('beta', 0.5)), 0, 1),
  LeakyRelu: (call) => leakyRelu(call.tensor(), call.float('alpha', 0.01)),
  Elu: (call) => elu(call.tensor(), call.float('alpha', 1)),
  Celu(call) {
    const alpha = call.float('alpha', 1);
    return multiply(elu(divide(call.tensor(), alpha), 1), alpha);
  },
  Selu(call) {
    if (!call.has('alpha') && !call.has('gamma')) return selu(call.tensor());
    return multiply(elu(call.tensor(), call.float('alpha', 1.6732632)), call.float('gamma', 1.050701));
  },
  ThresholdedRelu(call) {
    const x = call.tensor();
    return where(greater(x, call.float('alpha', 1)), x, 0);
  },
  Shrink(call) {
    const x = call.tensor();
    const [limit, bias] = [call.float('lambd', 0.5), call.float('bias', 0)];
    return where(less(x, -limit), add(x, bias), where(greater(x, limit), subtract(x, bias), 0));
  },
  Gelu: (call) => gelu(call.tensor(), { approximate: call.text('approximate', 'none') === 'tanh' }),
  PRelu(call) {
    const x = call.tensor(0);
    return where(less(x, 0), multiply(x, call.tensor(1)), x);
  },
  Clip: clipped,
  Add: two(add),
  Sub: two(subtract),
  Mul: two(multiply),
  Div: (call) => (isFloatDtype(call.dtype()) ? divide(call.tensor(0), call.tensor(1)) : undefined),
  Pow(call) {
    const base = call.tensor(0);
    return isFloatDtype(call.dtype()) ? power(base, cast(call.tensor(1), base.dtype)) : undefined;
  },
  Mod(call) {
    if (!isFloatDtype(call.dtype())) return call.flag('fmod') ? undefined : mod(call.tensor(0), call.tensor(1));
    return undefined;
  },
  Max: several(maximum),
  Min: several(minimum),
  Sum: several(add),
  Mean: (call) => divide(call.inputs.map((_, i) => call.tensor(i)).reduce(add), call.inputs.length),
  Equal: two(equal),
  Greater: two(greater),
  GreaterOrEqual: two(greaterEqual),
  Less: two(less),
  LessOrEqual: two(lessEqual),
  And: two(logicalAnd),
  Or: two(logicalOr),
  Xor: two(logicalXor),
  Not: one(logicalNot),
  IsNaN: one(unary.isNaN),
  IsInf(call) {
    const x = call.tensor();
    const above = call.flag('detect_positive', true) ? greater(x, 3.4028234663852886e38) : undefined;
    const below = call.flag('detect_negative', true) ? less(x, -3.4028234663852886e38) : undefined;
    if (above === undefined) return below ?? logicalAnd(greater(x, 0), less(x, 0));
    return below === undefined ? above : logicalOr(above, below);
  },
  Where(call) {
    const dtype = call.dtype(1);
    return tensorValue(dtype, where(call.tensor(0), call.tensor(1), call.tensor(2)));
  },
  Cast: (call) => castTensor(call, call.int('to')),
  CastLike(call) {
    const like = call.dtype(1);
    if (like === call.dtype()) return call.value(0);
    return like === 'float32' && isFloatDtype(call.dtype()) ? tensorValue(like, call.tensor()) : undefined;
  },
  // In a model that is trained the layer of this name drops; here nothing is.
  Dropout(call) {
    const x = call.value(0);
    if (call.outputCount === 1) return x;
    const all = equal(call.tensor(), call.tensor());
    return [x, logicalOr(all, logicalNot(all))];
  },
};
