// The objects of an HDF5 file: superblock, object headers, groups, attributes, datasets. Every address is checked,
// no object is followed into itself, and no array is larger than the file could hold.
import { FoveaError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { Cursor, decodeText, formatError, refuseHtml } from './cursor.js';
import type { Hdf5Attribute, Hdf5Dataset, Hdf5Group } from './hdf5.js';
import { type Filter, filled, readChunks, readFilters } from './hdf5-chunks.js';
import { denseMessages } from './hdf5-dense.js';
import { decodeFixedText, type Extent, type Hdf5Type, readExtent, readType, swapBytes } from './hdf5-types.js';
import { type StoredData, type StoredDtype, storedBytes, viewStored } from './stored.js';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const MESSAGE = {
  dataspace: 0x1,
  linkInfo: 0x2,
  datatype: 0x3,
  fillValue: 0x5,
  link: 0x6,
  externalFiles: 0x7,
  layout: 0x8,
  filters: 0xb,
  attribute: 0xc,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

const MAX_DEPTH = 64;
const MAX_OBJECTS = 200_000;
/** Compressed arrays may together take up to this many bytes whatever the file's size, and above it `MAX_EXPANSION` times that. */
const FREE_EXPANSION = 64 << 20;
const MAX_EXPANSION = 100;
/** A fill value may stand for an array that was declared but never written, up to this many bytes. */
const MAX_UNWRITTEN = 1 << 20;

interface Message {
  type: number;
  flags: number;
  cursor: Cursor;
}

export class Hdf5Reader {
  private offsetSize = 8;
  private lengthSize = 8;
  private base = 0;
  /** Objects read so far: none may have two names, which also rules out cycles. */
  private readonly seen = new Set<number>();
  /** Names and values of each text collection, which attributes share. */
  private readonly texts = new Map<number, Map<number, Uint8Array>>();
  /** Bytes of headers and texts read so far: a file whose parts overlap could make them endless. */
  private spent = 0;
  /** Bytes that the compressed arrays declare. */
  private declared = 0;

  constructor(
    private readonly bytes: Uint8Array,
    readonly file: string,
  ) {}

  root(): Hdf5Group {
    const { bytes, file } = this;
    if (bytes.length === 0) throw formatError(file, 'the file is empty: an HDF5 file was expected.');
    refuseHtml(bytes, file, 'an HDF5 file');
    const start = this.findSignature();
    if (start < 0) {
      throw formatError(file, 'this is not an HDF5 file: its signature is missing.', {
        hint: 'Check that the file was downloaded whole and is really HDF5 (.h5).',
      });
    }
    const cursor = this.cursor(start + 8);
    const version = cursor.u8();
    if (version > 3) throw this.unsupported(`superblock version ${version}`, '');
    if (version < 2) {
      cursor.need(4);
      this.offsetSize = cursor.u8();
      this.lengthSize = cursor.u8();
      cursor.need(1 + 4 + 4 + (version === 1 ? 4 : 0));
    } else {
      this.offsetSize = cursor.u8();
      this.lengthSize = cursor.u8();
      cursor.need(1);
    }
    for (const size of [this.offsetSize, this.lengthSize]) {
      if (size !== 4 && size !== 8) throw this.damaged(`addresses of ${size} bytes`);
    }
    this.base = cursor.uint(this.offsetSize);
    cursor.need(this.offsetSize);
    const end = cursor.uint(this.offsetSize);
    cursor.need(version < 2 ? this.offsetSize * 2 : 0);
    if (this.base + end > bytes.length) {
      throw formatError(
        file,
        `the HDF5 file is truncated: its size should be ${this.base + end} bytes but is ${bytes.length}.`,
        {
          hint: 'Download or copy it again.',
        },
      );
    }
    const group = this.object(cursor.uint(this.offsetSize), '', 0);
    if (!('groups' in group)) throw this.damaged('the root is not a group');
    return group;
  }

  private findSignature(): number {
    for (let at = 0; at + 8 <= this.bytes.length; at = at === 0 ? 512 : at * 2) {
      if (SIGNATURE.every((byte, i) => this.bytes[at + i] === byte)) return at;
    }
    return -1;
  }

  damaged(what: string, place = ''): FoveaError {
    return formatError(this.file, `the HDF5 file is damaged: ${what}.`, { place });
  }

  unsupported(what: string, place: string): FoveaError {
    return new FoveaError({
      code: 'unsupported',
      message: `${what} in an HDF5 file is not supported: Keras never writes it.`,
      path: place === '' ? this.file : `${this.file}: ${place}`,
      hint: 'Load the model in Python with Keras and save it again.',
    });
  }

  /** A cursor at an address relative to the file's base, up to `size` bytes on. */
  cursor(address: number, size?: number): Cursor {
    const at = this.base + address;
    if (size !== undefined && !(at + size <= this.bytes.length)) throw this.damaged(`an address lies outside the file`);
    return new Cursor(this.bytes, at, this.file, size === undefined ? undefined : at + size);
  }

  /** An address; undefined where the file stores "none". */
  address(cursor: Cursor): number | undefined {
    const from = cursor.at;
    const value = cursor.uint(this.offsetSize);
    return this.bytes.subarray(from, from + this.offsetSize).every((byte) => byte === 255) ? undefined : value;
  }

  length(cursor: Cursor): number {
    return cursor.uint(this.lengthSize);
  }

  offsetBytes(): number {
    return this.offsetSize;
  }

  lengthBytes(): number {
    return this.lengthSize;
  }

  private object(address: number, path: string, depth: number): Hdf5Group | Hdf5Dataset {
    if (this.seen.has(address)) throw this.unsupported('an object with two names', path);
    this.seen.add(address);
    if (depth > MAX_DEPTH) throw this.damaged(`groups are nested more than ${MAX_DEPTH} deep`, path);
    if (this.seen.size > MAX_OBJECTS) throw this.damaged(`more than ${MAX_OBJECTS} objects`, path);
    const messages = this.messages(address, path);
    const isDataset = messages.some(({ type }) => type === MESSAGE.layout);
    return isDataset ? this.dataset(messages, path) : this.group(messages, path, depth);
  }

  private spend(bytes: number): void {
    this.spent += bytes + 16;
    if (this.spent > FREE_EXPANSION + 16 * this.bytes.length) throw this.damaged('its parts overlap');
  }

  private messages(address: number, path: string): Message[] {
    const out: Message[] = [];
    const cursor = this.cursor(address);
    const blocks: Cursor[] = [];
    let isNew = false;
    let creationOrder = 0;
    if (this.bytes[cursor.at] === 0x4f) {
      if (cursor.ascii(4) !== 'OHDR' || cursor.u8() !== 2) throw this.damaged('an object header is missing', path);
      isNew = true;
      const flags = cursor.u8();
      creationOrder = flags & 4 ? 2 : 0;
      cursor.need((flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0));
      const size = cursor.uint(1 << (flags & 3));
      blocks.push(new Cursor(this.bytes, cursor.at, this.file, cursor.need(size) + size));
    } else {
      if (cursor.u8() !== 1) throw this.damaged('an object header is missing', path);
      cursor.need(7);
      const size = cursor.u32();
      cursor.need(4);
      blocks.push(new Cursor(this.bytes, cursor.at, this.file, cursor.need(size) + size));
    }
    const head = isNew ? 4 + creationOrder : 8;
    const seen = new Set<number>();
    for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) {
      if (seen.has(block.at)) throw this.damaged('an object header continues into itself', path);
      seen.add(block.at);
      while (block.left >= head) {
        const type = isNew ? block.u8() : block.u16();
        const size = block.u16();
        this.spend(size);
        const flags = block.u8();
        block.need(isNew ? creationOrder : 3);
        const body = new Cursor(this.bytes, block.at, this.file, block.need(size) + size);
        if (type === MESSAGE.continuation) {
          const at = this.address(body) ?? Number.POSITIVE_INFINITY;
          const length = this.length(body);
          const next = this.cursor(at, length);
          if (isNew && next.ascii(4) !== 'OCHK') throw this.damaged('an object header breaks off', path);
          blocks.push(new Cursor(this.bytes, next.at, this.file, Math.max(next.at, next.end - (isNew ? 4 : 0))));
        } else if (type !== 0) {
          out.push({ type, flags, cursor: body });
          if (out.length > 65536) throw this.damaged('an object header with too many messages', path);
        }
      }
    }
    return out;
  }

  private find(messages: readonly Message[], type: number, path: string): Cursor | undefined {
    const message = messages.find((each) => each.type === type);
    if (message !== undefined && message.flags & 2) throw this.unsupported('a shared message', path);
    if (message === undefined) return undefined;
    return new Cursor(this.bytes, message.cursor.at, this.file, message.cursor.end);
  }

  private group(messages: readonly Message[], path: string, depth: number): Hdf5Group {
    const groups = new Map<string, Hdf5Group>();
    const datasets = new Map<string, Hdf5Dataset>();
    for (const [name, address] of this.links(messages, path)) {
      const child = this.object(address, path === '' ? name : `${path}/${name}`, depth + 1);
      if ('groups' in child) groups.set(name, child);
      else datasets.set(name, child);
    }
    return { attributes: this.attributes(messages, path), groups, datasets };
  }

  private links(messages: readonly Message[], path: string): Map<string, number> {
    const links = new Map<string, number>();
    const add = (name: string, address: number | undefined): void => {
      if (address === undefined) throw this.unsupported(`the soft or external link '${name}'`, path);
      if (name === '' || name === '.' || name.includes('/')) throw this.damaged(`a member is called '${name}'`, path);
      if (links.has(name)) throw this.damaged(`two members are called '${name}'`, path);
      links.set(name, address);
    };
    const table = this.find(messages, MESSAGE.symbolTable, path);
    if (table !== undefined) {
      const tree = this.address(table);
      const heap = this.address(table);
      if (tree === undefined || heap === undefined) throw this.damaged('a group without a table', path);
      this.symbolNodes(tree, this.localHeap(heap, path), path, new Set(), add);
    }
    for (const message of messages) if (message.type === MESSAGE.link) this.link(message.cursor, add);
    const info = this.find(messages, MESSAGE.linkInfo, path);
    if (info !== undefined) {
      info.u8();
      if (info.u8() & 1) info.need(8);
      const heap = this.address(info);
      const names = this.address(info);
      if (heap !== undefined && names !== undefined) {
        for (const body of denseMessages(this, heap, names)) this.link(body, add);
      }
    }
    return links;
  }

  private link(cursor: Cursor, add: (name: string, address: number | undefined) => void): void {
    cursor.u8();
    const flags = cursor.u8();
    const type = flags & 8 ? cursor.u8() : 0;
    cursor.need((flags & 4 ? 8 : 0) + (flags & 0x10 ? 1 : 0));
    const name = decodeText(cursor.take(cursor.uint(1 << (flags & 3))));
    add(name, type === 0 ? this.address(cursor) : undefined);
  }

  private localHeap(address: number, path: string): Cursor {
    const cursor = this.cursor(address);
    if (cursor.ascii(4) !== 'HEAP') throw this.damaged('a group without names', path);
    cursor.need(4);
    const size = this.length(cursor);
    this.length(cursor);
    return this.cursor(this.address(cursor) ?? Number.POSITIVE_INFINITY, size);
  }

  private symbolNodes(
    address: number,
    heap: Cursor,
    path: string,
    seen: Set<number>,
    add: (name: string, address: number | undefined) => void,
  ): void {
    if (seen.has(address)) throw this.damaged('a group tree contains itself', path);
    seen.add(address);
    const cursor = this.cursor(address);
    const kind = cursor.ascii(4);
    if (kind === 'TREE') {
      if (cursor.u8() !== 0) throw this.damaged('a group tree of another kind', path);
      cursor.u8();
      const used = cursor.u16();
      cursor.need(2 * this.offsetSize + this.lengthSize);
      for (let i = 0; i < used; i++) {
        this.symbolNodes(this.address(cursor) ?? Number.POSITIVE_INFINITY, heap, path, seen, add);
        cursor.need(this.lengthSize);
      }
    } else if (kind === 'SNOD') {
      cursor.need(2);
      const count = cursor.u16();
      for (let i = 0; i < count; i++) {
        const nameAt = cursor.uint(this.offsetSize);
        const target = this.address(cursor);
        const cacheType = cursor.u32();
        cursor.need(20);
        const name = new Cursor(this.bytes, heap.at + nameAt, this.file, heap.end).zeroTerminated();
        add(name, cacheType === 2 ? undefined : target);
      }
    } else throw this.damaged('a group tree breaks off', path);
  }

  private attributes(messages: readonly Message[], path: string): Map<string, Hdf5Attribute> {
    const out = new Map<string, Hdf5Attribute>();
    const bodies = messages.filter(({ type }) => type === MESSAGE.attribute);
    for (const { cursor, flags } of bodies) {
      if (flags & 2) throw this.unsupported('a shared attribute', path);
      this.attribute(cursor, out, path);
    }
    const info = this.find(messages, MESSAGE.attributeInfo, path);
    if (info !== undefined) {
      info.u8();
      if (info.u8() & 1) info.need(2);
      const heap = this.address(info);
      const names = this.address(info);
      if (heap !== undefined && names !== undefined) {
        for (const body of denseMessages(this, heap, names)) this.attribute(body, out, path);
      }
    }
    return out;
  }

  private attribute(cursor: Cursor, out: Map<string, Hdf5Attribute>, path: string): void {
    const version = cursor.u8();
    const flags = cursor.u8();
    if (version < 1 || version > 3) throw this.damaged(`no attribute has version ${version}`, path);
    if (version > 1 && flags & 3) throw this.unsupported('an attribute with a shared type', path);
    const nameSize = cursor.u16();
    const typeSize = cursor.u16();
    const spaceSize = cursor.u16();
    if (version === 3) cursor.u8();
    const part = (size: number): Cursor => {
      const from = cursor.need(version === 1 ? Math.ceil(size / 8) * 8 : size);
      return new Cursor(this.bytes, from, this.file, from + size);
    };
    const name = part(nameSize).zeroTerminated();
    const type = readType(part(typeSize));
    const space = part(spaceSize);
    const extent = readExtent(space, () => this.length(space));
    // Unknown kinds stand for themselves: only who asks for such an attribute would miss it.
    if (type.kind !== 'other') out.set(name, this.attributeValue(cursor, type, extent, `${path}@${name}`));
  }

  private attributeValue(cursor: Cursor, type: Hdf5Type, extent: Extent, place: string): Hdf5Attribute {
    if (extent === null) return null;
    const count = sizeOf(extent);
    if (!(count * type.size <= cursor.left))
      throw this.damaged(`an attribute of shape ${formatShape(extent)} is cut off`, place);
    if (type.kind === 'vlenText') {
      const texts = Array.from({ length: count }, () => this.vlenText(cursor, place));
      return extent.length === 0 ? (texts[0] as string) : texts;
    }
    const raw = cursor.take(count * type.size);
    if (type.kind === 'text') {
      const texts = Array.from({ length: count }, (_, i) =>
        decodeFixedText(raw.subarray(i * type.size, (i + 1) * type.size)),
      );
      return extent.length === 0 ? (texts[0] as string) : texts;
    }
    const numbers = Array.from(this.decode(raw, type), Number);
    return extent.length === 0 ? (numbers[0] as number) : numbers;
  }

  private vlenText(cursor: Cursor, place: string): string {
    const length = cursor.u32();
    const collection = this.address(cursor);
    const index = cursor.u32();
    if (length === 0 || collection === undefined || collection === 0) return '';
    const stored = this.textCollection(collection, place).get(index);
    if (stored === undefined) throw this.damaged('a text is missing', place);
    if (length > stored.length) throw this.damaged('a text is cut off', place);
    this.spend(length);
    return decodeText(stored.subarray(0, length)).replace(/\0+$/, '');
  }

  private textCollection(address: number, place: string): Map<number, Uint8Array> {
    const known = this.texts.get(address);
    if (known !== undefined) return known;
    const heap = this.cursor(address);
    if (heap.ascii(4) !== 'GCOL') throw this.damaged('a text is missing', place);
    heap.need(4);
    const end = heap.at - 8 + this.length(heap);
    const texts = new Map<number, Uint8Array>();
    while (heap.at + 8 + this.lengthSize <= end) {
      const index = heap.u16();
      heap.need(6);
      const size = this.length(heap);
      if (index === 0) break;
      this.spend(0);
      const from = heap.need(Math.ceil(size / 8) * 8);
      texts.set(index, this.bytes.subarray(from, from + size));
    }
    this.texts.set(address, texts);
    return texts;
  }

  private decode(raw: Uint8Array, type: Hdf5Type): StoredData {
    return viewStored(type.dtype, type.isBigEndian && type.size > 1 ? swapBytes(raw, type.size) : raw);
  }

  private dataset(messages: readonly Message[], path: string): Hdf5Dataset {
    const typeMessage = this.find(messages, MESSAGE.datatype, path);
    const space = this.find(messages, MESSAGE.dataspace, path);
    const layout = this.find(messages, MESSAGE.layout, path);
    if (typeMessage === undefined || space === undefined || layout === undefined)
      throw this.damaged('a dataset without a type', path);
    if (messages.some(({ type }) => type === MESSAGE.externalFiles))
      throw this.unsupported('data in another file', path);
    const attributes = this.attributes(messages, path);
    const type = readType(typeMessage);
    const extent = readExtent(space, () => this.length(space));
    const shape = extent ?? [0];
    const isBfloat16 = type.label === 'opaque16' && attributes.get('dtype') === 'bfloat16';
    const known = type.kind === 'stored' || isBfloat16;
    const dtype: StoredDtype = known ? type.dtype : 'uint8';
    const size = sizeOf(shape) * type.size;
    if (!Number.isSafeInteger(size)) throw this.damaged(`a dataset declares the shape ${formatShape(shape)}`, path);
    const read = this.locate(layout, messages, type, shape, size, path);
    const data = (): StoredData => {
      if (!known) throw this.unsupported(`a dataset of ${type.label} elements`, path);
      return this.decode(read(), { ...type, dtype });
    };
    if (known && storedBytes(dtype) !== type.size) throw this.damaged('a datatype of another size', path);
    return { shape, dtype, attributes, data };
  }

  /** Checks where a dataset's bytes lie, and gives what reads them. */
  private locate(
    layout: Cursor,
    messages: readonly Message[],
    type: Hdf5Type,
    shape: readonly number[],
    size: number,
    path: string,
  ): () => Uint8Array {
    const version = layout.u8();
    const rank = version < 3 ? layout.u8() : 0;
    const kind = layout.u8();
    if (version < 3) layout.need(5);
    if (version < 1 || version > 4) throw this.damaged(`no data layout has version ${version}`, path);
    if (kind === 0) {
      if (version < 3) layout.need(4 * rank);
      const stored = version < 3 ? layout.u32() : layout.u16();
      if (stored < size) throw this.damaged(`a dataset holds ${stored} bytes of ${size}`, path);
      const raw = layout.take(size);
      return () => raw;
    }
    if (kind === 1) {
      const address = this.address(layout);
      if (size === 0) return () => new Uint8Array(0);
      if (address === undefined) return this.unwritten(messages, type, shape, size, path);
      const stored = version < 3 ? size : this.length(layout);
      const at = this.base + address;
      if (stored < size || at + size > this.bytes.length) {
        throw this.damaged(`a dataset of shape ${formatShape(shape)} needs ${size} bytes, more than are stored`, path);
      }
      return () => this.bytes.subarray(at, at + size);
    }
    if (kind !== 2) throw this.unsupported('a virtual dataset', path);
    if (version === 4) throw this.unsupported('a dataset in the chunk layout of HDF5 1.10', path);
    const dimensions = version < 3 ? rank : layout.u8();
    const tree = this.address(layout);
    const chunk = Array.from({ length: dimensions }, () => layout.u32());
    if (version < 3) chunk.push(layout.u32());
    if (size === 0) return () => new Uint8Array(0);
    if (tree === undefined) return this.unwritten(messages, type, shape, size, path);
    this.declared += size;
    if (this.declared > Math.max(FREE_EXPANSION, MAX_EXPANSION * this.bytes.length)) {
      throw this.damaged(
        `a dataset declares the shape ${formatShape(shape)}, ${size} bytes, in a file of ${this.bytes.length}`,
        path,
      );
    }
    const chunkShape = chunk.slice(0, shape.length);
    if (chunkShape.length !== shape.length || chunkShape.some((dim) => dim === 0))
      throw this.damaged('chunks of no size', path);
    const pipeline = this.find(messages, MESSAGE.filters, path);
    const filters: Filter[] = pipeline === undefined ? [] : readFilters(pipeline);
    const fill = this.fillValue(messages, type, path);
    return () => readChunks(this, { tree, shape, chunkShape, elementBytes: type.size, filters, fill, path });
  }

  private unwritten(
    messages: readonly Message[],
    type: Hdf5Type,
    shape: readonly number[],
    size: number,
    path: string,
  ): () => Uint8Array {
    if (size > MAX_UNWRITTEN) {
      throw this.damaged(`a dataset declares the shape ${formatShape(shape)} but stores nothing`, path);
    }
    const fill = this.fillValue(messages, type, path);
    return () => filled(size, fill);
  }

  /** The bytes of the element that stands where nothing was written; undefined for zeros. */
  private fillValue(messages: readonly Message[], type: Hdf5Type, path: string): Uint8Array | undefined {
    const cursor = this.find(messages, MESSAGE.fillValue, path);
    if (cursor === undefined) return undefined;
    const version = cursor.u8();
    let size = 0;
    if (version === 3) {
      if (cursor.u8() & 0x20) size = cursor.u32();
    } else {
      cursor.need(2);
      const isDefined = cursor.u8() === 1;
      if (version === 1 || isDefined) size = cursor.u32();
    }
    return size === type.size ? cursor.take(size) : undefined;
  }
}
