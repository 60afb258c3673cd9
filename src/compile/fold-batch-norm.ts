// Batch normalisation at inference is a scale and a shift per channel. Behind a convolution or a dense
// layer the scale moves into the filter and the shift into the bias, so that neither costs a pass.

import { topological } from '../graph/interpret.js';
import { constantOp, inputOp, isLeaf, type Node } from '../graph/node.js';
import type { Tensor } from '../graph/tensor.js';
import { add, multiply } from '../ops/arithmetic.js';
import { reshape } from '../ops/shape.js';
import { countUses, type Graph, outputsOf, replaceNode, rewrite } from './graph.js';
import type { PassOptions } from './optimize.js';

/** Rewrites (f(x, w) [+ bias]) * scale to f(x, w * scale) [+ bias * scale], scale being one number per output column. */
export function foldBatchNorm(graph: Graph, { isConstant }: PassOptions = {}): Graph {
  const uses = countUses(graph);
  const isUsedOnce = (tensor: Tensor): boolean => uses.get(tensor) === 1;
  const isStatic = new Map<Node, boolean>();
  // Only weights may be folded into weights: anything that depends on an argument changes per run.
  const dependsOnWeightsAlone = (tensor: Tensor): boolean => {
    for (const node of topological([tensor])) {
      const known = isStatic.get(node);
      if (known === undefined) {
        isStatic.set(
          node,
          isLeaf(node)
            ? node.op !== inputOp
            : node.op.keyInput === undefined && node.inputs.every(({ node: input }) => isStatic.get(input)),
        );
      }
    }
    return isStatic.get(tensor.node) as boolean;
  };
  const isOnce = (tensor: Tensor): boolean =>
    isConstant !== undefined &&
    topological([tensor]).every((node) => !isLeaf(node) || node.op === constantOp || isConstant(node));
  // The original node behind each rewritten one: uses were counted on the originals.
  return rewrite(graph, ({ node, inputs }) => {
    if (node.op.name !== 'multiply') return undefined;
    for (const [side, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const value = inputs[side] as Tensor;
      const scale = inputs[other] as Tensor;
      const original = node.inputs[side] as Tensor;
      const columns = node.types[0]?.shape.at(-1) as number;
      if (
        !isPerColumn(scale, columns) ||
        scale.node.op === constantOp ||
        !isUsedOnce(original) ||
        !dependsOnWeightsAlone(scale)
      )
        continue;
      const scaled = scaleColumns(value, reshape(scale, [columns]), original, { isUsedOnce, isOnce });
      if (scaled !== undefined && scaled.shape.length === node.types[0]?.shape.length) return [scaled];
    }
    return undefined;
  });
}

function isPerColumn(scale: Tensor, columns: number): boolean {
  return columns > 1 && scale.size === columns && scale.shape.at(-1) === columns;
}

/** The same computation with its result's columns scaled, or undefined where there is nothing to fold into. */
function scaleColumns(
  value: Tensor,
  scale: Tensor,
  original: Tensor,
  ask: { isUsedOnce(tensor: Tensor): boolean; isOnce(tensor: Tensor): boolean },
): Tensor | undefined {
  const { node } = value;
  if (isLeaf(node)) return undefined;
  if (node.op.takesEpilogue && value.index === 0) {
    const [x, w] = node.inputs as [Tensor, Tensor];
    const { transposeB } = node.params as { transposeB?: boolean };
    if (transposeB || w.shape.at(-1) !== scale.size) return undefined;
    // Weights that may change are scaled in every run: where they outnumber the results, scaling those is less work.
    if (w.size > value.size && !(ask.isOnce(w) && ask.isOnce(scale))) return undefined;
    return outputsOf(replaceNode(node, { inputs: [x, multiply(w, scale)] }))[0];
  }
  if (node.op.name !== 'add') return undefined;
  for (const [side, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const inner = node.inputs[side] as Tensor;
    const bias = node.inputs[other] as Tensor;
    const originalInner = original.node.inputs[side];
    if (!isPerColumn(bias, scale.size) || originalInner === undefined || !ask.isUsedOnce(originalInner)) continue;
    const scaled = scaleColumns(inner, scale, originalInner, ask);
    if (scaled !== undefined) return add(scaled, multiply(reshape(bias, [scale.size]), scale));
  }
  return undefined;
}
