// Writes a run of the benchmarks into the pages: the marked blocks of docs/performance.md and README.md, and the picture.
import { readFileSync, writeFileSync } from 'node:fs';
import {
  figuresTable,
  goalsTable,
  MEANS,
  meansTable,
  peaksTable,
  peersTable,
  type Report,
  rowsTable,
} from './render.js';
import { roofline } from './roofline.js';
import type { RowResult } from './row.js';
import { type Table, toMarkdown } from './table.js';

const PAGE = 'docs/performance.md';
export const PICTURE = 'docs/images/roofline.svg';

/** The text between the marks of a block replaced; throws where the marks are not there. */
export function withBlock(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`there is no block ${name}`);
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

/** Rewrites the pages. Blocks of suites that did not run stay as they are. */
export async function writePages(report: Report): Promise<void> {
  const suites = new Set(report.results.map(({ suite }) => suite));
  const blocks = new Map<string, string>([['bench:run', aboutRun(report)]]);
  blocks.set('bench:goals', toMarkdown(goalsTable(report)));
  if (report.peaks.length > 0) blocks.set('bench:peaks', toMarkdown(peaksTable(report)));
  const put = (suite: string, ...tables: readonly Table[]): void => {
    if (suites.has(suite)) blocks.set(`bench:${suite}`, tables.map(toMarkdown).join('\n\n'));
  };
  put('lecture', peersTable(report, 'lecture'));
  put('conv', meansTable(report, 'conv'));
  put('matmul', rowsTable(report, 'matmul'));
  const memory = figuresTable(report, 'networks');
  put(
    'networks',
    meansTable(report, 'networks'),
    peersTable(report, 'networks'),
    ...(memory.rows.length > 0 ? [memory] : []),
  );
  put('pointwise', meansTable(report, 'pointwise'), rowsTable(report, 'pointwise'));
  for (const suite of ['memory', 'start', 'load', 'threads', 'odd', 'overhead', 'data'])
    put(suite, figuresTable(report, suite));
  if (suites.has('conv')) blocks.set('bench:conv-rows', convolutionTables(report));
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, content] of blocks) page = withBlock(page, name, content);
  writeFileSync(PAGE, page);
  if (suites.has('lecture')) {
    const { title, columns, rows } = goalsTable({ ...report, results: report.results.filter(isForReadme) });
    // The goals are the page's business.
    const short = { title, columns: columns.slice(0, 4), rows: rows.map((row) => row.slice(0, 4)) };
    const readme = `${aboutRun(report)}\n\n${toMarkdown(short)}`;
    writeFileSync('README.md', withBlock(readFileSync('README.md', 'utf8'), 'bench', readme));
  }
  await roofline(report)?.save(PICTURE);
}

const isForReadme = ({ suite }: { suite: string }): boolean => suite === 'lecture' || MEANS[suite] !== undefined;

function aboutRun({ machine, threads, rounds, commands }: Report): string {
  const repeats = commands.map((command) => `\`${command}\``).join(', then ');
  return `${machine}; ${threads} threads each, ${rounds} rounds of turns; the median of their time over ours (least-most). ${repeats}`;
}

function convolutionTables(report: Report): string {
  const rows = report.results.filter((each): each is RowResult => each.kind === 'row' && each.suite === 'conv');
  const families = [...new Set(rows.map(({ family }) => family))];
  return families
    .map((family) => {
      const { columns, rows: cells } = rowsTable(report, 'conv', family);
      const table = toMarkdown({ title: '', columns, rows: cells });
      return `<details><summary>${family}</summary>\n\n${table}\n\n</details>`;
    })
    .join('\n\n');
}
