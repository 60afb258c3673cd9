// The WebAssembly engine: kernels/cpu in a worker of its own, with further workers on the same memory as
// helpers. This side keeps the books (./wasm/heap.ts) and posts messages (./wasm/messages.ts) in order.
import { HEADER, THREAD_SCRATCH } from '../core/abi.js';
import { FoveaError } from '../core/errors.js';
import { checkByteLength, checkRange, foreignBuffer, foreignProgram } from './checks.js';
import type { Engine, EngineBuffer, EngineInfo, EngineMemory, EngineOptions, LoadedProgram } from './engine.js';
import { disposedError, faultError, outOfMemory } from './errors.js';
import { FAULTS } from './fault.js';
import { chooseLevel } from './level.js';
import { isNode } from './node.js';
import { chooseThreads, type ThreadChoice } from './threads.js';
import { compileBinary, type WasmLevel, wasmLevels } from './wasm/binary.js';
import { Heap } from './wasm/heap.js';
import type { WorkerMessage, WorkerReply } from './wasm/messages.js';
import { startThread, type Thread } from './wasm/thread.js';

const PAGE = 65536;
/** Below lie the binary's own data; worker.ts checks that they end there. */
export const HEAP_BASE = 1 << 20;
const STACK_BYTES = 1 << 19;
const POOL_BYTES = 8192;
/** For a fault and the addresses of at most 4,095 bindings. */
const CALL_BYTES = 65536;
const GUARD_BYTES = 64;

/** Starts the WebAssembly engine; throws a `FoveaError` code `engine` where it cannot run. */
export async function createWasmEngine(options: EngineOptions = {}): Promise<Engine> {
  const levels = wasmLevels();
  const level = chooseLevel('wasm', levels, options.level) as WasmLevel;
  const choice = await chooseThreads(options);
  const canShare = typeof SharedArrayBuffer === 'function' && (isNode || globalThis.crossOriginIsolated === true);
  // One thread needs no sharing, but the caller's side can then copy without a message.
  const memory = canShare ? makeSharedMemory() : undefined;
  if (memory === undefined && choice.threads > 1) {
    choice.threads = choice.started = 1;
    choice.reason = canShare
      ? 'no shared memory to be had'
      : 'no SharedArrayBuffer: the page is not cross-origin isolated';
  }
  const module = await compileBinary(level, memory !== undefined);
  const engine = new WasmEngine(levels, level, choice, memory, options.poison === true);
  await engine.start(module);
  return engine;
}

/** Some phones refuse to reserve 4 GiB; the binary accepts any lower maximum. */
function makeSharedMemory(): WebAssembly.Memory | undefined {
  for (let maximum = 65536; maximum >= 8192; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: HEAP_BASE / PAGE, maximum, shared: true });
    } catch {
      // the next lower maximum
    }
  }
  return undefined;
}

class WasmBuffer implements EngineBuffer {
  isFreed = false;

  constructor(
    readonly engine: WasmEngine,
    readonly byteLength: number,
    readonly address: number,
  ) {}
}

class WasmProgram implements LoadedProgram {
  isDisposed = false;

  constructor(
    readonly engine: WasmEngine,
    readonly image: number,
    readonly imageBytes: number,
    readonly workspaceBytes: number,
    readonly bindingCount: number,
  ) {}

  dispose(): void {
    this.engine.forget(this);
  }
}

interface Waiting {
  /** The writes that were posted before: once this is answered, they are done. */
  writes: number;
  resolve(data: ArrayBuffer | undefined): void;
  reject(error: Error): void;
}

class WasmEngine implements Engine {
  readonly info: EngineInfo;
  private readonly heap: Heap;
  private threads: Thread[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  /** Writes posted so far, and how many of them the worker is known to have worked off. */
  private writesPosted = 0;
  private writesDone = 0;
  private bufferBytes = 0;
  private bufferCount = 0;
  private programCount = 0;
  private workspace = 0;
  private workspaceBytes = 0;
  /** Why the engine no longer works. */
  private failure: FoveaError | undefined;
  private disposal: Promise<void> | undefined;

  constructor(
    levels: readonly string[],
    level: string,
    private readonly choice: ThreadChoice,
    private readonly memoryShared: WebAssembly.Memory | undefined,
    private readonly poison: boolean,
  ) {
    const { threads, reason } = choice;
    this.info = { name: 'wasm', level, levels, threads, threadsReason: reason };
    this.heap = new Heap(HEAP_BASE, (end) => this.grow(end));
  }

  /** Starts the workers; afterwards the engine takes work. */
  async start(module: WebAssembly.Module): Promise<void> {
    const { workerSource } = await import('./wasm/worker-source.generated.js');
    const { threads, started } = this.choice;
    const pool = this.reserve(POOL_BYTES);
    const calls = this.reserve(CALL_BYTES);
    const scratch = this.reserve(started * THREAD_SCRATCH);
    for (let thread = 0; thread < started; thread++) {
      const stack = this.reserve(STACK_BYTES) + STACK_BYTES;
      const end = this.heap.end;
      const memory = this.memoryShared;
      await this.startWorker(workerSource, {
        kind: 'start',
        module,
        memory,
        thread,
        threads,
        started,
        pool,
        scratch,
        stack,
        calls,
        end,
      });
    }
  }

  allocate(byteLength: number): EngineBuffer {
    checkByteLength(byteLength);
    this.checkAlive();
    const address = this.heap.allocate(this.guarded(byteLength));
    if (address === undefined) throw outOfMemory(byteLength, this.bufferBytes);
    this.bufferBytes += byteLength;
    this.bufferCount++;
    return new WasmBuffer(this, byteLength, address);
  }

  free(buffer: EngineBuffer): void {
    if (this.disposal !== undefined) return;
    const own = this.own(buffer, 'free');
    own.isFreed = true;
    this.heap.free(own.address, this.guarded(own.byteLength));
    this.bufferBytes -= own.byteLength;
    this.bufferCount--;
  }

  write(buffer: EngineBuffer, data: ArrayBufferView, byteOffset = 0): void {
    this.checkAlive();
    const { address } = this.own(buffer, 'write');
    checkRange('write', buffer, byteOffset, data.byteLength);
    this.writeBytes(address + byteOffset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  async read(buffer: EngineBuffer, byteOffset = 0, byteLength = buffer.byteLength - byteOffset): Promise<ArrayBuffer> {
    this.checkAlive();
    const address = this.own(buffer, 'read').address + byteOffset;
    checkRange('read', buffer, byteOffset, byteLength);
    if (this.memoryShared !== undefined && this.isIdle() && byteLength <= 1 << 20) {
      const data = new ArrayBuffer(byteLength);
      new Uint8Array(data).set(new Uint8Array(this.memoryShared.buffer, address, byteLength));
      return data;
    }
    const data = await this.ask((id) => ({ kind: 'read', id, address, byteLength, end: this.heap.end }));
    return data as ArrayBuffer;
  }

  load(image: Uint8Array): LoadedProgram {
    this.checkAlive();
    if (image.byteLength < 4 * HEADER.size) throw faultError({ code: FAULTS.image, instruction: -1, detail: 0 });
    const address = this.heap.allocate(image.byteLength);
    if (address === undefined) throw outOfMemory(image.byteLength, this.bufferBytes);
    this.writeBytes(address, image);
    const view = new DataView(image.buffer, image.byteOffset);
    const word = (index: number): number => view.getUint32(4 * index, true);
    const workspaceBytes = word(HEADER.workspaceLo) + 2 ** 32 * word(HEADER.workspaceHi);
    this.programCount++;
    return new WasmProgram(this, address, image.byteLength, workspaceBytes, word(HEADER.bindings));
  }

  async run(program: LoadedProgram, bindings: readonly EngineBuffer[], times?: EngineBuffer): Promise<void> {
    this.checkAlive();
    const isOwn = program instanceof WasmProgram && program.engine === this && !program.isDisposed;
    if (!isOwn) throw foreignProgram();
    if (program.bindingCount !== bindings.length) {
      throw faultError({ code: FAULTS.bindings, instruction: -1, detail: program.bindingCount });
    }
    const table = new Float64Array(2 * bindings.length);
    for (let i = 0; i < bindings.length; i++) {
      const { address, byteLength } = this.own(bindings[i], 'run');
      table[2 * i] = address;
      table[2 * i + 1] = byteLength;
    }
    const timesAt = times === undefined ? 0 : this.own(times, 'run').address;
    this.growWorkspace(program.workspaceBytes);
    await this.ask((id) => ({
      kind: 'run',
      id,
      image: program.image,
      imageBytes: program.imageBytes,
      workspace: this.workspace,
      workspaceBytes: this.workspaceBytes,
      bindings: table,
      poison: this.poison,
      times: timesAt,
      end: this.heap.end,
    }));
  }

  memory(): EngineMemory {
    const { bufferBytes, bufferCount, programCount, workspaceBytes } = this;
    return { buffers: bufferCount, bufferBytes, workspaceBytes, programs: programCount };
  }

  dispose(): Promise<void> {
    this.disposal ??= this.end();
    return this.disposal;
  }

  forget(program: WasmProgram): void {
    if (program.isDisposed || this.disposal !== undefined) return;
    program.isDisposed = true;
    this.heap.free(program.image, program.imageBytes);
    this.programCount--;
  }

  private async end(): Promise<void> {
    await this.fail(disposedError());
    this.bufferBytes = 0;
    this.bufferCount = 0;
    this.programCount = 0;
    this.workspaceBytes = 0;
  }

  /** Refuses all that waits and ends the workers. */
  private async fail(error: FoveaError): Promise<void> {
    this.failure ??= error;
    const { threads } = this;
    this.threads = [];
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  private async startWorker(source: string, start: WorkerMessage): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const events = {
        onReply: (reply: WorkerReply): void => (reply.kind === 'ready' ? resolve() : this.finish(reply)),
        onError: (cause: Error): void => {
          const error = new FoveaError({
            code: 'engine',
            message: `a worker of the wasm engine died: ${cause.message}.`,
            cause,
          });
          reject(error);
          void this.fail(error);
        },
      };
      startThread(source, events).then((thread) => {
        this.threads.push(thread);
        thread.post(start);
      }, reject);
    });
    // Nobody waits for anything yet: an idle engine does not keep a process alive.
    this.threads.at(-1)?.hold(false);
  }

  /** Queues what is answered. */
  private ask(message: (id: number) => WorkerMessage): Promise<ArrayBuffer | undefined> {
    this.lastId = (this.lastId + 1) % 2 ** 32;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      if (this.waiting.size === 0) this.threads[0]?.hold(true);
      this.waiting.set(id, { writes: this.writesPosted, resolve, reject });
      this.threads[0]?.post(message(id));
    });
  }

  private finish(reply: Exclude<WorkerReply, { kind: 'ready' }>): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if (waiting !== undefined) this.writesDone = waiting.writes;
    if (this.waiting.size === 0) this.threads[0]?.hold(false);
    if (reply.error !== undefined) {
      const hint = 'This is a fault of fovea; please report it.';
      waiting?.reject(new FoveaError({ code: 'internal', message: `a kernel failed: ${reply.error}.`, hint }));
    } else if (reply.fault !== undefined) waiting?.reject(faultError(reply.fault));
    else waiting?.resolve(reply.data);
  }

  private isIdle(): boolean {
    return this.waiting.size === 0 && this.writesDone === this.writesPosted;
  }

  private writeBytes(address: number, bytes: Uint8Array): void {
    if (this.memoryShared !== undefined && this.isIdle()) {
      new Uint8Array(this.memoryShared.buffer, address, bytes.length).set(bytes);
      return;
    }
    const data = new Uint8Array(bytes); // posted, so that the caller may reuse its own at once
    this.writesPosted++;
    this.threads[0]?.post({ kind: 'write', address, data, end: this.heap.end }, [data.buffer]);
  }

  /** The queued runs keep the workspace they were given: whatever is put there next is queued after them. */
  private growWorkspace(bytes: number): void {
    if (bytes <= this.workspaceBytes && this.workspace !== 0) return;
    if (this.workspace !== 0) this.heap.free(this.workspace, this.workspaceBytes + GUARD_BYTES);
    const address = this.heap.allocate(bytes + GUARD_BYTES);
    this.workspace = address ?? 0;
    this.workspaceBytes = address === undefined ? 0 : bytes;
    if (address === undefined)
      throw faultError({ code: FAULTS.memory, instruction: -1, detail: Math.round(bytes / 2 ** 20) });
  }

  /** Memory that is not shared is the worker's: it grows when the message comes to it. */
  private grow(end: number): boolean {
    if (this.memoryShared === undefined) return true;
    const missing = end - this.memoryShared.buffer.byteLength;
    if (missing <= 0) return true;
    try {
      this.memoryShared.grow(Math.ceil(missing / PAGE));
      return true;
    } catch {
      return false;
    }
  }

  private reserve(bytes: number): number {
    const address = this.heap.allocate(bytes);
    if (address === undefined) throw outOfMemory(bytes, 0);
    return address;
  }

  private guarded(byteLength: number): number {
    return this.poison ? byteLength + GUARD_BYTES : byteLength;
  }

  private own(buffer: EngineBuffer | undefined, op: string): WasmBuffer {
    if (buffer instanceof WasmBuffer && buffer.engine === this && !buffer.isFreed) return buffer;
    throw foreignBuffer(op);
  }

  private checkAlive(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
