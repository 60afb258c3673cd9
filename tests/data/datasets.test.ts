// The loaders on small files made here, and on the real ones where FOVEA_DATA names them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import type { LoadOptions } from '../../src/data/dataset-files.js';
import { byName, cifar10, fashionMnist, mnist } from '../../src/data/datasets.js';
import { md5 } from '../../src/data/md5.js';

const realData = process.env.FOVEA_DATA;

let folder: string;
let nowhere: string;
let options: LoadOptions;
let servers: Server[] = [];

beforeAll(async () => {
  // A port that was free a moment ago refuses connections.
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  nowhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-datasets-'));
  // What is not found locally cannot be fetched.
  options = {
    dataFolder: join(folder, 'data'),
    cacheFolder: join(folder, 'cache'),
    baseUrl: nowhere,
  };
  mkdirSync(join(folder, 'data', 'mnist'), { recursive: true });
  mkdirSync(join(folder, 'data', 'cifar10'), { recursive: true });
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const server of servers) server.close();
  servers = [];
});

function idx(shape: number[], data: Uint8Array): Uint8Array {
  const header = new Uint8Array(4 + 4 * shape.length);
  header[2] = 8;
  header[3] = shape.length;
  shape.forEach((size, axis) => {
    new DataView(header.buffer).setUint32(4 + 4 * axis, size);
  });
  return Buffer.concat([header, data]);
}

const IMAGES = idx(
  [4, 2, 3],
  Uint8Array.from({ length: 24 }, (_, i) => i),
);
const LABELS = idx([4], Uint8Array.of(3, 1, 4, 1));

function putMnist(images: Uint8Array = IMAGES, labels: Uint8Array = LABELS, pack = true): string {
  const at = join(folder, 'data', 'mnist', 'train-images-idx3-ubyte');
  const suffix = pack ? '.gz' : '';
  writeFileSync(at + suffix, pack ? gzipSync(images) : images);
  writeFileSync(join(folder, 'data', 'mnist', `train-labels-idx1-ubyte${suffix}`), pack ? gzipSync(labels) : labels);
  return at + suffix;
}

async function failure(work: Promise<unknown>): Promise<FoveaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

async function serve(files: Readonly<Record<string, Uint8Array>>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const name = (request.url ?? '').slice(1);
    asked.push(name);
    const bytes = files[name];
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('mnist', () => {
  it.each([true, false])(
    'reads idx files in a local folder (packed: %s), only the part that is asked for',
    async (pack) => {
      const path = putMnist(IMAGES, LABELS, pack);
      const part = await mnist({ ...options, split: 'train[1:3]' });
      expect(part.x.shape).toEqual([2, 2, 3, 1]);
      expect([part.x.dtype, part.y.dtype, part.source]).toEqual(['uint8', 'int32', path]);
      expect([...part.x.data]).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
      expect([...part.y.data]).toEqual([1, 4]);
    },
  );

  it('names the file and the place of a truncated gzip file', async () => {
    const path = putMnist();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 12));
    const error = await failure(mnist({ ...options, split: 'train' }));
    expect(error.code).toBe('data');
    expect(error.path).toBe(path);
    expect(error.message).toContain(`${path} is damaged at byte ${bytes.length - 12}: the gzip stream ends early`);
    expect(error.hint).toBe(
      'Delete the file and run again to download a fresh copy, or copy it anew from where it came from.',
    );
  });

  it.each<[string, Uint8Array, string]>([
    [
      'cut off after unpacking',
      IMAGES.subarray(0, 30),
      'damaged at byte 30: its header says 4 x 2 x 3 bytes after byte 16, but it ends early (30 bytes unpacked)',
    ],
    [
      'too long',
      Buffer.concat([IMAGES, LABELS]),
      'damaged at byte 40: its header says 4 x 2 x 3 bytes after byte 16, but it goes on too long (52 bytes unpacked)',
    ],
    ['cut in its header', IMAGES.subarray(0, 9), 'damaged at byte 9: it ends inside its header of 16 bytes'],
    [
      'something else',
      Buffer.from('hello there'),
      'damaged at byte 0: an idx file begins with two zero bytes, this one with 68 65 6c 6c',
    ],
    ['a web page', Buffer.from('<html>Please sign in'), 'damaged at byte 0: it holds an HTML page instead of data'],
    ['empty', new Uint8Array(0), 'damaged at byte 0: an idx file begins with two zero bytes, this one with nothing'],
    [
      'floats',
      Buffer.concat([Buffer.of(0, 0, 13, 3), IMAGES.subarray(4)]),
      'damaged at byte 2: its elements have type 13 instead of 8 (bytes)',
    ],
  ])('names the place of a file that is %s', async (_, images, message) => {
    const path = putMnist(images, LABELS, false);
    const error = await failure(mnist({ ...options, split: 'train' }));
    expect([error.code, error.path]).toEqual(['data', path]);
    expect(error.message).toContain(`datasets.mnist: ${path} is ${message}.`);
  });

  it('reports flipped bits in a gzip file', async () => {
    const path = putMnist();
    const bytes = readFileSync(path);
    bytes[bytes.length - 6] = (bytes[bytes.length - 6] as number) ^ 1;
    writeFileSync(path, bytes);
    expect((await failure(mnist({ ...options, split: 'train' }))).message).toContain('it cannot be unpacked past');
  });

  it('refuses labels that are none and labels for other pictures', async () => {
    putMnist(IMAGES, idx([4], Uint8Array.of(0, 1, 10, 2)));
    expect((await failure(mnist({ ...options, split: 'train' }))).message).toContain(
      'is damaged at byte 10: label 2 is 10, beyond the 10 classes.',
    );
    putMnist(IMAGES, idx([3], Uint8Array.of(0, 1, 2)));
    expect((await failure(mnist({ ...options, split: 'train' }))).message).toContain(
      'it has [3] labels for 4 pictures',
    );
  });

  it('says offline where to put which file', async () => {
    const error = await failure(mnist(options));
    const name = 'train-images-idx3-ubyte.gz';
    expect(error.code).toBe('network');
    expect(error.message).toBe(
      `datasets.mnist: ${name} is not on this machine and could not be downloaded: the connection was refused (ECONNREFUSED).
  looked in ${join(folder, 'data', 'mnist')}
  looked in ${join(folder, 'cache', 'datasets', 'mnist')}
  tried ${nowhere}${name}
  Fetch ${name}, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz from there by other means and put them into ${join(folder, 'cache', 'datasets', 'mnist')}, or set FOVEA_DATA to a folder that holds them in mnist/.`,
    );
  });

  it('downloads once, keeps the files and reads them from there', async () => {
    const { url, asked } = await serve({
      'train-images-idx3-ubyte.gz': gzipSync(IMAGES),
      'train-labels-idx1-ubyte.gz': gzipSync(LABELS),
    });
    const settings = { ...options, baseUrl: url, verify: false, split: 'train' };
    const seen = new Set<string>();
    const first = await mnist({ ...settings, onProgress: ({ file }) => seen.add(file) });
    const second = await mnist(settings);
    expect([...second.x.data]).toEqual([...first.x.data]);
    expect(asked).toEqual(['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz']);
    expect([...seen]).toEqual(asked);
    expect(readdirSync(join(folder, 'cache', 'datasets', 'mnist')).sort()).toEqual(asked);
  });

  it('refuses a download with another checksum', async () => {
    const { url } = await serve({ 'train-images-idx3-ubyte.gz': gzipSync(IMAGES) });
    const error = await failure(mnist({ ...options, baseUrl: url, split: 'train' }));
    expect([error.code, error.want]).toEqual(['data', 'f68b3c2dcbeaaa9fbdd348bbdeb94873']);
    expect(error.message).toContain(
      'train-images-idx3-ubyte.gz arrived with the wrong checksum, so it was thrown away.',
    );
    expect(readdirSync(join(folder, 'cache', 'datasets', 'mnist'))).toEqual([]);
  });

  it('refuses names and splits that are none before anything is read', async () => {
    expect((await failure(Promise.resolve().then(() => byName('imagenet')))).message).toContain(
      'Use one of mnist, fashion-mnist, cifar10, strokes',
    );
    expect((await failure(mnist({ ...options, split: 'dev' }))).message).toContain("there is no split 'dev'");
  });
});

describe('cifar10', () => {
  const record = (label: number, base: number): Uint8Array => {
    const bytes = new Uint8Array(3073);
    bytes[0] = label;
    for (let channel = 0; channel < 3; channel++)
      bytes.fill(base + channel, 1 + 1024 * channel, 1 + 1024 * (channel + 1));
    bytes[1] = 99;
    return bytes;
  };

  function tarOf(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
    const blocks: Uint8Array[] = [];
    for (const [name, bytes] of Object.entries(files)) {
      const header = Buffer.alloc(512);
      header.write(name, 0);
      header.write('0000644\0', 100);
      header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
      header.write('        0', 148);
      let sum = 0;
      for (const byte of header) sum += byte;
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      blocks.push(header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
    }
    return Buffer.concat([...blocks, Buffer.alloc(1024)]);
  }

  const ARCHIVE = tarOf({
    'cifar-10-batches-bin/batches.meta.txt': Buffer.from('airplane'),
    'cifar-10-batches-bin/data_batch_1.bin': record(1, 10),
    'cifar-10-batches-bin/data_batch_2.bin': Buffer.concat([record(2, 20), record(3, 30)]),
    'cifar-10-batches-bin/test_batch.bin': record(9, 40),
  });

  it('turns planes into pixels, reads the official archive once, and says what is missing', async () => {
    const { url, asked } = await serve({ 'cifar-10-binary.tar.gz': gzipSync(ARCHIVE) });
    const { train, test } = await cifar10({ ...options, baseUrl: url, verify: false });
    expect(asked).toEqual(['cifar-10-binary.tar.gz']);
    expect(train.x.shape).toEqual([3, 32, 32, 3]);
    expect([...train.y.data, ...test.y.data]).toEqual([1, 2, 3, 9]);
    expect([...train.x.data.slice(0, 6)]).toEqual([99, 11, 12, 10, 11, 12]);
    expect([...test.x.data.slice(-3)]).toEqual([40, 41, 42]);
    expect(train.note).toBe('3 of the 50,000 train pictures were there.');
    expect(train.classNames?.[9]).toBe('truck');
  });

  it('reads local records, packed or not', async () => {
    writeFileSync(join(folder, 'data', 'cifar10', 'train_1.bin.gz'), gzipSync(record(5, 50)));
    mkdirSync(join(folder, 'cache', 'datasets', 'cifar10', 'cifar-10-batches-bin'), { recursive: true });
    writeFileSync(join(folder, 'cache', 'datasets', 'cifar10', 'cifar-10-batches-bin', 'test_batch.bin'), record(6, 1));
    const { train, test } = await cifar10(options);
    expect([...train.y.data, ...test.y.data]).toEqual([5, 6]);
  });

  it('names the place of damage in records and archives', async () => {
    const path = join(folder, 'data', 'cifar10', 'test_batch.bin');
    writeFileSync(path, Buffer.concat([record(0, 1), record(1, 2).subarray(0, 100)]));
    expect((await failure(cifar10({ ...options, split: 'test' }))).message).toContain(
      `${path} is damaged at byte 3073: a record has 3073 bytes, but 100 are left.`,
    );
    rmSync(path);
    const archive = join(folder, 'data', 'cifar10', 'cifar-10-binary.tar.gz');
    writeFileSync(archive, gzipSync(ARCHIVE.subarray(0, 2000)));
    expect((await failure(cifar10({ ...options, split: 'train' }))).message).toContain(
      'is damaged at byte 2000: the archive ends inside cifar-10-batches-bin/data_batch_1.bin, which has 3073 bytes',
    );
  });
});

describe.skipIf(!realData)('real data (FOVEA_DATA)', () => {
  it('loads MNIST and Fashion-MNIST whole, with the published content', async () => {
    for (const [load, first] of [
      [mnist, 5],
      [fashionMnist, 9],
    ] as const) {
      const { train, test } = await load();
      expect([train.x.shape, test.x.shape]).toEqual([
        [60_000, 28, 28, 1],
        [10_000, 28, 28, 1],
      ]);
      expect(train.y.data[0]).toBe(first);
      expect(train.note).toBeUndefined();
    }
    const { test } = await fashionMnist();
    // The published digest covers the idx header too.
    const header = idx([10_000, 28, 28], new Uint8Array(0));
    expect(md5(Buffer.concat([header, test.x.data as Uint8Array]))).toBe('8181f5470baa50b63fa0f6fddb340f0a');
  });

  it('loads the part of CIFAR-10 that is there', async () => {
    const { train, test } = await cifar10();
    expect(train.x.shape.slice(1)).toEqual([32, 32, 3]);
    expect([train.length, test.length]).toEqual([6000, 4000]);
    expect(train.note).toBe('6,000 of the 50,000 train pictures were there.');
    expect(new Set(test.y.data).size).toBe(10);
  });

  it('accepts a mirror that packed the official content anew', async () => {
    const source = join(realData as string, 'mnist');
    const names = ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'];
    const { url } = await serve(Object.fromEntries(names.map((name) => [name, readFileSync(join(source, name))])));
    const test = await mnist({ ...options, baseUrl: url, split: 'test' });
    expect(test.length).toBe(10_000);
    expect(readdirSync(join(folder, 'cache', 'datasets', 'mnist')).sort()).toEqual(names);
  });
});
