// A small writer of pickles in the manner of torch.save: for tests of the reader, and for the fuzzer's files.
import { ByteSink } from '../../src/formats/cursor.js';
import { writeZip } from '../../src/formats/zip.js';

/** A value that is imported by name. */
export class Name {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** A call of a named function. */
export class Call {
  constructor(
    readonly target: Name,
    readonly args: readonly unknown[],
    /** What BUILD gives the result. */
    readonly state?: unknown,
  ) {}
}

/** A tuple; arrays are lists. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** A persistent id. */
export class Elsewhere {
  constructor(readonly id: unknown) {}
}

/** One value as a pickle of protocol 2. */
export function pickle(value: unknown): Uint8Array {
  const sink = new ByteSink();
  sink.u8(0x80, 2);
  write(sink, value);
  return sink.text('.').done();
}

function write(sink: ByteSink, value: unknown): void {
  if (value === null) sink.text('N');
  else if (typeof value === 'boolean') sink.u8(value ? 0x88 : 0x89);
  else if (typeof value === 'bigint') {
    const bytes = Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
    sink.u8(0x8a, 16, ...bytes);
  } else if (typeof value === 'number') {
    if (Number.isInteger(value)) sink.text('J').u32(value >>> 0);
    else {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, value, false);
      sink.text('G').put(bytes);
    }
  } else if (typeof value === 'string') {
    const bytes = new TextEncoder().encode(value);
    sink.text('X').u32(bytes.length).put(bytes);
  } else if (value instanceof Name) sink.text(`c${value.module}\n${value.name}\n`);
  else if (value instanceof Call) {
    write(sink, value.target);
    write(sink, new Tuple(value.args));
    sink.text('R');
    if (value.state !== undefined) {
      write(sink, value.state);
      sink.text('b');
    }
  } else if (value instanceof Elsewhere) {
    write(sink, value.id);
    sink.text('Q');
  } else if (value instanceof Tuple || Array.isArray(value)) {
    const items: readonly unknown[] = value instanceof Tuple ? value.items : value;
    if (!(value instanceof Tuple)) sink.text(']');
    sink.text('(');
    for (const item of items) write(sink, item);
    sink.text(value instanceof Tuple ? 't' : 'e');
  } else if (value instanceof Map) {
    sink.text('}(');
    for (const [key, item] of value) {
      write(sink, key);
      write(sink, item);
    }
    sink.text('u');
  } else throw new Error(`no pickle for ${String(value)}`);
}

export const ORDERED_DICT = new Name('collections', 'OrderedDict');

/** A state dict as PyTorch writes it: an ordered dict with its notes as an attribute. */
export function stateDict(entries: Iterable<readonly [string, unknown]>): Call {
  return new Call(
    ORDERED_DICT,
    [[...entries].map(([key, value]) => new Tuple([key, value]))],
    new Map([['_metadata', 1]]),
  );
}

interface TensorOptions {
  readonly key?: string;
  readonly type?: string;
  /** Elements of the storage. */
  readonly count: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  /** Of a legacy file, which has one more field in its ids. */
  readonly isLegacy?: boolean;
}

export function tensor({
  key = '0',
  type = 'FloatStorage',
  count,
  offset = 0,
  shape,
  strides,
  isLegacy,
}: TensorOptions): Call {
  const dense = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const id = ['storage', new Name('torch', type), key, 'cpu', count, ...(isLegacy ? [null] : [])];
  return new Call(new Name('torch._utils', '_rebuild_tensor_v2'), [
    new Elsewhere(new Tuple(id)),
    offset,
    new Tuple(shape),
    new Tuple(strides ?? dense),
    false,
    new Call(ORDERED_DICT, []),
  ]);
}

/** The zip archive of torch.save. */
export function torchZip(root: unknown, storages: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return torchZipOf(pickle(root), storages);
}

export function torchZipOf(data: Uint8Array, storages: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return writeZip([
    { name: 'tiny/data.pkl', bytes: data },
    { name: 'tiny/byteorder', bytes: new TextEncoder().encode('little') },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `tiny/data/${key}`, bytes })),
    { name: 'tiny/version', bytes: new TextEncoder().encode('3\n') },
  ]);
}

/** The layout of torch.save before archives. */
export function torchLegacy(
  root: unknown,
  storages: Readonly<Record<string, Uint8Array>>,
  elementBytes = 4,
): Uint8Array {
  const sink = new ByteSink();
  sink
    .put(pickle(0x1950a86a20f9469cfc6cn).slice(0, 2))
    .u8(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50);
  sink.u8(0x19).text('.').put(pickle(1001));
  sink.put(
    pickle(
      new Map<string, unknown>([
        ['protocol_version', 1001],
        ['little_endian', true],
      ]),
    ),
  );
  sink.put(pickle(root)).put(pickle(Object.keys(storages)));
  for (const bytes of Object.values(storages)) sink.u64(bytes.length / elementBytes).put(bytes);
  return sink.done();
}

/** The bytes of float32 numbers. */
export function floats(...values: number[]): Uint8Array {
  return new Uint8Array(new Float32Array(values).buffer);
}
