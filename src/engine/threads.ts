// How many threads an engine uses, and why.
import { FoveaError } from '../core/errors.js';
import { environment, isNode, nodeModule } from './node.js';

export interface ThreadChoice {
  threads: number;
  reason: string;
}

/** More than this the pool has no room for. */
const MOST = 256;

/** The option, else `FOVEA_THREADS`, else the machine's cores; refuses what is not 1..256. */
export async function chooseThreads(option: number | undefined): Promise<ThreadChoice> {
  if (option !== undefined) return { threads: checkThreads(option, 'threads', option), reason: 'the option threads' };
  const variable = environment('FOVEA_THREADS');
  if (variable !== undefined)
    return { threads: checkThreads(Number(variable), 'FOVEA_THREADS', variable), reason: 'FOVEA_THREADS' };
  const cores = await countCores();
  return { threads: Math.min(cores, MOST), reason: `${cores} ${cores === 1 ? 'core' : 'cores'}` };
}

function checkThreads(threads: number, name: string, got: unknown): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST) return threads;
  throw new FoveaError({
    code: 'argument',
    message: `${name} must be a whole number from 1 to ${MOST}, not ${got}.`,
    got,
  });
}

async function countCores(): Promise<number> {
  if (!isNode) return Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1);
  const { availableParallelism } = await nodeModule<typeof import('node:os')>('node:os');
  return Math.max(1, Math.min(availableParallelism(), await readQuota()));
}

/** The share of cores that Linux's control group (a container) allows; without one, Infinity. */
async function readQuota(): Promise<number> {
  const { readFileSync } = await nodeModule<typeof import('node:fs')>('node:fs');
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ');
    const cores = Math.ceil(Number(quota) / Number(period));
    return cores >= 1 ? cores : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
