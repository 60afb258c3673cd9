// The engine in use: chosen once, on first need, and replaced by `setEngine`.
import { FoveaError } from '../core/errors.js';
import type { Engine, EngineInfo, EngineMemory, EngineOptions } from './engine.js';
import { forgetEngine, replaceEngine } from './memory.js';
import { createEngine } from './select.js';

let starting: Promise<Engine> | undefined;
let running: Engine | undefined;

/** The engine that runs everything, started on first use. */
export function currentEngine(): Promise<Engine> {
  return starting ?? start();
}

/** The engine if it is up. */
export function activeEngine(): Engine | undefined {
  return running;
}

async function start(name?: EngineInfo['name'], options?: EngineOptions): Promise<Engine> {
  const before = starting;
  const mine = createEngine(name, options).then(
    (engine) => {
      const old = starting === mine ? running : engine;
      if (starting === mine) running = engine;
      if (old !== undefined) replaceEngine(old);
      return engine;
    },
    (error: unknown) => {
      // What ran before still does.
      if (starting === mine) starting = before;
      throw error;
    },
  );
  starting = mine;
  return mine;
}

/**
 * Uses another engine from now on, or the same one with other options. Tensors and weights move by themselves on
 * their next use; the old engine ends when the last of them has moved or gone. Throws `engine` where the engine
 * cannot run, and the one before stays.
 *
 * @example
 * const { level, threads } = await fovea.setEngine('wasm', { threads: 1 });
 */
export async function setEngine(name: EngineInfo['name'] | 'auto', options: EngineOptions = {}): Promise<EngineInfo> {
  return (await start(name === 'auto' ? undefined : name, options)).info;
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
  forgetEngine(engine);
  await engine.dispose();
}
