import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fromFloat16Bits } from '../../src/core/dtype.js';
import { checkBeside, filesBeside, filesGiven } from '../../src/formats/beside.js';
import { storedFloats } from '../../src/formats/stored.js';
import { packWeight, readTfjs, readTfjsWeights, tfjsBytes, tfjsKind } from '../../src/formats/tfjs.js';

const bytesOf = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));

const manifest = (...weights: object[]): object => ({
  modelTopology: null,
  weightsManifest: [{ paths: ['a.bin'], weights }],
});
const weight = (more: object = {}): object => ({ name: 'conv/kernel', shape: [2, 3], dtype: 'float32', ...more });

async function weightsOf(json: unknown, files: Record<string, Uint8Array>): Promise<Map<string, number[]>> {
  const read = await readTfjsWeights(readTfjs(bytesOf(json), 'm.json'), filesGiven(files, 'm.json', 'load'), 'm.json');
  return new Map([...read].map(([name, array]) => [name, [...storedFloats(array)]]));
}

describe('a tfjs manifest', () => {
  it('is told from other JSON', () => {
    expect(tfjsKind({ modelTopology: { model_config: {} } })).toBe('layers');
    expect(tfjsKind({ format: 'graph-model', modelTopology: { node: [] } })).toBe('graph');
    expect(tfjsKind({ modelTopology: null, weightsManifest: [] })).toBe('weights');
    expect(tfjsKind([{ paths: ['a'], weights: [] }])).toBe('weights');
    expect([tfjsKind([]), tfjsKind({ a: 1 }), tfjsKind(7)]).toEqual([undefined, undefined, undefined]);
  });

  it('gives weights from several files of a group, one of them cut in the middle of a number', async () => {
    const numbers = Float32Array.of(1, 2, 3, 4, 5, 6, -7);
    const raw = new Uint8Array(numbers.buffer);
    const json = [
      { paths: ['a', 'sub/b'], weights: [weight(), { name: 'conv/bias', shape: [1], dtype: 'float32' }] },
      { paths: ['c'], weights: [{ name: 'n', shape: [], dtype: 'int32' }] },
      { paths: [], weights: [] },
    ];
    const files = { a: raw.subarray(0, 10), 'sub/b': raw.subarray(10), c: new Uint8Array(Int32Array.of(9).buffer) };
    expect([...(await weightsOf(json, files))]).toEqual([
      ['conv/kernel', [1, 2, 3, 4, 5, 6]],
      ['conv/bias', [-7]],
      ['n', [9]],
    ]);
  });

  it('unpacks quantised weights as q * scale + min', async () => {
    const json = manifest(
      weight({ shape: [3], quantization: { dtype: 'uint8', scale: 0.5, min: -1 } }),
      weight({ name: 'b', shape: [2], quantization: { dtype: 'uint16', scale: 0.25, min: 3 } }),
      weight({ name: 'h', shape: [1], quantization: { dtype: 'float16' } }),
      weight({ name: 'i', shape: [2], dtype: 'int32', quantization: { dtype: 'uint8', scale: 1.4, min: -2 } }),
    );
    const file = Uint8Array.of(0, 1, 255, 0x01, 0x01, 0xff, 0xff, 0x00, 0xc0, 1, 2);
    const read = await weightsOf(json, { 'a.bin': file });
    expect(read.get('conv/kernel')).toEqual([-1, -0.5, 126.5]);
    expect(read.get('b')).toEqual([257 * 0.25 + 3, 65535 * 0.25 + 3]);
    expect(read.get('h')).toEqual([-2]);
    // Rounded: -0.6 and 0.8.
    expect(read.get('i')?.map((each) => each + 0)).toEqual([-1, 1]);
  });

  it('packs so that reading gives numbers within half a step', async () => {
    const data = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i) * 3 + 1);
    for (const [quantize, steps] of [
      ['uint8', 255],
      ['uint16', 65535],
    ] as const) {
      const { entry, bytes } = packWeight('w', { shape: [100], dtype: 'float32', data }, quantize);
      const got = (await weightsOf(manifest(entry), { 'a.bin': bytes })).get('w') ?? [];
      const step = (Math.max(...data) - Math.min(...data)) / steps;
      expect(Math.max(...got.map((each, i) => Math.abs(each - (data[i] as number))))).toBeLessThan(0.501 * step);
    }
    const half = packWeight('w', { shape: [100], dtype: 'float32', data }, 'float16');
    const bits = new Uint16Array(half.bytes.buffer, half.bytes.byteOffset, 100);
    expect(Math.abs(fromFloat16Bits(bits[3] as number) - (data[3] as number))).toBeLessThan(2e-3);
    const equal = packWeight('w', { shape: [2], dtype: 'float32', data: Float32Array.of(0.7, 0.7) }, 'uint8');
    expect((await weightsOf(manifest(equal.entry), { 'a.bin': equal.bytes })).get('w')).toEqual([
      Math.fround(0.7),
      Math.fround(0.7),
    ]);
    expect(() => packWeight('w', { shape: [1], dtype: 'float32', data: Float32Array.of(Number.NaN) }, 'uint8')).toThrow(
      'not finite',
    );
  });

  it.each([
    [{ a: 1 }, 'neither modelTopology nor weightsManifest'],
    [{ modelTopology: null, weightsManifest: 3 }, 'weightsManifest is 3'],
    [{ weightsManifest: [{ paths: [1], weights: [] }] }, 'group 0'],
    [manifest(weight({ name: 4 })), 'has no name'],
    [manifest(weight({ shape: [-1] })), 'has the shape [-1]'],
    [manifest(weight({ shape: [2 ** 40, 2 ** 40] })), 'has the shape'],
    [manifest(weight({ dtype: 'float64' })), 'has the dtype "float64"'],
    [manifest(weight({ dtype: 'string' })), 'holds texts'],
    [manifest(weight(), weight()), "two weights are called 'conv/kernel'"],
    [manifest(weight({ quantization: { dtype: 'uint8', scale: 'x', min: 0 } })), 'without a scale'],
    [manifest(weight({ quantization: { dtype: 'int4' } })), 'is quantised as "int4"'],
  ])('%j is refused', async (json, message) => {
    await expect(weightsOf(json, { 'a.bin': new Uint8Array(24) })).rejects.toThrow(message);
  });

  it('compares sizes before anything is read', async () => {
    let reads = 0;
    const beside = {
      size: async () => 24,
      read: async () => {
        reads++;
        return new Uint8Array(24);
      },
      list: async () => [],
    };
    const read = (json: unknown) => readTfjsWeights(readTfjs(bytesOf(json), 'm.json'), beside, 'm.json');
    await expect(read(manifest(weight({ shape: [2 ** 30] })))).rejects.toThrow(
      'its weights take 4294967296 bytes, but a.bin has 24.',
    );
    const twice = { paths: ['a.bin'], weights: [weight()] };
    await expect(read([twice, { ...twice, weights: [weight({ name: 'b' })] }])).rejects.toThrow('named twice');
    expect(reads).toBe(0);
    await read(manifest(weight()));
    expect(reads).toBe(1);
    expect(tfjsBytes({ name: '', shape: [3], dtype: 'bool', quantization: null })).toBe(3);
  });

  it('names the file of weights that is missing', async () => {
    await expect(weightsOf(manifest(weight()), {})).rejects.toThrow(
      'the file of weights a.bin, which is not beside it',
    );
  });
});

describe('files beside a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-beside-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('stay in its folder', async () => {
    for (const path of ['../a', '/a', 'a/../../b', 'C:\\a', 'file:///a', 'http://x/a', 'a\\b', '', 'a\0'])
      expect(() => checkBeside(path, 'm.json'), path).toThrow('does not lie in its folder');
    for (const path of ['a', 'a/b.bin', '..a', 'a..b/c']) checkBeside(path, 'm.json');
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'secret'), 'secret');
    writeFileSync(join(folder, 'model', 'a'), 'four');
    symlinkSync(join(folder, 'secret'), join(folder, 'model', 'link'));
    const beside = filesBeside(join(folder, 'model', 'm.json'), 'load');
    expect([await beside.size('a'), await beside.size('b'), await beside.list()]).toEqual([
      4,
      undefined,
      ['a', 'link'],
    ]);
    expect(new TextDecoder().decode(await beside.read('a'))).toBe('four');
    await expect(beside.read('b')).rejects.toThrow('does not exist');
    for (const path of ['../secret', 'link'])
      await expect(beside.read(path)).rejects.toThrow('does not lie in its folder');
  });
});
