// kill -9 while checkpoints are saved in a loop: the last one loads, whole, and no partial file has its name.
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { models } from '../../src/index.js';
import { dist, makeFolder, type Running, startNode } from '../cli/harness.js';

const folder = makeFolder('kill');
afterAll(() => folder.remove());

const ROUNDS = process.env.FOVEA_NIGHTLY === '1' ? 100 : 10;
const SEED = Number(process.env.FOVEA_TEST_SEED ?? Math.floor(Math.random() * 1e6));
const script = fileURLToPath(new URL('save-loop.mjs', import.meta.url));
const slowSave = fileURLToPath(new URL('../cli/slow-save.mjs', import.meta.url));

/** Numbers from 0 to 1 that a printed seed repeats. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function startLoop(path: string, pause: number | undefined): Running {
  const node = pause === undefined ? [] : ['--import', slowSave];
  return startNode(script, [pathToFileURL(`${dist}/index.js`).href, path, '1000000'], {
    node,
    env: { FOVEA_TEST_PAUSE: String(pause ?? 0) },
  });
}

/** What is in the folder after a kill: the number of the save that stands there, and left-over copies. */
async function inspect(name: string, lastSaid: number): Promise<{ copies: number }> {
  const files = readdirSync(folder.at(name));
  expect(files.filter((file) => file !== 'model.keras' && !file.startsWith('model.keras.tmp-'))).toEqual([]);
  if (existsSync(folder.at(name, 'model.keras'))) {
    const model = await models.load(folder.at(name, 'model.keras'));
    const { n } = model.metadata as { n: number };
    expect(n).toBeGreaterThanOrEqual(lastSaid);
    for (const values of await model.getWeights()) expect(new Set(values)).toEqual(new Set([n]));
  } else {
    expect(lastSaid).toBe(0);
  }
  return { copies: files.filter((file) => file !== 'model.keras').length };
}

const lastSaved = (stdout: string): number => Number(/saved (\d+)\n(?![\s\S]*saved)/.exec(stdout)?.[1] ?? 0);

describe(`kill -9 (seed ${SEED})`, () => {
  it(`at ${ROUNDS} random moments leaves a checkpoint that loads`, async () => {
    const next = random(SEED);
    let most = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const loop = startLoop(folder.at('random', 'model.keras'), undefined);
      await loop.says('saved 1\n');
      await setTimeout(150 * next());
      loop.child.kill('SIGKILL');
      const { code, stdout } = await loop.finished;
      expect(code).toBe(137);
      most = Math.max(most, (await inspect('random', lastSaved(stdout))).copies);
    }
    // Each round's first save takes away what the round before it left.
    expect(most).toBeLessThanOrEqual(1);
  }, 300_000);

  it(`at ${ROUNDS} moments between open and rename leaves the checkpoint before`, async () => {
    const next = random(SEED + 1);
    let hits = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const loop = startLoop(folder.at('aimed', 'model.keras'), 60);
      // The first save of the first round has nothing before it; later ones do.
      const saves = 1 + Math.floor(3 * next());
      const isEarly = next() < 0.5;
      if (saves > 1) await loop.says(`saved ${saves - 1}\n`);
      await loop.says(`${saves > 1 ? `saved ${saves - 1}\n` : ''}opened\n${isEarly ? '' : 'written\n'}`);
      loop.child.kill('SIGKILL');
      const { stdout } = await loop.finished;
      const { copies } = await inspect('aimed', lastSaved(stdout));
      hits += copies;
      expect(copies).toBeLessThanOrEqual(1);
    }
    expect(hits).toBe(ROUNDS);
    const last = startNode(script, [pathToFileURL(`${dist}/index.js`).href, folder.at('aimed', 'model.keras'), '1']);
    expect((await last.finished).code).toBe(0);
    expect(readdirSync(folder.at('aimed'))).toEqual(['model.keras']);
  }, 300_000);
});
