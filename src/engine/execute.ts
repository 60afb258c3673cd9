// Runs graphs: compiles them (once per signature), gives their leaves and outputs memory in the engine, and
// queues the Programs. This is what realises lazy tensors and what compiled functions run on.
import { emit } from '../compile/emit.js';
import type { Graph } from '../compile/graph.js';
import { optimize } from '../compile/optimize.js';
import { encodeProgram, type Program } from '../compile/program.js';
import { bytesPerElement, viewTypedArray } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { topological } from '../graph/interpret.js';
import { isLeaf, type Node } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import type { Runtime } from '../graph/runtime.js';
import { type DeviceMemory, Storage } from '../graph/storage.js';
import { Tensor } from '../graph/tensor.js';
import { activeEngine, currentEngine } from './current.js';
import type { Engine, EngineBuffer, LoadedProgram } from './engine.js';

/** Programs of eager ops that are kept; the least recently used goes first. */
const CACHE_LIMIT = 512;
/** Bytes of dead tensors that may wait for the collector before an evaluation waits for it too. */
const GARBAGE_LIMIT = 512 << 20;

/** Memory of one engine behind a storage. */
export class EngineMemoryHandle implements DeviceMemory {
  private isFree = false;

  constructor(
    readonly engine: Engine,
    readonly buffer: EngineBuffer,
  ) {
    live.bytes += buffer.byteLength;
  }

  get byteLength(): number {
    return this.buffer.byteLength;
  }

  read(): Promise<ArrayBuffer> {
    return this.engine.read(this.buffer);
  }

  free(): void {
    if (this.isFree) return;
    this.isFree = true;
    live.bytes -= this.buffer.byteLength;
    this.engine.free(this.buffer);
  }
}

const live = { bytes: 0, bytesAfterCollection: 0 };

/** A graph compiled for one engine. */
export class Executable {
  private readonly loaded: LoadedProgram;

  constructor(
    readonly engine: Engine,
    readonly program: Program,
  ) {
    this.loaded = engine.load(encodeProgram(program));
  }

  /** Compiles a graph for the engine. */
  static compile(engine: Engine, graph: Graph): Executable {
    return new Executable(engine, emit(optimize(graph)));
  }

  /** The leaves it reads or overwrites. */
  get leaves(): Node[] {
    return this.program.bindings.flatMap((binding) => (binding.kind === 'leaf' ? [binding.node] : []));
  }

  /**
   * Queues a run. `storageOf` gives each leaf's storage, which must be on the host or in this engine. Outputs
   * get new memory; the promise tells of failure only, reads come after the run by themselves.
   */
  run(storageOf: (leaf: Node) => Storage): { outputs: Storage[]; finished: Promise<void> } {
    const outputs: Storage[] = [];
    const buffers = this.program.bindings.map((binding): EngineBuffer => {
      if (binding.kind === 'leaf') return upload(this.engine, storageOf(binding.node));
      const storage = allocate(this.engine, binding.type);
      outputs[binding.index] = storage;
      return (storage.device as EngineMemoryHandle).buffer;
    });
    return { outputs, finished: this.engine.run(this.loaded, buffers) };
  }

  /** Queues a run over buffers in the order of `program.bindings`; allocates nothing. */
  runOver(buffers: readonly EngineBuffer[]): Promise<void> {
    return this.engine.run(this.loaded, buffers);
  }

  dispose(): void {
    this.loaded.dispose();
  }
}

/** New memory for a tensor of this type. */
export function allocate(engine: Engine, { shape, dtype }: TensorType): Storage {
  const size = sizeOf(shape);
  const buffer = engine.allocate(Math.max(1, size * bytesPerElement(dtype)));
  return new Storage(dtype, size, { device: new EngineMemoryHandle(engine, buffer) });
}

/** The storage's buffer in the engine, copied there if it is not. */
export function upload(engine: Engine, storage: Storage): EngineBuffer {
  const { device } = storage;
  if (device instanceof EngineMemoryHandle && device.engine === engine) return device.buffer;
  const { host } = storage;
  if (host === undefined) {
    throw new FoveaError({
      code: 'engine',
      message: 'a tensor lives in an engine that has been replaced.',
      hint: 'Read it with data() before setEngine().',
    });
  }
  const buffer = engine.allocate(Math.max(1, host.byteLength));
  engine.write(buffer, host);
  storage.attach(new EngineMemoryHandle(engine, buffer));
  return buffer;
}

/** Fetches a storage's elements from an engine that was replaced, so that it can be used in this one. */
export async function bring(engine: Engine, storage: Storage): Promise<Storage> {
  const { device, host } = storage;
  if (host === undefined && device instanceof EngineMemoryHandle && device.engine !== engine) {
    storage.replaceHost(await storage.read(viewTypedArray));
  }
  return storage;
}

interface CachedProgram {
  readonly executable: Executable;
  /** For each leaf binding, its place in the order in which a graph's leaves are met. */
  readonly leafOrder: readonly number[];
}

/** Realises tensors on the current engine. */
export class EngineRuntime implements Runtime {
  private readonly cache = new Map<string, CachedProgram>();
  private cachedFor: Engine | undefined;

  async realize(tensors: readonly Tensor[]): Promise<void> {
    const engine = await currentEngine();
    await makeRoom();
    await this.start(engine, tensors);
  }

  submit(tensors: readonly Tensor[]): boolean {
    const engine = activeEngine();
    if (engine === undefined) return false;
    // A failure shows when something is read.
    this.start(engine, tensors).catch(() => undefined);
    return true;
  }

  private start(engine: Engine, tensors: readonly Tensor[]): Promise<void> {
    const pending = [...new Set(tensors.filter(({ storage }) => storage === undefined).map(({ node }) => node))];
    const wanted = pending.filter((node) => !isLeaf(node));
    if (wanted.length === 0) return Promise.resolve();
    if (this.cachedFor !== engine) {
      this.cache.clear();
      this.cachedFor = engine;
    }
    const roots = wanted.flatMap((node) => node.types.map((_, index) => new Tensor(node, index)));
    const order = topological(roots);
    const leaves = order.filter(isLeaf);
    const key = signature(order, wanted);
    let cached = this.cache.get(key);
    if (cached === undefined) {
      const executable = Executable.compile(engine, { outputs: roots, updates: [] });
      const place = new Map(leaves.map((leaf, at) => [leaf, at]));
      cached = { executable, leafOrder: executable.leaves.map((leaf) => place.get(leaf) as number) };
    } else {
      this.cache.delete(key);
    }
    this.cache.set(key, cached);
    if (this.cache.size > CACHE_LIMIT) this.evict();
    const { executable, leafOrder } = cached;
    const standsFor = new Map(executable.leaves.map((leaf, at) => [leaf, leaves[leafOrder[at] as number] as Node]));
    const { outputs, finished } = executable.run((leaf) => standsFor.get(leaf)?.storage?.[0] as Storage);
    let next = 0;
    for (const node of wanted) {
      node.storage = node.types.map(() => outputs[next++]);
      node.inputs = [];
    }
    return finished;
  }

  private evict(): void {
    const [oldest] = this.cache.keys();
    if (oldest === undefined) return;
    this.cache.get(oldest)?.executable.dispose();
    this.cache.delete(oldest);
  }
}

/** Text that two graphs share only if one's Program computes the other. */
function signature(order: readonly Node[], wanted: readonly Node[]): string {
  const number = new Map<Node, number>();
  const parts: string[] = [];
  for (const node of order) {
    number.set(node, number.size);
    if (node.storage !== undefined) {
      const { shape, dtype } = node.types[0] as TensorType;
      parts.push(`${dtype}[${shape}]`);
    } else {
      const inputs = node.inputs.map((input) => `${number.get(input.node)}.${input.index}`);
      parts.push(`${node.op.name}(${inputs})${node.paramsKey}`);
    }
  }
  return `${parts.join(';')}>${wanted.map((node) => number.get(node))}`;
}

/** Lets the collector run where many dead tensors may be waiting for it. */
async function makeRoom(): Promise<void> {
  if (live.bytes - live.bytesAfterCollection < GARBAGE_LIMIT) return;
  for (let turn = 0; turn < 3; turn++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  live.bytesAfterCollection = live.bytes;
}
