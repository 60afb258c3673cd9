// How the expectations on an example's output are written and looked for.

/** What an example must print and draw. */
export interface Expected {
  /** Blocks of whole lines, or patterns of one line, in the order in which they must come; spaces count as one. */
  readonly prints: readonly (string | RegExp)[];
  /** Names of PNG files. */
  readonly draws?: readonly string[];
  /** The program reads the data folder: without FOVEA_DATA it is skipped. */
  readonly needsData?: true;
  /** Numbers that must lie in a range. */
  readonly scores?: readonly Score[];
}

/** A printed number and the range that must hold it, both ends included. */
export interface Score {
  /** The line; its first group is the number. */
  readonly line: RegExp;
  /** In the quick tests, where programs run short. */
  readonly short?: Range;
  /** In the nightly tests. */
  readonly full?: Range;
  /** Only where FOVEA_DATA is set. */
  readonly needsData?: true;
}

export type Range = readonly [low: number, high: number];

/** What is wrong with the first score that is missing or out of its range, or undefined. */
export function wrongScore(
  printed: readonly string[],
  scores: readonly Score[],
  { isFull, hasData }: { isFull: boolean; hasData: boolean },
): string | undefined {
  for (const { line, short, full, needsData } of scores) {
    const range = isFull ? full : short;
    if (range === undefined || (needsData && !hasData)) continue;
    const found = printed.map((each) => line.exec(normal(each))?.[1]).find((group) => group !== undefined);
    if (found === undefined) return `${line} is not printed`;
    const value = Number(found.replaceAll(',', ''));
    // Written so that NaN is wrong.
    if (!(value >= range[0] && value <= range[1])) return `${line} is ${found}, not ${range[0]} to ${range[1]}`;
  }
  return undefined;
}

/** The first of `wanted` that does not follow in its order, or undefined where all do. */
export function missingPart(printed: readonly string[], wanted: readonly (string | RegExp)[]): string | undefined {
  const lines = printed.map(normal);
  let from = 0;
  for (const part of wanted) {
    const block = typeof part === 'string' ? part.trim().split('\n').map(normal) : [part];
    const matches = (at: number): boolean =>
      block.every((want, i) => {
        const line = lines[at + i];
        if (line === undefined) return false;
        return typeof want === 'string' ? want === line : want.test(line);
      });
    let at = from;
    while (at < lines.length && !matches(at)) at++;
    if (at >= lines.length) return String(part);
    from = at + block.length;
  }
  return undefined;
}

function normal(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}
