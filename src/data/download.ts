// Fetching one file of a dataset: resumed after an interruption, checked, and only then given its name.
import { FoveaError } from '../core/errors.js';
import { fileError, makeFolders, nodeModule, syncFolder, systemCode } from '../core/node-files.js';
import { looksLikeHtml } from './archive.js';
import { md5 } from './md5.js';

/** Called as bytes arrive; `total` is undefined where the server does not say. */
export type DownloadProgress = (progress: { file: string; loaded: number; total: number | undefined }) => void;

/** How to fetch; `fetch` may be replaced, for instance to add headers. */
export interface DownloadOptions {
  fetch?: typeof globalThis.fetch | undefined;
  onProgress?: DownloadProgress | undefined;
  signal?: AbortSignal | undefined;
  /** The file's published MD5; not checked where it is left out. */
  md5?: string | undefined;
  /** The file's published SHA-256, or how it begins. */
  sha256?: string | undefined;
  /** Another way to accept bytes whose MD5 differs, such as the same content packed anew. */
  accept?: ((bytes: Uint8Array) => Promise<boolean>) | undefined;
  /** What asked, for error messages. */
  op?: string;
}

// A connection that breaks is taken up again where it broke, so often without a single new byte.
const ATTEMPTS = 3;

interface Answer {
  readonly body: ReadableStream<Uint8Array>;
  /** Where in the file the body begins. */
  readonly offset: number;
  readonly total: number | undefined;
  /** Whether the body was packed for the way and is unpacked by fetch: its bytes are then not the file's. */
  readonly isRecoded: boolean;
}

/** A broken transfer, worth another attempt. */
class Interrupted extends Error {}

/** Fetches a file into memory (a browser has no cache folder of ours). Throws `network`, `data` or `aborted`. */
export async function downloadBytes(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let loaded = 0;
  const answered = await transfer(url, options, {
    have: () => loaded,
    restart: async () => {
      chunks = [];
      loaded = 0;
    },
    add: async (chunk) => {
      chunks.push(chunk);
      loaded += chunk.length;
    },
  });
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  await checkContent(url, bytes, answered.isRecoded ? undefined : await digestOf(bytes, options), options);
  return bytes;
}

/**
 * Fetches a file to `path`: into `path.part` first, which a later call resumes, then checked, synced and renamed.
 * Throws `network`, `data` (wrong content), `file` or `aborted`; nothing stands under `path` unless it is whole.
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'download');
  const { dirname } = await nodeModule('node:path', 'download');
  const op = options.op ?? 'download';
  const lock = `${path}.lock`;
  try {
    await makeFolders(dirname(path));
  } catch (error) {
    throw fileError(op, dirname(path), 'made', error);
  }
  // Two processes may want the file at once. The second one writes to a name of its own rather than wait.
  const isOwner = await takeLock(lock);
  const part = isOwner ? `${path}.part` : `${path}.part-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  try {
    try {
      await downloadPart(url, part, options);
    } catch (error) {
      if (!(error instanceof WrongContent && error.isResumed)) throw error;
      // What was there may have come from another version of the file: once more from the start.
      await downloadPart(url, part, options);
    }
    try {
      await fs.rename(part, path);
    } catch (error) {
      throw fileError(op, path, 'written', error);
    }
    await syncFolder(dirname(path));
  } finally {
    if (isOwner) await fs.rm(lock, { force: true });
    else await fs.rm(part, { force: true });
  }
}

class WrongContent extends FoveaError {
  isResumed = false;
}

async function downloadPart(url: string, part: string, options: DownloadOptions): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'download');
  const op = options.op ?? 'download';
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw fileError(op, part, 'written', error);
    }
  };
  const file = await guard(fs.open(part, 'a+'));
  let isResumed = false;
  let bytes: Uint8Array;
  let answered: Pick<Answer, 'isRecoded'>;
  try {
    let loaded = (await guard(file.stat())).size;
    isResumed = loaded > 0;
    answered = await transfer(url, options, {
      have: () => loaded,
      restart: async () => {
        await guard(file.truncate(0));
        loaded = 0;
        isResumed = false;
      },
      add: async (chunk) => {
        await guard(file.writeFile(chunk));
        loaded += chunk.length;
      },
    });
    await guard(file.sync());
    bytes = await guard(fs.readFile(part));
  } finally {
    await file.close();
  }
  try {
    await checkContent(url, bytes, answered.isRecoded ? undefined : await digestOf(bytes, options), options);
  } catch (error) {
    // Wrong bytes are worth nothing as a start to resume from.
    await fs.rm(part, { force: true });
    if (error instanceof WrongContent) error.isResumed = isResumed;
    throw error;
  }
}

interface Sink {
  have(): number;
  restart(): Promise<void>;
  add(chunk: Uint8Array): Promise<void>;
}

// Reads the whole body into the sink, taking up broken connections with a Range request.
async function transfer(url: string, options: DownloadOptions, sink: Sink): Promise<Pick<Answer, 'isRecoded'>> {
  const { onProgress } = options;
  const file = fileName(url);
  let total: number | undefined;
  for (let attempt = 1; ; attempt++) {
    const before = sink.have();
    try {
      const answer = await ask(url, sink.have(), options);
      if (answer === 'complete') return { isRecoded: false };
      if (answer === 'restart') {
        if (attempt >= ATTEMPTS) throw networkError(url, options, 'the server refuses every range of it');
        await sink.restart();
        continue;
      }
      if (answer.offset !== sink.have()) await sink.restart();
      total = answer.isRecoded ? undefined : answer.total;
      onProgress?.({ file, loaded: sink.have(), total });
      const reader = answer.body.getReader();
      for (let next = await readChunk(reader, options); next !== undefined; next = await readChunk(reader, options)) {
        await sink.add(next);
        onProgress?.({ file, loaded: sink.have(), total });
      }
      if (total !== undefined && sink.have() < total) throw new Interrupted('the connection closed early');
      return { isRecoded: answer.isRecoded };
    } catch (error) {
      if (options.signal?.aborted) throw abortedError(url, options);
      if (!(error instanceof Interrupted)) throw error;
      if (sink.have() > before) attempt = 0;
      if (attempt >= ATTEMPTS) throw networkError(url, options, describeInterruption(error, sink.have(), total), error);
      await new Promise((resolve) => setTimeout(resolve, 50 * 4 ** attempt));
    }
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  options: DownloadOptions,
): Promise<Uint8Array | undefined> {
  try {
    options.signal?.throwIfAborted();
    const { done, value } = await reader.read();
    return done ? undefined : value;
  } catch (error) {
    throw new Interrupted('the connection broke', { cause: error });
  }
}

async function ask(url: string, offset: number, options: DownloadOptions): Promise<Answer | 'complete' | 'restart'> {
  // Without "identity" some servers pack the file once more, and then neither length nor checksum would fit.
  const headers: Record<string, string> = { 'Accept-Encoding': 'identity' };
  if (offset > 0) headers.Range = `bytes=${offset}-`;
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(url, { headers, ...(options.signal ? { signal: options.signal } : {}) });
  } catch (error) {
    throw new Interrupted('no connection', { cause: error });
  }
  if (response.status === 416) {
    await response.body?.cancel();
    const whole = /\*\/(\d+)/.exec(response.headers.get('content-range') ?? '')?.[1];
    return whole !== undefined && Number(whole) === offset ? 'complete' : 'restart';
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const status = `${response.status} ${response.statusText}`.trim();
    // A server in trouble may recover; a missing file stays missing.
    if (response.status >= 500) throw new Interrupted(`the server answered ${status}`);
    throw networkError(url, options, `the server answered ${status}`);
  }
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    await response.body.cancel();
    throw networkError(url, options, 'the server answered with an HTML page, not with data');
  }
  const range = /bytes (\d+)-\d+\/(\d+|\*)/.exec(response.headers.get('content-range') ?? '');
  const length = response.headers.get('content-length');
  const start = response.status === 206 && range !== null ? Number(range[1]) : 0;
  if (start !== 0 && start !== offset) {
    await response.body.cancel();
    return 'restart';
  }
  const rangeTotal = range?.[2] === undefined || range[2] === '*' ? undefined : Number(range[2]);
  return {
    body: response.body,
    offset: start,
    total: rangeTotal ?? (length === null ? undefined : start + Number(length)),
    isRecoded: !['', 'identity'].includes(response.headers.get('content-encoding') ?? ''),
  };
}

/** The checksum of the kind that is published, or undefined where none is. */
async function digestOf(bytes: Uint8Array, { md5: wanted, sha256 }: DownloadOptions): Promise<string | undefined> {
  if (wanted !== undefined) return md5(bytes);
  if (sha256 === undefined) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function checkContent(
  url: string,
  bytes: Uint8Array,
  digest: string | undefined,
  options: DownloadOptions,
): Promise<void> {
  if (looksLikeHtml(bytes)) throw networkError(url, options, 'the server answered with an HTML page, not with data');
  const wanted = options.md5 ?? options.sha256;
  // A SHA-256 may be published by its beginning alone.
  if (wanted === undefined || digest?.startsWith(wanted)) return;
  if (await options.accept?.(bytes)) return;
  if (digest === undefined && options.accept === undefined) return;
  throw new WrongContent({
    code: 'data',
    op: options.op ?? 'download',
    message: `${fileName(url)} arrived with the wrong checksum, so it was thrown away.`,
    lines: [
      `from ${url}`,
      `${options.md5 === undefined ? 'SHA-256' : 'MD5'} ${digest ?? 'of the content'} instead of ${wanted}, ${bytes.length} bytes`,
    ],
    got: digest,
    want: wanted,
    hint: 'Try again later or from another network; a proxy may have replaced the file, or the publisher changed it.',
  });
}

/** A `network` error for an address; callers that know a remedy catch it and add theirs. */
function networkError(url: string, options: DownloadOptions, reason: string, cause?: unknown): FoveaError {
  return new FoveaError({
    code: 'network',
    op: options.op ?? 'download',
    message: `${fileName(url)} could not be downloaded: ${reason}.`,
    lines: [`from ${url}`],
    got: reason,
    hint: 'Check the address and the connection; what has arrived is kept and the next try goes on from there.',
    cause,
  });
}

function abortedError(url: string, options: DownloadOptions): FoveaError {
  return new FoveaError({
    code: 'aborted',
    op: options.op ?? 'download',
    message: `the download of ${fileName(url)} was stopped.`,
    hint: 'Run again to go on where it stopped.',
    cause: options.signal?.reason,
  });
}

const CONNECTION_TROUBLE: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name is not known (is this machine offline?)',
  EAI_AGAIN: 'the host name could not be looked up (is this machine offline?)',
  ENETUNREACH: 'the network cannot be reached (is this machine offline?)',
  EHOSTUNREACH: 'the host cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  ECONNRESET: 'the connection was reset',
};

function describeInterruption(error: Interrupted, loaded: number, total: number | undefined): string {
  const code = systemCode(error);
  // fetch says only "fetch failed"; what failed is the innermost cause.
  let cause: string | undefined;
  for (let at = error.cause; at instanceof Error; at = at.cause) cause = at.message;
  const known = code === undefined ? undefined : CONNECTION_TROUBLE[code];
  const reason = known ?? (cause === undefined ? error.message : `${error.message} (${cause})`);
  const suffix = code === undefined ? '' : ` (${code})`;
  const amount = loaded > 0 ? ` after ${loaded}${total === undefined ? '' : ` of ${total}`} bytes` : '';
  return `${reason}${suffix}${amount}`;
}

function fileName(url: string): string {
  return url.split(/[?#]/)[0]?.split('/').pop() || url;
}

// The lock holds its owner's process id; a lock whose owner is gone counts for nothing.
async function takeLock(lock: string): Promise<boolean> {
  const fs = await nodeModule('node:fs/promises', 'download');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await fs.writeFile(lock, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') return false;
    }
    const owner = Number(await fs.readFile(lock, 'utf8').catch(() => ''));
    if (owner === process.pid || isAlive(owner)) return false;
    await fs.rm(lock, { force: true });
  }
  return false;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}
