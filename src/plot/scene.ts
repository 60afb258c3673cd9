// A picture as a list of shapes, in CSS pixels with y downwards: what every plot makes, and what ./svg.ts and
// ./raster.ts draw. Colours are roles of a theme (./theme.ts) or #rrggbb.

import type { Role } from './theme.js';

/** A role of the theme, or a fixed colour. */
export type Paint = Role | `#${string}`;

/** Pixels with red, green, blue and opacity, 4 bytes each, row by row from the top. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

export interface RectShape {
  kind: 'rect';
  x: number;
  y: number;
  width: number;
  height: number;
  fill: Paint;
  opacity?: number;
  /** Shown when the pointer rests on it. */
  tip?: string;
}

export interface PathShape {
  kind: 'path';
  path: Path;
  stroke: Paint;
  strokeWidth: number;
  /** Lengths of dash and gap. */
  dash?: readonly [dash: number, gap: number];
}

export interface DotShape {
  kind: 'dot';
  x: number;
  y: number;
  radius: number;
  fill: Paint;
  tip?: string;
}

export interface TextShape {
  kind: 'text';
  /** Where the baseline starts, has its middle or ends, as `anchor` says. */
  x: number;
  y: number;
  text: string;
  size: number;
  fill: Paint;
  isBold?: boolean;
  anchor?: 'start' | 'middle' | 'end';
  /** Degrees, clockwise, about (x, y). */
  rotate?: number;
}

/** A picture stretched to a rectangle without smoothing. */
export interface ImageShape {
  kind: 'image';
  x: number;
  y: number;
  width: number;
  height: number;
  pixels: Pixels;
}

export type Shape = RectShape | PathShape | DotShape | TextShape | ImageShape;

export interface Scene {
  readonly width: number;
  readonly height: number;
  /** One sentence for those who cannot see the picture. */
  readonly description: string;
  /** Without it the picture is transparent where nothing is drawn. */
  readonly background?: Paint;
  readonly shapes: readonly Shape[];
}

/** The same shapes moved by (dx, dy). */
export function moved(shapes: readonly Shape[], dx: number, dy: number): Shape[] {
  return shapes.map((shape) =>
    shape.kind === 'path'
      ? { ...shape, path: shape.path.moved(dx, dy) }
      : { ...shape, x: shape.x + dx, y: shape.y + dy },
  );
}

/** Broken lines; d3-shape draws into it as into a canvas. */
export class Path {
  /** Each line's corners: x0, y0, x1, y1, ... */
  readonly lines: number[][] = [];

  moveTo(x: number, y: number): void {
    this.lines.push([x, y]);
  }

  lineTo(x: number, y: number): void {
    const last = this.lines.at(-1);
    if (last === undefined) this.moveTo(x, y);
    else last.push(x, y);
  }

  /** A point that stands alone comes as a move and a close; it is drawn as a dot by the line's round ends. */
  closePath(): void {
    const last = this.lines.at(-1);
    if (last !== undefined) last.push(last[0] as number, last[1] as number);
  }

  moved(dx: number, dy: number): Path {
    const path = new Path();
    for (const line of this.lines) path.lines.push(line.map((value, i) => value + (i % 2 === 0 ? dx : dy)));
    return path;
  }
}
