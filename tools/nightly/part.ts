// What a part of the nightly run is, and the checks it is held to.
import type { ArrayDataset } from 'fovea';

/** A part of the nightly run. */
export interface Part {
  readonly name: string;
  readonly about: string;
  /** Folders of FOVEA_DATA it reads; it is skipped where that is not set. None: it needs no data. */
  readonly data: readonly string[];
  run(options: PartOptions): Promise<Outcome>;
}

/** To try a part out: fewer pictures, fewer epochs. */
export interface PartOptions {
  readonly limit: number | undefined;
  readonly epochs: number | undefined;
  readonly seed: number;
}

export interface Outcome {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly got: number;
  readonly want: string;
  readonly isMet: boolean;
}

/** `got` must be `want`, give or take `tolerance`. */
export function near(name: string, got: number, want: number, tolerance = 0): Check {
  const text = tolerance === 0 ? `${want}` : `${want} ± ${tolerance}`;
  return { name, got, want: text, isMet: Math.abs(got - want) <= tolerance };
}

/** `got` must be at least `least`. */
export function atLeast(name: string, got: number, least: number): Check {
  return { name, got, want: `>= ${least}`, isMet: got >= least };
}

/** `got` must be at most `most`. */
export function atMost(name: string, got: number, most: number): Check {
  return { name, got, want: `<= ${most}`, isMet: got <= most };
}

/** A line for each check. */
export function describeChecks(checks: readonly Check[]): string {
  const show = (value: number): string => (Number.isInteger(value) ? `${value}` : value.toPrecision(4));
  return checks
    .map(({ name, got, want, isMet }) => `${isMet ? 'met   ' : 'MISSED'}  ${name}: ${show(got)}, wanted ${want}`)
    .join('\n');
}

/** The first `limit` pictures, or all. */
export function cut(part: ArrayDataset, limit: number | undefined): ArrayDataset {
  return limit === undefined ? part : part.take(limit);
}
