// Tiny ONNX files for tests, written from a few words.
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  type GraphProto,
  modelProto,
  type NodeProto,
  ONNX_DTYPES,
  type OnnxDtype,
  type TensorProto,
  type ValueInfoProto,
} from '../../src/formats/onnx-schema.js';
import { writeMessage } from '../../src/formats/protobuf.js';

export type FileShape = readonly (number | string)[];

export interface FileTensor {
  readonly name?: string;
  readonly dtype?: 'float32' | 'int64' | 'int32' | 'bool' | 'uint8' | 'int8' | 'float64';
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export type FileAttribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly tensor: FileTensor }
  | { readonly graph: FileGraph };

export interface FileNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, FileAttribute>>;
  readonly domain?: string;
  readonly name?: string;
}

export interface FileGraph {
  readonly nodes: readonly FileNode[];
  readonly inputs: Readonly<Record<string, FileShape>>;
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, FileTensor>>;
  readonly opset?: number;
  /** Element types of inputs that are not float32. */
  readonly dtypes?: Readonly<Record<string, OnnxDtype>>;
}

export function tensorOf({ name, dtype = 'float32', shape, values }: FileTensor): TensorProto {
  const make = {
    float32: Float32Array,
    int64: BigInt64Array,
    int32: Int32Array,
    bool: Uint8Array,
    uint8: Uint8Array,
    int8: Int8Array,
    float64: Float64Array,
  }[dtype];
  const data = dtype === 'int64' ? BigInt64Array.from(values.map(BigInt)) : (make as typeof Float32Array).from(values);
  return {
    ...(name === undefined ? {} : { name }),
    dims: shape.map(BigInt),
    dataType: ONNX_DTYPES[dtype],
    rawData: new Uint8Array(data.buffer),
  };
}

function attributeOf(name: string, value: FileAttribute): AttributeProto {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  if (typeof value === 'number') return { name, type: ATTRIBUTE_TYPES.int, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: ATTRIBUTE_TYPES.string, s: bytes(value) };
  if ('float' in value) return { name, type: ATTRIBUTE_TYPES.float, f: value.float };
  if ('graph' in value) return { name, type: ATTRIBUTE_TYPES.graph, g: graphOf(value.graph) };
  if ('tensor' in value) return { name, type: ATTRIBUTE_TYPES.tensor, t: tensorOf(value.tensor) };
  if (typeof value[0] === 'string') {
    return { name, type: ATTRIBUTE_TYPES.strings, strings: (value as readonly string[]).map(bytes) };
  }
  return { name, type: ATTRIBUTE_TYPES.ints, ints: (value as readonly number[]).map(BigInt) };
}

function nodeOf({ op, inputs, outputs, attributes = {}, domain, name }: FileNode): NodeProto {
  return {
    opType: op,
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
    ...(domain === undefined ? {} : { domain }),
    ...(name === undefined ? {} : { name }),
  };
}

function portOf(name: string, shape: FileShape | undefined, dtype: OnnxDtype = 'float32'): ValueInfoProto {
  const dim = shape?.map((each) => (typeof each === 'number' ? { dimValue: BigInt(each) } : { dimParam: each }));
  return {
    name,
    type: { tensorType: { elemType: ONNX_DTYPES[dtype], ...(dim === undefined ? {} : { shape: { dim } }) } },
  };
}

function graphOf({ nodes, inputs, outputs, initializers = {}, dtypes = {} }: FileGraph): GraphProto {
  return {
    name: 'graph',
    node: nodes.map(nodeOf),
    initializer: Object.entries(initializers).map(([name, each]) => tensorOf({ ...each, name })),
    input: Object.entries(inputs).map(([name, shape]) => portOf(name, shape, dtypes[name])),
    output: outputs.map((name) => portOf(name, undefined, dtypes[name])),
  };
}

/** The bytes of a model with this graph. */
export function onnxFile(graph: FileGraph): Uint8Array<ArrayBuffer> {
  return writeMessage(modelProto, {
    irVersion: 8n,
    producerName: 'test',
    graph: graphOf(graph),
    opsetImport: [
      { domain: '', version: BigInt(graph.opset ?? 17) },
      { domain: 'com.microsoft', version: 1n },
    ],
  });
}
