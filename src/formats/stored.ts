// Arrays as files hold them: more dtypes than tensors have, decoded only when asked for.
import { fromBfloat16Bits, fromFloat16Bits } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';

/** Element types of stored arrays. `float16` and `bfloat16` travel as their bits, `bool` as 0 and 1. */
export type StoredDtype =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** What holds the elements of a stored array. */
export type StoredData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/** An array in a file, row-major. `data()` decodes it, and may give a view of the file's bytes: do not write into it. */
export interface StoredArray {
  readonly shape: Shape;
  readonly dtype: StoredDtype;
  data(): StoredData;
}

const CONSTRUCTORS = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** Bytes of one element. */
export function storedBytes(dtype: StoredDtype): number {
  return CONSTRUCTORS[dtype].BYTES_PER_ELEMENT;
}

/** The elements that little-endian `bytes` hold: a view where the alignment allows, else a copy. */
export function viewStored(dtype: StoredDtype, bytes: Uint8Array): StoredData {
  const make = CONSTRUCTORS[dtype];
  const size = make.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new make(aligned.buffer as ArrayBuffer, aligned.byteOffset, Math.floor(aligned.byteLength / size));
}

/** Joins elements with their shape and dtype. Throws `shape` where their sizes differ. */
export function storedArray(shape: Shape, dtype: StoredDtype, data: StoredData): StoredArray {
  if (sizeOf(shape) !== data.length) {
    throw new FoveaError({
      code: 'shape',
      op: 'storedArray',
      message: `${data.length} elements do not fill the shape ${formatShape(shape)}, which holds ${sizeOf(shape)}.`,
      got: data.length,
      want: sizeOf(shape),
    });
  }
  if (!(data instanceof CONSTRUCTORS[dtype])) {
    throw new FoveaError({
      code: 'dtype',
      op: 'storedArray',
      message: `elements of ${dtype} come in a ${CONSTRUCTORS[dtype].name}.`,
      got: data.constructor.name,
      want: CONSTRUCTORS[dtype].name,
    });
  }
  return { shape: [...shape], dtype, data: () => data };
}

/** A stored array's elements as float32 numbers: rounded from float64, exact from the 16-bit floats. */
export function storedFloats(array: StoredArray): Float32Array {
  const data = array.data();
  if (data instanceof Float32Array) return data;
  const out = new Float32Array(data.length);
  if (array.dtype === 'float16') for (let i = 0; i < out.length; i++) out[i] = fromFloat16Bits(data[i] as number);
  else if (array.dtype === 'bfloat16')
    for (let i = 0; i < out.length; i++) out[i] = fromBfloat16Bits(data[i] as number);
  else for (let i = 0; i < out.length; i++) out[i] = Number(data[i]);
  return out;
}
