// Files in Node: atomic writes and readable errors. Built-in modules are loaded on use and by a computed name, so that
// a browser bundle neither holds nor tries to resolve them.
import { FoveaError } from './errors.js';

interface Builtins {
  'node:fs': typeof import('node:fs');
  'node:fs/promises': typeof import('node:fs/promises');
  'node:module': typeof import('node:module');
  'node:os': typeof import('node:os');
  'node:path': typeof import('node:path');
  'node:url': typeof import('node:url');
  'node:worker_threads': typeof import('node:worker_threads');
}

/** Whether Node's modules are there (also true in Deno, Bun and Electron). */
export function isNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string';
}

/** Loads a module of Node; throws `unsupported` in a browser, naming what wanted it. */
export async function nodeModule<Name extends keyof Builtins>(name: Name, wantedBy: string): Promise<Builtins[Name]> {
  if (!isNode()) {
    throw new FoveaError({
      code: 'unsupported',
      op: wantedBy,
      message: 'there is no file system here.',
      hint: 'In a browser, give the bytes or an address instead of a path.',
    });
  }
  const specifier: string = name;
  // Importing `node:fs` loads streams, too; this (Node 20.16) does not.
  const found: unknown = process.getBuiltinModule?.(specifier);
  if (found !== undefined) return found as Builtins[Name];
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier)) as Builtins[Name];
}

/** The code of a system error, such as `ENOENT`; fetch hides it in the cause. */
export function systemCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    // Connecting to a name with several addresses fails with an AggregateError.
    if (at instanceof AggregateError && at.errors.length > 0) return systemCode(at.errors[0]);
  }
  return undefined;
}

const REMEDIES: Record<string, readonly [what: string, hint: string]> = {
  ENOSPC: ['the disk is full', 'Free some space, or write to another disk. What was there before is untouched.'],
  EDQUOT: [
    'the disk quota is used up',
    'Free some space, or write to another disk. What was there before is untouched.',
  ],
  EACCES: ['permission denied', 'Write to a folder you may write to, or change its permissions.'],
  EPERM: ['the operation is not permitted', 'Write to a folder you may write to, or change its permissions.'],
  EROFS: ['the file system is read-only', 'Write to another folder.'],
  ENOENT: ['there is no such file or folder', 'Check the path.'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'Check the path.'],
  EEXIST: ['a file of that name is in the way', 'Choose another path, or move the file away.'],
  EISDIR: ['it is a folder, not a file', 'Give the path of a file.'],
  EFBIG: ['the file is too large for this file system', 'Write to another disk.'],
  EMFILE: ['too many files are open', 'Close some, or raise the limit (ulimit -n).'],
};

/** A `file` error that names the path, what went wrong and a remedy. */
export function fileError(
  op: string,
  path: string,
  action: string,
  cause: unknown,
  lines: readonly string[] = [],
): FoveaError {
  const code = systemCode(cause);
  const [what, hint] = (code === undefined ? undefined : REMEDIES[code]) ?? [
    cause instanceof Error ? cause.message : String(cause),
    'Check the path and the disk.',
  ];
  return new FoveaError({
    code: 'file',
    op,
    message: `${path} could not be ${action}: ${what}${code === undefined ? '' : ` (${code})`}.`,
    path,
    got: code,
    ...(lines.length === 0 ? {} : { lines }),
    hint,
    cause,
  });
}

/**
 * Writes a file so that at every moment the old or the new content stands under its name: written beside, synced,
 * renamed, the folder synced. Makes missing folders. Throws `file` and removes the half-written copy on failure; those
 * that killed processes left behind go with the next write.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array | string, op = 'writeFileAtomic'): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'writeFileAtomic');
  const { basename, dirname, resolve } = await nodeModule('node:path', 'writeFileAtomic');
  const { hostname } = await nodeModule('node:os', 'writeFileAtomic');
  const target = resolve(path);
  const folder = dirname(target);
  const host = hostname().replace(/[^\w]/g, '').slice(0, 16);
  const temporary = `${target}.tmp-${host}-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
  try {
    await makeFolders(folder);
    // Before it needs their space.
    await removeStale(folder, basename(target), host);
    const file = await fs.open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {});
    throw fileError(op, target, 'written', error, await nearestLine(folder));
  }
  await syncFolder(folder);
}

/** Beyond this age a copy is nobody's, whichever machine began it. */
const STALE_MS = 24 * 3600 * 1000;

/** Removes half-written copies of a file whose writers were killed: the process is gone, or the copy is a day old. */
async function removeStale(folder: string, name: string, host: string): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'writeFileAtomic');
  const { join } = await nodeModule('node:path', 'writeFileAtomic');
  const pattern = /^(\w*)-(\d+)-[a-z0-9]{1,8}$/;
  for (const entry of await fs.readdir(folder).catch(() => [])) {
    if (!entry.startsWith(`${name}.tmp-`)) continue;
    const [, from, pid] = pattern.exec(entry.slice(name.length + 5)) ?? [];
    if (from === undefined || Number(pid) === process.pid) continue;
    const copy = join(folder, entry);
    const isOld = async (): Promise<boolean> =>
      Date.now() - ((await fs.stat(copy).catch(() => undefined))?.mtimeMs ?? Infinity) > STALE_MS;
    if ((from === host && !isRunning(Number(pid))) || (await isOld()))
      await fs.rm(copy, { force: true }).catch(() => {});
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of somebody else may not be signalled, but it is there.
    return systemCode(error) !== 'ESRCH';
  }
}

/** Makes a folder and those above it. Throws `file`, naming the nearest folder that exists. */
export async function makeFolder(path: string, op: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (error) {
    throw fileError(op, path, 'made', error, await nearestLine(path));
  }
}

/**
 * As `mkdir -p`, throwing what the system says. (Node's own recursive mkdir never ends where a file system refuses new
 * folders as missing, as /proc does.)
 */
export async function makeFolders(path: string): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'makeFolders');
  const { join, relative, resolve, sep } = await nodeModule('node:path', 'makeFolders');
  const target = resolve(path);
  let at = await nearestFolder(target);
  for (const part of relative(at, target).split(sep)) {
    if (part === '') return;
    at = join(at, part);
    try {
      await fs.mkdir(at);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      // Another process may have been faster.
      if (!(await fs.stat(at)).isDirectory())
        throw Object.assign(new Error(`${at} is a file`, { cause: error }), { code: 'ENOTDIR' });
    }
  }
}

/** The line that says which folder above a missing one exists. */
async function nearestLine(path: string): Promise<string[]> {
  const { resolve } = await nodeModule('node:path', 'nearestFolder');
  const nearest = await nearestFolder(path);
  return nearest === resolve(path) ? [] : [`the nearest folder that exists is ${nearest}`];
}

/** Makes a rename in this folder survive a power cut, where the platform can (Windows cannot open folders). */
export async function syncFolder(folder: string): Promise<void> {
  const fs = await nodeModule('node:fs/promises', 'syncFolder');
  try {
    const handle = await fs.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // The content is safe either way; only the moment at which the new name becomes durable is not.
  }
}

/** Reads a whole file; throws `file`, which names the nearest folder that exists where the path does not. */
export async function readFileBytes(path: string, op: string): Promise<Uint8Array> {
  const fs = await nodeModule('node:fs/promises', op);
  try {
    const bytes = await fs.readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw await missingPathError(path, op);
    throw fileError(op, path, 'read', error);
  }
}

/** A `file` error for a path that is not there: the resolved path and the nearest folder that exists. */
export async function missingPathError(path: string, op: string): Promise<FoveaError> {
  const { resolve } = await nodeModule('node:path', op);
  const full = resolve(path);
  const nearest = await nearestFolder(full);
  return new FoveaError({
    code: 'file',
    op,
    message: `${full} does not exist.`,
    path: full,
    got: path,
    lines: [`the nearest folder that exists is ${nearest}`],
    hint: 'Check the spelling; relative paths start at the current folder.',
  });
}

/** The closest folder at or above a path that exists. */
export async function nearestFolder(path: string): Promise<string> {
  const fs = await nodeModule('node:fs/promises', 'nearestFolder');
  const { dirname, resolve } = await nodeModule('node:path', 'nearestFolder');
  for (let at = resolve(path); ; at = dirname(at)) {
    const stats = await fs.stat(at).catch(() => undefined);
    if (stats?.isDirectory() || dirname(at) === at) return at;
  }
}

/** Where downloads are kept: `FOVEA_CACHE`, or the platform's cache folder with `fovea` in it. */
export async function cacheFolder(): Promise<string> {
  const { join } = await nodeModule('node:path', 'cacheFolder');
  const { homedir } = await nodeModule('node:os', 'cacheFolder');
  const { FOVEA_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (FOVEA_CACHE) return FOVEA_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'fovea');
  if (process.platform === 'win32') return join(LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'fovea', 'Cache');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'fovea');
}
