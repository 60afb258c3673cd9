// Unpacking what dataset publishers pack with: gzip (by the platform's own decompressor) and tar.
import { FoveaError } from '../core/errors.js';

/** Whether bytes begin as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Whether bytes begin like a web page, which servers send in place of a missing file. */
export function looksLikeHtml(bytes: Uint8Array): boolean {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 256)).trimStart().toLowerCase();
  return (
    start.startsWith('<!doctype') || start.startsWith('<html') || start.startsWith('<?xml') || start.startsWith('<head')
  );
}

/** The `data` error for a file that is damaged at `offset`. */
export function damagedFile(op: string, path: string, offset: number, problem: string): FoveaError {
  return new FoveaError({
    code: 'data',
    op,
    message: `${path} is damaged at byte ${offset}: ${problem}.`,
    path,
    got: offset,
    hint: 'Delete the file and run again to download a fresh copy, or copy it anew from where it came from.',
  });
}

/**
 * Unpacks gzip; bytes that are not gzip are returned as they are (servers may unpack on the way).
 * Throws `data` naming the file and how far it could be read when it is cut off or damaged.
 */
export async function gunzip(bytes: Uint8Array, path: string, op: string): Promise<Uint8Array> {
  if (looksLikeHtml(bytes)) throw damagedFile(op, path, 0, 'it holds an HTML page instead of data');
  if (!isGzip(bytes)) return bytes;
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // A copy in pieces: the decompressor's queue would otherwise hold the file twice.
    const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
    const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
      length += next.value.length;
    }
  } catch (error) {
    const isCut =
      error instanceof Error &&
      /unexpected end|Z_BUF|premature|incomplete/i.test(`${error.message} ${String(error.cause)}`);
    throw damagedFile(
      op,
      path,
      isCut ? bytes.length : 0,
      isCut
        ? `the gzip stream ends early, after ${length} unpacked bytes`
        : `it cannot be unpacked past ${length} bytes (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** A file inside a tar archive; `bytes` shares the archive's memory. */
export interface TarEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The regular files of an unpacked tar archive. Throws `data` where it is cut off or its header's sum is wrong. */
export function readTar(bytes: Uint8Array, path: string, op: string): TarEntry[] {
  const entries: TarEntry[] = [];
  const text = new TextDecoder();
  const field = (at: number, length: number): string => {
    const raw = bytes.subarray(at, at + length);
    const end = raw.indexOf(0);
    return text.decode(end < 0 ? raw : raw.subarray(0, end)).trim();
  };
  let at = 0;
  while (at + 512 <= bytes.length && bytes[at] !== 0) {
    let sum = 0;
    // The checksum counts its own eight bytes as spaces.
    for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : (bytes[at + i] as number);
    if (sum !== Number.parseInt(field(at + 148, 8), 8)) throw damagedFile(op, path, at, 'this is no tar header');
    const size = Number.parseInt(field(at + 124, 12), 8);
    const type = bytes[at + 156];
    const start = at + 512;
    if (!(start + size <= bytes.length)) {
      throw damagedFile(op, path, bytes.length, `the archive ends inside ${field(at, 100)}, which has ${size} bytes`);
    }
    if (type === 0 || type === 0x30) entries.push({ name: field(at, 100), bytes: bytes.subarray(start, start + size) });
    at = start + Math.ceil(size / 512) * 512;
  }
  return entries;
}
