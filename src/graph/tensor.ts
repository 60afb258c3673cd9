// Lazy tensors: a handle on one output of a node. `data()` computes what it needs; see docs/architecture.md.
import type { Dtype, TypedArray } from '../core/dtype.js';
import { decodeElements, encodeElements, isFloat, roundTo, viewTypedArray } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { checkShape, formatShape, type Shape, sizeOf } from '../core/shape.js';
import { constantOp, inputOp, isLeaf, Node, storageOp } from './node.js';
import type { OpDefinition, TensorType } from './op.js';
import { currentRuntime } from './runtime.js';
import { Storage } from './storage.js';

/** Pending nodes in a row after which the frontier is computed without being asked for. */
const PENDING_LIMIT = 2048;

/** Nested arrays of numbers or booleans, as a literal tensor is written. */
export type NestedArray = number | boolean | readonly NestedArray[];

/** What may stand where a tensor is wanted. */
export type TensorLike = Tensor | NestedArray | TypedArray;

/**
 * A tensor: a shape, an element type, and either data or a recipe for it.
 *
 * @example
 * const total = fovea.sum(fovea.tensor([[1, 2], [3, 4]]));
 * console.log(await total.item()); // 10
 */
export class Tensor implements TensorType {
  /** @internal */
  readonly node: Node;
  /** @internal */
  readonly index: number;

  /** @internal */
  constructor(node: Node, index = 0) {
    this.node = node;
    this.index = index;
  }

  get shape(): Shape {
    return this.type.shape;
  }

  get dtype(): Dtype {
    return this.type.dtype;
  }

  get rank(): number {
    return this.type.shape.length;
  }

  /** How many elements there are. */
  get size(): number {
    return sizeOf(this.type.shape);
  }

  private get type(): TensorType {
    return this.node.types[this.index] as TensorType;
  }

  /** @internal */
  get storage(): Storage | undefined {
    return this.node.storage?.[this.index];
  }

  /**
   * Computes the tensor and gives its elements, row-major: a Float32Array for float32, an Int32Array for
   * int32, a Uint8Array for uint8 and bool, and a Float32Array for the 16-bit floats. The array is the caller's own.
   */
  async data(): Promise<Float32Array | Int32Array | Uint8Array> {
    const elements = await this.elements();
    if (elements instanceof Uint16Array) return Float32Array.from(decodeElements(this.dtype, elements));
    return elements.slice();
  }

  /** The single element of a tensor of size 1. Throws `shape` for any other. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new FoveaError({
        code: 'shape',
        op: 'item',
        message: `a tensor of shape ${formatShape(this.shape)} has ${this.size} elements, not one.`,
        got: this.shape,
        hint: 'Use data() or array().',
      });
    }
    return (await this.data())[0] as number;
  }

  /** The elements as nested arrays: `[[1, 2], [3, 4]]`. */
  async array(): Promise<NestedArray> {
    return nest(await this.data(), this.shape, this.dtype === 'bool');
  }

  /** @internal The stored elements, 16-bit floats as bits; not to be changed. */
  async elements(): Promise<TypedArray> {
    if (this.storage === undefined) {
      if (this.node.op === constantOp) return this.constantElements();
      if (isLeaf(this.node)) {
        throw new FoveaError({
          code: 'argument',
          op: 'data',
          message: 'this tensor is an argument of a function being traced and has no data.',
          hint: 'Return it from the function and read the result.',
        });
      }
      await currentRuntime().realize([this]);
    }
    const storage = this.storage as Storage;
    const elements = await storage.read(viewTypedArray);
    return elements.length === storage.size ? elements : elements.subarray(0, storage.size);
  }

  private constantElements(): TypedArray {
    const { values } = this.node.params as { values: readonly number[] };
    return encodeElements(this.dtype, values);
  }

  /** Frees the memory behind this tensor now instead of when it is collected. Other views of the same data go too. */
  dispose(): void {
    this.storage?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)}${this.storage === undefined ? ', lazy' : ''})`;
  }
}

/** Applies an op: checks, infers, and adds a node. Ops call this; users call the ops. */
export function applyOp<P extends object>(op: OpDefinition<P>, inputs: readonly Tensor[], params: P): Tensor[] {
  const types = op.shape(inputs, params);
  const node = new Node(op, inputs, params, types);
  const outputs = types.map((_, index) => new Tensor(node, index));
  if (node.depth > PENDING_LIMIT && node.depth % PENDING_LIMIT === 1 && !isTracing()) currentRuntime().submit(outputs);
  return outputs;
}

let tracing = 0;

/** @internal True inside a function being traced, whose nodes are never computed as they stand. */
export function isTracing(): boolean {
  return tracing > 0;
}

/** @internal Runs `body` as part of a trace. */
export function whileTracing<T>(body: () => T): T {
  tracing++;
  try {
    return body();
  } finally {
    tracing--;
  }
}

/** A tensor over storage that exists. */
export function fromStorage(storage: Storage, shape: Shape): Tensor {
  const type = { shape, dtype: storage.dtype };
  const node = new Node(storageOp, [], { type }, [type]);
  node.storage = [storage];
  return new Tensor(node);
}

/** A placeholder for tracing: of an argument, or of a variable. */
export function placeholder({ shape, dtype }: TensorType, op: typeof inputOp = inputOp): Tensor {
  const type = { shape, dtype };
  return new Tensor(new Node(op, [], { type }, [type]));
}

/** Numbers that the compiler may fold: scalars and short lists. */
export function constant(values: readonly number[], shape: Shape, dtype: Dtype): Tensor {
  const type = { shape, dtype };
  // Float32 is left exact for the float64 reference; the others must be what memory would hold, folded or not.
  const held = dtype === 'float32' ? values : values.map((value) => roundTo(dtype, value));
  return new Tensor(new Node(constantOp, [], { type, values: held }, [type]));
}

/** A scalar the compiler may fold. */
export function scalar(value: number, dtype: Dtype = 'float32'): Tensor {
  return constant([value], [], dtype);
}

/**
 * Makes a tensor from numbers: nested arrays, a typed array, or a plain array with a shape.
 * The dtype defaults to the typed array's, bool for booleans, else float32. Throws `shape` where the
 * nesting is ragged or the count does not fit the shape.
 *
 * @example
 * fovea.tensor([[1, 2], [3, 4]]);
 * fovea.tensor(new Uint8Array(28 * 28), { shape: [28, 28] });
 */
export function tensor(
  values: NestedArray | TypedArray | Float64Array,
  options: { shape?: Shape; dtype?: Dtype } = {},
): Tensor {
  if (ArrayBuffer.isView(values)) {
    const natural = naturalDtype(values);
    const dtype = options.dtype ?? natural;
    const shape = options.shape ?? [values.length];
    checkCount(values.length, shape);
    // 16-bit floats are given as numbers in a float array, or as bits in a Uint16Array.
    const isBits = values instanceof Uint16Array && !isFloat(natural) ? isSixteenBit(dtype) : false;
    const host = isBits || dtype === natural ? (values.slice() as TypedArray) : encodeElements(dtype, values);
    return fromStorage(new Storage(dtype, host.length, { host }), shape);
  }
  const flat: number[] = [];
  const found: number[] = [];
  const isBool = flatten(values, 0, found, flat);
  const shape = options.shape ?? found;
  checkCount(flat.length, shape);
  const dtype = options.dtype ?? (isBool ? 'bool' : 'float32');
  return fromStorage(new Storage(dtype, flat.length, { host: encodeElements(dtype, flat) }), shape);
}

function isSixteenBit(dtype: Dtype): boolean {
  return dtype === 'float16' || dtype === 'bfloat16';
}

function naturalDtype(values: ArrayBufferView): Dtype {
  if (values instanceof Float32Array || values instanceof Float64Array)
    return values instanceof Float32Array ? 'float32' : 'float32';
  if (values instanceof Uint8Array || values instanceof Uint8ClampedArray) return 'uint8';
  return 'int32';
}

function checkCount(count: number, shape: Shape): void {
  checkShape(shape, 'tensor');
  if (sizeOf(shape) !== count) {
    throw new FoveaError({
      code: 'shape',
      op: 'tensor',
      message: `${count} values do not fill shape ${formatShape(shape)}, which holds ${sizeOf(shape)}.`,
      got: count,
      want: sizeOf(shape),
    });
  }
}

function flatten(values: NestedArray, depth: number, shape: number[], out: number[]): boolean {
  if (typeof values === 'number' || typeof values === 'boolean') {
    if (depth !== shape.length) throw ragged();
    out.push(Number(values));
    return typeof values === 'boolean';
  }
  if (!Array.isArray(values)) {
    throw new FoveaError({
      code: 'argument',
      op: 'tensor',
      message: `cannot be made from ${values === null ? 'null' : typeof values}.`,
      got: values,
      hint: 'Give numbers, nested arrays of numbers, or a typed array.',
    });
  }
  if (out.length === 0 && shape.length === depth) shape.push(values.length);
  else if (shape[depth] !== values.length) throw ragged();
  let isBool = values.length > 0;
  for (const each of values) isBool = flatten(each, depth + 1, shape, out) && isBool;
  return isBool;
}

function ragged(): FoveaError {
  return new FoveaError({
    code: 'shape',
    op: 'tensor',
    message: 'the nested arrays are ragged: rows of one level differ in length.',
    hint: 'Give every row the same length.',
  });
}

function nest(data: ArrayLike<number>, shape: Shape, isBool: boolean): NestedArray {
  let at = 0;
  const build = (axis: number): NestedArray => {
    if (axis === shape.length) {
      const value = data[at++] as number;
      return isBool ? value !== 0 : value;
    }
    return Array.from({ length: shape[axis] as number }, () => build(axis + 1));
  };
  return build(0);
}
