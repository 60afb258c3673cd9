// Transpiles tools/build.ts, which Node 20 cannot load by itself, and runs it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const esbuild = await import('esbuild').catch(() => {
  console.error('fovea: the build tools are not installed; run `npm install --include=dev`.');
  process.exit(1);
});

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = await esbuild.build({
  entryPoints: [`${root}tools/build.ts`],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  write: false,
});
const code = bundle.outputFiles[0].text;
const file = `${root}build/tools/${createHash('sha256').update(code).digest('hex').slice(0, 16)}.mjs`;
if (!existsSync(file)) {
  mkdirSync(`${root}build/tools`, { recursive: true });
  writeFileSync(`${file}.${process.pid}`, code);
  renameSync(`${file}.${process.pid}`, file);
}
const { build } = await import(`file://${file}`);
process.exitCode = await build(root, process.argv.slice(2));
