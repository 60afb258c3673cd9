// What the build's stages share: hashes of inputs, stamps that say what was built from which, files
// written beside and renamed, and a lock so that two builds do not meet.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface BuildContext {
  /** The repository, with a slash at its end. */
  readonly root: string;
  /** Started by `npm start` or `npm test`, not by somebody who asked for a build. */
  readonly isQuiet: boolean;
  log(line: string): void;
}

interface Stamp {
  key: string;
  outputs: string[];
}

/** All files under a folder, sorted, relative to the root. */
export function listFiles(root: string, folder: string, ends: readonly string[]): string[] {
  if (!existsSync(join(root, folder))) return [];
  const files: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) files.push(...listFiles(root, path, ends));
    else if (ends.some((end) => entry.name.endsWith(end))) files.push(path);
  }
  return files.sort();
}

/** One hash of files' names and contents and of further texts, such as flags and versions. */
export function hashInputs(root: string, files: readonly string[], texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:${text}`);
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}:${content.length}:`).update(content);
  }
  return hash.digest('hex');
}

/** Whether a stage's outputs exist and were made from these inputs. */
export function isFresh({ root }: BuildContext, stage: string, key: string): boolean {
  const stamp = readStamp(root, stage);
  return stamp?.key === key && stamp.outputs.every((file) => existsSync(join(root, file)));
}

export function markFresh({ root }: BuildContext, stage: string, key: string, outputs: readonly string[]): void {
  writeBeside(join(root, stampFile(stage)), JSON.stringify({ key, outputs }));
}

function stampFile(stage: string): string {
  return `build/stamps/${stage}.json`;
}

function readStamp(root: string, stage: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(join(root, stampFile(stage)), 'utf8')) as Stamp;
  } catch {
    return undefined; // none yet, or damaged: the stage runs again
  }
}

/** Writes a file so that no reader ever sees half of it. */
export function writeBeside(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.tmp`;
  writeFileSync(beside, content);
  renameSync(beside, file);
}

/**
 * The files of kernels/cpu that an object is compiled from. The entry points and the levels do not include
 * each other, so that a change to one leaves the other's objects as they are.
 */
export function objectInputs(root: string, source: string): string[] {
  const files = listFiles(root, 'kernels/cpu', ['.h', '.cc']);
  const entries = ['addon.cc', 'runtime.cc', 'runtime.h', 'wasm.cc'].map((name) => `kernels/cpu/${name}`);
  if (source.startsWith('level')) return files.filter((file) => !entries.includes(file));
  const headers = ['abi.h', 'kernel.h', 'runtime.h'].map((name) => `kernels/cpu/${name}`);
  return files.filter((file) => headers.includes(file) || file === `kernels/cpu/${source}`);
}

/** The version of an installed package. */
export function packageVersion(root: string, name: string): string {
  const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Runs `body` while no other build of this folder runs; a lock whose process has died is taken over. */
export async function withLock<T>({ root, log }: BuildContext, body: () => Promise<T>): Promise<T> {
  const lock = join(root, 'build/lock');
  mkdirSync(join(root, 'build'), { recursive: true });
  for (let waits = 0; ; waits++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (!isHeld(lock)) rmSync(lock, { force: true });
    else {
      if (waits === 20) log('waiting for another build of this folder.');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  try {
    return await body();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isHeld(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid === 0) return true; // just made, its number not yet written
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
