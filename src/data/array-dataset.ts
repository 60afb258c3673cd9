// Examples that lie in memory: x and y with one row per example, sliced without copying.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { concatRows, gatherRows, type HostArray, rowCount, sliceRows } from './host-array.js';
import { parseSplit, resolveTerm } from './split.js';

/** What an `ArrayDataset` is made of. */
export interface ArrayDatasetFields {
  readonly x: HostArray;
  readonly y: HostArray;
  readonly name: string;
  readonly classNames?: readonly string[] | undefined;
  /** Where the examples came from: a folder, an address, or how they were generated. */
  readonly source?: string | undefined;
  /** What a reader of results should know, such as that only part of the data was there. */
  readonly note?: string | undefined;
}

/**
 * Pictures `x` `[n, ...]` and labels `y` `[n, ...]` with a name and, where known, the classes' names.
 * Throws `shape` where x and y differ in rows.
 */
export class ArrayDataset implements ArrayDatasetFields {
  readonly x: HostArray;
  readonly y: HostArray;
  readonly name: string;
  readonly classNames: readonly string[] | undefined;
  readonly source: string | undefined;
  readonly note: string | undefined;

  constructor(fields: ArrayDatasetFields) {
    if (rowCount(fields.x) !== rowCount(fields.y)) {
      throw new FoveaError({
        code: 'shape',
        op: 'ArrayDataset',
        message: `x has ${rowCount(fields.x)} rows but y has ${rowCount(fields.y)}.`,
        lines: [`x=${formatShape(fields.x.shape)} y=${formatShape(fields.y.shape)}`],
        got: rowCount(fields.y),
        want: rowCount(fields.x),
        hint: 'Give one label for each example.',
      });
    }
    this.x = fields.x;
    this.y = fields.y;
    this.name = fields.name;
    this.classNames = fields.classNames;
    this.source = fields.source;
    this.note = fields.note;
  }

  /** The number of examples. */
  get length(): number {
    return rowCount(this.x);
  }

  /** Examples `start` to `end` (exclusive); negative places count from the end. Shares memory. */
  slice(start = 0, end = this.length): ArrayDataset {
    const place = (at: number): number => Math.max(0, Math.min(this.length, at < 0 ? this.length + at : at));
    const from = place(start);
    const to = Math.max(from, place(end));
    return new ArrayDataset({ ...this, x: sliceRows(this.x, from, to), y: sliceRows(this.y, from, to) });
  }

  /** The first `count` examples, or all where there are fewer. Shares memory. */
  take(count: number): ArrayDataset {
    return this.slice(0, wholeCount(count, 'take'));
  }

  /** All but the first `count` examples. Shares memory. */
  skip(count: number): ArrayDataset {
    return this.slice(Math.min(this.length, wholeCount(count, 'skip')));
  }

  /** Copies the examples at `indices`, in that order. */
  gather(indices: ArrayLike<number>): ArrayDataset {
    return new ArrayDataset({ ...this, x: gatherRows(this.x, indices), y: gatherRows(this.y, indices) });
  }

  /** The same examples with other inputs, for instance standardised ones. */
  withX(x: HostArray): ArrayDataset {
    return new ArrayDataset({ ...this, x });
  }

  /** The same examples with other labels, for instance one-hot ones. */
  withY(y: HostArray): ArrayDataset {
    return new ArrayDataset({ ...this, y });
  }
}

function wholeCount(count: number, op: string): number {
  if (Number.isInteger(count) && count >= 0) return count;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `${count} is no number of examples.`,
    got: count,
    hint: 'Give a whole number from 0.',
  });
}

/** Joins datasets behind each other, copying; the name and class names are the first one's. */
export function concatDatasets(parts: readonly ArrayDataset[]): ArrayDataset {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const x = concatRows(parts.map((part) => part.x));
  return new ArrayDataset({ ...(first as ArrayDataset), x, y: concatRows(parts.map((part) => part.y)) });
}

/**
 * The examples a split expression such as `'train[:10%]'`, `'test[100:200]'` or `'train+test'` names among `parts`.
 * A single slice shares memory, a sum copies. Throws `argument` for what cannot be read.
 */
export function selectSplit(parts: Readonly<Record<string, ArrayDataset>>, expression: string): ArrayDataset {
  const terms = parseSplit(expression, Object.keys(parts));
  return concatDatasets(
    terms.map((term) => {
      const whole = parts[term.name] as ArrayDataset;
      const { start, end } = resolveTerm(term, whole.length);
      return whole.slice(start, end);
    }),
  );
}
