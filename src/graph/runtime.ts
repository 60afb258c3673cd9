// The seam between tensors, which know nothing of engines, and what realises them (src/engine/execute.ts).
import { FoveaError } from '../core/errors.js';
import type { Tensor } from './tensor.js';

/** Realises lazy tensors. */
export interface Runtime {
  /** Starts computing the tensors and resolves when their storage can be read, which waits for the rest. */
  realize(tensors: readonly Tensor[]): Promise<void>;
  /** Starts computing without waiting, where an engine is already up; false where none is. */
  submit(tensors: readonly Tensor[]): boolean;
}

let installed: Runtime | undefined;

/** Called once by the package's entry. */
export function installRuntime(runtime: Runtime): void {
  installed = runtime;
}

export function currentRuntime(): Runtime {
  if (installed === undefined) {
    throw new FoveaError({
      code: 'engine',
      message: 'no engine is installed.',
      hint: "Import from 'fovea' rather than from a file inside it.",
    });
  }
  return installed;
}
