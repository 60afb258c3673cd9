// The bytes of a picture's file, wherever it lies. In a worker files are read while nothing else waits, so without a detour
// through another thread; in the main thread nothing may block.
import { FoveaError } from '../../core/errors.js';
import { isNode, nodeModule, readFileBytes } from '../../core/node-files.js';
import { unzipEntry } from '../zip-file.js';
import type { Source } from './messages.js';

const OP = 'decodeImage';

/** Whether this thread is a data worker; ./program.ts says so. */
export function isDataWorker(): boolean {
  return (globalThis as { foveaIsDataWorker?: boolean }).foveaIsDataWorker === true;
}

/** Reads a source that is no array. Throws `file`, `network` or `data`, naming it. */
export async function readSource(source: Exclude<Source, { kind: 'array' }>): Promise<Uint8Array> {
  if (source.kind === 'address') return fetchBytes(source.url);
  if (source.kind === 'zip') return unzipEntry(source, (from, length) => readRange(source.archive, from, length));
  return readWhole(source.path);
}

async function readWhole(path: string): Promise<Uint8Array> {
  if (!isDataWorker()) return readFileBytes(path, OP);
  const { readFileSync } = await nodeModule('node:fs', OP);
  try {
    return readFileSync(path);
  } catch {
    // Once more, with the error that explains.
    return readFileBytes(path, OP);
  }
}

/** Bytes `from` to `from + length` (or the end) of a file, an address or memory. */
export async function readRange(
  archive: { readonly path: string } | { readonly url: string } | { readonly bytes: Uint8Array },
  from: number,
  length: number,
): Promise<Uint8Array> {
  if ('bytes' in archive) return archive.bytes.subarray(from, from + length);
  if ('url' in archive) return fetchBytes(archive.url, { from, length });
  const { open } = await nodeModule('node:fs/promises', OP);
  const file = await open(archive.path, 'r');
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, from);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Fetches an address, or a part of it. */
export async function fetchBytes(url: string, range?: { from: number; length: number }): Promise<Uint8Array> {
  const fail = (reason: string, cause?: unknown): FoveaError =>
    new FoveaError({
      code: 'network',
      op: OP,
      message: `${url} could not be fetched: ${reason}.`,
      path: url,
      got: reason,
      hint: 'Check the address and the connection.',
      cause,
    });
  const headers = range === undefined ? {} : { Range: `bytes=${range.from}-${range.from + range.length - 1}` };
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error), error);
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw fail(`the server answered ${response.status} ${response.statusText}`.trim());
  }
  if (range !== undefined && response.status !== 206) {
    // The whole archive for every picture would never end.
    await response.body?.cancel();
    throw fail('the server does not answer requests for a part of a file');
  }
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw fail(isNode() && error instanceof Error ? error.message : 'the answer broke off', error);
  }
}
