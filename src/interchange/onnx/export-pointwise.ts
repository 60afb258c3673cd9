// Pointwise ops as ONNX nodes: a table of how each is written, given the names of its operands.
import { type Dtype, isFloat } from '../../core/dtype.js';
import { type GraphWriter, onnxType } from './export-graph.js';

/** What a rule may look at beside the names of its operands. */
export interface PointwiseRequest {
  readonly to: GraphWriter;
  /** The operands' dtype. */
  readonly dtype: Dtype;
  readonly result: Dtype;
  readonly params: Readonly<Record<string, unknown>>;
}

type Rule = (names: readonly string[], request: PointwiseRequest) => string;

/** One node of the same meaning. */
const node =
  (opType: string): Rule =>
  (names, { to }) =>
    to.node(opType, names);

/** Whole numbers and truth values where ONNX Runtime knows the op for int32 and floats alone. */
const widened =
  (opType: string): Rule =>
  (names, request) => {
    const { to, dtype } = request;
    if (dtype !== 'uint8' && dtype !== 'bool') return to.node(opType, names);
    const wide = names.map((name) => castTo(to, name, 'int32'));
    const y = to.node(opType, wide);
    return request.result === 'bool' ? y : castTo(to, y, request.result);
  };

const castTo = (to: GraphWriter, name: string, dtype: Dtype): string =>
  to.node('Cast', [name], { to: onnxType(dtype) });

const one = (request: PointwiseRequest): string => request.to.scalar(1, request.dtype);

function floorDivide(names: readonly string[], { to, dtype }: PointwiseRequest): string {
  const [a, b] = names as [string, string];
  if (isFloat(dtype)) return to.node('Floor', [to.node('Div', [a, b])]);
  const whole = to.node('Sub', [a, to.node('Mod', [a, b])]);
  return to.node('Div', [whole, b]);
}

function mod(names: readonly string[], { to, dtype }: PointwiseRequest): string {
  const [a, b] = names as [string, string];
  if (!isFloat(dtype)) return to.node('Mod', [a, b]);
  return to.node('Sub', [a, to.node('Mul', [to.node('Floor', [to.node('Div', [a, b])]), b])]);
}

function castRule([x]: readonly string[], { to, dtype, result }: PointwiseRequest): string {
  return onnxType(dtype) === onnxType(result) ? (x as string) : castTo(to, x as string, result);
}

function relu(names: readonly string[], { to, dtype }: PointwiseRequest): string {
  return isFloat(dtype) ? to.node('Relu', names) : to.node('Max', [names[0] as string, to.scalar(0, dtype)]);
}

function gelu([x]: readonly string[], { to, dtype }: PointwiseRequest): string {
  const inner = to.node('Mul', [x as string, to.scalar(Math.SQRT1_2, dtype)]);
  const twice = to.node('Add', [to.node('Erf', [inner]), to.scalar(1, dtype)]);
  return to.node('Mul', [to.node('Mul', [x as string, twice]), to.scalar(0.5, dtype)]);
}

function normalize(names: readonly string[], { to }: PointwiseRequest): string {
  const [x, mean, scale, shift] = names as [string, string, string, string];
  return to.node('Add', [to.node('Mul', [to.node('Sub', [x, mean]), scale]), shift]);
}

/** By the op's name. */
export const POINTWISE: Readonly<Record<string, Rule>> = {
  add: widened('Add'),
  subtract: widened('Sub'),
  multiply: widened('Mul'),
  divide: node('Div'),
  power: node('Pow'),
  negative: node('Neg'),
  maximum: node('Max'),
  minimum: node('Min'),
  cast: castRule,
  abs: node('Abs'),
  sign: node('Sign'),
  square: ([x], { to }) => to.node('Mul', [x as string, x as string]),
  sqrt: node('Sqrt'),
  rsqrt: ([x], { to }) => to.node('Reciprocal', [to.node('Sqrt', [x as string])]),
  reciprocal: node('Reciprocal'),
  exp: node('Exp'),
  expm1: ([x], request) => request.to.node('Sub', [request.to.node('Exp', [x as string]), one(request)]),
  log: node('Log'),
  log1p: ([x], request) => request.to.node('Log', [request.to.node('Add', [x as string, one(request)])]),
  sin: node('Sin'),
  cos: node('Cos'),
  tan: node('Tan'),
  tanh: node('Tanh'),
  sigmoid: node('Sigmoid'),
  softplus: node('Softplus'),
  erf: node('Erf'),
  floor: node('Floor'),
  ceil: node('Ceil'),
  round: node('Round'),
  stopGradient: ([x]) => x as string,
  isNaN: node('IsNaN'),
  isFinite: ([x], { to }) =>
    to.node('Not', [to.node('Or', [to.node('IsNaN', [x as string]), to.node('IsInf', [x as string])])]),
  relu,
  relu6: ([x], { to, dtype }) => to.node('Clip', [x as string, to.scalar(0, dtype), to.scalar(6, dtype)]),
  leakyRelu: ([x], { to, params }) => to.node('LeakyRelu', [x as string], { alpha: { float: params.alpha as number } }),
  silu: ([x], { to }) => to.node('Mul', [x as string, to.node('Sigmoid', [x as string])]),
  gelu,
  equal: widened('Equal'),
  notEqual: (names, request) => request.to.node('Not', [widened('Equal')(names, { ...request, result: 'bool' })]),
  less: widened('Less'),
  lessEqual: widened('LessOrEqual'),
  greater: widened('Greater'),
  greaterEqual: widened('GreaterOrEqual'),
  logicalAnd: node('And'),
  logicalOr: node('Or'),
  logicalXor: node('Xor'),
  logicalNot: node('Not'),
  floorDivide,
  mod,
  where: node('Where'),
  normalize,
};
