// Operations that are composed of several ops here and are one elsewhere, such as a convolution over volumes. What a tensor
// was composed as is noted while a function is traced, for whoever writes its graph in another library's words.
import type { Node } from './node.js';
import { isTracing, type Tensor } from './tensor.js';

/** One operation that several nodes make up. */
export interface Compound {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly params: Readonly<Record<string, unknown>>;
}

const compounds = new WeakMap<Node, Compound>();

/** @internal Notes what y, the last of the nodes, is; outside of traces nothing, which would keep the inputs in memory. */
export function asCompound(y: Tensor, name: string, inputs: readonly Tensor[], params: Compound['params']): Tensor {
  // A node that passes an input on is not the operation's own.
  if (isTracing() && inputs.every(({ node }) => node !== y.node)) compounds.set(y.node, { name, inputs, params });
  return y;
}

/** @internal What the node ends, if it ends an operation. */
export function compoundOf(node: Node): Compound | undefined {
  return compounds.get(node);
}
