// Results as tables: the goals first, then the means of each family, then every row.
import { type Peaks, peakOf } from './peaks.js';
import type { Spread } from './race.js';
import { type Figure, fastestPeer, geometricMean, isMet, isWithin, type Result, type RowResult } from './row.js';
import type { Table } from './table.js';

/** What a run of the benchmarks leaves: its JSON file. */
export interface Report {
  /** What repeats it: several where `--add` put one run beside another. */
  readonly commands: readonly string[];
  readonly machine: string;
  readonly threads: number;
  readonly rounds: number;
  readonly peaks: readonly Peaks[];
  readonly results: readonly Result[];
}

/** Goals for the geometric mean of each part of a suite, and for its least row. */
interface MeanGoals {
  readonly mean: number | ((part: string) => number);
  readonly row: number;
  readonly against: string;
}

const TORCH = 'the fastest of PyTorch';
export const MEANS: Readonly<Record<string, MeanGoals>> = {
  conv: { mean: 1.5, row: 0.9, against: TORCH },
  matmul: { mean: 1, row: 0.85, against: TORCH },
  pointwise: { mean: 1.2, row: 0.9, against: TORCH },
  networks: { mean: (part) => (part.includes('wasm') ? 2 : 1.3), row: 0.9, against: 'the fastest peer' },
};

const rowsOf = (results: readonly Result[]): RowResult[] => results.filter((each) => each.kind === 'row');
const figuresOf = (results: readonly Result[]): Figure[] => results.filter((each) => each.kind === 'figure');
const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
const ratioOf = (row: RowResult): number | undefined => fastestPeer(row)?.ratio?.median;
const ratiosOf = (rows: readonly RowResult[]): number[] => rows.flatMap((row) => ratioOf(row) ?? []);

/** Three significant digits. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '';
  if (Number.isInteger(value)) return `${value}`;
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

const spread = ({ median, least, most }: Spread): string =>
  `${median.toFixed(2)} (${least.toFixed(2)}-${most.toFixed(2)})`;
const mark = (met: boolean | undefined): string => (met === undefined ? 'not compared' : met ? 'met' : 'MISSED');

/** Every goal with what came out: the rows of the issue's table. */
export function goalsTable({ results }: Report): Table {
  const rows: string[][] = [];
  for (const row of rowsOf(results).filter(({ suite }) => MEANS[suite] === undefined)) {
    for (const goal of row.goals) {
      const peer = fastestPeer(row, goal.against);
      const against = peer?.name ?? goal.against?.join(', ') ?? 'any peer';
      const found = row.failure ?? (peer?.ratio === undefined ? '' : spread(peer.ratio));
      const times = row.time === undefined || peer?.time === undefined ? '' : bothTimes(row.time, peer.time);
      rows.push([row.name, against, times, found, `>= ${goal.atLeast}`, mark(isMet(row, goal))]);
    }
  }
  for (const [suite, { mean: means, row: least, against: peers }] of Object.entries(MEANS)) {
    const all = rowsOf(results).filter((row) => row.suite === suite);
    for (const part of unique(all.map((row) => row.part))) {
      const compared = all.filter((row) => row.part === part && ratioOf(row) !== undefined);
      if (compared.length === 0) continue;
      const ratios = ratiosOf(compared);
      const under = ratios.filter((ratio) => ratio < least).length;
      const what = `${suite} ${part}`.trim();
      const found = geometricMean(ratios);
      const mean = typeof means === 'number' ? means : means(part);
      rows.push([
        `${what}: mean of ${ratios.length} rows`,
        peers,
        '',
        found.toFixed(2),
        `>= ${mean}`,
        mark(found >= mean),
      ]);
      const lowest = `${under} under, least ${Math.min(...ratios).toFixed(2)}`;
      rows.push([`${what}: no row under ${least}`, peers, '', lowest, '0', mark(under === 0)]);
    }
  }
  for (const figure of figuresOf(results).filter(
    ({ atMost, atLeast }) => atMost !== undefined || atLeast !== undefined,
  )) {
    const bound = figure.atMost === undefined ? `>= ${figure.atLeast}` : `<= ${figure.atMost}`;
    const value = `${digits(figure.value)} ${figure.unit}`.trim();
    rows.push([figure.name, figure.note ?? '', '', value, bound, mark(isWithin(figure))]);
  }
  return { title: '', columns: ['work', 'against', 'ms: ours, theirs', 'ratio', 'goal', ''], rows };
}

const bothTimes = (ours: Spread, theirs: Spread): string => `${digits(ours.median)}, ${digits(theirs.median)}`;

/** Geometric means of the ratios, families down and parts across. */
export function meansTable({ results }: Report, suite: string): Table {
  const rows = rowsOf(results).filter((row) => row.suite === suite);
  const parts = unique(rows.map(({ part }) => part));
  const cell = (family: string | undefined, part: string): string => {
    const own = rows.filter((row) => (family === undefined || row.family === family) && row.part === part);
    const ratios = ratiosOf(own);
    return ratios.length === 0 ? '' : `${geometricMean(ratios).toFixed(2)} (least ${Math.min(...ratios).toFixed(2)})`;
  };
  const families = unique(rows.map(({ family }) => family));
  const count = (of: readonly RowResult[]): string => `${of.filter((row) => row.part === parts[0]).length}`;
  const lines = families.map((family) => [
    family,
    count(rows.filter((row) => row.family === family)),
    ...parts.map((part) => cell(family, part)),
  ]);
  const all = ['all', count(rows), ...parts.map((part) => cell(undefined, part))];
  return {
    title: '',
    columns: ['', 'rows', ...parts.map((part) => part || 'ratio')],
    rows: families.length > 1 ? [...lines, all] : lines,
  };
}

/** Every row of one suite, or of one of its families. */
export function rowsTable(report: Report, suite: string, family?: string): Table {
  const isWanted = (row: RowResult): boolean => row.suite === suite && (family === undefined || row.family === family);
  const rows = rowsOf(report.results).filter(isWanted);
  return {
    title: family ?? '',
    columns: ['', 'ms', 'GFLOP/s', 'of peak', 'GB/s', 'fastest peer', 'ms', 'ratio', ''],
    rows: rows.map((row) => rowCells(report, row)),
  };
}

/** The cells of one row; also what is printed while the benchmarks run. */
export function rowCells({ peaks, threads }: Report, row: RowResult): string[] {
  const name = `${row.name} ${row.part}`.trim();
  if (row.time === undefined) return [name, `failed: ${row.failure ?? ''}`];
  const ms = row.time.median;
  const speed = row.flops / ms / 1e6;
  const limits = peaks.find((each) => each.threads === threads);
  const limit = limits && peakOf(limits, row.dtype, row.own.startsWith('wasm'));
  const share = limit === undefined || row.flops === 0 ? '' : `${((100 * speed) / limit).toFixed(0)}%`;
  const cells = [name, digits(ms), row.flops === 0 ? '' : digits(speed), share];
  cells.push(row.bytes === 0 ? '' : digits(row.bytes / ms / 1e6));
  const peer = fastestPeer(row);
  if (peer?.time === undefined) return [...cells, row.peers.map(({ leftOut }) => leftOut ?? '').find(Boolean) ?? ''];
  const goals = row.goals.map((goal) => isMet(row, goal));
  const missed = goals.includes(false) ? 'MISSED' : '';
  const ratio = peer.ratio === undefined ? 'too few rounds' : spread(peer.ratio);
  return [...cells, peer.name.replace('PyTorch ', ''), digits(peer.time.median), ratio, missed];
}

/** Every peer of every row: for suites where several frameworks take part. */
export function peersTable({ results }: Report, suite: string): Table {
  const rows = rowsOf(results).filter((row) => row.suite === suite);
  const lines = rows.flatMap((row) => [
    [
      `${`${row.name} ${row.part}`.trim()}: fovea ${row.own}`,
      row.failure ?? (row.time === undefined ? '' : digits(row.time.median)),
      '',
      '',
    ],
    ...row.peers.map((peer) => [
      `${peer.name} ${peer.version}`.trim(),
      peer.time === undefined ? 'left out' : digits(peer.time.median),
      peer.ratio === undefined ? '' : spread(peer.ratio),
      Number.isNaN(peer.difference) ? '' : peer.difference.toExponential(1),
    ]),
  ]);
  return { title: '', columns: ['', 'ms', 'ratio', 'difference'], rows: lines };
}

/** The figures of one suite. */
export function figuresTable({ results }: Report, suite: string): Table {
  const rows = figuresOf(results)
    .filter((figure) => figure.suite === suite)
    .map((figure) => {
      const { atMost, atLeast } = figure;
      const bound = atMost !== undefined ? `<= ${atMost}` : atLeast !== undefined ? `>= ${atLeast}` : '';
      const value = `${digits(figure.value)} ${figure.unit}`.trim();
      return [figure.name, value, bound, bound === '' ? '' : mark(isWithin(figure)), figure.note ?? ''];
    });
  return { title: '', columns: ['', 'value', 'goal', '', ''], rows };
}

/** The measured limits. */
export function peaksTable({ peaks }: Report): Table {
  const kinds = [
    ['fp32x4', 'GFLOP/s, float32, 128-bit vectors'],
    ['fp32x8', 'GFLOP/s, float32, 256-bit vectors'],
    ['fp32x16', 'GFLOP/s, float32, 512-bit vectors'],
    ['bf16x32', 'GFLOP/s, bfloat16 dot products'],
    ['read', 'GB/s, reading memory'],
    ['copy', 'GB/s, copying memory (read and written)'],
    ['cache', 'GB/s, reading 256 KiB a thread'],
  ] as const;
  return {
    title: '',
    columns: ['', ...peaks.map(({ threads }) => (threads === 1 ? '1 thread' : `${threads} threads`))],
    rows: kinds
      .filter(([kind]) => peaks.some((each) => each[kind] !== undefined))
      .map(([kind, what]) => [what, ...peaks.map((each) => digits(each[kind] ?? Number.NaN))]),
  };
}
