// Bad disks and damaged files: what was there stays, and the error says what to do.
import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FoveaError, layers, models } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { fovea, makeFolder, put } from '../cli/harness.js';
import { processorTime } from '../processor-time.js';
import { mountSmallDisk } from './small-disk.js';

const folder = makeFolder('files');
afterAll(() => folder.remove());

/** A model whose file has about 4 bytes for each of 20 times `units` numbers. */
function dense(units: number): TrainableModel {
  return models.sequential([layers.input([20]), layers.dense({ units })], { name: 'dense' });
}

async function failure(work: Promise<unknown>): Promise<FoveaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

describe('saving', () => {
  it('keeps the earlier file on a full disk, of the library and of the command line', async (context) => {
    const disk = mountSmallDisk(folder.at('disk'), 256);
    if (disk === undefined) return context.skip('mounting a small disk needs more rights than this machine gives');
    try {
      const path = `${disk.path}/model.keras`;
      await dense(100).save(path);
      const before = readFileSync(path);
      const error = await failure(dense(10_000).save(path));
      expect(error.code).toBe('file');
      expect(error.message).toBe(
        `save: ${path} could not be written: the disk is full (ENOSPC).\n` +
          '  Free some space, or write to another disk. What was there before is untouched.\n' +
          `  at ${path}`,
      );
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(disk.path)).toEqual(['model.keras']);
      expect((await models.load(path)).countParams()).toBe(2100);
      const { code, stderr } = await fovea([
        'train',
        '--model',
        'mnist-convnet',
        '--limit',
        '40',
        '--epochs',
        '1',
        '--out',
        `${disk.path}/run`,
      ]);
      expect(code).toBe(1);
      expect(stderr).toBe(
        `fovea train: save: ${disk.path}/run/model.keras could not be written: the disk is full (ENOSPC).\n` +
          '  Free some space, or write to another disk. What was there before is untouched.\n' +
          `  at ${disk.path}/run/model.keras\n`,
      );
      expect((await models.load(path)).countParams()).toBe(2100);
    } finally {
      disk.unmount();
    }
  });

  it('says that a folder is read-only', async (context) => {
    if (process.getuid?.() === 0) return context.skip('the superuser may write everywhere');
    mkdirSync(folder.at('locked'));
    chmodSync(folder.at('locked'), 0o555);
    const path = folder.at('locked/model.keras');
    expect((await failure(dense(2).save(path))).message).toBe(
      `save: ${path} could not be written: permission denied (EACCES).\n  Write to a folder you may write to, or change its permissions.\n  at ${path}`,
    );
  });

  it('makes folders that are missing, and names the nearest one where it cannot', async () => {
    await dense(2).save(folder.at('new/folders/model.keras'));
    expect(readdirSync(folder.at('new/folders'))).toEqual(['model.keras']);
    const path = folder.at('new/folders/model.keras/more/model.keras');
    const error = await failure(dense(2).save(path));
    expect(error.message).toBe(
      `save: ${path} could not be written: a part of the path is a file, not a folder (ENOTDIR).\n` +
        `  the nearest folder that exists is ${folder.at('new/folders')}\n` +
        '  Check the path.\n' +
        `  at ${path}`,
    );
  });

  it.skipIf(process.platform !== 'linux')('does not wait for ever where folders cannot be made', async () => {
    expect((await failure(dense(2).save('/proc/fovea/model.keras'))).message).toBe(
      'save: /proc/fovea/model.keras could not be written: there is no such file or folder (ENOENT).\n' +
        '  the nearest folder that exists is /proc\n' +
        '  Check the path.\n' +
        '  at /proc/fovea/model.keras',
    );
  });

  it('removes copies that nobody writes any more, and no others', async () => {
    const host = hostname().replace(/\W/g, '').slice(0, 16);
    // Above the largest process number of any system in use.
    const gone = 2 ** 30;
    const copy = (tail: string): string => put(folder.at('stale', `m.keras.tmp-${tail}`), 'half');
    copy(`${host}-${gone}-abc`);
    copy(`${host}-${process.ppid}-abc`);
    copy(`elsewhere-${gone}-abc`);
    utimesSync(copy(`elsewhere-${gone}-old`), new Date(0), new Date(0));
    put(folder.at('stale/m.keras.tmp'), 'mine');
    put(folder.at('stale/n.keras.tmp-x'), 'mine');
    await dense(2).save(folder.at('stale/m.keras'));
    expect(readdirSync(folder.at('stale')).sort()).toEqual(
      [
        'm.keras',
        'm.keras.tmp',
        `m.keras.tmp-${host}-${process.ppid}-abc`,
        `m.keras.tmp-elsewhere-${gone}-abc`,
        'n.keras.tmp-x',
      ].sort(),
    );
  });
});

describe('loading', () => {
  let whole: Buffer;
  beforeAll(async () => {
    const model = dense(50);
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    await model.save(folder.at('whole.keras'));
    whole = readFileSync(folder.at('whole.keras'));
  });

  it('refuses a file cut anywhere, quickly', async () => {
    const every = process.env.FOVEA_NIGHTLY === '1' ? 1 : 61;
    const { length } = whole;
    const lengths = new Set([0, 1, 3, 4, 21, 22, 30, length - 23, length - 22, length - 21, length - 1]);
    for (let at = 0; at < length; at += every) lengths.add(at);
    const path = folder.at('cut.keras');
    for (const at of lengths) {
      put(path, whole.subarray(0, at));
      const started = processorTime();
      const error = await failure(models.load(path));
      expect(processorTime() - started).toBeLessThan(1000);
      expect(['format', 'unsupported']).toContain(error.code);
      expect(error.message).toContain(path);
    }
    expect(lengths.size).toBeGreaterThan(200);
  }, 300_000);

  it('refuses a file with a changed byte, or loads what it says', async () => {
    const every = process.env.FOVEA_NIGHTLY === '1' ? 7 : 173;
    let refused = 0;
    for (let at = 0; at < whole.length; at += every) {
      const bytes = new Uint8Array(whole);
      bytes[at] = (bytes[at] as number) ^ 0xff;
      try {
        expect((await models.load(bytes)).countParams()).toBe(1050);
      } catch (error) {
        expect(error).toBeInstanceOf(FoveaError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0.9 * Math.floor(whole.length / every));
  }, 300_000);

  it('knows a web page', async () => {
    const path = put(folder.at('page.keras'), '<!DOCTYPE html>\n<html><head><title>404</title></head></html>');
    expect((await failure(models.load(path))).message).toBe(
      `${path} is an HTML page, not a .keras model.\n  The address it came from answered with a web page; download the file itself.\n  at ${path}`,
    );
  });
});
