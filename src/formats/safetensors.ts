// safetensors: eight bytes of header length, a JSON header of dtypes, shapes and offsets, then the data.
// https://huggingface.co/docs/safetensors
import { FoveaError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { ByteSink, Cursor, decodeText, encodeText, formatError, refuseHtml } from './cursor.js';
import { type StoredArray, type StoredDtype, storedBytes, viewStored } from './stored.js';

/** Named arrays and the file's own notes. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredArray>;
  readonly metadata: ReadonlyMap<string, string>;
}

const NAMES: Record<StoredDtype, string> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as StoredDtype]));
const MAX_HEADER = 100_000_000;

/** Reads a safetensors file; data are views of `bytes`. Throws `format` for a damaged file. */
export function readSafetensors(bytes: Uint8Array, file = 'safetensors file'): Safetensors {
  if (bytes.length === 0) throw formatError(file, 'the file is empty: a safetensors file was expected.');
  refuseHtml(bytes, file, 'a safetensors file');
  const cursor = new Cursor(bytes, 0, file);
  const headerSize = cursor.u64();
  if (headerSize > MAX_HEADER || headerSize > cursor.left) {
    throw formatError(
      file,
      `not a safetensors file, or a truncated one: a header of ${headerSize} bytes in ${bytes.length}.`,
    );
  }
  let header: unknown;
  try {
    header = JSON.parse(decodeText(cursor.take(headerSize)));
  } catch (cause) {
    throw formatError(file, 'the header of the safetensors file is not valid JSON.', { cause });
  }
  if (!isRecord(header)) throw formatError(file, 'the header of the safetensors file is not a JSON object.');
  const body = bytes.subarray(cursor.at);
  const tensors = new Map<string, StoredArray>();
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (isRecord(value)) for (const [key, text] of Object.entries(value)) metadata.set(key, String(text));
    } else tensors.set(name, readTensor(value, name, body, file));
  }
  return { tensors, metadata };
}

function readTensor(value: unknown, name: string, body: Uint8Array, file: string): StoredArray {
  const bad = (why: string): FoveaError => formatError(file, `the tensor '${name}' ${why}.`, { place: name });
  if (!isRecord(value)) throw bad('has no description');
  const { dtype: dtypeName, shape, data_offsets: offsets } = value;
  const dtype = DTYPES.get(String(dtypeName));
  if (dtype === undefined) throw bad(`has the dtype ${String(dtypeName)}, which is not supported`);
  if (!isSizes(shape)) throw bad('has no valid shape');
  if (!isSizes(offsets) || offsets.length !== 2) throw bad('has no valid offsets');
  const [from, to] = offsets as [number, number];
  const size = sizeOf(shape) * storedBytes(dtype);
  if (to - from !== size) throw bad(`of shape ${formatShape(shape)} needs ${size} bytes but has ${to - from}`);
  if (to > body.length) throw bad(`lies outside the file: it is truncated`);
  return { shape, dtype, data: () => viewStored(dtype, body.subarray(from, to)) };
}

/** Writes named arrays as a safetensors file, the larger elements first so that all are aligned. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredArray>,
  metadata?: ReadonlyMap<string, string>,
): Uint8Array {
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => storedBytes(b.dtype) - storedBytes(a.dtype) || (nameA < nameB ? -1 : 1),
  );
  const header: Record<string, unknown> = Object.create(null);
  if (metadata !== undefined && metadata.size > 0) header.__metadata__ = Object.fromEntries(metadata);
  let at = 0;
  for (const [name, { dtype, shape }] of sorted) {
    if (name === '__metadata__') {
      throw new FoveaError({ code: 'argument', op: 'writeSafetensors', message: `no tensor can be called '${name}'.` });
    }
    const size = sizeOf(shape) * storedBytes(dtype);
    header[name] = { dtype: NAMES[dtype], shape, data_offsets: [at, at + size] };
    at += size;
  }
  const text = encodeText(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const sink = new ByteSink(8 + padded + at)
    .u64(padded)
    .put(text)
    .text(' '.repeat(padded - text.length));
  for (const [, tensor] of sorted) {
    const data = tensor.data();
    sink.put(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return sink.done();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}
