// What flows through an ONNX graph: tensors that the engine computes, arrays on the host for what it cannot (64-bit integers,
// strings, shapes), and sequences of both. Every value keeps the element type that ONNX gives it.
import type { Dtype } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import type { OnnxDtype } from '../../formats/onnx-schema.js';
import { makeOnnxData, type OnnxData } from '../../formats/onnx-tensor.js';
import { constant, type Tensor, tensor } from '../../graph/tensor.js';

/** A tensor of the engine. Its own dtype may be wider: 16-bit floats are computed in float32, integers in int32. */
export interface TensorValue {
  readonly kind: 'tensor';
  readonly dtype: OnnxDtype;
  readonly shape: Shape;
  readonly tensor: Tensor;
}

/** Elements on the host. */
export interface HostValue {
  readonly kind: 'host';
  readonly dtype: OnnxDtype;
  readonly shape: Shape;
  readonly data: OnnxData;
}

/** Values in a row; what an empty optional holds is an empty one. */
export interface SequenceValue {
  readonly kind: 'sequence';
  readonly items: readonly OnnxValue[];
}

export type OnnxValue = TensorValue | HostValue | SequenceValue;

/** The engine's element type for one of ONNX's. Throws `unsupported` for text and complex numbers. */
export function engineDtype(dtype: OnnxDtype): Dtype {
  switch (dtype) {
    case 'bool':
      return 'bool';
    case 'uint8':
      return 'uint8';
    case 'int2':
    case 'uint2':
    case 'int4':
    case 'uint4':
    case 'int8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      return 'int32';
    case 'string':
    case 'complex64':
    case 'complex128':
      throw new FoveaError({
        code: 'unsupported',
        op: 'onnx',
        message: `the engine has no elements of type ${dtype}.`,
        got: dtype,
      });
    default:
      return 'float32';
  }
}

export function isFloatDtype(dtype: OnnxDtype): boolean {
  return dtype.startsWith('float') || dtype === 'bfloat16';
}

export function hostValue(dtype: OnnxDtype, shape: Shape, data: OnnxData | readonly number[]): HostValue {
  return { kind: 'host', dtype, shape, data: isList(data, dtype) ? fill(dtype, data) : data };
}

function isList(data: OnnxData | readonly number[], dtype: OnnxDtype): data is readonly number[] {
  return Array.isArray(data) && dtype !== 'string';
}

function fill(dtype: OnnxDtype, values: readonly number[]): OnnxData {
  const data = makeOnnxData(dtype, values.length) as Float64Array;
  values.forEach((value, i) => {
    data[i] = value;
  });
  return data;
}

export function tensorValue(dtype: OnnxDtype, of: Tensor): TensorValue {
  return { kind: 'tensor', dtype, shape: of.shape, tensor: of };
}

// Short ones are constants of the graph, which the compiler folds.
const SHORT = 32;
const known = new WeakMap<HostValue, Tensor>();

/** The value as a tensor. Throws `range` where an integer does not fit, `unsupported` for a type the engine lacks. */
export function toTensor(value: OnnxValue): Tensor {
  if (value.kind === 'tensor') return value.tensor;
  if (value.kind === 'sequence') {
    throw new FoveaError({ code: 'argument', op: 'onnx', message: 'a sequence stands where a tensor is wanted.' });
  }
  const before = known.get(value);
  if (before !== undefined) return before;
  const { shape } = value;
  const dtype = engineDtype(value.dtype);
  const data = value.data as Exclude<OnnxData, string[]>;
  if (dtype === 'int32' && !(data instanceof Int32Array)) checkRange(data, value.dtype);
  const isShort = sizeOf(shape) <= SHORT;
  const natural =
    dtype === 'int32' ? Int32Array.from(data) : dtype === 'float32' ? Float32Array.from(data) : Uint8Array.from(data);
  const made = isShort ? constant(Array.from(natural), shape, dtype) : tensor(natural, { shape, dtype });
  known.set(value, made);
  return made;
}

function checkRange(data: ArrayLike<number>, dtype: OnnxDtype): void {
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    // The largest and smallest of 64 bits stand for "to the end"; what stays in range after clamping means the same.
    if (Math.abs(value) <= 2 ** 31 || Math.abs(value) >= 2 ** 63 - 1024) continue;
    throw new FoveaError({
      code: 'range',
      op: 'onnx',
      message: `the ${dtype} ${value} is outside of the 32 bits that the engine counts with.`,
      got: value,
    });
  }
}

/** A value's elements in plain numbers; undefined where it is not on the host. */
export function numbersOf(value: OnnxValue): number[] | undefined {
  return value.kind === 'host' && value.dtype !== 'string' ? Array.from(value.data as ArrayLike<number>) : undefined;
}
