// ONNX files as plain graphs: nodes, attributes, decoded tensors. What is not a graph that can run once from top to bottom
// is refused here: cycles, values written twice or never, sizes that the bytes do not bear out.
import { FoveaError } from '../core/errors.js';
import { formatError, refuseHtml } from './cursor.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  modelProto,
  type NodeProto,
  type OnnxDtype,
  type OperatorSetIdProto,
  type SparseTensorProto,
  type TensorProto,
  type TypeProto,
  tensorProto,
  type ValueInfoProto,
} from './onnx-schema.js';
import {
  alignRawData,
  bytesWanted,
  decodeTensor,
  describeTensor,
  type ExternalPlace,
  elementsInBytes,
  externalPlace,
  makeOnnxData,
  type OnnxTensor,
  onnxDtypeOf,
} from './onnx-tensor.js';
import { readMessage } from './protobuf.js';

/** The newest operator set that is read. */
export const NEWEST_OPSET = 28;

/** An attribute's value: numbers, text, tensors and graphs, or lists of them. */
export type OnnxAttribute =
  | number
  | string
  | OnnxTensor
  | OnnxGraph
  | OnnxType
  | AttributeReference
  | readonly number[]
  | readonly string[]
  | readonly OnnxTensor[]
  | readonly OnnxGraph[];

/** In a function's nodes: the attribute of that name that the function was called with. */
export interface AttributeReference {
  readonly reference: string;
}

/** A use of an operator. An input or output that is left out has the name ''. */
export interface OnnxNode {
  readonly opType: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** The type of a value: a tensor with what is known of its sizes, or a sequence or optional of such. */
export type OnnxType =
  | { readonly kind: 'tensor'; readonly dtype: OnnxDtype | undefined; readonly shape: OnnxShape | undefined }
  | { readonly kind: 'sequence' | 'optional'; readonly of: OnnxType | undefined }
  | { readonly kind: 'map' };

/** Sizes, names of sizes, or null for neither. */
export type OnnxShape = readonly (number | string | null)[];

/** An input or output of a graph. */
export interface OnnxPort {
  readonly name: string;
  readonly type: OnnxType;
}

export interface OnnxGraph {
  readonly name: string;
  /** In an order in which each reads only what stands before it. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** Without those that have an initializer. */
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

/** A function: nodes that stand for one. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly defaults: Readonly<Record<string, OnnxAttribute>>;
  readonly nodes: readonly OnnxNode[];
  readonly opsets: ReadonlyMap<string, number>;
}

/** A file, taken apart. */
export interface OnnxModel {
  readonly graph: OnnxGraph;
  /** Versions of the operator sets by domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** By domain and name: `domain:name`. */
  readonly functions: ReadonlyMap<string, OnnxFunction>;
  readonly irVersion: number;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** How a file is read. */
export interface ParseOnnxOptions {
  /** What to call the file in errors. */
  readonly name?: string;
  /** Gives bytes of a file beside the model, which is named relative to the model's folder. Default: refused. */
  readonly readExternal?: (place: ExternalPlace) => Promise<Uint8Array>;
  /** The bytes may change: elements then move by up to three bytes, where that spares a copy. Default: they stay as they are. */
  readonly isOwn?: boolean;
}

/** Reads an ONNX file. Throws `format`, naming the file and the place, for what is damaged, and `unsupported` for newer operator sets. */
export async function parseOnnx(
  bytes: Uint8Array,
  { name = 'ONNX file', readExternal, isOwn = false }: ParseOnnxOptions = {},
): Promise<OnnxModel> {
  if (bytes.length === 0) throw formatError(name, 'the file is empty: an ONNX model was expected.');
  refuseHtml(bytes, name, 'an ONNX model');
  const proto = readMessage(modelProto, bytes, name, 'an ONNX model');
  if (proto.graph === undefined) throw formatError(name, 'the ONNX model has no graph.');
  const external = await readAllExternal(proto.graph, proto.functions ?? [], name, readExternal);
  const reader = new GraphReader(name, external, isOwn);
  const opsets = readOpsets(proto.opsetImport ?? [], name);
  const functions = new Map(
    (proto.functions ?? []).map((each) => {
      const read = reader.function(each);
      return [`${read.domain}:${read.name}`, read] as const;
    }),
  );
  return {
    graph: reader.graph(proto.graph, new Set(), 0),
    opsets,
    functions,
    irVersion: Number(proto.irVersion ?? 0n),
    producer: [proto.producerName, proto.producerVersion].filter((text) => text !== undefined && text !== '').join(' '),
    metadata: new Map((proto.metadataProps ?? []).map(({ key = '', value = '' }) => [key, value])),
  };
}

/** Reads a tensor that is a file of its own (`.pb`), as ONNX's operator tests hold their data. */
export function parseOnnxTensor(bytes: Uint8Array, name = 'ONNX tensor'): OnnxTensor {
  return new GraphReader(name, new Map()).tensor(readMessage(tensorProto, bytes, name, 'an ONNX tensor'));
}

function readOpsets(entries: readonly OperatorSetIdProto[], file: string): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain = '', version = 0n } of entries) opsets.set(domain === 'ai.onnx' ? '' : domain, Number(version));
  const own = opsets.get('');
  if (own !== undefined && (own < 1 || own > NEWEST_OPSET)) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'onnx',
      message: `the model needs operator set (opset) ${own} of ONNX; those up to ${NEWEST_OPSET} are read.`,
      got: own,
      want: NEWEST_OPSET,
      hint: 'Export it for an earlier operator set, e.g. 17.',
      path: file,
    });
  }
  return opsets;
}

/** Every tensor of a model that lies outside, with its bytes. */
async function readAllExternal(
  graph: GraphProto,
  functions: readonly FunctionProto[],
  file: string,
  read: ParseOnnxOptions['readExternal'],
): Promise<Map<TensorProto, Uint8Array>> {
  const found: TensorProto[] = [];
  const visitNodes = (nodes: readonly NodeProto[] = []): void => {
    for (const { attribute = [] } of nodes) {
      for (const { t, tensors = [], g, graphs = [] } of attribute) {
        found.push(...(t === undefined ? [] : [t]), ...tensors);
        for (const each of g === undefined ? graphs : [g, ...graphs]) visit(each);
      }
    }
  };
  const visit = ({ initializer = [], node }: GraphProto): void => {
    found.push(...initializer);
    visitNodes(node);
  };
  visit(graph);
  for (const each of functions) visitNodes(each.node);
  const bytes = new Map<TensorProto, Uint8Array>();
  for (const tensor of found) {
    const place = externalPlace(tensor, file);
    if (place === undefined) continue;
    if (read === undefined) {
      throw new FoveaError({
        code: 'file',
        op: 'onnx',
        message: `the data of the tensor '${tensor.name ?? ''}' lie in the file '${place.location}' beside the model.`,
        got: place.location,
        hint: 'Load the model by its path, or give readExternal.',
        path: file,
      });
    }
    const wanted = place.length ?? bytesWanted(tensor);
    if (!(wanted >= 0))
      throw formatError(file, `the tensor '${tensor.name ?? ''}' has no valid size.`, { place: tensor.name ?? '' });
    bytes.set(tensor, await read({ ...place, length: wanted }));
  }
  return bytes;
}

class GraphReader {
  constructor(
    private readonly file: string,
    private readonly external: ReadonlyMap<TensorProto, Uint8Array>,
    private readonly isOwn = false,
  ) {}

  private bad(message: string, place?: string): FoveaError {
    return formatError(this.file, message, place === undefined ? {} : { place });
  }

  /** `outer` are the values of the graphs around it. */
  graph(proto: GraphProto, outer: ReadonlySet<string>, depth: number): OnnxGraph {
    const initializers = new Map<string, OnnxTensor>();
    for (const each of proto.initializer ?? []) {
      const tensor = this.tensor(each);
      if (initializers.has(tensor.name)) throw this.bad(`two initializers are called '${tensor.name}'.`, tensor.name);
      initializers.set(tensor.name, tensor);
    }
    for (const each of proto.sparseInitializer ?? []) {
      const tensor = this.sparse(each);
      initializers.set(tensor.name, tensor);
    }
    const inputs = (proto.input ?? []).map((each) => this.port(each)).filter(({ name }) => !initializers.has(name));
    const outputs = (proto.output ?? []).map((each) => this.port(each));
    const known = new Set(outer);
    for (const { name } of inputs) {
      if (known.has(name) && !outer.has(name)) throw this.bad(`two inputs are called '${name}'.`, name);
      known.add(name);
    }
    for (const name of initializers.keys()) known.add(name);
    const nodes = this.nodes(proto.node ?? [], known, depth);
    for (const { name } of outputs) {
      if (!known.has(name)) throw this.bad(`no node makes the output '${name}'.`, name);
    }
    return { name: proto.name ?? '', nodes, initializers, inputs, outputs };
  }

  /** Nodes in an order that can run; adds what they make to `known`. */
  private nodes(protos: readonly NodeProto[], known: Set<string>, depth: number): OnnxNode[] {
    const makers = new Map<string, number>();
    protos.forEach(({ output = [], name }, i) => {
      for (const each of output) {
        if (each === '') continue;
        if (makers.has(each) || known.has(each)) {
          throw this.bad(`the value '${each}' is written twice.`, name ?? `node ${i}`);
        }
        makers.set(each, i);
      }
    });
    const nodes: OnnxNode[] = [];
    const reads = protos.map((proto) => this.namesRead(proto, depth));
    let waiting = protos.map((_, i) => i);
    while (waiting.length > 0) {
      const later: number[] = [];
      for (const i of waiting) {
        const proto = protos[i] as NodeProto;
        if (!(reads[i] as readonly string[]).every((name) => known.has(name))) {
          later.push(i);
          continue;
        }
        nodes.push(this.node(proto, i, known, depth));
        for (const each of proto.output ?? []) if (each !== '') known.add(each);
      }
      if (later.length === waiting.length) throw this.stuck(protos, reads, later, known, makers);
      waiting = later;
    }
    return nodes;
  }

  private stuck(
    protos: readonly NodeProto[],
    reads: readonly (readonly string[])[],
    waiting: readonly number[],
    known: ReadonlySet<string>,
    makers: ReadonlyMap<string, number>,
  ): FoveaError {
    for (const i of waiting) {
      const { name, opType = '' } = protos[i] as NodeProto;
      const missing = (reads[i] as readonly string[]).find((each) => !known.has(each) && !makers.has(each));
      if (missing === undefined) continue;
      return this.bad(
        `node '${name ?? ''}' (${opType}) reads '${missing}', which is no input, initializer or output of a node.`,
        name,
      );
    }
    const first = protos[waiting[0] as number] as NodeProto;
    const value = (reads[waiting[0] as number] as readonly string[]).find((each) => !known.has(each));
    return this.bad(`the graph has a cycle: '${value}' needs itself, so no order of its nodes can run.`, first.name);
  }

  /** What a node reads, the graphs in its attributes included. */
  private namesRead({ input = [], attribute = [] }: NodeProto, depth: number): string[] {
    const names = input.filter((name) => name !== '');
    for (const { g, graphs = [] } of attribute) {
      for (const graph of g === undefined ? graphs : [g, ...graphs])
        names.push(...this.namesCaptured(graph, depth + 1));
    }
    return names;
  }

  private namesCaptured({ node = [], input = [], initializer = [], output = [] }: GraphProto, depth: number): string[] {
    if (depth > 32) throw this.bad('graphs are nested more than 32 deep.');
    const own = new Set([
      ...input.map(({ name = '' }) => name),
      ...initializer.map(({ name = '' }) => name),
      ...node.flatMap(({ output: made = [] }) => made),
    ]);
    const read = [...node.flatMap((each) => this.namesRead(each, depth)), ...output.map(({ name = '' }) => name)];
    return read.filter((name) => name !== '' && !own.has(name));
  }

  private node(proto: NodeProto, index: number, known: ReadonlySet<string>, depth: number): OnnxNode {
    const { opType = '', domain = '', input = [], output = [], attribute = [] } = proto;
    const name = proto.name ?? '';
    const attributes: Record<string, OnnxAttribute> = {};
    for (const each of attribute) {
      const value = this.attribute(each, known, depth, name === '' ? `node ${index}` : name);
      if (value !== undefined) attributes[each.name ?? ''] = value;
    }
    return { opType, domain: domain === 'ai.onnx' ? '' : domain, name, inputs: input, outputs: output, attributes };
  }

  private attribute(
    proto: AttributeProto,
    known: ReadonlySet<string>,
    depth: number,
    place: string,
  ): OnnxAttribute | undefined {
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    if (proto.refAttrName !== undefined && proto.refAttrName !== '') return { reference: proto.refAttrName };
    switch (proto.type ?? guessType(proto)) {
      case ATTRIBUTE_TYPES.float:
        return proto.f ?? 0;
      case ATTRIBUTE_TYPES.int:
        return Number(proto.i ?? 0n);
      case ATTRIBUTE_TYPES.string:
        return text(proto.s ?? new Uint8Array());
      case ATTRIBUTE_TYPES.floats:
        return Array.from(proto.floats ?? []);
      case ATTRIBUTE_TYPES.ints:
        return (proto.ints ?? []).map(Number);
      case ATTRIBUTE_TYPES.strings:
        return (proto.strings ?? []).map(text);
      case ATTRIBUTE_TYPES.tensor:
        return this.tensor(proto.t ?? {});
      case ATTRIBUTE_TYPES.tensors:
        return (proto.tensors ?? []).map((each) => this.tensor(each));
      case ATTRIBUTE_TYPES.sparseTensor:
        return this.sparse(proto.sparseTensor ?? {});
      case ATTRIBUTE_TYPES.graph:
        return this.graph(proto.g ?? {}, known, depth + 1);
      case ATTRIBUTE_TYPES.graphs:
        return (proto.graphs ?? []).map((each) => this.graph(each, known, depth + 1));
      case ATTRIBUTE_TYPES.type:
        return typeOf(proto.tp);
      case 0:
        return undefined;
      default:
        throw this.bad(
          `the attribute '${proto.name ?? ''}' has the type ${proto.type}, which is not supported.`,
          place,
        );
    }
  }

  tensor(proto: TensorProto): OnnxTensor {
    const outside = this.external.get(proto);
    const dtype = onnxDtypeOf(proto.dataType);
    const count = outside === undefined ? undefined : elementsInBytes(dtype ?? 'float32', outside.length);
    const { name, dtype: known, shape, size } = describeTensor(proto, this.file, count);
    const { isOwn } = this;
    let decoded: OnnxTensor['data'] | undefined;
    return {
      name,
      dtype: known,
      shape,
      get data() {
        if (decoded === undefined) {
          if (isOwn && known === 'float32') alignRawData(proto);
          decoded = decodeTensor(proto, known, size, outside);
        }
        return decoded;
      },
    };
  }

  /** A sparse tensor with its zeros, where the file is not far smaller than that. */
  private sparse({ values = {}, indices = {}, dims = [] }: SparseTensorProto): OnnxTensor {
    const found = this.tensor(values);
    const places = this.tensor(indices);
    const shape = dims.map(Number);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const bad = (why: string): FoveaError => this.bad(`the sparse tensor '${found.name}' ${why}.`, found.name);
    if (!Number.isSafeInteger(size) || size < 0 || shape.some((dim) => dim < 0))
      throw bad(`has the shape [${dims.join(',')}]`);
    if (size > 2 ** 24 + 4096 * found.data.length)
      throw bad(`holds ${found.data.length} values in ${size}: it is too large`);
    const data = makeOnnxData(found.dtype, size);
    const [count = 0, rank = 1] = places.shape;
    if (count !== found.data.length || (places.shape.length === 2 && rank !== shape.length))
      throw bad('has other indices than values');
    for (let i = 0; i < count; i++) {
      let at = Number(places.data[i]);
      if (places.shape.length === 2) {
        at = 0;
        shape.forEach((dim, axis) => {
          at = at * dim + Number(places.data[i * rank + axis]);
        });
      }
      if (!(at >= 0 && at < size)) throw bad('has an index outside of it');
      (data as Float32Array)[at] = found.data[i] as number;
    }
    return { name: found.name, dtype: found.dtype, shape, data };
  }

  private port(proto: ValueInfoProto): OnnxPort {
    const type = typeOf(proto.type);
    const name = proto.name ?? '';
    const dims = type.kind === 'tensor' ? (type.shape ?? []) : [];
    const wrong = dims.find((dim) => typeof dim === 'number' && dim < 0);
    if (wrong !== undefined) throw this.bad(`'${name}' has the size ${wrong}.`, name);
    return { name, type };
  }

  function(proto: FunctionProto): OnnxFunction {
    const { name = '', domain = '', input = [], output = [], attribute = [], attributeProto = [], node = [] } = proto;
    const known = new Set(input);
    const nodes = this.nodes(node, known, 0);
    const defaults: Record<string, OnnxAttribute> = {};
    for (const each of attributeProto) {
      const value = this.attribute(each, known, 0, name);
      if (value !== undefined) defaults[each.name ?? ''] = value;
    }
    const attributes = [...attribute, ...Object.keys(defaults)];
    const opsets = readOpsets(proto.opsetImport ?? [], this.file);
    return { name, domain, inputs: input, outputs: output, attributes, defaults, nodes, opsets };
  }
}

/** Files of IR version 1 have no types on their attributes. */
function guessType({ f, i, s, t, g, floats, ints, strings, tensors, graphs, tp }: AttributeProto): number {
  const held = { float: f, int: i, string: s, tensor: t, graph: g, floats, ints, strings, tensors, graphs, type: tp };
  const [name] = Object.entries(held).find(([, value]) => value !== undefined) ?? [];
  return name === undefined ? 0 : ATTRIBUTE_TYPES[name as keyof typeof held];
}

function typeOf(proto: TypeProto | undefined): OnnxType {
  const { tensorType, sequenceType, optionalType, mapType } = proto ?? {};
  if (sequenceType !== undefined) return { kind: 'sequence', of: typeOf(sequenceType.elemType) };
  if (optionalType !== undefined) return { kind: 'optional', of: typeOf(optionalType.elemType) };
  if (mapType !== undefined) return { kind: 'map' };
  const shape = tensorType?.shape?.dim ?? (tensorType?.shape === undefined ? undefined : []);
  return {
    kind: 'tensor',
    dtype: onnxDtypeOf(tensorType?.elemType),
    shape: shape?.map(({ dimValue, dimParam }) =>
      dimValue !== undefined ? Number(dimValue) : dimParam !== undefined && dimParam !== '' ? dimParam : null,
    ),
  };
}
