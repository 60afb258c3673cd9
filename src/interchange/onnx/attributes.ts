// Typed access to a node's attributes: what is there, of the right kind, or the default that ONNX's operator has.
import { FoveaError } from '../../core/errors.js';
import type { OnnxAttribute, OnnxGraph, OnnxNode } from '../../formats/onnx.js';
import type { OnnxTensor } from '../../formats/onnx-tensor.js';

/** A node with the version of its operator set. */
export interface OperatorNode extends OnnxNode {
  readonly opset: number;
}

/** The name of an operator in the tables: ONNX's own are bare. */
export function operatorKey({ opType, domain }: Pick<OnnxNode, 'opType' | 'domain'>): string {
  return domain === '' ? opType : `${domain}.${opType}`;
}

/** What people call a node. */
export function describeNode({ opType, name, outputs }: Pick<OnnxNode, 'opType' | 'name' | 'outputs'>): string {
  const own = name === '' ? (outputs.find((each) => each !== '') ?? '') : name;
  return own === '' ? opType : `${own} (${opType})`;
}

const readBy = new WeakMap<OnnxNode, readonly string[]>();

/** The values that a node reads: its inputs in order, then those from outside that the graphs among its attributes read. */
export function namesRead(node: OnnxNode): readonly string[] {
  const known = readBy.get(node);
  if (known !== undefined) return known;
  const graphs = Object.values(node.attributes).filter(
    (value): value is OnnxGraph => typeof value === 'object' && 'nodes' in value,
  );
  const captured = new Set(graphs.flatMap((graph) => [...namesFromOutside(graph)]));
  const names = [...node.inputs, ...[...captured].filter((name) => !node.inputs.includes(name))];
  readBy.set(node, names);
  return names;
}

function namesFromOutside({ nodes, initializers, inputs, outputs }: OnnxGraph): Set<string> {
  const own = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
  const outside = new Set<string>();
  const read = (name: string): void => {
    if (name !== '' && !own.has(name)) outside.add(name);
  };
  for (const node of nodes) {
    for (const name of namesRead(node)) read(name);
    for (const name of node.outputs) own.add(name);
  }
  for (const { name } of outputs) read(name);
  return outside;
}

export class Attributes {
  constructor(readonly node: OperatorNode) {}

  get opset(): number {
    return this.node.opset;
  }

  has(name: string): boolean {
    return this.node.attributes[name] !== undefined;
  }

  /** A `format` error about this node. */
  error(message: string, code: 'format' | 'unsupported' = 'format'): FoveaError {
    return new FoveaError({ code, op: this.node.opType, message, path: describeNode(this.node) });
  }

  private get<T extends OnnxAttribute>(
    name: string,
    is: (value: OnnxAttribute) => boolean,
    kind: string,
  ): T | undefined {
    const value = this.node.attributes[name];
    if (value === undefined) return undefined;
    if (is(value)) return value as T;
    throw this.error(`the attribute ${name} should be ${kind}.`);
  }

  private require<T>(name: string, value: T | undefined): T {
    if (value !== undefined) return value;
    throw this.error(`the attribute ${name} is missing.`);
  }

  int(name: string, fallback?: number): number {
    const value = this.get<number>(name, (each) => typeof each === 'number', 'a whole number') ?? fallback;
    return this.require(name, value);
  }

  float(name: string, fallback?: number): number {
    return this.require(name, this.get<number>(name, (each) => typeof each === 'number', 'a number') ?? fallback);
  }

  flag(name: string, fallback = false): boolean {
    return this.int(name, fallback ? 1 : 0) !== 0;
  }

  text(name: string, fallback?: string): string {
    return this.require(name, this.get<string>(name, (each) => typeof each === 'string', 'text') ?? fallback);
  }

  /** Whole numbers; undefined where the attribute is absent. */
  ints(name: string): readonly number[] | undefined {
    return this.get<readonly number[]>(
      name,
      (each) => Array.isArray(each) && each.every((one) => typeof one === 'number'),
      'a list of numbers',
    );
  }

  floats(name: string): readonly number[] | undefined {
    return this.ints(name);
  }

  texts(name: string): readonly string[] | undefined {
    return this.get<readonly string[]>(
      name,
      (each) => Array.isArray(each) && each.every((one) => typeof one === 'string'),
      'a list of texts',
    );
  }

  tensorAttribute(name: string): OnnxTensor | undefined {
    return this.get<OnnxTensor>(
      name,
      (each) => typeof each === 'object' && 'dtype' in each && 'data' in each,
      'a tensor',
    );
  }

  graphAttribute(name: string): OnnxGraph | undefined {
    return this.get<OnnxGraph>(name, (each) => typeof each === 'object' && 'nodes' in each, 'a graph');
  }
}
