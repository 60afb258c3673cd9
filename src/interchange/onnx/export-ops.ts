// Ops that are not pointwise as ONNX nodes: a table of how each is written. Values may lie with their channels first or last;
// a rule takes what is there where the op can, and says what it made.
import { FoveaError } from '../../core/errors.js';
import type { Pair } from '../../ops/window.js';
import { writeConvolution, writeConvolutionTranspose, writePool } from './export-compounds.js';
import {
  axisInFirst,
  channelsFirst,
  type GraphWriter,
  isFirstOnly,
  isNumber,
  onnxType,
  sameDim,
  type Value,
} from './export-graph.js';
import type { Dim, TracedNode } from './export-trace.js';

/** What a rule made of one output. */
export type Made = Pick<Value, 'plain' | 'first'>;

/** What a rule is given. */
export interface WriteRequest {
  readonly to: GraphWriter;
  readonly inputs: readonly Value[];
  readonly traced: TracedNode;
}

type Rule = (request: WriteRequest) => readonly Made[];

/** Throws `unsupported`, naming the op and the layer. */
export function cannotWrite({ node, layer }: TracedNode, why: string): FoveaError {
  return new FoveaError({
    code: 'unsupported',
    op: 'export',
    message: `${node.op.name} cannot be written to ONNX: ${why}`,
    ...(layer === undefined ? {} : { path: layer }),
    hint: 'Save the model as .keras, or leave this part out of what is exported.',
  });
}

/** Parameters that must not grow with the batch. */
function fixed<T>({ params }: TracedNode): T {
  return params as T;
}

/** Runs `body` with the input's name, and which axis is where, in the layout that the value has. */
function inItsLayout(
  { to, inputs, traced }: WriteRequest,
  body: (name: string, axisOf: (axis: number) => number) => string,
): Made[] {
  const [x] = inputs as readonly [Value];
  const rank = x.dims.length;
  const isSameRank = (traced.shapes[0] as readonly Dim[]).length === rank;
  if (rank >= 3 && isFirstOnly(x) && isSameRank)
    return [{ first: body(to.first(x), (axis) => axisInFirst(axis, rank)) }];
  return [{ plain: body(to.plain(x), (axis) => axis) }];
}

/** A list by axis in the order of the layout's axes. */
function byAxis<T>(list: readonly T[], axisOf: (axis: number) => number): T[] {
  const out = new Array<T>(list.length);
  list.forEach((value, axis) => {
    out[axisOf(axis)] = value;
  });
  return out;
}

function reshape({ to, inputs: [x], traced }: WriteRequest): Made[] {
  const from = x as Value;
  const dims = traced.shapes[0] as readonly Dim[];
  const reshaped = (name: string, target: readonly Dim[]): string =>
    to.node('Reshape', [name, to.shape(target, { isReshape: true })]);
  if (isFirstOnly(from)) {
    const rank = from.dims.length;
    // Between the same first and last axis the elements of one channel keep their order.
    const keepsEnds =
      dims.length >= 3 &&
      sameDim(dims[0] as Dim, from.dims[0] as Dim) &&
      sameDim(dims.at(-1) as Dim, from.dims.at(-1) as Dim);
    if (keepsEnds)
      return [
        {
          first: reshaped(
            from.first as string,
            channelsFirst(dims.length).map((axis) => dims[axis] as Dim),
          ),
        },
      ];
    const isFlat = from.dims.slice(1, rank - 1).every((dim) => dim === 1);
    if (isFlat) return [{ plain: reshaped(from.first as string, dims) }];
  }
  return [{ plain: reshaped(to.plain(from), dims) }];
}

function transposeRule({ to, inputs: [x], traced }: WriteRequest): Made[] {
  const from = x as Value;
  const { axes } = fixed<{ axes: readonly number[] }>(traced);
  const rank = axes.length;
  const order = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const isStraight = (perm: readonly number[]): boolean => perm.every((axis, at) => axis === at);
  if (rank < 3) return [{ plain: to.node('Transpose', [to.plain(from)], { perm: order }) }];
  const toFirst = channelsFirst(rank);
  // What lies there already under another name needs no node.
  const sources: [string | undefined, (axis: number) => number][] = [
    [from.plain, (axis) => axis],
    [from.first, (axis) => axisInFirst(axis, rank)],
  ];
  for (const [name, axisOf] of sources) {
    if (name === undefined) continue;
    if (isStraight(order.map(axisOf))) return [{ plain: name }];
    if (isStraight(toFirst.map((axis) => axisOf(order[axis] as number)))) return [{ first: name }];
  }
  if (isFirstOnly(from)) {
    const perm = order.map((axis) => axisInFirst(axis, rank));
    return [{ plain: to.node('Transpose', [from.first as string], { perm }) }];
  }
  return [{ plain: to.node('Transpose', [to.plain(from)], { perm: order }) }];
}

function broadcastTo(request: WriteRequest): Made[] {
  const { to, inputs, traced } = request;
  const dims = traced.shapes[0] as readonly Dim[];
  const from = (inputs[0] as Value).dims;
  const lead = dims.length - from.length;
  // Expand takes 1 for what stays.
  const target = dims.map((dim, axis) => (axis >= lead && sameDim(dim, from[axis - lead] as Dim) ? 1 : dim));
  return inItsLayout(request, (name, axisOf) => to.node('Expand', [name, to.shape(byAxis(target, axisOf))]));
}

function slice(request: WriteRequest): Made[] {
  const { to, inputs, traced } = request;
  const { begin, size, stride } = fixed<Record<'begin' | 'size' | 'stride', readonly Dim[]>>(traced);
  const from = (inputs[0] as Value).dims;
  const axes = begin
    .map((_, axis) => axis)
    .filter((axis) => !(begin[axis] === 0 && stride[axis] === 1 && sameDim(size[axis] as Dim, from[axis] as Dim)));
  const number = (dim: Dim): number => {
    if (isNumber(dim)) return dim;
    throw cannotWrite(traced, 'what it cuts depends on the size of the batch.');
  };
  const isBackwards = (axis: number): boolean =>
    stride[axis] === -1 && sameDim(size[axis] as Dim, from[axis] as Dim) && !isNumber(size[axis] as Dim);
  const starts = axes.map((axis) => (isBackwards(axis) ? -1 : number(begin[axis] as Dim)));
  const ends = axes.map((axis) => {
    const step = stride[axis] as number;
    if (isBackwards(axis)) return -(2 ** 31);
    const last = (begin[axis] as number) + (number(size[axis] as Dim) - 1) * step;
    if (size[axis] === 0) return begin[axis] as number;
    return step > 0 ? last + 1 : last === 0 ? -(2 ** 31) : last - 1;
  });
  const steps = axes.map((axis) => stride[axis] as number);
  return inItsLayout(request, (name, axisOf) =>
    axes.length === 0
      ? name
      : to.node('Slice', [
          name,
          to.integers(starts),
          to.integers(ends),
          to.integers(axes.map(axisOf)),
          to.integers(steps),
        ]),
  );
}

function concat({ to, inputs, traced }: WriteRequest): Made[] {
  const { axis } = fixed<{ axis: number }>(traced);
  const rank = (inputs[0] as Value).dims.length;
  if (rank >= 3 && inputs.some(isFirstOnly)) {
    return [
      {
        first: to.node(
          'Concat',
          inputs.map((each) => to.first(each)),
          { axis: axisInFirst(axis, rank) },
        ),
      },
    ];
  }
  return [
    {
      plain: to.node(
        'Concat',
        inputs.map((each) => to.plain(each)),
        { axis },
      ),
    },
  ];
}

function pad(request: WriteRequest): Made[] {
  const { to, traced } = request;
  const { paddings, gaps, value } = fixed<{ paddings: readonly Pair[]; gaps: readonly number[]; value: number }>(
    traced,
  );
  if (gaps.some((gap) => gap !== 0)) throw cannotWrite(traced, 'it puts gaps between the elements.');
  return inItsLayout(request, (name, axisOf) => {
    const turned = byAxis(paddings, axisOf);
    const sizes = [...turned.map(([before]) => before), ...turned.map(([, after]) => after)];
    return to.node('Pad', [name, to.integers(sizes), to.scalar(value, traced.node.types[0]!.dtype)]);
  });
}

function range({ to, traced }: WriteRequest): Made[] {
  const { start, step, count, dtype } = fixed<{ start: Dim; step: number; count: Dim; dtype: 'float32' | 'int32' }>(
    traced,
  );
  if (!isNumber(start) || isNumber(count))
    throw cannotWrite(traced, 'where it starts depends on the size of the batch.');
  const limit = to.node('Reshape', [
    to.batched({ times: count.times * step, plus: start + count.plus * step }),
    to.integers([]),
  ]);
  const numbers = to.node('Cast', [limit], { to: onnxType(dtype) });
  return [{ plain: to.node('Range', [to.scalar(start, dtype), numbers, to.scalar(step, dtype)]) }];
}

function gather({ to, inputs: [x, indices], traced }: WriteRequest): Made[] {
  const { axis } = fixed<{ axis: number }>(traced);
  const size = (x as Value).dims[axis] as Dim;
  const known = (indices as Value).constant?.storage?.host;
  if (known !== undefined && isNumber(size) && known.some((index) => index < 0 || index >= size))
    throw cannotWrite(traced, 'some of the places lie outside, where ONNX has no zeros.');
  return [{ plain: to.node('Gather', [to.plain(x as Value), to.plain(indices as Value)], { axis }) }];
}

function topK({ to, inputs: [x], traced }: WriteRequest): Made[] {
  const { k } = fixed<{ k: number }>(traced);
  const [values, places] = to.nodeOutputs('TopK', [to.plain(x as Value), to.integers([k])], { axis: -1 }, 2) as [
    string,
    string,
  ];
  return [{ plain: values }, { plain: to.node('Cast', [places], { to: onnxType('int32') }) }];
}

/** With a third input, what is added to every row of a matrix. */
export function matmul({ to, inputs: [a, b, bias], traced }: WriteRequest): Made[] {
  const { transposeA, transposeB } = fixed<{ transposeA: boolean; transposeB: boolean }>(traced);
  const operand = (value: Value, isTransposed: boolean): string => {
    if (!isTransposed) return to.plain(value);
    const rank = value.dims.length;
    const order = Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
    return value.constant === undefined
      ? to.node('Transpose', [to.plain(value)], { perm: order })
      : to.transposed(value, order);
  };
  const names = [operand(a as Value, transposeA), operand(b as Value, transposeB)];
  return [{ plain: bias === undefined ? to.node('MatMul', names) : to.node('Gemm', [...names, to.plain(bias)]) }];
}

interface ConvolutionParams {
  readonly strides: Pair;
  readonly padding: readonly [Pair, Pair];
  readonly dilation: Pair;
  readonly groups: number;
}

/** With a third input, the bias. */
export function conv2d({ to, inputs, traced }: WriteRequest): Made[] {
  const { padding: paddings, ...rest } = fixed<ConvolutionParams>(traced);
  return writeConvolution(to, inputs, { ...rest, paddings });
}

/** With a third input, the bias. */
export function convTranspose({ to, inputs, traced }: WriteRequest): Made[] {
  const { padding: paddings, ...rest } = fixed<ConvolutionParams & { inputSize: Pair }>(traced);
  return writeConvolutionTranspose(to, inputs, { ...rest, paddings });
}

interface PoolParams {
  readonly poolSize: Pair;
  readonly strides: Pair;
  readonly padding: readonly [Pair, Pair];
}

const pool =
  (opType: 'MaxPool' | 'AveragePool'): Rule =>
  ({ to, inputs: [x], traced }) => {
    const { padding: paddings, ...rest } = fixed<PoolParams>(traced);
    return writePool(to, x as Value, opType, { ...rest, paddings });
  };

interface ReduceParams {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Reduces in the layout that the value has, where the axes that stay then are in an order that has a name. */
function reduced(
  { to, inputs: [x], traced }: WriteRequest,
  body: (name: string, axes: readonly number[], keepDims: boolean) => string,
): Made[] {
  const { axes, keepDims } = fixed<ReduceParams>(traced);
  const value = x as Value;
  const rank = value.dims.length;
  if (isFirstOnly(value)) {
    const inFirst = axes.map((axis) => axisInFirst(axis, rank)).sort((a, b) => a - b);
    if (keepDims) return [{ first: body(value.first as string, inFirst, true) }];
    const kept = value.dims.length - axes.length;
    const hasChannels = !axes.includes(rank - 1);
    if (!hasChannels || kept <= 1 || (kept === 2 && !axes.includes(0)))
      return [{ plain: body(value.first as string, inFirst, false) }];
    if (!axes.includes(0)) return [{ first: body(value.first as string, inFirst, false) }];
  }
  return [{ plain: body(to.plain(value), axes, keepDims) }];
}

const reduce =
  (opType: string): Rule =>
  (request) =>
    reduced(request, (name, axes, keepDims) =>
      opType === 'ReduceSum'
        ? axes.length === 0
          ? name
          : request.to.node(opType, [name, request.to.integers(axes)], { keepdims: Number(keepDims) })
        : request.to.node(opType, [name], { axes, keepdims: Number(keepDims) }),
    );

/** Of truth values: as whole numbers. */
const reduceBool =
  (opType: string): Rule =>
  (request) => {
    const { to } = request;
    return reduced(request, (name, axes, keepDims) => {
      const whole = to.node('Cast', [name], { to: onnxType('int32') });
      const y = to.node(opType, [whole], { axes, keepdims: Number(keepDims) });
      return to.node('Cast', [y], { to: onnxType('bool') });
    });
  };

const argReduce =
  (opType: string): Rule =>
  (request) => {
    const { to, traced } = request;
    const { axes, keepDims } = fixed<ReduceParams>(traced);
    if (axes.length !== 1) throw cannotWrite(traced, 'it goes over several axes.');
    return reduced(request, (name, [axis]) => {
      const y = to.node(opType, [name], { axis: axis as number, keepdims: Number(keepDims) });
      return to.node('Cast', [y], { to: onnxType('int32') });
    });
  };

/** Along the channels. */
const softmax =
  (opType: string): Rule =>
  (request) => {
    const rank = (request.inputs[0] as Value).dims.length;
    return inItsLayout(request, (name, axisOf) => request.to.node(opType, [name], { axis: axisOf(rank - 1) }));
  };

function layerNorm({ to, inputs: [x, gamma, beta], traced }: WriteRequest): Made[] {
  const { epsilon } = fixed<{ epsilon: number }>(traced);
  const names = [to.plain(x as Value), to.plain(gamma as Value), to.plain(beta as Value)];
  const y = to.node('LayerNormalization', names, { axis: -1, epsilon: { float: epsilon } });
  return [{ plain: y }];
}

/** Where the places are known, see export-patterns.ts. */
function scatterAdd({ traced }: WriteRequest): Made[] {
  throw cannotWrite(traced, 'places that are not known when the file is written cannot be added to.');
}

/** Numbers that grow with the batch; others are initializers. */
function constant({ to, traced }: WriteRequest): Made[] {
  const { values } = traced.params as { values: readonly Dim[] };
  const { dtype } = traced.node.types[0]!;
  const whole = values.map((value) => (isNumber(value) ? to.integers([value]) : to.batched(value)));
  const list = whole.length === 1 ? (whole[0] as string) : to.node('Concat', whole, { axis: 0 });
  const shaped = to.node('Reshape', [list, to.shape(traced.shapes[0] as readonly Dim[], { isReshape: true })]);
  return [{ plain: to.node('Cast', [shaped], { to: onnxType(dtype) }) }];
}

/** Mean and variance of every channel. */
function moments({ to, inputs: [x] }: WriteRequest): Made[] {
  const value = x as Value;
  const name = to.plain(value);
  const axes = value.dims.slice(0, -1).map((_, axis) => axis);
  const mean = to.node('ReduceMean', [name], { axes, keepdims: 0 });
  const offset = to.node('Sub', [name, mean]);
  return [{ plain: mean }, { plain: to.node('ReduceMean', [to.node('Mul', [offset, offset])], { axes, keepdims: 0 }) }];
}

/** By the op's name. */
export const RULES: Readonly<Record<string, Rule>> = {
  reshape,
  transpose: transposeRule,
  broadcastTo,
  slice,
  concat,
  pad,
  range,
  gather,
  scatterAdd,
  constant,
  moments,
  topK,
  matmul,
  conv2d,
  conv2dInputGradient: convTranspose,
  maxPool: pool('MaxPool'),
  avgPool: pool('AveragePool'),
  softmax: softmax('Softmax'),
  logSoftmax: softmax('LogSoftmax'),
  layerNorm,
  sum: reduce('ReduceSum'),
  mean: reduce('ReduceMean'),
  prod: reduce('ReduceProd'),
  max: reduce('ReduceMax'),
  min: reduce('ReduceMin'),
  any: reduceBool('ReduceMax'),
  all: reduceBool('ReduceMin'),
  argMax: argReduce('ArgMax'),
  argMin: argReduce('ArgMin'),
};
