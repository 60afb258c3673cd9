// Tensors of ONNX files as numbers: every element type is decoded to a typed array that holds its values, 64-bit integers as
// whole doubles (exact to 2^53, which no shape, index or label of a vision model passes), strings as a list.
import { fromBfloat16Bits, fromFloat16Bits } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape } from '../core/shape.js';
import { formatError } from './cursor.js';
import { ONNX_DTYPES, type OnnxDtype, type StringStringEntryProto, type TensorProto } from './onnx-schema.js';

/** Elements as numbers: floats of less than 32 bits as float32, 64-bit integers as doubles, bool as 0 and 1. */
export type OnnxData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array
  | string[];

/** A tensor of a file. `data` decodes it: once, so do not write into what it gives. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly shape: Shape;
  readonly data: OnnxData;
}

/** The bytes of a tensor that lie in another file. */
export interface ExternalPlace {
  /** Relative to the model's folder. */
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

const NAMES = new Map(Object.entries(ONNX_DTYPES).map(([name, number]) => [number, name as OnnxDtype]));

/** The element type of a number in a file; undefined for none or one that is not known. */
export function onnxDtypeOf(number: number | undefined): OnnxDtype | undefined {
  return NAMES.get((number ?? 0) as never);
}

const BITS: Record<OnnxDtype, number> = {
  float32: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  string: 0,
  bool: 8,
  float16: 16,
  float64: 64,
  uint32: 32,
  uint64: 64,
  complex64: 64,
  complex128: 128,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  uint4: 4,
  int4: 4,
  float4e2m1: 4,
  float8e8m0: 8,
  uint2: 2,
  int2: 2,
};

/** Room for `size` elements of a type; strings are empty. */
export function makeOnnxData(dtype: OnnxDtype, size: number): OnnxData {
  switch (dtype) {
    case 'string':
      return Array<string>(size).fill('');
    case 'float64':
    case 'int64':
    case 'uint64':
      return new Float64Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'uint32':
      return new Uint32Array(size);
    case 'int16':
      return new Int16Array(size);
    case 'uint16':
      return new Uint16Array(size);
    case 'int8':
    case 'int4':
    case 'int2':
      return new Int8Array(size);
    case 'uint8':
    case 'bool':
    case 'uint4':
    case 'uint2':
      return new Uint8Array(size);
    default:
      return new Float32Array(size);
  }
}

/** What a float of eight bits or fewer stands for: sign, exponent and fraction, with the infinities and NaN of its kind. */
export function decodeSmallFloat(dtype: OnnxDtype, bits: number): number {
  switch (dtype) {
    case 'float8e8m0':
      return bits === 255 ? Number.NaN : 2 ** (bits - 127);
    case 'float4e2m1':
      return smallFloat(bits, 4, 1, 1);
    case 'float8e4m3fn':
      return (bits & 127) === 127 ? Number.NaN : smallFloat(bits, 8, 3, 7);
    case 'float8e4m3fnuz':
      return bits === 128 ? Number.NaN : smallFloat(bits, 8, 3, 8);
    case 'float8e5m2fnuz':
      return bits === 128 ? Number.NaN : smallFloat(bits, 8, 2, 16);
    default: {
      const size = bits & 127;
      if (size > 124) return Number.NaN;
      if (size === 124) return bits < 128 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
      return smallFloat(bits, 8, 2, 15);
    }
  }
}

function smallFloat(bits: number, width: number, fractionBits: number, bias: number): number {
  const sign = bits >> (width - 1) ? -1 : 1;
  const fraction = (bits & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  const exponent = (bits >> fractionBits) & ((1 << (width - 1 - fractionBits)) - 1);
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

/** The shape and element type of a tensor, its bytes checked against them. `file` and the tensor's name are in every error. */
export function describeTensor(
  proto: TensorProto,
  file: string,
  external: number | undefined,
): { name: string; dtype: OnnxDtype; shape: Shape; size: number } {
  const name = proto.name ?? '';
  const bad = (message: string): FoveaError =>
    formatError(file, `the tensor '${name}' ${message}`, { place: name === '' ? 'a constant' : name });
  const dtype = onnxDtypeOf(proto.dataType);
  if (dtype === undefined) throw bad(`has the element type ${proto.dataType ?? 0}, which ONNX does not have.`);
  const dims = proto.dims ?? [];
  const text = `[${dims.join(',')}]`;
  let size = 1n;
  for (const dim of dims) {
    if (dim < 0n) throw bad(`has the shape ${text}: a size cannot be ${dim}.`);
    size *= dim;
  }
  if (dims.length > 64) throw bad(`has ${dims.length} axes.`);
  const stored = external ?? storedElements(proto, dtype);
  if (BigInt(stored) !== size && !(external === undefined && isPaddedNibbles(proto, dtype, size))) {
    throw bad(
      `of the shape ${text} and ${dtype} needs ${size} values, but the file holds ${stored} (in bytes, its size is wrong).`,
    );
  }
  return { name, dtype, shape: dims.map(Number), size: Number(size) };
}

// Two of four bits share a byte, so the last byte may be half empty.
function isPaddedNibbles(proto: TensorProto, dtype: OnnxDtype, size: bigint): boolean {
  const bits = BITS[dtype];
  if (bits >= 8 || bits === 0) return false;
  const bytes = proto.rawData?.length ?? proto.int32Data?.length ?? 0;
  return BigInt(bytes) === (size * BigInt(bits) + 7n) / 8n;
}

/** How many bytes a tensor should have by its shape and element type; not a number where they say nothing. */
export function bytesWanted({ dims = [], dataType }: TensorProto): number {
  const dtype = onnxDtypeOf(dataType);
  return dtype === undefined
    ? Number.NaN
    : Math.ceil((dims.reduce((product, dim) => product * Number(dim), 1) * BITS[dtype]) / 8);
}

/** How many elements so many bytes hold; a fraction where they do not fit. */
export function elementsInBytes(dtype: OnnxDtype, bytes: number): number {
  return dtype === 'string' ? 0 : Math.trunc(bytes * 8) % BITS[dtype] === 0 ? (bytes * 8) / BITS[dtype] : -1;
}

function storedElements(proto: TensorProto, dtype: OnnxDtype): number {
  if (dtype === 'string') return proto.stringData?.length ?? 0;
  if (proto.rawData !== undefined && proto.rawData.length > 0) return elementsInBytes(dtype, proto.rawData.length);
  switch (dtype) {
    case 'float32':
      return proto.floatData?.length ?? 0;
    case 'complex64':
      return (proto.floatData?.length ?? 0) / 2;
    case 'float64':
      return proto.doubleData?.length ?? 0;
    case 'complex128':
      return (proto.doubleData?.length ?? 0) / 2;
    case 'int64':
      return proto.int64Data?.length ?? 0;
    case 'uint64':
    case 'uint32':
      return proto.uint64Data?.length ?? 0;
    default:
      return ((proto.int32Data?.length ?? 0) * 8) / Math.min(8, BITS[dtype]);
  }
}

/**
 * Moves bytes that lie askew down to a multiple of four, over the end of their own length, which has been read: then they are
 * a Float32Array as they lie. Few tensors of a file start at such a place by chance.
 */
export function alignRawData(proto: TensorProto): void {
  const { rawData } = proto;
  // The field's tag and the length of 128 bytes take three bytes.
  if (rawData === undefined || rawData.length < 128 || rawData.byteOffset % 4 === 0) return;
  const at = rawData.byteOffset - (rawData.byteOffset % 4);
  const moved = new Uint8Array(rawData.buffer as ArrayBuffer, at, rawData.length);
  moved.set(rawData);
  proto.rawData = moved;
}

/** Decodes a tensor that `describeTensor` has found whole. */
export function decodeTensor(
  proto: TensorProto,
  dtype: OnnxDtype,
  size: number,
  external: Uint8Array | undefined,
): OnnxData {
  if (dtype === 'string') return (proto.stringData ?? []).map((bytes) => new TextDecoder().decode(bytes));
  if (dtype === 'complex64' || dtype === 'complex128') {
    throw new FoveaError({
      code: 'unsupported',
      op: 'onnx',
      message: `the tensor '${proto.name ?? ''}' is ${dtype}; complex numbers are not supported.`,
    });
  }
  const raw = external ?? (proto.rawData !== undefined && proto.rawData.length > 0 ? proto.rawData : undefined);
  if (raw !== undefined) return decodeRaw(raw, dtype, size);
  const list: ArrayLike<number | bigint> =
    proto.floatData ?? proto.doubleData ?? proto.int64Data ?? proto.uint64Data ?? proto.int32Data ?? [];
  if (dtype === 'float32' && list instanceof Float32Array) return list;
  const out = makeOnnxData(dtype, size) as Float32Array;
  if (BITS[dtype] < 8) return unpack(Uint8Array.from(list as ArrayLike<number>), dtype, out);
  const convert = bitsConverter(dtype);
  for (let i = 0; i < size; i++) out[i] = convert === undefined ? Number(list[i]) : convert(Number(list[i]));
  return out;
}

/** For types whose elements are stored as bits of whole numbers. */
function bitsConverter(dtype: OnnxDtype): ((bits: number) => number) | undefined {
  if (dtype === 'float16') return fromFloat16Bits;
  if (dtype === 'bfloat16') return fromBfloat16Bits;
  if (dtype.startsWith('float8') || dtype.startsWith('float4')) return (bits) => decodeSmallFloat(dtype, bits);
  return undefined;
}

function unpack(
  bytes: Uint8Array,
  dtype: OnnxDtype,
  out: { [index: number]: number; readonly length: number },
): OnnxData {
  const width = BITS[dtype];
  const perByte = 8 / width;
  for (let i = 0; i < out.length; i++) {
    const bits = ((bytes[Math.floor(i / perByte)] as number) >> (width * (i % perByte))) & ((1 << width) - 1);
    const isNegative = dtype.startsWith('int') && bits >> (width - 1) === 1;
    out[i] = dtype === 'float4e2m1' ? decodeSmallFloat(dtype, bits) : isNegative ? bits - (1 << width) : bits;
  }
  return out as OnnxData;
}

function decodeRaw(raw: Uint8Array, dtype: OnnxDtype, size: number): OnnxData {
  if (dtype === 'bool') return Uint8Array.from(raw, (each) => (each === 0 ? 0 : 1));
  if (dtype === 'float32' && raw.byteOffset % 4 === 0) {
    return new Float32Array(raw.buffer as ArrayBuffer, raw.byteOffset, size);
  }
  const out = makeOnnxData(dtype, size) as Float32Array;
  if (BITS[dtype] < 8) return unpack(raw, dtype, out);
  // Files are little-endian, as is every machine that typed arrays are found on.
  // A Node Buffer's own slice copies nothing.
  const aligned = Uint8Array.prototype.slice.call(raw).buffer;
  switch (dtype) {
    case 'float32':
      return new Float32Array(aligned);
    case 'float64':
      return new Float64Array(aligned);
    case 'int64':
    case 'uint64': {
      const wide = dtype === 'int64' ? new BigInt64Array(aligned) : new BigUint64Array(aligned);
      for (let i = 0; i < size; i++) out[i] = Number(wide[i]);
      return out;
    }
    case 'int32':
      return new Int32Array(aligned);
    case 'uint32':
      return new Uint32Array(aligned);
    case 'int16':
      return new Int16Array(aligned);
    case 'uint16':
      return new Uint16Array(aligned);
    case 'int8':
      return new Int8Array(aligned);
    case 'uint8':
      return new Uint8Array(aligned);
    default: {
      const bits = BITS[dtype] === 16 ? new Uint16Array(aligned) : new Uint8Array(aligned);
      const convert = bitsConverter(dtype) as (bits: number) => number;
      for (let i = 0; i < size; i++) out[i] = convert(bits[i] as number);
      return out;
    }
  }
}

/** Where a tensor's bytes lie outside; undefined where they are in the file. Throws `format` for a place outside its folder. */
export function externalPlace(proto: TensorProto, file: string): ExternalPlace | undefined {
  if (proto.dataLocation !== 1) return undefined;
  const entries = new Map((proto.externalData ?? []).map(({ key, value }: StringStringEntryProto) => [key, value]));
  const name = proto.name ?? '';
  const bad = (message: string): FoveaError => formatError(file, `the tensor '${name}' ${message}`, { place: name });
  const location = entries.get('location') ?? '';
  const parts = location.split(/[/\\]/);
  const isOutside =
    location === '' || parts.some((part) => part === '..' || part === '') || /^[A-Za-z]:|\0/.test(location);
  if (isOutside) throw bad(`names '${location}' as the file of its data, which is not in the model's folder.`);
  const number = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw bad(`has the ${key} '${text}' of its external data.`);
    return Number(text);
  };
  return { location, offset: number('offset') ?? 0, length: number('length') };
}

/** A shape for messages, with names of sizes. */
export function formatOnnxShape(shape: readonly (number | string | null)[]): string {
  return shape.every((dim): dim is number => typeof dim === 'number')
    ? formatShape(shape)
    : `[${shape.map((dim) => dim ?? '?').join(',')}]`;
}
