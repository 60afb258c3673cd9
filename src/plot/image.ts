// plot.image and plot.grid: arrays as pictures and as contact sheets, and the arrays of filters and activation maps
// cut into tiles for them.

import { scaleLinear } from 'd3-scale';
import { FoveaError } from '../core/errors.js';
import { type Colormap, colormapTable } from './colormaps.js';
import { Figure } from './figure.js';
import { fitted, textWidth } from './font.js';
import { type CheckedImage, type ColourOptions, checkImage, type ImageArray, mappedRange, toPixels } from './pixels.js';
import type { Pixels, Scene, Shape } from './scene.js';
import { size, type ThemeName } from './theme.js';

/** Options of `image`. */
export interface ImageOptions extends ColourOptions {
  /** Adds a colour bar with ticks, for one channel. */
  colorbar?: boolean;
  title?: string;
  /** CSS pixels for one pixel of the array, a whole number; default: enough for about 320 CSS pixels. */
  scale?: number;
  theme?: ThemeName;
}

/**
 * Draws an array: [M, N] or [M, N, 1] through a colour map, [M, N, 3] and [M, N, 4] as colours, 0..1 in floating types
 * and 0..255 in whole-number types, clipped. With `vmin` and `vmax`, colours are scaled from that range instead.
 * Throws `FoveaError` code `shape`, `nan`, `range` or `argument`.
 *
 * @example
 * const figure = plot.image({ data: [0, 1, 2, 3], shape: [2, 2] }, { colormap: 'gray', colorbar: true });
 * await figure.save('four.png');
 */
export function image(array: ImageArray, options: ImageOptions = {}): Figure {
  const op = 'plot.image';
  const checked = checkImage(array, op);
  const range = rangeFor([checked], options, op);
  const pixels = toPixels(checked, options, range, op);
  const scale = checkScale(options.scale ?? Math.max(1, Math.round(320 / Math.max(pixels.width, pixels.height))), op);
  const width = pixels.width * scale;
  const height = pixels.height * scale;
  const hasBar = options.colorbar === true && checked.channels === 1 && range !== undefined;
  const isBare = !hasBar && options.title === undefined;
  const left = isBare ? 0 : size.margin;
  const top = isBare ? 0 : options.title === undefined ? size.margin : size.margin + size.title + 10;
  const shapes: Shape[] = isBare ? [] : frame(left, top, width, height);
  shapes.push({ kind: 'image', x: left, y: top, width, height, pixels });
  let right = left + width;
  if (hasBar) {
    const barHeight = Math.max(height, 96);
    const bar = colourBar(options.colormap ?? 'viridis', range, right + 14, top, barHeight);
    shapes.push(...bar.shapes);
    right += 14 + bar.width;
  }
  const bottom = top + (hasBar ? Math.max(height, 96) : height);
  const total = Math.max(right + left, titleWidth(options.title));
  shapes.push(...titleShapes(options.title, total));
  return new Figure(
    {
      width: total,
      height: bottom + left,
      description: options.title ?? `Picture of ${pixels.width} by ${pixels.height} pixels`,
      ...(isBare ? {} : { background: 'surface' as const }),
      shapes,
    },
    options.theme,
  );
}

/** Options of `grid`. */
export interface GridOptions extends ColourOptions {
  /** Pictures in a row; default: about as many as there are rows. */
  columns?: number;
  /** One line under each picture. */
  labels?: readonly string[];
  /** One line above each picture. */
  titles?: readonly string[];
  title?: string;
  /** Whether every picture has its own mapped range (`each`, the default) or all have one (`shared`). */
  range?: 'each' | 'shared';
  /** CSS pixels between pictures; default 4. */
  gap?: number;
  /** CSS pixels for one pixel of an array, a whole number; default: enough for about 72 CSS pixels. */
  scale?: number;
  theme?: ThemeName;
}

/**
 * Draws a contact sheet of pictures, given one by one or as one array [count, M, N] or [count, M, N, channels].
 * Throws `FoveaError` as `image` does, naming the picture.
 *
 * @example
 * const weights = { data: new Float32Array(3 * 3 * 16), shape: [3, 3, 1, 16] };
 * const sheet = plot.grid(plot.filterTiles(weights), { columns: 8, colormap: 'gray' });
 */
export function grid(images: readonly ImageArray[] | ImageArray, options: GridOptions = {}): Figure {
  const op = 'plot.grid';
  const list = Array.isArray(images) ? (images as readonly ImageArray[]) : splitBatch(images as ImageArray, op);
  if (list.length === 0) {
    throw new FoveaError({ code: 'shape', op, message: 'there are no pictures.', got: 0, want: 'at least 1' });
  }
  for (const name of ['labels', 'titles'] as const) checkCount(name, options[name], list.length, op);
  const checked = list.map((array, i) => checkImage(array, op, `picture ${i}`));
  const shared = options.range === 'shared' ? rangeFor(checked, options, op) : undefined;
  const pixels = checked.map((one, i) =>
    atPicture(i, () => toPixels(one, options, shared ?? rangeFor([one], options, op), op)),
  );
  const scene = sheetScene(pixels, options, op);
  return new Figure(scene, options.theme);
}

function sheetScene(pixels: readonly Pixels[], options: GridOptions, op: string): Scene {
  const columns = options.columns ?? Math.ceil(Math.sqrt(pixels.length));
  const gap = options.gap ?? 4;
  if (!Number.isInteger(columns) || columns < 1 || !(gap >= 0)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `columns is ${columns} and gap is ${gap}.`,
      got: { columns, gap },
      want: 'columns: a whole number of at least 1; gap: at least 0',
    });
  }
  const widest = Math.max(...pixels.map((one) => one.width));
  const highest = Math.max(...pixels.map((one) => one.height));
  const scale = checkScale(options.scale ?? Math.max(1, Math.round(72 / Math.max(widest, highest))), op);
  const isBare = options.title === undefined && options.labels === undefined && options.titles === undefined;
  const margin = isBare ? 0 : size.margin;
  const line = size.tick + 5;
  const above = options.titles === undefined ? 0 : line;
  const below = options.labels === undefined ? 0 : line + 2;
  // Words need room: cells grow with the longest word up to a limit, beyond which words are cut.
  const words = [...(options.labels ?? []), ...(options.titles ?? [])];
  const wanted = Math.max(0, ...words.map((word) => textWidth(word, size.tick)));
  const cellWidth = Math.max(widest * scale, Math.min(Math.ceil(wanted), Math.max(112, widest * scale)));
  const cellHeight = above + highest * scale + below;
  const gapX = words.length === 0 ? gap : Math.max(gap, 8);
  const top = margin + (options.title === undefined ? 0 : size.title + 10);
  const across = Math.min(columns, pixels.length);
  const down = Math.ceil(pixels.length / columns);
  const shapes: Shape[] = [];
  for (const [i, one] of pixels.entries()) {
    const x = margin + (i % columns) * (cellWidth + gapX);
    const y = top + Math.floor(i / columns) * (cellHeight + gap);
    const centre = x + cellWidth / 2;
    const word = (text: string | undefined, baseline: number): void => {
      if (text === undefined) return;
      const cut = fitted(text, cellWidth, size.tick);
      shapes.push({ kind: 'text', x: centre, y: baseline, text: cut, size: size.tick, fill: 'ink', anchor: 'middle' });
    };
    word(options.titles?.[i], y + size.tick);
    shapes.push({
      kind: 'image',
      x: x + Math.floor((cellWidth - one.width * scale) / 2),
      y: y + above + Math.floor(((highest - one.height) * scale) / 2),
      width: one.width * scale,
      height: one.height * scale,
      pixels: one,
    });
    word(options.labels?.[i], y + above + highest * scale + size.tick + 4);
  }
  const width = Math.max(2 * margin + across * cellWidth + (across - 1) * gapX, titleWidth(options.title));
  shapes.push(...titleShapes(options.title, width));
  return {
    width,
    height: top + down * cellHeight + (down - 1) * gap + margin,
    description: options.title ?? `${pixels.length} pictures`,
    ...(isBare ? {} : { background: 'surface' as const }),
    shapes,
  };
}

/**
 * The filters of a convolution, [height, width, channels in, channels out], as pictures: in colour where there are
 * three channels in, each filter scaled to 0..1; else one channel, summed over the channels in.
 */
export function filterTiles(filters: ImageArray): ImageArray[] {
  const [height, width, cin, cout] = filters.shape;
  if (filters.shape.length !== 4 || filters.data.length !== filters.shape.reduce((a, b) => a * b, 1)) {
    throw new FoveaError({
      code: 'shape',
      op: 'plot.filterTiles',
      message: `filters cannot have the shape [${filters.shape.join(', ')}] with ${filters.data.length} numbers.`,
      got: filters.shape,
      want: '[height, width, channels in, channels out]',
    });
  }
  const [h, w, inputs, outputs] = [height, width, cin, cout] as [number, number, number, number];
  const at = (pixel: number, i: number, o: number): number =>
    filters.data[(pixel * inputs + i) * outputs + o] as number;
  return Array.from({ length: outputs }, (_, o) => {
    const isColour = inputs === 3;
    const data = new Float32Array(h * w * (isColour ? 3 : 1));
    for (let pixel = 0; pixel < h * w; pixel++) {
      for (let i = 0; i < inputs; i++) {
        if (isColour) data[3 * pixel + i] = at(pixel, i, o);
        else data[pixel] = (data[pixel] as number) + at(pixel, i, o);
      }
    }
    if (isColour) stretch(data);
    return { data, shape: isColour ? [h, w, 3] : [h, w] };
  });
}

/** The channels of one activation, [height, width, channels], as pictures [height, width]. */
export function channelTiles(activation: ImageArray): ImageArray[] {
  const [height, width, channels] = activation.shape;
  if (activation.shape.length !== 3 || activation.data.length !== activation.shape.reduce((a, b) => a * b, 1)) {
    throw new FoveaError({
      code: 'shape',
      op: 'plot.channelTiles',
      message: `an activation cannot have the shape [${activation.shape.join(', ')}] with ${activation.data.length} numbers.`,
      got: activation.shape,
      want: '[height, width, channels]',
    });
  }
  const [h, w, count] = [height, width, channels] as [number, number, number];
  return Array.from({ length: count }, (_, c) => {
    const data = new Float32Array(h * w);
    for (let pixel = 0; pixel < h * w; pixel++) data[pixel] = activation.data[pixel * count + c] as number;
    return { data, shape: [h, w] };
  });
}

function stretch(data: Float32Array): void {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  for (let i = 0; i < data.length; i++) data[i] = high === low ? 0.5 : ((data[i] as number) - low) / (high - low);
}

function splitBatch(array: ImageArray, op: string): ImageArray[] {
  const [count = 0, ...shape] = array.shape;
  const length = shape.reduce((product, dim) => product * dim, 1);
  if (array.shape.length < 3 || array.shape.length > 4 || array.data.length !== count * length) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `pictures cannot have the shape [${array.shape.join(', ')}] with ${array.data.length} numbers.`,
      got: array.shape,
      want: '[count, M, N] or [count, M, N, channels]',
      hint: 'Give a list of pictures, or one array whose first axis counts them.',
    });
  }
  const values = ArrayBuffer.isView(array.data) ? (array.data as Float32Array) : Array.from(array.data);
  return Array.from({ length: count }, (_, i) => ({
    data: values.slice(i * length, (i + 1) * length),
    shape,
    ...(array.dtype === undefined ? {} : { dtype: array.dtype }),
  }));
}

// One channel always has a mapped range; colours only where it was asked for.
function rangeFor(images: readonly CheckedImage[], options: ColourOptions, op: string): [number, number] | undefined {
  const mapped = images.filter((one) => one.channels === 1).map((one) => one.data);
  const isGiven = options.vmin !== undefined && options.vmax !== undefined;
  return mapped.length > 0 || isGiven ? mappedRange(mapped, options, op) : undefined;
}

function atPicture<T>(i: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof FoveaError ? error.at(`picture ${i}`) : error;
  }
}

function checkScale(scale: number, op: string): number {
  if (Number.isInteger(scale) && scale >= 1) return scale;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `scale is ${scale}.`,
    got: scale,
    want: 'a whole number of at least 1',
    hint: 'Use png(scale) for other sizes.',
  });
}

function checkCount(name: string, words: readonly string[] | undefined, count: number, op: string): void {
  if (words === undefined || words.length === count) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `there are ${words.length} ${name} for ${count} pictures.`,
    got: words.length,
    want: count,
  });
}

function titleWidth(title: string | undefined): number {
  return title === undefined ? 0 : Math.ceil(textWidth(title, size.title, true)) + 2 * size.margin;
}

function titleShapes(title: string | undefined, width: number): Shape[] {
  if (title === undefined) return [];
  const at = { x: width / 2, y: size.margin + size.title - 3, anchor: 'middle' as const };
  return [{ kind: 'text', ...at, text: title, size: size.title, isBold: true, fill: 'ink' }];
}

// A line around a picture, outside its pixels, for white borders on a white page.
function frame(x: number, y: number, width: number, height: number): Shape[] {
  return [
    { kind: 'rect', x: x - 1, y: y - 1, width: width + 2, height: height + 2, fill: 'rule' },
    { kind: 'rect', x, y, width, height, fill: 'surface' },
  ];
}

function colourBar(
  colormap: Colormap,
  [vmin, vmax]: readonly [number, number],
  x: number,
  y: number,
  height: number,
): { shapes: Shape[]; width: number } {
  const table = colormapTable(colormap);
  const data = new Uint8ClampedArray(4 * 256);
  for (let i = 0; i < 256; i++) data.set([...table.subarray(3 * (255 - i), 3 * (255 - i) + 3), 255], 4 * i);
  const shapes = frame(x, y, 14, height);
  shapes.push({ kind: 'image', x, y, width: 14, height, pixels: { width: 1, height: 256, data } });
  const position = scaleLinear()
    .domain([vmin, vmax])
    .range([y + height, y]);
  // A short bar asks for few ticks; a single one would leave its scale open.
  let wanted = Math.max(2, Math.min(6, Math.floor(height / 36)));
  while (vmin !== vmax && position.ticks(wanted).length < 2) wanted++;
  const ticks = vmin === vmax ? [vmin] : position.ticks(wanted);
  const format = position.tickFormat(wanted);
  let widest = 0;
  for (const tick of ticks) {
    const text = vmin === vmax ? String(tick) : format(tick);
    const at = vmin === vmax ? y + height / 2 : position(tick);
    shapes.push({ kind: 'rect', x: x + 14, y: Math.round(at) - 0.5, width: 4, height: 1, fill: 'rule' });
    shapes.push({ kind: 'text', x: x + 22, y: at + 4, text, size: size.tick, fill: 'muted' });
    widest = Math.max(widest, textWidth(text, size.tick));
  }
  return { shapes, width: 22 + Math.ceil(widest) };
}
