import { describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import {
  findDataset,
  findGroup,
  type Hdf5Dataset,
  type Hdf5Group,
  hdf5Group,
  readHdf5,
  writeHdf5,
} from '../../src/formats/hdf5.js';
import { type StoredArray, storedArray, storedFloats } from '../../src/formats/stored.js';
import { processorTime } from '../processor-time.js';

function dataset(array: StoredArray, attributes: Hdf5Dataset['attributes'] = new Map()): Hdf5Dataset {
  return { shape: array.shape, dtype: array.dtype, data: () => array.data(), attributes };
}

function small(): Uint8Array {
  const root = hdf5Group();
  root.attributes.set('config', JSON.stringify({ layers: ['a', 'b'] }));
  const layer = hdf5Group();
  layer.attributes.set('names', ['kernel', 'bias']);
  layer.datasets.set('kernel', dataset(storedArray([2, 3], 'float32', new Float32Array([1, 2, 3, 4, 5, 6]))));
  layer.datasets.set('bias', dataset(storedArray([3], 'float32', new Float32Array([7, 8, 9]))));
  root.groups.set('layer', layer);
  return writeHdf5(root);
}

function readAll(group: Hdf5Group): void {
  for (const each of group.datasets.values()) each.data();
  for (const each of group.groups.values()) readAll(each);
}

describe('hdf5', () => {
  it('gives back every dtype, scalars and empty arrays', () => {
    const arrays: StoredArray[] = [
      storedArray([2], 'float64', new Float64Array([Math.PI, -0])),
      storedArray([], 'float32', new Float32Array([1.5])),
      storedArray([2], 'float16', new Uint16Array([0x3c00, 0xc000])),
      storedArray([2], 'bfloat16', new Uint16Array([0x3f80, 0x4000])),
      storedArray([2], 'int64', new BigInt64Array([-(2n ** 60n), 3n])),
      storedArray([1, 2], 'int32', new Int32Array([-5, 6])),
      storedArray([3], 'int16', new Int16Array([-300, 0, 300])),
      storedArray([3], 'int8', new Int8Array([-3, 0, 3])),
      storedArray([1], 'uint64', new BigUint64Array([2n ** 64n - 1n])),
      storedArray([1], 'uint32', new Uint32Array([4294967295])),
      storedArray([1], 'uint16', new Uint16Array([65535])),
      storedArray([5], 'uint8', new Uint8Array([1, 2, 3, 4, 255])),
      storedArray([3], 'bool', new Uint8Array([1, 0, 1])),
      storedArray([0, 4], 'float32', new Float32Array(0)),
    ];
    const root = hdf5Group();
    arrays.forEach((array, i) => {
      // numpy's bfloat16 is opaque in the file; the attribute is how Keras knows it again.
      root.datasets.set(String(i), dataset(array, new Map(array.dtype === 'bfloat16' ? [['dtype', 'bfloat16']] : [])));
    });
    const back = readHdf5(writeHdf5(root));
    arrays.forEach((array, i) => {
      const got = back.datasets.get(String(i)) as Hdf5Dataset;
      expect([got.dtype, got.shape, got.data()]).toEqual([array.dtype, array.shape, array.data()]);
    });
  });

  it('gives back attributes: texts, numbers, lists, long texts and empty ones', () => {
    const root = hdf5Group();
    const long = 'é'.repeat(200_000);
    const many = Array.from({ length: 900 }, (_, i) => `name ${i}`);
    for (const [name, value] of Object.entries({
      text: 'größe',
      empty: '',
      long,
      many,
      number: 3,
      half: 0.5,
      list: [1, 2],
    })) {
      root.attributes.set(name, value);
    }
    root.attributes.set('none', []);
    const back = readHdf5(writeHdf5(root)).attributes;
    expect([...back]).toEqual([
      ['text', 'größe'],
      ['empty', ''],
      ['long', long],
      ['many', many],
      ['number', 3],
      ['half', 0.5],
      ['list', [1, 2]],
      ['none', []],
    ]);
  });

  it('finds all members of groups of every size around the node sizes, and nested ones', () => {
    for (const count of [0, 1, 7, 8, 9, 255, 256, 257, 2100]) {
      const root = hdf5Group();
      const names = Array.from({ length: count }, (_, i) => `member_${i}`);
      for (const name of names) root.groups.set(name, hdf5Group());
      expect([...readHdf5(writeHdf5(root)).groups.keys()]).toEqual([...names].sort());
    }
    const back = readHdf5(small());
    expect(findDataset(back, 'layer/bias')?.data()).toEqual(new Float32Array([7, 8, 9]));
    expect(findGroup(back, 'layer')?.attributes.get('names')).toEqual(['kernel', 'bias']);
    expect(findDataset(back, 'layer/nothing')).toBeUndefined();
    expect(findGroup(back, 'nothing/at/all')).toBeUndefined();
  });

  it('decodes data only when asked, without copying where the file is aligned', () => {
    const bytes = small();
    const data = findDataset(readHdf5(bytes), 'layer/kernel')?.data();
    expect(data?.buffer).toBe(bytes.buffer);
  });

  it('refuses what is no HDF5 file, with its name', () => {
    const text = (content: string): Uint8Array => new TextEncoder().encode(content);
    expect(() => readHdf5(new Uint8Array(0), 'a.h5')).toThrow(
      'the file is empty: an HDF5 file was expected.\n  at a.h5',
    );
    expect(() => readHdf5(text('\n<!DOCTYPE html><html>'), 'a.h5')).toThrow('a.h5 is an HTML page, not an HDF5 file.');
    expect(() => readHdf5(text('hello'.repeat(300)), 'a.h5')).toThrow(
      'this is not an HDF5 file: its signature is missing.',
    );
    const bytes = small();
    expect(() => readHdf5(bytes.subarray(0, bytes.length - 8), 'a.h5')).toThrow(
      `the HDF5 file is truncated: its size should be ${bytes.length} bytes but is ${bytes.length - 8}.`,
    );
  });

  it('refuses a dataset that declares more than the file holds, before allocating', () => {
    const bytes = small();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // The kernel's dataspace: version 1, rank 2, with maximum sizes, then 2 and 3.
    let at = 0;
    while (!(view.getUint32(at, true) === 0x00010201 && view.getBigUint64(at + 8, true) === 2n)) at++;
    view.setBigUint64(at + 8, 2n ** 40n, true);
    expect(() => readHdf5(bytes, 'a.h5')).toThrow(/shape \[1099511627776,3\][\s\S]*at a.h5: layer\/kernel/);
    view.setBigUint64(at + 8, 2n ** 63n, true);
    expect(() => readHdf5(bytes, 'a.h5')).toThrow(FoveaError);
  });

  it('refuses an object with two names, so that no cycle can be followed', () => {
    const bytes = small();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const rootHeader = view.getBigUint64(64, true);
    const nodes: number[] = [];
    for (let at = 0; at < bytes.length - 4; at++) if (view.getUint32(at, true) === 0x444f4e53) nodes.push(at);
    // The last symbol node is the root's: its one entry, `layer`, now leads back to the root.
    view.setBigUint64((nodes.at(-1) as number) + 16, rootHeader, true);
    expect(() => readHdf5(bytes)).toThrow('an object with two names');
  });

  it('ends in a FoveaError or loads, quickly, whatever bytes are changed', () => {
    const good = small();
    let state = 12345;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = new Uint8Array(good);
      for (let change = 0; change <= random(4); change++)
        bytes[random(bytes.length)] = [0, 255, random(256)][random(3)] ?? 0;
      const start = processorTime();
      try {
        readAll(readHdf5(bytes));
      } catch (error) {
        if (!(error instanceof FoveaError)) throw new Error(`round ${round}: ${String(error)}`, { cause: error });
        refused++;
      }
      expect(processorTime() - start).toBeLessThan(1000);
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('refuses to write what a reader could not find', () => {
    const root = hdf5Group();
    root.groups.set('a/b', hdf5Group());
    expect(() => writeHdf5(root)).toThrow("writeHdf5: 'a/b' cannot name a member of an HDF5 group.");
    const other = hdf5Group();
    other.attributes.set(
      'list',
      Array.from({ length: 5000 }, () => 'x'),
    );
    expect(() => writeHdf5(other)).toThrow("the attribute 'list' takes");
  });

  it('turns stored arrays into floats', () => {
    expect(storedFloats(storedArray([2], 'float64', new Float64Array([0.1, 2])))).toEqual(new Float32Array([0.1, 2]));
    expect(storedFloats(storedArray([2], 'float16', new Uint16Array([0x3c00, 0xc000])))).toEqual(
      new Float32Array([1, -2]),
    );
    expect(storedFloats(storedArray([1], 'bfloat16', new Uint16Array([0x4040])))).toEqual(new Float32Array([3]));
    expect(storedFloats(storedArray([1], 'int64', new BigInt64Array([7n])))).toEqual(new Float32Array([7]));
    expect(() => storedArray([2], 'float32', new Float32Array(3))).toThrow('3 elements do not fill the shape [2]');
    expect(() => storedArray([2], 'float32', new Float64Array(2))).toThrow(
      'elements of float32 come in a Float32Array.',
    );
  });
});
