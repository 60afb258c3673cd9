// The float64 reference interpreter: slow, plain, and the judge of every engine and every pass.
import { decodeElements } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { sameShape, sizeOf } from '../core/shape.js';
import { constantOp, isLeaf, type Node } from './node.js';
import type { Epilogue, ReferenceArray, TensorType } from './op.js';
import type { Tensor } from './tensor.js';

/** Values for placeholders; leaves with data on the host read themselves. */
export type Feeds = ReadonlyMap<Node, ReferenceArray>;

/** Computes tensors in float64. Throws `internal` where a reference disagrees with its shape rule. */
export function interpret(tensors: readonly Tensor[], feeds: Feeds = new Map()): ReferenceArray[] {
  const done = new Map<Node, readonly ReferenceArray[]>();
  for (const node of topological(tensors)) done.set(node, evaluate(node, done, feeds));
  return tensors.map(({ node, index }) => (done.get(node) as ReferenceArray[])[index] as ReferenceArray);
}

function evaluate(
  node: Node,
  done: ReadonlyMap<Node, readonly ReferenceArray[]>,
  feeds: Feeds,
): readonly ReferenceArray[] {
  const fed = feeds.get(node);
  if (fed !== undefined) return [fed];
  if (node.storage !== undefined) {
    return node.types.map((type, index) => {
      const host = node.storage?.[index]?.host;
      if (host === undefined) {
        throw new FoveaError({
          code: 'internal',
          op: 'interpret',
          message: 'a tensor lives in an engine; read it first.',
        });
      }
      return { ...type, data: decodeElements(type.dtype, host) };
    });
  }
  if (isLeaf(node) && node.op !== constantOp) {
    throw new FoveaError({ code: 'internal', op: 'interpret', message: 'a placeholder was not fed.' });
  }
  if (node.op === constantOp) {
    return [
      { ...(node.types[0] as TensorType), data: node.op.reference([], node.params, node.types)[0] as Float64Array },
    ];
  }
  const inputs = node.inputs.map((input) => (done.get(input.node) as ReferenceArray[])[input.index] as ReferenceArray);
  const { epilogue } = node.params as { epilogue?: Epilogue };
  const results = node.op.reference(inputs, node.params, node.types);
  return node.types.map((type, index) => {
    const data = results[index];
    if (data === undefined || data.length !== sizeOf(type.shape)) {
      throw new FoveaError({
        code: 'internal',
        op: node.op.name,
        message: `the reference gives ${data?.length} elements where the shape rule says ${sizeOf(type.shape)}.`,
      });
    }
    return {
      ...type,
      data: epilogue !== undefined && index === 0 ? applyEpilogue(data, epilogue, inputs, type) : data,
    };
  });
}

function applyEpilogue(
  data: Float64Array,
  epilogue: Epilogue,
  inputs: readonly ReferenceArray[],
  type: TensorType,
): Float64Array {
  const bias = epilogue.bias === undefined ? undefined : inputs[epilogue.bias];
  const residual = epilogue.residual === undefined ? undefined : inputs[epilogue.residual];
  if (residual !== undefined && !sameShape(residual.shape, type.shape)) {
    throw new FoveaError({
      code: 'internal',
      op: 'epilogue',
      message: 'the residual must have the shape of the result.',
    });
  }
  const columns = type.shape.at(-1) as number;
  return data.map((value, i) => {
    const sum = value + (bias?.data[i % columns] ?? 0) + (residual?.data[i] ?? 0);
    return activate(sum, epilogue);
  });
}

function activate(x: number, { activation, alpha }: Epilogue): number {
  switch (activation) {
    case 'none':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'relu6':
      return Math.min(Math.max(x, 0), 6);
    case 'leakyRelu':
      return x < 0 ? alpha * x : x;
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'tanh':
      return Math.tanh(x);
    case 'silu':
      return x / (1 + Math.exp(-x));
  }
}

/** The nodes that the tensors need, inputs before users; stops at what is already there. */
export function topological(tensors: readonly Tensor[]): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  // An explicit stack: loops that never read make chains deeper than the call stack.
  const stack: { node: Node; next: number }[] = [];
  for (const { node: root } of tensors) {
    if (seen.has(root)) continue;
    seen.add(root);
    stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number };
      const inputs = top.node.storage === undefined ? top.node.inputs : [];
      const input = inputs[top.next];
      if (input === undefined) {
        order.push(top.node);
        stack.pop();
        continue;
      }
      top.next++;
      if (!seen.has(input.node)) {
        seen.add(input.node);
        stack.push({ node: input.node, next: 0 });
      }
    }
  }
  return order;
}
