// Fair timing on a machine whose speed wanders: contestants take turns, A B C A B C, and what is compared are the turns
// of one round. A ratio of fewer than five rounds is refused.

/** Rounds below which no ratio is given. */
export const LEAST_ROUNDS = 5;

/** One of those who are compared: does its work `steps` times and gives the seconds that took. */
export type Contestant = (steps: number) => Promise<number>;

/** The middle, the least and the most of some numbers. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** How one contestant did. */
export interface Standing {
  /** Milliseconds of a step. */
  readonly time: Spread;
  /** Its time over the first contestant's: above 1, the first is faster. Undefined for too few rounds. */
  readonly ratio: Spread | undefined;
}

export interface RaceOptions {
  readonly rounds: number;
  /** Milliseconds that a turn should take; a step is never cut. */
  readonly turn: number;
}

/** The middle of the sorted numbers, or the mean of the middle two. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { median, least: at(0), most: at(sorted.length - 1) };
}

/** Lets all warm up, then take turns. One standing for each, the first one's ratio being 1. */
export async function race(
  contestants: readonly Contestant[],
  { rounds, turn }: RaceOptions,
): Promise<readonly Standing[]> {
  // Idle threads of the one before stop spinning (those of OpenMP after 10 ms), and the clocks settle.
  const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.min(200, 15 + turn / 4)));
  const steps: number[] = [];
  for (const contestant of contestants) {
    await contestant(1);
    const once = 1000 * (await contestant(1));
    const few = Math.min(1000, Math.max(1, Math.round(turn / 4 / once)));
    const each = few === 1 ? once : (1000 * (await contestant(few))) / few;
    steps.push(Math.min(20_000, Math.max(1, Math.round(turn / each))));
  }
  const times = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      await rest();
      const count = steps[i] as number;
      times[i]?.push((1000 * (await contestant(count))) / count);
    }
  }
  const first = times[0] ?? [];
  return times.map((own) => {
    const ratios = own.map((time, round) => time / (first[round] as number));
    return { time: spreadOf(own), ratio: rounds < LEAST_ROUNDS ? undefined : spreadOf(ratios) };
  });
}
