// Engines and the life of processes: idle engines let a process end, busy ones do not; several JavaScript
// threads use the addon at once; which engine is chosen, and what is said about it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { createEngine, engineReport } from '../../src/engine/select.js';
import { assemble, binding, matmul, matmulScratchBytes, pointwise, workspace } from './programs.js';
import { findVariants } from './variants.js';

const here = fileURLToPath(new URL('.', import.meta.url));
// Two folders below the repository, as src/engine is: the addon is looked for from there.
const folder = mkdtempSync(join(here, '../../build/test-'));
const elsewhere = mkdtempSync(join(tmpdir(), 'fovea-'));
afterAll(() => {
  for (const path of [folder, elsewhere]) rmSync(path, { recursive: true, force: true });
});

const { variants } = await findVariants();
const engines = [...new Set(variants.map(({ engine }) => engine))];

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a script that may use the engines and the hand-made Programs, in a process of its own. */
async function runScript(script: string, into = folder, env: Record<string, string> = {}): Promise<Outcome> {
  const outfile = join(into, `script-${Math.random().toString(36).slice(2)}.mjs`);
  const head = `import { createEngine } from '../../src/engine/select.js'; import * as programs from './programs.js';\n`;
  await build({
    stdin: { contents: head + script, resolveDir: here, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'silent',
  });
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [outfile],
      { timeout: 20_000, env: { ...process.env, ...env } },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const MULTIPLY = `
  const n = 256;
  async function multiply(engine) {
    const { assemble, binding, workspace, matmul, matmulScratchBytes } = programs;
    const instructions = [matmul(binding(0), binding(0), binding(1), workspace(), n)];
    const program = engine.load(assemble({ bindings: 2, workspaceBytes: matmulScratchBytes(n), instructions }));
    const a = engine.allocate(4 * n * n);
    const c = engine.allocate(4 * n * n);
    engine.write(a, new Float32Array(n * n).fill(1));
    const runs = [];
    for (let i = 0; i < 20; i++) runs.push(engine.run(program, [a, c]));
    return { runs, read: async () => new Float32Array(await engine.read(c))[0] };
  }
`;

describe.each(engines)('%s', (name) => {
  test('an idle engine lets the process end; one that works is waited for', async () => {
    const outcome = await runScript(`${MULTIPLY}
      const engine = await createEngine('${name}', { threads: 2 });
      const { read } = await multiply(engine);
      read().then((value) => console.log('read', value)); // nothing else keeps the process
    `);
    expect(outcome).toEqual({ code: 0, stdout: 'read 256\n', stderr: '' });
  });

  test('process.exit in the middle of the work ends cleanly', async () => {
    const outcome = await runScript(`${MULTIPLY}
      const engine = await createEngine('${name}', { threads: 3 });
      const { runs } = await multiply(engine);
      await runs[2];
      process.exit(7);
    `);
    expect(outcome).toEqual({ code: 7, stdout: '', stderr: '' });
  });

  test('several JavaScript threads have engines of their own, ended with and without dispose', async () => {
    const outcome = await runScript(`${MULTIPLY}
      const { Worker, isMainThread, parentPort, workerData } = await import('node:worker_threads');
      const engine = await createEngine('${name}', { threads: 2 });
      const { runs, read } = await multiply(engine);
      if (!isMainThread) {
        await runs[1];
        parentPort.postMessage('busy'); // and may be terminated now, in the middle of a run
        if (workerData.end === 'dispose') { await read(); await engine.dispose(); }
      } else {
        const ends = ['dispose', 'terminate', 'leave', 'terminate'].map((end) => new Promise((resolve, reject) => {
          const worker = new Worker(new URL(import.meta.url), { workerData: { end } });
          worker.on('error', reject);
          worker.on('message', () => { if (end === 'terminate') worker.terminate(); });
          worker.on('exit', () => resolve(end));
        }));
        console.log((await Promise.all(ends)).join(' '), await read());
      }
    `);
    expect(outcome).toEqual({ code: 0, stdout: 'dispose terminate leave terminate 256\n', stderr: '' });
  });
});

describe('the choice', () => {
  test('without an addon the wasm engine serves, and one line says why', async () => {
    const script = `
      const a = await createEngine();
      const b = await createEngine();
      console.log(a.info.name, b.info.name);
    `;
    const outcome = await runScript(script, elsewhere, { FOVEA_ENGINE: '', FOVEA_THREADS: '1', FOVEA_LEVEL: '' });
    expect(outcome.stdout).toBe('wasm wasm\n');
    expect(outcome.stderr).toMatch(
      /^fovea: the wasm engine runs \(\w+, 1 thread\), which is slower: native engine: it is not built for \S+\.\n$/,
    );
  });

  test('an engine asked for by name is not replaced by another', async () => {
    const script = `await createEngine().catch((error) => console.log(error.message));`;
    const env = { FOVEA_LEVEL: '', FOVEA_THREADS: '' };
    const named = await runScript(script, elsewhere, { ...env, FOVEA_ENGINE: 'native' });
    expect(named.stdout).toMatch(/^native engine: it is not built for \S+\.\n$/);
    const unknown = await runScript(script, elsewhere, { ...env, FOVEA_ENGINE: 'cuda' });
    expect(unknown.stdout).toBe("FOVEA_ENGINE is 'cuda'; the engines are native, wasm.\n");
    const level = await runScript(script, elsewhere, { ...env, FOVEA_ENGINE: 'wasm', FOVEA_LEVEL: 'avx9' });
    expect(level.stdout).toMatch(
      /^wasm engine: the wasm engine has no level 'avx9' here\.\n {2}It can run: .*simd128\.\n$/,
    );
    const threads = await runScript(script, elsewhere, { ...env, FOVEA_ENGINE: 'wasm', FOVEA_THREADS: 'many' });
    expect(threads.stdout).toBe('FOVEA_THREADS must be a whole number from 1 to 256, not many.\n');
  });

  test('the report names every engine, what it offers and why it is or is not in use', async () => {
    const engine = await createEngine('wasm', { threads: 2 });
    await engine.dispose();
    const report = await engineReport(engine.info);
    expect(report.map(({ name }) => name)).toEqual(['native', 'wasm']);
    expect(report[1]).toMatchObject({ isInUse: true, info: engine.info });
    expect(report[0]?.isInUse).toBe(false);
    expect(report[0]?.reason).toMatch(/^would run|native engine: .*\.$/);
  });
});

describe('wasm without shared memory', () => {
  test('runs on one thread and says why', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    try {
      const engine = await createEngine('wasm', { threads: 4, poison: true });
      expect(engine.info).toMatchObject({ threads: 1, threadsReason: expect.stringMatching(/^no SharedArrayBuffer/) });
      const n = 600; // larger than the memory that the engine starts with
      const instructions = [
        pointwise('fadd', binding(0), binding(0), binding(1), n * n),
        matmul(binding(0), binding(1), binding(2), workspace(), n),
      ];
      const program = engine.load(assemble({ bindings: 3, workspaceBytes: matmulScratchBytes(n), instructions }));
      const [a, b, c] = [engine.allocate(4 * n * n), engine.allocate(4 * n * n), engine.allocate(4 * n * n)];
      engine.write(a, new Float32Array(n * n).fill(1));
      void engine.run(program, [a, b, c]);
      expect(new Float32Array(await engine.read(c)).every((value) => value === 2 * n)).toBe(true);
      await engine.dispose();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
