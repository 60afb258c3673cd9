// A scene (./scene.ts) as pixels. Shapes with edges are filled by exact area coverage, summed along each row, as
// font rasterisers do; rectangles on whole pixels and pictures keep their exact colours.

import type { Font } from './font.js';
import type { DotShape, ImageShape, Paint, PathShape, Pixels, RectShape, Scene, TextShape } from './scene.js';
import type { Role } from './theme.js';

type Point = readonly [x: number, y: number];

/** Draws a scene at `scale` device pixels for a CSS pixel. A scene with text needs the font. */
export function rasterize(
  scene: Scene,
  colours: Readonly<Record<Role, string>>,
  scale: number,
  font: Font | undefined,
): Pixels {
  const width = Math.max(1, Math.round(scene.width * scale));
  const height = Math.max(1, Math.round(scene.height * scale));
  const canvas = new Canvas(width, height);
  const paint = (colour: Paint): Rgb => parseHex(colour.startsWith('#') ? colour : colours[colour as Role]);
  if (scene.background !== undefined) {
    canvas.fill([[0, 0, width, 0, width, height, 0, height]], paint(scene.background), 1);
  }
  for (const shape of scene.shapes) {
    switch (shape.kind) {
      case 'rect':
        canvas.fill([rectOutline(shape, scale)], paint(shape.fill), shape.opacity ?? 1);
        break;
      case 'dot':
        canvas.fill([discOutline(shape, scale)], paint(shape.fill), 1);
        break;
      case 'path':
        canvas.fill(strokeOutlines(shape, scale), paint(shape.stroke), 1);
        break;
      case 'text':
        if (font !== undefined) canvas.fill(textOutlines(shape, scale, font), paint(shape.fill), 1);
        break;
      case 'image':
        canvas.draw(shape, scale);
        break;
    }
  }
  return canvas;
}

type Rgb = readonly [red: number, green: number, blue: number];

function parseHex(colour: string): Rgb {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

class Canvas implements Pixels {
  readonly data: Uint8ClampedArray;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }

  /** Fills closed outlines, in device pixels, by non-zero winding (exact where outlines overlap in one sense only). */
  fill(outlines: readonly (readonly number[])[], colour: Rgb, opacity: number): void {
    const bounds = this.boundsOf(outlines);
    if (bounds === undefined) return;
    const { left, top, columns, rows } = bounds;
    // One cell more, because an edge writes into the cell to its right.
    const stride = columns + 2;
    const cover = new Float32Array(stride * rows);
    for (const outline of outlines) {
      const n = outline.length;
      for (let i = 0; i < n; i += 2) {
        const from: Point = [(outline[i] as number) - left, (outline[i + 1] as number) - top];
        const to: Point = [(outline[(i + 2) % n] as number) - left, (outline[(i + 3) % n] as number) - top];
        addEdge(cover, stride, columns, rows, from, to);
      }
    }
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) {
        sum += cover[row * stride + column] as number;
        const share = Math.min(1, Math.abs(sum)) * opacity;
        if (share > 1 / 512) this.blend(4 * ((top + row) * this.width + left + column), colour, share);
      }
    }
  }

  /** Draws a picture without smoothing; its rectangle is rounded to whole pixels. */
  draw(shape: ImageShape, scale: number): void {
    const { pixels } = shape;
    const left = Math.round(shape.x * scale);
    const top = Math.round(shape.y * scale);
    const columns = Math.round((shape.x + shape.width) * scale) - left;
    const rows = Math.round((shape.y + shape.height) * scale) - top;
    for (let row = Math.max(0, -top); row < rows && top + row < this.height; row++) {
      const fromRow = Math.floor(((row + 0.5) * pixels.height) / rows);
      for (let column = Math.max(0, -left); column < columns && left + column < this.width; column++) {
        const from = 4 * (fromRow * pixels.width + Math.floor(((column + 0.5) * pixels.width) / columns));
        const [red, green, blue, alpha] = pixels.data.subarray(from, from + 4) as unknown as [
          number,
          number,
          number,
          number,
        ];
        this.blend(4 * ((top + row) * this.width + left + column), [red, green, blue], alpha / 255);
      }
    }
  }

  // Source over destination, with opacity kept for pictures without a background.
  private blend(at: number, colour: Rgb, share: number): void {
    const { data } = this;
    const below = ((data[at + 3] as number) / 255) * (1 - share);
    const total = share + below;
    if (total === 0) return;
    for (let c = 0; c < 3; c++) {
      data[at + c] = ((colour[c] as number) * share + (data[at + c] as number) * below) / total;
    }
    data[at + 3] = 255 * total;
  }

  private boundsOf(
    outlines: readonly (readonly number[])[],
  ): { left: number; top: number; columns: number; rows: number } | undefined {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const outline of outlines) {
      for (let i = 0; i < outline.length; i += 2) {
        x0 = Math.min(x0, outline[i] as number);
        x1 = Math.max(x1, outline[i] as number);
        y0 = Math.min(y0, outline[i + 1] as number);
        y1 = Math.max(y1, outline[i + 1] as number);
      }
    }
    const left = Math.max(0, Math.floor(x0));
    const top = Math.max(0, Math.floor(y0));
    const columns = Math.min(this.width, Math.ceil(x1)) - left;
    const rows = Math.min(this.height, Math.ceil(y1)) - top;
    return columns > 0 && rows > 0 ? { left, top, columns, rows } : undefined;
  }
}

/**
 * Adds one edge's signed coverage, so that a running sum along each row gives the covered area of every pixel.
 * Parts left of the region count in its first column, parts right of it not at all.
 */
function addEdge(cover: Float32Array, stride: number, columns: number, rows: number, from: Point, to: Point): void {
  if (from[1] === to[1]) return;
  const sense = from[1] < to[1] ? 1 : -1;
  const [high, low] = sense > 0 ? [from, to] : [to, from];
  const slope = (low[0] - high[0]) / (low[1] - high[1]);
  const first = Math.max(0, Math.floor(high[1]));
  const last = Math.min(rows, Math.ceil(low[1]));
  for (let row = first; row < last; row++) {
    const yTop = Math.max(row, high[1]);
    const yBottom = Math.min(row + 1, low[1]);
    if (yBottom <= yTop) continue;
    const clampX = (x: number): number => Math.min(columns, Math.max(0, x));
    const xa = clampX(high[0] + (yTop - high[1]) * slope);
    const xb = clampX(high[0] + (yBottom - high[1]) * slope);
    addRowEdge(cover, row * stride, Math.min(xa, xb), Math.max(xa, xb), sense * (yBottom - yTop));
  }
}

// Spreads `amount` over the cells between two abscissae: area to the right of the edge within each cell.
function addRowEdge(cover: Float32Array, base: number, x0: number, x1: number, amount: number): void {
  const firstCell = Math.floor(x0);
  if (x1 <= firstCell + 1) {
    const inside = amount * (firstCell + 1 - (x0 + x1) / 2);
    cover[base + firstCell] = (cover[base + firstCell] as number) + inside;
    cover[base + firstCell + 1] = (cover[base + firstCell + 1] as number) + amount - inside;
    return;
  }
  const perX = amount / (x1 - x0);
  let done = 0;
  for (let cell = firstCell; cell < x1; cell++) {
    const a = Math.max(x0, cell);
    const b = Math.min(x1, cell + 1);
    // What lies left of this cell covers it whole; what lies in it covers the part to its right.
    const whole = perX * (a - x0) + perX * (b - a) * (cell + 1 - (a + b) / 2);
    cover[base + cell] = (cover[base + cell] as number) + whole - done;
    done = whole;
  }
  const end = base + Math.ceil(x1);
  cover[end] = (cover[end] as number) + amount - done;
}

function rectOutline(shape: RectShape, scale: number): number[] {
  const [x0, y0] = [shape.x * scale, shape.y * scale];
  const [x1, y1] = [(shape.x + shape.width) * scale, (shape.y + shape.height) * scale];
  return [x0, y0, x1, y0, x1, y1, x0, y1];
}

function discOutline(shape: DotShape, scale: number): number[] {
  return disc(shape.x * scale, shape.y * scale, shape.radius * scale);
}

function disc(x: number, y: number, radius: number): number[] {
  const corners = Math.max(12, Math.ceil(4 * radius));
  const outline: number[] = [];
  for (let k = 0; k < corners; k++) {
    const angle = (2 * Math.PI * k) / corners;
    outline.push(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  return outline;
}

// Each straight piece becomes a rectangle and each corner a disc, all turning the same way, so that overlaps
// never cancel.
function strokeOutlines(shape: PathShape, scale: number): number[][] {
  const radius = (shape.strokeWidth * scale) / 2;
  const outlines: number[][] = [];
  for (const line of shape.path.lines) {
    const scaled = line.map((value) => value * scale);
    const pieces = shape.dash === undefined ? [scaled] : dashes(scaled, shape.dash[0] * scale, shape.dash[1] * scale);
    for (const piece of pieces) {
      for (let i = 0; i < piece.length; i += 2) {
        const [x, y] = [piece[i] as number, piece[i + 1] as number];
        outlines.push(disc(x, y, radius));
        if (i + 2 >= piece.length) continue;
        const [x2, y2] = [piece[i + 2] as number, piece[i + 3] as number];
        const length = Math.hypot(x2 - x, y2 - y);
        if (length === 0) continue;
        const nx = (-(y2 - y) / length) * radius;
        const ny = ((x2 - x) / length) * radius;
        outlines.push([x - nx, y - ny, x2 - nx, y2 - ny, x2 + nx, y2 + ny, x + nx, y + ny]);
      }
    }
  }
  return outlines;
}

function dashes(line: readonly number[], dash: number, gap: number): number[][] {
  const pieces: number[][] = [];
  let isOn = true;
  let left = dash;
  let piece: number[] = line.slice(0, 2);
  for (let i = 0; i + 3 < line.length; i += 2) {
    let [x, y] = [line[i] as number, line[i + 1] as number];
    const [x2, y2] = [line[i + 2] as number, line[i + 3] as number];
    let rest = Math.hypot(x2 - x, y2 - y);
    while (rest > left) {
      const t = left / rest;
      x += t * (x2 - x);
      y += t * (y2 - y);
      rest -= left;
      if (isOn) pieces.push([...piece, x, y]);
      isOn = !isOn;
      left = isOn ? dash : gap;
      piece = [x, y];
    }
    left -= rest;
    piece.push(x2, y2);
  }
  if (isOn) pieces.push(piece);
  return pieces;
}

function textOutlines(shape: TextShape, scale: number, font: Font): number[][] {
  const { outlines, width } = font.layOut(shape.text, shape.size * scale, shape.isBold === true);
  const start = shape.anchor === 'middle' ? -width / 2 : shape.anchor === 'end' ? -width : 0;
  const angle = ((shape.rotate ?? 0) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return outlines.map((outline) => {
    const turned: number[] = [];
    for (let i = 0; i < outline.length; i += 2) {
      const [x, y] = [start + (outline[i] as number), outline[i + 1] as number];
      turned.push(shape.x * scale + cos * x - sin * y, shape.y * scale + sin * x + cos * y);
    }
    return turned;
  });
}
