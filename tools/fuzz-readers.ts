// Damages tiny files in every way and gives them to every reader: each must end in a model or a FoveaError, within 2 seconds of
// processor time and 1 GiB. `node tools/run.mjs tools/fuzz-readers.ts [--mutations n] [--seed n] [--reader name] [--only index]`.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, Worker } from 'node:worker_threads';
import { damaged, type Finding, type Order, type Report, runThread } from './fuzz/attack.js';
import { makeTargets, type Target } from './fuzz/targets.js';

const LIMIT_MS = 2000;
/** Without an end after this, processor time or not, something waits for ever. */
const WAIT_MS = 120_000;

/** Reads mutations in a thread, and begins again behind one that does not end. */
async function attackReader(reader: string, seed: number, from: number, to: number): Promise<Report> {
  const findings: Finding[] = [];
  let [models, refusals] = [0, 0];
  for (let at = from; at < to; ) {
    const progress = new SharedArrayBuffer(8);
    const result = await runPart({ reader, seed, from: at, to, progress });
    if ('models' in result) {
      findings.push(...result.findings);
      models += result.models;
      refusals += result.refusals;
      break;
    }
    findings.push({ reader, seed, index: result.index, what: result.what });
    at = result.index + 1;
    if (findings.length >= 50) break;
  }
  return { findings, models, refusals };
}

function runPart(order: Order): Promise<Report | { index: number; what: string }> {
  return new Promise((resolve, reject) => {
    const told = new Int32Array(order.progress);
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: order,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    let [index, began, waited] = [-1, 0, Date.now()];
    const watch = setInterval(() => {
      const { user, system } = process.cpuUsage();
      const spent = (user + system) / 1000;
      const now = Atomics.load(told, 0);
      if (now !== index || Atomics.load(told, 1) !== 1) [index, began, waited] = [now, spent, Date.now()];
      else if (spent - began > LIMIT_MS) finish({ index, what: `it has not ended after ${LIMIT_MS} ms` });
      else if (Date.now() - waited > WAIT_MS) finish({ index, what: `it waits for ever` });
    }, 50);
    const finish = (result: Report | { index: number; what: string }): void => {
      clearInterval(watch);
      worker.terminate().then(() => resolve(result));
    };
    worker.once('message', (report: Report) => finish(report));
    worker.once('error', (error) => {
      // Before the first mutation it is the undamaged file that is not read.
      if (Atomics.load(told, 1) === 0) reject(error);
      else finish({ index: Atomics.load(told, 0), what: error.stack ?? error.message });
    });
  });
}

/** Findings that end in the same place, once. */
function alike(findings: readonly Finding[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const { what, index } of findings) {
    const lines = what.split('\n').slice(0, 7).join('\n    ');
    groups.set(lines, [...(groups.get(lines) ?? []), index]);
  }
  return groups;
}

/** Writes the parts of one mutation, to look at it. */
async function writeOne(reader: string, seed: number, index: number, folder: string): Promise<void> {
  const targets = await makeTargets();
  const all = targets.flatMap(({ samples }) => samples.flatMap(({ parts }) => parts.map(({ bytes }) => bytes)));
  const { parts } = damaged(targets.find(({ name }) => name === reader) as Target, all, seed, index);
  parts.forEach((part, i) => {
    writeFileSync(`${folder}/${reader}-${seed}-${index}-${i}.bin`, part);
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      mutations: { type: 'string', default: '2000' },
      seed: { type: 'string' },
      reader: { type: 'string', multiple: true },
      only: { type: 'string' },
      write: { type: 'string' },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const names = values.reader ?? (await makeTargets()).map(({ name }) => name);
  const [from, to] =
    values.only === undefined ? [0, Number(values.mutations)] : [Number(values.only), Number(values.only) + 1];
  if (values.write !== undefined && values.only !== undefined)
    for (const name of names) await writeOne(name, seed, from, values.write);
  console.log(`readers: seed ${seed}, ${to - from} mutations each`);
  let count = 0;
  for (const name of names) {
    const began = process.cpuUsage().user;
    const { findings, models, refusals } = await attackReader(name, seed, from, to);
    const seconds = (process.cpuUsage().user - began) / 1e6;
    console.log(
      `${name}: ${models} read, ${refusals} refused, ${findings.length} findings, ${seconds.toFixed(1)} s of processor time`,
    );
    for (const [what, indices] of alike(findings))
      console.log(`  --reader ${name} --seed ${seed} --only ${indices.slice(0, 8).join(', ')}\n    ${what}`);
    count += findings.length;
  }
  console.log(`${names.length} readers, ${count} findings`);
  process.exit(count === 0 ? 0 : 1);
}

await (isMainThread ? main() : runThread());
