// Messages of Protocol Buffers by tables of their fields: reading that trusts no length, and writing. The tables are checked
// against the types of the messages. Wire format: https://protobuf.dev/programming-guides/encoding/
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FoveaError } from '../core/errors.js';
import { formatError } from './cursor.js';

type NumberKind = 'int32' | 'uint32' | 'sint32' | 'fixed32' | 'sfixed32' | 'enum' | 'float' | 'double';
type BigKind = 'int64' | 'uint64' | 'sint64' | 'fixed64' | 'sfixed64';

/** Kinds of values that are not messages. 64-bit integers are bigints, bytes are views of the file. */
export type ScalarKind = NumberKind | BigKind | 'bool' | 'string' | 'bytes';

type KindOf<V> = [V] extends [boolean]
  ? 'bool'
  : [V] extends [number]
    ? NumberKind
    : [V] extends [bigint]
      ? BigKind
      : [V] extends [string]
        ? 'string'
        : [V] extends [Uint8Array]
          ? 'bytes'
          : () => Message<V>;

/** One field: its number, what it holds, whether it repeats. `packed` says how it is written; both forms are read. */
export type Field<V> = [V] extends [Float32Array]
  ? { readonly number: number; readonly kind: 'float'; readonly repeated: true; readonly packed?: boolean }
  : [V] extends [Float64Array]
    ? { readonly number: number; readonly kind: 'double'; readonly repeated: true; readonly packed?: boolean }
    : [V] extends [readonly (infer E)[]]
      ? { readonly number: number; readonly kind: KindOf<E>; readonly repeated: true; readonly packed?: boolean }
      : { readonly number: number; readonly kind: KindOf<V> };

/** A message's fields by name. Repeated floats are a Float32Array, repeated doubles a Float64Array, others arrays. */
export interface Message<T> {
  readonly name: string;
  readonly fields: { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };
}

/** What is known of a field when the value's type is not. */
interface AnyField {
  readonly name: string;
  readonly number: number;
  readonly kind: ScalarKind | (() => AnyMessage);
  readonly repeated?: boolean;
  readonly packed?: boolean;
}

interface AnyMessage {
  readonly name: string;
  readonly fields: Readonly<Record<string, Omit<AnyField, 'name'>>>;
}

type Values = Record<string, unknown>;

// Deeper than any honest file; a stack frame each, so that no file exhausts the stack.
const MAX_DEPTH = 64;
const byNumber = new WeakMap<object, ReadonlyMap<number, AnyField>>();

function fieldsOf(message: AnyMessage): ReadonlyMap<number, AnyField> {
  const known = byNumber.get(message);
  if (known !== undefined) return known;
  const made = new Map(Object.entries(message.fields).map(([name, field]) => [field.number, { name, ...field }]));
  byNumber.set(message, made);
  return made;
}

/**
 * Reads a message. Fields that the file lacks are absent, those that the table lacks are skipped; bytes are views of `bytes`.
 * Throws `format`, naming the file, the field and the offset, where the bytes are no such message. `what` is what was
 * expected, e.g. `an ONNX model`.
 */
export function readMessage<T extends object>(message: Message<T>, bytes: Uint8Array, file: string, what: string): T {
  const reader = new BinaryReader(bytes);
  const place: string[] = [];
  try {
    return readInto(reader, message as unknown as AnyMessage, bytes, bytes.length, {}, place, 0) as T;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw formatError(
      file,
      `not ${what}, or a truncated or damaged one: as a protobuf message it breaks at byte ${Math.min(reader.pos, bytes.length)} of ${bytes.length} (${why}).`,
      { place: place.join('.'), cause },
    );
  }
}

/** Reads fields up to `end`. `place` is left as it stands where reading fails: the path to the field. */
function readInto(
  reader: BinaryReader,
  message: AnyMessage,
  bytes: Uint8Array,
  end: number,
  values: Values,
  place: string[],
  depth: number,
): Values {
  if (depth > MAX_DEPTH) throw new Error(`messages are nested more than ${MAX_DEPTH} deep`);
  const fields = fieldsOf(message);
  const parts = new Map<AnyField, unknown[]>();
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (field === undefined) {
      reader.skip(wire, number);
    } else {
      place.push(field.name);
      const { kind } = field;
      if (typeof kind === 'function') {
        expectWire(wire, WireType.LengthDelimited);
        const size = lengthOf(reader, end);
        const before = field.repeated ? undefined : (values[field.name] as Values | undefined);
        const value = readInto(reader, kind(), bytes, reader.pos + size, before ?? {}, place, depth + 1);
        if (field.repeated) listOf(values, field.name).push(value);
        else values[field.name] = value;
      } else if (kind === 'string' || kind === 'bytes') {
        expectWire(wire, WireType.LengthDelimited);
        const size = lengthOf(reader, end);
        const view = bytes.subarray(reader.pos, reader.pos + size);
        reader.pos += size;
        const value = kind === 'bytes' ? view : new TextDecoder().decode(view);
        if (field.repeated) listOf(values, field.name).push(value);
        else values[field.name] = value;
      } else if (field.repeated) {
        const list = parts.get(field) ?? [];
        parts.set(field, list);
        if (wire === WireType.LengthDelimited) {
          const size = lengthOf(reader, end);
          readPacked(reader, kind, bytes, reader.pos + size, list);
        } else {
          expectWire(wire, wireOf(kind));
          list.push(readScalar(reader, kind));
        }
      } else {
        expectWire(wire, wireOf(kind));
        values[field.name] = readScalar(reader, kind);
      }
      place.pop();
    }
    if (reader.pos > end) throw new Error(`${message.name} ends at byte ${end}, inside a field`);
  }
  for (const [field, list] of parts) values[field.name] = joined(field.kind as ScalarKind, list, values[field.name]);
  return values;
}

function listOf(values: Values, name: string): unknown[] {
  const list = (values[name] as unknown[] | undefined) ?? [];
  values[name] = list;
  return list;
}

/** The length that stands next, no longer than what is left. */
function lengthOf(reader: BinaryReader, end: number): number {
  const size = reader.uint32();
  if (size > end - reader.pos) throw new Error(`a length of ${size} bytes where ${end - reader.pos} are left`);
  return size;
}

function expectWire(got: WireType, want: WireType): void {
  if (got !== want) throw new Error(`wire type ${got} where ${want} belongs`);
}

function wireOf(kind: ScalarKind): WireType {
  switch (kind) {
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return WireType.Bit32;
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return WireType.Bit64;
    case 'string':
    case 'bytes':
      return WireType.LengthDelimited;
    default:
      return WireType.Varint;
  }
}

function readScalar(reader: BinaryReader, kind: ScalarKind): unknown {
  switch (kind) {
    case 'enum':
      return reader.int32();
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return BigInt(reader[kind]());
    default:
      return reader[kind]();
  }
}

/** Reads packed values up to `end`: floats and doubles in one piece, others one by one. */
function readPacked(reader: BinaryReader, kind: ScalarKind, bytes: Uint8Array, end: number, list: unknown[]): void {
  const size = end - reader.pos;
  if (kind === 'float' || kind === 'double') {
    const make = kind === 'float' ? Float32Array : Float64Array;
    if (size % make.BYTES_PER_ELEMENT !== 0) throw new Error(`${size} bytes are no whole number of ${kind}s`);
    list.push(new make(bytes.slice(reader.pos, end).buffer));
    reader.pos = end;
    return;
  }
  while (reader.pos < end) list.push(readScalar(reader, kind));
  if (reader.pos > end) throw new Error(`packed values end at byte ${end}, inside one`);
}

/** Floats as one typed array, others as they are, behind what an earlier part of the message held. */
function joined(kind: ScalarKind, list: unknown[], before: unknown): unknown {
  if (kind !== 'float' && kind !== 'double') return before === undefined ? list : [...(before as unknown[]), ...list];
  const make = kind === 'float' ? Float32Array : Float64Array;
  const all = (before === undefined ? list : [before, ...list]) as (number | Float32Array | Float64Array)[];
  if (all.length === 1 && all[0] instanceof make) return all[0];
  const out = new make(all.reduce((sum: number, part) => sum + (typeof part === 'number' ? 1 : part.length), 0));
  let at = 0;
  for (const part of all) {
    if (typeof part === 'number') out[at++] = part;
    else {
      out.set(part, at);
      at += part.length;
    }
  }
  return out;
}

/** Writes a message: its fields in the order of the table, those that are undefined left out. Throws `unsupported` from 2 GiB on. */
export function writeMessage<T extends object>(message: Message<T>, value: T): Uint8Array<ArrayBuffer> {
  const parts = partsOf(message as unknown as AnyMessage, value as Values);
  const size = sizeOfParts(parts);
  if (size >= 2 ** 31) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'writeMessage',
      message: `a protobuf message holds less than 2 GiB; this ${message.name} needs ${size} bytes.`,
      got: size,
    });
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

// Larger bytes are not copied before the end.
const LARGE = 4096;

function partsOf(message: AnyMessage, value: Values): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let writer = new BinaryWriter();
  const putDelimited = (number: number, inner: readonly Uint8Array[]): void => {
    const size = sizeOfParts(inner);
    writer.tag(number, WireType.LengthDelimited).uint32(size);
    if (size < LARGE) {
      for (const part of inner) writer.raw(part);
    } else {
      parts.push(writer.finish(), ...inner);
      writer = new BinaryWriter();
    }
  };
  for (const [name, { number, kind, repeated, packed }] of Object.entries(message.fields)) {
    const held = value[name];
    if (held === undefined) continue;
    const list = repeated ? Array.from(held as ArrayLike<unknown>) : [held];
    if (typeof kind === 'function') {
      for (const each of list) putDelimited(number, partsOf(kind(), each as Values));
    } else if (kind === 'bytes') {
      for (const each of list) putDelimited(number, [each as Uint8Array]);
    } else if (repeated && packed) {
      if (list.length > 0) putDelimited(number, [packedBytes(kind, held as ArrayLike<unknown>)]);
    } else {
      for (const each of list) writeScalar(writer.tag(number, wireOf(kind)), kind, each);
    }
  }
  parts.push(writer.finish());
  return parts;
}

function packedBytes(kind: ScalarKind, list: ArrayLike<unknown>): Uint8Array {
  if (list instanceof Float32Array || list instanceof Float64Array)
    return new Uint8Array(list.buffer, list.byteOffset, list.byteLength);
  const writer = new BinaryWriter();
  for (let i = 0; i < list.length; i++) writeScalar(writer, kind, list[i]);
  return writer.finish();
}

function writeScalar(writer: BinaryWriter, kind: ScalarKind, value: unknown): void {
  switch (kind) {
    case 'bool':
      writer.bool(value as boolean);
      return;
    case 'string':
      writer.string(value as string);
      return;
    case 'bytes':
      writer.bytes(value as Uint8Array);
      return;
    case 'enum':
      writer.int32(value as number);
      return;
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      writer[kind](value as bigint);
      return;
    default:
      writer[kind](value as number);
  }
}

function sizeOfParts(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
