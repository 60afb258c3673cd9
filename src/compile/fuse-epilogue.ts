// What follows a matmul or convolution while its tile is still in registers: a bias per column, a
// residual of the same shape, an activation. Each is taken in only where nobody else wants the value before it.
import { sameShape } from '../core/shape.js';
import { isLeaf, type Node } from '../graph/node.js';
import type { Epilogue } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { add, cast } from '../ops/arithmetic.js';
import { reshape } from '../ops/shape.js';
import { countUses, type Graph, nodesOf, outputsOf, replaceNode, rewrite } from './graph.js';

const NONE: Epilogue = { activation: 'none', alpha: 0 };

/** Moves bias, residual and activation into the op before them. */
export function fuseEpilogue(graph: Graph): Graph {
  const uses = countUses(graph);
  const isUsedOnce = (tensor: Tensor): boolean => uses.get(tensor) === 1;
  const order = new Map<Node, number>();
  nodesOf(graph).forEach((node, i) => {
    order.set(node, i);
  });
  return rewrite(graph, ({ node, inputs }) => {
    const activation = node.op.epilogueActivation;
    if (activation !== undefined) {
      const [x] = inputs as [Tensor];
      const before = epilogueOf(x);
      if (before === undefined || before.activation !== 'none' || !isUsedOnce(node.inputs[0] as Tensor))
        return undefined;
      return extend(x, [], { ...before, activation: activation.name, alpha: activation.alpha?.(node.params) ?? 0 });
    }
    if (node.op.name !== 'add') return undefined;
    for (const [side, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const value = inputs[side] as Tensor;
      const added = inputs[other] as Tensor;
      const before = epilogueOf(value);
      const type = node.types[0] as { shape: readonly number[] };
      if (before === undefined || before.activation !== 'none' || !isUsedOnce(node.inputs[side] as Tensor)) continue;
      if (!sameShape(value.shape, type.shape) || added.dtype !== value.dtype) continue;
      const columns = type.shape.at(-1) as number;
      const next = value.node.inputs.length;
      const isPerColumn = added.size === columns && added.shape.at(-1) === columns;
      const bias = before.bias === undefined ? undefined : (value.node.inputs[before.bias] as Tensor);
      // A second bias goes to the first (a batch norm's shift behind a bias): a row to add instead of a picture.
      if (bias !== undefined && isPerColumn && bias.dtype === added.dtype) {
        const both = add(bias, reshape(added, [columns]));
        const withBoth = value.node.inputs.map((each, i) => (i === before.bias ? both : each));
        return outputsOf(replaceNode(value.node, { inputs: withBoth }));
      }
      // The bias is added first, so it may not come after a residual; the sum is the same but for rounding.
      if (before.bias === undefined && isPerColumn) {
        return extend(value, [reshape(wide(added), [columns])], { ...before, bias: next });
      }
      const [from, to] = [node.inputs[other]?.node as Node, node.inputs[side]?.node as Node];
      const isEarlier = isLeaf(from) || (order.get(from) as number) < (order.get(to) as number);
      // A residual that comes later would only be waited for; one that depends on the value cannot be had.
      if (before.residual === undefined && sameShape(added.shape, type.shape) && isEarlier) {
        return extend(value, [added], { ...before, residual: next });
      }
    }
    return undefined;
  });
}

/** A bias as kernels take it: float32, as it was before a cast rounded it. */
function wide(bias: Tensor): Tensor {
  const { node } = bias;
  const isRounded = node.op.name === 'cast' && node.storage === undefined && node.inputs[0]?.dtype === 'float32';
  return isRounded ? (node.inputs[0] as Tensor) : cast(bias, 'float32');
}

function epilogueOf(value: Tensor): Epilogue | undefined {
  if (!value.node.op.takesEpilogue || value.index !== 0 || value.node.storage !== undefined) return undefined;
  return (value.node.params as { epilogue?: Epilogue }).epilogue ?? NONE;
}

function extend({ node }: Tensor, more: readonly Tensor[], epilogue: Epilogue): readonly Tensor[] {
  return outputsOf(replaceNode(node, { inputs: [...node.inputs, ...more], params: { ...node.params, epilogue } }));
}
