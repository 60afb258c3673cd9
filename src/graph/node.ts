// Nodes of the graph (SSA: made once, never changed, but for being realised) and the leaf ops.
import { FoveaError } from '../core/errors.js';
import type { AnyOp, OpDefinition, TensorType } from './op.js';
import type { Storage } from './storage.js';
import type { Tensor } from './tensor.js';

let nextId = 1;
let standIn: number | undefined;

/** Runs `body`; nodes it makes stand where node `id` stood in the program. */
export function inPlaceOf<T>(id: number, body: () => T): T {
  const outer = standIn;
  standIn = id;
  try {
    return body();
  } finally {
    standIn = outer;
  }
}

/** One application of an op. `storage[i]` is there once output i has been computed or was given. */
export class Node {
  /** Grows with every node made; a node that replaces another takes over its id, so ids tell the order of the program. */
  readonly id: number;
  readonly op: AnyOp;
  readonly params: object;
  readonly types: readonly TensorType[];
  /** Emptied when every output is realised, so that what it was made from can go. */
  inputs: readonly Tensor[];
  storage: (Storage | undefined)[] | undefined;
  /** Pending nodes below this one, at least; bounds loops that never read. */
  readonly depth: number;
  private key: string | undefined;

  constructor(
    op: AnyOp,
    inputs: readonly Tensor[],
    params: object,
    types: readonly TensorType[],
    id = standIn ?? nextId++,
  ) {
    this.id = id;
    this.op = op;
    this.inputs = inputs;
    this.params = params;
    this.types = types;
    let depth = 0;
    for (const input of inputs) {
      if (input.node.depth > depth && input.node.storage === undefined) depth = input.node.depth;
    }
    this.depth = depth + 1;
  }

  /** The parameters as text: two nodes of one op with equal text and inputs compute the same. */
  get paramsKey(): string {
    this.key ??= JSON.stringify(this.params, keepNumber);
    return this.key;
  }
}

// JSON writes NaN, the infinities and -0 as null and 0; here they must differ.
function keepNumber(_name: string, value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return Object.is(value, -0) ? '-0' : String(value);
}

const leaf = (name: string, summary: string): OpDefinition<LeafParams> => ({
  name,
  summary,
  shape: (_inputs, { type }) => [type],
  gradient: 'none',
  reference() {
    throw new FoveaError({ code: 'internal', op: name, message: 'a leaf is not computed.' });
  },
  cases: () => [],
});

interface LeafParams {
  readonly type: TensorType;
}

/** A placeholder of a traced function: an argument, or a variable that it read. */
export const inputOp = leaf('input', 'an argument of a compiled function');

/** A variable inside a trace: it changes between runs only when it is assigned. */
export const variableOp = leaf('variable', 'a variable that a compiled function reads');

/** Data that exists: on the host, in an engine, or both. */
export const storageOp = leaf('storage', 'a tensor that is already there');

/** A few numbers known at compile time; they are folded and live inside the Program. */
export const constantOp: OpDefinition<LeafParams & { readonly values: readonly number[] }> = {
  ...leaf('constant', 'numbers known at compile time'),
  reference: (_inputs, { values }) => [Float64Array.from(values)],
  cases: () => [],
};

export function isLeaf(node: Node): boolean {
  return node.storage !== undefined || node.op === inputOp || node.op === variableOp || node.op === constantOp;
}
