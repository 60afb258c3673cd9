// A line of the benchmarks: what is run, against whom, and what must come out; and what came out.
import type { Spread } from './race.js';
import type { Work } from './work.js';

/** fovea's ways to run, as ./contestants.ts starts them. */
export type OwnName = 'native' | 'wasm simd128' | 'wasm relaxed';

/** How many times as fast as a peer: as the fastest of those named, or of all. */
export interface RatioGoal {
  readonly atLeast: number;
  readonly against?: readonly string[];
}

/** A race to be run. */
export interface Row {
  readonly suite: string;
  /** What belongs together, for example the shapes of one network. */
  readonly family: string;
  /** Rows whose ratios are averaged, for example one direction; `` where there is one kind. */
  readonly part: string;
  readonly name: string;
  readonly work: Work;
  readonly own: OwnName;
  /** Names in ./contestants.ts. */
  readonly peers: readonly string[];
  readonly goals: readonly RatioGoal[];
  /** How far results may lie apart, as a part of the largest value. */
  readonly tolerance: number;
  /** Milliseconds of a turn. */
  readonly turn: number;
  /** Makes what the contestants read, if it is not there. */
  prepare?(): void;
}

/** One peer of a finished race. */
export interface PeerResult {
  readonly name: string;
  readonly version: string;
  /** The largest difference of the results, as a part of the largest value. */
  readonly difference: number;
  readonly time?: Spread;
  /** Its time over ours. */
  readonly ratio?: Spread;
  /** Why it was not timed. */
  readonly leftOut?: string;
}

/** A finished race. */
export interface RowResult {
  readonly kind: 'row';
  readonly suite: string;
  readonly family: string;
  readonly part: string;
  readonly name: string;
  readonly own: string;
  /** Milliseconds of a step; undefined where we failed. */
  readonly time?: Spread;
  readonly failure?: string;
  readonly flops: number;
  readonly bytes: number;
  readonly dtype: 'float32' | 'bfloat16';
  readonly goals: readonly RatioGoal[];
  readonly peers: readonly PeerResult[];
}

/** A single number with its bounds. */
export interface Figure {
  readonly kind: 'figure';
  readonly suite: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** What it is made of, or what others need. */
  readonly note?: string;
}

export type Result = RowResult | Figure;

/** The timed peer with the least median time, of those named. */
export function fastestPeer({ peers }: RowResult, among?: readonly string[]): PeerResult | undefined {
  const timed = peers.filter(({ name, time }) => time !== undefined && (among === undefined || among.includes(name)));
  return timed.toSorted((a, b) => (a.time?.median ?? 0) - (b.time?.median ?? 0))[0];
}

/** Whether a goal is met; undefined where nobody was there to compare with. */
export function isMet(row: RowResult, { atLeast, against }: RatioGoal): boolean | undefined {
  if (row.failure !== undefined) return false;
  const ratio = fastestPeer(row, against)?.ratio;
  return ratio === undefined ? undefined : ratio.median >= atLeast;
}

/** Whether a figure keeps its bounds. */
export function isWithin({ value, atMost = Infinity, atLeast = -Infinity }: Figure): boolean {
  return value >= atLeast && value <= atMost;
}

/** The geometric mean, NaN of nothing. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
