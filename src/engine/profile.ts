// Where the time of a Program goes: every kernel call timed by the engine that runs it, over some runs.
import { formatTable, formatType } from '../compile/explain.js';
import type { Instruction } from '../compile/program.js';
import { bytesPerElement, type Dtype } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import { toTensor } from '../graph/define.js';
import type { Node } from '../graph/node.js';
import { currentRuntime } from '../graph/runtime.js';
import { Storage } from '../graph/storage.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { compileTrace } from './compile.js';
import { currentEngine } from './current.js';
import type { EngineBuffer } from './engine.js';
import { bring, type Executable, upload } from './execute.js';
import type { Precision } from './precision.js';

/** One kernel call. */
export interface ProfiledCall {
  readonly kernel: string;
  /** The ops it computes. */
  readonly label: string;
  /** What it reads and makes, such as `[4,3] -> [4,3]`. */
  readonly shapes: string;
  /** The median of the runs. */
  readonly milliseconds: number;
  /** Of the whole Program's time, 0..1. */
  readonly share: number;
  /** Floating-point operations as the definition counts them: Winograd does fewer, and so may exceed the machine. */
  readonly gflopsPerSecond: number;
  /** Of operands and results, each counted once. */
  readonly gigabytesPerSecond: number;
}

/** What `profile` measured. */
export interface Profile {
  /** The median time of a run, in milliseconds. */
  readonly milliseconds: number;
  readonly calls: readonly ProfiledCall[];
  /** A table by kernel, and one of the calls that took longest. */
  toString(): string;
}

/** Calls in the second table. */
const SHOWN = 25;

/**
 * Times what a function of tensors compiles to, kernel call by kernel call, on the engine in use: `runs` times after two
 * that are not counted. Variables it assigns keep their values. Print it for a table.
 *
 * @example
 * const timed = await fovea.profile((x) => [fovea.softmax(x)], [fovea.ones([400, 300])]);
 * console.log(timed.calls[0]?.kernel); // softmax
 */
export async function profile(
  fn: (...args: Tensor[]) => readonly Tensor[],
  given: readonly TensorLike[] = [],
  { runs = 9, precision }: { runs?: number; precision?: Precision | undefined } = {},
): Promise<Profile> {
  const engine = await currentEngine();
  const args = given.map((each) => toTensor(each));
  await currentRuntime().realize(args);
  const { executable, arguments: leaves, variables, assigned } = compileTrace(engine, fn, args, precision);
  const storages = new Map<Node, Storage>();
  try {
    for (const [at, leaf] of leaves.entries()) {
      const arg = args[at] as Tensor;
      // Numbers known at compile time have no storage of their own.
      const storage = arg.storage ?? new Storage(arg.dtype, arg.size, { host: await arg.elements() });
      storages.set(leaf, await bring(engine, storage));
    }
    for (const [leaf, variable] of variables) storages.set(leaf, await bring(engine, await variable.readable()));
    const isAssigned = new Set(assigned);
    const isWritten = (leaf: Node): boolean => isAssigned.has(variables.get(leaf) as never);
    return await measure(executable, (node, output) => storages.get(node) ?? (node.storage?.[output] as Storage), {
      isWritten,
      runs,
    });
  } finally {
    executable.dispose();
  }
}

/** Times an Executable over copies of what it writes; `storageOf` tells what stands behind a leaf. */
async function measure(
  executable: Executable,
  storageOf: (leaf: Node, output: number) => Storage,
  { isWritten, runs }: { isWritten(leaf: Node): boolean; runs: number },
): Promise<Profile> {
  const { engine, program } = executable;
  const own: EngineBuffer[] = [];
  const make = (bytes: number): EngineBuffer => {
    const buffer = engine.allocate(Math.max(1, bytes));
    own.push(buffer);
    return buffer;
  };
  try {
    const sources: Storage[] = [];
    const buffers: EngineBuffer[] = [];
    for (const [at, binding] of program.bindings.entries()) {
      if (binding.kind === 'prepared') buffers.push(executable.preparedBuffer());
      else if (binding.kind === 'output') buffers.push(make(bytesOf(binding.type)));
      else {
        const storage = storageOf(binding.node, binding.output);
        sources[at] = storage;
        const buffer = upload(engine, storage);
        buffers.push(isWritten(binding.node) ? make(buffer.byteLength) : buffer);
        if (isWritten(binding.node))
          engine.write(buffers[at] as EngineBuffer, new Uint8Array(await engine.read(buffer)));
      }
    }
    const times = make(8 * (program.instructions.length + 1));
    const measured: Float64Array[] = [];
    for (let run = -2; run < runs; run++) {
      await executable.runOver(buffers, (binding) => sources[binding] as Storage, times);
      const stamps = new Float64Array(await engine.read(times));
      if (run >= 0) measured.push(stamps);
    }
    return report(program.instructions, measured);
  } finally {
    for (const buffer of own) engine.free(buffer);
  }
}

function bytesOf({ shape, dtype }: { shape: readonly number[]; dtype: Dtype }): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

function report(instructions: readonly Instruction[], runs: readonly Float64Array[]): Profile {
  const milliseconds = median(runs.map((stamps) => (stamps.at(-1) as number) - (stamps[0] as number)));
  const taken = instructions.map((_, i) =>
    median(runs.map((stamps) => (stamps[i + 1] as number) - (stamps[i] as number))),
  );
  const total = taken.reduce((sum, each) => sum + each, 0);
  const calls = instructions.map((instruction, i): ProfiledCall => {
    const { kernel, label, inputs, outputs, flops, bytes } = instruction;
    const ms = taken[i] as number;
    return {
      kernel,
      label,
      shapes: `${inputs.map(formatType).join(' ') || '-'} -> ${outputs.map(formatType).join(' ')}`,
      milliseconds: ms,
      share: total === 0 ? 0 : ms / total,
      gflopsPerSecond: ms === 0 ? 0 : flops / ms / 1e6,
      gigabytesPerSecond: ms === 0 ? 0 : bytes / ms / 1e6,
    };
  });
  return { milliseconds, calls, toString: () => tables(milliseconds, calls) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function tables(milliseconds: number, calls: readonly ProfiledCall[]): string {
  const byKernel = new Map<string, { count: number; ms: number; share: number; work: number; bytes: number }>();
  for (const { kernel, milliseconds: ms, share, gflopsPerSecond, gigabytesPerSecond } of calls) {
    const sum = byKernel.get(kernel) ?? { count: 0, ms: 0, share: 0, work: 0, bytes: 0 };
    sum.count++;
    sum.ms += ms;
    sum.share += share;
    sum.work += gflopsPerSecond * ms;
    sum.bytes += gigabytesPerSecond * ms;
    byKernel.set(kernel, sum);
  }
  const kernels = [...byKernel].sort(([, a], [, b]) => b.ms - a.ms);
  const slowest = [...calls].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, SHOWN);
  const right = new Set(['ms', 'share', 'calls', 'GFLOP/s', 'GB/s']);
  const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
  return [
    `${milliseconds.toFixed(3)} ms, ${calls.length} kernel calls`,
    '',
    ...formatTable(
      [
        ['ms', 'share', 'calls', 'GFLOP/s', 'GB/s', 'kernel'],
        ...kernels.map(([kernel, { count, ms, share, work, bytes }]) => [
          ms.toFixed(3),
          percent(share),
          String(count),
          (work / ms || 0).toFixed(0),
          (bytes / ms || 0).toFixed(1),
          kernel,
        ]),
      ],
      right,
    ),
    '',
    ...formatTable(
      [
        ['ms', 'share', 'GFLOP/s', 'GB/s', 'kernel', 'op', 'shapes'],
        ...slowest.map((call) => [
          call.milliseconds.toFixed(3),
          percent(call.share),
          call.gflopsPerSecond.toFixed(0),
          call.gigabytesPerSecond.toFixed(1),
          call.kernel,
          call.label,
          call.shapes,
        ]),
      ],
      right,
    ),
  ].join('\n');
}
