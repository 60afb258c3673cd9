// Makes the table of docs/zoo.md from the zoo's entries; tests/docs/zoo-table.test.ts checks that it is up to date and writes
// it anew under FOVEA_WRITE_DOCS=1.
import { architectures, list, type ZooEntry } from '../src/zoo/index.js';

/** Where the table stands in the page. */
export const ZOO_MARKS = /(<!-- zoo:start -->\n)[\s\S]*(<!-- zoo:end -->)/;

/** A row for every network, the smallest first. */
export function zooTable(): string {
  const rows = list().map((name) => rowOf(name, architectures[name] as ZooEntry));
  return [
    '| name | what it is | parameters | pictures | takes | top 1, top 5 | published weights |',
    '|---|---|---:|---:|---|---:|---|',
    ...rows,
  ].join('\n');
}

function rowOf(
  name: string,
  { about, parameters, size, preprocessing, paper, accuracy, weights, licence }: ZooEntry,
): string {
  const source = paper === undefined ? '' : ` (${paper.arxiv === undefined ? paper.year : `arXiv ${paper.arxiv}`})`;
  const percent =
    accuracy === undefined ? '' : [accuracy.top1, accuracy.top5].filter((each) => each !== undefined).join(', ');
  const published = weights?.({});
  const hasSum = (published?.top.md5 ?? published?.top.sha256) !== undefined;
  const cells = [
    `\`${name}\``,
    `${about}${source}`,
    parameters.toLocaleString('en-US'),
    String(size),
    preprocessing === 'none' ? '0..255' : preprocessing === 'unit' ? '0..1' : `\`${preprocessing}\``,
    percent,
    published === undefined ? '' : `${licence ?? 'yes'}${hasSum ? '' : ', no checksum'}`,
  ];
  return `| ${cells.join(' | ')} |`;
}
