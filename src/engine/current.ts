// The engine in use: chosen once, on first need, and replaced by `setEngine`.
import { FoveaError } from '../core/errors.js';
import type { Engine, EngineInfo, EngineMemory, EngineOptions } from './engine.js';
import { createEngine } from './select.js';

let starting: Promise<Engine> | undefined;
let running: Engine | undefined;

/** The engine that runs everything, started on first use. */
export function currentEngine(): Promise<Engine> {
  starting ??= start();
  return starting;
}

/** The engine if it is up. */
export function activeEngine(): Engine | undefined {
  return running;
}

async function start(name?: EngineInfo['name'], options?: EngineOptions): Promise<Engine> {
  try {
    const engine = await createEngine(name, options);
    running = engine;
    return engine;
  } catch (error) {
    starting = undefined;
    throw error;
  }
}

/**
 * Uses another engine from now on, or the same one with other options. Tensors that live in the old one
 * must be read before; weights of models move by themselves on their next use.
 *
 * @example
 * const { level, threads } = await fovea.setEngine('wasm', { threads: 1 });
 */
export async function setEngine(name: EngineInfo['name'] | 'auto', options: EngineOptions = {}): Promise<EngineInfo> {
  const next = start(name === 'auto' ? undefined : name, options);
  starting = next;
  return (await next).info;
}

/** What runs: the engine's name, instruction set and threads. */
export async function engineInfo(): Promise<EngineInfo> {
  return (await currentEngine()).info;
}

/** Bytes the engine holds, for leak hunting. */
export async function engineMemory(): Promise<EngineMemory> {
  return (await currentEngine()).memory();
}

/** Ends the engine's threads and gives its memory back; the next use starts a new one. */
export async function disposeEngine(): Promise<void> {
  const engine = await starting;
  starting = undefined;
  running = undefined;
  if (engine === undefined) {
    throw new FoveaError({ code: 'engine', message: 'no engine is running.' });
  }
  await engine.dispose();
}
