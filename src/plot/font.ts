// Letters for pictures without a font: widths for layouts, outlines for ./raster.ts. Outlines come from
// ./font-data.ts, which is loaded at the first PNG that has text.

import { boldAdvances, regularAdvances } from './font-metrics.js';

const EM = 1024;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\u{1f300}-\u{1faff}]/u;

/** Width of one line of text in CSS pixels; beyond ASCII an estimate. */
export function textWidth(text: string, size: number, isBold = false): number {
  const advances = isBold ? boldAdvances : regularAdvances;
  let width = 0;
  for (const character of text) {
    width += advances[(character.codePointAt(0) as number) - 32] ?? (WIDE.test(character) ? EM : 0.6 * EM);
  }
  return (width * size) / EM;
}

/** The text, cut with an ellipsis where it is wider than `width`. */
export function fitted(text: string, width: number, size: number, isBold = false): string {
  if (textWidth(text, size, isBold) <= width) return text;
  const characters = [...text];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size, isBold) > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

interface Glyph {
  readonly advance: number;
  /** Closed outlines, corners x0, y0, x1, y1, ... in 1/1024 em, y down from the baseline. */
  readonly outlines: readonly (readonly number[])[];
}

/** Outlines of regular and semi-bold letters. */
export interface Font {
  /** Closed outlines of a line of text whose baseline starts at (0, 0), in CSS pixels, and its width. */
  layOut(text: string, size: number, isBold: boolean): { outlines: number[][]; width: number };
}

let loading: Promise<Font> | undefined;

/** The font, decoded once. */
export function loadFont(): Promise<Font> {
  loading ??= import('./font-data.js').then(({ regularOutlines, boldOutlines }) => {
    const regular = decodeGlyphs(regularOutlines);
    const bold = decodeGlyphs(boldOutlines);
    return { layOut: (text, size, isBold) => layOut(text, size, isBold ? bold : regular) };
  });
  return loading;
}

// A character the font lacks: its accent is dropped where that helps, else it is a hollow box.
const missing: Glyph = {
  advance: 620,
  outlines: [
    [60, 0, 60, -740, 560, -740, 560, 0],
    [130, -70, 490, -70, 490, -670, 130, -670],
  ],
};

function findGlyph(glyphs: ReadonlyMap<number, Glyph>, character: string): Glyph {
  const code = character.codePointAt(0) as number;
  const base = character.normalize('NFD').codePointAt(0) as number;
  return glyphs.get(code) ?? glyphs.get(base) ?? missing;
}

function layOut(
  text: string,
  size: number,
  glyphs: ReadonlyMap<number, Glyph>,
): { outlines: number[][]; width: number } {
  const scale = size / EM;
  const outlines: number[][] = [];
  let pen = 0;
  for (const character of text.normalize('NFC')) {
    const glyph = findGlyph(glyphs, character);
    const left = pen;
    for (const outline of glyph.outlines) {
      outlines.push(outline.map((value, i) => scale * (i % 2 === 0 ? left + value : value)));
    }
    pen += glyph.advance;
  }
  return { outlines, width: pen * scale };
}

/** Reads the layout that tools/plot-font.mjs writes: zigzag varints, points as differences. */
function decodeGlyphs(base64: string): ReadonlyMap<number, Glyph> {
  const text = atob(base64);
  let at = 0;
  const next = (): number => {
    let value = 0;
    let factor = 1;
    let byte: number;
    do {
      byte = text.charCodeAt(at++);
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte > 127);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const glyphs = new Map<number, Glyph>();
  while (at < text.length) {
    const code = next();
    const advance = next();
    const outlines: number[][] = [];
    let x = 0;
    let y = 0;
    for (let command = next(); command !== 0; command = next()) {
      const [fromX, fromY] = [x, y];
      x += next();
      y += next();
      if (command === 1) outlines.push([x, y]);
      else if (command === 2) outlines.at(-1)?.push(x, y);
      else {
        const [controlX, controlY] = [x, y];
        x += next();
        y += next();
        outlines.at(-1)?.push(...flatQuadratic(fromX, fromY, controlX, controlY, x, y));
      }
    }
    glyphs.set(code, { advance, outlines });
  }
  return glyphs;
}

// Four chords keep a letter of 40 pixels within a fifth of a pixel of its curve.
function flatQuadratic(x0: number, y0: number, x1: number, y1: number, x2: number, y2: number): number[] {
  const points: number[] = [];
  for (let k = 1; k <= 4; k++) {
    const t = k / 4;
    const s = 1 - t;
    points.push(s * s * x0 + 2 * s * t * x1 + t * t * x2, s * s * y0 + 2 * s * t * y1 + t * t * y2);
  }
  return points;
}
