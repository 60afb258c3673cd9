// What the frozen part of a network makes of pictures: computed once, and kept in files of some thousand rows under a name
// that follows from the weights and the pictures. Only so much of it is in memory as is allowed.
import { FoveaError } from '../../core/errors.js';
import { nodeModule, readFileBytes, writeFileAtomic } from '../../core/node-files.js';
import { keyFromSeed, permutation } from '../../core/random.js';
import { ArrayDataset } from '../../data/array-dataset.js';
import { type Batch, Dataset } from '../../data/dataset.js';
import { concatRows, gatherRows, type HostArray, sliceRows } from '../../data/host-array.js';
import { readSafetensors, writeSafetensors } from '../../formats/safetensors.js';
import { type StoredArray, storedArray, storedFloats } from '../../formats/stored.js';
import type { TrainableModel } from '../../nn/model.js';
import { configOfModel } from '../../nn/model-config.js';
import type { Part } from './pictures.js';

/** Rows of a file. */
const SHARD = 4096;

export interface FeatureOptions {
  /** Where the files are kept; undefined keeps all in memory. */
  readonly folder: string | undefined;
  readonly batchSize: number;
  /** Bytes of features that may lie in memory. */
  readonly memory: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** Features `[n,width]` of a part with its labels. */
export interface Features {
  readonly length: number;
  readonly width: number;
  /** Whether they had been computed before. */
  readonly isCached: boolean;
  /** For training: in memory, or read file by file, mixed within each. */
  readonly data: ArrayDataset | Dataset;
}

/** A text that two models share only if they compute the same. */
export async function digestOfModel(model: TrainableModel): Promise<string> {
  // Names of layers count on in a process; what they are numbered does not matter.
  const parts = [JSON.stringify(configOfModel(model)).replaceAll(/_\d+"/g, '"')];
  for (const weight of model.weights) parts.push(await digest(await weight.elements()));
  return digest(parts.join());
}

/** A text that two parts share only if they hold the same pictures: of files in a list the names, sizes and times count. */
async function digestOfPart({ array, list }: Part): Promise<string> {
  if (array !== undefined)
    return digest(`${array.x.shape} ${await digest(array.x.data)} ${await digest(array.y.data)}`);
  const fs = await nodeModule('node:fs/promises', 'finetune');
  const lines: string[] = [];
  for (const [i, path] of (list?.paths ?? []).entries()) {
    const stats = await fs.stat(path).catch(() => undefined);
    lines.push(`${path} ${list?.labels[i]} ${stats?.size} ${stats?.mtimeMs}`);
  }
  return digest(lines.join('\n'));
}

async function digest(data: string | ArrayBufferView): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  const sum = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(sum).subarray(0, 12), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

interface Shard {
  readonly x: HostArray;
  readonly y: HostArray;
}

/** Features of a part. Throws `aborted` where the signal stops it: what is whole is kept. */
export async function featuresOf(
  extractor: TrainableModel,
  modelDigest: string,
  part: Part,
  options: FeatureOptions,
): Promise<Features> {
  const key = options.folder === undefined ? '' : await digest(`${modelDigest} ${await digestOfPart(part)}`);
  const store = new ShardStore(key, options);
  const width = extractor.outputShape.at(-1) as number;
  await store.open(width);
  const isCached = store.isWhole;
  if (!isCached) await compute(extractor, part, store, options);
  return { length: store.rows, width, isCached, data: store.dataset(part, options) };
}

async function compute(
  extractor: TrainableModel,
  part: Part,
  store: ShardStore,
  { batchSize, signal, onProgress }: FeatureOptions,
): Promise<void> {
  const skip = store.rows;
  const pictures = Dataset.fromGenerator(() => part.inOrder(skip));
  let xs: HostArray[] = [];
  let ys: HostArray[] = [];
  let rows = 0;
  const flush = async (isLast: boolean): Promise<void> => {
    if (rows > 0) await store.add({ x: concatRows(xs), y: concatRows(ys) }, part, isLast);
    [xs, ys, rows] = [[], [], 0];
  };
  for await (const { x, y } of pictures.batch(batchSize).prefetch(2)) {
    if (signal?.aborted) {
      throw new FoveaError({ code: 'aborted', op: 'finetune', message: 'stopped while features were computed.' });
    }
    const { data, shape } = await extractor.predict(x, { batchSize });
    xs.push({ data, shape, dtype: 'float32' });
    ys.push({ data: Int32Array.from(y?.data ?? []), shape: [shape[0] as number], dtype: 'int32' });
    rows += shape[0] as number;
    onProgress?.(store.rows + rows);
    if (rows >= SHARD) await flush(false);
  }
  await flush(true);
  await store.finish();
}

/** The files of one part, or what stands for them in memory. */
class ShardStore {
  rows = 0;
  isWhole = false;
  private width = 0;
  private readonly sizes: number[] = [];
  private kept: Shard[] | undefined = [];

  constructor(
    private readonly key: string,
    private readonly options: FeatureOptions,
  ) {}

  private path(number: number | 'end'): string {
    return `${this.options.folder}/${this.key}-${typeof number === 'number' ? String(number).padStart(5, '0') : number}`;
  }

  /** Takes up what an earlier run left. */
  async open(width: number): Promise<void> {
    this.width = width;
    if (this.options.folder === undefined) return;
    const end = await readIfThere(this.path('end'));
    const count = end === undefined ? Number.POSITIVE_INFINITY : Number(new TextDecoder().decode(end));
    while (this.sizes.length < count) {
      const shard = await this.read(this.sizes.length);
      if (shard === undefined) break;
      this.note(shard);
    }
    this.isWhole = end !== undefined && this.sizes.length === count;
    // Some of it is damaged: all of it anew.
    if (end !== undefined && !this.isWhole) {
      this.sizes.length = 0;
      this.rows = 0;
      this.kept = [];
    }
  }

  private note(shard: Shard): void {
    this.sizes.push(shard.x.shape[0] as number);
    this.rows += shard.x.shape[0] as number;
    this.kept?.push(shard);
    if (this.options.folder !== undefined && this.rows * this.width * 4 > this.options.memory) this.kept = undefined;
  }

  private async read(number: number): Promise<Shard | undefined> {
    const path = `${this.path(number)}.safetensors`;
    const bytes = await readIfThere(path);
    if (bytes === undefined) return undefined;
    try {
      const { tensors, metadata } = readSafetensors(bytes, path);
      const x = tensors.get('features');
      const y = tensors.get('labels');
      const rows = y?.shape[0];
      // Where pictures were left out it is not known which would come next.
      const isFollowed = metadata.get('skipped') === '0' || metadata.get('isLast') === 'true';
      if (x === undefined || y === undefined || x.shape[0] !== rows || x.shape[1] !== this.width || !isFollowed)
        return undefined;
      return {
        x: { data: storedFloats(x).slice(), shape: x.shape, dtype: 'float32' },
        y: { data: Int32Array.from(storedInts(y)), shape: y.shape, dtype: 'int32' },
      };
    } catch (error) {
      if (error instanceof FoveaError) return undefined;
      throw error;
    }
  }

  async add(shard: Shard, { list }: Part, isLast: boolean): Promise<void> {
    if (this.options.folder !== undefined) {
      const tensors = new Map<string, StoredArray>([
        ['features', storedArray(shard.x.shape, 'float32', shard.x.data as Float32Array)],
        ['labels', storedArray(shard.y.shape, 'int32', shard.y.data as Int32Array)],
      ]);
      const metadata = new Map([
        ['skipped', String(list?.broken.length ?? 0)],
        ['isLast', String(isLast)],
      ]);
      const path = `${this.path(this.sizes.length)}.safetensors`;
      await writeFileAtomic(path, writeSafetensors(tensors, metadata), 'finetune');
    }
    this.note(shard);
  }

  async finish(): Promise<void> {
    this.isWhole = true;
    if (this.options.folder !== undefined)
      await writeFileAtomic(this.path('end'), String(this.sizes.length), 'finetune');
  }

  dataset({ array }: Part, { batchSize, seed }: FeatureOptions): ArrayDataset | Dataset {
    if (this.kept !== undefined) {
      const [x, y] = [concatRows(this.kept.map((each) => each.x)), concatRows(this.kept.map((each) => each.y))];
      return new ArrayDataset({ name: array?.name ?? 'features', x, y });
    }
    const length = this.sizes.reduce((sum, size) => sum + Math.ceil(size / batchSize), 0);
    return Dataset.fromGenerator((pass) => this.batches(pass, batchSize, seed), { length, isBatched: true });
  }

  /** The files in another order in each pass, and the rows of each. */
  private async *batches(pass: number, batchSize: number, seed: number): AsyncGenerator<Batch> {
    const key = keyFromSeed(seed);
    for (const number of permutation(this.sizes.length, key, 2 * pass)) {
      const shard = await this.read(number);
      if (shard === undefined) {
        throw new FoveaError({
          code: 'file',
          op: 'finetune',
          message: `${this.path(number)}.safetensors is gone or damaged.`,
          hint: 'Run again: what is missing is computed anew.',
        });
      }
      const order = permutation(shard.x.shape[0] as number, key, 2 * pass + 1);
      const [x, y] = [gatherRows(shard.x, order), gatherRows(shard.y, order)];
      for (let at = 0; at < order.length; at += batchSize) {
        const end = Math.min(order.length, at + batchSize);
        yield { x: sliceRows(x, at, end), y: sliceRows(y, at, end), sampleWeight: undefined };
      }
    }
  }
}

const storedInts = (array: StoredArray): Iterable<number> => array.data() as Iterable<number>;

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFileBytes(path, 'finetune');
  } catch (error) {
    if (error instanceof FoveaError && error.code === 'file') return undefined;
    throw error;
  }
}
