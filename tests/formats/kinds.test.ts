import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hdf5Group, writeHdf5 } from '../../src/formats/hdf5.js';
import { FILE_KINDS, type FileKind, kindOf } from '../../src/formats/kinds.js';
import { writeSafetensors } from '../../src/formats/safetensors.js';
import { storedArray } from '../../src/formats/stored.js';
import { writeZip } from '../../src/formats/zip.js';
import { layers, models } from '../../src/index.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const json = (content: unknown): Uint8Array => text(JSON.stringify(content));
const zip = (...names: string[]): Uint8Array => writeZip(names.map((name) => ({ name, bytes: text('x') })));
const hdf5 = (attributes: Record<string, string>, ...groups: string[]): Uint8Array => {
  const root = hdf5Group();
  for (const [name, value] of Object.entries(attributes)) root.attributes.set(name, value);
  for (const name of groups) root.groups.set(name, hdf5Group());
  return writeHdf5(root);
};
/** A protobuf field that holds bytes, its number below 16 or 100. */
const field = (number: number, size = 3): number[] => [
  ...(number < 16 ? [number * 8 + 2] : [0xa2, 0x06]),
  size,
  ...Array<number>(size).fill(1),
];
const floats = (...head: number[]): Uint8Array => new Uint8Array(Int32Array.of(...head).buffer);

const CASES: readonly (readonly [FileKind, Uint8Array])[] = [
  ['empty', new Uint8Array(0)],
  ['keras', zip('metadata.json', 'config.json', 'model.weights.h5')],
  ['keras', zip('metadata.json', 'config.json', 'model.weights.h5').subarray(0, 120)],
  ['torch', zip('archive/data.pkl', 'archive/data/0')],
  ['torch', zip('archive/data.pkl', 'archive/data/0').subarray(0, 80)],
  ['torch-script', zip('m/data.pkl', 'm/constants.pkl', 'm/code/a.py')],
  ['numpy', zip('a.npy', 'b.npy')],
  ['zip', zip('readme.txt')],
  ['keras-h5', hdf5({ model_config: '{}' }, 'model_weights')],
  ['keras-h5', hdf5({}, 'model_weights')],
  ['keras-h5-weights', hdf5({ layer_names: 'a' })],
  ['keras-weights', hdf5({}, 'layers', 'vars')],
  ['hdf5', hdf5({}, 'something')],
  ['hdf5', hdf5({ model_config: '{}' }).subarray(0, 60)],
  ['safetensors', writeSafetensors(new Map([['a', storedArray([1], 'float32', Float32Array.of(1))]]))],
  [
    'torch-legacy',
    Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e),
  ],
  ['pickle', Uint8Array.of(0x80, 4, 0x7d, 0x2e)],
  ['onnx', Uint8Array.of(8, 8, ...field(2), ...field(7, 100), ...field(8))],
  ['onnx', Uint8Array.of(...field(8), ...field(7))],
  ['caffe', Uint8Array.of(...field(1), ...field(100), ...field(100))],
  ['caffe', Uint8Array.of(...field(1), ...field(2), ...field(2))],
  ['tensorflow', Uint8Array.of(...field(1), ...field(1), ...field(4))],
  ['tensorflow', Uint8Array.of(8, 1, ...field(2, 60))],
  ['tfjs-layers', json({ modelTopology: { model_config: {} }, weightsManifest: [] })],
  ['tfjs-graph', json({ format: 'graph-model', modelTopology: { node: [] } })],
  ['tfjs-weights', json([{ weights: [], paths: ['a'] }])],
  ['tfjs-layers', text('{"modelTopology": {"class_name": ')],
  ['keras-config', json({ class_name: 'Sequential', config: { layers: [] } })],
  ['json', json({ a: 1 })],
  ['darknet-config', text('# YOLO\n[net]\nbatch=1\n')],
  ['darknet-weights', floats(0, 2, 0, 32013312, 0, 0x3f800000)],
  ['caffe-text', text('name: "LeNet"\nlayer {\n  name: "data"\n}')],
  ['html', text('\n<!DOCTYPE html><html><body>Not found</body></html>')],
  ['text', text('dog\ncat\n')],
  ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0)],
  ['gguf', text('GGUF....')],
  ['tflite', text('....TFL3....')],
  ['numpy', Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0)],
  ['picture', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)],
  ['unknown', Uint8Array.of(1, 2, 3)],
  ['unknown', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
];

describe('the kind of a file', () => {
  it.each(CASES.map(([kind, bytes], i) => ({ i, kind, bytes })))('$i: $kind', ({ kind, bytes }) => {
    expect(kindOf(bytes)).toBe(kind);
  });

  it('has a case for each', () => {
    const seen = new Set(CASES.map(([kind]) => kind));
    expect(Object.keys(FILE_KINDS).filter((kind) => !seen.has(kind as FileKind))).toEqual([]);
  });

  it('is found in any beginning of any file without a failure', () => {
    for (const [, bytes] of CASES)
      for (let size = 0; size <= Math.min(bytes.length, 200); size++) kindOf(bytes.subarray(0, size));
  });
});

describe('loading by content', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-kinds-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  it('does not ask for the name', async () => {
    const model = models.sequential([layers.input([2]), layers.dense({ units: 1 })]);
    await model.save(join(folder, 'm.keras'));
    await model.save(join(folder, 'm.h5'));
    const { copyFileSync } = await import('node:fs');
    copyFileSync(join(folder, 'm.keras'), join(folder, 'a.h5'));
    copyFileSync(join(folder, 'm.h5'), join(folder, 'b.bin'));
    const x = { data: Float32Array.of(1, 2), shape: [1, 2], dtype: 'float32' as const };
    const want = [...(await model.predict(x)).data];
    for (const name of ['a.h5', 'b.bin']) {
      const loaded = await models.load(join(folder, name));
      expect([...(await loaded.predict(x)).data]).toEqual(want);
    }
    const { pathToFileURL } = await import('node:url');
    expect((await models.load(pathToFileURL(join(folder, 'b.bin')))).countParams()).toBe(3);
  });

  it('says what a file is and what to do instead', async () => {
    const html = write('m.keras', text('<!doctype html><title>Sign in</title>'));
    await expect(models.load(html)).rejects.toThrow('is an HTML page, not a .keras model');
    const page = write('model', text('<!doctype html><title>Sign in</title>'));
    await expect(models.load(page)).rejects.toThrow(
      `load: ${page} is an HTML page (37 bytes), which is no model.\n  The address it came from answered with a web page; download the file itself.\n  at ${page}`,
    );
    await expect(models.load(write('w.h5', hdf5({ layer_names: 'a' }, 'a')))).rejects.toThrow(
      /holds weights without a model|has no model_config/,
    );
    const weights = write('w', writeSafetensors(new Map([['a', storedArray([1], 'float32', Float32Array.of(1))]])));
    await expect(models.load(weights)).rejects.toThrow(
      /tensors in a safetensors file: weights without a model\.\n {2}Build the model in code, or with zoo\.create/,
    );
    await expect(models.load(write('m.tflite', text('....TFL3....')))).rejects.toThrow('Convert the model that it was');
    await expect(models.load(write('names.txt', text('dog\n')))).rejects.toThrow(
      'is a text (4 bytes), which is no model',
    );
    await expect(models.load(write('e', new Uint8Array(0)))).rejects.toThrow('is an empty file, which is no model');
    await expect(models.load(new URL('ftp://host/model.keras'))).rejects.toThrow('an address of the kind ftp:');
  });

  it('takes an address, and the files that a model names under the same one', async () => {
    const model = models.sequential([layers.input([2]), layers.dense({ units: 1 })]);
    await model.save(join(folder, 'served/'));
    const { createServer } = await import('node:http');
    const { readFile } = await import('node:fs/promises');
    const asked: string[] = [];
    const server = createServer(async ({ url = '' }, answer) => {
      asked.push(url);
      const found = await readFile(join(folder, url)).catch(() => undefined);
      answer.statusCode = found === undefined ? 404 : 200;
      answer.end(found);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as { port: number };
      const address = `http://127.0.0.1:${port}/served/model.json`;
      for (const source of [address, new URL(address)]) {
        const loaded = await models.load(source);
        expect(await loaded.getWeights()).toEqual(await model.getWeights());
      }
      // Each file once a load.
      expect(asked).toHaveLength(4);
      expect(asked[1]).toMatch(/^\/served\/weights-/);
      await expect(models.load(`http://127.0.0.1:${port}/none.keras`)).rejects.toThrow('404');
    } finally {
      server.close();
    }
  });
});
