// How operators are written: functions of a call. Tensor operators compute with the engine's ops on what may be a tracing
// placeholder, host operators on arrays, graph operators (If, Loop, Scan) run graphs inside.
import type { Shape } from '../../core/shape.js';
import { normalizeAxis } from '../../core/shape.js';
import type { OnnxGraph } from '../../formats/onnx.js';
import type { OnnxDtype } from '../../formats/onnx-schema.js';
import type { OnnxData } from '../../formats/onnx-tensor.js';
import { Tensor } from '../../graph/tensor.js';
import { Attributes, type OperatorNode } from './attributes.js';
import { type HostValue, isFloatDtype, type OnnxValue, type TensorValue, tensorValue, toTensor } from './values.js';

/** Thrown by an operator that has to see elements of tensors that are not computed yet. */
export class NeedsHost {
  constructor(
    /** Which inputs. */
    readonly inputs: readonly number[],
  ) {}
}

/** A use of an operator on values. */
export class Call extends Attributes {
  constructor(
    node: OperatorNode,
    readonly inputs: readonly (OnnxValue | undefined)[],
    /** Whether the model is being trained: dropout and batch norms ask. */
    readonly training = false,
  ) {
    super(node);
  }

  /** How many outputs somebody reads, counted to the last one. */
  get outputCount(): number {
    const { outputs } = this.node;
    let count = outputs.length;
    while (count > 1 && outputs[count - 1] === '') count--;
    return count;
  }

  isGiven(index: number): boolean {
    return this.inputs[index] !== undefined;
  }

  /** An input of any kind. */
  value(index: number): OnnxValue {
    const value = this.inputs[index];
    if (value === undefined) throw this.error(`input ${index} is missing.`);
    return value;
  }

  /** An input that is no sequence. */
  array(index: number): TensorValue | HostValue {
    const value = this.value(index);
    if (value.kind === 'sequence') throw this.error(`input ${index} is a sequence, not a tensor.`);
    return value;
  }

  dtype(index = 0): OnnxDtype {
    return this.array(index).dtype;
  }

  shape(index = 0): Shape {
    return this.array(index).shape;
  }

  rank(index = 0): number {
    return this.shape(index).length;
  }

  /** An axis of an input, counted from its end where negative. */
  axis(axis: number, rank = this.rank()): number {
    return normalizeAxis(axis, rank, this.node.opType);
  }

  /** Axes that an attribute or, in later operator sets, an input lists; undefined for none. */
  axes(name: string, index: number, rank = this.rank()): readonly number[] | undefined {
    const listed = this.ints(name) ?? (this.isGiven(index) ? this.numbers(index) : undefined);
    return listed?.map((axis) => this.axis(axis, rank));
  }

  /** An input's elements as numbers; asks for the tensor to be computed where it is not on the host. */
  numbers(index: number): number[] {
    const value = this.array(index);
    if (value.kind === 'tensor') throw new NeedsHost([index]);
    if (value.dtype === 'string') throw this.error(`input ${index} holds text where numbers are wanted.`);
    return Array.from(value.data as ArrayLike<number>);
  }

  /** The one number of an input, or a default where it is not given. */
  number(index: number, fallback?: number): number {
    if (!this.isGiven(index) && fallback !== undefined) return fallback;
    const [value] = this.numbers(index);
    if (value === undefined) throw this.error(`input ${index} is empty.`);
    return value;
  }
}

/** What a tensor operator gives for an output: a tensor, whose element type follows, or a value that says it. */
export type TensorResult = Tensor | OnnxValue;

/** A call of a tensor operator. */
export class TensorCall extends Call {
  tensor(index = 0): Tensor {
    return toTensor(this.value(index));
  }

  optional(index: number): Tensor | undefined {
    return this.isGiven(index) ? this.tensor(index) : undefined;
  }

  /** Results with element types: floats are of the first float input's, integers of the first input's where it is one. */
  typed(results: readonly TensorResult[]): OnnxValue[] {
    return results.map((result) => (result instanceof Tensor ? tensorValue(this.dtypeOf(result), result) : result));
  }

  private dtypeOf({ dtype }: Tensor): OnnxDtype {
    if (dtype === 'bool') return 'bool';
    const [first] = this.inputs;
    // Quantised integers are carried as floats.
    if (first?.kind === 'tensor' && dtype === 'float32' && first.tensor.dtype === 'float32') return first.dtype;
    const dtypes = this.inputs.flatMap((each) => (each === undefined || each.kind === 'sequence' ? [] : [each.dtype]));
    if (dtype === 'uint8') return 'uint8';
    if (dtype === 'int32') return dtypes.find((each) => !isFloatDtype(each) && each !== 'bool') ?? 'int32';
    return dtypes.find(isFloatDtype) ?? 'float32';
  }
}

/** A call of a host operator: every input is on the host. */
export class HostCall extends Call {
  host(index = 0): HostValue {
    return this.array(index) as HostValue;
  }

  data(index = 0): Exclude<OnnxData, string[]> {
    const { data, dtype } = this.host(index);
    if (dtype === 'string') throw this.error(`input ${index} holds text where numbers are wanted.`);
    return data as Exclude<OnnxData, string[]>;
  }
}

/** Computes with the engine's ops. Undefined: not for these inputs, let the host do it. */
export type TensorOperator = (call: TensorCall) => readonly TensorResult[] | TensorResult | undefined;

/** Computes on the host. */
export type HostOperator = (call: HostCall) => readonly OnnxValue[] | OnnxValue;

/** Requests that the evaluation of a graph makes of whoever drives it: tensors to compute. The answer are host values. */
export type Evaluation<T> = Generator<readonly TensorValue[], T, readonly HostValue[]>;

/** Runs a graph of a node's attributes on values for its inputs; what it reads from outside is there already. */
export type RunInner = (graph: OnnxGraph, inputs: readonly OnnxValue[]) => Evaluation<OnnxValue[]>;

/** An operator that runs graphs. */
export type GraphOperator = (call: Call, run: RunInner) => Evaluation<readonly OnnxValue[]>;

/** Operators by name; those of other domains are `domain.Name`. */
export type TensorOperators = Readonly<Record<string, TensorOperator>>;
export type HostOperators = Readonly<Record<string, HostOperator>>;
export type GraphOperators = Readonly<Record<string, GraphOperator>>;
