// Fair timing on a machine whose speed wanders: two contestants take turns, A B A B, and what is compared is each
// pair of neighbouring turns. A ratio of fewer than five pairs is refused.
import { cpus, loadavg } from 'node:os';

/** Turns of each contestant below which no ratio is given. */
export const LEAST_ROUNDS = 5;
/** Between turns: the other's idle threads stop spinning, and the clocks settle. */
const PAUSE_MS = 300;

/** One of two who are compared: does its work `steps` times and gives the seconds that took. */
export type Contestant = (steps: number) => Promise<number>;

/** The middle, the least and the most of some numbers. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Comparison {
  /** Milliseconds of a step. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Their time over ours: above 1, we are faster. Undefined for fewer than five pairs. */
  readonly ratio: Spread | undefined;
}

/** The middle of the sorted numbers, or the mean of the middle two. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { median, least: at(0), most: at(sorted.length - 1) };
}

/** Lets both warm up, then take turns. */
export async function alternate(
  ours: Contestant,
  theirs: Contestant,
  { rounds, steps }: { rounds: number; steps: number },
): Promise<Comparison> {
  for (const each of [ours, theirs]) await each(steps);
  const [mine, other]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    mine.push(((await rested(ours, steps)) * 1000) / steps);
    other.push(((await rested(theirs, steps)) * 1000) / steps);
  }
  const ratios = mine.map((time, i) => (other[i] as number) / time);
  const ratio = rounds < LEAST_ROUNDS ? undefined : spreadOf(ratios);
  return { ours: spreadOf(mine), theirs: spreadOf(other), ratio };
}

async function rested(contestant: Contestant, steps: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return contestant(steps);
}

/** `12.3 (11.9-13.1)`. */
export function formatSpread({ median, least, most }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`;
}

/** A line for a comparison, or why it has no ratio. */
export function formatComparison(what: string, peer: string, { ours, theirs, ratio }: Comparison): string {
  const times = `fovea ${formatSpread(ours, 2)} ms, ${peer} ${formatSpread(theirs, 2)} ms`;
  const refusal = `no ratio: fewer than ${LEAST_ROUNDS} turns`;
  return `${what.padEnd(14)} ${times}, ${ratio === undefined ? refusal : `ratio ${formatSpread(ratio, 2)}`}`;
}

/** The machine in a line, and whether other work would spoil the figures. */
export function describeMachine(): string {
  const [load = 0] = loadavg();
  const about = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, node ${process.version}`;
  return load > 0.5 ? `${about}\nThe machine is busy (load ${load.toFixed(1)}): do not quote these figures.` : about;
}
