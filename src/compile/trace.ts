// Tracing: runs a function once over placeholders and keeps the graph it builds.
import { FoveaError } from '../core/errors.js';
import type { Node } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import { placeholder, Tensor } from '../graph/tensor.js';
import { traceVariables, type Variable } from '../graph/variable.js';
import type { Graph } from './graph.js';

/** A traced function: its graph and what its leaves stand for. */
export interface Trace {
  readonly graph: Graph;
  readonly arguments: readonly Node[];
  /** Variables the function read or assigned, by the leaf that stands for them. */
  readonly variables: ReadonlyMap<Node, Variable>;
  /** Those it assigned. */
  readonly assigned: readonly Variable[];
}

/** Traces `fn` over arguments of the given types. */
export function trace(fn: (...args: Tensor[]) => readonly Tensor[], types: readonly TensorType[]): Trace {
  const args = types.map((type) => placeholder(type));
  const { result, scope } = traceVariables(() => fn(...args));
  if (!Array.isArray(result) || !result.every((each) => each instanceof Tensor)) {
    throw new FoveaError({
      code: 'argument',
      op: 'compile',
      message: 'the function must give an array of tensors.',
      got: result,
      hint: 'Wrap a single tensor: return [y]. An async function cannot be compiled.',
    });
  }
  return {
    graph: {
      outputs: result,
      updates: [...scope.assigned].map(([variable, value]) => ({
        target: scope.captured.get(variable) as Node,
        value,
      })),
    },
    arguments: args.map(({ node }) => node),
    variables: new Map([...scope.captured].map(([variable, leaf]) => [leaf, variable])),
    assigned: [...scope.assigned.keys()],
  };
}
