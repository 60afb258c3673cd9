// Which engine runs: the one asked for, else native, else wasm; and why not the others.
import { FoveaError } from '../core/errors.js';
import type { Engine, EngineInfo, EngineOptions } from './engine.js';
import { environment, isNode } from './node.js';

export type EngineName = EngineInfo['name'];
const ENGINES: readonly EngineName[] = ['native', 'wasm'];

/** One engine in `fovea doctor`: what it offers here, or why it does not run. */
export interface EngineStatus {
  readonly name: EngineName;
  readonly isInUse: boolean;
  /** Undefined where the engine cannot run. */
  readonly info: EngineInfo | undefined;
  /** One line: why the engine is in use, or is not. */
  readonly reason: string;
}

let hasWarned = false;

/**
 * Starts an engine: `name`, else `FOVEA_ENGINE`, else the fastest that runs here. Throws a `FoveaError` code
 * `engine` where one was asked for by name and cannot run; where native would have been the choice, one
 * warning says why it is not.
 */
export async function createEngine(name?: EngineName, options: EngineOptions = {}): Promise<Engine> {
  const wanted = name ?? wantedByEnvironment();
  if (wanted !== undefined) return start(wanted, options);
  if (!isNode) return start('wasm', options);
  try {
    return await start('native', options);
  } catch (error) {
    if (!(error instanceof FoveaError) || error.code !== 'engine') throw error;
    const engine = await start('wasm', options);
    warnOnce(error, engine.info);
    return engine;
  }
}

/** What each engine offers here. `running` is the one in use; the others are started and ended again. */
export async function engineReport(running?: EngineInfo): Promise<EngineStatus[]> {
  const inUse = running ?? (await probe(undefined));
  const statuses: EngineStatus[] = [];
  for (const name of ENGINES) {
    const isInUse = inUse instanceof Error ? false : inUse.name === name;
    const info = isInUse && !(inUse instanceof Error) ? inUse : await probe(name);
    if (info instanceof Error) statuses.push({ name, isInUse, info: undefined, reason: firstLine(info) });
    else statuses.push({ name, isInUse, info, reason: isInUse ? whyInUse() : whyNotInUse(name) });
  }
  return statuses;
}

async function probe(name: EngineName | undefined): Promise<EngineInfo | FoveaError> {
  try {
    const engine = await createEngine(name);
    await engine.dispose();
    return engine.info;
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
}

function whyInUse(): string {
  const variable = environment('FOVEA_ENGINE');
  return variable === undefined ? 'the fastest that runs here' : `FOVEA_ENGINE=${variable}`;
}

function whyNotInUse(name: EngineName): string {
  const variable = environment('FOVEA_ENGINE');
  if (variable !== undefined && variable !== name) return `would run; FOVEA_ENGINE=${variable}`;
  return name === 'wasm' ? 'would run; native is faster' : 'would run';
}

function wantedByEnvironment(): EngineName | undefined {
  const variable = environment('FOVEA_ENGINE');
  const name = ENGINES.find((engine) => engine === variable);
  if (variable === undefined || name !== undefined) return name;
  throw new FoveaError({
    code: 'argument',
    message: `FOVEA_ENGINE is '${variable}'; the engines are ${ENGINES.join(', ')}.`,
    got: variable,
    want: ENGINES,
  });
}

async function start(name: EngineName, options: EngineOptions): Promise<Engine> {
  const engine = await startBare(name, options);
  if (isNode) engine.choices = await (await import('./choices.js')).readChoices(engine.info);
  return engine;
}

async function startBare(name: EngineName, options: EngineOptions): Promise<Engine> {
  try {
    // Imported when needed: a page never loads the native engine, and Node seldom the binary.
    if (name === 'wasm') return await (await import('./wasm.js')).createWasmEngine(options);
    if (name === 'native' && isNode) return await (await import('./native.js')).createNativeEngine(options);
    const message = name === 'native' ? 'it runs in Node only.' : 'it is not part of this version.';
    throw new FoveaError({ code: 'engine', message });
  } catch (error) {
    if (!(error instanceof FoveaError) || error.code !== 'engine') throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const details = { op: `${name} engine`, message: firstLine(error), got: error.got, want: error.want };
    throw new FoveaError({ code: 'engine', ...details, ...hint, cause: error });
  }
}

function warnOnce(error: FoveaError, { level, threads }: EngineInfo): void {
  if (hasWarned) return;
  hasWarned = true;
  const count = threads === 1 ? '1 thread' : `${threads} threads`;
  console.warn(`fovea: the wasm engine runs (${level}, ${count}), which is slower: ${firstLine(error)}`);
}

function firstLine(error: Error): string {
  return error.message.split('\n')[0] ?? error.message;
}
