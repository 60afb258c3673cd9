// What the wasm engine and its workers say to each other.
import type { Fault } from '../fault.js';

/** Starts a worker: thread 0 works the queue off, the others help. */
export interface StartMessage {
  kind: 'start';
  module: WebAssembly.Module;
  /** Shared memory; undefined where memory cannot be shared: the worker then makes its own. */
  memory: WebAssembly.Memory | undefined;
  thread: number;
  /** For which work is cut, and how many of them there are. */
  threads: number;
  started: number;
  /** Addresses: the pool, the threads' scratch, the end of this thread's stack, and some bytes for calls. */
  pool: number;
  scratch: number;
  stack: number;
  calls: number;
  /** Bytes of memory that the addresses above need. */
  end: number;
}

/** Copies bytes in, or checks what was copied in before as a Program. */
export interface WriteMessage {
  kind: 'write';
  address: number;
  data: Uint8Array;
  end: number;
}

export interface ReadMessage {
  kind: 'read';
  id: number;
  address: number;
  byteLength: number;
  end: number;
}

export interface RunMessage {
  kind: 'run';
  id: number;
  image: number;
  imageBytes: number;
  workspace: number;
  workspaceBytes: number;
  /** Address and bytes of each binding. */
  bindings: Float64Array;
  poison: boolean;
  /** Where times go; 0: nowhere. */
  times: number;
  end: number;
}

/** `end` in all of them: memory must reach up to there before the message is worked off. */
export type WorkerMessage = StartMessage | WriteMessage | ReadMessage | RunMessage;

export interface ReadyReply {
  kind: 'ready';
}

/** A run or a read is finished. `error` is what a kernel threw, as text. */
export interface DoneReply {
  kind: 'done';
  id: number;
  fault?: Fault;
  error?: string;
  data?: ArrayBuffer;
}

export type WorkerReply = ReadyReply | DoneReply;
