// Figures put together of others: one below the other, with words above each.
import { Figure } from '../../plot/figure.js';
import { textWidth } from '../../plot/font.js';
import { moved, type Shape } from '../../plot/scene.js';
import { size } from '../../plot/theme.js';

/** A part of a sheet. */
export interface SheetRow {
  /** One line above it, bold up to the first two spaces in a row. */
  readonly title: string;
  readonly figure: Figure;
}

const GAP = 16;
const LINE = size.label + 8;

/** Figures one below the other, each under its title. */
export function stacked(rows: readonly SheetRow[], description: string): Figure {
  const shapes: Shape[] = [];
  let y = size.margin;
  let right = 0;
  for (const { title, figure } of rows) {
    const [name = '', ...rest] = title.split('  ');
    const more = rest.join('  ').trim();
    const at = { kind: 'text' as const, y: y + size.label, size: size.label };
    const width = textWidth(name, size.label, true);
    shapes.push({ ...at, x: size.margin, text: name, isBold: true, fill: 'ink' });
    if (more !== '') shapes.push({ ...at, x: size.margin + width + 8, text: more, fill: 'muted' });
    // Figures with words have a margin of their own.
    const own = figure.scene.background === undefined ? 0 : size.margin;
    right = Math.max(right, figure.width - 2 * own, width + 8 + textWidth(more, size.label));
    y += LINE;
    shapes.push(...moved(figure.scene.shapes, size.margin - own, y - own));
    y += figure.height - 2 * own + GAP;
  }
  return new Figure({
    width: Math.ceil(right) + 2 * size.margin,
    height: Math.ceil(y - GAP + size.margin),
    description,
    background: 'surface',
    shapes,
  });
}
