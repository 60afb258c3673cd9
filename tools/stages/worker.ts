// Bundles src/engine/wasm/worker.ts into one string, from which the engine starts its workers: no file to
// find in a bundle or behind a content delivery network.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type BuildContext, hashInputs, isFresh, listFiles, markFresh, packageVersion, writeBeside } from './cache.js';

const OUTPUT = 'src/engine/wasm/worker-source.generated.ts';

/** Gives whether anything was built. */
export async function buildWorker(context: BuildContext): Promise<boolean> {
  const { root } = context;
  const files = listFiles(root, 'src/engine/wasm', ['.ts']).filter((file) => !file.endsWith('.generated.ts'));
  const own = readFileSync(join(root, 'tools/stages/worker.ts'), 'utf8');
  const key = hashInputs(root, files, [own, packageVersion(root, 'esbuild')]);
  if (isFresh(context, 'worker', key)) return false;
  const bundle = await build({
    entryPoints: [join(root, 'src/engine/wasm/worker.ts')],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  const code = bundle.outputFiles[0]?.text ?? '';
  const lines = ['// Made by tools/stages/worker.ts from ./worker.ts.', `export const workerSource: string =`];
  writeBeside(join(root, OUTPUT), `${lines.join('\n')}\n  ${JSON.stringify(code)};\n`);
  markFresh(context, 'worker', key, [OUTPUT]);
  return true;
}
