// What the rules of tfjs's graph models write: nodes and constants of an ONNX graph, from which a model of layers is made.
// TensorFlow's pictures have their channels last, ONNX's first: each convolution stands between two transposes, which cost
// nothing, since the model keeps pictures as they lie.
import { FoveaError } from '../../core/errors.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import type { OnnxAttribute, OnnxNode } from '../../formats/onnx.js';
import type { OnnxData, OnnxTensor } from '../../formats/onnx-tensor.js';
import { type StoredArray, storedFloats } from '../../formats/stored.js';
import type { TfAttribute, TfNode } from '../../formats/tfjs-graph.js';

const TO_FIRST = [0, 3, 1, 2];
const TO_LAST = [0, 2, 3, 1];

/** The graph that is being written. */
export class Lowering {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  private readonly used = new Set<string>();
  /** Convolutions and products without a bias, by the value that they give, where one node alone reads it. */
  private readonly biasless = new Map<string, { readonly node: number; readonly channels: number | undefined }>();

  constructor(
    readonly file: string,
    /** Constants by the names of their nodes. */
    readonly constants: ReadonlyMap<string, StoredArray>,
    /** How many nodes read a value. */
    private readonly readers: ReadonlyMap<string, number>,
    names: Iterable<string>,
  ) {
    for (const name of names) this.used.add(name);
  }

  /** A name that nothing has. */
  fresh(name: string): string {
    let found = name;
    for (let i = 1; this.used.has(found); i++) found = `${name}_${i}`;
    this.used.add(found);
    return found;
  }

  /** Adds a node and gives its first output's name. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: readonly string[],
  ): string {
    const [output] = outputs as [string];
    this.nodes.push({ opType, domain: '', name: output, inputs, outputs, attributes });
    return output;
  }

  floats(name: string, shape: Shape, data: Float32Array): string {
    return this.constant(name, 'float32', shape, data);
  }

  /** TensorFlow's 32-bit sizes and indices are ONNX's 64-bit ones. */
  ints(name: string, values: readonly number[], shape: Shape = [values.length]): string {
    return this.constant(name, 'int64', shape, Float64Array.from(values));
  }

  private constant(name: string, dtype: OnnxTensor['dtype'], shape: Shape, data: OnnxData): string {
    const own = this.fresh(name);
    this.initializers.set(own, { name: own, dtype, shape: [...shape], data });
    return own;
  }

  /** Takes a constant over under its own name. */
  take(name: string, array: StoredArray): void {
    const dtype = array.dtype === 'int32' ? 'int64' : array.dtype === 'bool' ? 'bool' : 'float32';
    const data =
      dtype === 'int64'
        ? Float64Array.from(array.data() as Iterable<number>)
        : dtype === 'bool'
          ? (array.data() as Uint8Array)
          : storedFloats(array);
    this.initializers.set(name, { name, dtype, shape: [...array.shape], data });
  }

  /** Notes that node `node`, which gives `value`, may still get a bias of so many channels; undefined: it is not known. */
  mayTakeBias(value: string, node: number, channels: number | undefined): void {
    if (this.readers.get(value) === 1) this.biasless.set(value, { node, channels });
  }

  /**
   * Multiplies a convolution's filter by a constant for each channel, as a batch norm leaves it in a frozen graph; false where
   * that cannot be. `name` is the product, which may still get a bias.
   */
  giveScale(value: string, factor: string, name: string): boolean {
    const found = this.biasless.get(value);
    const scale = this.constants.get(factor);
    if (found?.channels === undefined || scale === undefined || scale.dtype === 'int32') return false;
    const { channels } = found;
    const node = this.nodes[found.node] as OnnxNode;
    const filter = this.initializers.get(node.inputs[1] ?? '');
    if (node.opType !== 'Conv' || filter === undefined || sizeOf(scale.shape) !== channels) return false;
    if (scale.shape.at(-1) !== channels) return false;
    const factors = storedFloats(scale);
    const size = filter.data.length / channels;
    const data = Float32Array.from(
      filter.data as Float32Array,
      (each, i) => each * (factors[Math.floor(i / size)] as number),
    );
    this.initializers.set(filter.name, { ...filter, data });
    this.biasless.delete(value);
    this.mayTakeBias(name, found.node, channels);
    return true;
  }

  /** Gives a convolution or product the constant that is added to it as its bias; false where it cannot be one. */
  giveBias(value: string, added: string): boolean {
    const found = this.biasless.get(value);
    const bias = this.constants.get(added);
    if (found === undefined || bias === undefined || bias.dtype === 'int32') return false;
    const size = sizeOf(bias.shape);
    if (size !== bias.shape.at(-1) || size !== (found.channels ?? size)) return false;
    const name = bias.shape.length === 1 ? added : this.floats(`${added}/flat`, [size], storedFloats(bias));
    const node = this.nodes[found.node] as OnnxNode;
    this.nodes[found.node] = { ...node, inputs: [...node.inputs.slice(0, 2), name] };
    this.biasless.delete(value);
    return true;
  }
}

/** One node of TensorFlow's, and where its result goes. */
export class Call {
  constructor(
    readonly node: TfNode,
    readonly to: Lowering,
  ) {}

  get inputs(): readonly string[] {
    return this.node.inputs;
  }

  /** An input's name. Throws `format` where the node has not so many. */
  input(index: number): string {
    const found = this.node.inputs[index];
    if (found === undefined) throw this.error('format', `it has ${this.node.inputs.length} inputs, not ${index + 1}.`);
    return found;
  }

  /** The constant that an input is; undefined where it is computed. */
  constantAt(index: number): StoredArray | undefined {
    return this.to.constants.get(this.input(index));
  }

  /** A constant of numbers. Throws `unsupported` where it is computed. */
  needConstant(index: number, what: string): StoredArray {
    const found = this.constantAt(index);
    if (found !== undefined) return found;
    throw this.error('unsupported', `its ${what} is computed while the graph runs.`);
  }

  intsAt(index: number, what: string): number[] {
    return Array.from(this.needConstant(index, what).data() as Iterable<number>, Number);
  }

  intAt(index: number, what: string): number {
    return this.intsAt(index, what)[0] ?? 0;
  }

  attribute(name: string): TfAttribute | undefined {
    return Object.hasOwn(this.node.attributes, name) ? this.node.attributes[name] : undefined;
  }

  text(name: string, fallback: string): string {
    const value = this.attribute(name);
    return typeof value === 'string' ? value : fallback;
  }

  number(name: string, fallback: number): number {
    const value = this.attribute(name);
    return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
  }

  flag(name: string): boolean {
    return this.attribute(name) === true;
  }

  list(name: string): number[] {
    const value = this.attribute(name);
    return Array.isArray(value) ? value.map(Number) : [];
  }

  texts(name: string): string[] {
    const value = this.attribute(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  get isFirst(): boolean {
    return this.text('data_format', 'NHWC') === 'NCHW';
  }

  /** Height and width of a list over four axes. */
  cells(name: string): [number, number] {
    const list = this.list(name);
    const [height = 1, width = 1] = list.length === 2 ? list : this.isFirst ? list.slice(2) : list.slice(1);
    return [height, width];
  }

  /** Adds a node for an intermediate value. */
  step(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.to.add(opType, inputs, attributes, [this.to.fresh(`${this.node.name}/${opType}`)]);
  }

  /** Adds the node that gives this one's result. */
  give(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): void {
    this.to.add(opType, inputs, attributes, [this.node.name]);
  }

  toFirst(value: string): string {
    return this.isFirst ? value : this.step('Transpose', [value], { perm: TO_FIRST });
  }

  /** Gives a value with its channels first as the result. */
  giveLast(value: string): void {
    if (this.isFirst) this.give('Identity', [value]);
    else this.give('Transpose', [value], { perm: TO_LAST });
  }

  floats(what: string, shape: Shape, data: Float32Array | readonly number[]): string {
    return this.to.floats(`${this.node.name}/${what}`, shape, Float32Array.from(data));
  }

  ints(what: string, values: readonly number[]): string {
    return this.to.ints(`${this.node.name}/${what}`, values);
  }

  error(code: 'format' | 'unsupported', message: string): FoveaError {
    return new FoveaError({
      code,
      op: 'load',
      message: `${this.node.op} "${this.node.name}": ${message}`,
      path: `${this.to.file}: ${this.node.name}`,
      got: this.node.op,
      ...(code === 'unsupported' ? { hint: 'Convert the model to ONNX, or to a TensorFlow.js layers model.' } : {}),
    });
  }
}

/** Elements with their axes in another order: axis i of the result is `order[i]` of `shape`. */
export function permuted(data: Float32Array, shape: Shape, order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const sizes = order.map((axis) => shape[axis] as number);
  const steps = order.map((axis) => strides[axis] as number);
  const out = new Float32Array(data.length);
  let at = 0;
  const copy = (axis: number, from: number): void => {
    if (axis === sizes.length) {
      out[at++] = data[from] as number;
      return;
    }
    for (let i = 0; i < (sizes[axis] as number); i++) copy(axis + 1, from + i * (steps[axis] as number));
  };
  copy(0, 0);
  return out;
}
