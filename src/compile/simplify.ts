// Small rewrites before anything else: equal nodes become one, constants are computed, and operations
// that change nothing go.
import { decodeElements, encodeElements, isFloat } from '../core/dtype.js';
import { sameShape, sizeOf } from '../core/shape.js';
import { interpret } from '../graph/interpret.js';
import { constantOp, isLeaf, type Node } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import { constant, type Tensor } from '../graph/tensor.js';
import { type Graph, type Rewritten, rewrite } from './graph.js';

/** Constants larger than this are left to the engine. */
const FOLD_LIMIT = 64;

/** Merges equal nodes, folds small constants and drops operations that change nothing. */
export function simplify(graph: Graph): Graph {
  const known = new Map<string, readonly Tensor[]>();
  return rewrite(graph, (rewritten) => {
    const { node, inputs } = rewritten;
    if (isLeaf(node)) {
      if (node.op !== constantOp) return undefined;
      return shared(known, `constant ${node.paramsKey}`, rewritten);
    }
    const simpler = dropIdentity(node, inputs) ?? fold(node, inputs);
    if (simpler !== undefined) {
      return isLeaf(simpler.node) && simpler.node.op === constantOp
        ? [known.get(`constant ${simpler.node.paramsKey}`)?.[0] ?? remember(known, simpler)]
        : [simpler];
    }
    const key = `${node.op.name} ${inputs.map((input) => `${identify(input.node)}.${input.index}`).join(' ')} ${node.paramsKey}`;
    return shared(known, key, rewritten);
  });
}

function remember(known: Map<string, readonly Tensor[]>, value: Tensor): Tensor {
  known.set(`constant ${value.node.paramsKey}`, [value]);
  return value;
}

function shared(known: Map<string, readonly Tensor[]>, key: string, { keep }: Rewritten): readonly Tensor[] {
  const before = known.get(key);
  if (before !== undefined) return before;
  const kept = keep();
  known.set(key, kept);
  return kept;
}

// Ids survive rewriting, so two nodes of one graph may share one; identity needs a number of its own.
const identities = new WeakMap<Node, number>();
let nextIdentity = 1;

function identify(node: Node): number {
  let identity = identities.get(node);
  if (identity === undefined) {
    identity = nextIdentity++;
    identities.set(node, identity);
  }
  return identity;
}

function fold(node: Node, inputs: readonly Tensor[]): Tensor | undefined {
  if (node.types.length !== 1 || node.op.keyInput !== undefined) return undefined;
  const type = node.types[0] as TensorType;
  if (sizeOf(type.shape) > FOLD_LIMIT || !inputs.every((input) => input.node.op === constantOp)) return undefined;
  const arrays = interpret(inputs);
  const result = node.op.reference(arrays, node.params, node.types)[0] as Float64Array;
  // Rounded as the engine would have stored it.
  const stored = decodeElements(type.dtype, encodeElements(type.dtype, result));
  return constant([...stored], type.shape, type.dtype);
}

/** The tensor that the node's output equals anyway. */
function dropIdentity(node: Node, inputs: readonly Tensor[]): Tensor | undefined {
  const [a, b] = inputs;
  const type = node.types[0] as TensorType;
  const isSame = (x: Tensor | undefined): x is Tensor =>
    x !== undefined && x.dtype === type.dtype && sameShape(x.shape, type.shape);
  switch (node.op.name) {
    case 'add':
      if (isConstant(b, 0) && isSame(a)) return a;
      return isConstant(a, 0) && isSame(b) ? b : undefined;
    case 'multiply':
      if (isConstant(b, 1) && isSame(a)) return a;
      return isConstant(a, 1) && isSame(b) ? b : undefined;
    case 'subtract':
      return isConstant(b, 0) && isSame(a) ? a : undefined;
    case 'divide':
    case 'power':
      return isConstant(b, 1) && isSame(a) && isFloat(type.dtype) ? a : undefined;
    case 'reshape':
    case 'broadcastTo':
    case 'cast':
      return isSame(a) ? a : undefined;
    case 'transpose': {
      const { axes } = node.params as { axes: readonly number[] };
      return axes.every((axis, to) => axis === to) ? a : undefined;
    }
    default:
      return undefined;
  }
}

function isConstant(x: Tensor | undefined, value: number): boolean {
  if (x === undefined) return false;
  let node = x.node;
  while (!isLeaf(node) && (node.op.name === 'broadcastTo' || node.op.name === 'reshape'))
    node = (node.inputs[0] as Tensor).node;
  if (node.op !== constantOp) return false;
  const { values } = node.params as { values: readonly number[] };
  return values.length > 0 && values.every((each) => each === value);
}
