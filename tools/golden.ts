// `npm run golden -- [folder]`: replays every case of a folder of golden values on an engine; one line for each failure, then
// `N passed, N failed, N skipped`. docs/golden.md says what such a folder holds; the parts are in ./golden/.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { currentEngine } from '../src/engine/current.js';
import { disposeEngine, type EngineInfo, type EngineOptions, FoveaError, setEngine } from '../src/index.js';
import { type GoldenCase, messageOf } from './golden/folder.js';
import { isDirect, KernelWatch, LEAST_CASES } from './golden/kernels.js';
import { engine as engineMachine, reference } from './golden/machines.js';
import { goldenCases, type Outcome, replayCase, SUITE_NAMES } from './golden/replay.js';

const USAGE = `npm run golden -- [folder] [--engine native|wasm|reference] [--level name] [--threads n] [--only text] [--kernels] [--seed n]
  folder      golden values; default: golden beside the folder that FOVEA_DATA names
  --engine    what computes: an engine, or the float64 reference (default: the fastest engine that runs here)
  --level     the engine's instruction set, e.g. avx2
  --only      the cases of which suite/name contains the text; may be repeated
  --kernels   which convolution algorithms each case ran, layers also with Winograd wherever it can be; fails where an
              algorithm ran under fewer than ${LEAST_CASES} cases
  --seed      where the samples of initializers start (default: another one in every run)`;

class UsageError extends Error {}

interface Options {
  readonly folder: string;
  readonly engine: string | undefined;
  readonly level: string | undefined;
  readonly threads: number | undefined;
  readonly only: readonly string[];
  readonly kernels: boolean;
  readonly seed: number;
}

function readArguments(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      engine: { type: 'string' },
      level: { type: 'string' },
      threads: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      kernels: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  });
  const number = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text)) throw new UsageError(`'${text}' is no whole number`);
    return Number(text);
  };
  const [given, ...others] = positionals;
  if (others.length > 0) throw new UsageError(`takes one folder; got also ${others.join(' ')}`);
  const data = process.env.FOVEA_DATA;
  const folder = given ?? (data === undefined || data === '' ? undefined : join(data, '../golden'));
  if (folder === undefined) throw new UsageError('name a folder, or set FOVEA_DATA');
  if (!existsSync(folder)) throw new UsageError(`there is no folder ${folder}`);
  const { engine, level, only, kernels } = values;
  if (engine !== undefined && !['native', 'wasm', 'reference'].includes(engine))
    throw new UsageError(`there is no engine '${engine}'`);
  if (engine === 'reference' && (kernels || level !== undefined))
    throw new UsageError('the reference has neither kernels nor levels');
  const seed = number(values.seed) ?? Math.floor(Math.random() * 2 ** 31);
  return { folder, engine, level, threads: number(values.threads), only, kernels, seed };
}

/** Starts what the options ask for, and says what it is. */
async function start({ engine, level, threads }: Options, watch: KernelWatch | undefined): Promise<string> {
  if (engine === 'reference') return 'the float64 reference';
  const options: EngineOptions = {
    ...(level === undefined ? {} : { level }),
    ...(threads === undefined ? {} : { threads }),
  };
  const info: EngineInfo = await setEngine((engine ?? 'auto') as 'native' | 'wasm' | 'auto', options);
  watch?.watch(await currentEngine());
  return `${info.name} ${info.level}, ${info.threads === 1 ? '1 thread' : `${info.threads} threads`}`;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readArguments(args);
  const started = performance.now();
  const watch = options.kernels ? new KernelWatch() : undefined;
  const all = goldenCases(options.folder, options.seed);
  if (all.length === 0) throw new UsageError(`${options.folder} holds no golden values`);
  const { only } = options;
  const wanted = all.filter(
    ({ suite, name }) => only.length === 0 || only.some((text) => `${suite}/${name}`.includes(text)),
  );
  const what = await start(options, watch);
  console.log(`golden: ${wanted.length} cases on ${what}; seed ${options.seed}`);
  const machine = options.engine === 'reference' ? reference : engineMachine;
  const level = what.split(',')[0] as string;
  const outcomes: Outcome[] = [];
  // A promise that nobody waits for any more belongs to the case that is being replayed.
  const stray: string[] = [];
  process.on('unhandledRejection', (error) => stray.push(messageOf(error)));
  const replay = async (each: GoldenCase, how = ''): Promise<readonly string[]> => {
    const outcome = await replayCase(each, machine);
    const failure = outcome.failure ?? stray.pop();
    stray.length = 0;
    outcomes.push({ ...outcome, failure });
    const title = `${each.suite}/${each.name}${how}`;
    if (failure !== undefined) console.log(`FAILED ${title}: ${failure.replaceAll('\n', ' ')}`);
    const algorithms = watch?.take(`${each.suite}/${each.name}`) ?? [];
    if (algorithms.length > 0) console.log(`${title}: ${level}: ${algorithms.join(', ')}`);
    return algorithms;
  };
  for (const each of wanted) {
    const algorithms = await replay(each);
    if (watch === undefined || each.suite !== 'layers' || !algorithms.some(isDirect)) continue;
    // What is chosen for cases as small as these is seldom Winograd: once more, with it wherever it can be.
    await withWinograd(() => replay(each, ' by Winograd where it can be'));
  }
  for (const line of summary(outcomes)) console.log(line);
  const scarce = watch === undefined ? [] : reportAlgorithms(watch);
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length + scarce.length;
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log(`${outcomes.length + scarce.length - failed} passed, ${failed} failed, 0 skipped`);
  if (options.engine !== 'reference') await disposeEngine();
  return failed === 0 ? 0 : 1;
}

/** What each part came to, and how near to its bounds. */
function* summary(outcomes: readonly Outcome[]): Generator<string> {
  for (const suite of SUITE_NAMES) {
    const own = outcomes.filter((each) => each.case.suite === suite);
    if (own.length === 0) continue;
    const passed = own.filter(({ failure }) => failure === undefined);
    const [nearest] = passed.slice().sort((a, b) => b.worst - a.worst);
    const share =
      nearest === undefined
        ? ''
        : `, at most ${Math.round(100 * nearest.worst)}% of what is allowed (${nearest.case.name})`;
    yield `${suite.padEnd(16)}${passed.length} of ${own.length} passed${share}`;
  }
}

/** Runs `body` with Winograd wherever it can be; see docs/precision.md. */
async function withWinograd(body: () => Promise<unknown>): Promise<void> {
  const { FOVEA_CONV: before } = process.env;
  process.env.FOVEA_CONV = 'winograd';
  try {
    await body();
  } finally {
    if (before === undefined) delete process.env.FOVEA_CONV;
    else process.env.FOVEA_CONV = before;
  }
}

/** Prints how often each convolution algorithm ran; gives those that ran too seldom. */
function reportAlgorithms(watch: KernelWatch): string[] {
  return watch.counts().flatMap(({ algorithm, cases }) => {
    const isScarce = cases < LEAST_CASES;
    console.log(
      `${isScarce ? 'FAILED kernel ' : 'kernel '}${algorithm}: ${cases} cases${isScarce ? `, want ${LEAST_CASES}` : ''}`,
    );
    return isScarce ? [algorithm] : [];
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  if (!isUsage && !(error instanceof FoveaError)) throw error;
  console.error(isUsage ? `golden: ${error.message}.\n${USAGE}` : `golden: ${error.message}`);
  process.exitCode = 2;
}
