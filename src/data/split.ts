// Split expressions as TFDS and Keras users write them: 'train[:10%]', 'test[100:200]', 'train[90%:]+test'.
import { FoveaError } from '../core/errors.js';

/** Rows `start` to `end` (exclusive) of a named part. */
export interface SplitPart {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

interface Bound {
  readonly value: number;
  readonly isPercent: boolean;
}

/** A parsed part whose bounds still depend on the part's length. */
export interface SplitTerm {
  readonly name: string;
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
}

const TERM = /^\s*([A-Za-z_][\w-]*)\s*(?:\[\s*(-?\d+(?:\.\d+)?%?)?\s*:\s*(-?\d+(?:\.\d+)?%?)?\s*\])?\s*$/;

/** Parses an expression; throws `argument` with the part that cannot be read. */
export function parseSplit(expression: string, names: readonly string[]): SplitTerm[] {
  return expression.split('+').map((text) => {
    const match = TERM.exec(text);
    if (match === null) {
      throw new FoveaError({
        code: 'argument',
        op: 'split',
        message: `'${text.trim()}' in '${expression}' is no split.`,
        got: expression,
        hint: `Write a name with an optional slice, such as '${names[0] ?? 'train'}[:10%]' or '${names[0] ?? 'train'}[100:200]', joined by +.`,
      });
    }
    const name = match[1] as string;
    if (!names.includes(name)) {
      throw new FoveaError({
        code: 'argument',
        op: 'split',
        message: `there is no split '${name}'.`,
        got: name,
        want: names,
        hint: `Use ${names.map((each) => `'${each}'`).join(' or ')}.`,
      });
    }
    return { name, from: parseBound(match[2], expression), to: parseBound(match[3], expression) };
  });
}

function parseBound(text: string | undefined, expression: string): Bound | undefined {
  if (text === undefined) return undefined;
  const isPercent = text.endsWith('%');
  const value = Number.parseFloat(text);
  if (isPercent ? Math.abs(value) > 100 : !Number.isInteger(value)) {
    throw new FoveaError({
      code: 'argument',
      op: 'split',
      message: isPercent
        ? `${text} in '${expression}' is over 100%.`
        : `${text} in '${expression}' is no whole number.`,
      got: text,
      hint: isPercent ? 'Give a percentage from -100% to 100%.' : 'Give whole numbers of examples, or percentages.',
    });
  }
  return { value, isPercent };
}

/** The rows a parsed part stands for among `length`; bounds beyond the ends are clipped, as in Python's slices. */
export function resolveTerm(term: SplitTerm, length: number): SplitPart {
  const place = (bound: Bound | undefined, missing: number): number => {
    if (bound === undefined) return missing;
    // Rounded to the closest row, so that [:10%] and [10%:] meet without gap or overlap.
    const row = bound.isPercent ? Math.round((bound.value * length) / 100) : bound.value;
    return Math.max(0, Math.min(length, bound.value < 0 ? length + row : row));
  };
  const start = place(term.from, 0);
  return { name: term.name, start, end: Math.max(start, place(term.to, length)) };
}
