// Nodes and tensors as plain JSON, for the configs of layers that stand for ONNX's operators. What is read back is not trusted.
import { FoveaError } from '../../core/errors.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import type { OnnxAttribute, OnnxGraph } from '../../formats/onnx.js';
import { ONNX_DTYPES, type OnnxDtype } from '../../formats/onnx-schema.js';
import { makeOnnxData, type OnnxTensor } from '../../formats/onnx-tensor.js';
import { isRecord } from '../../nn/keras-config.js';
import type { OperatorNode } from './attributes.js';
import { operatorKey } from './attributes.js';
import { isKnownOperator } from './tables.js';
import { type HostValue, hostValue } from './values.js';

type Json = unknown;

/** A number, or what JSON cannot write, as a word. */
function writeNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

const WORDS: Readonly<Record<string, number>> = {
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  NaN: Number.NaN,
};

function bad(what: string): FoveaError {
  return new FoveaError({ code: 'format', op: 'OnnxOperation', message: `the config holds no valid ${what}.` });
}

function readNumber(value: Json): number {
  const number = typeof value === 'string' ? WORDS[value] : value;
  if (typeof number !== 'number') throw bad('number');
  return number;
}

export function isDtype(value: Json): value is OnnxDtype {
  return typeof value === 'string' && Object.hasOwn(ONNX_DTYPES, value);
}

export function isSizes(value: Json): value is Shape {
  return Array.isArray(value) && value.every((dim) => Number.isInteger(dim) && (dim as number) >= 0);
}

export function isNames(value: Json): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

/** A tensor with its elements, so few that a config may hold them. */
export function writeTensor({ dtype, shape, data }: Pick<OnnxTensor, 'dtype' | 'shape' | 'data'>): Json {
  return {
    dtype,
    shape: [...shape],
    data: Array.from(data as ArrayLike<number | string>, (each) =>
      typeof each === 'number' ? writeNumber(each) : each,
    ),
  };
}

export function readTensor(json: Json): HostValue {
  if (!isRecord(json) || !isDtype(json.dtype) || !isSizes(json.shape) || !Array.isArray(json.data)) throw bad('tensor');
  if (sizeOf(json.shape) !== json.data.length) throw bad('tensor: its elements do not fill its shape');
  if (json.dtype === 'string') return hostValue('string', json.shape, json.data.map(String));
  const data = makeOnnxData(json.dtype, json.data.length) as Float64Array;
  json.data.forEach((each, i) => {
    data[i] = readNumber(each);
  });
  return { kind: 'host', dtype: json.dtype, shape: json.shape, data };
}

function writeAttribute(value: OnnxAttribute): Json {
  if (typeof value === 'number') return writeNumber(value);
  if (typeof value === 'string') return { text: value };
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each === 'number')) return value.map(writeNumber);
    if (value.every((each) => typeof each === 'string')) return { texts: [...value] };
  } else if ('dtype' in value && 'data' in value) return { tensor: writeTensor(value) };
  else if ('nodes' in value) return { graph: writeGraph(value) };
  throw new FoveaError({
    code: 'unsupported',
    op: 'OnnxOperation',
    message: 'an attribute of this kind cannot be saved.',
  });
}

function readAttribute(json: Json): OnnxAttribute {
  if (typeof json === 'number' || typeof json === 'string') return readNumber(json);
  if (Array.isArray(json)) return json.map(readNumber);
  if (!isRecord(json)) throw bad('attribute');
  if (typeof json.text === 'string') return json.text;
  if (isNames(json.texts)) return json.texts;
  if (json.tensor !== undefined) return { name: '', ...readTensor(json.tensor) };
  if (json.graph !== undefined) return readGraph(json.graph);
  throw bad('attribute');
}

function writeGraph({ name, nodes, initializers, inputs, outputs }: OnnxGraph): Json {
  return {
    name,
    nodes: writeNodes(nodes as readonly OperatorNode[]),
    initializers: Object.fromEntries([...initializers].map(([key, tensor]) => [key, writeTensor(tensor)])),
    inputs: inputs.map((each) => each.name),
    outputs: outputs.map((each) => each.name),
  };
}

function readGraph(json: Json): OnnxGraph {
  if (!isRecord(json) || !isNames(json.inputs) || !isNames(json.outputs) || !isRecord(json.initializers))
    throw bad('graph');
  const port = (name: string): OnnxGraph['inputs'][number] => ({
    name,
    type: { kind: 'tensor', dtype: undefined, shape: undefined },
  });
  const initializers = Object.entries(json.initializers).map(
    ([name, each]) => [name, { name, ...readTensor(each) }] as const,
  );
  return {
    name: String(json.name ?? ''),
    nodes: readNodes(json.nodes),
    initializers: new Map(initializers),
    inputs: json.inputs.map(port),
    outputs: json.outputs.map(port),
  };
}

export function writeNodes(nodes: readonly OperatorNode[]): Json[] {
  return nodes.map(({ opType, domain, name, opset, inputs, outputs, attributes }) => ({
    op: opType,
    ...(domain === '' ? {} : { domain }),
    name,
    opset,
    inputs: [...inputs],
    outputs: [...outputs],
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, writeAttribute(value)])),
  }));
}

/** Nodes of a config. Throws `format` for what is none, `unsupported` for operators that are not known. */
export function readNodes(json: Json): OperatorNode[] {
  if (!Array.isArray(json)) throw bad('list of nodes');
  return json.map((each): OperatorNode => {
    if (!isRecord(each) || typeof each.op !== 'string' || !isNames(each.inputs) || !isNames(each.outputs))
      throw bad('node');
    const node = { opType: each.op, domain: typeof each.domain === 'string' ? each.domain : '' };
    if (!isKnownOperator(operatorKey(node))) {
      throw new FoveaError({
        code: 'unsupported',
        op: 'OnnxOperation',
        message: `the operator '${each.op}' is not known.`,
        got: each.op,
      });
    }
    const attributes = isRecord(each.attributes) ? each.attributes : {};
    return {
      ...node,
      name: typeof each.name === 'string' ? each.name : '',
      opset: Number.isInteger(each.opset) ? (each.opset as number) : 1,
      inputs: each.inputs,
      outputs: each.outputs,
      attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, readAttribute(value)])),
    };
  });
}
