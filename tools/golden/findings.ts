// What comparing one case with its golden values finds: every comparison by its name, those that fail with the
// largest deviation and where it is.
import { allowance, type TOLERANCES } from './tolerances.js';

/** A comparison that failed. */
export interface Finding {
  readonly what: string;
  /** The deviation in units of what is allowed; infinite where it is no number. */
  readonly ratio: number;
  readonly text: string;
}

export class Findings {
  readonly failed: Finding[] = [];
  /** The largest deviation of all comparisons, in units of what is allowed. */
  worst = 0;
  /** How many comparisons there were. */
  count = 0;

  /** Compares numbers; `shape` tells where in an array a deviation is. NaN equals NaN. */
  close(
    what: string,
    got: ArrayLike<number>,
    want: ArrayLike<number>,
    kind: keyof typeof TOLERANCES,
    shape: readonly number[] = [want.length],
  ): void {
    let largest = 0;
    for (let i = 0; i < want.length; i++) {
      const value = Math.abs(want[i] as number);
      if (Number.isFinite(value)) largest = Math.max(largest, value);
    }
    this.within(what, got, want, allowance(kind, largest), shape);
  }

  /** Compares numbers that may differ by `allowed`. */
  within(
    what: string,
    got: ArrayLike<number>,
    want: ArrayLike<number>,
    allowed: number,
    shape: readonly number[] = [want.length],
  ): void {
    this.count++;
    if (got.length !== want.length) {
      this.fail(what, Infinity, `${got.length} values for ${want.length}`);
      return;
    }
    let worst = 0;
    let at = -1;
    for (let i = 0; i < want.length; i++) {
      const [mine, theirs] = [got[i] as number, want[i] as number];
      const isSame = Object.is(mine, theirs) || mine === theirs;
      const difference = isSame ? 0 : Math.abs(mine - theirs);
      // A NaN on one side is infinitely far.
      const deviation = Number.isNaN(difference) ? Infinity : difference;
      if (deviation > worst) [worst, at] = [deviation, i];
    }
    if (worst === 0) return;
    const ratio = worst / allowed;
    this.worst = Math.max(this.worst, ratio);
    if (worst <= allowed) return;
    const place = shape.length === 0 ? '' : ` at ${placeOf(at, shape)}`;
    const values = `got ${show(got[at] as number)}, want ${show(want[at] as number)}`;
    this.fail(what, ratio, `off by ${worst.toExponential(2)}${place} (${values}; allowed ${allowed.toExponential(1)})`);
  }

  /** Compares plain data. */
  same(what: string, got: unknown, want: unknown): void {
    this.count++;
    const [mine, theirs] = [stable(got), stable(want)];
    if (mine !== theirs) this.fail(what, Infinity, `is ${cut(mine)}, want ${cut(theirs)}`);
  }

  /** Notes that something is as it must not be. */
  fail(what: string, ratio: number, text: string): void {
    this.worst = Math.max(this.worst, ratio);
    this.failed.push({ what, ratio, text });
  }

  /** One line about what failed, the largest deviation first; undefined where nothing did. */
  get line(): string | undefined {
    const [first, ...others] = this.failed.slice().sort((a, b) => b.ratio - a.ratio);
    if (first === undefined) return undefined;
    const more = others.length === 0 ? '' : `; also ${others.map(({ what }) => what).join(', ')}`;
    return cut(`${first.what}: ${first.text}${more}`, 600);
  }
}

function placeOf(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let left = index;
  for (const dim of shape.slice().reverse()) {
    place.unshift(left % dim);
    left = Math.floor(left / dim);
  }
  return `[${place.join(',')}]`;
}

function show(value: number): string {
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(9)).toString();
}

/** JSON with the keys of objects in order. */
function stable(value: unknown): string {
  const ordered = (_key: string, each: unknown): unknown =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each;
  return JSON.stringify(value, ordered) ?? String(value);
}

function cut(text: string, length = 300): string {
  const line = text.replace(/\s*\n\s*/g, ' ');
  return line.length > length ? `${line.slice(0, length - 3)}...` : line;
}
