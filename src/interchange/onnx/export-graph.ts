// The ONNX graph while it is written: nodes, initializers, sizes that grow with the batch, and values that may lie with their
// channels last, as here, or first, as ONNX's convolutions want them. A value is turned only where somebody asks for it.
import type { Dtype } from '../../core/dtype.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  type NodeProto,
  ONNX_DTYPES,
  type TensorProto,
  type ValueInfoProto,
} from '../../formats/onnx-schema.js';
import type { Tensor } from '../../graph/tensor.js';
import { cast, reshape, transpose } from '../../ops/index.js';
import type { Batched, Dim } from './export-trace.js';

/** What attributes are given as: whole numbers, `float` and `floats` for others. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly texts: readonly string[] };

/** A value of the graph: the names of what holds it, made when they are needed. */
export interface Value {
  readonly dims: readonly Dim[];
  readonly dtype: Dtype;
  /** With its axes as here. */
  plain?: string;
  /** With the last axis, the channels, behind the first. */
  first?: string;
  /** What it is, where it follows from the weights alone. */
  readonly constant?: Tensor;
  /** What to call it. */
  readonly label?: string | undefined;
}

/** The name of the batch's size. */
const BATCH = 'batch';

/** The type that a tensor of this dtype has in a file: 16-bit floats are written as 32-bit ones. */
export function onnxType(dtype: Dtype): number {
  return ONNX_DTYPES[dtype === 'float16' || dtype === 'bfloat16' ? 'float32' : dtype];
}

/** Axes in the order of channels first. */
export function channelsFirst(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
}

/** Where channels first has an axis. */
export function axisInFirst(axis: number, rank: number): number {
  return axis === 0 ? 0 : axis === rank - 1 ? 1 : axis + 1;
}

export const isNumber = (dim: Dim): dim is number => typeof dim === 'number';

export function sameDim(a: Dim, b: Dim): boolean {
  if (isNumber(a) || isNumber(b)) return a === b;
  return a.times === b.times && a.plus === b.plus;
}

export const sameDims = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, axis) => sameDim(dim, b[axis] as Dim));

/** Whether the value lies with its channels first only, so that whatever can should go on there. */
export const isFirstOnly = (value: Value): boolean => value.first !== undefined && value.plain === undefined;

/** An initializer whose elements are read when the graph is finished. */
interface Pending {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Writes a graph. */
export class GraphWriter {
  readonly nodes: NodeProto[] = [];
  private readonly small: TensorProto[] = [];
  private readonly pending: Pending[] = [];
  private readonly names = new Set<string>();
  private readonly known = new Map<string, string>();
  /** The layer whose nodes are written. */
  scope: string | undefined;

  /** A name that nothing else has. */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.names.has(name); i++) name = `${wanted}_${i}`;
    this.names.add(name);
    return name;
  }

  /** Adds a node and gives the names of its outputs. */
  nodeOutputs(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    count = 1,
  ): string[] {
    const name = this.unique(this.scope === undefined ? opType : `${this.scope}/${opType}`);
    const outputs = Array.from({ length: count }, (_, i) => (i === 0 ? name : this.unique(`${name}:${i}`)));
    this.nodes.push({
      input: inputs,
      output: outputs,
      name,
      opType,
      attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
    });
    return outputs;
  }

  /** Adds a node with one output and gives its name. */
  node(opType: string, inputs: readonly string[], attributes?: Readonly<Record<string, AttributeValue>>): string {
    return this.nodeOutputs(opType, inputs, attributes)[0] as string;
  }

  /** Whole numbers as int64 [n], or a scalar. */
  integers(values: readonly number[], { isScalar = false } = {}): string {
    return this.cached(`int64${isScalar ? '' : '[]'} ${values}`, () => {
      const name = this.unique(`const_${values.length > 8 ? `${values.length}_sizes` : values.join('_') || 'none'}`);
      const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
      this.small.push({ dims: isScalar ? [] : [BigInt(values.length)], dataType: ONNX_DTYPES.int64, name, rawData });
      return name;
    });
  }

  /** Numbers as float32 [n]. */
  floats(values: readonly number[]): string {
    return this.cached(`float32[] ${values}`, () => {
      const name = this.unique(`const_${values.join('_')}`);
      const rawData = new Uint8Array(Float32Array.from(values).buffer);
      this.small.push({ dims: [BigInt(values.length)], dataType: ONNX_DTYPES.float32, name, rawData });
      return name;
    });
  }

  /** A number of this dtype, a scalar. */
  scalar(value: number, dtype: Dtype): string {
    const type = onnxType(dtype);
    return this.cached(`scalar ${type} ${Object.is(value, -0) ? '-0' : value}`, () => {
      const name = this.unique(`const_${value}`);
      const rawData =
        type === ONNX_DTYPES.float32
          ? new Uint8Array(Float32Array.of(value).buffer)
          : type === ONNX_DTYPES.int32
            ? new Uint8Array(Int32Array.of(value).buffer)
            : Uint8Array.of(value);
      this.small.push({ dims: [], dataType: type, name, rawData });
      return name;
    });
  }

  private readonly written = new WeakMap<Tensor, string>();

  /** A tensor that follows from the weights, as an initializer, one however often it is read. */
  initializer(tensor: Tensor, label: string | undefined): string {
    const known = this.written.get(tensor);
    if (known !== undefined) return known;
    const name = this.unique(label ?? 'const');
    this.written.set(tensor, name);
    this.pending.push({ name, tensor });
    return name;
  }

  /** What is made from a constant, written once however often it is read: shared weights stay one. */
  derived(value: Value, way: string, make: (constant: Tensor) => Tensor): string {
    const key = `${way} of ${this.idOf(value)}`;
    return this.cached(key, () => this.initializer(make(value.constant as Tensor), value.label));
  }

  /** A constant with its axes in another order. */
  transposed(value: Value, order: readonly number[]): string {
    return this.derived(value, `axes ${order}`, (constant) => transpose(constant, order));
  }

  /** The value with its axes as here. */
  plain(value: Value): string {
    if (value.plain !== undefined) return value.plain;
    if (value.constant !== undefined) value.plain = this.initializer(value.constant, value.label);
    else value.plain = this.turned(value, value.first as string, inverse(channelsFirst(value.dims.length)), value.dims);
    return value.plain;
  }

  /** The value with its channels first; it has at least three axes. */
  first(value: Value): string {
    if (value.first !== undefined) return value.first;
    const order = channelsFirst(value.dims.length);
    if (value.constant !== undefined)
      value.first = this.initializer(transpose(value.constant, order), value.label && `${value.label}/channels_first`);
    else
      value.first = this.turned(
        value,
        this.plain(value),
        order,
        order.map((axis) => value.dims[axis] as Dim),
      );
    return value.first;
  }

  private turned(value: Value, from: string, order: readonly number[], to: readonly Dim[]): string {
    // Between one and the same elements in a row nothing moves.
    const isSame = value.dims.slice(1, -1).every((dim) => dim === 1) || value.dims.at(-1) === 1;
    return isSame
      ? this.node('Reshape', [from, this.shape(to, { isReshape: true })])
      : this.node('Transpose', [from], { perm: order });
  }

  /**
   * A value as an operand of a pointwise op of `rank` axes with channels first: what broadcasts there as it did here.
   */
  operandInFirst(value: Value, rank: number): string {
    const { dims } = value;
    if (dims.every((dim) => dim === 1) && dims.length < 2) return this.plain(value);
    if (dims.length === rank) return this.first(value);
    const wide = [...Array<Dim>(rank - dims.length).fill(1), ...dims];
    const order = channelsFirst(rank);
    if (value.constant !== undefined) {
      const turned = transpose(reshape(value.constant, wide as number[]), order);
      // The batch's axis says nothing in a constant.
      const short = turned.shape[0] === 1 ? reshape(turned, turned.shape.slice(1)) : turned;
      return this.cached(`first ${rank} ${this.idOf(value)}`, () => this.initializer(short, value.label));
    }
    const reshaped = this.node('Reshape', [this.plain(value), this.shape(wide, { isReshape: true })]);
    return this.first({ dims: wide, dtype: value.dtype, plain: reshaped });
  }

  private readonly ids = new Map<Value, number>();

  private idOf(value: Value): number {
    const id = this.ids.get(value) ?? this.ids.size;
    this.ids.set(value, id);
    return id;
  }

  /** Sizes as int64 [rank]; for Reshape one that is not known may be left to it. */
  shape(dims: readonly Dim[], { isReshape = false }: { isReshape?: boolean } = {}): string {
    const open = dims.filter((dim) => !isNumber(dim));
    if (open.length === 0) return this.integers(dims as readonly number[]);
    if (isReshape && open.length === 1 && !dims.includes(0)) {
      return this.integers(dims.map((dim) => (isNumber(dim) ? dim : -1)));
    }
    return this.cached(`shape ${JSON.stringify(dims)}`, () => {
      const parts = dims.map((dim) => (isNumber(dim) ? this.integers([dim]) : this.batched(dim)));
      return parts.length === 1 ? (parts[0] as string) : this.unscoped(() => this.node('Concat', parts, { axis: 0 }));
    });
  }

  /** A number that grows with the batch, int64 [1]. */
  batched({ times, plus }: Batched): string {
    return this.cached(`batched ${times} ${plus}`, () =>
      this.unscoped(() => {
        const scaled = times === 1 ? this.batch() : this.node('Mul', [this.batch(), this.integers([times])]);
        return plus === 0 ? scaled : this.node('Add', [scaled, this.integers([plus])]);
      }),
    );
  }

  /** The input whose first axis is the batch. */
  batchSource: { readonly name: string; readonly axis: number } | undefined;

  private batch(): string {
    return this.cached('batch', () => {
      const { name, axis } = this.batchSource as { name: string; axis: number };
      return this.node('Shape', [name], { start: axis, end: axis + 1 });
    });
  }

  private unscoped<T>(body: () => T): T {
    const outer = this.scope;
    this.scope = 'batch_size';
    try {
      return body();
    } finally {
      this.scope = outer;
    }
  }

  private cached(key: string, make: () => string): string {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.known.set(key, made);
    return made;
  }

  private readonly made = new WeakMap<object, readonly string[]>();

  /** The names of what several values come from, written once. */
  shared(key: object, make: () => readonly string[]): readonly string[] {
    const known = this.made.get(key) ?? make();
    this.made.set(key, known);
    return known;
  }

  /** The initializers, their elements read. */
  async initializers(): Promise<TensorProto[]> {
    const used = new Set(this.nodes.flatMap(({ input }) => input ?? []));
    const large = await Promise.all(
      this.pending.filter(({ name }) => used.has(name)).map(({ name, tensor }) => encodeTensor(name, tensor)),
    );
    return [...large, ...this.small.filter(({ name }) => used.has(name as string))];
  }
}

async function encodeTensor(name: string, tensor: Tensor): Promise<TensorProto> {
  const type = onnxType(tensor.dtype);
  const wide = type === ONNX_DTYPES.float32 ? cast(tensor, 'float32') : tensor;
  const data = await wide.data();
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { dims: tensor.shape.map(BigInt), dataType: type, name, rawData };
}

function inverse(order: readonly number[]): number[] {
  return order.map((_, axis) => order.indexOf(axis));
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return { name, i: BigInt(value), type: ATTRIBUTE_TYPES.int };
  if (typeof value === 'string') return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPES.string };
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPES.float };
  if ('floats' in value) return { name, floats: Float32Array.from(value.floats), type: ATTRIBUTE_TYPES.floats };
  if ('texts' in value) {
    const encoder = new TextEncoder();
    return { name, strings: value.texts.map((text) => encoder.encode(text)), type: ATTRIBUTE_TYPES.strings };
  }
  return { name, ints: value.map(BigInt), type: ATTRIBUTE_TYPES.ints };
}

/** An input or output of the graph. */
export function valueInfo(name: string, dtype: Dtype, dims: readonly (Dim | string)[]): ValueInfoProto {
  const dim = dims.map((each) => {
    if (typeof each === 'number') return { dimValue: BigInt(each) };
    if (typeof each === 'string') return { dimParam: each };
    return { dimParam: each.times === 1 && each.plus === 0 ? BATCH : expression(each) };
  });
  return { name, type: { tensorType: { elemType: onnxType(dtype), shape: { dim } } } };
}

function expression({ times, plus }: Batched): string {
  const product = times === 1 ? BATCH : `${times}*${BATCH}`;
  return plus === 0 ? product : `${product}+${plus}`;
}
