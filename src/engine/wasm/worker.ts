// The program of the wasm engine's workers, bundled into a string by tools/stages/worker.ts. Thread 0 works
// the queue off; the others run the pool's helper loop, which never returns to their event loop.
import { FAULTS } from '../fault.js';
import type { RunMessage, StartMessage, WorkerMessage, WorkerReply } from './messages.js';

/** kernels/cpu/wasm.cc. */
interface Exports {
  __stack_pointer: WebAssembly.Global;
  __heap_base: WebAssembly.Global;
  poolBytes(): number;
  poolInit(pool: number, threads: number, started: number, scratch: number): void;
  poolHelp(pool: number, thread: number): void;
  check(image: number, bytes: number, fault: number): void;
  run(
    pool: number,
    image: number,
    workspace: number,
    workspaceBytes: number,
    bindings: number,
    count: number,
    poison: number,
    times: number,
    fault: number,
  ): void;
}

interface Port {
  postMessage(message: WorkerReply, transfer: Transferable[]): void;
}

/** The address of the fault in the bytes for calls; the bindings follow it. */
const FAULT_BYTES = 16;
const BINDING_BYTES = 16;
const PAGE = 65536;

let exports: Exports;
let memory: WebAssembly.Memory;
let start: StartMessage;

function begin(message: StartMessage, port: Port): void {
  start = message;
  const pages = Math.ceil(message.end / PAGE);
  memory = message.memory ?? new WebAssembly.Memory({ initial: pages, maximum: 65536 });
  const instance = new WebAssembly.Instance(message.module, { env: { memory, now: () => performance.now() } });
  exports = instance.exports as unknown as Exports;
  if (exports.__heap_base.value > message.pool || exports.poolBytes() > message.calls - message.pool) {
    throw new Error('the binary is larger than the memory laid out for it');
  }
  exports.__stack_pointer.value = message.stack | 0;
  if (message.thread === 0) exports.poolInit(message.pool, message.threads, message.started, message.scratch);
  port.postMessage({ kind: 'ready' }, []);
  if (message.thread !== 0) exports.poolHelp(message.pool, message.thread);
}

/** Only an unshared memory is grown here; a shared one has been grown already. */
function reaches(end: number): boolean {
  const missing = end - memory.buffer.byteLength;
  if (missing <= 0) return true;
  try {
    memory.grow(Math.ceil(missing / PAGE));
    return true;
  } catch {
    return false;
  }
}

function run(message: RunMessage): WorkerReply {
  const { bindings } = message;
  const view = new DataView(memory.buffer);
  const count = bindings.length / 2;
  for (let i = 0; i < count; i++) {
    const at = start.calls + FAULT_BYTES + i * BINDING_BYTES;
    view.setUint32(at, bindings[2 * i] as number, true);
    view.setUint32(at + 8, bindings[2 * i + 1] as number, true);
    view.setUint32(at + 12, 0, true);
  }
  exports.check(message.image, message.imageBytes, start.calls);
  if (view.getInt32(start.calls, true) === FAULTS.ok) {
    exports.run(
      start.pool,
      message.image,
      message.workspace,
      message.workspaceBytes,
      start.calls + FAULT_BYTES,
      count,
      message.poison ? 1 : 0,
      message.times,
      start.calls,
    );
  }
  const code = view.getInt32(start.calls, true);
  if (code === FAULTS.ok) return { kind: 'done', id: message.id };
  const instruction = view.getInt32(start.calls + 4, true);
  return { kind: 'done', id: message.id, fault: { code, instruction, detail: view.getInt32(start.calls + 8, true) } };
}

function work(message: Exclude<WorkerMessage, StartMessage>, port: Port): void {
  const hasMemory = reaches(message.end);
  if (message.kind === 'write') {
    if (hasMemory) new Uint8Array(memory.buffer, message.address, message.data.length).set(message.data);
    return;
  }
  const { id } = message;
  if (!hasMemory) {
    const fault = { code: FAULTS.memory, instruction: -1, detail: message.end / 2 ** 20 };
    port.postMessage({ kind: 'done', id, fault }, []);
    return;
  }
  if (message.kind === 'read') {
    const data = new ArrayBuffer(message.byteLength);
    new Uint8Array(data).set(new Uint8Array(memory.buffer, message.address, message.byteLength));
    port.postMessage({ kind: 'done', id, data }, [data]);
    return;
  }
  let reply: WorkerReply;
  try {
    reply = run(message);
  } catch (error) {
    reply = { kind: 'done', id, error: String(error) };
  }
  port.postMessage(reply, []);
}

function receive(message: WorkerMessage, port: Port): void {
  if (message.kind === 'start') begin(message, port);
  else work(message, port);
}

// In Node the engine puts the worker's port here before this program starts.
const { foveaPort } = globalThis as {
  foveaPort?: Port & { on(event: 'message', listen: (data: WorkerMessage) => void): void };
};
if (foveaPort !== undefined) foveaPort.on('message', (data) => receive(data, foveaPort));
else {
  const scope = globalThis as unknown as Port & { onmessage: (event: MessageEvent<WorkerMessage>) => void };
  scope.onmessage = ({ data }) => receive(data, scope);
}
