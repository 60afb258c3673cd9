// What is too slow for every change: full training runs on real data, held to the accuracy they must reach, and the
// long tests. `npm run nightly` runs every part, each in a process of its own; `npm run nightly -- strokes` one of
// them, `--list` names them. Every part adds a JSON line to nightly/results.jsonl. The parts: ./nightly/.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cifarResnet20 } from './nightly/cifar-resnet20.js';
import { compareEngines } from './nightly/compare-engines.js';
import { fuzzReaders } from './nightly/fuzz.js';
import { golden } from './nightly/golden.js';
import { describeChecks, type Outcome, type Part } from './nightly/part.js';
import { interop, onnxTraining, sanitize, tests } from './nightly/program.js';
import { strokes } from './nightly/strokes.js';
import { fashionCnn, fashionDense, mnistConvnet } from './nightly/training.js';

// `npm run` starts programs in the package's folder.
const root = process.cwd();

const parts: readonly Part[] = [
  fashionCnn,
  fashionDense,
  mnistConvnet,
  cifarResnet20,
  strokes,
  compareEngines,
  golden,
  interop,
  onnxTraining,
  fuzzReaders,
  tests,
  sanitize,
];

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      limit: { type: 'string' },
      epochs: { type: 'string' },
      seed: { type: 'string', default: '42' },
    },
  });
  if (values.list) {
    for (const { name, about } of parts) console.log(`${name.padEnd(16)}${about}`);
    return 0;
  }
  const unknown = positionals.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined) {
    console.error(`nightly: no part is called '${unknown}'. There are: ${parts.map(({ name }) => name).join(', ')}.`);
    return 2;
  }
  const options = { limit: wholeNumber(values.limit), epochs: wholeNumber(values.epochs), seed: Number(values.seed) };
  const [only, ...others] = parts.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  if (only !== undefined && others.length === 0) return runPart(only, options);
  return runEach(
    [only, ...others] as Part[],
    process.argv.slice(2).filter((arg) => !positionals.includes(arg)),
  );
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`nightly: '${text}' is no whole number from 1.`);
  return Number(text);
}

/** Each in a process of its own, so that one that crashes takes none along. */
function runEach(chosen: readonly Part[], flags: readonly string[]): number {
  const failed: string[] = [];
  for (const { name } of chosen) {
    const { status } = spawnSync(process.execPath, [process.argv[1] as string, name, ...flags], { stdio: 'inherit' });
    if (status !== 0) failed.push(name);
  }
  console.log(`\nnightly: ${chosen.length - failed.length} of ${chosen.length} parts are well.`);
  if (failed.length > 0) console.log(`nightly: failed: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

async function runPart(part: Part, options: Parameters<Part['run']>[0]): Promise<number> {
  console.log(`\n== ${part.name}: ${part.about}`);
  if (part.data.length > 0 && !process.env.FOVEA_DATA) {
    console.log(`skipped: FOVEA_DATA is not set; it is the folder that holds ${part.data.join(', ')}.`);
    record({ part: part.name, status: 'skipped', reason: 'FOVEA_DATA is not set' });
    return 0;
  }
  const isShortened = options.limit !== undefined || options.epochs !== undefined;
  const started = performance.now();
  let outcome: Outcome;
  try {
    outcome = await part.run(options);
  } catch (error) {
    console.error(error);
    record({ part: part.name, status: 'failed', options, error: String(error), seconds: secondsSince(started) });
    return 1;
  }
  const { figures, checks } = outcome;
  console.log(describeChecks(checks));
  const seconds = secondsSince(started);
  // A shortened run shows that a part works; it cannot reach what a whole run must.
  const isWell = isShortened || checks.every(({ isMet }) => isMet);
  const status = isShortened ? 'shortened' : isWell ? 'passed' : 'failed';
  console.log(`${part.name}: ${status}, ${seconds} s`);
  record({ part: part.name, status, options, seconds, figures, checks });
  return isWell ? 0 : 1;
}

function secondsSince(started: number): number {
  return Math.round((performance.now() - started) / 100) / 10;
}

function record(result: Record<string, unknown>): void {
  mkdirSync(join(root, 'nightly'), { recursive: true });
  const line = { ...result, at: new Date().toISOString(), node: process.version };
  appendFileSync(join(root, 'nightly/results.jsonl'), `${JSON.stringify(line)}\n`);
}

process.exitCode = await main();
