// The thread in which files are read: one mutation after the other, each told of before it begins, so that the watcher knows
// which one does not end. Allocations are counted where typed arrays are made.
import { parentPort, workerData } from 'node:worker_threads';
import { FoveaError } from '../../src/index.js';
import { Dice, mutate, seedOf } from './mutate.js';
import { makeTargets, type Sample, type Target } from './targets.js';

/** What the watcher asks for. */
export interface Order {
  readonly reader: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** The number of the mutation that is being read, and whether the targets are made. */
  readonly progress: SharedArrayBuffer;
}

/** A reader that did not do what it must. */
export interface Finding {
  readonly reader: string;
  readonly seed: number;
  readonly index: number;
  readonly what: string;
}

/** What comes back. */
export interface Report {
  readonly findings: readonly Finding[];
  readonly models: number;
  readonly refusals: number;
}

/** Bytes of typed arrays that one mutation may make. */
const MOST_BYTES = 2 ** 30;
let allocated = 0;

class TooMuch extends Error {}

/** Counts what typed arrays take, and stops at the limit before memory is asked for. */
export function countAllocations(): void {
  const names = [
    'Float32Array',
    'Float64Array',
    'Uint8Array',
    'Uint8ClampedArray',
    'Int8Array',
    'Uint16Array',
    'Int16Array',
    'Int32Array',
    'Uint32Array',
    'BigInt64Array',
    'BigUint64Array',
    'ArrayBuffer',
  ] as const;
  for (const name of names) {
    const original = globalThis[name] as unknown as { new (...args: never[]): object; BYTES_PER_ELEMENT?: number };
    const counting: typeof original = new Proxy(original, {
      construct(target, args: unknown[], newTarget): object {
        const [length] = args;
        if (typeof length === 'number') {
          allocated += length * (target.BYTES_PER_ELEMENT ?? 1);
          if (allocated > MOST_BYTES) throw new TooMuch(`${name} of ${length}: more than 1 GiB in all`);
        }
        return Reflect.construct(target, args as never[], newTarget === counting ? target : newTarget) as object;
      },
    });
    Object.defineProperty(globalThis, name, { value: counting, writable: true, configurable: true });
  }
}

/** The damaged parts of one mutation. */
export function damaged(
  target: Target,
  all: readonly Uint8Array[],
  seed: number,
  index: number,
): { sample: Sample; parts: Uint8Array[] } {
  const dice = new Dice(seedOf(target.name, seed, index));
  const sample = dice.pick(target.samples);
  const chosen = dice.below(sample.parts.length);
  const parts = sample.parts.map(({ kind, bytes }, i) =>
    i === chosen || dice.next() < 0.1 ? mutate(bytes, kind, dice, all) : bytes.slice(),
  );
  return { sample, parts };
}

async function attack({ reader, seed, from, to, progress }: Order): Promise<Report> {
  const told = new Int32Array(progress);
  const targets = await makeTargets();
  const all = targets.flatMap(({ samples }) => samples.flatMap(({ parts }) => parts.map(({ bytes }) => bytes)));
  const target = targets.find(({ name }) => name === reader) as Target;
  // Undamaged, all are read: else nothing is tested.
  for (const sample of target.samples) await sample.read(sample.parts.map(({ bytes }) => bytes.slice()));
  countAllocations();
  const findings: Finding[] = [];
  let [done, refusals] = [0, 0];
  for (let index = from; index < to; index++) {
    allocated = 0;
    const { sample, parts } = damaged(target, all, seed, index);
    allocated = 0;
    Atomics.store(told, 1, 1);
    Atomics.store(told, 0, index);
    try {
      await sample.read(parts);
      done++;
    } catch (error) {
      if (error instanceof FoveaError && error.code !== 'internal') refusals++;
      else
        findings.push({
          reader,
          seed,
          index,
          what: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
    }
    // The reader may have taken the refusal for its own.
    if (allocated > MOST_BYTES && findings.at(-1)?.index !== index)
      findings.push({ reader, seed, index, what: `it asks for ${allocated} bytes` });
    if (findings.length >= 50) break;
  }
  Atomics.store(told, 1, 2);
  return { findings, models: done, refusals };
}

/** What the thread does when it starts. */
export async function runThread(): Promise<void> {
  parentPort?.postMessage(await attack(workerData as Order));
}
