// TensorFlow.js's files: model.json with a topology (layers, or a graph of TensorFlow's operations, or none) and a manifest
// that says which weights lie in which binary files beside it, possibly quantised.
import { toFloat16Bits } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';
import type { FilesBeside } from './beside.js';
import { decodeText, formatError, refuseHtml } from './cursor.js';
import { describe, isRecord, type JsonRecord } from './keras-object.js';
import { type StoredArray, type StoredData, viewStored } from './stored.js';

/** How a weight's numbers are packed: `float16` as they are, integers as `q * scale + min`. */
export type TfjsQuantization =
  | { readonly dtype: 'float16' }
  | { readonly dtype: 'uint8' | 'uint16'; readonly scale: number; readonly min: number };

/** A weight of the manifest. */
export interface TfjsWeight {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly quantization: TfjsQuantization | null;
}

/** Weights that follow one another in one or several files. */
export interface TfjsGroup {
  readonly paths: readonly string[];
  readonly weights: readonly TfjsWeight[];
}

/** A model.json, or a weights manifest alone. */
export interface TfjsFile {
  /** `layers` and `graph` have a topology; `weights` has none. */
  readonly kind: 'layers' | 'graph' | 'weights';
  readonly topology: JsonRecord | null;
  /** How it was compiled, as Keras 2 writes it. */
  readonly trainingConfig: JsonRecord | null;
  /** A graph's inputs and outputs by name. */
  readonly signature: JsonRecord | null;
  /** Plain data that the model's maker put there. */
  readonly metadata: JsonRecord;
  readonly groups: readonly TfjsGroup[];
}

const STORED_BYTES = { float32: 4, int32: 4, bool: 1, float16: 2, uint8: 1, uint16: 2 } as const;

/** Bytes that a weight takes in its file. */
export function tfjsBytes({ shape, dtype, quantization }: TfjsWeight): number {
  return sizeOf(shape) * STORED_BYTES[quantization?.dtype ?? dtype];
}

/** What a parsed JSON is of TensorFlow.js's files; undefined for another JSON. */
export function tfjsKind(json: unknown): TfjsFile['kind'] | undefined {
  if (Array.isArray(json))
    return json.length > 0 && json.every((each) => isRecord(each) && 'weights' in each && 'paths' in each)
      ? 'weights'
      : undefined;
  if (!isRecord(json) || !('modelTopology' in json || 'weightsManifest' in json)) return undefined;
  const { modelTopology: topology } = json;
  if (!isRecord(topology)) return 'weights';
  return json.format === 'graph-model' || 'node' in topology ? 'graph' : 'layers';
}

/** Reads a model.json or a weights manifest. Throws `format` for what is neither, or is damaged. */
export function readTfjs(bytes: Uint8Array, file: string): TfjsFile {
  refuseHtml(bytes, file, 'a TensorFlow.js model');
  let json: unknown;
  try {
    json = JSON.parse(decodeText(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 120) : 'it cannot be parsed';
    throw formatError(file, `it is not valid JSON: ${reason}.`, { cause });
  }
  const kind = tfjsKind(json);
  if (kind === undefined) {
    throw formatError(file, 'it is no TensorFlow.js model: it has neither modelTopology nor weightsManifest.', {
      hint: 'Give the model.json that tfjs or its converter wrote.',
    });
  }
  const record = (value: unknown): JsonRecord | null => (isRecord(value) ? value : null);
  const whole = record(json) ?? {};
  return {
    kind,
    topology: record(whole.modelTopology),
    trainingConfig: record(whole.trainingConfig),
    signature: record(whole.signature) ?? record(record(whole.userDefinedMetadata)?.signature),
    metadata: record(whole.userDefinedMetadata) ?? {},
    groups: readManifest(Array.isArray(json) ? json : (whole.weightsManifest ?? []), file),
  };
}

function readManifest(value: unknown, file: string): TfjsGroup[] {
  const bad = (why: string, place = 'weightsManifest'): FoveaError => formatError(file, `${why}.`, { place });
  if (!Array.isArray(value)) throw bad(`weightsManifest is ${describe(value)}, not a list`);
  const seen = new Set<string>();
  return value.map((group: unknown, i): TfjsGroup => {
    const { paths, weights } = isRecord(group) ? group : {};
    if (!isTexts(paths) || !Array.isArray(weights)) throw bad(`group ${i} of the manifest has no paths and weights`);
    return {
      paths,
      weights: weights.map((weight: unknown) => {
        const read = readWeight(weight, file);
        if (seen.has(read.name)) throw bad(`two weights are called '${read.name}'`);
        seen.add(read.name);
        return read;
      }),
    };
  });
}

function readWeight(value: unknown, file: string): TfjsWeight {
  const { name, shape, dtype, quantization } = isRecord(value) ? value : {};
  if (typeof name !== 'string') throw formatError(file, 'a weight has no name.', { place: 'weightsManifest' });
  const bad = (why: string): FoveaError => formatError(file, `the weight '${name}' ${why}.`, { place: name });
  if (!isShape(shape)) throw bad(`has the shape ${describe(shape)}`);
  if (dtype === 'string' || dtype === 'complex64') {
    throw new FoveaError({
      code: 'unsupported',
      message: `the weight '${name}' holds ${dtype === 'string' ? 'texts' : 'complex numbers'}, which no layer here takes.`,
      path: `${file}: ${name}`,
      got: dtype,
      hint: 'Convert the model without its pre- and postprocessing of texts.',
    });
  }
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') throw bad(`has the dtype ${describe(dtype)}`);
  if (quantization === undefined || quantization === null) return { name, shape, dtype, quantization: null };
  if (!isRecord(quantization)) throw bad('has no valid quantization');
  const { dtype: packed, scale, min } = quantization;
  if (dtype === 'bool') throw bad('is of truth values and cannot be quantised');
  if (packed === 'float16') {
    if (dtype !== 'float32') throw bad(`of ${dtype} cannot be packed as float16`);
    return { name, shape, dtype, quantization: { dtype: packed } };
  }
  if (packed !== 'uint8' && packed !== 'uint16') throw bad(`is quantised as ${describe(packed)}`);
  if (!isFiniteNumber(scale) || !isFiniteNumber(min)) throw bad('is quantised without a scale and a min');
  return { name, shape, dtype, quantization: { dtype: packed, scale, min } };
}

/** The weights of a manifest by name, in its order. Sizes of files are compared with the manifest before they are read. */
export async function readTfjsWeights(
  { groups }: TfjsFile,
  beside: FilesBeside,
  file: string,
): Promise<Map<string, StoredArray>> {
  const sizes = new Map<string, number>();
  for (const { paths, weights } of groups) {
    const wanted = weights.reduce((sum, weight) => sum + tfjsBytes(weight), 0);
    let found = 0;
    for (const path of paths) {
      if (sizes.has(path)) throw formatError(file, `the file of weights ${path} is named twice.`, { place: path });
      const size = await beside.size(path);
      if (size === undefined) throw missingShard(path, file);
      sizes.set(path, size);
      found += size;
    }
    if (wanted !== found) {
      throw formatError(
        file,
        `its weights take ${wanted} bytes, but ${paths.length === 1 ? `${paths[0]} has` : `its ${paths.length} files have`} ${found}.`,
        { place: paths.join(', ').slice(0, 200), hint: 'Download the files of weights again, all of the same model.' },
      );
    }
  }
  const out = new Map<string, StoredArray>();
  for (const { paths, weights } of groups) {
    const bytes = await readGroup(paths, beside, sizes, file);
    let at = 0;
    for (const weight of weights) {
      const size = tfjsBytes(weight);
      out.set(weight.name, storedWeight(weight, bytes.subarray(at, at + size)));
      at += size;
    }
  }
  return out;
}

async function readGroup(
  paths: readonly string[],
  beside: FilesBeside,
  sizes: ReadonlyMap<string, number>,
  file: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const path of paths) {
    const part = await beside.read(path);
    if (part.length !== sizes.get(path)) throw formatError(file, `the file ${path} changed while it was read.`);
    parts.push(part);
  }
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A weight over its bytes; what is quantised is unpacked when asked for. */
function storedWeight({ shape, dtype, quantization }: TfjsWeight, bytes: Uint8Array): StoredArray {
  if (quantization === null) return { shape, dtype, data: () => viewStored(dtype, bytes) };
  const packed = quantization;
  if (packed.dtype === 'float16') return { shape, dtype: 'float16', data: () => viewStored('float16', bytes) };
  const data = (): StoredData => {
    const from = viewStored(packed.dtype, bytes) as Uint8Array | Uint16Array;
    const out = dtype === 'int32' ? new Int32Array(from.length) : new Float32Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const value = (from[i] as number) * packed.scale + packed.min;
      out[i] = dtype === 'int32' ? Math.round(value) : value;
    }
    return out;
  };
  return { shape, dtype, data };
}

/** What `packWeight` makes of a weight: its entry in the manifest, and its bytes. */
export interface PackedWeight {
  readonly entry: JsonRecord;
  readonly bytes: Uint8Array;
}

/** A weight as tfjs stores it. Of all equal numbers the scale is 1, so that they stay exactly what they are. */
export function packWeight(
  name: string,
  array: { readonly shape: Shape; readonly dtype: 'float32' | 'int32'; readonly data: Float32Array | Int32Array },
  quantize: 'float16' | 'uint8' | 'uint16' | null,
): PackedWeight {
  const { shape, dtype, data } = array;
  const plain = { name, shape: [...shape], dtype };
  const raw = (values: Float32Array | Int32Array | Uint16Array | Uint8Array): Uint8Array =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (quantize === null || dtype === 'int32' || data.length === 0) return { entry: plain, bytes: raw(data) };
  if (quantize === 'float16')
    return {
      entry: { ...plain, quantization: { dtype: 'float16', original_dtype: 'float32' } },
      bytes: raw(Uint16Array.from(data, toFloat16Bits)),
    };
  let [min, max] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (!Number.isFinite(min) || !Number.isFinite(max) || data.some(Number.isNaN)) {
    throw new FoveaError({
      code: 'value',
      op: 'save',
      message: `the weight ${name} ${formatShape(shape)} has numbers that are not finite and cannot be quantised.`,
      path: name,
      hint: 'Save it without quantisation.',
    });
  }
  const most = quantize === 'uint8' ? 255 : 65535;
  const scale = max > min ? (max - min) / most : 1;
  const Packed = quantize === 'uint8' ? Uint8Array : Uint16Array;
  const out = new Packed(data.length);
  for (let i = 0; i < data.length; i++) out[i] = Math.round(((data[i] as number) - min) / scale);
  return {
    entry: { ...plain, quantization: { dtype: quantize, scale, min, original_dtype: 'float32' } },
    bytes: raw(out),
  };
}

function missingShard(path: string, file: string): FoveaError {
  return new FoveaError({
    code: 'file',
    op: 'load',
    message: `${file} names the file of weights ${path}, which is not beside it.`,
    path: file,
    want: path,
    hint: 'Put all files of the model into one folder; for a model in memory give them in `files`.',
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isShape(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= 8 &&
    value.every((each) => Number.isSafeInteger(each) && each >= 0) &&
    sizeOf(value) <= Number.MAX_SAFE_INTEGER / 4
  );
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
