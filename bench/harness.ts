// What the benchmarks share: medians of repeated runs, and a line per figure with its target.

/** The median time of a call, in microseconds, after `warm` calls that are not counted. */
export async function medianMicroseconds(body: () => unknown, { runs = 200, warm = 50 } = {}): Promise<number> {
  for (let i = 0; i < warm; i++) await body();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    await body();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return 1000 * (times[times.length >> 1] as number);
}

let misses = 0;

/** Prints a figure; one that is above its target counts as missed. */
export function report(what: string, value: number, unit: string, most?: number): void {
  const isMissed = most !== undefined && !(value <= most);
  if (isMissed) misses++;
  const target = most === undefined ? '' : `  (target: at most ${most} ${unit}${isMissed ? ', MISSED' : ''})`;
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
  console.log(`${what.padEnd(60)} ${value.toFixed(digits).padStart(10)} ${unit}${target}`);
}

export function heading(text: string): void {
  console.log(`\n${text}`);
}

/** Whether any figure missed its target so far. */
export function hasMissed(): boolean {
  return misses > 0;
}
