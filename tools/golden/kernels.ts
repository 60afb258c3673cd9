// Which kernels an engine runs for each case, watched at the engine itself, and whether every convolution algorithm
// has been run by enough cases to count as tested.
import { HEADER, KERNELS } from '../../src/core/abi.js';
import type { Engine, LoadedProgram } from '../../src/engine/engine.js';

/** Cases that must have run an algorithm. */
export const LEAST_CASES = 3;

/** Kernels that compute a convolution or a gradient of one, in float32: those of bfloat16 run under its policies alone. */
const isAlgorithm = (kernel: string): boolean => /conv2d|FilterGradient/i.test(kernel) && !kernel.startsWith('bf16');

/** Whether an algorithm is one that Winograd may stand in for. */
export const isDirect = (algorithm: string): boolean => /^conv2d/.test(algorithm);

/** Winograd has one kernel for the forward pass and, with the filter turned round, for the input's gradient. */
const TURNED: Readonly<Record<string, string>> = { winogradConv2d: 'winogradConv2d, turned' };

const ALGORITHMS: readonly string[] = Object.keys(KERNELS)
  .filter(isAlgorithm)
  .flatMap((kernel) => [kernel, ...(TURNED[kernel] === undefined ? [] : [TURNED[kernel]])]);

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(KERNELS).map(([name, id]) => [id, name]));

export class KernelWatch {
  private readonly loaded = new WeakMap<LoadedProgram, readonly string[]>();
  private readonly cases = new Map<string, Set<string>>();
  private current = new Set<string>();

  /** Watches an engine from now on. */
  watch(engine: Engine): void {
    const load = engine.load.bind(engine);
    const run = engine.run.bind(engine);
    engine.load = (image) => {
      const program = load(image);
      this.loaded.set(program, algorithmsOf(image));
      return program;
    };
    engine.run = (program, ...rest) => {
      for (const algorithm of this.loaded.get(program) ?? []) this.current.add(algorithm);
      return run(program, ...rest);
    };
  }

  /** The algorithms that have run since the last call, as those of the case `name`. */
  take(name: string): string[] {
    const taken = [...this.current].sort();
    this.current = new Set();
    for (const algorithm of taken) {
      const cases = this.cases.get(algorithm) ?? new Set<string>();
      this.cases.set(algorithm, cases.add(name));
    }
    return taken;
  }

  /** How many cases have run each algorithm. */
  counts(): { readonly algorithm: string; readonly cases: number }[] {
    return ALGORITHMS.map((algorithm) => ({ algorithm, cases: this.cases.get(algorithm)?.size ?? 0 }));
  }
}

/** The convolution algorithms that a Program's image calls. */
function algorithmsOf(image: Uint8Array): string[] {
  const words = new Int32Array(image.buffer, image.byteOffset, Math.floor(image.byteLength / 4));
  const found = new Set<string>();
  let isTurned = false;
  let at: number = HEADER.size;
  for (let i = 0; i < (words[HEADER.instructions] as number); i++) {
    const [id = -1, operands = 0, parameters = 0] = words.subarray(at, at + 3);
    const end = at + 3 + 3 * operands + parameters;
    const kernel = NAMES.get(id) ?? '';
    // The filter is transformed before it is used; whether it is turned stands before its dtype.
    if (kernel === 'winogradFilter') isTurned = words[end - 2] === 1;
    if (isAlgorithm(kernel)) found.add(isTurned && TURNED[kernel] !== undefined ? TURNED[kernel] : kernel);
    at = end;
  }
  return [...found];
}
