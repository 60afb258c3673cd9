// Runs every program of examples/course and holds it to what it must print and draw. The expectations stand in
// ./expected-*.ts, one file for each theme.

import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Expected, missingPart } from './expected.js';

const folder = fileURLToPath(new URL('../../examples/course', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const programs = readdirSync(folder)
  .filter((name) => /^\d\d-.*\.ts$/.test(name))
  .sort();
const themes = readdirSync(here).filter((name) => /^expected-.*\.ts$/.test(name));
const expected = new Map<string, Expected>();
for (const theme of themes) {
  const file = (await import(pathToFileURL(join(here, theme)).href)) as { default: Record<string, Expected> };
  for (const [name, one] of Object.entries(file.default)) expected.set(name, one);
}

let out = '';
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'fovea-course-'));
  vi.stubEnv('FOVEA_OUT', out);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(out, { recursive: true, force: true });
});

describe('course examples', () => {
  test('each has its expectations, and none is expected in vain', () => {
    expect(programs.map((name) => name.slice(0, -3))).toEqual([...expected.keys()].sort());
  });

  test.each([...expected])('%s', async (name, { prints, draws = [] }) => {
    const lines = await linesOf(name);
    const missing = missingPart(lines, prints);
    expect(missing, `not printed in its place:\n${missing}\n\nprinted:\n${lines.join('\n')}`).toBeUndefined();
    for (const picture of draws) {
      const { data, width, height } = decode(await readFile(join(out, picture)));
      expect(width * height).toBeGreaterThan(10_000);
      // A drawing, not an empty page.
      expect(new Set(data).size).toBeGreaterThan(8);
    }
  });
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
