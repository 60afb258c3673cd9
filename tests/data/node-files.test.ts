import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { cacheFolder, readFileBytes, systemCode, writeFileAtomic } from '../../src/core/node-files.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-files-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

// A file system of 64 KiB, where this machine lets us mount one.
function mountSmallDisk(): string | undefined {
  const at = join(folder, 'disk');
  mkdirSync(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at], { stdio: 'ignore' });
    return at;
  } catch {
    return undefined;
  }
}

describe('writeFileAtomic', () => {
  it('writes, replaces and makes folders, leaving nothing beside', async () => {
    const path = join(folder, 'a', 'b', 'file');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, Uint8Array.of(1, 2));
    expect([...readFileSync(path)]).toEqual([1, 2]);
    expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['file']);
  });

  it('keeps one whole content when many write at once', async () => {
    const path = join(folder, 'file');
    const contents = Array.from({ length: 20 }, (_, i) => String(i).repeat(50_000));
    await Promise.all(contents.map((text) => writeFileAtomic(path, text)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('removes its copy and names the remedy when the place cannot be written', async () => {
    mkdirSync(join(folder, 'taken'));
    const work = writeFileAtomic(join(folder, 'taken'), 'x');
    await expect(work).rejects.toMatchObject({ code: 'file', op: 'writeFileAtomic', path: join(folder, 'taken') });
    expect(readdirSync(folder)).toEqual(['taken']);
    writeFileSync(join(folder, 'plain'), '');
    await expect(writeFileAtomic(join(folder, 'plain', 'x'), 'x')).rejects.toThrow(
      /plain.x could not be written: (a part of the path is a file, not a folder \(ENOTDIR\)|.*EEXIST)/,
    );
  });

  it('keeps the old file and says so on a full disk', async (context) => {
    const disk = mountSmallDisk();
    if (disk === undefined) return context.skip('mounting a small disk needs more rights than this machine gives');
    try {
      const path = join(disk, 'model');
      await writeFileAtomic(path, 'the old content');
      const error = await writeFileAtomic(path, new Uint8Array(200_000)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FoveaError);
      expect((error as FoveaError).message).toBe(
        `writeFileAtomic: ${path} could not be written: the disk is full (ENOSPC).\n` +
          '  Free some space, or write to another disk. What was there before is untouched.\n' +
          `  at ${path}`,
      );
      expect(readFileSync(path, 'utf8')).toBe('the old content');
      expect(readdirSync(disk)).toEqual(['model']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('names missing rights', async (context) => {
    if (process.getuid?.() === 0) return context.skip('the superuser may write everywhere');
    mkdirSync(join(folder, 'locked'));
    chmodSync(join(folder, 'locked'), 0o555);
    await expect(writeFileAtomic(join(folder, 'locked', 'x'), 'x')).rejects.toThrow('permission denied (EACCES)');
  });
});

describe('reading', () => {
  it('names the nearest folder that exists', async () => {
    const path = join(folder, 'no', 'such', 'file');
    await expect(readFileBytes(path, 'load')).rejects.toThrow(
      `load: ${path} does not exist.\n  the nearest folder that exists is ${folder}\n  Check the spelling; relative paths start at the current folder.`,
    );
    await expect(readFileBytes(folder, 'load')).rejects.toThrow('it is a folder, not a file (EISDIR)');
    expect(existsSync(folder)).toBe(true);
  });

  it('finds a system code below causes and joint errors', () => {
    const inner = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    expect(systemCode(new TypeError('fetch failed', { cause: new AggregateError([inner]) }))).toBe('ECONNREFUSED');
    expect(systemCode(new Error('plain'))).toBeUndefined();
  });

  it('puts the cache where FOVEA_CACHE says', async () => {
    const before = process.env.FOVEA_CACHE;
    try {
      process.env.FOVEA_CACHE = folder;
      expect(await cacheFolder()).toBe(folder);
      delete process.env.FOVEA_CACHE;
      expect(await cacheFolder()).toMatch(/fovea/);
    } finally {
      if (before === undefined) delete process.env.FOVEA_CACHE;
      else process.env.FOVEA_CACHE = before;
    }
  });
});
