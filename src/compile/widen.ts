// 16-bit floats are for storage: kernels other than pointwise ones, reductions, copies and those that say so
// compute on float32, so their inputs are widened before them and their results narrowed after.
import type { Dtype } from '../core/dtype.js';
import { isLeaf } from '../graph/node.js';
import type { Tensor } from '../graph/tensor.js';
import { cast } from '../ops/arithmetic.js';
import { type Graph, outputsOf, replaceNode, rewrite } from './graph.js';

const isNarrow = (dtype: Dtype): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Puts casts around kernels that know float32 only. */
export function widen(graph: Graph): Graph {
  return rewrite(graph, ({ node, inputs }) => {
    const { op } = node;
    if (isLeaf(node) || op.lower !== undefined || op.view !== undefined || op.acceptsStrides) return undefined;
    const dtypes = [...inputs, ...node.types].map(({ dtype }) => dtype);
    if (!dtypes.some(isNarrow)) return undefined;
    const isBfloat16 = dtypes.every((dtype) => dtype === 'bfloat16');
    if (isBfloat16 && op.takesBfloat16?.(inputs, node.params, node.types)) return undefined;
    const wide: Tensor[] = inputs.map((input) => (isNarrow(input.dtype) ? cast(input, 'float32') : input));
    const types = node.types.map((type) => (isNarrow(type.dtype) ? { ...type, dtype: 'float32' as const } : type));
    return outputsOf(replaceNode(node, { inputs: wide, types })).map((output, index) =>
      cast(output, node.types[index]?.dtype as Dtype),
    );
  });
}
