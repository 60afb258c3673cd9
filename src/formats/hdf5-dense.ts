// New-style groups and attribute lists too long for an object header: a fractal heap of messages, indexed by a
// version 2 B-tree. h5py makes them with `track_order` or `libver='latest'`.
import type { Cursor } from './cursor.js';
import type { Hdf5Reader } from './hdf5-read.js';

/** The link or attribute messages that a heap holds, in the order of the index. */
export function denseMessages(reader: Hdf5Reader, heapAddress: number, indexAddress: number): Cursor[] {
  const heap = new FractalHeap(reader, heapAddress);
  return [...records(reader, indexAddress)].map((record) => heap.object(record));
}

/** The heap ID in each record of a B-tree v2 of links (types 5, 6) or attributes (types 8, 9). */
function* records(reader: Hdf5Reader, address: number): Generator<Cursor> {
  const head = reader.cursor(address);
  if (head.ascii(4) !== 'BTHD') throw reader.damaged('an index is missing');
  head.u8();
  const type = head.u8();
  const nodeSize = head.u32();
  const recordSize = head.u16();
  const depth = head.u16();
  head.need(2);
  const root = reader.address(head);
  const rootRecords = head.u16();
  // Links by name start with a hash of 4 bytes, by creation order with 8; attributes start with the heap ID.
  const skip = type === 5 ? 4 : type === 6 ? 8 : 0;
  if (![5, 6, 8, 9].includes(type) || recordSize < 8 || nodeSize < 16) throw reader.damaged('an index of another kind');
  if (root === undefined) return;

  // How many records nodes of each depth can hold decides how wide the counts in them are.
  const leafMost = Math.floor((nodeSize - 10) / recordSize);
  const countBytes = byteWidth(leafMost);
  const totalBytes: number[] = [0];
  let total = leafMost;
  for (let level = 1; level <= Math.min(depth, 16); level++) {
    const pointer = reader.offsetBytes() + countBytes + (totalBytes[level - 1] as number);
    const most = Math.floor((nodeSize - 10 - pointer) / (recordSize + pointer));
    total = (most + 1) * total + most;
    totalBytes.push(byteWidth(total));
  }

  const seen = new Set<number>();
  function* node(at: number, count: number, level: number): Generator<Cursor> {
    if (seen.has(at)) throw reader.damaged('an index contains itself');
    seen.add(at);
    const cursor = reader.cursor(at, nodeSize);
    if (cursor.ascii(4) !== (level === 0 ? 'BTLF' : 'BTIN')) throw reader.damaged('an index breaks off');
    cursor.need(2);
    const own: Cursor[] = [];
    for (let i = 0; i < count; i++) {
      const from = reader.cursor(at);
      from.at = cursor.need(recordSize) + skip;
      own.push(from);
    }
    yield* own;
    if (level === 0) return;
    for (let i = 0; i <= count; i++) {
      const child = reader.address(cursor);
      const childCount = cursor.uint(countBytes);
      cursor.need(level > 1 ? (totalBytes[level - 1] as number) : 0);
      if (child === undefined) throw reader.damaged('an index breaks off');
      yield* node(child, childCount, level - 1);
    }
  }
  yield* node(root, rootRecords, depth);
}

function byteWidth(most: number): number {
  return Math.floor(Math.log2(Math.max(1, most)) / 8) + 1;
}

class FractalHeap {
  private readonly idOffsetBytes: number;
  private readonly idLengthBytes: number;
  private readonly tableWidth: number;
  private readonly startBlock: number;
  private readonly maxDirect: number;
  private readonly rootRows: number;
  private readonly root: number;

  constructor(
    private readonly reader: Hdf5Reader,
    address: number,
  ) {
    const cursor = reader.cursor(address);
    if (cursor.ascii(4) !== 'FRHP') throw reader.damaged('a heap is missing');
    cursor.need(3);
    const filterBytes = cursor.u16();
    cursor.u8();
    const maxManaged = cursor.u32();
    cursor.need(reader.lengthBytes() * 10 + reader.offsetBytes() * 2);
    this.tableWidth = cursor.u16();
    this.startBlock = reader.length(cursor);
    this.maxDirect = reader.length(cursor);
    const heapBits = cursor.u16();
    cursor.u16();
    const root = reader.address(cursor);
    this.rootRows = cursor.u16();
    if (filterBytes !== 0) throw reader.unsupported('a compressed heap', '');
    if (root === undefined || this.tableWidth === 0 || this.startBlock === 0)
      throw reader.damaged('a heap without blocks');
    this.root = root;
    this.idOffsetBytes = Math.ceil(heapBits / 8);
    this.idLengthBytes = Math.min(byteWidth(this.maxDirect), byteWidth(maxManaged));
  }

  /** The object that a heap ID at the cursor names. */
  object(id: Cursor): Cursor {
    const kind = (id.u8() >> 4) & 3;
    if (kind === 2) throw this.reader.unsupported('a tiny heap object', '');
    if (kind === 1) throw this.reader.unsupported('a huge attribute', '');
    const offset = id.uint(this.idOffsetBytes);
    const length = id.uint(this.idLengthBytes);
    return this.reader.cursor(this.locate(offset), length);
  }

  private rowSize(row: number): number {
    return this.startBlock * 2 ** Math.max(0, row - 1);
  }

  /** The file address of an offset in the heap's own address space. */
  private locate(offset: number): number {
    let block = this.root;
    let rows = this.rootRows;
    let within = offset;
    for (let depth = 0; rows > 0; depth++) {
      if (depth > 16) throw this.reader.damaged('a heap contains itself');
      let row = 0;
      while (row < rows && within >= this.rowSize(row) * this.tableWidth)
        within -= this.rowSize(row++) * this.tableWidth;
      if (row >= rows) throw this.reader.damaged('a heap object lies outside its heap');
      const column = Math.floor(within / this.rowSize(row));
      within -= column * this.rowSize(row);
      const cursor = this.reader.cursor(block);
      if (cursor.ascii(4) !== 'FHIB') throw this.reader.damaged('a heap block is missing');
      // Direct and indirect blocks alike are one address each: without filters, nothing else stands between.
      cursor.need(
        1 +
          this.reader.offsetBytes() +
          this.idOffsetBytes +
          (row * this.tableWidth + column) * this.reader.offsetBytes(),
      );
      const child = this.reader.address(cursor);
      if (child === undefined) throw this.reader.damaged('a heap block is missing');
      block = child;
      const isDirect = this.rowSize(row) <= this.maxDirect;
      rows = isDirect ? 0 : Math.log2(this.rowSize(row)) - Math.log2(this.startBlock * this.tableWidth) + 1;
    }
    if (this.reader.cursor(block).ascii(4) !== 'FHDB') throw this.reader.damaged('a heap block is missing');
    return block + within;
  }
}
