// Writes HDF5 in the oldest layout (superblock 0, symbol tables, contiguous data), as h5py does by default.
// Two passes: the first gives every piece its address, the second fills one block of exactly the right size.
import { FoveaError } from '../core/errors.js';
import { ByteSink, encodeText } from './cursor.js';
import type { Hdf5Attribute, Hdf5Dataset, Hdf5Group } from './hdf5.js';
import { encodeExtent, encodeTextType, encodeType } from './hdf5-types.js';
import { storedBytes } from './stored.js';

/** Members of a symbol node and children of a tree node: twice the K values in the superblock. */
const NODE_MEMBERS = 8;
const TREE_CHILDREN = 32;
const TREE_BYTES = 24 + 8 * TREE_CHILDREN + 8 * (TREE_CHILDREN + 1);
const SYMBOL_BYTES = 8 + 40 * NODE_MEMBERS;
const SUPERBLOCK_BYTES = 96;
const MAX_MESSAGE = 65528;

interface Piece {
  address: number;
  bytes: () => Uint8Array;
}

/** A written object: where its header is, and for groups what the parent's entry caches. */
interface Placed {
  header: number;
  tree?: number;
  heap?: number;
}

export class Hdf5Writer {
  private end = SUPERBLOCK_BYTES;
  private readonly pieces: Piece[] = [];
  private readonly texts = new TextHeaps((size) => this.allocate(size));

  write(root: Hdf5Group): Uint8Array {
    const placed = this.group(root, '');
    for (const { address, bytes } of this.texts.finish()) this.pieces.push({ address, bytes: () => bytes });
    const out = new Uint8Array(this.end);
    out.set(this.superblock(placed));
    for (const { address, bytes } of this.pieces) out.set(bytes(), address);
    return out;
  }

  private allocate(size: number): number {
    const address = this.end;
    this.end += Math.ceil(size / 8) * 8;
    return address;
  }

  private place(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length);
    this.pieces.push({ address, bytes: () => bytes });
    return address;
  }

  private superblock(root: Placed): Uint8Array {
    const sink = new ByteSink(SUPERBLOCK_BYTES);
    sink.u8(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a);
    sink
      .u8(0, 0, 0, 0, 0, 8, 8, 0)
      .u16(NODE_MEMBERS / 2, TREE_CHILDREN / 2)
      .u32(0);
    sink.u64(0).none().u64(this.end).none();
    symbolEntry(sink, 0, root);
    return sink.done();
  }

  private group(group: Hdf5Group, path: string): Placed {
    const members = new Map<string, Placed>();
    for (const [name, child] of group.groups)
      members.set(this.memberName(name, path), this.group(child, `${path}/${name}`));
    for (const [name, child] of group.datasets) {
      if (members.has(name)) throw refuse(`'${name}' is both a group and a dataset.`, path);
      members.set(this.memberName(name, path), this.dataset(child, `${path}/${name}`));
    }
    // Readers search the names by their bytes.
    const sorted = [...members].map(([name, placed]) => ({ name: encodeText(name), placed }));
    sorted.sort((a, b) => compareBytes(a.name, b.name));

    const names = new ByteSink().u64(0);
    const entries = sorted.map(({ name, placed }) => {
      const at = names.length;
      names.put(name).u8(0).align(8);
      return { at, placed };
    });
    // A free block of the size of its own header ends the heap; 1 means that none follows.
    const freeAt = names.length;
    names.u64(1, 16);
    const namesAt = this.place(names.done());
    const heap = this.place(new ByteSink().text('HEAP').u32(0).u64(names.length, freeAt, namesAt).done());
    const tree = this.symbolTree(entries);

    const messages = [message(0x11, new ByteSink().u64(tree, heap).done())];
    messages.push(...this.attributes(group.attributes, path));
    return { header: this.place(objectHeader(messages)), tree, heap };
  }

  private memberName(name: string, path: string): string {
    if (name === '' || name === '.' || name.includes('/') || name.includes('\0')) {
      throw refuse(`'${name}' cannot name a member of an HDF5 group.`, path);
    }
    return name;
  }

  /** The B-tree over a group's sorted members; gives the root's address. */
  private symbolTree(entries: readonly { at: number; placed: Placed }[]): number {
    // Each child comes with the offset of its last name: the key to its right.
    let level: { address: number; key: number }[] = [];
    for (let i = 0; i < entries.length; i += NODE_MEMBERS) {
      const some = entries.slice(i, i + NODE_MEMBERS);
      const sink = new ByteSink(SYMBOL_BYTES).text('SNOD').u8(1, 0).u16(some.length);
      for (const { at, placed } of some) symbolEntry(sink, at, placed);
      sink.zeros(SYMBOL_BYTES - sink.length);
      level.push({ address: this.place(sink.done()), key: (some.at(-1) as { at: number }).at });
    }
    for (let height = 0; ; height++) {
      const parents: { address: number; key: number }[] = [];
      const nodes = Math.max(1, Math.ceil(level.length / TREE_CHILDREN));
      const first = this.allocate(nodes * TREE_BYTES);
      for (let i = 0; i < nodes; i++) {
        const children = level.slice(i * TREE_CHILDREN, (i + 1) * TREE_CHILDREN);
        const sink = new ByteSink(TREE_BYTES).text('TREE').u8(0, height).u16(children.length);
        const sibling = (index: number): unknown =>
          index < 0 || index >= nodes ? sink.none() : sink.u64(first + index * TREE_BYTES);
        sibling(i - 1);
        sibling(i + 1);
        sink.u64(level[i * TREE_CHILDREN - 1]?.key ?? 0);
        for (const { address, key } of children) sink.u64(address, key);
        sink.zeros(TREE_BYTES - sink.length);
        const bytes = sink.done();
        const address = first + i * TREE_BYTES;
        this.pieces.push({ address, bytes: () => bytes });
        parents.push({ address, key: children.at(-1)?.key ?? 0 });
      }
      level = parents;
      if (level.length === 1) return first;
    }
  }

  private dataset(dataset: Hdf5Dataset, path: string): Placed {
    const { shape, dtype } = dataset;
    const size = shape.reduce((product, dim) => product * dim, storedBytes(dtype));
    const address = this.allocate(size);
    this.pieces.push({
      address,
      bytes: () => {
        const data = dataset.data();
        if (data.byteLength !== size)
          throw refuse(`the data has ${data.byteLength} bytes, its shape and dtype want ${size}.`, path);
        return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      },
    });
    const layout = new ByteSink().u8(3, 1);
    if (size === 0) layout.none();
    else layout.u64(address);
    const messages = [
      message(0x1, encodeExtent(shape)),
      message(0x3, encodeType(dtype)),
      // Allocated late, filled only if set, with the default value.
      message(0x5, new ByteSink().u8(2, 2, 2, 1).u32(0).done()),
      message(0x8, layout.u64(size).done()),
      ...this.attributes(dataset.attributes, path),
    ];
    return { header: this.place(objectHeader(messages)) };
  }

  private attributes(attributes: ReadonlyMap<string, Hdf5Attribute>, path: string): Uint8Array[] {
    return [...attributes].map(([name, value]) => {
      const { type, shape, data } = this.attributeValue(value);
      const space = encodeExtent(shape);
      const nameBytes = encodeText(`${name}\0`);
      const sink = new ByteSink().u8(1, 0).u16(nameBytes.length, type.length, space.length);
      const body = sink.put(nameBytes).align(8).put(type).align(8).put(space).align(8).put(data).align(8).done();
      if (body.length > MAX_MESSAGE) {
        throw refuse(`the attribute '${name}' takes ${body.length} bytes, HDF5 allows ${MAX_MESSAGE}.`, path);
      }
      return message(0xc, body);
    });
  }

  private attributeValue(value: Hdf5Attribute): { type: Uint8Array; shape: number[]; data: Uint8Array } {
    // An empty list says nothing about its type; h5py stores it as float64.
    if (value === null || (Array.isArray(value) && value.length === 0)) {
      return { type: encodeType('float64'), shape: [0], data: new Uint8Array(0) };
    }
    const list: readonly (string | number)[] = typeof value === 'object' ? value : [value];
    const shape = typeof value === 'object' ? [list.length] : [];
    const sink = new ByteSink();
    if (list.every((each) => typeof each === 'string')) {
      for (const text of list) this.texts.add(encodeText(text), sink);
      return { type: encodeTextType(), shape, data: sink.done() };
    }
    const numbers = list.map(Number);
    const isWhole = numbers.every(Number.isSafeInteger);
    const data = isWhole ? new BigInt64Array(numbers.map(BigInt)) : new Float64Array(numbers);
    sink.put(new Uint8Array(data.buffer));
    return { type: encodeType(isWhole ? 'int64' : 'float64'), shape, data: sink.done() };
  }
}

function refuse(message: string, path: string): FoveaError {
  return new FoveaError({ code: 'argument', op: 'writeHdf5', message, path: path === '' ? '/' : path });
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

function symbolEntry(sink: ByteSink, nameAt: number, { header, tree, heap }: Placed): void {
  sink.u64(nameAt, header);
  if (tree === undefined || heap === undefined) sink.zeros(24);
  else sink.u32(1, 0).u64(tree, heap);
}

/** A header message; its body's length becomes a multiple of 8. */
function message(type: number, body: Uint8Array): Uint8Array {
  const size = Math.ceil(body.length / 8) * 8;
  // Datatype and fill value messages are constant: flag 1.
  const flags = type === 0x3 || type === 0x5 ? 1 : 0;
  return new ByteSink(8 + size).u16(type, size).u8(flags, 0, 0, 0).put(body).align(8).done();
}

function objectHeader(messages: readonly Uint8Array[]): Uint8Array {
  const size = messages.reduce((sum, each) => sum + each.length, 0);
  const sink = new ByteSink(16 + size).u8(1, 0).u16(messages.length).u32(1, size, 0);
  for (const each of messages) sink.put(each);
  return sink.done();
}

/** Strings of any length live in collections of at least 4096 bytes, outside the attributes that name them. */
class TextHeaps {
  private readonly full: { address: number; bytes: Uint8Array }[] = [];
  private waiting: Uint8Array[] = [];
  private used = 16;
  private current = 0;

  constructor(private readonly allocate: (size: number) => number) {}

  /** Stores a text and appends the reference to it to `sink`. */
  add(text: Uint8Array, sink: ByteSink): void {
    const size = 16 + Math.ceil(text.length / 8) * 8;
    if (this.used + size > 4096 - 16 && this.waiting.length > 0) this.close();
    this.waiting.push(text);
    this.used += size;
    // A collection opens with its first text and outgrows 4096 bytes only by that one.
    if (this.waiting.length === 1) this.current = this.allocate(Math.max(4096, this.used + 16));
    sink.u32(text.length).u64(this.current).u32(this.waiting.length);
  }

  private close(): void {
    const size = Math.max(4096, this.used + 16);
    const sink = new ByteSink(size).text('GCOL').u8(1, 0, 0, 0).u64(size);
    this.waiting.forEach((text, i) => {
      sink
        .u16(i + 1, 1)
        .u32(0)
        .u64(text.length)
        .put(text)
        .align(8);
    });
    // Object 0 is what is left over, its own header included.
    const left = size - sink.length;
    sink.u16(0, 0).u32(0).u64(left);
    sink.zeros(size - sink.length);
    this.full.push({ address: this.current, bytes: sink.done() });
    this.waiting = [];
    this.used = 16;
  }

  finish(): { address: number; bytes: Uint8Array }[] {
    if (this.waiting.length > 0) this.close();
    return this.full;
  }
}
