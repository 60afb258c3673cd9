// How a node is written: by its op's rule, or where it ends a pattern that ONNX has one node for, by that. A plan names the
// tensors that it needs, so that nodes which only the pattern used are never written.
import { sameShape } from '../../core/shape.js';
import { type Compound, compoundOf } from '../../graph/compound.js';
import { constantOp, type Node } from '../../graph/node.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Recurrence } from '../../nn/layers/recurrence.js';
import { full, oneHot, reshape, transpose } from '../../ops/index.js';
import { COMPOUNDS } from './export-compounds.js';
import { isFirstOnly, sameDims, type Value } from './export-graph.js';
import { cannotWrite, conv2d, convTranspose, type Made, matmul, RULES, type WriteRequest } from './export-ops.js';
import { POINTWISE } from './export-pointwise.js';
import { isRecurrentOperator } from './export-recurrent.js';
import type { Dim, TracedNode } from './export-trace.js';

/** What is known of the model that is written. */
export interface ExportContext {
  traced(node: Node): TracedNode;
  /** The tensor outside of the trace, where it follows from the weights alone. */
  constantOf(tensor: Tensor): Tensor | undefined;
  /** The name of the weight that it is. */
  labelOf(tensor: Tensor): string | undefined;
  /** Whether nothing but one operand of one node is the node's result. */
  isUsedOnce(node: Node): boolean;
}

/** How a node is written. */
export interface Plan {
  readonly inputs: readonly Tensor[];
  write(request: WriteRequest): readonly Made[];
}

/** The plan of a node. Throws `unsupported` where there is none. */
export function planOf(traced: TracedNode, context: ExportContext): Plan {
  const { node } = traced;
  const compound = compoundOf(node);
  const whole = compound && isWritten(compound, context) ? COMPOUNDS[compound.name] : undefined;
  if (compound !== undefined && whole !== undefined) {
    return { inputs: compound.inputs, write: ({ to, inputs }) => whole({ to, inputs, params: compound.params }) };
  }
  const pattern =
    batchNormPattern(node, context) ??
    biasPattern(node, context) ??
    shufflePattern(traced, context) ??
    scatterPattern(node, context);
  if (pattern !== undefined) return pattern;
  const rule = RULES[node.op.name];
  if (rule !== undefined) return { inputs: node.inputs, write: rule };
  if (POINTWISE[node.op.name] === undefined) throw cannotWrite(traced, 'ONNX has no operator for it.');
  return { inputs: withoutBroadcasts(traced, context), write: writePointwise };
}

/** Whether ONNX can say the compound: recurrent cells with weights and with activations that it has. */
function isWritten({ name, inputs, params }: Compound, context: ExportContext): boolean {
  if (name !== 'recurrence') return true;
  const walk = params as unknown as Recurrence;
  const weights = inputs.slice(1, 1 + walk.weightCount);
  return isRecurrentOperator(walk) && weights.every((weight) => context.constantOf(weight) !== undefined);
}

/** Operands as they were before they were repeated, where the op's own broadcasting does the same. */
function withoutBroadcasts({ node, shapes }: TracedNode, context: ExportContext): readonly Tensor[] {
  const inputs = [...node.inputs];
  node.inputs.forEach((input, i) => {
    if (input.node.op.name !== 'broadcastTo' || input.node.storage !== undefined) return;
    const before = input.node.inputs[0] as Tensor;
    const others = inputs.map((each, at) => (at === i ? before : each));
    const broadcast = broadcastDims(
      others.map((each) => context.traced(each.node).shapes[each.index] as readonly Dim[]),
    );
    if (broadcast !== undefined && sameDims(broadcast, shapes[0] as readonly Dim[])) inputs[i] = before;
  });
  return inputs;
}

function broadcastDims(shapes: readonly (readonly Dim[])[]): readonly Dim[] | undefined {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    return dims.find((dim) => dim !== 1) ?? 1;
  });
}

function writePointwise({ to, inputs, traced }: WriteRequest): Made[] {
  const { node, params } = traced;
  const rule = POINTWISE[node.op.name] as (typeof POINTWISE)[string];
  const rank = (traced.shapes[0] as readonly Dim[]).length;
  const dtype = (inputs.at(-1) as Value).dtype;
  const request = { to, params, dtype, result: node.types[0]!.dtype };
  const isFirst = rank >= 3 && inputs.some((each) => each.dims.length === rank && isFirstOnly(each));
  return isFirst
    ? [
        {
          first: rule(
            inputs.map((each) => to.operandInFirst(each, rank)),
            request,
          ),
        },
      ]
    : [
        {
          plain: rule(
            inputs.map((each) => to.plain(each)),
            request,
          ),
        },
      ];
}

const opOf = (tensor: Tensor | undefined, name: string): Node | undefined =>
  tensor !== undefined && tensor.node.storage === undefined && tensor.node.op.name === name ? tensor.node : undefined;

/** A batch normalisation in inference: x * scale + shift, the two made from gamma, beta, mean and variance. */
function batchNormPattern(node: Node, context: ExportContext): Plan | undefined {
  if (node.op.name !== 'add') return undefined;
  const product = opOf(node.inputs[0], 'multiply');
  const [x, scale] = product?.inputs ?? [];
  const shift = opOf(node.inputs[1], 'subtract');
  const moved = opOf(shift?.inputs[1], 'multiply');
  if (x === undefined || scale === undefined || shift === undefined || moved?.inputs[1]?.node !== scale.node)
    return undefined;
  const scaled = opOf(scale, 'multiply');
  const inverse = opOf(scaled?.inputs[1] ?? scale, 'rsqrt');
  const spread = opOf(inverse?.inputs[0], 'add');
  const epsilon = spread?.inputs[1]?.node;
  if (spread === undefined || epsilon?.op !== constantOp || x.rank < 2) return undefined;
  const { values } = epsilon.params as { values: readonly number[] };
  const mean = moved.inputs[0] as Tensor;
  const variance = spread.inputs[0] as Tensor;
  const gamma = scaled?.inputs[0];
  const beta = shift.inputs[0] as Tensor;
  const channels = [x.shape.at(-1) as number];
  const parts = [mean, variance, ...(gamma === undefined ? [] : [gamma])];
  const isWhole = parts.every((part) => sameShape(part.shape, channels) && context.constantOf(part) !== undefined);
  if (!isWhole || context.constantOf(beta) === undefined || values.length !== 1) return undefined;
  const label = (part: Tensor, other: string): string =>
    context.labelOf(part) ?? `${context.labelOf(mean)?.replace(/\/[^/]*$/, '') ?? 'norm'}/${other}`;
  return {
    inputs: [x],
    write({ to, inputs: [value] }) {
      const parameter = (part: Tensor | undefined, filler: number, other: string): string => {
        const held = part && (context.constantOf(part) as Tensor);
        if (part !== undefined && held !== undefined && sameShape(held.shape, channels))
          return to.initializer(held, label(part, other));
        return to.initializer(full(channels, filler), label(mean, other).replace(/[^/]*$/, other));
      };
      const from = value as Value;
      const isFirst = from.dims.length >= 3;
      const names = [
        isFirst ? to.first(from) : to.plain(from),
        parameter(gamma, 1, 'gamma'),
        parameter(sameShape(beta.shape, channels) ? beta : undefined, 0, 'beta'),
        parameter(mean, 0, 'moving_mean'),
        parameter(variance, 1, 'moving_variance'),
      ];
      const y = to.node('BatchNormalization', names, { epsilon: { float: values[0] as number } });
      return [isFirst ? { first: y } : { plain: y }];
    },
  };
}

const BIASED: Readonly<Record<string, (request: WriteRequest) => readonly Made[]>> = {
  conv2d: conv2d,
  conv2dInputGradient: convTranspose,
  matmul,
};

/** A convolution or a product of matrices and what is added to every column of it. */
function biasPattern(node: Node, context: ExportContext): Plan | undefined {
  const [product, bias] = node.inputs as readonly [Tensor, Tensor | undefined];
  if (node.op.name !== 'add' || bias === undefined || product.node.storage !== undefined) return undefined;
  const { node: from } = product;
  const compound = compoundOf(from);
  const whole = /^conv3d/.test(compound?.name ?? '') ? COMPOUNDS[compound?.name ?? ''] : undefined;
  const write = whole === undefined ? BIASED[from.op.name] : undefined;
  const isVector = bias.rank === 1 && bias.size === product.shape.at(-1) && context.constantOf(bias) !== undefined;
  if (!isVector || !context.isUsedOnce(from)) return undefined;
  if (compound !== undefined && whole !== undefined) {
    const { inputs, params } = compound;
    return { inputs: [...inputs, bias], write: (request) => whole({ ...request, params }) };
  }
  if (write === undefined) return undefined;
  if (from.op.name === 'matmul' && (product.rank !== 2 || from.inputs.some(({ rank }) => rank !== 2))) return undefined;
  const traced = context.traced(from);
  return { inputs: [...from.inputs, bias], write: (request) => write({ ...request, traced }) };
}

/** The channels of maps split in two axes, swapped and joined: with the channels first that is two reshapes and a transpose. */
function shufflePattern({ node, shapes }: TracedNode, context: ExportContext): Plan | undefined {
  if (node.op.name !== 'reshape') return undefined;
  const swap = opOf(node.inputs[0], 'transpose');
  const split = opOf(swap?.inputs[0], 'reshape');
  const [x] = split?.inputs ?? [];
  if (swap === undefined || split === undefined || x === undefined || x.rank < 3) return undefined;
  const dims = shapes[0] as readonly Dim[];
  const parts = context.traced(split).shapes[0] as readonly Dim[];
  const { axes } = swap.params as { axes: readonly number[] };
  const order = [...dims.slice(1).map((_, axis) => axis), dims.length, dims.length - 1];
  const isShuffle =
    sameDims(context.traced(x.node).shapes[x.index] as readonly Dim[], dims) &&
    parts.length === dims.length + 1 &&
    sameDims(parts.slice(0, -2), dims.slice(0, -1)) &&
    order.every((axis, at) => axis === axes[at]);
  if (!isShuffle) return undefined;
  return {
    inputs: [x],
    write({ to, inputs: [value] }) {
      const [batch, ...spatial] = dims.slice(0, -1) as [Dim, ...Dim[]];
      const shape = (channels: readonly Dim[]): string =>
        to.shape([batch, ...channels, ...spatial], { isReshape: true });
      const grouped = to.node('Reshape', [to.first(value as Value), shape(parts.slice(-2))]);
      const perm = [0, 2, 1, ...spatial.map((_, i) => i + 3)];
      const turned = to.node('Transpose', [grouped], { perm });
      return [{ first: to.node('Reshape', [turned, shape(dims.slice(-1))]) }];
    },
  };
}

/** Adding slices at places that the weights fix: a product with a matrix of zeros and ones. */
function scatterPattern(node: Node, context: ExportContext): Plan | undefined {
  if (node.op.name !== 'scatterAdd') return undefined;
  const [values, places] = node.inputs as readonly [Tensor, Tensor];
  const known = context.constantOf(places);
  if (known === undefined) return undefined;
  const { axis, size } = node.params as { axis: number; size: number };
  return {
    inputs: [values],
    write({ to, inputs: [value], traced }) {
      const from = value as Value;
      const count = places.size;
      const before = from.dims.slice(0, axis);
      const after = from.dims.slice(axis + places.rank) as number[];
      const inner = after.reduce((product, dim) => product * dim, 1);
      const rows = to.node('Reshape', [to.plain(from), to.shape([...before, count, inner], { isReshape: true })]);
      const hot = transpose(oneHot(reshape(known, [count]), size), [1, 0]);
      const sums = to.node('MatMul', [to.initializer(hot, undefined), rows]);
      const dims = traced.shapes[0] as readonly Dim[];
      return [{ plain: to.node('Reshape', [sums, to.shape(dims, { isReshape: true })]) }];
    },
  };
}
