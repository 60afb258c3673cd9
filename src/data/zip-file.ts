// Zip archives read in parts: the directory at the end first, then one entry at a time, so that an archive may lie on a
// server and stay there.
import { inflateSync } from 'fflate';
import { FoveaError } from '../core/errors.js';
import { damagedFile } from './archive.js';

/** A file in an archive; `at` is its local header. */
export interface ZipEntry {
  readonly name: string;
  readonly at: number;
  /** Its bytes as they are stored. */
  readonly packed: number;
  readonly isDeflated: boolean;
}

/** Reads bytes from an archive; fewer at its end. */
export type ReadRange = (from: number, length: number) => Promise<Uint8Array>;

const OP = 'fromZip';

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The files of an archive of `size` bytes. Throws `data` where it is none, `unsupported` for encryption and rare methods. */
export async function readZipDirectory(name: string, size: number, read: ReadRange): Promise<ZipEntry[]> {
  const tailSize = Math.min(size, 65_557);
  const tail = await read(size - tailSize, tailSize);
  const view = viewOf(tail);
  let end = tail.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw damagedFile(OP, name, size, 'this is no zip archive: its directory is missing');
  let [count, length, start] = [
    view.getUint16(end + 10, true),
    view.getUint32(end + 12, true),
    view.getUint32(end + 16, true),
  ];
  if (start === 0xffffffff || count === 0xffff || length === 0xffffffff) {
    // Beyond 4 GiB or 65,535 files the numbers stand in a record of their own.
    const locator = end - 20;
    if (locator < 0 || view.getUint32(locator, true) !== 0x07064b50) {
      throw damagedFile(OP, name, size, 'its 64-bit directory is missing');
    }
    const record = viewOf(await read(Number(view.getBigUint64(locator + 8, true)), 56));
    if (record.byteLength < 56 || record.getUint32(0, true) !== 0x06064b50) {
      throw damagedFile(OP, name, size, 'its 64-bit directory is damaged');
    }
    count = Number(record.getBigUint64(32, true));
    length = Number(record.getBigUint64(40, true));
    start = Number(record.getBigUint64(48, true));
  }
  const bytes = start >= size - tailSize ? tail.subarray(start - size + tailSize) : await read(start, length);
  return parseDirectory(name, bytes, start, count);
}

function parseDirectory(archive: string, bytes: Uint8Array, start: number, count: number): ZipEntry[] {
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  const text = new TextDecoder();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) {
      throw damagedFile(OP, archive, start + at, `entry ${i} of ${count} is missing from its directory`);
    }
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameLength, extraLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
    const name = text.decode(bytes.subarray(at + 46, at + 46 + nameLength));
    let packed = view.getUint32(at + 20, true);
    let local = view.getUint32(at + 42, true);
    if (packed === 0xffffffff || local === 0xffffffff) {
      const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
      [packed, local] = wideNumbers(extra, view.getUint32(at + 24, true), packed, local);
    }
    at += 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (name.endsWith('/')) continue;
    if (flags & 1 || (method !== 0 && method !== 8)) {
      throw new FoveaError({
        code: 'unsupported',
        op: OP,
        message: `${name} in ${archive} is ${flags & 1 ? 'encrypted' : `packed by method ${method}`}.`,
        path: archive,
        got: method,
        want: [0, 8],
        hint: 'Pack the archive anew, with deflate and without a password.',
      });
    }
    entries.push({ name, at: local, packed, isDeflated: method === 8 });
  }
  return entries;
}

/** The numbers that did not fit: unpacked size, packed size, place, each only where it stands as 0xffffffff. */
function wideNumbers(extra: Uint8Array, size: number, packed: number, local: number): [number, number] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let next = at + 4;
    const take = (value: number): number => {
      if (value !== 0xffffffff || next + 8 > extra.length) return value;
      next += 8;
      return Number(view.getBigUint64(next - 8, true));
    };
    take(size);
    const wide = take(packed);
    return [wide, take(local)];
  }
  return [packed, local];
}

/** Room for the names and extras of a local header, which may differ from the directory's. */
const HEADER_ROOM = 512;

/** A copy of an entry with its local header, of an archive in memory. */
export function entryBytes(archive: Uint8Array, { at, packed }: ZipEntry): Uint8Array {
  const view = viewOf(archive);
  const names = at + 30 <= archive.length ? view.getUint16(at + 26, true) + view.getUint16(at + 28, true) : 0;
  return archive.slice(at, at + 30 + names + packed);
}

/** The bytes of an entry. */
export async function unzipEntry(entry: ZipEntry, read: ReadRange): Promise<Uint8Array> {
  const { at, name, packed, isDeflated } = entry;
  let bytes = await read(at, packed + HEADER_ROOM);
  const damaged = (problem: string): FoveaError => damagedFile(OP, name, at, problem);
  if (bytes.length < 30 || viewOf(bytes).getUint32(0, true) !== 0x04034b50) throw damaged('its header is missing');
  const start = 30 + viewOf(bytes).getUint16(26, true) + viewOf(bytes).getUint16(28, true);
  if (start + packed > bytes.length) bytes = await read(at, start + packed);
  if (start + packed > bytes.length) throw damaged('the archive ends inside it');
  const body = bytes.subarray(start, start + packed);
  if (!isDeflated) return body;
  try {
    return inflateSync(body);
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error));
  }
}
