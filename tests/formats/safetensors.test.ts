import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js';
import { type StoredArray, storedArray } from '../../src/formats/stored.js';
import { goldenBytes, goldenFolder } from './golden.js';

function file(header: unknown, body: number): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + body);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

describe('safetensors', () => {
  it('gives back arrays, shapes, dtypes and notes', () => {
    const tensors = new Map<string, StoredArray>([
      ['mask', storedArray([3], 'bool', new Uint8Array([1, 0, 1]))],
      ['x', storedArray([2, 2], 'float32', new Float32Array([1, 2, 3, 4]))],
      ['__proto__', storedArray([], 'int64', new BigInt64Array([-1n]))],
      ['half', storedArray([1], 'bfloat16', new Uint16Array([0x3f80]))],
    ]);
    const back = readSafetensors(writeSafetensors(tensors, new Map([['format', 'pt']])));
    expect(back.metadata.get('format')).toBe('pt');
    expect([...back.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, { shape, dtype, data }] of tensors) {
      const got = back.tensors.get(name);
      expect([got?.shape, got?.dtype, got?.data()]).toEqual([shape, dtype, data()]);
    }
  });

  it('refuses damaged files with the tensor’s name', () => {
    const x = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
    expect(() => readSafetensors(file({ x }, 4), 'a')).toThrow(
      "the tensor 'x' lies outside the file: it is truncated.",
    );
    expect(() => readSafetensors(file({ x: { ...x, shape: [3] } }, 8), 'a')).toThrow(
      'of shape [3] needs 12 bytes but has 8',
    );
    expect(() => readSafetensors(file({ x: { ...x, shape: [-2] } }, 8), 'a')).toThrow('has no valid shape');
    expect(() => readSafetensors(file({ x: { ...x, dtype: 'F8' } }, 8), 'a')).toThrow('has the dtype F8');
    expect(() => readSafetensors(file([], 0), 'a')).toThrow('is not a JSON object');
    expect(() => readSafetensors(new Uint8Array(20).fill(255), 'a')).toThrow(
      'not a safetensors file, or a truncated one',
    );
    expect(() => readSafetensors(new Uint8Array(0), 'a')).toThrow('the file is empty');
  });

  it.skipIf(goldenFolder === undefined)('reads the golden files', () => {
    const folder = join(goldenFolder ?? '', 'layers');
    const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const { tensors } = readSafetensors(goldenBytes(`layers/${name}`), name);
      expect(tensors.size).toBeGreaterThan(0);
      for (const [key, array] of tensors) expect([key, array.data().length]).toEqual([key, sizeOf(array.shape)]);
    }
  });
});
