// Drawings of the course's examples: panels of cells, pictures and words, set beside and above each other.
import { plot } from 'fovea';
import { formatNumber, type Matrix, outputPath } from './lib.js';

type Shape = plot.Shape;

/** A rectangle of a drawing. */
export interface Panel {
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Shape[];
}

/** A fixed colour. */
export type Colour = `#${string}`;

/** Colours with a meaning: what is read, what is written, what weighs, what lies outside. */
export const colours = {
  read: '#cfe5f5',
  write: '#ffd9bf',
  weight: '#0067a3',
  strong: '#d55e00',
  good: '#bfe8d8',
  outside: '#eceff2',
  paper: '#ffffff',
  ink: '#1b2430',
} as const satisfies Record<string, Colour>;

/** How one cell looks. */
export interface CellStyle {
  fill?: Colour;
  ink?: Colour;
  /** Instead of the number; '' leaves the cell empty. */
  text?: string;
  /** A word in the lower right corner. */
  small?: string;
}

/** A line around a block of cells. */
export interface Frame {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  readonly colour?: Colour;
}

export interface CellOptions {
  /** Side of a cell in CSS pixels; default 30. */
  cell?: number;
  style?: (row: number, column: number, value: number) => CellStyle | undefined;
  frames?: readonly Frame[];
  decimals?: number;
}

/** A matrix as cells with numbers. */
export function cells(matrix: Matrix, { cell = 30, style, frames = [], decimals = 2 }: CellOptions = {}): Panel {
  const [height, width] = [matrix.length, matrix[0]?.length ?? 0];
  const shapes: Shape[] = [rect(0, 0, width * cell + 1, height * cell + 1, '#b6bec8')];
  matrix.forEach((row, i) => {
    row.forEach((value, j) => {
      const { fill = colours.paper, small, ...rest } = style?.(i, j, value) ?? {};
      const { ink = isDark(fill) ? '#ffffff' : colours.ink, text = formatNumber(value, decimals) } = rest;
      const [x, y] = [j * cell, i * cell];
      shapes.push(rect(x + 1, y + 1, cell - 1, cell - 1, fill));
      const wanted = small === undefined ? 0.44 * cell : 0.4 * cell;
      const size = Math.min(wanted, (wanted * (cell - 4)) / Math.max(1, plot.textWidth(text, wanted)));
      const middle =
        small === undefined ? { x: x + cell / 2, y: y + cell / 2 } : { x: x + 0.4 * cell, y: y + 0.42 * cell };
      if (text !== '') shapes.push(word(middle.x + 0.5, middle.y + 0.36 * size, text, size, ink));
      if (small === undefined) return;
      const at = { x: x + cell - 2, y: y + cell - 3, anchor: 'end' as const };
      shapes.push({ kind: 'text', ...at, text: small, size: 0.27 * cell, fill: colours.strong, isBold: true });
    });
  });
  for (const { row, column, rows, columns, colour = colours.weight } of frames) {
    const path = new plot.Path();
    const [x, y] = [column * cell + 0.5, row * cell + 0.5];
    path.moveTo(x, y);
    path.lineTo(x + columns * cell, y);
    path.lineTo(x + columns * cell, y + rows * cell);
    path.lineTo(x, y + rows * cell);
    path.closePath();
    shapes.push({ kind: 'path', path, stroke: colour, strokeWidth: 2 });
  }
  return { width: width * cell + 1, height: height * cell + 1, shapes };
}

/** A fill that grows from white to `full` as a number goes from `low` to `high`. */
export function heat(low: number, high: number, full: Colour = colours.weight): (value: number) => Colour {
  return (value) => {
    const share = high === low ? 0 : Math.max(0, Math.min(1, (value - low) / (high - low)));
    const part = (at: number): string => {
      const end = Number.parseInt(full.slice(at, at + 2), 16);
      return Math.round(255 + share * (end - 255))
        .toString(16)
        .padStart(2, '0');
    };
    return `#${part(1)}${part(3)}${part(5)}`;
  };
}

/** A grey between black at `low` and white at `high`. */
export function grey(low: number, high: number): (value: number) => Colour {
  return (value) => {
    const level = Math.round(255 * Math.max(0, Math.min(1, (value - low) / (high - low))));
    const part = level.toString(16).padStart(2, '0');
    return `#${part}${part}${part}`;
  };
}

/** An array as a picture, through a colour map where it has one channel. */
export function picture(array: plot.ImageArray, options: plot.ImageOptions = {}): Panel {
  const { scene } = plot.image(array, options);
  const line = rect(-1, -1, scene.width + 2, scene.height + 2, '#98a2ad');
  const inner = scene.background === undefined ? [line, ...scene.shapes] : scene.shapes;
  return { width: scene.width, height: scene.height, shapes: inner };
}

/** A picture with dots at places [row, column] of its array, `scale` CSS pixels a pixel. */
export function marked(
  panel: Panel,
  places: readonly (readonly [row: number, column: number])[],
  scale: number,
): Panel {
  const dots = places.flatMap(([row, column]): Shape[] => {
    const at = { x: (column + 0.5) * scale, y: (row + 0.5) * scale };
    return [
      { kind: 'dot', ...at, radius: 4.5, fill: '#ffffff' },
      { kind: 'dot', ...at, radius: 3.2, fill: colours.strong },
    ];
  });
  return { ...panel, shapes: [...panel.shapes, ...dots] };
}

/** A chart as a panel. */
export function chart({ scene }: plot.Figure): Panel {
  return scene;
}

/** A word between panels, such as * or =. */
export function sign(text: string, size = 20): Panel {
  const width = plot.textWidth(text, size);
  return { width, height: size, shapes: [word(width / 2, 0.8 * size, text, size, colours.ink)] };
}

/** Lines of small text. */
export function note(text: string, size = 12): Panel {
  const lines = text.split('\n');
  const shapes = lines.map(
    (line, i): Shape => ({
      kind: 'text',
      x: 0,
      y: (i + 0.8) * 1.4 * size,
      text: line,
      size,
      fill: 'muted',
    }),
  );
  return {
    width: Math.max(...lines.map((line) => plot.textWidth(line, size))),
    height: 1.4 * size * lines.length,
    shapes,
  };
}

/** A line from one panel's side to the next, with a head. */
export function arrow(length = 36): Panel {
  const path = new plot.Path();
  path.moveTo(0, 6);
  path.lineTo(length, 6);
  path.moveTo(length - 6, 1);
  path.lineTo(length, 6);
  path.lineTo(length - 6, 11);
  return { width: length, height: 12, shapes: [{ kind: 'path', path, stroke: 'rule', strokeWidth: 1.5 }] };
}

/** A panel under its name. */
export function titled(title: string, panel: Panel, size = 13): Panel {
  const width = Math.max(panel.width, plot.textWidth(title, size));
  const top = size + 8;
  return {
    width,
    height: panel.height + top,
    shapes: [word(width / 2, size, title, size, colours.ink), ...moved(panel, (width - panel.width) / 2, top)],
  };
}

/** Panels from left to right, their middles on one line. */
export function beside(panels: readonly Panel[], gap = 16): Panel {
  const height = Math.max(...panels.map((panel) => panel.height));
  let x = 0;
  const shapes = panels.flatMap((panel) => {
    const placed = moved(panel, x, Math.round((height - panel.height) / 2));
    x += panel.width + gap;
    return placed;
  });
  return { width: x - gap, height, shapes };
}

/** Panels from top to bottom, on one axis. */
export function above(panels: readonly Panel[], gap = 20, align: 'centre' | 'left' = 'centre'): Panel {
  const width = Math.max(...panels.map((panel) => panel.width));
  let y = 0;
  const shapes = panels.flatMap((panel) => {
    const placed = moved(panel, align === 'left' ? 0 : Math.round((width - panel.width) / 2), y);
    y += panel.height + gap;
    return placed;
  });
  return { width, height: y - gap, shapes };
}

/** Panels in rows of `columns`. */
export function wrap(panels: readonly Panel[], columns: number, gapX = 28, gapY = 22): Panel {
  const lines: Panel[] = [];
  for (let i = 0; i < panels.length; i += columns) lines.push(beside(panels.slice(i, i + columns), gapX));
  return above(lines, gapY, 'left');
}

/** Planes lying on each other, the first in front: a stack of maps. */
export function stacked(planes: readonly Panel[], offset = 12): Panel {
  const last = planes.length - 1;
  const shapes = planes
    .map((panel, i) => moved(panel, i * offset, (last - i) * offset))
    .reverse()
    .flat();
  const [width, height] = [planes[0]?.width ?? 0, planes[0]?.height ?? 0];
  return { width: width + last * offset, height: height + last * offset, shapes };
}

/** Writes the drawing under its title as a PNG and says where. */
export async function draw(name: string, title: string, panel: Panel): Promise<void> {
  const [margin, size] = [22, 16];
  const width = Math.max(panel.width, plot.textWidth(title, size, true)) + 2 * margin;
  const top = margin + size + 16;
  const figure = new plot.Figure({
    width: Math.ceil(width),
    height: Math.ceil(top + panel.height + margin),
    description: title,
    background: 'surface',
    shapes: [
      {
        kind: 'text',
        x: width / 2,
        y: margin + size - 4,
        text: title,
        size,
        isBold: true,
        anchor: 'middle',
        fill: 'ink',
      },
      ...moved(panel, Math.round((width - panel.width) / 2), top),
    ],
  });
  const path = outputPath(`${name}.png`);
  await figure.save(path);
  console.log(`picture: ${path}`);
}

function moved({ shapes }: Panel, dx: number, dy: number): Shape[] {
  return shapes.map((shape) =>
    shape.kind === 'path'
      ? { ...shape, path: shape.path.moved(dx, dy) }
      : { ...shape, x: shape.x + dx, y: shape.y + dy },
  );
}

function rect(x: number, y: number, width: number, height: number, fill: Colour): Shape {
  return { kind: 'rect', x, y, width, height, fill };
}

function word(x: number, y: number, text: string, size: number, fill: Colour): Shape {
  return { kind: 'text', x, y, text, size, fill, anchor: 'middle' };
}

function isDark(fill: Colour): boolean {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(fill.slice(at, at + 2), 16)) as [
    number,
    number,
    number,
  ];
  return 0.3 * red + 0.59 * green + 0.11 * blue < 140;
}
