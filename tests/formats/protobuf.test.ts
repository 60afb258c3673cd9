import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { type Message, readMessage, writeMessage } from '../../src/formats/protobuf.js';

interface Tree {
  name?: string;
  count?: number;
  big?: bigint;
  isLeaf?: boolean;
  data?: Uint8Array;
  floats?: Float32Array;
  doubles?: Float64Array;
  ints?: readonly number[];
  bigs?: readonly bigint[];
  child?: Tree;
  children?: readonly Tree[];
  words?: readonly string[];
}

const tree: Message<Tree> = {
  name: 'Tree',
  fields: {
    name: { number: 1, kind: 'string' },
    count: { number: 2, kind: 'int32' },
    big: { number: 3, kind: 'int64' },
    isLeaf: { number: 4, kind: 'bool' },
    data: { number: 5, kind: 'bytes' },
    floats: { number: 6, kind: 'float', repeated: true, packed: true },
    doubles: { number: 7, kind: 'double', repeated: true },
    ints: { number: 8, kind: 'sint32', repeated: true, packed: true },
    bigs: { number: 9, kind: 'uint64', repeated: true },
    child: { number: 10, kind: () => tree },
    children: { number: 11, kind: () => tree, repeated: true },
    words: { number: 17, kind: 'string', repeated: true },
  },
};

const read = (bytes: Uint8Array): Tree => readMessage(tree, bytes, 'oak.bin', 'a tree');

function refusal(bytes: Uint8Array): FoveaError {
  try {
    read(bytes);
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
  throw new Error('was read');
}

describe('protobuf', () => {
  it('gives back what was written, of every kind', () => {
    const value: Tree = {
      name: 'Bäume',
      count: -7,
      big: -(2n ** 62n),
      isLeaf: true,
      data: new Uint8Array(10_000).map((_, i) => i % 251),
      floats: Float32Array.of(1, -2.5, Number.POSITIVE_INFINITY),
      doubles: Float64Array.of(Math.PI, -0),
      ints: [0, -1, 2 ** 31 - 1],
      bigs: [0n, 2n ** 64n - 1n],
      child: { name: 'inner', children: [{ data: new Uint8Array(5000) }, {}] },
      children: [{}, { count: 1 }],
      words: ['', 'ash'],
    };
    expect(read(writeMessage(tree, value))).toEqual(value);
    expect(read(new Uint8Array())).toEqual({});
  });

  it('writes the bytes of the format', () => {
    expect([...writeMessage(tree, { name: 'ab', count: 150 })]).toEqual([0x0a, 2, 0x61, 0x62, 0x10, 0x96, 1]);
    expect([...writeMessage(tree, { ints: [-1, 1], bigs: [300n, 1n] })]).toEqual([
      0x42, 2, 1, 2, 0x48, 0xac, 2, 0x48, 1,
    ]);
  });

  it('reads repeated numbers packed, unpacked and mixed, and merges a message that comes twice', () => {
    const writer = new BinaryWriter();
    writer.tag(6, WireType.Bit32).float(1).tag(6, WireType.LengthDelimited).fork().float(2).float(3).join();
    writer.tag(8, WireType.Varint).sint32(-4).tag(8, WireType.LengthDelimited).fork().sint32(5).join();
    writer.tag(10, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string('once').join();
    writer
      .tag(10, WireType.LengthDelimited)
      .fork()
      .tag(2, WireType.Varint)
      .int32(2)
      .tag(8, WireType.Varint)
      .sint32(1)
      .join();
    writer.tag(10, WireType.LengthDelimited).fork().tag(8, WireType.Varint).sint32(2).join();
    expect(read(writer.finish())).toEqual({
      floats: Float32Array.of(1, 2, 3),
      ints: [-4, 5],
      child: { name: 'once', count: 2, ints: [1, 2] },
    });
  });

  it('skips fields that the table does not know, groups too', () => {
    const writer = new BinaryWriter();
    writer.tag(99, WireType.StartGroup).tag(1, WireType.Varint).int32(1).tag(99, WireType.EndGroup);
    writer.tag(100, WireType.LengthDelimited).string('later').tag(101, WireType.Bit64).double(1);
    writer.tag(2, WireType.Varint).int32(3);
    expect(read(writer.finish())).toEqual({ count: 3 });
  });

  it('gives bytes as views of the file', () => {
    const file = writeMessage(tree, { data: Uint8Array.of(1, 2, 3) });
    expect(read(file).data?.buffer).toBe(file.buffer);
  });

  it('names file, field and place where a length says more than there is', () => {
    const file = writeMessage(tree, { child: { children: [{ name: 'a long name' }] } });
    const error = refusal(file.subarray(0, file.length - 3));
    expect(error.code).toBe('format');
    expect(error.message).toBe(
      'not a tree, or a truncated or damaged one: as a protobuf message it breaks at byte 2 of 14 (a length of 15 bytes where 12 are left).\n  at oak.bin: child',
    );
  });

  it('refuses every cut of a file and every length that is too large, in a FoveaError', () => {
    const file = writeMessage(tree, { child: { floats: Float32Array.of(1, 2), ints: [1, 2, 3] }, words: ['x', 'yz'] });
    const ends = new Set<number>();
    for (let size = 1; size < file.length; size++) {
      try {
        read(file.subarray(0, size));
        ends.add(size);
      } catch (error) {
        expect(error).toBeInstanceOf(FoveaError);
      }
    }
    // Whole fields may be missing: that is a message, too.
    expect([...ends]).toEqual([17, 21]);
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at] = 0xff;
      try {
        read(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(FoveaError);
      }
    }
  });

  it('refuses deep nesting before the stack ends', () => {
    let file = new Uint8Array();
    for (let depth = 0; depth < 100; depth++) {
      const writer = new BinaryWriter();
      file = writer.tag(10, WireType.LengthDelimited).bytes(file).finish();
    }
    expect(refusal(file).message).toContain('nested more than 64 deep');
  });

  it('refuses another wire type than the field has', () => {
    const writer = new BinaryWriter();
    expect(refusal(writer.tag(1, WireType.Varint).int32(3).finish()).message).toContain('wire type 0 where 2 belongs');
  });
});
