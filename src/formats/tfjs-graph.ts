// The graph of a TensorFlow.js graph model: TensorFlow's GraphDef as JSON. Its nodes, with attributes taken out of protobuf's
// spelling, those that the outputs need, each after what it reads.
import type { FoveaError } from '../core/errors.js';
import { formatError } from './cursor.js';
import { isRecord, type JsonRecord } from './keras-object.js';
import type { TfjsFile } from './tfjs.js';

/** An attribute's value: a number, text, truth value, dtype (`DT_FLOAT`) or shape (-1: not known), or a list of them. */
export type TfAttribute = number | string | boolean | readonly number[] | readonly string[] | readonly boolean[] | null;

/** A use of an operation. */
export interface TfNode {
  readonly name: string;
  readonly op: string;
  /** Values that it reads: `name`, or `name:1` for a further output of a node. */
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, TfAttribute>>;
}

/** A graph, taken apart. */
export interface TfGraph {
  /** Those that are needed, each after what it reads. */
  readonly nodes: readonly TfNode[];
  /** Names of placeholders, in the signature's order where there is one. */
  readonly inputs: readonly string[];
  /** The values that are the result, with their names. */
  readonly outputs: readonly { readonly name: string; readonly value: string }[];
}

const MAX_NODES = 200_000;

/** Reads a graph model's topology. Throws `format` where it is malformed, in a circle, or refers to what it has not. */
export function readTfGraph({ topology, signature }: TfjsFile, file: string): TfGraph {
  const bad = (why: string, place = 'modelTopology'): FoveaError => formatError(file, `${why}.`, { place });
  const list = topology?.node;
  if (!Array.isArray(list)) throw bad('the graph has no nodes');
  if (list.length > MAX_NODES) throw bad(`the graph has ${list.length} nodes, more than ${MAX_NODES}`);
  const all = new Map<string, TfNode>();
  for (const [i, each] of (list as readonly unknown[]).entries()) {
    const node = readNode(each);
    if (node === undefined) throw bad(`node ${i} of the graph has no name, op and inputs`);
    if (all.has(node.name)) throw bad(`two nodes are called '${node.name}'`);
    all.set(node.name, node);
  }
  const read = new Set([...all.values()].flatMap(({ inputs }) => inputs.map(nodeOf)));
  const named = (ends: unknown): { name: string; value: string }[] =>
    isRecord(ends)
      ? Object.entries(ends).map(([name, end]) => {
          const value = isRecord(end) && typeof end.name === 'string' ? end.name : name;
          return { name, value: value.replace(/:0$/, '') };
        })
      : [];
  const given = named(signature?.outputs).filter(({ value }) => all.has(nodeOf(value)));
  const ends = [...all.values()].filter(
    ({ name, op }) => !read.has(name) && !['Const', 'NoOp', 'Placeholder'].includes(op),
  );
  const outputs = given.length > 0 ? given : ends.map(({ name }) => ({ name, value: name }));
  if (outputs.length === 0) throw bad('the graph has no outputs');
  const nodes = sorted(
    all,
    outputs.map(({ value }) => nodeOf(value)),
    bad,
  );
  const needed = new Set(nodes.filter(({ op }) => op === 'Placeholder').map(({ name }) => name));
  const first = named(signature?.inputs)
    .map(({ value }) => value)
    .filter((name) => needed.has(name));
  return { nodes, outputs, inputs: [...new Set([...first, ...needed])] };
}

/** The node that gives a value. */
export function nodeOf(value: string): string {
  return value.replace(/:\d+$/, '');
}

function readNode(value: unknown): TfNode | undefined {
  if (!isRecord(value)) return undefined;
  const { name, op, input = [], attr = {} } = value;
  if (typeof name !== 'string' || typeof op !== 'string' || !Array.isArray(input) || !isRecord(attr)) return undefined;
  if (!input.every((each) => typeof each === 'string')) return undefined;
  // What only has to run before (^name) computes nothing.
  const inputs = (input as string[]).filter((each) => !each.startsWith('^')).map((each) => each.replace(/:0$/, ''));
  const attributes = Object.fromEntries(
    Object.entries(attr).map(([key, each]) => [key, isRecord(each) ? readAttribute(each) : null]),
  );
  return { name, op, inputs, attributes };
}

function readAttribute(value: JsonRecord): TfAttribute {
  if (isRecord(value.list)) {
    const { list } = value;
    for (const kind of ['i', 'f', 's', 'b', 'type'] as const)
      if (Array.isArray(list[kind])) return (list[kind] as unknown[]).map((each) => scalar(kind, each)) as TfAttribute;
    return [];
  }
  if (isRecord(value.shape)) {
    const { dim, unknownRank } = value.shape;
    if (unknownRank === true) return null;
    return (Array.isArray(dim) ? dim : []).map((each) => (isRecord(each) ? whole(each.size ?? -1) : -1));
  }
  for (const kind of ['i', 'f', 's', 'b', 'type'] as const) if (kind in value) return scalar(kind, value[kind]);
  return null;
}

function scalar(kind: 'i' | 'f' | 's' | 'b' | 'type', value: unknown): number | string | boolean {
  if (kind === 'i') return whole(value);
  if (kind === 'f') return Number(value);
  if (kind === 'b') return value === true;
  if (kind === 'type') return String(value);
  // Texts come in base64, from some writers as lists of bytes.
  if (Array.isArray(value)) return String.fromCharCode(...value.slice(0, 1000).map(Number));
  try {
    return atob(String(value));
  } catch {
    return String(value);
  }
}

/** 64-bit integers are texts in protobuf's JSON. */
function whole(value: unknown): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : -1;
}

/** The nodes that `ends` need, each after those that it reads. */
function sorted(
  all: ReadonlyMap<string, TfNode>,
  ends: readonly string[],
  bad: (why: string, place?: string) => FoveaError,
): TfNode[] {
  const out: TfNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const waiting: { name: string; by: string }[] = ends.map((name) => ({ name, by: 'the outputs' })).reverse();
  for (let top = waiting.at(-1); top !== undefined; top = waiting.at(-1)) {
    const { name, by } = top;
    const node = all.get(name);
    if (node === undefined) throw bad(`'${by}' reads '${name}', which the graph does not have`, by);
    if (state.get(name) === 'done') waiting.pop();
    else if (state.get(name) === 'open') {
      waiting.pop();
      state.set(name, 'done');
      out.push(node);
    } else {
      state.set(name, 'open');
      for (const input of node.inputs) {
        const from = nodeOf(input);
        if (state.get(from) === 'open') throw bad(`the graph runs in a circle through '${from}'`, from);
        if (state.get(from) === undefined) waiting.push({ name: from, by: name });
      }
    }
  }
  return out;
}
