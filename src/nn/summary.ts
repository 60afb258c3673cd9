// The table of a model as Keras 3 prints it: the same columns, widths and line breaks, character by character.
import { bytesPerElement } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import type { Variable } from '../graph/variable.js';
import type { Layer } from './layer.js';
import { type LayerCall, type PartialShape, tensorsOf } from './symbolic.js';

/** How wide the table is. */
export interface SummaryOptions {
  /** Characters in a line; default: as many as the terminal shows, at most 88 (108 with connections). */
  lineLength?: number;
  /** Where the columns end, as shares of the line. */
  positions?: readonly number[];
}

/** What the table needs of a model. */
export interface SummaryModel {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly trainableWeights: readonly Variable[];
  readonly nonTrainableWeights: readonly Variable[];
  /** The calls of a functional model, with its inputs; without it the model is listed as a row of layers. */
  readonly summaryCalls?: readonly LayerCall[] | undefined;
  /** The optimizer's variables, once it has them. */
  readonly optimizerWeights?: readonly Variable[] | undefined;
}

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

const COLUMNS: readonly Column[] = [
  { title: 'Layer (type)', align: 'left' },
  { title: 'Output Shape', align: 'left' },
  { title: 'Param #', align: 'right' },
  { title: 'Connected to', align: 'left' },
];

/** A narrower terminal wraps: a table cut any further could not be read. */
const NARROWEST = 40;

/** The table, its lines ended by newlines. Throws `argument` where the line is too short for the columns. */
export function summaryText(model: SummaryModel, options: SummaryOptions = {}): string {
  const calls = model.summaryCalls;
  const isRow = calls === undefined || isChain(calls);
  const widest = isRow ? 88 : 108;
  const lineLength = options.lineLength ?? Math.max(NARROWEST, Math.min(widest, terminalWidth() - 4));
  const positions = options.positions ?? (isRow ? [0.45, 0.8, 1] : [0.3, 0.56, 0.74, 1]);
  const columns = COLUMNS.slice(0, isRow ? 3 : 4);
  const rows = model.layers.map((layer) => {
    const fields = [`${layer.name} (${layer.className})`, outputText(layer), parametersText(layer)];
    return isRow ? fields : [...fields, connectionsText(layer, calls)];
  });
  const widths = columnWidths(positions, lineLength, columns.length);
  return `Model: "${model.name}"\n${table(columns, widths, rows)}${totals(model)}`;
}

/** True where every layer is called once and has one input, one after the other: then nobody asks what it is connected to. */
function isChain(calls: readonly LayerCall[]): boolean {
  const layers = new Set(calls.map(({ layer }) => layer));
  const inputs = calls.filter((call) => call.inputs.length === 0).length;
  const uses = calls.flatMap((call) => tensorsOf(call).map(({ source }) => source?.call));
  return (
    layers.size === calls.length &&
    inputs <= 1 &&
    calls.every((call) => tensorsOf(call).length <= 1) &&
    new Set(uses).size === uses.length
  );
}

function terminalWidth(): number {
  const { process } = globalThis as { process?: { stdout?: { columns?: number } } };
  // A terminal without a size says 0.
  return process?.stdout?.columns || 80;
}

function columnWidths(positions: readonly number[], lineLength: number, count: number): number[] {
  let current = 0;
  const widths = positions.slice(0, count).map((position) => {
    const width = Math.trunc(position * lineLength) - current;
    current += width;
    return width;
  });
  if (widths.length < count || widths.some((width) => width < 4)) {
    throw new FoveaError({
      code: 'argument',
      op: 'summary',
      message: `lineLength ${lineLength} is too short for ${count} columns.`,
      got: lineLength,
      hint: 'Give a longer line, or positions that leave every column 4 characters.',
    });
  }
  // Every column has a space at both sides; the borders take a character each. What is too much is taken off evenly.
  const padded = widths.map((width) => width + 2);
  let excess = Math.max(0, padded.reduce((sum, width) => sum + width, 0) - (lineLength - count - 1));
  return padded.map((width, i) => {
    const share = Math.min(width, roundHalfEven(excess / (count - i)));
    excess -= share;
    return width - share - 2;
  });
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

const shapeText = (shape: PartialShape): string => `(${shape.map((dim) => dim ?? 'None').join(', ')})`;

function outputText(layer: Layer): string {
  const call = layer.calls.at(-1);
  if (call === undefined) {
    if (!layer.isBuilt) return '?';
    try {
      return joinShapes(layer.computeOutputShapes(layer.builtFor).map(({ shape }) => shape));
    } catch {
      // A layer that is only called in code of a model's own may need more than its inputs.
      return '?';
    }
  }
  return joinShapes(call.outputs.map(({ shape }) => shape));
}

function joinShapes(shapes: readonly PartialShape[]): string {
  const texts = shapes.map(shapeText);
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
}

const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

function parametersText(layer: Layer): string {
  return layer.isBuilt ? grouped(layer.countParams()) : '0 (unbuilt)';
}

function connectionsText(layer: Layer, calls: readonly LayerCall[]): string {
  const own = calls.filter((call) => call.layer === layer);
  const sources = own.flatMap((call) => tensorsOf(call).map(({ source }) => source));
  const texts = sources.flatMap((source) => {
    if (source === undefined) return [];
    const { call, index } = source;
    return [`${call.layer.name}[${call.layer.calls.indexOf(call)}][${index}]`];
  });
  return texts.length === 0 ? '-' : texts.join(', ');
}

function table(columns: readonly Column[], widths: readonly number[], rows: readonly (readonly string[])[]): string {
  const line = (left: string, fill: string, between: string, right: string): string =>
    `${left}${widths.map((width) => fill.repeat(width + 2)).join(between)}${right}\n`;
  const row = (cells: readonly string[], bar: string): string => {
    const wrapped = cells.map((cell, i) => wrap(cell, widths[i] as number));
    const height = Math.max(...wrapped.map((part) => part.length));
    // Headings stand at the bottom of their row, cells at the top.
    const parts = wrapped.map((part) =>
      bar === '┃' ? [...new Array<string>(height - part.length).fill(''), ...part] : part,
    );
    let text = '';
    for (let y = 0; y < height; y++) {
      const padded = parts.map((part, i) => {
        const width = widths[i] as number;
        const cell = part[y] ?? '';
        return columns[i]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      });
      text += `${bar} ${padded.join(` ${bar} `)} ${bar}\n`;
    }
    return text;
  };
  const body = rows.map((cells) => row(cells, '│')).join(line('├', '─', '┼', '┤'));
  const head = row(
    columns.map(({ title }) => title),
    '┃',
  );
  return `${line('┏', '━', '┳', '┓')}${head}${line('┡', '━', '╇', '┩')}${body}${line('└', '─', '┴', '┘')}`;
}

/** Breaks at spaces; words longer than the line end in an ellipsis. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const [word] of text.matchAll(/\s*\S+\s*/g)) {
    if (current !== '' && word.trimEnd().length > width - current.length) {
      lines.push(current);
      current = '';
    }
    current += word;
  }
  lines.push(current);
  return lines.map((line) => {
    const bare = line.trimEnd();
    return bare.length > width ? `${bare.slice(0, width - 1)}…` : bare;
  });
}

function totals(model: SummaryModel): string {
  const { trainableWeights: trainable, nonTrainableWeights: fixed, optimizerWeights: optimizer } = model;
  const line = (name: string, weights: readonly Variable[]): string =>
    ` ${name} params: ${grouped(weights.reduce((sum, { size }) => sum + size, 0))} (${memoryText(weights)})\n`;
  const text =
    line('Total', [...trainable, ...fixed, ...(optimizer ?? [])]) +
    line('Trainable', trainable) +
    line('Non-trainable', fixed);
  return optimizer === undefined ? text : text + line('Optimizer', optimizer);
}

function memoryText(weights: readonly Variable[]): string {
  let size = weights.reduce((sum, weight) => sum + weight.size * bytesPerElement(weight.dtype), 0);
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size.toFixed(2)} ${units[unit]}`;
}
