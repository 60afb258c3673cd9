// A scene (./scene.ts) as SVG text. Every string from outside passes `escapeXml`.

import { encode } from 'fast-png';
import type { Paint, Path, Pixels, Scene, Shape } from './scene.js';
import { fontFamily, type Role } from './theme.js';

/** Replaces what XML and HTML would take for markup, in text and in attributes, and drops what XML forbids. */
export function escapeXml(text: string): string {
  return [...text]
    .filter(isAllowed)
    .join('')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

function isAllowed(character: string): boolean {
  const code = character.codePointAt(0) as number;
  return (code >= 32 || code === 9 || code === 10 || code === 13) && code !== 0xfffe && code !== 0xffff;
}

/** Pixels as a PNG file. */
export function encodePng(pixels: Pixels): Uint8Array {
  return encode({ width: pixels.width, height: pixels.height, data: pixels.data, channels: 4, depth: 8 });
}

/** Pixels as a `data:` address. */
export function pngAddress(pixels: Pixels): string {
  const bytes = encodePng(pixels);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}

/**
 * Draws a scene; `colours` gives each role its CSS colour, which may be a `var(...)`. A drawing `within` an HTML page
 * needs no namespace.
 */
export function renderSvg(
  scene: Scene,
  colours: Readonly<Record<Role, string>>,
  place: 'alone' | 'within' = 'alone',
): string {
  const { width, height } = scene;
  const paint = (colour: Paint): string => (colour.startsWith('#') ? colour : colours[colour as Role]);
  const parts = [
    `<svg${place === 'alone' ? ' xmlns="http://www.w3.org/2000/svg"' : ''} width="${short(width)}" height="${short(height)}" ` +
      `viewBox="0 0 ${short(width)} ${short(height)}" role="img" aria-label="${escapeXml(scene.description)}" ` +
      `font-family="${escapeXml(fontFamily)}">`,
  ];
  if (scene.background !== undefined) {
    parts.push(`<rect width="100%" height="100%" fill="${paint(scene.background)}"/>`);
  }
  for (const shape of scene.shapes) parts.push(renderShape(shape, paint));
  parts.push('</svg>');
  return parts.join('\n');
}

function renderShape(shape: Shape, paint: (colour: Paint) => string): string {
  switch (shape.kind) {
    case 'rect': {
      const opacity = shape.opacity === undefined ? '' : ` fill-opacity="${short(shape.opacity)}"`;
      return withTip(`rect ${box(shape)} fill="${paint(shape.fill)}"${opacity}`, shape.tip);
    }
    case 'dot':
      return withTip(
        `circle cx="${short(shape.x)}" cy="${short(shape.y)}" r="${short(shape.radius)}" fill="${paint(shape.fill)}"`,
        shape.tip,
      );
    case 'path': {
      const dash = shape.dash === undefined ? '' : ` stroke-dasharray="${shape.dash.join(' ')}"`;
      return (
        `<path d="${pathData(shape.path)}" fill="none" stroke="${paint(shape.stroke)}" ` +
        `stroke-width="${short(shape.strokeWidth)}" stroke-linejoin="round" stroke-linecap="round"${dash}/>`
      );
    }
    case 'text': {
      const at = `x="${short(shape.x)}" y="${short(shape.y)}"`;
      const anchor = shape.anchor === undefined || shape.anchor === 'start' ? '' : ` text-anchor="${shape.anchor}"`;
      const weight = shape.isBold === true ? ' font-weight="600"' : '';
      const turn =
        shape.rotate === undefined
          ? ''
          : ` transform="rotate(${short(shape.rotate)} ${short(shape.x)} ${short(shape.y)})"`;
      return (
        `<text ${at} font-size="${short(shape.size)}" fill="${paint(shape.fill)}"${weight}${anchor}${turn}>` +
        `${escapeXml(shape.text)}</text>`
      );
    }
    case 'image':
      return (
        `<image ${box(shape)} preserveAspectRatio="none" image-rendering="pixelated" ` +
        `style="image-rendering:pixelated" href="${pngAddress(shape.pixels)}"/>`
      );
  }
}

function withTip(element: string, tip: string | undefined): string {
  if (tip === undefined) return `<${element}/>`;
  return `<${element}><title>${escapeXml(tip)}</title></${element.slice(0, element.indexOf(' '))}>`;
}

function box(shape: { x: number; y: number; width: number; height: number }): string {
  return `x="${short(shape.x)}" y="${short(shape.y)}" width="${short(shape.width)}" height="${short(shape.height)}"`;
}

function pathData(path: Path): string {
  return path.lines
    .map((line) => {
      let data = '';
      for (let i = 0; i < line.length; i += 2) {
        data += `${i === 0 ? 'M' : 'L'}${short(line[i] as number)},${short(line[i + 1] as number)}`;
      }
      return data;
    })
    .join('');
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}
