// plot.confusion: counts of true against predicted classes. Right answers and mistakes have two colours, so that a
// few mistakes show beside thousands of right answers.

import { FoveaError } from '../core/errors.js';
import { Figure } from './figure.js';
import { fitted, textWidth } from './font.js';
import type { ImageArray } from './pixels.js';
import type { Shape } from './scene.js';
import { size, type ThemeName } from './theme.js';

/** Options of `confusion`. */
export interface ConfusionOptions {
  /** A name for each class; default 0, 1, 2, ... */
  classNames?: readonly string[];
  title?: string;
  /** Side of one cell in CSS pixels; default: by the number of classes. */
  cellSize?: number;
  theme?: ThemeName;
}

/** Counts, a row for each true class and a column for each predicted one. */
export type ConfusionMatrix = readonly ArrayLike<number>[] | ImageArray;

/** A confusion matrix that was checked: its classes, and counts row by row. */
export interface CheckedConfusion {
  readonly classes: number;
  readonly counts: readonly number[];
  readonly names: readonly string[];
}

/** Throws `FoveaError` code `shape` unless the matrix is square, and code `value` for a count below 0 or not finite. */
export function checkConfusion(matrix: ConfusionMatrix, classNames: readonly string[] | undefined): CheckedConfusion {
  const op = 'plot.confusion';
  const isList = Array.isArray(matrix);
  const rows = isList ? (matrix as readonly ArrayLike<number>[]) : [];
  const held = matrix as ImageArray;
  const classes = isList ? rows.length : (held.shape[0] ?? 0);
  const counts = isList ? rows.flatMap((row) => Array.from(row)) : Array.from(held.data);
  const shape = isList ? [rows.length, ...new Set(rows.map((row) => row.length))] : held.shape;
  if (classes < 1 || shape.length !== 2 || shape[1] !== classes || counts.length !== classes * classes) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `a confusion matrix cannot have the shape [${shape.join(', ')}] with ${counts.length} numbers.`,
      got: shape,
      want: '[classes, classes]',
      hint: 'Give a row for each true class and a column for each predicted one.',
    });
  }
  const bad = counts.findIndex((count) => !(Number.isFinite(count) && count >= 0));
  if (bad >= 0) {
    throw new FoveaError({
      code: 'value',
      op,
      message: `the count in row ${Math.floor(bad / classes)}, column ${bad % classes} is ${counts[bad]}.`,
      got: counts[bad],
      want: 'a finite number of at least 0',
    });
  }
  const names = classNames ?? Array.from({ length: classes }, (_, i) => String(i));
  if (names.length !== classes) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `there are ${names.length} class names for ${classes} classes.`,
      got: names.length,
      want: classes,
    });
  }
  return { classes, counts, names };
}

/**
 * Draws a confusion matrix as a heat map with counts: rows are true classes, columns predicted ones, and a cell is as
 * strong as its share of its row. Cells too small for a number keep it in their tip. Throws as `checkConfusion` does.
 *
 * @example
 * await plot.confusion([[50, 2], [5, 43]], { classNames: ['cat', 'dog'] }).save('confusion.png');
 */
export function confusion(matrix: ConfusionMatrix, options: ConfusionOptions = {}): Figure {
  const { classes, counts, names } = checkConfusion(matrix, options.classNames);
  const cell =
    options.cellSize ?? (classes <= 4 ? 64 : classes <= 12 ? 44 : classes <= 30 ? 26 : classes <= 60 ? 15 : 11);
  if (!(cell >= 4)) {
    throw new FoveaError({
      code: 'argument',
      op: 'plot.confusion',
      message: `cellSize is ${cell}.`,
      got: cell,
      want: 'at least 4',
    });
  }
  const nameSize = Math.min(size.label, Math.max(8, cell - 3));
  const shownNames = names.map((name) => fitted(name, 130, nameSize));
  const nameWidth = Math.max(...shownNames.map((name) => textWidth(name, nameSize)));
  // Names of columns lie flat where they fit, else they stand.
  const isFlat = nameWidth <= cell - 6;
  const titleHeight = options.title === undefined ? 0 : size.title + 10;
  const left = Math.ceil(size.margin + 20 + nameWidth + 8);
  const top = Math.ceil(size.margin + titleHeight + 22 + (isFlat ? nameSize : nameWidth) + 8);
  const side = cell * classes;
  const shapes: Shape[] = [];
  const text = (x: number, y: number, words: string, more: Partial<Shape> = {}): void => {
    shapes.push({
      kind: 'text',
      x,
      y,
      text: words,
      size: size.label,
      fill: 'muted',
      anchor: 'middle',
      ...more,
    } as Shape);
  };
  const totals = Array.from({ length: classes }, (_, row) => sum(counts.slice(row * classes, (row + 1) * classes)));
  const longest = Math.max(...counts.map((count) => textWidth(formatCount(count), 10)));
  const countSize = Math.min(size.label + 1, Math.floor((10 * (cell - 5)) / Math.max(longest, 10)));
  shapes.push({ kind: 'rect', x: left, y: top, width: side, height: side, fill: 'grid', opacity: 0.45 });
  for (let row = 0; row < classes; row++) {
    for (let column = 0; column < classes; column++) {
      const count = counts[row * classes + column] as number;
      if (count === 0) continue;
      const share = count / (totals[row] as number);
      const isRight = row === column;
      // The root lifts small shares of mistakes; right answers are linear.
      const strength = isRight ? 0.08 + 0.92 * share : 0.08 + 0.92 * Math.sqrt(share);
      const [x, y] = [left + column * cell, top + row * cell];
      const inset = cell >= 14 ? 1 : 0.5;
      shapes.push({
        kind: 'rect',
        x: x + inset / 2,
        y: y + inset / 2,
        width: cell - inset,
        height: cell - inset,
        fill: isRight ? 'right' : 'wrong',
        opacity: strength,
        tip: `true ${names[row]}, predicted ${names[column]}: ${formatCount(count)} (${(100 * share).toFixed(1)} %)`,
      });
      if (countSize < 7) continue;
      const fill = strength > 0.55 ? 'onStrong' : 'ink';
      text(x + cell / 2, y + cell / 2 + 0.36 * countSize, formatCount(count), { size: countSize, fill });
    }
  }
  for (const [i, name] of shownNames.entries()) {
    const middle = (i + 0.5) * cell;
    text(left - 8, top + middle + 0.36 * nameSize, name, { size: nameSize, fill: 'ink', anchor: 'end' });
    if (isFlat) text(left + middle, top - 8, name, { size: nameSize, fill: 'ink' });
    else {
      const at = left + middle + 0.36 * nameSize;
      text(at, top - 8, name, { size: nameSize, fill: 'ink', anchor: 'start', rotate: -90 });
    }
  }
  text(left + side / 2, size.margin + titleHeight + 10, 'predicted class');
  text(size.margin + 8, top + side / 2, 'true class', { rotate: -90 });
  const key = legendShapes(left, top + side + 22, side);
  shapes.push(...key.shapes);
  if (options.title !== undefined) {
    const at = { x: size.margin, y: size.margin + size.title - 4, anchor: 'start' as const };
    shapes.push({ kind: 'text', ...at, text: options.title, size: size.title, isBold: true, fill: 'ink' });
  }
  const width = Math.max(left + side, key.right, titleRight(options.title)) + size.margin;
  return new Figure(
    {
      width,
      height: top + side + 22 + size.margin,
      description: options.title ?? `Confusion matrix of ${classes} classes`,
      background: 'surface',
      shapes,
    },
    options.theme,
  );
}

function titleRight(title: string | undefined): number {
  return title === undefined ? 0 : size.margin + Math.ceil(textWidth(title, size.title, true));
}

function legendShapes(left: number, y: number, side: number): { shapes: Shape[]; right: number } {
  const shapes: Shape[] = [];
  let x = left;
  const entries = [
    ['right', 'right'],
    ['wrong', 'wrong'],
  ] as const;
  for (const [fill, name] of entries) {
    shapes.push({ kind: 'rect', x, y: y - 9, width: 10, height: 10, fill });
    shapes.push({ kind: 'text', x: x + 15, y, text: name, size: size.tick, fill: 'muted' });
    x += 15 + Math.ceil(textWidth(name, size.tick)) + 14;
  }
  const note = 'strength: share of the row';
  const noteWidth = Math.ceil(textWidth(note, size.tick));
  if (x + noteWidth > left + Math.max(side, 220)) return { shapes, right: x - 14 };
  shapes.push({ kind: 'text', x, y, text: note, size: size.tick, fill: 'muted' });
  return { shapes, right: x + noteWidth };
}

function formatCount(count: number): string {
  return Number.isInteger(count) ? String(count) : String(Number(count.toPrecision(3)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
