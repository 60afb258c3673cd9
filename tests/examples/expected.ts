// How the expectations on an example's output are written and looked for.

/** What an example must print and draw. */
export interface Expected {
  /** Blocks of whole lines, or patterns of one line, in the order in which they must come; spaces count as one. */
  readonly prints: readonly (string | RegExp)[];
  /** Names of PNG files. */
  readonly draws?: readonly string[];
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
