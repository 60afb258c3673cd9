// How many threads an engine uses, and why.
import { FoveaError } from '../core/errors.js';
import type { EngineOptions } from './engine.js';
import { environment, isNode, nodeModule } from './node.js';

export interface ThreadChoice {
  /** For which work is cut. */
  threads: number;
  /** That are started: on one core two would only wait for each other. */
  started: number;
  reason: string;
}

/** More than this the pool has no room for. */
const MOST = 256;

/** The options, else `FOVEA_THREADS`, else the machine's cores; refuses what is not 1..256. */
export async function chooseThreads({ threads, poison }: EngineOptions): Promise<ThreadChoice> {
  const cores = await countCores();
  const startAtMost = (asked: number) => ({ threads: asked, started: poison ? asked : Math.min(asked, cores) });
  if (threads !== undefined) {
    return { ...startAtMost(checkThreads(threads, 'threads', threads)), reason: 'the option threads' };
  }
  const variable = environment('FOVEA_THREADS');
  if (variable !== undefined) {
    const asked = checkThreads(Number(variable), 'FOVEA_THREADS', variable);
    return { ...startAtMost(asked), reason: 'FOVEA_THREADS' };
  }
  return { ...startAtMost(Math.min(cores, MOST)), reason: `${cores} ${cores === 1 ? 'core' : 'cores'}` };
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
