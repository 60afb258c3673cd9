// A table as text for the terminal and as Markdown for the pages.

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  /** Cells; the first column is text, the others are set to the right in a terminal. */
  readonly rows: readonly (readonly string[])[];
}

export function toText({ title, columns, rows }: Table): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [title, line(columns), ...rows.map(line)].filter((text) => text !== '').join('\n');
}

export function toMarkdown({ title, columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const heading = title === '' ? [] : [`**${title}**`, ''];
  return [...heading, line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
