import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { writeZip, ZipReader } from '../../src/formats/zip.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

describe('zip', () => {
  it('gives back what it wrote, and the same bytes for the same entries', () => {
    const entries = [
      { name: 'config.json', bytes: text('{"a":1}') },
      { name: 'deep/größe.bin', bytes: new Uint8Array(1000).fill(7) },
      { name: 'empty', bytes: new Uint8Array(0) },
    ];
    const bytes = writeZip(entries);
    expect(writeZip(entries)).toEqual(bytes);
    const zip = new ZipReader(bytes, 'a.zip');
    expect(zip.names).toEqual(entries.map(({ name }) => name));
    for (const entry of entries) expect(zip.read(entry.name)).toEqual(entry.bytes);
    expect(zip.readJson('config.json')).toEqual({ a: 1 });
  });

  it('reads entries that another tool has deflated', () => {
    const bytes = zipSync({ 'a.txt': text('abc'.repeat(1000)), 'b.txt': [text('stored'), { level: 0 }] });
    const zip = new ZipReader(bytes, 'a.zip');
    expect(zip.read('a.txt')).toEqual(text('abc'.repeat(1000)));
    expect(zip.read('b.txt')).toEqual(text('stored'));
  });

  it('refuses what is no archive, cut off, or changed', () => {
    const bytes = writeZip([{ name: 'a.txt', bytes: text('hello') }]);
    expect(() => new ZipReader(new Uint8Array(0), 'a.zip')).toThrow('the file is empty: a zip archive was expected.');
    expect(() => new ZipReader(text('<html>no</html>'), 'm.keras', 'a .keras model')).toThrow(
      'm.keras is an HTML page, not a .keras model.',
    );
    expect(() => new ZipReader(text('x'.repeat(99)), 'm.keras', 'a .keras model')).toThrow(
      'this is not a .keras model',
    );
    expect(() => new ZipReader(bytes.subarray(0, 60), 'a.zip')).toThrow('the zip archive is truncated: its end');
    expect(() => new ZipReader(bytes, 'a.zip').read('b.txt')).toThrow('the archive has no b.txt.');
    const changed = new Uint8Array(bytes);
    changed[36] = 0;
    expect(() => new ZipReader(changed, 'a.zip').read('a.txt')).toThrow('a.txt: its checksum (CRC) does not match');
  });

  it.each(['../evil', '/etc/evil', 'a/../../evil', 'C:evil', 'a\\evil'])('refuses the entry name %s', (name) => {
    expect(() => new ZipReader(writeZip([{ name, bytes: text('x') }]), 'a.zip')).toThrow('unsafe name');
  });

  it('refuses two entries of one name', () => {
    const bytes = writeZip([
      { name: 'a', bytes: text('x') },
      { name: 'a', bytes: text('y') },
    ]);
    expect(() => new ZipReader(bytes, 'a.zip')).toThrow("two entries called 'a'");
  });

  it('refuses a bomb by its declared size, without unpacking', () => {
    const bytes = zipSync({ 'config.json': new Uint8Array(80 << 20) });
    expect(bytes.length).toBeLessThan(200_000);
    expect(() => new ZipReader(bytes, 'a.zip').read('config.json')).toThrow(
      'config.json: its declared size, 83886080 bytes',
    );
  });

  it('refuses a declared size that is not the real one', () => {
    const bytes = zipSync({ 'a.txt': text('abc'.repeat(1000)) });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (view.getUint32(at, true) !== 0x02014b50) at++;
    for (const size of [2999, 3001]) {
      view.setUint32(at + 24, size, true);
      expect(() => new ZipReader(bytes, 'a.zip').read('a.txt')).toThrow(/a.txt: its (size|checksum)/);
    }
    view.setUint32(at + 24, 0xfffffff0, true);
    expect(() => new ZipReader(bytes, 'a.zip')).toThrow('a.txt: a size of 4294967280 bytes is declared');
  });
});
