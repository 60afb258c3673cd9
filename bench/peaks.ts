// The machine's own limits, by ./peaks.cc where there is a C++ compiler: what 100% means in the tables.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';

/** Limits of some threads: GFLOP/s by vector width, GB/s of memory (read, copied) and of the cache. */
export interface Peaks {
  readonly threads: number;
  readonly fp32x4?: number;
  readonly fp32x8?: number;
  readonly fp32x16?: number;
  readonly bf16x32?: number;
  readonly read: number;
  readonly copy: number;
  readonly cache: number;
}

/** Measures for each number of threads; undefined where nothing can be compiled. */
export function measurePeaks(threads: readonly number[]): Peaks[] | undefined {
  // Of its own, should two run at once.
  const program = `build/bench/peaks-${process.pid}`;
  mkdirSync('build/bench', { recursive: true });
  // -std would turn the contraction of a multiplication and an addition off.
  const options = ['-O3', '-ffp-contract=fast', '-pthread', '-Wno-psabi', 'bench/peaks.cc', '-o', program];
  const isCompiled = [['-march=native'], ['-mcpu=native'], []].some((tuning) => {
    try {
      execFileSync(process.env.CXX ?? 'c++', ['-std=c++17', ...tuning, ...options], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  if (!isCompiled) return undefined;
  try {
    return JSON.parse(execFileSync(program, threads.map(String), { encoding: 'utf8' })) as Peaks[];
  } finally {
    rmSync(program);
  }
}

/** The peak of these numbers in GFLOP/s: of the widest vectors, or of 128 bits for WebAssembly. */
export function peakOf(peaks: Peaks, dtype: 'float32' | 'bfloat16', isWasm: boolean): number | undefined {
  if (isWasm) return peaks.fp32x4;
  const widest = peaks.fp32x16 ?? peaks.fp32x8 ?? peaks.fp32x4;
  return dtype === 'bfloat16' ? (peaks.bf16x32 ?? widest) : widest;
}
