// Every engine and level that runs on this machine, for tests that run on all of them.
import type { Engine, EngineOptions } from '../../src/engine/engine.js';
import { createEngine } from '../../src/engine/select.js';

export interface Variant {
  engine: 'native' | 'wasm';
  level: string;
}

/** Whether the native engine is the one of `npm run sanitize`, the only one to be tested then. */
export const isSanitized = process.env.FOVEA_SANITIZED !== undefined;

/**
 * What can run here; `missing` says why a whole engine cannot. With `isEmulatedToo` the level that is never offered:
 * AMX's kernels over emulated tiles, built for x86-64.
 */
export async function findVariants({
  isEmulatedToo = false,
} = {}): Promise<{ variants: Variant[]; missing: string[] }> {
  const variants: Variant[] = [];
  const missing: string[] = [];
  for (const engine of isSanitized ? (['native'] as const) : (['native', 'wasm'] as const)) {
    try {
      const started = await createEngine(engine);
      variants.push(...started.info.levels.map((level) => ({ engine, level })));
      await started.dispose();
      if (isEmulatedToo && engine === 'native' && process.arch === 'x64') {
        variants.push({ engine, level: 'amx_emulated' });
      }
    } catch (error) {
      missing.push((error as Error).message);
    }
  }
  return { variants, missing };
}

/** Starts an engine for the length of `body`. */
export async function withEngine<T>(
  { engine, level }: Variant,
  options: EngineOptions,
  body: (engine: Engine) => Promise<T>,
): Promise<T> {
  const started = await createEngine(engine, { level, ...options });
  try {
    return await body(started);
  } finally {
    await started.dispose();
  }
}
