// Zip archives as Keras writes them (stored entries), read with suspicion: sizes, checksums and names are checked
// before anything is believed. fflate inflates the entries that other tools recompressed.
import { inflateSync } from 'fflate';
import { FoveaError } from '../core/errors.js';
import { ByteSink, Cursor, decodeText, encodeText, formatError, refuseHtml } from './cursor.js';

/** An entry to write: its bytes are stored as they are. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Listed {
  method: number;
  crc: number;
  packed: number;
  size: number;
  at: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_ENTRIES = 10_000;
/** Up to this size a deflated entry may have any ratio, above it at most `MAX_RATIO`. */
const FREE_SIZE = 64 << 20;
const MAX_RATIO = 100;

/** The directory of a zip archive; entries are unpacked and checked when asked for. */
export class ZipReader {
  private readonly entries = new Map<string, Listed>();

  /** Throws `format` where `bytes` are not a whole zip archive. `what` names the wanted thing: `a .keras model`. */
  constructor(
    private readonly bytes: Uint8Array,
    readonly file: string,
    what = 'a zip archive',
  ) {
    if (bytes.length === 0) throw formatError(file, `the file is empty: ${what} was expected.`);
    refuseHtml(bytes, file, what);
    const directory = this.findDirectory(what);
    for (let i = 0; i < directory.count; i++) this.readEntry(directory.cursor);
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** The unpacked size that the directory gives for an entry; 0 where there is none. */
  sizeOf(name: string): number {
    return this.entries.get(name)?.size ?? 0;
  }

  /**
   * The bytes of an entry, checked against its size and CRC-32: a view of the archive where it is stored.
   * Throws `format` where it is missing, damaged, or unpacks to more than `limit` bytes.
   */
  read(name: string, limit = Number.POSITIVE_INFINITY): Uint8Array {
    const { file, bytes } = this;
    const entry = this.entries.get(name);
    if (entry === undefined) {
      throw formatError(file, `the archive has no ${name}.`, {
        place: name,
        hint: `It holds: ${this.names.slice(0, 8).join(', ') || 'nothing'}.`,
      });
    }
    const { size, packed } = entry;
    const tooLarge = size > limit || (entry.method !== 0 && size > Math.max(FREE_SIZE, MAX_RATIO * packed));
    if (tooLarge) throw this.refused(name, `its declared size, ${size} bytes, is refused (${packed} bytes are stored)`);
    const cursor = new Cursor(bytes, entry.at, file);
    if (cursor.u32() !== LOCAL) throw this.refused(name, 'its header is missing: the zip archive is damaged');
    cursor.need(22);
    const nameSize = cursor.u16();
    cursor.need(nameSize + cursor.u16());
    const raw = cursor.take(packed);
    let out = raw;
    if (entry.method === 8) {
      try {
        out = inflateSync(raw, { out: new Uint8Array(size) });
      } catch (cause) {
        throw formatError(file, `${name} cannot be unpacked: the zip archive is damaged.`, { place: name, cause });
      }
    } else if (entry.method !== 0) {
      throw new FoveaError({
        code: 'unsupported',
        message: `${name} is packed with zip method ${entry.method}; stored and deflated entries are read.`,
        path: file,
        hint: 'Pack the archive again without compression.',
      });
    }
    if (out.length !== size)
      throw this.refused(name, `its size is ${out.length} bytes, the zip directory says ${size}`);
    if (crc32(out) !== entry.crc) throw this.refused(name, 'its checksum (CRC) does not match: the data has changed');
    return out;
  }

  /** An entry as JSON of at most 64 MiB. */
  readJson(name: string): unknown {
    const text = decodeText(this.read(name, FREE_SIZE));
    try {
      return JSON.parse(text);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.slice(0, 120) : 'it cannot be parsed';
      throw formatError(this.file, `${name} is not valid JSON: ${reason}.`, { place: name, cause });
    }
  }

  private refused(name: string, why: string): FoveaError {
    return formatError(this.file, `${name}: ${why}.`, { place: name });
  }

  private findDirectory(what: string): { cursor: Cursor; count: number } {
    const { bytes, file } = this;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isZip = bytes.length >= 4 && (view.getUint32(0, true) === LOCAL || view.getUint32(0, true) === END);
    // The end record is last but for a comment of up to 64 KiB.
    let at = bytes.length - 22;
    const lowest = Math.max(0, at - 65535);
    while (at >= lowest && view.getUint32(at, true) !== END) at--;
    if (at < lowest) {
      throw isZip
        ? formatError(file, 'the zip archive is truncated: its end, with the directory, is missing.', {
            hint: 'Download or copy the file again.',
          })
        : formatError(file, `this is not ${what}: it is no zip archive.`);
    }
    const end = new Cursor(bytes, at + 10, file);
    let count = end.u16();
    let size = end.u32();
    let start = end.u32();
    if (count === 0xffff || size === 0xffffffff || start === 0xffffffff) {
      if (at >= 20 && view.getUint32(at - 20, true) === END64_LOCATOR) {
        const end64 = new Cursor(bytes, new Cursor(bytes, at - 12, file).u64(), file);
        if (end64.u32() !== END64)
          throw formatError(file, 'the zip archive is damaged: its 64-bit end record is missing.');
        end64.need(28);
        count = end64.u64();
        size = end64.u64();
        start = end64.u64();
      }
    }
    if (start + size > at || count > MAX_ENTRIES || count * 46 > size) {
      throw formatError(file, 'the zip archive is damaged or truncated: its directory does not fit.');
    }
    return { cursor: new Cursor(bytes, start, file, start + size), count };
  }

  private readEntry(cursor: Cursor): void {
    const { file } = this;
    if (cursor.u32() !== CENTRAL) throw formatError(file, 'the zip archive is damaged: a directory entry is missing.');
    cursor.need(4);
    const flags = cursor.u16();
    const method = cursor.u16();
    cursor.need(4);
    const crc = cursor.u32();
    const entry = { method, crc, packed: cursor.u32(), size: cursor.u32(), at: 0 };
    const nameSize = cursor.u16();
    const extraSize = cursor.u16();
    const commentSize = cursor.u16();
    cursor.need(8);
    entry.at = cursor.u32();
    const name = decodeText(cursor.take(nameSize));
    readExtra64(new Cursor(cursor.take(extraSize), 0, file), entry);
    cursor.need(commentSize);
    if (isUnsafeName(name)) throw formatError(file, `the zip archive holds an entry with an unsafe name: '${name}'.`);
    if (this.entries.has(name)) throw formatError(file, `the zip archive holds two entries called '${name}'.`);
    if (flags & 1) throw this.refused(name, 'the entry is encrypted');
    if (entry.at + 30 + entry.packed > this.bytes.length) {
      throw this.refused(name, `its size, ${entry.packed} bytes, goes beyond the end of the zip archive (truncated?)`);
    }
    const most = method === 0 ? entry.packed : entry.packed * 1032 + 1024;
    if (entry.size > most || (method === 0 && entry.size !== entry.packed)) {
      throw this.refused(name, `a size of ${entry.size} bytes is declared, ${entry.packed} are stored`);
    }
    this.entries.set(name, entry);
  }
}

function readExtra64(extra: Cursor, entry: Listed): void {
  while (extra.left >= 4) {
    const id = extra.u16();
    const body = extra.take(extra.u16());
    if (id !== 1) continue;
    const cursor = new Cursor(body, 0, extra.file);
    if (entry.size === 0xffffffff) entry.size = cursor.u64();
    if (entry.packed === 0xffffffff) entry.packed = cursor.u64();
    if (entry.at === 0xffffffff) entry.at = cursor.u64();
  }
}

/** Names that would leave the folder they are unpacked into, on any system. */
function isUnsafeName(name: string): boolean {
  return name === '' || /^[/\\]|^[A-Za-z]:|\\|\0/.test(name) || name.split('/').includes('..');
}

/** Writes a zip archive of stored entries, dated 1980-01-01 so that equal models give equal bytes. Throws `unsupported` from 4 GiB on. */
export function writeZip(entries: readonly ZipEntry[], file = 'archive.zip'): Uint8Array {
  const named = entries.map(({ name, bytes }) => ({ name: encodeText(name), bytes, crc: crc32(bytes), at: 0 }));
  const total = named.reduce((sum, { name, bytes }) => sum + 76 + 2 * name.length + bytes.length, 22);
  if (total >= 0xffffffff) {
    throw new FoveaError({
      code: 'unsupported',
      message: `an archive of ${total} bytes: up to 4 GiB can be written.`,
      path: file,
      hint: 'Save the weights alone, in safetensors.',
    });
  }
  const sink = new ByteSink(total);
  const common = (crc: number, size: number, nameSize: number): void => {
    // No flags, stored, 00:00 on 1980-01-01.
    sink.u16(20, 0, 0, 0, 0x21).u32(crc, size, size).u16(nameSize, 0);
  };
  for (const entry of named) {
    entry.at = sink.length;
    sink.u32(LOCAL);
    common(entry.crc, entry.bytes.length, entry.name.length);
    sink.put(entry.name).put(entry.bytes);
  }
  const start = sink.length;
  for (const { name, bytes, crc, at } of named) {
    // Made on Unix (3) by version 2.0, a plain file that its owner may read and write.
    sink.u32(CENTRAL).u16(0x0314);
    common(crc, bytes.length, name.length);
    sink
      .u16(0, 0, 0)
      .u32(0o100600 * 65536, at)
      .put(name);
  }
  const size = sink.length - start;
  sink.u32(END).u16(0, 0, named.length, named.length).u32(size, start).u16(0);
  return sink.done();
}

let crcTable: Int32Array | undefined;

/** CRC-32 as in zip and PNG. */
export function crc32(bytes: Uint8Array): number {
  crcTable ??= makeCrcTable();
  const table = crcTable;
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) {
    crc = (table[(crc ^ (bytes[i] as number)) & 255] as number) ^ (crc >>> 8);
  }
  return (crc ^ -1) >>> 0;
}

function makeCrcTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });
}
