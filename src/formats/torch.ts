// What PyTorch's torch.save writes: a zip archive of a pickle and the storages beside it, or (before 1.6) pickles and storages
// one after another. Tensors are rebuilt as views of the file's bytes; anything else that a pickle would make is refused.
import type { FoveaError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { Cursor, decodeText, formatError, refuseHtml } from './cursor.js';
import {
  type PickleDict,
  PickleGlobal,
  type PickleHost,
  PickleObject,
  PickleReader,
  PickleTuple,
  type PickleValue,
} from './pickle.js';
import { type StoredArray, type StoredData, type StoredDtype, storedBytes, viewStored } from './stored.js';
import { ZipReader } from './zip.js';

/** The tensors of a state dict by name, and what stands beside them. */
export interface TorchFile {
  /** Views of the file's bytes, without the `module.` that training on several devices puts before names. */
  readonly tensors: ReadonlyMap<string, StoredArray>;
  /** Under which key of a checkpoint the state dict lies; undefined where it is the file. */
  readonly wrapper?: string;
  /** The checkpoint's numbers and texts, such as its epoch. */
  readonly values: ReadonlyMap<string, number | string | boolean>;
}

/** The number that legacy files begin with, as a pickle of its own. */
const LEGACY_MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const MAX_PICKLE = 256 << 20;
const MAX_TENSORS = 1_000_000;
/** So many elements may a view repeat that its storage does not hold. */
const MAX_REPEATED = 1 << 24;

const DTYPES: Readonly<Record<string, StoredDtype>> = {
  float64: 'float64',
  double: 'float64',
  float32: 'float32',
  float: 'float32',
  float16: 'float16',
  half: 'float16',
  bfloat16: 'bfloat16',
  int64: 'int64',
  long: 'int64',
  int32: 'int32',
  int: 'int32',
  int16: 'int16',
  short: 'int16',
  int8: 'int8',
  char: 'int8',
  uint64: 'uint64',
  uint32: 'uint32',
  uint16: 'uint16',
  uint8: 'uint8',
  byte: 'uint8',
  bool: 'bool',
};

/** Where checkpoints keep the state dict, the likeliest first. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model', 'net', 'network', 'params', 'params_ema', 'weights'];

/** Elements that tensors look at. Legacy files give the bytes after the tensors. */
class Storage extends PickleObject {
  constructor(
    readonly dtype: StoredDtype | undefined,
    readonly byteLength: number,
    public bytes: (() => Uint8Array) | undefined,
  ) {
    super();
  }
}

class TorchTensor extends PickleObject implements StoredArray {
  constructor(
    readonly storage: Storage,
    readonly dtype: StoredDtype,
    readonly shape: readonly number[],
    private readonly offset: number,
    private readonly strides: readonly number[],
  ) {
    super();
  }

  data(): StoredData {
    const { dtype, shape, storage } = this;
    const size = storedBytes(dtype);
    const bytes = (storage.bytes as () => Uint8Array)();
    const count = sizeOf(shape);
    let step = 1;
    const isDense = shape.every((_, i) => {
      const axis = shape.length - 1 - i;
      const fits = shape[axis] === 1 || this.strides[axis] === step;
      step *= shape[axis] as number;
      return fits;
    });
    if (isDense || count === 0)
      return viewStored(dtype, bytes.subarray(this.offset * size, (this.offset + count) * size));
    const source = viewStored(dtype, bytes);
    const out = new (source.constructor as new (length: number) => StoredData)(count);
    let at = 0;
    const copy = (axis: number, from: number): void => {
      if (axis === shape.length) {
        out[at++] = source[from] as never;
        return;
      }
      const stride = this.strides[axis] as number;
      for (let i = 0; i < (shape[axis] as number); i++) copy(axis + 1, from + i * stride);
    };
    copy(0, this.offset);
    return out;
  }
}

/** Whether bytes are what torch.save writes, whole or not: a zip archive with a pickle, or its number. */
export function isTorchFile(bytes: Uint8Array): boolean {
  if (isLegacy(bytes)) return true;
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) return false;
  try {
    return pickleEntry(new ZipReader(bytes, '')) !== undefined;
  } catch {
    return false; // whoever reads damaged archives says so
  }
}

function isLegacy(bytes: Uint8Array): boolean {
  // PROTO of any version before the number.
  return bytes[0] === 0x80 && LEGACY_MAGIC.every((byte, i) => bytes[i + 2] === byte);
}

function pickleEntry(zip: ZipReader): string | undefined {
  return zip.names.find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
}

/**
 * Reads a `.pt` or `.pth` file of torch.save: a state dict, or a checkpoint with one in it. No code of the file is run.
 * Throws `format` for a damaged file and for a pickle of anything but tensors and plain data, with the byte.
 */
export function readTorch(bytes: Uint8Array, file = 'torch file'): TorchFile {
  if (bytes.length === 0) throw formatError(file, 'the file is empty: a file of torch.save was expected.');
  refuseHtml(bytes, file, 'a file of torch.save');
  const root = isLegacy(bytes) ? readLegacy(bytes, file) : readArchive(bytes, file);
  return namedTensors(root, file);
}

function readArchive(bytes: Uint8Array, file: string): PickleValue {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    throw formatError(file, 'this is no file of torch.save: it is neither a zip archive nor begins with its number.', {
      hint: 'Plain pickles, and torch files from before 2018, are not read.',
    });
  }
  const zip = new ZipReader(bytes, file, 'a file of torch.save');
  const entry = pickleEntry(zip);
  if (entry === undefined) {
    throw formatError(file, 'the zip archive has no data.pkl: it is no file of torch.save.', {
      hint: `It holds: ${zip.names.slice(0, 8).join(', ') || 'nothing'}.`,
    });
  }
  const prefix = entry.slice(0, -'data.pkl'.length);
  if (zip.has(`${prefix}byteorder`) && decodeText(zip.read(`${prefix}byteorder`, 64)).trim() !== 'little') {
    throw formatError(file, 'the file was written on a big-endian machine, which is not read.');
  }
  const storages = new Map<string, Storage>();
  const host = new TorchHost(file, bytes.length, (key, dtype, byteLength) => {
    const id = `${dtype}:${byteLength}:${key}`;
    const known = storages.get(id);
    if (known !== undefined) return known;
    const name = `${prefix}data/${key}`;
    let read: Uint8Array | undefined;
    const data = (): Uint8Array => {
      read ??= zip.read(name);
      if (read.length < byteLength)
        throw formatError(file, `${name} has ${read.length} bytes where its tensors need ${byteLength}.`, {
          place: name,
        });
      return read;
    };
    // The directory's sizes are compared now, contents are checked when they are asked for.
    if (!zip.has(name) || zip.sizeOf(name) < byteLength)
      throw formatError(file, `${name} has ${zip.sizeOf(name)} bytes where its tensors need ${byteLength}.`, {
        place: name,
      });
    const storage = new Storage(dtype, byteLength, data);
    storages.set(id, storage);
    return storage;
  });
  return new PickleReader(zip.read(entry, MAX_PICKLE), `${file}: ${entry}`, host).read();
}

function readLegacy(bytes: Uint8Array, file: string): PickleValue {
  const storages = new Map<string, Storage>();
  const host = new TorchHost(file, bytes.length, (key, dtype, byteLength) => {
    const known = storages.get(key) ?? new Storage(dtype, byteLength, undefined);
    storages.set(key, known);
    return known;
  });
  let at = 0;
  const next = (): PickleValue => {
    const reader = new PickleReader(bytes, file, host, at);
    const value = reader.read();
    at = reader.at;
    return value;
  };
  next(); // the number
  const version = next();
  if (version !== 1001) throw formatError(file, `the file's layout is version ${String(version)}; 1001 is read.`);
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false) {
    throw formatError(file, 'the file was written on a big-endian machine, which is not read.');
  }
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw formatError(file, 'the list of storages is missing: the file is damaged.');
  for (const key of keys) {
    const storage = storages.get(String(key));
    if (storage === undefined)
      throw formatError(file, `the storage ${String(key)} belongs to no tensor: the file is damaged.`);
    const cursor = new Cursor(bytes, at, file);
    const count = cursor.u64();
    const data = cursor.take(count * (storage.dtype === undefined ? 1 : storedBytes(storage.dtype)));
    at = cursor.at;
    if (data.length < storage.byteLength)
      throw formatError(
        file,
        `the storage ${String(key)} has ${data.length} bytes where its tensors need ${storage.byteLength}.`,
      );
    storage.bytes = () => data;
  }
  for (const [key, { bytes: data }] of storages) {
    if (data === undefined) throw formatError(file, `the storage ${key} is missing: the file is truncated.`);
  }
  return root;
}

type FindStorage = (key: string, dtype: StoredDtype | undefined, byteLength: number) => Storage;

/** The names that pickles of tensors use. */
class TorchHost implements PickleHost {
  private tensors = 0;

  constructor(
    private readonly file: string,
    private readonly fileBytes: number,
    private readonly storage: FindStorage,
  ) {}

  find(name: string): PickleGlobal | undefined {
    switch (name) {
      case 'collections.OrderedDict':
        return new PickleGlobal(name, (args) => this.dict(args));
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return new PickleGlobal(name, (args) => this.tensor(args, undefined));
      case 'torch._utils._rebuild_tensor_v3':
        return new PickleGlobal(name, (args) => this.tensor(args, args[6]));
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return new PickleGlobal(name, ([tensor]) => this.parameter(tensor));
      case 'torch.Size':
        return new PickleGlobal(name, ([sizes]) => new PickleTuple(itemsOf(sizes) ?? []));
      case 'torch.device':
        return new PickleGlobal(name, (args) => args.map(String).join(':'));
      default:
        return storageDtype(name) !== undefined || torchDtype(name) !== undefined ? new PickleGlobal(name) : undefined;
    }
  }

  load(id: PickleValue): PickleValue {
    const [kind, type, key, , count, view] = itemsOf(id) ?? [];
    const isKey = typeof key === 'string' || typeof key === 'number';
    if (kind !== 'storage' || !(type instanceof PickleGlobal) || !isKey || !isCount(count))
      throw this.bad('a storage is described in an unknown way');
    if (view !== undefined && view !== null) throw this.bad('a storage is part of another one, which is not read');
    const dtype = storageDtype(type.name);
    if (dtype === undefined) throw this.bad(`${type.name} is no storage`);
    const byteLength = count * (dtype === 'untyped' ? 1 : storedBytes(dtype));
    if (byteLength > this.fileBytes)
      throw this.bad(`a storage of ${byteLength} bytes is in a file of ${this.fileBytes}: it is truncated`);
    return this.storage(String(key), dtype === 'untyped' ? undefined : dtype, byteLength);
  }

  private dict([items]: readonly PickleValue[]): PickleDict {
    if (items === undefined) return new Map();
    if (items instanceof Map) return new Map(items);
    return new Map(
      (itemsOf(items) ?? []).map((item) => {
        const [key, value] = itemsOf(item) ?? [];
        if (key === undefined || value === undefined) throw this.bad('an OrderedDict of odd items');
        return [key, value] as const;
      }),
    );
  }

  private parameter(tensor: PickleValue | undefined): PickleValue {
    if (tensor instanceof TorchTensor) return tensor;
    throw this.bad('a parameter without a tensor');
  }

  private tensor(
    [storage, offset, size, stride]: readonly PickleValue[],
    dtypeName: PickleValue | undefined,
  ): TorchTensor {
    if (!(storage instanceof Storage)) throw this.bad('a tensor without a storage');
    const dtype = dtypeName instanceof PickleGlobal ? torchDtype(dtypeName.name) : storage.dtype;
    if (dtype === undefined) throw this.bad('a tensor of unknown dtype');
    const shape = itemsOf(size);
    const strides = itemsOf(stride);
    const isRight =
      isCount(offset) && isCounts(shape) && isCounts(strides) && shape.length === strides.length && shape.length <= 32;
    if (!isRight) throw this.bad('a tensor has no valid shape, strides or offset');
    if (++this.tensors > MAX_TENSORS) throw this.bad(`it has more than ${MAX_TENSORS} tensors`);
    const count = sizeOf(shape);
    const held = Math.floor(storage.byteLength / storedBytes(dtype));
    const last = offset + shape.reduce((sum, dim, axis) => sum + (dim - 1) * (strides[axis] as number), 0);
    if (count > 0 && !(last < held))
      throw this.bad(`a tensor of shape [${shape.join(',')}] reaches element ${last} of a storage of ${held}`);
    if (count > Math.max(held, MAX_REPEATED))
      throw this.bad(`a tensor of shape [${shape.join(',')}] repeats a storage of ${held} elements too often`);
    return new TorchTensor(storage, dtype, shape, offset, strides);
  }

  private bad(why: string): FoveaError {
    return formatError(this.file, `the file of torch.save cannot be read: ${why}.`);
  }
}

/** `torch.FloatStorage`: float32. */
function storageDtype(name: string): StoredDtype | 'untyped' | undefined {
  const [, kind] = /^torch\.(?:cuda\.)?(\w+)Storage$/.exec(name) ?? [];
  if (kind !== undefined) return Object.hasOwn(DTYPES, kind.toLowerCase()) ? DTYPES[kind.toLowerCase()] : undefined;
  return name === 'torch.storage.UntypedStorage' ? 'untyped' : undefined;
}

function torchDtype(name: string): StoredDtype | undefined {
  const [, kind] = /^torch\.(\w+)$/.exec(name) ?? [];
  return kind !== undefined && Object.hasOwn(DTYPES, kind) ? DTYPES[kind] : undefined;
}

function itemsOf(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  if (value instanceof PickleTuple) return value.items;
  return Array.isArray(value) ? value : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(values: readonly unknown[] | undefined): values is readonly number[] {
  return values?.every(isCount) ?? false;
}

/** The state dict in what a pickle holds. */
function namedTensors(root: PickleValue, file: string): TorchFile {
  if (root instanceof TorchTensor) return { tensors: new Map([['', root]]), values: new Map() };
  const items = itemsOf(root);
  const dict = root instanceof Map ? root : new Map(items?.map((item, i) => [i as PickleValue, item]));
  const values = new Map<string, number | string | boolean>();
  for (const [key, value] of dict) {
    if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
      values.set(String(key), value);
  }
  const isDirect = [...dict.values()].some((value) => value instanceof TorchTensor);
  const wrapper = isDirect ? undefined : WRAPPERS.find((key) => hasTensors(dict.get(key)));
  const state = wrapper === undefined ? dict : (dict.get(wrapper) as PickleDict);
  const tensors = new Map<string, StoredArray>();
  collect(state, '', tensors, new Set());
  if (tensors.size === 0) {
    throw formatError(file, 'the file holds no tensors.', {
      hint: 'In Python, save model.state_dict() with torch.save.',
    });
  }
  return {
    tensors: withoutPrefix(tensors, ['module.', '_orig_mod.']),
    values,
    ...(wrapper === undefined ? {} : { wrapper }),
  };
}

function hasTensors(value: PickleValue | undefined): boolean {
  return value instanceof Map && [...value.values()].some((each) => each instanceof TorchTensor);
}

/** Tensors under their keys, those of inner dicts and lists behind a dot. What is shared between dicts is taken once. */
function collect(
  value: PickleValue,
  path: string,
  into: Map<string, StoredArray>,
  seen: Set<PickleValue>,
  depth = 0,
): void {
  if (value instanceof TorchTensor) {
    into.set(path, value);
    return;
  }
  const entries = value instanceof Map ? [...value] : itemsOf(value)?.map((item, i) => [i, item] as const);
  if (entries === undefined || seen.has(value) || depth > 16) return;
  seen.add(value);
  for (const [key, inner] of entries) {
    if (typeof key !== 'string' && typeof key !== 'number') continue;
    collect(inner, path === '' ? String(key) : `${path}.${key}`, into, seen, depth + 1);
  }
}

/** Names without a prefix that all have. */
function withoutPrefix(tensors: Map<string, StoredArray>, prefixes: readonly string[]): Map<string, StoredArray> {
  const names = [...tensors.keys()];
  const common = prefixes.find((prefix) => names.every((name) => name.startsWith(prefix) && name !== prefix));
  if (common === undefined) return tensors;
  return withoutPrefix(new Map([...tensors].map(([name, array]) => [name.slice(common.length), array])), prefixes);
}
