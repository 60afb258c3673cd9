// Every reader of files under damage: 2,000 mutations each, every one of which ends in a model or a FoveaError within 2 seconds of
// processor time and 1 GiB. It runs in a process of its own, tools/fuzz-readers.ts; FOVEA_SEED repeats a run.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Dice, mutate, seedOf } from '../../tools/fuzz/mutate.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MUTATIONS = 2000;

test(`${MUTATIONS} damaged files for each reader`, { timeout: 600_000 }, async () => {
  const seed = process.env.FOVEA_SEED ?? String(Math.floor(Math.random() * 1e9));
  const args = ['tools/run.mjs', 'tools/fuzz-readers.ts', '--mutations', String(MUTATIONS), '--seed', seed];
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, FOVEA_THREADS: '1' } });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  expect(code, said).toBe(0);
  const lines = [...said.matchAll(/^([\w-]+): (\d+) read, (\d+) refused, 0 findings/gm)];
  const readers = lines.map(([, name]) => name);
  for (const name of [
    'keras',
    'keras-h5',
    'weights-h5',
    'safetensors',
    'onnx',
    'tfjs',
    'tfjs-graph',
    'torch',
    'torch-legacy',
    'darknet',
    'caffe',
  ])
    expect(readers).toContain(name);
  for (const [, name, read, refused] of lines) {
    expect(Number(read) + Number(refused), name).toBe(MUTATIONS);
    // Damage that is never noticed, or always at the door, tests nothing.
    expect(Math.min(Number(read), Number(refused)), name).toBeGreaterThan(0);
  }
});

test('the same seed gives the same damage, another one other damage', () => {
  const lines = Array.from({ length: 20 }, (_, i) => `{"a": [${i}, 2, 3], "b": {"c": "text ${i}"}}\n`);
  const bytes = new TextEncoder().encode(lines.join(''));
  const damage = (seed: number): string =>
    Buffer.from(mutate(bytes, 'text', new Dice(seedOf('keras', seed, 5)), [bytes])).toString('latin1');
  expect(damage(1)).toBe(damage(1));
  const all = new Set(Array.from({ length: 200 }, (_, i) => damage(i)));
  expect(all.size).toBeGreaterThan(100);
});
