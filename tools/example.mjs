// Runs one example of examples/: `npm run example -- course/13` (the start of its name is enough).
// It is bundled with esbuild, because Node 20 loads no TypeScript; 'fovea' stays the built package.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv[2] ?? '';
const folder = join(root, 'examples', dirname(wanted));
const isProgram = (name) => /^\d.*\.ts$/.test(name);
const programs = existsSync(folder) ? readdirSync(folder).filter(isProgram).sort() : [];
const start = basename(wanted, '.ts').replace(/^\d(?=-|$)/, '0$&');
// A bare number must be the whole number: 1 is not 10.
const matches = programs.filter((name) =>
  /^\d+$/.test(start) ? Number.parseInt(name, 10) === Number(start) : name.startsWith(start),
);
if (matches.length !== 1) {
  const list = matches.length > 1 ? matches : programs;
  console.error(`fovea: ${matches.length > 1 ? 'several examples match' : 'no example is called'} '${wanted}'.`);
  console.error(
    list.length > 0
      ? `There are:\n  ${list.map((name) => name.slice(0, -3)).join('\n  ')}`
      : 'Say for example: npm run example -- course/13',
  );
  process.exit(2);
}

const out = join(root, 'build/examples');
mkdirSync(out, { recursive: true });
// The bundle lies inside the package, where its own name leads to dist.
const outfile = join(out, matches[0].replace(/\.ts$/, '.mjs'));
await build({
  entryPoints: [join(folder, matches[0])],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
