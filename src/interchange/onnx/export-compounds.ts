// Operations that are compositions here and one node, or a customary few, in ONNX: convolutions and pools over volumes, group
// normalisation, resizing. All of them run with channels first.
import type { Compound } from '../../graph/compound.js';
import type { Recurrence } from '../../nn/layers/recurrence.js';
import { full } from '../../ops/index.js';
import type { Pair } from '../../ops/window.js';
import type { AttributeValue, GraphWriter, Value } from './export-graph.js';
import type { Made } from './export-ops.js';
import { writeRecurrence } from './export-recurrent.js';

/** What a rule is given. */
interface CompoundRequest {
  readonly to: GraphWriter;
  readonly inputs: readonly Value[];
  readonly params: Compound['params'];
}

type Rule = (request: CompoundRequest) => readonly Made[];

interface Window {
  readonly strides: readonly number[];
  readonly paddings: readonly Pair[];
}

/** Paddings as ONNX lists them: all befores, then all afters. */
export function padsOf(paddings: readonly Pair[]): number[] {
  return [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
}

/** A filter [...size,in,out] in ONNX's order, [out,in,...size]. */
export function filterOf(to: GraphWriter, filter: Value): string {
  const rank = filter.dims.length;
  const order = [rank - 1, rank - 2, ...Array.from({ length: rank - 2 }, (_, axis) => axis)];
  return filter.constant === undefined
    ? to.node('Transpose', [to.plain(filter)], { perm: order })
    : to.transposed(filter, order);
}

interface ConvolutionParams extends Window {
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** A convolution of any number of axes; with a third input, the bias. */
export function writeConvolution(to: GraphWriter, inputs: readonly Value[], params: ConvolutionParams): Made[] {
  const [x, filter, bias] = inputs as readonly [Value, Value, Value | undefined];
  const attributes: Record<string, AttributeValue> = {
    kernel_shape: filter.dims.slice(0, -2) as number[],
    strides: params.strides,
    pads: padsOf(params.paddings),
    dilations: params.dilation,
    group: params.groups,
  };
  const names = [to.first(x), filterOf(to, filter), ...(bias === undefined ? [] : [to.plain(bias)])];
  return [{ first: to.node('Conv', names, attributes) }];
}

/** The convolution's adjoint, which gives `inputSize` along each axis. */
export function writeConvolutionTranspose(
  to: GraphWriter,
  inputs: readonly Value[],
  params: ConvolutionParams & { readonly inputSize: readonly number[] },
): Made[] {
  const [x, filter, bias] = inputs as readonly [Value, Value, Value | undefined];
  const { strides, paddings, dilation, groups, inputSize } = params;
  const pads = [...paddings];
  const extra = inputSize.map((size, axis) => {
    const span = ((filter.dims[axis] as number) - 1) * (dilation[axis] as number) + 1;
    const full = (strides[axis] as number) * ((x.dims[axis + 1] as number) - 1) + span;
    const [before, after] = paddings[axis] as Pair;
    const more = size - (full - before - after);
    // Too much is cut off as padding; too little is added.
    if (more < 0) pads[axis] = [before, after - more];
    return Math.max(more, 0);
  });
  const attributes: Record<string, AttributeValue> = {
    kernel_shape: filter.dims.slice(0, -2) as number[],
    strides,
    pads: padsOf(pads),
    dilations: dilation,
    group: groups,
    output_padding: extra,
  };
  const names = [to.first(x), filterOf(to, filter), ...(bias === undefined ? [] : [to.plain(bias)])];
  return [{ first: to.node('ConvTranspose', names, attributes) }];
}

/** A pool of any number of axes. */
export function writePool(
  to: GraphWriter,
  x: Value,
  opType: 'MaxPool' | 'AveragePool',
  { poolSize, strides, paddings }: Window & { readonly poolSize: readonly number[] },
): Made[] {
  const attributes = { kernel_shape: poolSize, strides, pads: padsOf(paddings) };
  const more = opType === 'AveragePool' ? { count_include_pad: 0 } : {};
  return [{ first: to.node(opType, [to.first(x)], { ...attributes, ...more }) }];
}

const pool3d =
  (opType: 'MaxPool' | 'AveragePool'): Rule =>
  ({ to, inputs, params }) =>
    writePool(to, inputs[0] as Value, opType, params as unknown as Parameters<typeof writePool>[3]);

/** Groups as the channels of an instance normalisation. */
function groupNorm({ to, inputs: [value], params }: CompoundRequest): Made[] {
  const x = value as Value;
  const { groups, epsilon } = params as { groups: number; epsilon: number };
  const name = to.first(x);
  // 0 keeps the batch.
  const rows = to.node('Reshape', [name, to.integers([0, groups, -1])]);
  const parameters = [1, 0].map((filler) => to.initializer(full([groups], filler), undefined));
  const normal = to.node('InstanceNormalization', [rows, ...parameters], { epsilon: { float: epsilon } });
  return [{ first: to.node('Reshape', [normal, to.node('Shape', [name])]) }];
}

/** A float32 scale by which `from` rows become `to`: readers multiply, in floats or in doubles, and cut what is behind the point. */
function scaleOf(from: number, to: number): number {
  const scale = Math.fround(to / from);
  return scale * from < to ? Math.fround(scale * (1 + 2 ** -23)) : scale;
}

/** Resizes height and width as `attributes` say. */
const resize =
  (attributes: Readonly<Record<string, AttributeValue>>): Rule =>
  ({ to, inputs: [value], params }) => {
    const x = value as Value;
    const { size } = params as { size: readonly number[] };
    const from = x.dims.slice(1, 3) as number[];
    const scales = to.floats([1, 1, ...size.map((dim, axis) => scaleOf(from[axis] as number, dim))]);
    return [{ first: to.node('Resize', [to.first(x), '', scales], attributes) }];
  };

/** By the operation's name. */
export const COMPOUNDS: Readonly<Record<string, Rule>> = {
  conv3d: ({ to, inputs, params }) => writeConvolution(to, inputs, params as unknown as ConvolutionParams),
  conv3dTranspose: ({ to, inputs, params }) =>
    writeConvolutionTranspose(to, inputs, params as unknown as Parameters<typeof writeConvolutionTranspose>[2]),
  maxPool3d: pool3d('MaxPool'),
  averagePool3d: pool3d('AveragePool'),
  groupNorm,
  recurrence: ({ to, inputs, params }) => writeRecurrence(to, inputs, params as unknown as Recurrence),
  resizeBilinear: resize({ mode: 'linear', coordinate_transformation_mode: 'half_pixel' }),
  resizeNearest: resize({ mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
};
