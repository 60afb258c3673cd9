// Data workers, started when first needed and kept from pass to pass. Who runs a stream borrows as many as it may use;
// those that nobody borrowed for a while end, and none keeps a process alive.
import { isNode } from '../../core/node-files.js';
import type { Task, TaskResult } from './messages.js';
import { runTask } from './task.js';
import { DataWorker } from './thread.js';

/** How long a worker waits for the next borrower. */
const IDLE_MS = 10_000;
/** Tasks a worker may hold: one to do and one to go on with. */
export const TASKS_PER_WORKER = 2;

const idle: DataWorker[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Who does tasks: workers, or this thread. */
export interface Crew {
  /** Tasks worth having under way at a time. */
  readonly capacity: number;
  run(task: Task): Promise<TaskResult>;
  /** Gives the workers back; tasks under way are finished by them and forgotten. */
  release(): void;
}

/** The number of workers where none is asked for: one per core but for four at most. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(4, globalThis.navigator?.hardwareConcurrency ?? 2));
}

/** Borrows workers; with 0, or where there are none, this thread does the work. */
export async function hire(workers: number): Promise<Crew> {
  const crew: DataWorker[] = [];
  try {
    while (crew.length < workers) crew.push(takeIdle() ?? (await DataWorker.start()));
  } catch (error) {
    // A page may forbid workers; Node does not.
    if (isNode()) throw error;
  }
  if (crew.length === 0) return { capacity: 1, run: runTask, release: () => {} };
  return {
    capacity: crew.length * TASKS_PER_WORKER,
    run: (task) => {
      const [first, ...rest] = crew as [DataWorker, ...DataWorker[]];
      return rest.reduce((least, each) => (each.load < least.load ? each : least), first).run(task);
    },
    release: () => {
      idle.push(...crew.splice(0));
      endIdleLater();
    },
  };
}

function takeIdle(): DataWorker | undefined {
  // The ones with nothing left to do first.
  idle.sort((a, b) => b.load - a.load);
  for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) if (worker.isAlive) return worker;
  return undefined;
}

function endIdleLater(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void endDataWorkers(), IDLE_MS);
  if (typeof timer === 'object') timer.unref();
}

/** Ends the data workers that no stream is using. They end by themselves when nothing needed them for ten seconds. */
export async function endDataWorkers(): Promise<void> {
  clearTimeout(timer);
  await Promise.all(idle.splice(0).map((worker) => worker.terminate()));
}
