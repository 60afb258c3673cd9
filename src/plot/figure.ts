// What a plot hands back: a scene that can be had as SVG, PNG or HTML and saved.

import { FoveaError } from '../core/errors.js';
import { isNode, writeFileAtomic } from '../core/node-files.js';
import { loadFont } from './font.js';
import { rasterize } from './raster.js';
import type { Scene } from './scene.js';
import { encodePng, escapeXml, renderSvg } from './svg.js';
import { type ThemeName, themes } from './theme.js';

const MAX_PIXELS = 1 << 28;

/** A finished picture. */
export class Figure {
  /** Width in CSS pixels. */
  readonly width: number;
  /** Height in CSS pixels. */
  readonly height: number;

  constructor(
    /** The shapes it is made of. */
    readonly scene: Scene,
    private readonly theme: ThemeName = 'light',
  ) {
    this.width = scene.width;
    this.height = scene.height;
  }

  /** The picture as an SVG document, without references to anything outside it. */
  svg(): string {
    return renderSvg(this.scene, themes[this.theme]);
  }

  /**
   * The picture as a PNG file, `scale` device pixels for a CSS pixel; default 1 for pictures without text and lines,
   * 2 for others. Throws `FoveaError` code `argument` for a scale that is not above 0 or makes too large a picture.
   */
  async png(scale?: number): Promise<Uint8Array> {
    const isBare = this.scene.shapes.every((shape) => shape.kind === 'image');
    const factor = scale ?? (isBare ? 1 : 2);
    if (!(factor > 0) || this.width * this.height * factor * factor > MAX_PIXELS) {
      throw new FoveaError({
        code: 'argument',
        op: 'png',
        message: `a picture of ${this.width} x ${this.height} cannot be drawn at scale ${factor}.`,
        got: factor,
        want: `a scale above 0, at most ${MAX_PIXELS} pixels in all`,
      });
    }
    const hasText = this.scene.shapes.some((shape) => shape.kind === 'text');
    const font = hasText ? await loadFont() : undefined;
    return encodePng(rasterize(this.scene, themes[this.theme], factor, font));
  }

  /** The picture on a page of its own. */
  html(): string {
    const { surface } = themes[this.theme];
    return (
      `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n` +
      `<meta name="viewport" content="width=device-width, initial-scale=1">\n` +
      `<title>${escapeXml(this.scene.description)}</title>\n` +
      `<style>body{margin:0;display:grid;place-items:center;min-height:100vh;background:${surface}}` +
      `svg{max-width:100%;height:auto}</style>\n${this.svg()}\n</html>\n`
    );
  }

  /**
   * Writes the picture to a file, whose ending says how: `.svg`, `.png` or `.html`. Needs Node. Throws `FoveaError`
   * code `argument` for another ending and code `file` where the file cannot be written.
   */
  async save(path: string): Promise<void> {
    const ending = /\.(svg|png|html)$/i.exec(path)?.[1]?.toLowerCase();
    if (ending === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'save',
        message: `cannot tell the format of a picture from the name ${JSON.stringify(path)}.`,
        got: path,
        want: '.svg, .png or .html',
        hint: 'End the name with .svg, .png or .html.',
      });
    }
    if (!isNode()) {
      throw new FoveaError({
        code: 'unsupported',
        op: 'save',
        message: 'a browser has no files to save to.',
        hint: 'Use svg(), png() or html() and offer the result as a download.',
      });
    }
    const bytes =
      ending === 'png' ? await this.png() : new TextEncoder().encode(ending === 'svg' ? this.svg() : this.html());
    await writeFileAtomic(path, bytes);
  }
}
