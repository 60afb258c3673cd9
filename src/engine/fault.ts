// The faults that kernels/cpu/runtime.h names, for both engines and for the wasm engine's workers.

/** A fault as runtime.h's FoveaFault has it. */
export interface Fault {
  code: number;
  /** The instruction's place in the Program; -1: none in particular. */
  instruction: number;
  detail: number;
}

/** runtime.h's FoveaFaultCode. */
export const FAULTS = {
  ok: 0,
  image: 1,
  version: 2,
  kernel: 3,
  operand: 4,
  bindings: 5,
  guard: 6,
  memory: 7,
  aborted: 8,
} as const;
