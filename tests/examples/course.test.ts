// Runs every program of examples/course and holds it to what it must print and draw. The expectations stand in
// ./expected-*.ts, one file for each theme.

import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Expected, missingPart, wrongScore } from './expected.js';

const folder = fileURLToPath(new URL('../../examples/course', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const programs = readdirSync(folder)
  .filter((name) => /^\d{2,3}-.*\.ts$/.test(name))
  .sort();
const themes = readdirSync(here).filter((name) => /^expected-.*\.ts$/.test(name));
const expected = new Map<string, Expected>();
for (const theme of themes) {
  const file = (await import(pathToFileURL(join(here, theme)).href)) as { default: Record<string, Expected> };
  for (const [name, one] of Object.entries(file.default)) expected.set(name, one);
}

const hasData = (process.env.FOVEA_DATA ?? '') !== '';
// Training to the end takes hours; the quick tests see fewer pictures and one epoch.
const isFull = process.env.FOVEA_NIGHTLY === '1';

let out = '';
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'fovea-course-'));
  vi.stubEnv('FOVEA_OUT', out);
  vi.stubEnv('FOVEA_SHORT', isFull ? '' : '1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(out, { recursive: true, force: true });
});

describe('course examples', () => {
  test('each has its expectations, and none is expected in vain', () => {
    expect(programs.map((name) => name.slice(0, -3))).toEqual([...expected.keys()].sort());
  });

  for (const [name, { prints, draws = [], scores = [], needsData = false }] of expected) {
    const isSkipped = needsData && !hasData;
    const timeout = needsData ? (isFull ? 10_800_000 : 240_000) : 60_000;
    test.skipIf(isSkipped)(isSkipped ? `${name} (skipped: FOVEA_DATA is not set)` : name, { timeout }, async () => {
      const lines = await linesOf(name);
      const output = `printed:\n${lines.join('\n')}`;
      const missing = missingPart(lines, prints);
      expect(missing, `not printed in its place:\n${missing}\n\n${output}`).toBeUndefined();
      expect(wrongScore(lines, scores, { isFull, hasData }), output).toBeUndefined();
      for (const picture of draws) {
        const { data, width, height } = decode(await readFile(join(out, picture)));
        expect(width * height).toBeGreaterThan(10_000);
        // A drawing, not an empty page.
        expect(new Set(data).size).toBeGreaterThan(8);
      }
    });
  }
});

async function linesOf(name: string): Promise<string[]> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  try {
    await import(pathToFileURL(join(folder, `${name}.ts`)).href);
    return log.mock.calls.flatMap((words) => words.join(' ').split('\n'));
  } finally {
    log.mockRestore();
  }
}
