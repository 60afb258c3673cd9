// datasets.tfFlowers on a small archive made here, and on what FOVEA_DATA holds.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode } from 'jpeg-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FoveaError } from '../../src/core/errors.js';
import { tfFlowers } from '../../src/data/flowers.js';

const CLASSES = ['daisy', 'dandelion', 'roses', 'sunflowers', 'tulips'];
const PER_CLASS = 8;

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-flowers-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  server?.close();
  server = undefined;
});

const JPEG = encode({ width: 8, height: 6, data: new Uint8Array(4 * 6 * 8).fill(90) }, 90).data;

/** One file of a tar archive: its header and its content in whole blocks of 512 bytes. */
function tarFile(name: string, bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  const put = (at: number, text: string): void => block.set(new TextEncoder().encode(text), at);
  put(0, name);
  put(100, '0000644\0');
  put(124, `${bytes.length.toString(8).padStart(11, '0')}\0`);
  put(148, '        ');
  put(156, '0');
  put(257, 'ustar\0');
  put(
    148,
    `${block
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  block.set(bytes, 512);
  return block;
}

function archive(more: readonly Uint8Array[] = [], classes = CLASSES): Uint8Array {
  const files = classes.flatMap((label) =>
    Array.from({ length: PER_CLASS }, (_, i) => tarFile(`flower_photos/${label}/${i}_n.jpg`, JPEG)),
  );
  return gzipSync(Buffer.concat([...files, ...more, new Uint8Array(1024)]));
}

async function serve(bytes: Uint8Array): Promise<string> {
  const made = createServer((request, response) => {
    if (request.url === '/flower_photos.tgz') response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    else response.writeHead(404).end();
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}/`;
}

const here = () => ({ dataFolder: join(folder, 'data'), cacheFolder: join(folder, 'cache'), workers: 0, imageSize: 4 });

async function refusal(work: Promise<unknown>): Promise<FoveaError> {
  return work.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: unknown) => error as FoveaError,
  );
}

describe('tfFlowers', () => {
  it('fetches and unpacks the archive once, and cuts it as TFDS cuts', { timeout: 60_000 }, async () => {
    const escaping = ['../outside.jpg', 'flower_photos/roses/../../../outside.jpg', '/outside.jpg'];
    const bytes = archive(escaping.map((name) => tarFile(name, JPEG)));
    const options = { ...here(), baseUrl: await serve(bytes), verify: false };
    const parts = await tfFlowers({ ...options, split: ['train[:10%]', 'train[10%:25%]', 'train[25%:]'] });
    expect(parts.map(({ paths }) => paths.length)).toEqual([4, 6, 30]);
    const all = parts.flatMap(({ paths }) => paths);
    expect(new Set(all).size).toBe(40);
    expect(parts[0]?.classNames).toEqual(['dandelion', 'daisy', 'tulips', 'sunflowers', 'roses']);
    for (const part of parts) {
      const labels = part.paths.map((path) => path.split('/').at(-2));
      expect(labels).toEqual(part.labels.map((label) => part.classNames[label]));
    }
    // Mixed: slices hold several classes.
    expect(new Set(parts[2]?.labels).size).toBe(5);
    expect(existsSync(join(folder, 'outside.jpg'))).toBe(false);
    expect(readdirSync(join(folder, 'cache/datasets/tf_flowers')).sort()).toEqual([
      'flower_photos',
      'flower_photos.tgz',
    ]);

    server?.close();
    server = undefined;
    const again = await tfFlowers({ ...here(), baseUrl: 'http://127.0.0.1:9/', split: 'train[5:9]+train[-1:]' });
    expect(again.paths).toEqual([...all.slice(5, 9), all.at(-1)]);
    expect(again.note).toBeUndefined();
    const { x, y } = await again.load();
    expect([x.shape, [...y.data]]).toEqual([[5, 4, 4, 3], [...again.labels]]);
  });

  it('refuses an archive with another checksum, and one without all classes', { timeout: 60_000 }, async () => {
    const wrong = await refusal(tfFlowers({ ...here(), baseUrl: await serve(archive()) }));
    expect(wrong.code).toBe('data');
    expect(wrong.message).toContain('flower_photos.tgz arrived with the wrong checksum');
    server?.close();
    const few = archive([], CLASSES.slice(1));
    const missing = await refusal(tfFlowers({ ...here(), baseUrl: await serve(few), verify: false }));
    expect(missing.message).toContain('it does not hold pictures of all five classes');
  });

  it('says offline what belongs where', { timeout: 60_000 }, async () => {
    const error = await refusal(tfFlowers({ ...here(), baseUrl: 'http://127.0.0.1:9/' }));
    expect(error.code).toBe('network');
    expect(error.hint).toContain('set FOVEA_DATA to a folder that holds it in tf_flowers/');
  });

  it('takes flowers128 of the data folder in its place, and says so', { timeout: 60_000 }, async () => {
    for (const label of ['daisy', 'dandelion', 'rose', 'sunflower', 'tulip']) {
      mkdirSync(join(folder, 'data/flowers128', label), { recursive: true });
      for (let i = 0; i < 4; i++) writeFileSync(join(folder, 'data/flowers128', label, `${i}.jpg`), JPEG);
    }
    const flowers = await tfFlowers(here());
    expect(flowers.source).toBe(join(folder, 'data/flowers128'));
    expect(flowers.note).toContain('flowers128 of FOVEA_DATA stands in for tf_flowers');
    expect(flowers.counts).toEqual([4, 4, 4, 4, 4]);
    const labels = flowers.paths.map((path) => path.split('/').at(-2));
    expect(labels).toEqual(flowers.labels.map((label) => flowers.classNames[label]?.replace(/s$/, '')));
    // The published ones win where they are.
    mkdirSync(join(folder, 'data/tf_flowers'), { recursive: true });
    writeFileSync(join(folder, 'data/tf_flowers/flower_photos.tgz'), archive());
    const published = await tfFlowers(here());
    expect([published.paths.length, published.note]).toEqual([40, undefined]);
  });

  const hasData = process.env.FOVEA_DATA !== undefined;
  it.skipIf(!hasData)(
    'has its pictures in parts of 10, 15 and 75 per cent; of 3,670 that is 367, 551, 2,752',
    async () => {
      const sizes = (count: number): number[] => [
        Math.round(count * 0.1),
        Math.round(count * 0.25) - Math.round(count * 0.1),
        count - Math.round(count * 0.25),
      ];
      expect(sizes(3670)).toEqual([367, 551, 2752]);
      const parts = await tfFlowers({ split: ['train[:10%]', 'train[10%:25%]', 'train[25%:]'] });
      const total = parts.reduce((sum, { paths }) => sum + paths.length, 0);
      expect(parts.map(({ paths }) => paths.length)).toEqual(sizes(total));
      for (const { counts } of parts) expect(Math.min(...counts)).toBeGreaterThan(0);
    },
  );
});
