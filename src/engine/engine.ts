// What every engine offers: memory, Programs, and an ordered queue of work. Engines are equal in
// behaviour; only ./native, ./wasm and ./webgpu know how. Neighbours: ../core/abi.ts (the image's layout),
// ./select.ts (which engine runs).

import type { ConvolutionChoices } from '../graph/op.js';

/** Memory that belongs to an engine; opaque to everyone else. */
export interface EngineBuffer {
  readonly byteLength: number;
}

/** A Program an engine has taken in. */
export interface LoadedProgram {
  /** Forgets the Program. Runs already queued still finish. */
  dispose(): void;
}

/** What `fovea doctor` and the logs say of an engine. */
export interface EngineInfo {
  readonly name: 'native' | 'wasm' | 'webgpu';
  /** The instruction-set level in use, e.g. `avx512`, `portable`, `relaxed`. */
  readonly level: string;
  /** Every level this machine can run, best first. */
  readonly levels: readonly string[];
  /** Why a level is missing that the processor has the instructions for; absent where none is. */
  readonly notes?: readonly string[];
  readonly threads: number;
  /** Why `threads` is what it is, e.g. `2 cores`, `FOVEA_THREADS`, `no SharedArrayBuffer`. */
  readonly threadsReason: string;
}

/** Bytes an engine holds, for leak tests and `fovea doctor`. */
export interface EngineMemory {
  /** Live buffers, as allocated. */
  readonly buffers: number;
  readonly bufferBytes: number;
  /** The one workspace that all Programs share. */
  readonly workspaceBytes: number;
  readonly programs: number;
}

/**
 * Runs Programs. `write`, `run`, `read` and `copy` are queued and take effect in the order of the calls;
 * none blocks the caller's thread.
 */
export interface Engine {
  readonly info: EngineInfo;
  /** Reserves memory, 64-byte aligned, contents undefined. Throws `FoveaError` code `memory`. */
  allocate(byteLength: number): EngineBuffer;
  /** Gives memory back once the work already queued is done with it. */
  free(buffer: EngineBuffer): void;
  /** Has the system find memory for a new buffer now, rather than in the run that first writes it. */
  findPages?(buffer: EngineBuffer): void;
  /** Copies bytes in; `data` may be reused as soon as this returns. */
  write(buffer: EngineBuffer, data: ArrayBufferView, byteOffset?: number): void;
  /** Copies bytes out, after everything queued before. */
  read(buffer: EngineBuffer, byteOffset?: number, byteLength?: number): Promise<ArrayBuffer>;
  /** Gives an array's memory back at once instead of when it is collected; the array is empty then. */
  discard?(buffer: ArrayBuffer): void;
  load(image: Uint8Array): LoadedProgram;
  /**
   * Queues one run over the bindings, in the Program's order. Resolves when it has finished; a caller
   * that reads afterwards need not wait for it. `times` takes milliseconds as float64, of the start and of the end of
   * each instruction.
   */
  run(program: LoadedProgram, bindings: readonly EngineBuffer[], times?: EngineBuffer): Promise<void>;
  /** What `fovea bench --tune` found on this machine: see choices.ts. */
  choices?: ConvolutionChoices | undefined;
  memory(): EngineMemory;
  /** Ends threads and workers and gives all memory back; the engine cannot be used again. */
  dispose(): Promise<void>;
}

/** How to start an engine. */
export interface EngineOptions {
  /**
   * Threads, the caller's share included; default: the machine's cores, or `FOVEA_THREADS`. Of more than there are
   * cores, as many as there are take part.
   */
  threads?: number;
  /** Forces an instruction-set level; default: the best, or `FOVEA_LEVEL`. */
  level?: string;
  /**
   * For tests: fills the workspace with NaN before each run, watches for writes behind every buffer, and starts all
   * threads, however few the cores.
   */
  poison?: boolean;
}
