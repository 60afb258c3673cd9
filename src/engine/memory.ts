// Engine memory behind tensors: counted per engine, so that leaks show, that an engine which was replaced
// ends when its last tensor goes, and that dead tensors are collected before memory runs out.
import type { DeviceMemory } from '../graph/storage.js';
import type { Engine, EngineBuffer } from './engine.js';
import { isNode, nodeModule } from './node.js';

/** Bytes that may be allocated after a collection before the next: a collector sees only small objects. */
const GARBAGE_LIMIT = 512 << 20;

interface Use {
  tensors: number;
  isReplaced: boolean;
}

const uses = new Map<Engine, Use>();
let bytes = 0;
let bytesAfterCollection = 0;

/** Memory of one engine behind a storage. */
export class EngineMemoryHandle implements DeviceMemory {
  private isFree = false;

  constructor(
    readonly engine: Engine,
    readonly buffer: EngineBuffer,
  ) {
    bytes += buffer.byteLength;
    useOf(engine).tensors++;
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
    bytes -= this.buffer.byteLength;
    this.engine.free(this.buffer);
    useOf(this.engine).tensors--;
    endIfUnused(this.engine);
  }
}

function useOf(engine: Engine): Use {
  let use = uses.get(engine);
  if (use === undefined) {
    use = { tensors: 0, isReplaced: false };
    uses.set(engine, use);
  }
  return use;
}

/** Says that another engine is in use now; this one ends with its last tensor. */
export function replaceEngine(engine: Engine): void {
  useOf(engine).isReplaced = true;
  endIfUnused(engine);
}

/** Forgets an engine that has ended. */
export function forgetEngine(engine: Engine): void {
  uses.delete(engine);
}

function endIfUnused(engine: Engine): void {
  const use = uses.get(engine);
  if (use === undefined || use.tensors > 0) return;
  if (use.isReplaced) {
    // Programs of its last tensors may be queued still; reads of them have been awaited.
    engine.dispose().catch(() => undefined);
  }
  uses.delete(engine);
}

/** Whether tensors may live in an engine other than this one. */
export function hasStrays(engine: Engine): boolean {
  return uses.size > (uses.has(engine) ? 1 : 0);
}

let collecting: Promise<void> | undefined;

/** Lets the collector run where many dead tensors may be waiting for it. */
export function makeRoom(): Promise<void> | undefined {
  if (bytes - bytesAfterCollection < GARBAGE_LIMIT) return undefined;
  collecting ??= collect().finally(() => {
    collecting = undefined;
  });
  return collecting;
}

async function collect(): Promise<void> {
  const run = await collector();
  // Two rounds: what the first finalizes may hold the last reference to more.
  for (let round = 0; round < 2; round++) {
    run();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  bytesAfterCollection = bytes;
}

let known: (() => void) | undefined;

async function collector(): Promise<() => void> {
  known ??= (globalThis as { gc?: () => void }).gc ?? (isNode ? await nodeCollector() : pressOnCollector);
  return known;
}

/** Node's collector can be had without a flag on the command line. */
async function nodeCollector(): Promise<() => void> {
  const { setFlagsFromString } = await nodeModule<typeof import('node:v8')>('node:v8');
  const { runInNewContext } = await nodeModule<typeof import('node:vm')>('node:vm');
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return gc;
}

/** Elsewhere: memory that the collector does count, dropped at once, makes it look around. */
function pressOnCollector(): void {
  for (let i = 0; i < 4; i++) new ArrayBuffer(64 << 20);
}
