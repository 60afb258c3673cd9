// Runs every program of examples/training and holds each to what it must print and draw.
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Expected, missingPart, wrongScore } from './expected.js';

const folder = fileURLToPath(new URL('../../examples/training', import.meta.url));
const programs = readdirSync(folder)
  .filter((name) => /^\d{2}-.*\.ts$/.test(name))
  .sort();

const EXPECTED: Readonly<Record<string, Expected>> = {
  '01-gan': {
    prints: ['maker 31425 weights, judge 10065', /^judgeLoss( \d\.\d\d){5}$/, /^makerLoss( \d\.\d\d){5}$/],
    draws: ['gan.png'],
    scores: [
      { line: /^ink of real pictures 0\.155, of made ones (0\.\d+)$/, short: [0.45, 0.55] },
      // As much ink as in real pictures, where noise made grey.
      { line: /^ink of made pictures after training (0\.\d+)$/, short: [0.02, 0.3] },
    ],
  },
  '02-siamese': {
    prints: [/^loss( 0\.\d{3}){12}$/],
    scores: [{ line: /^told apart at 0\.5: ([\d.]+)% of 400 unseen pairs$/, short: [70, 100] }],
  },
  '03-subclass': {
    prints: [
      'Model: "small_res_net"',
      '│ residual (Residual) │ (None, 14, 14, 8) │ 680 │',
      ' Trainable params: 9,394 (36.70 KB)',
      'a SmallResNet from the file, with the same predictions: true',
    ],
    scores: [{ line: /^accuracy on unseen strokes (\d\.\d+)$/, short: [0.5, 1] }],
  },
};

let out = '';
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'fovea-training-'));
  vi.stubEnv('FOVEA_OUT', out);
  vi.stubEnv('FOVEA_SHORT', '1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(out, { recursive: true, force: true });
});

describe('training examples', () => {
  test('each has its expectations, and none is expected in vain', () => {
    expect(programs.map((name) => name.slice(0, -3))).toEqual(Object.keys(EXPECTED));
  });

  test.each(Object.entries(EXPECTED))('%s', { timeout: 120_000 }, async (name, { prints, draws = [], scores = [] }) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await import(pathToFileURL(join(folder, `${name}.ts`)).href);
    const lines = log.mock.calls.flatMap((words) => words.join(' ').split('\n'));
    log.mockRestore();
    const output = `printed:\n${lines.join('\n')}`;
    expect(missingPart(lines, prints), output).toBeUndefined();
    expect(wrongScore(lines, scores, { isFull: false, hasData: false }), output).toBeUndefined();
    for (const picture of draws) {
      const { width, height, data } = decode(await readFile(join(out, picture)));
      expect(width * height).toBeGreaterThan(10_000);
      expect(new Set(data).size).toBeGreaterThan(8);
    }
  });
});
