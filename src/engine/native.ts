// The native engine: kernels/cpu as a Node-API addon (kernels/cpu/addon.cc). Loaded only in Node, by
// ./select.ts. Addresses are plain numbers here; the addon trusts what this file has checked.
import { HEADER } from '../core/abi.js';
import { FoveaError } from '../core/errors.js';
import { checkByteLength, checkRange, foreignBuffer, foreignProgram } from './checks.js';
import type { Engine, EngineBuffer, EngineInfo, EngineMemory, EngineOptions, LoadedProgram } from './engine.js';
import { disposedError, faultError, outOfMemory } from './errors.js';
import { FAULTS, type Fault } from './fault.js';
import { chooseLevel } from './level.js';
import { environment, nodeModule } from './node.js';
import { nativeTarget } from './target.js';
import { chooseThreads, type ThreadChoice } from './threads.js';

type Handle = { readonly handle: unique symbol };
type Done = (id: number, code: number, instruction: number, detail: number) => void;

/** What addon.cc offers. */
interface Addon {
  levels(): string[];
  levelNotes(): string[];
  create(level: number, threads: number, started: number, poison: number, done: Done): Handle | undefined;
  allocate(engine: Handle, bytes: number): number;
  free(engine: Handle, address: number): void;
  write(engine: Handle, address: number, data: ArrayBufferLike, byteOffset: number, byteLength: number): boolean;
  read(engine: Handle, address: number, to: ArrayBuffer, id: number): boolean;
  detach(data: ArrayBuffer): void;
  load(engine: Handle, data: ArrayBufferLike, byteOffset: number, byteLength: number, fault: ArrayBuffer): number;
  run(engine: Handle, program: number, bindings: ArrayBuffer, count: number, id: number, times: number): void;
  findPages(engine: Handle, address: number, bytes: number): void;
  workspaceBytes(engine: Handle): number;
  stop(engine: Handle, id: number): void;
  end(engine: Handle): void;
}

const EMULATED = 'amx_emulated';

let loaded: Addon | undefined;

/** Loads the addon; a `FoveaError` says in one line why there is none. */
async function loadAddon(): Promise<Addon> {
  if (loaded !== undefined) return loaded;
  const { existsSync, readFileSync } = await nodeModule<typeof import('node:fs')>('node:fs');
  const { fileURLToPath } = await nodeModule<typeof import('node:url')>('node:url');
  // From dist/engine and from src/engine alike.
  const here = import.meta.url;
  const target = await nativeTarget();
  const folder = fileURLToPath(new URL(`../../build/native/${target}/`, here));
  const file = `${folder}fovea.node`;
  if (!existsSync(file)) {
    const reason = `${folder}reason.txt`;
    const why = existsSync(reason) ? readFileSync(reason, 'utf8').trim() : `it is not built for ${target}`;
    throw new FoveaError({ code: 'engine', message: `${why}.` });
  }
  const module = { exports: {} };
  try {
    process.dlopen(module, file);
  } catch (cause) {
    throw new FoveaError({ code: 'engine', message: `its addon does not load: ${(cause as Error).message}.`, cause });
  }
  loaded = module.exports as Addon;
  return loaded;
}

/** Starts the native engine; throws a `FoveaError` code `engine` where it cannot run. */
export async function createNativeEngine(options: EngineOptions = {}): Promise<Engine> {
  const addon = await loadAddon();
  const levels = addon.levels().filter((name) => name !== EMULATED);
  // For tests, which name it: AMX's kernels over emulated tiles, on machines without.
  const isEmulated = (options.level ?? environment('FOVEA_LEVEL')) === EMULATED && addon.levels().includes(EMULATED);
  const level = isEmulated ? EMULATED : chooseLevel('native', levels, options.level);
  return new NativeEngine(addon, levels, level, await chooseThreads(options), options.poison === true);
}

class NativeBuffer implements EngineBuffer {
  constructor(
    readonly engine: NativeEngine,
    readonly byteLength: number,
    /** 0 once freed. */
    public address: number,
  ) {}
}

class NativeProgram implements LoadedProgram {
  /** Address and bytes of each binding of the run being queued. */
  readonly bindings: Float64Array<ArrayBuffer>;

  constructor(
    readonly engine: NativeEngine,
    public address: number,
    bindingCount: number,
  ) {
    this.bindings = new Float64Array(2 * bindingCount);
  }

  dispose(): void {
    this.engine.forget(this);
  }
}

interface Waiting {
  resolve(value: ArrayBuffer | undefined): void;
  reject(error: Error): void;
  /** A read's bytes: the addon writes into them until it is done. */
  data: ArrayBuffer | undefined;
}

class NativeEngine implements Engine {
  readonly info: EngineInfo;
  private readonly handle: Handle;
  private readonly waiting = new Map<number, Waiting>();
  private readonly addresses = new Set<number>();
  private lastId = 0;
  private bufferBytes = 0;
  private bufferCount = 0;
  private programCount = 0;
  private disposal: Promise<void> | undefined;

  constructor(
    private readonly addon: Addon,
    levels: readonly string[],
    level: string,
    { threads, started, reason }: ThreadChoice,
    poison: boolean,
  ) {
    const done: Done = (id, code, instruction, detail) => this.finish(id, { code, instruction, detail });
    const handle = addon.create(addon.levels().indexOf(level), threads, started, poison ? 1 : 0, done);
    if (handle === undefined) throw new FoveaError({ code: 'engine', message: 'its threads cannot be started.' });
    this.handle = handle;
    const notes = addon.levelNotes();
    this.info = { name: 'native', level, levels, threads, threadsReason: reason, ...(notes.length > 0 && { notes }) };
  }

  allocate(byteLength: number): EngineBuffer {
    checkByteLength(byteLength);
    this.checkAlive();
    const address = this.addon.allocate(this.handle, byteLength);
    if (address === 0) throw outOfMemory(byteLength, this.bufferBytes);
    this.addresses.add(address);
    this.bufferBytes += byteLength;
    this.bufferCount++;
    return new NativeBuffer(this, byteLength, address);
  }

  free(buffer: EngineBuffer): void {
    if (this.disposal !== undefined) return;
    const { address } = this.own(buffer, 'free');
    this.release(address);
    (buffer as NativeBuffer).address = 0;
    this.bufferBytes -= buffer.byteLength;
    this.bufferCount--;
  }

  findPages(buffer: EngineBuffer): void {
    this.checkAlive();
    this.addon.findPages(this.handle, this.own(buffer, 'findPages').address, buffer.byteLength);
  }

  write(buffer: EngineBuffer, data: ArrayBufferView, byteOffset = 0): void {
    this.checkAlive();
    const { address } = this.own(buffer, 'write');
    checkRange('write', buffer, byteOffset, data.byteLength);
    // Node-API reads no shared memory; what lies there is copied first.
    const view =
      data.buffer instanceof ArrayBuffer ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    const hasMemory = this.addon.write(
      this.handle,
      address + byteOffset,
      view.buffer,
      view.byteOffset,
      view.byteLength,
    );
    if (!hasMemory) throw outOfMemory(data.byteLength, this.bufferBytes);
  }

  async read(buffer: EngineBuffer, byteOffset = 0, byteLength = buffer.byteLength - byteOffset): Promise<ArrayBuffer> {
    this.checkAlive();
    const { address } = this.own(buffer, 'read');
    checkRange('read', buffer, byteOffset, byteLength);
    const data = new ArrayBuffer(byteLength);
    const id = this.nextId();
    if (this.addon.read(this.handle, address + byteOffset, data, id)) return data;
    return this.wait(id, data) as Promise<ArrayBuffer>;
  }

  discard(buffer: ArrayBuffer): void {
    this.addon.detach(buffer);
  }

  load(image: Uint8Array): LoadedProgram {
    this.checkAlive();
    const fault = new Int32Array(3);
    const address = this.addon.load(this.handle, image.buffer, image.byteOffset, image.byteLength, fault.buffer);
    const [code = 0, instruction = -1, detail = 0] = fault;
    if (address === 0) throw faultError({ code, instruction, detail });
    this.addresses.add(address);
    this.programCount++;
    const bindings = new DataView(image.buffer, image.byteOffset).getUint32(4 * HEADER.bindings, true);
    return new NativeProgram(this, address, bindings);
  }

  async run(program: LoadedProgram, bindings: readonly EngineBuffer[], times?: EngineBuffer): Promise<void> {
    this.checkAlive();
    const isOwn = program instanceof NativeProgram && program.engine === this && program.address !== 0;
    if (!isOwn) throw foreignProgram();
    const table = program.bindings;
    if (table.length !== 2 * bindings.length) {
      throw faultError({ code: FAULTS.bindings, instruction: -1, detail: table.length / 2 });
    }
    for (let i = 0; i < bindings.length; i++) {
      const { address, byteLength } = this.own(bindings[i], 'run');
      table[2 * i] = address;
      table[2 * i + 1] = byteLength;
    }
    const timesAt = times === undefined ? 0 : this.own(times, 'run').address;
    const id = this.nextId();
    this.addon.run(this.handle, program.address, table.buffer, bindings.length, id, timesAt);
    await this.wait(id, undefined);
  }

  memory(): EngineMemory {
    const { bufferBytes, bufferCount, programCount } = this;
    const workspaceBytes = this.disposal === undefined ? this.addon.workspaceBytes(this.handle) : 0;
    return { buffers: bufferCount, bufferBytes, workspaceBytes, programs: programCount };
  }

  dispose(): Promise<void> {
    this.disposal ??= this.end();
    return this.disposal;
  }

  forget(program: NativeProgram): void {
    if (program.address === 0 || this.disposal !== undefined) return;
    this.release(program.address);
    program.address = 0;
    this.programCount--;
  }

  private async end(): Promise<void> {
    const id = this.nextId();
    this.addon.stop(this.handle, id);
    // That it was aborted is what was asked for.
    await this.wait(id, undefined).catch(() => undefined);
    this.addon.end(this.handle);
    for (const address of this.addresses) this.addon.free(this.handle, address);
    this.addresses.clear();
    this.bufferBytes = 0;
    this.bufferCount = 0;
    this.programCount = 0;
  }

  private release(address: number): void {
    this.addresses.delete(address);
    this.addon.free(this.handle, address);
  }

  private own(buffer: EngineBuffer | undefined, op: string): NativeBuffer {
    if (buffer instanceof NativeBuffer && buffer.engine === this && buffer.address !== 0) return buffer;
    throw foreignBuffer(op);
  }

  private checkAlive(): void {
    if (this.disposal !== undefined) throw disposedError();
  }

  private nextId(): number {
    this.lastId = (this.lastId + 1) % 2 ** 32;
    return this.lastId;
  }

  private wait(id: number, data: ArrayBuffer | undefined): Promise<ArrayBuffer | undefined> {
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, data }));
  }

  private finish(id: number, fault: Fault): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (fault.code === FAULTS.ok) waiting?.resolve(waiting.data);
    else waiting?.reject(faultError(fault));
  }
}
