// The package as others meet it: its entry points exist, bundlers keep what it needs and drop what it does not,
// and a page gets nothing of Node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>;
};
const folder = mkdtempSync(join(tmpdir(), 'fovea-package-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Bundles a program that imports 'fovea' as an application's bundler would: one file, or one per part that may load later. */
async function bundleParts(program: string, platform: 'node' | 'browser', splitting: boolean): Promise<string[]> {
  const result = await build({
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform,
    target: 'es2022',
    external: ['sharp'],
    logLevel: 'silent',
    ...(splitting ? { splitting, outdir: folder } : {}),
  });
  return result.outputFiles.map(({ text }) => text);
}

async function bundle(program: string, platform: 'node' | 'browser'): Promise<string> {
  return (await bundleParts(program, platform, false))[0] ?? '';
}

const TRAINS = `import { layers, models } from 'fovea';
  const model = models.sequential([layers.input([28, 28, 1]), layers.flatten(), layers.dense({ units: 10 })]);
  model.compile({ optimizer: 'adam', loss: 'mse' });
  await model.fit(new Float32Array(784), new Float32Array(10));`;

describe('the entry points', () => {
  for (const [name, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    it(`${name} has its code and types`, () => {
      expect(existsSync(join(root, target.default)), target.default).toBe(true);
      expect(existsSync(join(root, target.types)), target.types).toBe(true);
    });
  }
});

describe('a bundle', () => {
  it('computes: the engine is not shaken out', async () => {
    const file = join(folder, 'program.mjs');
    const program = "import { add, tensor } from 'fovea'; console.log(await add(tensor([1, 2]), 1).array());";
    writeFileSync(file, await bundle(program, 'node'));
    const printed = execFileSync(process.execPath, [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(printed.trim()).toBe('[ 2, 3 ]');
  });

  it('for a page holds no addon and imports nothing of Node', async () => {
    const code = await bundle(TRAINS, 'browser');
    expect(code).not.toMatch(/^import\b[^(]*['"]node:/m);
    expect(code).not.toMatch(/fovea\.node\b.*require/);
  });

  it('for a page stays small', async () => {
    const parts = (await bundleParts(TRAINS, 'browser', true)).map((code) => gzipSync(code).length);
    // The engine's two variants are the largest parts, and a browser loads one of them.
    const [largest = 0, second = 0] = [...parts].sort((x, y) => y - x);
    expect(second).toBeGreaterThan(0.8 * largest);
    const total = parts.reduce((sum, size) => sum + size, 0);
    expect(total - second).toBeLessThan(350 * 1024);
  });

  it('leaves out what is not used', async () => {
    const code = await bundle("import { setRandomSeed } from 'fovea'; setRandomSeed(1);", 'browser');
    expect(code).not.toMatch(/hdf5|HDF5/);
    expect(code).not.toMatch(/fashion-mnist/);
  });
});
