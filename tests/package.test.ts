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

const OPTIONS = {
  bundle: true,
  minify: true,
  write: false as const,
  format: 'esm' as const,
  target: 'es2022',
  external: ['sharp'],
  logLevel: 'silent' as const,
};

/** Bundles a program that imports 'fovea' as an application's bundler would. */
async function bundle(program: string, platform: 'node' | 'browser'): Promise<string> {
  const stdin = { contents: program, resolveDir: root, loader: 'ts' } as const;
  const result = await build({ ...OPTIONS, stdin, platform });
  return result.outputFiles[0]?.text ?? '';
}

/**
 * The bytes, compressed, of what a page loads that is bundled into parts: the program with all that it imports, and of
 * what is imported on demand those parts whose source matches.
 */
async function loadedBytes(program: string, onDemand: RegExp): Promise<number> {
  const stdin = { contents: program, resolveDir: root, loader: 'ts' } as const;
  const parts = { splitting: true, outdir: folder, metafile: true as const };
  const { outputFiles, metafile } = await build({ ...OPTIONS, ...parts, stdin, platform: 'browser' });
  const entries = Object.entries(metafile.outputs);
  const wanted = entries.filter(([, { entryPoint = '' }]) => entryPoint === '<stdin>' || onDemand.test(entryPoint));
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: next, kind, external } of metafile.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && !external) load(next);
    }
  };
  for (const [path] of wanted) load(path);
  const sizes = outputFiles.map(({ path, contents }) => [path, gzipSync(contents).length] as const);
  return [...loaded].reduce((sum, path) => {
    const found = sizes.find(([each]) => each.endsWith(path.replace(/^(\.\.\/)+/, '/')));
    expect(found, path).toBeDefined();
    return sum + (found?.[1] ?? 0);
  }, 0);
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
    // A browser loads one of the engine's two variants; codecs, fonts and HDF5 only where they are used.
    const total = await loadedBytes(
      TRAINS,
      /engine\/(wasm|wasm\/worker-source\.generated|wasm\/binary-simd128\.generated)\.js$/,
    );
    expect(total).toBeGreaterThan(200 * 1024);
    expect(total).toBeLessThan(350 * 1024);
  });

  it('leaves out what is not used', async () => {
    const code = await bundle("import { setRandomSeed } from 'fovea'; setRandomSeed(1);", 'browser');
    expect(code).not.toMatch(/hdf5|HDF5/);
    expect(code).not.toMatch(/fashion-mnist/);
  });
});
