// Random graphs through every pass and onto an engine. FOVEA_SEED starts elsewhere; a failure prints its seed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { createEngine } from '../../src/engine/select.js';
import { SEED } from '../ops/numeric.js';
import { checkOnEngine, runPasses } from './harness.js';
import { randomGraph } from './random-graph.js';

const GRAPHS = process.env.FOVEA_NIGHTLY ? 5000 : 300;

/** Runs all seeds and fails with the first seed that does not pass. */
async function forSeeds(check: (seed: number) => Promise<unknown> | unknown): Promise<void> {
  for (let seed = SEED; seed < SEED + GRAPHS; seed++) {
    try {
      await check(seed);
    } catch (error) {
      expect.fail(`FOVEA_SEED=${seed}: ${(error as Error).stack}`);
    }
  }
}

describe('random graphs', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await createEngine(undefined, { poison: true, threads: 2 });
  });
  afterAll(() => engine.dispose());

  test('mean the same after every pass', () =>
    forSeeds((seed) => {
      const { graph, feeds } = randomGraph(seed);
      runPasses(graph, feeds);
    }));

  test('compute the same on an engine, with and without reuse of memory', { timeout: 120_000 }, () =>
    forSeeds((seed) => {
      const { graph, feeds } = randomGraph(seed);
      return checkOnEngine(engine, graph, feeds, { factor: 40 });
    }),
  );
});
