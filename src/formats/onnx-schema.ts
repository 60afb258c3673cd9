// The messages of an ONNX file as tables for protobuf.ts, and its element types. Field numbers: onnx.proto of IR version 13,
// https://onnx.ai/onnx/api/classes.html. Messages of training and of sharding over devices are skipped.
import type { Message } from './protobuf.js';

/** A file: a graph, the operator sets that its nodes mean, and functions made of nodes. */
export interface ModelProto {
  irVersion?: bigint;
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: bigint;
  docString?: string;
  graph?: GraphProto;
  opsetImport?: readonly OperatorSetIdProto[];
  metadataProps?: readonly StringStringEntryProto[];
  functions?: readonly FunctionProto[];
}

export interface OperatorSetIdProto {
  domain?: string;
  version?: bigint;
}

export interface StringStringEntryProto {
  key?: string;
  value?: string;
}

export interface GraphProto {
  node?: readonly NodeProto[];
  name?: string;
  initializer?: readonly TensorProto[];
  docString?: string;
  input?: readonly ValueInfoProto[];
  output?: readonly ValueInfoProto[];
  valueInfo?: readonly ValueInfoProto[];
  sparseInitializer?: readonly SparseTensorProto[];
}

export interface NodeProto {
  input?: readonly string[];
  output?: readonly string[];
  name?: string;
  opType?: string;
  attribute?: readonly AttributeProto[];
  domain?: string;
}

export interface AttributeProto {
  name?: string;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats?: Float32Array;
  ints?: readonly bigint[];
  strings?: readonly Uint8Array[];
  tensors?: readonly TensorProto[];
  graphs?: readonly GraphProto[];
  tp?: TypeProto;
  /** See `ATTRIBUTE_TYPES`. */
  type?: number;
  refAttrName?: string;
  sparseTensor?: SparseTensorProto;
}

export interface TensorProto {
  dims?: readonly bigint[];
  dataType?: number;
  floatData?: Float32Array;
  int32Data?: readonly number[];
  stringData?: readonly Uint8Array[];
  int64Data?: readonly bigint[];
  name?: string;
  rawData?: Uint8Array;
  doubleData?: Float64Array;
  uint64Data?: readonly bigint[];
  externalData?: readonly StringStringEntryProto[];
  /** 1 where the elements lie in another file. */
  dataLocation?: number;
}

/** Values, and their indices into the flat array [n] or by axis [n, rank]. */
export interface SparseTensorProto {
  values?: TensorProto;
  indices?: TensorProto;
  dims?: readonly bigint[];
}

export interface ValueInfoProto {
  name?: string;
  type?: TypeProto;
}

export interface TypeProto {
  tensorType?: TensorTypeProto;
  sequenceType?: ElementTypeProto;
  optionalType?: ElementTypeProto;
  mapType?: MapTypeProto;
}

export interface ElementTypeProto {
  elemType?: TypeProto;
}

export interface MapTypeProto {
  keyType?: number;
  valueType?: TypeProto;
}

export interface TensorTypeProto {
  elemType?: number;
  shape?: TensorShapeProto;
}

export interface TensorShapeProto {
  dim?: readonly DimensionProto[];
}

/** A size or its name; neither where nothing is known. */
export interface DimensionProto {
  dimValue?: bigint;
  dimParam?: string;
}

export interface FunctionProto {
  name?: string;
  input?: readonly string[];
  output?: readonly string[];
  attribute?: readonly string[];
  node?: readonly NodeProto[];
  opsetImport?: readonly OperatorSetIdProto[];
  domain?: string;
  attributeProto?: readonly AttributeProto[];
}

const operatorSetId: Message<OperatorSetIdProto> = {
  name: 'OperatorSetIdProto',
  fields: { domain: { number: 1, kind: 'string' }, version: { number: 2, kind: 'int64' } },
};

const stringStringEntry: Message<StringStringEntryProto> = {
  name: 'StringStringEntryProto',
  fields: { key: { number: 1, kind: 'string' }, value: { number: 2, kind: 'string' } },
};

export const tensorProto: Message<TensorProto> = {
  name: 'TensorProto',
  fields: {
    dims: { number: 1, kind: 'int64', repeated: true },
    dataType: { number: 2, kind: 'int32' },
    floatData: { number: 4, kind: 'float', repeated: true, packed: true },
    int32Data: { number: 5, kind: 'int32', repeated: true, packed: true },
    stringData: { number: 6, kind: 'bytes', repeated: true },
    int64Data: { number: 7, kind: 'int64', repeated: true, packed: true },
    name: { number: 8, kind: 'string' },
    rawData: { number: 9, kind: 'bytes' },
    doubleData: { number: 10, kind: 'double', repeated: true, packed: true },
    uint64Data: { number: 11, kind: 'uint64', repeated: true, packed: true },
    externalData: { number: 13, kind: () => stringStringEntry, repeated: true },
    dataLocation: { number: 14, kind: 'enum' },
  },
};

const sparseTensorProto: Message<SparseTensorProto> = {
  name: 'SparseTensorProto',
  fields: {
    values: { number: 1, kind: () => tensorProto },
    indices: { number: 2, kind: () => tensorProto },
    dims: { number: 3, kind: 'int64', repeated: true },
  },
};

const dimensionProto: Message<DimensionProto> = {
  name: 'TensorShapeProto.Dimension',
  fields: { dimValue: { number: 1, kind: 'int64' }, dimParam: { number: 2, kind: 'string' } },
};

const tensorShapeProto: Message<TensorShapeProto> = {
  name: 'TensorShapeProto',
  fields: { dim: { number: 1, kind: () => dimensionProto, repeated: true } },
};

const tensorTypeProto: Message<TensorTypeProto> = {
  name: 'TypeProto.Tensor',
  fields: { elemType: { number: 1, kind: 'int32' }, shape: { number: 2, kind: () => tensorShapeProto } },
};

const elementTypeProto: Message<ElementTypeProto> = {
  name: 'TypeProto.Sequence',
  fields: { elemType: { number: 1, kind: () => typeProto } },
};

const mapTypeProto: Message<MapTypeProto> = {
  name: 'TypeProto.Map',
  fields: { keyType: { number: 1, kind: 'int32' }, valueType: { number: 2, kind: () => typeProto } },
};

const typeProto: Message<TypeProto> = {
  name: 'TypeProto',
  fields: {
    tensorType: { number: 1, kind: () => tensorTypeProto },
    sequenceType: { number: 4, kind: () => elementTypeProto },
    mapType: { number: 5, kind: () => mapTypeProto },
    optionalType: { number: 9, kind: () => elementTypeProto },
  },
};

const valueInfoProto: Message<ValueInfoProto> = {
  name: 'ValueInfoProto',
  fields: { name: { number: 1, kind: 'string' }, type: { number: 2, kind: () => typeProto } },
};

const attributeProto: Message<AttributeProto> = {
  name: 'AttributeProto',
  fields: {
    name: { number: 1, kind: 'string' },
    f: { number: 2, kind: 'float' },
    i: { number: 3, kind: 'int64' },
    s: { number: 4, kind: 'bytes' },
    t: { number: 5, kind: () => tensorProto },
    g: { number: 6, kind: () => graphProto },
    floats: { number: 7, kind: 'float', repeated: true },
    ints: { number: 8, kind: 'int64', repeated: true },
    strings: { number: 9, kind: 'bytes', repeated: true },
    tensors: { number: 10, kind: () => tensorProto, repeated: true },
    graphs: { number: 11, kind: () => graphProto, repeated: true },
    tp: { number: 14, kind: () => typeProto },
    type: { number: 20, kind: 'enum' },
    refAttrName: { number: 21, kind: 'string' },
    sparseTensor: { number: 22, kind: () => sparseTensorProto },
  },
};

const nodeProto: Message<NodeProto> = {
  name: 'NodeProto',
  fields: {
    input: { number: 1, kind: 'string', repeated: true },
    output: { number: 2, kind: 'string', repeated: true },
    name: { number: 3, kind: 'string' },
    opType: { number: 4, kind: 'string' },
    attribute: { number: 5, kind: () => attributeProto, repeated: true },
    domain: { number: 7, kind: 'string' },
  },
};

export const graphProto: Message<GraphProto> = {
  name: 'GraphProto',
  fields: {
    node: { number: 1, kind: () => nodeProto, repeated: true },
    name: { number: 2, kind: 'string' },
    initializer: { number: 5, kind: () => tensorProto, repeated: true },
    docString: { number: 10, kind: 'string' },
    input: { number: 11, kind: () => valueInfoProto, repeated: true },
    output: { number: 12, kind: () => valueInfoProto, repeated: true },
    valueInfo: { number: 13, kind: () => valueInfoProto, repeated: true },
    sparseInitializer: { number: 15, kind: () => sparseTensorProto, repeated: true },
  },
};

const functionProto: Message<FunctionProto> = {
  name: 'FunctionProto',
  fields: {
    name: { number: 1, kind: 'string' },
    input: { number: 4, kind: 'string', repeated: true },
    output: { number: 5, kind: 'string', repeated: true },
    attribute: { number: 6, kind: 'string', repeated: true },
    node: { number: 7, kind: () => nodeProto, repeated: true },
    opsetImport: { number: 9, kind: () => operatorSetId, repeated: true },
    domain: { number: 10, kind: 'string' },
    attributeProto: { number: 11, kind: () => attributeProto, repeated: true },
  },
};

export const modelProto: Message<ModelProto> = {
  name: 'ModelProto',
  fields: {
    irVersion: { number: 1, kind: 'int64' },
    producerName: { number: 2, kind: 'string' },
    producerVersion: { number: 3, kind: 'string' },
    domain: { number: 4, kind: 'string' },
    modelVersion: { number: 5, kind: 'int64' },
    docString: { number: 6, kind: 'string' },
    graph: { number: 7, kind: () => graphProto },
    opsetImport: { number: 8, kind: () => operatorSetId, repeated: true },
    metadataProps: { number: 14, kind: () => stringStringEntry, repeated: true },
    functions: { number: 25, kind: () => functionProto, repeated: true },
  },
};

/** The numbers of `AttributeProto.type`. */
export const ATTRIBUTE_TYPES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  type: 13,
  types: 14,
} as const;

/** Element types of ONNX by their names here, and the numbers of `TensorProto.data_type`. */
export const ONNX_DTYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;

/** The name of an element type. */
export type OnnxDtype = keyof typeof ONNX_DTYPES;
