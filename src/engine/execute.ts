// Runs graphs: compiles them (once per signature), gives their leaves and outputs memory in the engine, and
// queues the Programs. This is what realises lazy tensors and what compiled functions run on.
import { type EmitOptions, emit } from '../compile/emit.js';
import type { Graph } from '../compile/graph.js';
import type { IsConstant } from '../compile/hoist.js';
import { optimize } from '../compile/optimize.js';
import type { Binding } from '../compile/plan-memory.js';
import { encodeProgram, type Program } from '../compile/program.js';
import { bytesPerElement, viewTypedArray } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { topological } from '../graph/interpret.js';
import { inputOp, isLeaf, type Node, variableOp } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import { currentRuntime, type Runtime } from '../graph/runtime.js';
import { Storage } from '../graph/storage.js';
import { placeholder, Tensor } from '../graph/tensor.js';
import { activeEngine, currentEngine } from './current.js';
import type { Engine, EngineBuffer, LoadedProgram } from './engine.js';
import { EngineMemoryHandle, hasStrays, makeRoom } from './memory.js';
import { convolutionOf, type Precision, targetOf } from './precision.js';

/** Programs of eager ops that are kept; the least recently used goes first. */
const CACHE_LIMIT = 512;
/** All passes, from graph to Program. */
export function compileGraph(graph: Graph, options: EmitOptions = {}): Program {
  return emit(optimize(graph, options), options);
}

/** What an Executable holds in its engine; apart, so that it can be given back when the Executable is collected. */
class Held {
  prepared: EngineBuffer | undefined;

  constructor(
    private readonly engine: Engine,
    readonly main: LoadedProgram,
    readonly prepare: LoadedProgram | undefined,
  ) {}

  release(): void {
    this.main.dispose();
    this.prepare?.dispose();
    if (this.prepared !== undefined) this.engine.free(this.prepared);
    this.prepared = undefined;
  }
}

const abandoned = new FinalizationRegistry<Held>((held) => held.release());

/** A graph compiled for one engine. */
export class Executable {
  private readonly held: Held;
  /** The stamps of what `prepare` last read. */
  private preparedFrom: number[] | undefined;

  constructor(
    readonly engine: Engine,
    readonly program: Program,
  ) {
    const prepare = program.prepare.length === 0 ? undefined : engine.load(encodeProgram(program, 'prepare'));
    this.held = new Held(engine, engine.load(encodeProgram(program)), prepare);
    abandoned.register(this, this.held, this);
    if (prepare !== undefined) engine.findPages?.(this.preparedBuffer());
  }

  /** Compiles a graph for the engine. Leaves of which `isConstant` holds may be prepared once for many runs. */
  static compile(engine: Engine, graph: Graph, isConstant?: IsConstant, precision?: Precision): Executable {
    const constants = isConstant === undefined ? {} : { isConstant };
    return new Executable(engine, compileGraph(graph, { target: targetOf(engine, precision), ...constants }));
  }

  /** The leaves it reads or overwrites, in the order of their bindings. */
  get leaves(): Tensor[] {
    return this.program.bindings.flatMap((binding) =>
      binding.kind === 'leaf' ? [new Tensor(binding.node, binding.output)] : [],
    );
  }

  /**
   * Queues a run. `storages` are those of `leaves`, on the host or in this engine. Outputs get new memory; the
   * promise tells of failure only, reads come after the run by themselves.
   */
  run(storages: readonly Storage[]): { outputs: Storage[]; finished: Promise<void> } {
    const outputs: Storage[] = [];
    const sources: (Storage | undefined)[] = [];
    let leaf = 0;
    const buffers = this.program.bindings.map((binding, at): EngineBuffer => {
      if (binding.kind === 'prepared') return this.preparedBuffer();
      if (binding.kind === 'leaf') {
        const storage = storages[leaf++] as Storage;
        sources[at] = storage;
        return upload(this.engine, storage);
      }
      const storage = allocate(this.engine, binding.type);
      outputs[binding.index] = storage;
      return (storage.device as EngineMemoryHandle).buffer;
    });
    const finished = this.runOver(buffers, (binding) => sources[binding] as Storage);
    for (const storage of outputs) storage.follow(finished);
    return { outputs, finished };
  }

  /**
   * Queues a run over buffers in the order of `program.bindings`; allocates nothing. `sourceOf` gives the storage
   * behind a binding of `program.preparedFrom`; not needed where nothing is prepared. `times`: see `Engine.run`.
   */
  runOver(
    buffers: readonly EngineBuffer[],
    sourceOf: (binding: number) => Storage = noSource,
    times?: EngineBuffer,
  ): Promise<void> {
    const { prepare, main } = this.held;
    if (prepare === undefined || !this.isStale(sourceOf)) return this.engine.run(main, buffers, times);
    const stamps = this.program.preparedFrom.map((binding) => sourceOf(binding).stamp);
    this.preparedFrom = stamps;
    const preparing = this.engine.run(prepare, buffers).catch((error: unknown) => {
      if (this.preparedFrom === stamps) this.preparedFrom = undefined;
      throw error;
    });
    return Promise.all([preparing, this.engine.run(main, buffers, times)]).then(() => undefined);
  }

  /** Where `prepare` writes: kept until the Executable is disposed of. */
  preparedBuffer(): EngineBuffer {
    const { held, program } = this;
    const bytes = program.bindings.reduce((sum, { kind, type }) => (kind === 'prepared' ? sizeOf(type.shape) : sum), 0);
    held.prepared ??= this.engine.allocate(bytes);
    return held.prepared;
  }

  /** Whether anything that `prepare` read has changed since. */
  private isStale(sourceOf: (binding: number) => Storage): boolean {
    const { preparedFrom: seen } = this;
    if (seen === undefined) return true;
    return this.program.preparedFrom.some((binding, i) => sourceOf(binding).stamp !== seen[i]);
  }

  dispose(): void {
    abandoned.unregister(this);
    this.held.release();
  }
}

function noSource(binding: number): never {
  throw new FoveaError({ code: 'internal', op: 'run', message: `binding ${binding} is prepared from but not told.` });
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
  const host = storage.hostToCopy;
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
  const { device } = storage;
  // Asked last: elements that are not made yet are when they are sent.
  if (device instanceof EngineMemoryHandle && device.engine !== engine && storage.hostToCopy === undefined) {
    const elements = await storage.read(viewTypedArray);
    // Unless it was moved meanwhile.
    if (storage.device === device) storage.replaceHost(elements);
  }
  return storage;
}

interface CachedProgram {
  readonly executable: Executable;
  /** For each leaf binding: its place in the order in which a graph's leaves are met, and which output of it. */
  readonly leaves: readonly { readonly at: number; readonly output: number }[];
}

/** Realises tensors on the current engine. */
export class EngineRuntime implements Runtime {
  private readonly cache = new Map<string, CachedProgram>();
  private cachedFor: Engine | undefined;

  async realize(tensors: readonly Tensor[]): Promise<void> {
    const engine = await currentEngine();
    await makeRoom();
    if (hasStrays(engine)) await bringLeaves(engine, tensors);
    this.start(engine, tensors);
  }

  submit(tensors: readonly Tensor[]): boolean {
    const engine = activeEngine();
    if (engine === undefined) return false;
    try {
      this.start(engine, tensors);
      return true;
    } catch {
      // It shows when something is read.
      return false;
    }
  }

  private start(engine: Engine, tensors: readonly Tensor[]): void {
    const pending = [...new Set(tensors.filter(({ storage }) => storage === undefined).map(({ node }) => node))];
    const wanted = pending.filter((node) => !isLeaf(node));
    if (wanted.length === 0) return;
    if (this.cachedFor !== engine) {
      while (this.cache.size > 0) this.evict();
      this.cachedFor = engine;
    }
    const roots = wanted.flatMap((node) => node.types.map((_, index) => new Tensor(node, index)));
    const order = topological(roots);
    const leaves = order.filter(isLeaf);
    const key = `${convolutionOf()} ${signature(order, wanted)}`;
    let cached = this.cache.get(key);
    if (cached === undefined) {
      for (const leaf of leaves) checkComputable(leaf);
      cached = this.compile(engine, roots, leaves);
    } else {
      this.cache.delete(key);
    }
    this.cache.set(key, cached);
    if (this.cache.size > CACHE_LIMIT) this.evict();
    const storages = cached.leaves.map(({ at, output }) => {
      const leaf = leaves[at] as Node;
      checkComputable(leaf);
      return leaf.storage?.[output] as Storage;
    });
    const { outputs } = cached.executable.run(storages);
    let next = 0;
    for (const node of wanted) {
      node.storage = node.types.map(() => outputs[next++]);
      node.inputs = [];
    }
  }

  private compile(engine: Engine, roots: readonly Tensor[], leaves: readonly Node[]): CachedProgram {
    const program = compileGraph({ outputs: roots, updates: [] }, { target: targetOf(engine) });
    const place = new Map(leaves.map((leaf, at) => [leaf, at]));
    const found: { at: number; output: number }[] = [];
    const bindings = program.bindings.map((binding): Binding => {
      if (binding.kind !== 'leaf') return binding;
      found.push({ at: place.get(binding.node) as number, output: binding.output });
      // The cache must not keep alive the tensors that a Program was first made for.
      return { ...binding, node: STAND_IN };
    });
    return { executable: new Executable(engine, { ...program, bindings }), leaves: found };
  }

  private evict(): void {
    const [oldest = ''] = this.cache.keys();
    this.cache.get(oldest)?.executable.dispose();
    this.cache.delete(oldest);
  }
}

const STAND_IN = placeholder({ shape: [], dtype: 'float32' }).node;

function checkComputable(leaf: Node): void {
  if (leaf.op !== inputOp && leaf.op !== variableOp) return;
  throw new FoveaError({
    code: 'argument',
    op: 'data',
    message: 'this tensor depends on an argument of a function being traced and has no data.',
    hint: 'Return it from the function and read the result.',
  });
}

/** Moves the leaves that tensors depend on out of engines that were replaced. */
async function bringLeaves(engine: Engine, tensors: readonly Tensor[]): Promise<void> {
  const leaves = topological(tensors.filter(({ storage }) => storage === undefined)).filter(
    ({ storage }) => storage !== undefined,
  );
  for (const { storage } of leaves) for (const each of storage ?? []) if (each !== undefined) await bring(engine, each);
}

/**
 * Computes several tensors in one Program, and resolves when they are there. Read alone, each would compute again
 * what they share.
 *
 * @example
 * const x = fovea.exp(fovea.ones([1000]));
 * const [total, largest] = [fovea.sum(x), fovea.max(x)];
 * await fovea.realize(total, largest);
 */
export async function realize(...tensors: Tensor[]): Promise<void> {
  await currentRuntime().realize(tensors);
  await Promise.all(tensors.map(({ storage }) => storage?.settle()));
}

/** Text that two graphs share only if one's Program computes the other. */
function signature(order: readonly Node[], wanted: readonly Node[]): string {
  const number = new Map<Node, number>();
  const parts: string[] = [];
  for (const node of order) {
    number.set(node, number.size);
    if (node.storage !== undefined) {
      parts.push(node.types.map(({ shape, dtype }) => `${dtype}[${shape}]`).join('+'));
    } else {
      const inputs = node.inputs.map((input) => `${number.get(input.node)}.${input.index}`);
      parts.push(`${node.op.name}(${inputs})${node.paramsKey}`);
    }
  }
  return `${parts.join(';')}>${wanted.map((node) => number.get(node))}`;
}
