// plot.curves and plot.bars: charts with axes, ticks and a legend. Scales and ticks come from d3-scale, lines from
// d3-shape; both work without a document.

import { scaleBand, scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { FoveaError } from '../core/errors.js';
import { Figure } from './figure.js';
import { fitted, textWidth } from './font.js';
import { finiteRange } from './pixels.js';
import { moved, type Paint, Path, type Scene, type Shape, type TextShape } from './scene.js';
import { seriesRoles, size, type ThemeName } from './theme.js';

/** Named rows of numbers, such as the losses of every epoch, or an object that holds them as `history`. */
export type CurveData =
  | Readonly<Record<string, ArrayLike<number>>>
  | { readonly history: Readonly<Record<string, ArrayLike<number>>>; readonly epoch?: ArrayLike<number> };

/** Options of `curves`. */
export interface CurvesOptions {
  /** The rows to draw, all in one chart; default: a chart for every metric with its validation beside it. */
  series?: readonly string[];
  title?: string;
  /** Default `epoch`. */
  xLabel?: string;
  yLabel?: string;
  /** Where each number stands; default 1, 2, 3, ... */
  x?: ArrayLike<number>;
  yScale?: 'linear' | 'log';
  /** Size of one chart in CSS pixels; default 460 x 300. */
  width?: number;
  height?: number;
  theme?: ThemeName;
}

/**
 * Draws lines with axes, grid, ticks and legend; a row called `val_loss` is dashed, in the colour of `loss`. What is
 * not finite is a gap. Throws `FoveaError` code `argument` for an unknown or empty series, `shape` for `x` of another
 * length.
 *
 * @example
 * await plot.curves({ loss: [0.9, 0.5, 0.3], val_loss: [1, 0.7, 0.6] }).save('loss.svg');
 */
export function curves(data: CurveData, options: CurvesOptions = {}): Figure {
  const { rows, x } = readCurveData(data, options);
  const names = Object.keys(rows);
  if (names.length === 0) {
    throw new FoveaError({ code: 'argument', op: 'plot.curves', message: 'there are no series.', want: 'at least 1' });
  }
  const groups = options.series === undefined ? groupByMetric(names) : [[...options.series]];
  const charts = groups.map((group) => curvesScene(rows, group, x, options, groups.length === 1));
  const scene = charts.length === 1 ? (charts[0] as Scene) : besideEachOther(charts, options.title);
  return new Figure(scene, options.theme);
}

/** The metrics of a history in order, each with its validation: [['loss', 'val_loss'], ['accuracy']]. */
export function groupByMetric(names: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const metric = metricOf(name);
    groups.set(metric, [...(groups.get(metric) ?? []), name]);
  }
  return [...groups.values()];
}

function metricOf(name: string): string {
  return name.startsWith('val_') ? name.slice(4) : name;
}

function readCurveData(
  data: CurveData,
  options: CurvesOptions,
): { rows: Readonly<Record<string, ArrayLike<number>>>; x: ArrayLike<number> | undefined } {
  const op = 'plot.curves';
  const held = (data as { history?: unknown }).history;
  const isHeld = typeof held === 'object' && held !== null && !('length' in held);
  const rows = (isHeld ? held : data) as Readonly<Record<string, ArrayLike<number>>>;
  for (const name of options.series ?? []) {
    if (Object.hasOwn(rows, name)) continue;
    throw new FoveaError({
      code: 'argument',
      op,
      message: `there is no series ${JSON.stringify(name)}.`,
      got: name,
      want: Object.keys(rows),
      hint: `Use some of ${Object.keys(rows).join(', ')}.`,
    });
  }
  for (const name of options.series ?? Object.keys(rows)) {
    const row = rows[name] as ArrayLike<number>;
    if (!(row?.length > 0)) {
      throw new FoveaError({ code: 'argument', op, message: `the series ${JSON.stringify(name)} is empty.`, got: row });
    }
    if (options.x !== undefined && options.x.length !== row.length) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `x has ${options.x.length} numbers but the series ${JSON.stringify(name)} has ${row.length}.`,
        got: options.x.length,
        want: row.length,
      });
    }
  }
  return { rows, x: options.x };
}

function besideEachOther(charts: readonly Scene[], title: string | undefined): Scene {
  const columns = Math.min(2, charts.length);
  const [width, height] = [charts[0]?.width ?? 0, charts[0]?.height ?? 0];
  const top = title === undefined ? 0 : size.margin + size.title;
  const shapes = charts.flatMap((chart, i) =>
    moved(chart.shapes, (i % columns) * width, top + Math.floor(i / columns) * height),
  );
  if (title !== undefined) shapes.push(heading(title, size.margin));
  return {
    width: columns * width,
    height: top + Math.ceil(charts.length / columns) * height,
    description: title ?? charts.map((chart) => chart.description).join('; '),
    background: 'surface',
    shapes,
  };
}

function heading(title: string, x: number): Shape {
  return { kind: 'text', x, y: size.margin + size.title - 4, text: title, size: size.title, isBold: true, fill: 'ink' };
}

interface Series {
  readonly name: string;
  readonly colour: Paint;
  readonly isDashed: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

function curvesScene(
  rows: Readonly<Record<string, ArrayLike<number>>>,
  names: readonly string[],
  xs: ArrayLike<number> | undefined,
  options: CurvesOptions,
  isAlone: boolean,
): Scene {
  const { width = 460, height = 300 } = options;
  const isLog = options.yScale === 'log';
  const metrics = [...new Set(names.map(metricOf))];
  const series = names.map((name): Series => {
    const isValidation = metricOf(name) !== name && names.includes(metricOf(name));
    return {
      name,
      colour: colourOf(metrics.length === 1 && isValidation ? 1 : metrics.indexOf(metricOf(name))),
      isDashed: isValidation,
      points: Array.from(rows[name] as ArrayLike<number>, (y, i) => [xs?.[i] ?? i + 1, y] as const),
    };
  });
  const isDrawn = (y: number): boolean => Number.isFinite(y) && (!isLog || y > 0);
  const drawn = series.map((one) => one.points.filter(([, y]) => isDrawn(y)));
  const yRange = finiteRange(drawn.map((points) => points.map(([, y]) => y)));
  const xRange = finiteRange(series.map((one) => one.points.map(([x]) => x))) ?? [0, 1];
  const title = isAlone ? options.title : (metrics[0] as string);
  const top = size.margin + (title === undefined ? 0 : size.title + 8);
  const plotTop = top + 24;
  const plotBottom = height - 44;
  const yScale = (isLog ? scaleLog() : scaleLinear()).domain(widened(yRange, isLog)).range([plotBottom, plotTop]);
  if (!isLog) yScale.nice(5);
  const yTicks = isLog ? logTicks(yScale.domain() as [number, number]) : yScale.ticks(5);
  const yFormat = isLog ? (tick: number): string => String(Number(tick.toPrecision(3))) : yScale.tickFormat(5);
  const labelWidth = Math.max(...yTicks.map((tick) => textWidth(yFormat(tick), size.tick)));
  const left = Math.ceil(size.margin + labelWidth + 8 + (options.yLabel === undefined ? 0 : 18));
  const right = width - size.margin;
  const xScale = scaleLinear()
    .domain(xRange[0] === xRange[1] ? [xRange[0] - 1, xRange[1] + 1] : xRange)
    .range([left + 6, right - 6]);

  const shapes: Shape[] = [];
  if (title !== undefined) shapes.push(heading(title, left));
  shapes.push(...legend(series, left, top + 10, right));
  for (const tick of yTicks) {
    const y = Math.round(yScale(tick));
    shapes.push({ kind: 'rect', x: left, y, width: right - left, height: 1, fill: 'grid' });
    shapes.push(tickText(left - 8, y + 4, yFormat(tick), 'end'));
  }
  const isWhole = xs === undefined || Array.from(xs).every(Number.isInteger);
  const xTicks = xScale.ticks(Math.min(10, Math.max(2, Math.floor((right - left) / 48)))).filter((tick) => {
    const isInside = tick >= xRange[0] && tick <= xRange[1];
    return isInside && (!isWhole || Number.isInteger(tick));
  });
  const xFormat = isWhole ? String : xScale.tickFormat(8);
  for (const tick of xTicks) {
    const x = Math.round(xScale(tick));
    shapes.push({ kind: 'rect', x, y: plotBottom, width: 1, height: 5, fill: 'rule' });
    shapes.push(tickText(x, plotBottom + 18, xFormat(tick), 'middle'));
  }
  shapes.push({ kind: 'rect', x: left, y: plotBottom, width: right - left, height: 1, fill: 'rule' });
  shapes.push(axisText((left + right) / 2, height - 10, options.xLabel ?? 'epoch'));
  if (options.yLabel !== undefined) {
    shapes.push({ ...axisText(size.margin + 6, (plotTop + plotBottom) / 2, options.yLabel), rotate: -90 });
  }
  for (const one of series) {
    const path = new Path();
    line<readonly [number, number]>()
      .defined(([x, y]) => Number.isFinite(x) && isDrawn(y))
      .x(([x]) => xScale(x))
      .y(([, y]) => yScale(y))
      .context(path as unknown as CanvasRenderingContext2D)(one.points as [number, number][]);
    const dash = one.isDashed ? { dash: [5, 4] as const } : {};
    shapes.push({ kind: 'path', path, stroke: one.colour, strokeWidth: 2, ...dash });
  }
  for (const [i, one] of series.entries()) {
    const points = drawn[i] as Series['points'];
    if (points.length > 40) continue;
    for (const [x, y] of points) {
      const tip = `${one.name}, ${options.xLabel ?? 'epoch'} ${x}: ${Number(y.toPrecision(5))}`;
      shapes.push({ kind: 'dot', x: xScale(x), y: yScale(y), radius: 2.75, fill: one.colour, tip });
    }
  }
  if (yRange === undefined) {
    shapes.push(axisText((left + right) / 2, (plotTop + plotBottom) / 2, 'no finite value'));
  }
  return { width, height, description: title ?? `Curves of ${names.join(', ')}`, background: 'surface', shapes };
}

function colourOf(i: number): Paint {
  return seriesRoles[i % seriesRoles.length] as Paint;
}

// A flat line still needs a range to stand in.
function widened(range: readonly [number, number] | undefined, isLog: boolean): [number, number] {
  if (range === undefined) return isLog ? [0.1, 1] : [0, 1];
  const [low, high] = range;
  if (isLog) return low === high ? [low / 2, high * 2] : [low / 1.1, high * 1.1];
  if (low === high) return [low - (Math.abs(low) / 10 || 1), high + (Math.abs(high) / 10 || 1)];
  return [low, high];
}

// Powers of ten, with 2 and 5 between them where there are few.
function logTicks([low, high]: readonly [number, number]): number[] {
  const ticks: number[] = [];
  const decades = Math.log10(high / low);
  const step = Math.max(1, Math.ceil(decades / 6));
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += step) {
    for (const digit of decades > 2.5 ? [1] : [1, 2, 5]) {
      const tick = digit * 10 ** power;
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks.length >= 2
    ? ticks
    : scaleLinear()
        .domain([low, high])
        .ticks(4)
        .filter((tick) => tick > 0);
}

function legend(series: readonly Series[], left: number, y: number, right: number): Shape[] {
  const shapes: Shape[] = [];
  let x = left;
  for (const [i, { name, colour, isDashed }] of series.entries()) {
    const room = right - x - 28;
    const isLast = i === series.length - 1;
    if (room < 48 || (!isLast && room < textWidth(name, size.label) + 40)) {
      shapes.push({ kind: 'text', x, y, text: `+ ${series.length - i} more`, size: size.label, fill: 'muted' });
      return shapes;
    }
    const path = new Path();
    path.moveTo(x + 1, y - 4);
    path.lineTo(x + 21, y - 4);
    const dash = isDashed ? { dash: [5, 4] as const } : {};
    shapes.push({ kind: 'path', path, stroke: colour, strokeWidth: 2, ...dash });
    const text = fitted(name, room, size.label);
    shapes.push({ kind: 'text', x: x + 28, y, text, size: size.label, fill: 'ink' });
    x += 28 + textWidth(text, size.label) + 18;
  }
  return shapes;
}

function tickText(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): TextShape {
  return { kind: 'text', x, y, text, size: size.tick, fill: 'muted', anchor };
}

function axisText(x: number, y: number, text: string): TextShape {
  return { kind: 'text', x, y, text, size: size.label, fill: 'ink', anchor: 'middle' };
}

/** Options of `bars`. */
export interface BarsOptions {
  /** A name for each number; default 0, 1, 2, ... */
  labels?: readonly string[];
  title?: string;
  xLabel?: string;
  yLabel?: string;
  /** Standing bars, or lying ones, whose names may be long; default `vertical`. */
  direction?: 'vertical' | 'horizontal';
  /** Size in CSS pixels; default 460 x 300, or as high as lying bars need. */
  width?: number;
  height?: number;
  theme?: ThemeName;
}

/**
 * Draws a bar for each number, from a zero line. Throws `FoveaError` code `argument` where there is none or the number
 * of labels differs, and code `nan` for a number that is not finite.
 *
 * @example
 * await plot.bars([0.7, 0.2, 0.1], { labels: ['cat', 'dog', 'fox'], direction: 'horizontal' }).save('scores.svg');
 */
export function bars(values: ArrayLike<number>, options: BarsOptions = {}): Figure {
  const op = 'plot.bars';
  const list = Array.from(values);
  const labels = options.labels ?? list.map((_, i) => String(i));
  if (list.length === 0 || labels.length !== list.length) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `there are ${list.length} numbers and ${labels.length} labels.`,
      got: { values: list.length, labels: labels.length },
      want: 'at least one number, and as many labels',
    });
  }
  const bad = list.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new FoveaError({
      code: 'nan',
      op,
      message: `the number of ${JSON.stringify(labels[bad])} is ${list[bad]}.`,
      got: list[bad],
      want: 'a finite number',
    });
  }
  const scene = options.direction === 'horizontal' ? lying(list, labels, options) : standing(list, labels, options);
  return new Figure(scene, options.theme);
}

function standing(values: readonly number[], labels: readonly string[], options: BarsOptions): Scene {
  const { width = 460, height = 300, title } = options;
  const top = size.margin + (title === undefined ? 0 : size.title + 12);
  const widestLabel = Math.max(...labels.map((label) => textWidth(label, size.tick)));
  const yScale = scaleLinear()
    .domain([Math.min(0, ...values), Math.max(0, ...values)])
    .nice(5);
  if (values.every((value) => value === 0)) yScale.domain([0, 1]);
  const yFormat = yScale.tickFormat(5);
  const tickWidth = Math.max(...yScale.ticks(5).map((tick) => textWidth(yFormat(tick), size.tick)));
  const left = Math.ceil(size.margin + tickWidth + 8 + (options.yLabel === undefined ? 0 : 18));
  const right = width - size.margin;
  const xScale = scaleBand<number>()
    .domain(values.map((_, i) => i))
    .range([left, right])
    .padding(0.25);
  const isTurned = widestLabel > xScale.step() - 4;
  const room = isTurned ? Math.min(widestLabel, 96) + 10 : 20;
  const bottom = height - size.margin - room - (options.xLabel === undefined ? 0 : 18);
  yScale.range([bottom, top]);
  const shapes: Shape[] = title === undefined ? [] : [heading(title, left)];
  for (const tick of yScale.ticks(5)) {
    const y = Math.round(yScale(tick));
    shapes.push({ kind: 'rect', x: left, y, width: right - left, height: 1, fill: tick === 0 ? 'rule' : 'grid' });
    shapes.push(tickText(left - 8, y + 4, yFormat(tick), 'end'));
  }
  // Too many names for the width: every k-th is written.
  const every = Math.max(1, Math.ceil((size.tick + 2) / xScale.step()));
  for (const [i, value] of values.entries()) {
    const x = xScale(i) as number;
    const [y0, y1] = [yScale(Math.max(0, value)), yScale(Math.min(0, value))];
    const tip = `${labels[i]}: ${value}`;
    shapes.push({ kind: 'rect', x, y: y0, width: xScale.bandwidth(), height: y1 - y0, fill: 'series1', tip });
    if (i % every !== 0) continue;
    const centre = x + xScale.bandwidth() / 2;
    if (isTurned) {
      const text = fitted(labels[i] as string, 96, size.tick);
      shapes.push({ ...tickText(centre + 4, bottom + 8, text, 'end'), rotate: -90 });
    } else shapes.push(tickText(centre, bottom + 16, labels[i] as string, 'middle'));
  }
  if (options.xLabel !== undefined) shapes.push(axisText((left + right) / 2, height - 10, options.xLabel));
  if (options.yLabel !== undefined) {
    shapes.push({ ...axisText(size.margin + 6, (top + bottom) / 2, options.yLabel), rotate: -90 });
  }
  return { width, height, description: title ?? `${values.length} bars`, background: 'surface', shapes };
}

function lying(values: readonly number[], labels: readonly string[], options: BarsOptions): Scene {
  const { width = 460, title } = options;
  const top = size.margin + (title === undefined ? 0 : size.title + 12);
  const foot = options.xLabel === undefined ? 34 : 52;
  const height = options.height ?? top + 24 * values.length + foot;
  const bottom = height - foot;
  const names = labels.map((label) => fitted(label, width / 3, size.label));
  const left = Math.ceil(size.margin + Math.max(...names.map((name) => textWidth(name, size.label))) + 10);
  // Room for the number behind the longest bar.
  const right = width - size.margin - 44;
  const xScale = scaleLinear()
    .domain([Math.min(0, ...values), Math.max(0, ...values)])
    .range([left, right]);
  if (values.every((value) => value === 0)) xScale.domain([0, 1]);
  const yScale = scaleBand<number>()
    .domain(values.map((_, i) => i))
    .range([top, bottom])
    .padding(0.2);
  const shapes: Shape[] = title === undefined ? [] : [heading(title, size.margin)];
  const format = xScale.tickFormat(5);
  for (const tick of xScale.ticks(5)) {
    const x = Math.round(xScale(tick));
    shapes.push({ kind: 'rect', x, y: top, width: 1, height: bottom - top, fill: tick === 0 ? 'rule' : 'grid' });
    shapes.push(tickText(x, bottom + 16, format(tick), 'middle'));
  }
  for (const [i, value] of values.entries()) {
    const y = yScale(i) as number;
    const middle = y + yScale.bandwidth() / 2 + 4;
    const [x0, x1] = [xScale(Math.min(0, value)), xScale(Math.max(0, value))];
    const tip = `${labels[i]}: ${value}`;
    shapes.push({ kind: 'rect', x: x0, y, width: x1 - x0, height: yScale.bandwidth(), fill: 'series1', tip });
    shapes.push({
      kind: 'text',
      x: left - 10,
      y: middle,
      text: names[i] as string,
      size: size.label,
      fill: 'ink',
      anchor: 'end',
    });
    shapes.push(tickText(x1 + 6, middle, String(Number(value.toPrecision(3))), 'start'));
  }
  if (options.xLabel !== undefined) shapes.push(axisText((left + right) / 2, height - 12, options.xLabel));
  if (options.yLabel !== undefined) shapes.push(tickText(size.margin, top - 4, options.yLabel, 'start'));
  return { width, height, description: title ?? `${values.length} bars`, background: 'surface', shapes };
}
