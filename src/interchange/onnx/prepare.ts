// A file's graph made ready: functions replaced by their nodes, every node with the version of its operator set, and every
// operator one that is known.
import { FoveaError } from '../../core/errors.js';
import type {
  AttributeReference,
  OnnxAttribute,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
} from '../../formats/onnx.js';
import { nearestName } from '../../nn/keras-config.js';
import { describeNode, type OperatorNode, operatorKey } from './attributes.js';
import type { PreparedGraph } from './evaluate.js';
import { graphOperators, hostOperators, isKnownOperator, tensorOperators } from './tables.js';

// A function in a function and so on; a file that nests deeper is not honest.
const MAX_DEPTH = 32;
// Functions that call each other twice at every level grow without end.
const MAX_NODES = 1_000_000;

/** Replaces functions and finds versions. Throws `unsupported` for operators that are not known, naming `file`. */
export function prepareGraph(model: OnnxModel, file: string): PreparedGraph {
  return new Preparation(model, file).graph(model.graph, model.opsets);
}

type Opsets = ReadonlyMap<string, number>;

class Preparation {
  private count = 0;
  private inlined = 0;

  constructor(
    private readonly model: OnnxModel,
    private readonly file: string,
  ) {}

  graph(graph: OnnxGraph, opsets: Opsets, depth = 0): PreparedGraph {
    return { ...graph, nodes: graph.nodes.flatMap((node) => this.node(node, opsets, depth)) };
  }

  private node(node: OnnxNode, opsets: Opsets, depth: number): OperatorNode[] {
    this.count++;
    if (this.count > MAX_NODES) throw this.error(node, 'format', 'functions call each other without end.');
    const called = this.model.functions.get(`${node.domain}:${node.opType}`);
    if (called !== undefined && !isKnownOperator(operatorKey(node))) return this.inline(node, called, opsets, depth);
    const { domain, opType } = node;
    if (!isKnownOperator(operatorKey(node))) {
      const known = [...tensorOperators.keys(), ...hostOperators.keys(), ...graphOperators.keys()];
      const near = domain === '' ? nearestName(opType, known) : undefined;
      const what = domain === '' ? `'${opType}'` : `'${opType}' of the domain '${domain}'`;
      const hint = near === undefined ? '' : `; the nearest that is known is ${near}`;
      throw this.error(node, 'unsupported', `the operator ${what} is not known${hint}.`);
    }
    const attributes = Object.fromEntries(
      Object.entries(node.attributes).map(([name, value]) => [name, this.attribute(value, opsets, depth)]),
    );
    // Every model is of some version; a node of a domain without one means the first.
    return [{ ...node, attributes, opset: opsets.get(domain) ?? 1 }];
  }

  private attribute(value: OnnxAttribute, opsets: Opsets, depth: number): OnnxAttribute {
    return isGraph(value) ? this.graph(value, opsets, depth) : value;
  }

  /** The nodes of a function in place of a call of it, their values under names of their own. */
  private inline(call: OnnxNode, called: OnnxFunction, opsets: Opsets, depth: number): OperatorNode[] {
    if (depth >= MAX_DEPTH) throw this.error(call, 'format', `functions are nested more than ${MAX_DEPTH} deep.`);
    const names = new Map<string, string>();
    called.inputs.forEach((name, i) => {
      names.set(name, call.inputs[i] ?? '');
    });
    called.outputs.forEach((name, i) => {
      const outside = call.outputs[i];
      if (outside !== undefined && outside !== '') names.set(name, outside);
    });
    const prefix = `${describeNode(call)}#${this.inlined++}/`;
    const rename = (name: string): string => {
      if (name === '') return '';
      const known = names.get(name) ?? `${prefix}${name}`;
      names.set(name, known);
      return known;
    };
    const given = { ...called.defaults, ...call.attributes };
    const own = called.opsets.size === 0 ? opsets : called.opsets;
    return called.nodes.flatMap((node) => this.node(renamed(node, rename, given, prefix), own, depth + 1));
  }

  private error(node: OnnxNode, code: 'unsupported' | 'format', message: string): FoveaError {
    return new FoveaError({ code, op: 'onnx', message, got: node.opType, path: `${this.file}: ${describeNode(node)}` });
  }
}

function isGraph(value: OnnxAttribute): value is OnnxGraph {
  return typeof value === 'object' && 'nodes' in value;
}

function isReference(value: OnnxAttribute): value is AttributeReference {
  return typeof value === 'object' && 'reference' in value;
}

/** A node of a function with the caller's names and attributes. */
function renamed(
  node: OnnxNode,
  rename: (name: string) => string,
  given: Readonly<Record<string, OnnxAttribute>>,
  prefix: string,
): OnnxNode {
  const attributes: Record<string, OnnxAttribute> = {};
  for (const [name, value] of Object.entries(node.attributes)) {
    const held = isReference(value) ? given[value.reference] : value;
    if (held === undefined) continue;
    attributes[name] = isGraph(held) && !isReference(value) ? renamedGraph(held, rename, given, prefix) : held;
  }
  const inputs = node.inputs.map(rename);
  return { ...node, name: `${prefix}${node.name}`, inputs, outputs: node.outputs.map(rename), attributes };
}

function renamedGraph(
  graph: OnnxGraph,
  rename: (name: string) => string,
  given: Readonly<Record<string, OnnxAttribute>>,
  prefix: string,
): OnnxGraph {
  const port = <P extends { readonly name: string }>(each: P): P => ({ ...each, name: rename(each.name) });
  return {
    ...graph,
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(port),
    initializers: new Map([...graph.initializers].map(([name, value]) => [rename(name), value])),
    nodes: graph.nodes.map((node) => renamed(node, rename, given, prefix)),
  };
}
