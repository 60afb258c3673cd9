// Runs a TypeScript program of this repository: `node tools/run.mjs tools/nightly.ts fashion-cnn`. It is bundled
// with esbuild, because Node 20 loads no TypeScript; 'fovea' stays the built package.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error('fovea: say which program, for example: node tools/run.mjs tools/nightly.ts --list');
  process.exit(2);
}
// The bundle lies inside the package, where its own name leads to dist.
const folder = join(root, 'build/programs');
mkdirSync(folder, { recursive: true });
const name = program.replace(/\.ts$/, '').replaceAll('/', '-');
const outfile = join(folder, `${name}.mjs`);
await build({
  entryPoints: [{ in: join(root, program), out: name }],
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // Modules that are imported late stay modules: in one file esbuild would leave some of them without their beginning.
  splitting: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  // A module that is both imported and loaded later would be left without its constants where it is said to have no effects.
  ignoreAnnotations: true,
  sourcemap: 'inline',
  logLevel: 'warning',
});
process.argv = [process.argv[0], outfile, ...args];
await import(pathToFileURL(outfile).href);
