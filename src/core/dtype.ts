// Element types: their sizes, typed arrays and what mixing two of them gives.

/** Element types of tensors. `bfloat16` and `float16` are storage types: arithmetic on them is done in float32. */
export type Dtype = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'uint8' | 'bool';

/** What holds a tensor's elements on the host: 16-bit floats travel as their bits. */
export type TypedArray = Float32Array | Uint16Array | Int32Array | Uint8Array;

const BYTES: Record<Dtype, number> = { float32: 4, float16: 2, bfloat16: 2, int32: 4, uint8: 1, bool: 1 };

// From narrow to wide: the wider of two is the type of a mixed operation.
const WIDTH: Record<Dtype, number> = { bool: 0, uint8: 1, int32: 2, float16: 3, bfloat16: 3, float32: 4 };

/** Bytes of one element. */
export function bytesPerElement(dtype: Dtype): number {
  return BYTES[dtype];
}

export function isFloat(dtype: Dtype): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
}

/** The dtype of an operation on both: the wider one, and float32 for float16 with bfloat16. */
export function promote(a: Dtype, b: Dtype): Dtype {
  if (a === b) return a;
  if (WIDTH[a] === WIDTH[b]) return 'float32';
  return WIDTH[a] > WIDTH[b] ? a : b;
}

/** A host array for `size` elements, zero-filled. */
export function makeTypedArray(dtype: Dtype, size: number): TypedArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(size);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'uint8':
    case 'bool':
      return new Uint8Array(size);
  }
}

/** The elements in `bytes`, without copying where its alignment allows. */
export function viewTypedArray(dtype: Dtype, bytes: ArrayBuffer): TypedArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(bytes);
    case 'int32':
      return new Int32Array(bytes);
    case 'uint8':
    case 'bool':
      return new Uint8Array(bytes);
  }
}

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** The bits of `value` as a float32. */
export function floatBits(value: number): number {
  scratchFloat[0] = value;
  return scratchBits[0] as number;
}

/** The float32 whose bits these are. */
export function bitsFloat(bits: number): number {
  scratchBits[0] = bits;
  return scratchFloat[0] as number;
}

/** Rounds to bfloat16, half to even, and gives its 16 bits. */
export function toBfloat16Bits(value: number): number {
  const bits = floatBits(value);
  if (Number.isNaN(value)) return ((bits >>> 16) | 0x40) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBfloat16Bits(bits: number): number {
  return bitsFloat((bits << 16) >>> 0);
}

/** Rounds to float16, half to even, and gives its 16 bits. */
export function toFloat16Bits(value: number): number {
  const bits = floatBits(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14: a multiple of 2^-24. Adding 0.5 rounds at that place, half to even.
    const shifted = floatBits(bitsFloat(magnitude) + 0.5);
    return sign | (shifted - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** What storing `value` in this dtype and reading it back gives. */
export function roundTo(dtype: Dtype, value: number): number {
  switch (dtype) {
    case 'float32':
      return Math.fround(value);
    case 'float16':
      return fromFloat16Bits(toFloat16Bits(value));
    case 'bfloat16':
      return fromBfloat16Bits(toBfloat16Bits(value));
    case 'int32':
      return toInt32(value);
    case 'uint8':
      return toInt32(value) & 255;
    case 'bool':
      return value !== 0 ? 1 : 0;
  }
}

/** Truncates and saturates as the kernels do; NaN gives 0. */
export function toInt32(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-2147483648, Math.min(2147483647, Math.trunc(value)));
}

/** Encodes numbers as this dtype's elements. */
export function encodeElements(dtype: Dtype, values: ArrayLike<number>): TypedArray {
  const out = makeTypedArray(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    out[i] =
      dtype === 'float16' ? toFloat16Bits(value) : dtype === 'bfloat16' ? toBfloat16Bits(value) : roundTo(dtype, value);
  }
  return out;
}

/** The numbers that a host array of this dtype stands for. */
export function decodeElements(dtype: Dtype, elements: TypedArray): Float64Array {
  const out = new Float64Array(elements.length);
  for (let i = 0; i < out.length; i++) {
    const raw = elements[i] as number;
    out[i] = dtype === 'float16' ? fromFloat16Bits(raw) : dtype === 'bfloat16' ? fromBfloat16Bits(raw) : raw;
  }
  return out;
}
