// Makes src/plot/font-data.ts and src/plot/font-metrics.ts from Inter's Latin files (SIL OFL 1.1, see
// src/plot/OFL-Inter.txt). Run after `npm install --no-save opentype.js @fontsource/inter`:
//   node tools/plot-font.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import opentype from 'opentype.js';

const EM = 1024;
const characters = [];
for (let code = 32; code < 127; code++) characters.push(code);
for (let code = 160; code < 256; code++) characters.push(code);
for (let code = 256; code < 384; code++) characters.push(code);
for (const c of 'Œœˆ˜–—‘’‚“”„•…‹›€™−') characters.push(c.codePointAt(0));

// Western and other European letters are in two files.
function loadFont(weight) {
  const fonts = ['latin', 'latin-ext'].map((part) => {
    const file = readFileSync(`node_modules/@fontsource/inter/files/inter-${part}-${weight}-normal.woff`);
    return opentype.parse(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
  });
  const glyphOf = (code) => {
    const found = fonts
      .map((font) => font.charToGlyph(String.fromCodePoint(code)))
      .filter((glyph) => glyph.index !== 0);
    return found[0];
  };
  return { unitsPerEm: fonts[0].unitsPerEm, glyphOf };
}

// A glyph is: code, advance, then commands (1 move, 2 line, 3 quadratic, 0 end), each with its points as
// differences from the last point. All numbers are zigzag varints in 1/1024 em, y down.
function encode(font) {
  const bytes = [];
  const put = (value) => {
    let z = value < 0 ? -2 * value - 1 : 2 * value;
    for (; z > 127; z = Math.floor(z / 128)) bytes.push((z & 127) | 128);
    bytes.push(z);
  };
  const scale = EM / font.unitsPerEm;
  for (const code of new Set(characters)) {
    const glyph = font.glyphOf(code);
    if (glyph === undefined) continue;
    put(code);
    put(Math.round(glyph.advanceWidth * scale));
    let x = 0;
    let y = 0;
    const point = (px, py) => {
      const nx = Math.round(px * scale);
      const ny = Math.round(-py * scale);
      put(nx - x);
      put(ny - y);
      x = nx;
      y = ny;
    };
    for (const c of glyph.path.commands) {
      if (c.type === 'Z') continue;
      put({ M: 1, L: 2, Q: 3 }[c.type]);
      if (c.type === 'Q') point(c.x1, c.y1);
      point(c.x, c.y);
    }
    put(0);
  }
  return Buffer.from(bytes).toString('base64');
}

function advances(font) {
  const row = [];
  for (let code = 32; code < 127; code++) {
    row.push(Math.round((font.glyphOf(code).advanceWidth * EM) / font.unitsPerEm));
  }
  return row;
}

function wrap(numbers) {
  const lines = [];
  for (let i = 0; i < numbers.length; i += 20) lines.push(`  ${numbers.slice(i, i + 20).join(', ')},`);
  return lines.join('\n');
}

const regular = loadFont(400);
const bold = loadFont(600);
const origin = `// Made by tools/plot-font.mjs from Inter, Copyright 2016 The Inter Project Authors
// (https://github.com/rsms/inter), under the SIL Open Font License 1.1: see ./OFL-Inter.txt.`;

writeFileSync(
  'src/plot/font-data.ts',
  `${origin}
// Read by ./font.ts, which knows the layout.

/** Outlines in regular (400), base64. */
// biome-ignore format: one long string
export const regularOutlines = '${encode(regular)}';

/** Outlines in semi-bold (600), base64. */
// biome-ignore format: one long string
export const boldOutlines = '${encode(bold)}';
`,
);
writeFileSync(
  'src/plot/font-metrics.ts',
  `${origin}
// Advance widths of ASCII 32 to 126 in 1/1024 em, so that a layout needs no outlines.

// biome-ignore format: a table
export const regularAdvances: readonly number[] = [
${wrap(advances(regular))}
];

// biome-ignore format: a table
export const boldAdvances: readonly number[] = [
${wrap(advances(bold))}
];
`,
);
