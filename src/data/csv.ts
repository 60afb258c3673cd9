// Tables of pictures: a CSV file with a column of paths or addresses and one of labels, or four of boxes.
import { FoveaError } from '../core/errors.js';
import { isNode, nodeModule, readFileBytes } from '../core/node-files.js';
import type { HostArray } from './host-array.js';
import {
  checkPictureOptions,
  choosePart,
  type LabelMode,
  type Listed,
  makePictureList,
  type PictureList,
  type PictureListOptions,
  sortNames,
} from './picture-list.js';
import type { Source } from './workers/messages.js';
import { fetchBytes } from './workers/read.js';

const OP = 'fromCsv';

/** Columns that have the sides of a box in pixels, and the one of its class. */
export interface BoxColumns {
  readonly top: string;
  readonly left: string;
  readonly bottom: string;
  readonly right: string;
  readonly label?: string;
}

/** Options of `fromCsv`. */
export interface CsvOptions extends PictureListOptions {
  /** The column of paths or addresses; default the first one. */
  path?: string;
  /** The column of labels; default the second one. Null for none. */
  label?: string | null;
  /**
   * Columns of boxes, one row each: a picture may have several rows, or one without numbers. y is then float32
   * `[most boxes, 5]` of top, left, bottom, right, class, which moves along with the picture; rows of -1 fill up.
   */
  boxes?: BoxColumns;
  /** `int` and the like for classes; `number` takes the column as it is, for regression. Default `int`. */
  labelMode?: LabelMode | 'number';
  /** The classes in the order of their labels; default the sorted texts of the column. */
  classNames?: readonly string[];
  /** The folder or address that paths start from; default the table's own. */
  root?: string;
  /** Between columns; default a comma. */
  separator?: string;
}

/**
 * Reads a table's rows, columns by the names in the first one. Quoted fields may hold separators, line breaks and doubled
 * quotes. Throws `data` where a row has another number of columns than the first.
 */
export function parseCsv(text: string, name = 'the table', separator = ','): Record<string, string>[] {
  const rows: string[][] = [];
  let [row, field, isQuoted, wasQuoted]: [string[], string, boolean, boolean] = [[], '', false, false];
  const endField = (): void => {
    row.push(wasQuoted ? field : field.trim());
    [field, wasQuoted] = ['', false];
  };
  const endRow = (): void => {
    endField();
    // Empty lines are no rows.
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  // A mark of the byte order is no part of the first name.
  for (let i = text.charCodeAt(0) === 0xfeff ? 1 : 0; i < text.length; i++) {
    const character = text[i] as string;
    if (isQuoted) {
      if (character !== '"') field += character;
      else if (text[i + 1] === '"') field += text[i++];
      else isQuoted = false;
    } else if (character === '"' && field.trim() === '') [field, isQuoted, wasQuoted] = ['', true, true];
    else if (character === separator) endField();
    else if (character === '\n') endRow();
    else if (character !== '\r') field += wasQuoted ? '' : character;
  }
  if (field !== '' || row.length > 0) endRow();
  const [names = [], ...body] = rows;
  return body.map((values, i) => {
    if (values.length !== names.length) {
      throw new FoveaError({
        code: 'data',
        op: OP,
        message: `row ${i + 2} of ${name} has ${values.length} columns, the first row ${names.length}.`,
        path: name,
        got: values.length,
        want: names.length,
        hint: `Columns are separated by '${separator}'; quote fields that contain it.`,
      });
    }
    return Object.fromEntries(names.map((column, k) => [column, values[k] as string]));
  });
}

/**
 * Pictures that a CSV file names, with their labels or boxes. `table` is a path or an address.
 * Throws `argument` for columns that are not there and `data` for values that cannot be read, naming the row.
 */
export async function fromCsv(table: string | URL, options: CsvOptions = {}): Promise<PictureList> {
  checkPictureOptions(options, OP);
  const name = String(table);
  const isRemote = !isNode() || /^https?:/.test(name);
  const path = isRemote ? name : await localPath(name);
  const bytes = isRemote ? await fetchBytes(path) : await readFileBytes(path, OP);
  const rows = parseCsv(new TextDecoder().decode(bytes), path, options.separator);
  const columns = Object.keys(rows[0] ?? {});
  const [pathColumn, labelColumn] = [
    options.path ?? columns[0],
    options.label === undefined ? columns[1] : options.label,
  ];
  const { boxes } = options;
  const wanted = [pathColumn, ...(boxes === undefined ? [labelColumn] : Object.values(boxes))];
  for (const column of wanted) if (column != null) needColumn(column, columns, path);
  if (rows.length === 0 || pathColumn === undefined) {
    throw new FoveaError({
      code: 'data',
      op: OP,
      message: `${path} has no rows.`,
      path,
      hint: 'Give names in the first row and a row for each picture.',
    });
  }
  const place = await placer(path, options.root, isRemote);
  if (boxes !== undefined) {
    const { listed, classNames } = withBoxes(rows, pathColumn, boxes, options.classNames, path, place);
    return makePictureList(path, choosePart(listed, options), classNames, { ...options, labelMode: null, boxes: true });
  }
  const texts = rows.map((row) => (labelColumn == null ? '' : (row[labelColumn] as string)));
  const isNumber = options.labelMode === 'number';
  const classNames = labelColumn == null || isNumber ? [] : (options.classNames ?? sortNames([...new Set(texts)]));
  const listed = rows.map((row, i): Listed => {
    const source = place(row[pathColumn] as string);
    if (labelColumn == null) return { source, label: -1 };
    if (!isNumber) return { source, label: classOf(texts[i] as string, classNames, i, path) };
    const value = numberOf(texts[i] as string, labelColumn, i, path);
    return { source, label: -1, y: { data: Float32Array.of(value), shape: [1], dtype: 'float32' } };
  });
  const labelMode = isNumber || labelColumn == null ? null : (options.labelMode as LabelMode | undefined);
  return makePictureList(path, choosePart(listed, options), classNames, { ...options, labelMode, boxes: false });
}

async function localPath(name: string): Promise<string> {
  const { resolve } = await nodeModule('node:path', OP);
  if (!name.startsWith('file:')) return resolve(name);
  return (await nodeModule('node:url', OP)).fileURLToPath(name);
}

/** Makes sources of a table's paths. */
async function placer(table: string, root: string | undefined, isRemote: boolean): Promise<(path: string) => Source> {
  const isAddress = (path: string): boolean => /^(https?|data|blob):/.test(path);
  if (isRemote || (root !== undefined && isAddress(root))) {
    const here = isNode() ? undefined : globalThis.location?.href;
    const base = new URL(root === undefined ? table : `${root.replace(/\/$/, '')}/`, here);
    return (path) => ({ kind: 'address', url: new URL(path, base).href });
  }
  const { dirname, resolve } = await nodeModule('node:path', OP);
  const folder = root ?? dirname(table);
  return (path) => (isAddress(path) ? { kind: 'address', url: path } : { kind: 'file', path: resolve(folder, path) });
}

function needColumn(column: string, columns: readonly string[], path: string): void {
  if (columns.includes(column)) return;
  throw new FoveaError({
    code: 'argument',
    op: OP,
    message: `${path} has no column ${column}.`,
    path,
    got: column,
    want: columns,
    hint: `Its columns are ${columns.join(', ')}.`,
  });
}

function classOf(text: string, classNames: readonly string[], row: number, path: string): number {
  const label = classNames.indexOf(text);
  if (label >= 0) return label;
  throw new FoveaError({
    code: 'data',
    op: OP,
    message: `row ${row + 2} of ${path} has the label '${text}', which is none of the classes.`,
    path,
    got: text,
    want: classNames,
    hint: `The classes are ${classNames.join(', ')}.`,
  });
}

function numberOf(text: string, column: string, row: number, path: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) return value;
  throw new FoveaError({
    code: 'data',
    op: OP,
    message: `row ${row + 2} of ${path} has '${text}' as ${column}, which is no number.`,
    path,
    got: text,
    hint: 'Give numbers with a point.',
  });
}

/** One element per picture, with all its rows. */
function withBoxes(
  rows: readonly Record<string, string>[],
  pathColumn: string,
  boxes: BoxColumns,
  given: readonly string[] | undefined,
  path: string,
  place: (path: string) => Source,
): { listed: Listed[]; classNames: readonly string[] } {
  const { label } = boxes;
  const sides = [boxes.top, boxes.left, boxes.bottom, boxes.right];
  const isEmpty = (row: Record<string, string>): boolean => sides.every((side) => row[side] === '');
  const texts = label === undefined ? [] : rows.filter((row) => !isEmpty(row)).map((row) => row[label] as string);
  const classNames = given ?? sortNames([...new Set(texts)]);
  const found = new Map<string, number[][]>();
  for (const [i, row] of rows.entries()) {
    const name = row[pathColumn] as string;
    const list = found.get(name) ?? [];
    found.set(name, list);
    if (isEmpty(row)) continue;
    const numbers = sides.map((side) => numberOf(row[side] as string, side, i, path));
    list.push([...numbers, label === undefined ? 0 : classOf(row[label] as string, classNames, i, path)]);
  }
  const most = Math.max(1, ...[...found.values()].map((list) => list.length));
  const listed = [...found].map(([name, list]): Listed => {
    const data = new Float32Array(5 * most).fill(-1);
    for (const [i, box] of list.entries()) data.set(box, 5 * i);
    const y: HostArray = { data, shape: [most, 5], dtype: 'float32' };
    return { source: place(name), label: -1, y };
  });
  return { listed, classNames };
}
