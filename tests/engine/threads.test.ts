// Which threads the native engine starts, and where they run: as Linux tells it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { createEngine } from '../../src/engine/select.js';
import { findVariants } from './variants.js';

const { variants } = await findVariants();
const canLook = existsSync('/proc/self/task') && variants.some(({ engine }) => engine === 'native');
const cores = await countCores();

/** A busy machine may take its time. */
const PATIENT = { timeout: 20_000 };

/** What an engine takes for the machine's cores: a container may allow fewer than there are. */
async function countCores(): Promise<number> {
  if (!canLook) return 1;
  const engine = await createEngine('native');
  await engine.dispose();
  return engine.info.threads;
}

/** The engine's threads by name, and the cores that each may use. */
function threadsNow(): Map<string, string> {
  const found = new Map<string, string>();
  for (const id of readdirSync('/proc/self/task')) {
    try {
      const status = readFileSync(`/proc/self/task/${id}/status`, 'utf8');
      const name = /^Name:\s*(\S+)/m.exec(status)?.[1] ?? '';
      if (name.startsWith('fovea-')) found.set(name, /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '');
    } catch {
      // It has ended.
    }
  }
  return found;
}

describe.skipIf(!canLook)('threads of the native engine', { timeout: 60_000 }, () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `fovea-${i}`);

  test('are as many as are asked for, up to the cores there are', async () => {
    for (const asked of [1, cores, cores + 3]) {
      const engine = await createEngine('native', { threads: asked });
      expect(engine.info.threads).toBe(asked);
      const wanted = Math.min(asked, cores);
      await expect.poll(() => [...threadsNow().keys()].sort(), PATIENT).toEqual(names(wanted).sort());
      await engine.dispose();
      expect(threadsNow().size).toBe(0);
    }
  });

  test('are all started for tests that poison memory', async () => {
    const engine = await createEngine('native', { threads: cores + 3, poison: true });
    await expect.poll(() => threadsNow().size, PATIENT).toBe(cores + 3);
    await engine.dispose();
  });

  test.skipIf(cores < 2 || cores < availableParallelism())(
    'have a core each where they are as many; the first is free to move',
    async () => {
      const engine = await createEngine('native', { threads: cores });
      const isOne = (allowed: string) => /^\d+$/.test(allowed);
      await expect
        .poll(() => {
          const { 'fovea-0': first = '0', ...helpers } = Object.fromEntries(threadsNow());
          const own = new Set(Object.values(helpers).filter(isOne));
          return [isOne(first), own.size];
        }, PATIENT)
        .toEqual([false, cores - 1]);
      await engine.dispose();
    },
  );

  test('are left to the system where they are more than the cores', async () => {
    const engine = await createEngine('native', { threads: 2 * cores, poison: true });
    await expect.poll(() => threadsNow().size, PATIENT).toBe(2 * cores);
    const free = readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*(\S+)/m)?.[1];
    expect(new Set(threadsNow().values())).toEqual(new Set([free]));
    await engine.dispose();
  });
});
