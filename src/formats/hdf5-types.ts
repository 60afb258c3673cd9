// HDF5's datatype, dataspace, fill value and attribute values (sections IV.A.2.b, c, d, f of the format specification).
import type { Shape } from '../core/shape.js';
import { ByteSink, type Cursor, decodeText, formatError } from './cursor.js';
import type { StoredDtype } from './stored.js';

/** A datatype as far as Keras's files need it. */
export interface Hdf5Type {
  /** `stored`: numbers; `text` and `vlenText`: strings; `other`: what only a reader of it must refuse. */
  readonly kind: 'stored' | 'text' | 'vlenText' | 'other';
  readonly dtype: StoredDtype;
  /** Bytes of one element. */
  readonly size: number;
  readonly isBigEndian: boolean;
  /** What it is, for errors. */
  readonly label: string;
}

/** An array's shape; `null` is the empty dataspace, which has no elements at all. */
export type Extent = Shape | null;

const CLASS_NAMES = [
  'integer',
  'float',
  'time',
  'string',
  'bitfield',
  'opaque',
  'compound',
  'reference',
  'enum',
  'vlen',
  'array',
];

export function readType(cursor: Cursor, depth = 0): Hdf5Type {
  if (depth > 8) throw formatError(cursor.file, 'the HDF5 file is damaged: a datatype contains itself.');
  const head = cursor.u8();
  const classId = head & 15;
  const version = head >> 4;
  const bits = cursor.u8() | (cursor.u8() << 8) | (cursor.u8() << 16);
  const size = cursor.u32();
  const label = `${size * 8}-bit ${CLASS_NAMES[classId] ?? `class ${classId}`}`;
  if (version < 1 || version > 5 || size === 0)
    throw formatError(cursor.file, 'the HDF5 file is damaged: no such datatype.');
  const type = (kind: Hdf5Type['kind'], dtype: StoredDtype = 'uint8', isBigEndian = (bits & 1) === 1): Hdf5Type => ({
    kind,
    dtype,
    size,
    isBigEndian,
    label,
  });
  switch (classId) {
    case 0: {
      cursor.need(4);
      const dtype = `${bits & 8 ? 'int' : 'uint'}${size * 8}`;
      return isStoredDtype(dtype) ? type('stored', dtype) : type('other');
    }
    case 1:
      return readFloat(cursor, type);
    case 3:
      return type('text', 'uint8', false);
    case 5:
      cursor.need(bits & 255);
      // numpy's bfloat16 is stored as two opaque bytes; the dataset's attribute says what they are.
      return { ...type('other', 'bfloat16', false), label: size === 2 ? 'opaque16' : label };
    case 8: {
      const base = readType(cursor, depth + 1);
      const names: string[] = [];
      for (let i = 0; i < (bits & 0xffff); i++) {
        const from = cursor.at;
        names.push(cursor.zeroTerminated());
        if (version < 3) cursor.need((8 - ((cursor.at - from) % 8)) % 8);
      }
      cursor.need(names.length * base.size);
      const isBool = base.size === 1 && names.length === 2 && names[0] === 'FALSE' && names[1] === 'TRUE';
      return isBool ? { ...base, dtype: 'bool' } : base;
    }
    case 9: {
      readType(cursor, depth + 1);
      return (bits & 15) === 1 ? type('vlenText', 'uint8', false) : type('other');
    }
    default:
      return type('other');
  }
}

function readFloat(cursor: Cursor, type: (kind: Hdf5Type['kind'], dtype?: StoredDtype) => Hdf5Type): Hdf5Type {
  const offset = cursor.u16();
  const precision = cursor.u16();
  cursor.u8();
  const exponentBits = cursor.u8();
  cursor.u8();
  const mantissaBits = cursor.u8();
  cursor.u32();
  if (offset !== 0) return type('other');
  switch (`${precision}/${exponentBits}/${mantissaBits}`) {
    case '64/11/52':
      return type('stored', 'float64');
    case '32/8/23':
      return type('stored', 'float32');
    case '16/5/10':
      return type('stored', 'float16');
    case '16/8/7':
      return type('stored', 'bfloat16');
    default:
      return type('other');
  }
}

function isStoredDtype(name: string): name is StoredDtype {
  return /^u?int(8|16|32|64)$/.test(name);
}

const FLOATS = {
  float64: [64, 52, 11, 52, 1023],
  float32: [32, 23, 8, 23, 127],
  float16: [16, 10, 5, 10, 15],
} as const;

/** The datatype message of a dtype, as h5py writes it. */
export function encodeType(dtype: StoredDtype): Uint8Array {
  const sink = new ByteSink(32);
  switch (dtype) {
    case 'float64':
    case 'float32':
    case 'float16': {
      const [precision, exponentAt, exponentBits, mantissaBits, bias] = FLOATS[dtype];
      sink
        .u8(0x11, 0x20, precision - 1, 0)
        .u32(precision / 8)
        .u16(0, precision);
      return sink.u8(exponentAt, exponentBits, 0, mantissaBits).u32(bias).done();
    }
    case 'bfloat16':
      return sink.u8(0x15, 0, 0, 0).u32(2).done();
    case 'bool':
      sink.u8(0x18, 2, 0, 0).u32(1).put(encodeType('int8'));
      return sink.text('FALSE').zeros(3).text('TRUE').zeros(4).u8(0, 1).done();
    default: {
      const size = Number(dtype.replace(/\D/g, '')) / 8;
      return sink
        .u8(0x10, dtype.startsWith('u') ? 0 : 8, 0, 0)
        .u32(size)
        .u16(0, size * 8)
        .done();
    }
  }
}

/** The datatype message of UTF-8 strings of any length, whose elements are references into a global heap. */
export function encodeTextType(): Uint8Array {
  return new ByteSink(32).u8(0x19, 1, 1, 0).u32(16).u8(0x10, 0, 0, 0).u32(1).u16(0, 8).done();
}

export function readExtent(cursor: Cursor, readLength: () => number): Extent {
  const version = cursor.u8();
  const rank = cursor.u8();
  const flags = cursor.u8();
  const spaceClass = cursor.u8();
  if (version === 1) cursor.need(4);
  else if (version !== 2)
    throw formatError(cursor.file, `the HDF5 file is damaged: no dataspace has version ${version}.`);
  if (rank > 32) throw formatError(cursor.file, `the HDF5 file is damaged: an array of ${rank} dimensions.`);
  const shape = Array.from({ length: rank }, readLength);
  if (flags & 1) for (let i = 0; i < rank; i++) readLength();
  return version === 2 && spaceClass === 2 ? null : shape;
}

/** The dataspace message of a shape, as h5py writes it: with maximum sizes. */
export function encodeExtent(shape: Shape): Uint8Array {
  const sink = new ByteSink(32).u8(1, shape.length, shape.length === 0 ? 0 : 1, 0).u32(0);
  return sink.u64(...shape, ...shape).done();
}

/** A fixed-length string without its padding. */
export function decodeFixedText(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return decodeText(zero < 0 ? bytes : bytes.subarray(0, zero)).trimEnd();
}

/** Turns big-endian elements of `size` bytes into little-endian ones, in a copy. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i + size <= bytes.length; i += size) {
    for (let j = 0; j < size; j++) out[i + j] = bytes[i + size - 1 - j] as number;
  }
  return out;
}
