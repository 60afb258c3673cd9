// `npm run bench [-- suite or suite:text ...]`: fovea beside its peers on this machine, in one run; fails where a goal is
// missed. ./README.md says what the options do and how it is made fair.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { Contestants } from './contestants.js';
import { writePages } from './page.js';
import { measurePeaks } from './peaks.js';
import { installPeers } from './peers.js';
import { LEAST_ROUNDS } from './race.js';
import {
  figuresTable,
  goalsTable,
  MEANS,
  meansTable,
  peaksTable,
  peersTable,
  type Report,
  rowCells,
} from './render.js';
import { type Figure, isMet, isWithin, type Result, type Row } from './row.js';
import { convRows } from './suites/conv.js';
import { dataFigures } from './suites/data.js';
import { lectureRows, writeLecture } from './suites/lecture.js';
import { loadFigures } from './suites/load.js';
import { matmulRows } from './suites/matmul.js';
import { memoryFigures } from './suites/memory.js';
import { networkFigures, networkRows } from './suites/networks.js';
import { oddFigures } from './suites/odd.js';
import { overheadFigures } from './suites/overhead.js';
import { pointwiseRows } from './suites/pointwise.js';
import { startFigures } from './suites/start.js';
import { threadFigures } from './suites/threads.js';
import { toText } from './table.js';

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'boolean', default: false },
    json: { type: 'string' },
    add: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    from: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: '2' },
    cpu: { type: 'boolean', default: false },
    every: { type: 'string', default: '1' },
    against: { type: 'string', multiple: true },
  },
});
const [rounds, threads, every] = [Number(options.rounds), Number(options.threads), Number(options.every)];

/** A part of the benchmarks: races, or figures that it measures itself. */
interface Suite {
  readonly name: string;
  rows?(folder: string): readonly Row[];
  figures?(folder: string): Figure[] | Promise<Figure[]>;
}

const SUITES: readonly Suite[] = [
  { name: 'lecture', rows: lectureRows },
  { name: 'threads', figures: (folder) => threadFigures(folder, rounds) },
  { name: 'start', figures: (folder) => startFigures(folder, threads, rounds) },
  { name: 'memory', figures: () => memoryFigures(threads) },
  { name: 'matmul', rows: matmulRows },
  { name: 'pointwise', rows: pointwiseRows },
  { name: 'conv', rows: () => convRows().filter((_, i) => Math.floor(i / 3) % every === 0) },
  {
    name: 'networks',
    rows: networkRows,
    figures: (folder) => networkFigures(folder, threads, (title) => isWanted('networks', title)),
  },
  {
    name: 'load',
    figures: (folder) => loadFigures(folder, threads, rounds, (text) => isWanted('load', text)),
  },
  { name: 'odd', figures: (folder) => oddFigures(threads, rounds, folder) },
  { name: 'overhead', figures: () => overheadFigures(threads) },
  { name: 'data', figures: () => dataFigures(threads, rounds) },
];

/** `conv` wants all of a suite, `conv:U-Net 3x3` its rows in which every word occurs. */
function isWanted(suite: string, text?: string): boolean {
  return (
    filters.length === 0 ||
    filters.some((filter) => {
      const [name, words = ''] = filter.split(':');
      return name === suite && (text === undefined || words.split(' ').every((word) => text.includes(word)));
    })
  );
}

/** fovea's own processes run bundles of their own. */
async function bundle(): Promise<void> {
  await build({
    entryPoints: ['contestant', 'memory-program', 'cold-program', 'data-program', 'load-program'].map((name) => ({
      in: `bench/${name}.ts`,
      out: `bench-${name}`,
    })),
    outdir: 'build/programs',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
}

/** The machine in a line, and whether other work would spoil the figures. */
function describeMachine(): string {
  const [load = 0] = loadavg();
  const about = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`;
  if (load > 0.5) console.log(`The machine is busy (load ${load.toFixed(1)}): do not quote these figures.`);
  return about;
}

/** What repeats this run; where its results are written is nobody else's business. */
function commandLine(): string {
  const args = process.argv
    .slice(2)
    .filter((arg, i, all) => !/^--(json|add|page)\b/.test(arg) && all[i - 1] !== '--json');
  return ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
}

/** With `--add`: what the file holds of suites that are not wanted now, and how it was made. */
function earlierRun(): { commands: readonly string[]; results: Result[] } {
  if (!options.add || options.json === undefined || !existsSync(options.json)) return { commands: [], results: [] };
  const { commands, results } = JSON.parse(readFileSync(options.json, 'utf8')) as Report;
  return { commands, results: results.filter(({ suite }) => !isWanted(suite)) };
}

async function run(): Promise<Report> {
  if (rounds < LEAST_ROUNDS) console.log(`Fewer than ${LEAST_ROUNDS} rounds: no ratios.`);
  const { commands, results } = earlierRun();
  const report: Report = {
    commands: [...new Set([...commands, commandLine()])],
    machine: describeMachine(),
    threads,
    rounds,
    peaks: measurePeaks([...new Set([1, threads])]) ?? [],
    results: [],
  };
  console.log(report.machine);
  if (report.peaks.length > 0) console.log(`\n${toText(peaksTable(report))}`);
  else console.log('No C++ compiler: the limits of the machine are not measured.');
  await bundle();
  const folder = await mkdtemp(join(tmpdir(), 'fovea-bench-'));
  const contestants = new Contestants(threads, options.against, rounds, options.cpu ? 'cpu' : 'seconds');
  try {
    if (['lecture', 'threads', 'start'].some((suite) => isWanted(suite))) await writeLecture(folder);
    for (const suite of SUITES.filter(({ name }) => isWanted(name))) {
      const started = performance.now();
      console.log(`\n== ${suite.name}`);
      let family: string | undefined;
      for (const row of suite.rows?.(folder) ?? []) {
        if (!isWanted(suite.name, `${row.family} ${row.name} ${row.part}`)) continue;
        // Large models leave room for the next only with their processes.
        if (suite.name === 'networks' && row.family !== family) await contestants.stop();
        family = row.family;
        row.prepare?.();
        const result = await contestants.run(row);
        results.push(result);
        console.log(
          rowCells(report, result)
            .map((cell, i) => (i === 0 ? cell.padEnd(46) : cell.padStart(8)))
            .join(' '),
        );
        for (const { name, leftOut } of result.peers)
          if (leftOut !== undefined) console.log(`  no ${name}: ${leftOut}`);
      }
      await contestants.stop();
      if (suite.figures !== undefined) {
        results.push(...(await suite.figures(folder)));
        console.log(toText(figuresTable({ ...report, results }, suite.name)));
      }
      console.log(`(${((performance.now() - started) / 1000).toFixed(0)} s)`);
      // What is done stays if a later suite is broken off.
      if (options.json !== undefined)
        writeFileSync(options.json, `${JSON.stringify({ ...report, results }, undefined, 1)}\n`);
    }
  } finally {
    await contestants.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return { ...report, results };
}

if (options.peers) installPeers();
else {
  const report = options.from === undefined ? await run() : (JSON.parse(readFileSync(options.from, 'utf8')) as Report);
  const has = (suite: string): boolean => report.results.some((result) => result.suite === suite);
  if (has('lecture')) console.log(`\n${toText(peersTable(report, 'lecture'))}`);
  for (const suite of Object.keys(MEANS).filter(has)) {
    console.log(`\nGeometric means of ${suite}\n${toText(meansTable(report, suite))}`);
  }
  console.log(`\nGoals\n${toText(goalsTable(report))}`);
  if (options.page) {
    mkdirSync('docs/images', { recursive: true });
    await writePages(report);
  }
  const isMissed = report.results.some((result) =>
    result.kind === 'figure' ? !isWithin(result) : result.goals.some((goal) => isMet(result, goal) === false),
  );
  process.exitCode = isMissed ? 1 : 0;
}
