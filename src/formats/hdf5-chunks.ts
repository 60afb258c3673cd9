// Datasets stored in chunks: their index (a version 1 B-tree) and their filters: deflate, shuffle, Fletcher-32.
// Python's Keras writes none of these, but h5repack and `compression='gzip'` do.
import { unzlibSync } from 'fflate';
import { FoveaError } from '../core/errors.js';
import { sizeOf, stridesOf } from '../core/shape.js';
import type { Cursor } from './cursor.js';
import type { Hdf5Reader } from './hdf5-read.js';

/** One step of a filter pipeline. */
export interface Filter {
  readonly id: number;
  readonly parameters: readonly number[];
}

/** Where the chunks of a dataset lie and how they are packed. */
export interface ChunkedLayout {
  readonly tree: number;
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly elementBytes: number;
  readonly filters: readonly Filter[];
  readonly fill: Uint8Array | undefined;
  readonly path: string;
}

const DEFLATE = 1;
const SHUFFLE = 2;
const FLETCHER = 3;

export function readFilters(cursor: Cursor): Filter[] {
  const version = cursor.u8();
  const count = cursor.u8();
  if (version === 1) cursor.need(6);
  return Array.from({ length: count }, () => {
    const id = cursor.u16();
    const nameSize = version === 1 || id >= 256 ? cursor.u16() : 0;
    cursor.need(2);
    const parameterCount = cursor.u16();
    cursor.need(version === 1 ? Math.ceil(nameSize / 8) * 8 : nameSize);
    const parameters = Array.from({ length: parameterCount }, () => cursor.u32());
    if (version === 1 && parameterCount % 2 === 1) cursor.need(4);
    return { id, parameters };
  });
}

/** Reads all chunks into one row-major block of bytes. */
export function readChunks(reader: Hdf5Reader, layout: ChunkedLayout): Uint8Array {
  const { shape, chunkShape, elementBytes, path } = layout;
  const chunkBytes = sizeOf(chunkShape) * elementBytes;
  // A chunk may reach over the array's edge, but a sane one is not much larger than the array.
  if (chunkBytes > 64 * (sizeOf(shape) * elementBytes + (1 << 20)))
    throw reader.damaged('a chunk larger than its array', path);
  const out = filled(sizeOf(shape) * elementBytes, layout.fill);
  const strides = stridesOf(shape);
  const chunkStrides = stridesOf(chunkShape);
  for (const { origin, raw, mask } of chunksOf(reader, layout.tree, shape.length, path, new Set())) {
    const data = unfilter(reader, raw, mask, layout, chunkBytes);
    if (data.length < chunkBytes) throw reader.damaged(`a chunk of ${data.length} bytes, not ${chunkBytes}`, path);
    copyChunk(origin, data, out, { ...layout, strides, chunkStrides });
  }
  return out;
}

interface Chunk {
  origin: number[];
  raw: Uint8Array;
  /** Bit i set: filter i was left out. */
  mask: number;
}

function* chunksOf(
  reader: Hdf5Reader,
  address: number,
  rank: number,
  path: string,
  seen: Set<number>,
): Generator<Chunk> {
  if (seen.has(address)) throw reader.damaged('a chunk index contains itself', path);
  seen.add(address);
  const cursor = reader.cursor(address);
  if (cursor.ascii(4) !== 'TREE' || cursor.u8() !== 1) throw reader.damaged('a chunk index breaks off', path);
  const level = cursor.u8();
  const used = cursor.u16();
  cursor.need(2 * reader.offsetBytes());
  for (let i = 0; i < used; i++) {
    const size = cursor.u32();
    const mask = cursor.u32();
    const origin = Array.from({ length: rank }, () => cursor.u64());
    cursor.need(8);
    const child = reader.address(cursor) ?? Number.POSITIVE_INFINITY;
    if (level > 0) yield* chunksOf(reader, child, rank, path, seen);
    else yield { origin, raw: reader.cursor(child, size).take(size), mask };
  }
}

function unfilter(
  reader: Hdf5Reader,
  raw: Uint8Array,
  mask: number,
  layout: ChunkedLayout,
  chunkBytes: number,
): Uint8Array {
  let data = raw;
  for (let i = layout.filters.length - 1; i >= 0; i--) {
    const filter = layout.filters[i] as Filter;
    if (mask & (1 << i)) continue;
    switch (filter.id) {
      case DEFLATE:
        data = inflateBounded(reader, data, chunkBytes + 4, layout.path);
        break;
      case SHUFFLE:
        data = unshuffle(data, filter.parameters[0] ?? layout.elementBytes);
        break;
      case FLETCHER:
        if (data.length < 4 || fletcher32(data.subarray(0, -4)) !== readLittle32(data, data.length - 4)) {
          throw reader.damaged('the checksum of a chunk does not match', layout.path);
        }
        data = data.subarray(0, -4);
        break;
      default:
        throw reader.unsupported(`the compression filter ${filter.id}`, layout.path);
    }
  }
  return data;
}

function inflateBounded(reader: Hdf5Reader, data: Uint8Array, most: number, path: string): Uint8Array {
  try {
    return unzlibSync(data, { out: new Uint8Array(most) });
  } catch (cause) {
    if (cause instanceof FoveaError) throw cause;
    throw reader.damaged('a compressed chunk cannot be read', path);
  }
}

/** Undoes the shuffle filter, which stores all first bytes, then all second bytes, and so on. */
function unshuffle(data: Uint8Array, size: number): Uint8Array {
  const count = Math.floor(data.length / Math.max(1, size));
  if (size <= 1 || count === 0) return data;
  const out = new Uint8Array(data);
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < count; i++) out[i * size + byte] = data[byte * count + i] as number;
  }
  return out;
}

/** HDF5's Fletcher-32: 16-bit big-endian words, sums modulo 65535. */
function fletcher32(data: Uint8Array): number {
  let low = 0;
  let high = 0;
  for (let i = 0; i < data.length; i += 2) {
    low = (low + (((data[i] as number) << 8) | (data[i + 1] ?? 0))) % 65535;
    high = (high + low) % 65535;
  }
  return ((high << 16) | low) >>> 0;
}

function readLittle32(data: Uint8Array, at: number): number {
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(at, true);
}

interface CopyPlan extends ChunkedLayout {
  readonly strides: readonly number[];
  readonly chunkStrides: readonly number[];
}

function copyChunk(origin: readonly number[], chunk: Uint8Array, out: Uint8Array, plan: CopyPlan): void {
  const { shape, chunkShape, strides, chunkStrides, elementBytes } = plan;
  const last = shape.length - 1;
  const copy = (axis: number, from: number, to: number): void => {
    const start = origin[axis] as number;
    const extent = Math.min(chunkShape[axis] as number, (shape[axis] as number) - start);
    if (axis === last) {
      if (extent > 0)
        out.set(chunk.subarray(from * elementBytes, (from + extent) * elementBytes), (to + start) * elementBytes);
      return;
    }
    for (let i = 0; i < extent; i++) {
      copy(axis + 1, from + i * (chunkStrides[axis] as number), to + (start + i) * (strides[axis] as number));
    }
  };
  copy(0, 0, 0);
}

/** `size` bytes of one repeated element, zeros without one. */
export function filled(size: number, fill: Uint8Array | undefined): Uint8Array {
  const out = new Uint8Array(size);
  if (fill?.some((byte) => byte !== 0)) {
    for (let at = 0; at < size; at += fill.length) out.set(fill.subarray(0, Math.min(fill.length, size - at)), at);
  }
  return out;
}
