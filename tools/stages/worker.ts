// Bundles the programs of workers into strings, from which the engine and data streams start them: no file to
// find in a bundle or behind a content delivery network.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type BuildContext, hashInputs, isFresh, listFiles, markFresh, packageVersion, writeBeside } from './cache.js';

interface Program {
  readonly stage: string;
  readonly entry: string;
  readonly output: string;
  readonly name: string;
  /** What it is made of, as far as it is likely to change. */
  readonly folders: readonly string[];
}

const PROGRAMS: readonly Program[] = [
  {
    stage: 'worker',
    entry: 'src/engine/wasm/worker.ts',
    output: 'src/engine/wasm/worker-source.generated.ts',
    name: 'workerSource',
    folders: ['src/engine/wasm'],
  },
  {
    stage: 'data-worker',
    entry: 'src/data/workers/program.ts',
    output: 'src/data/workers/program-source.generated.ts',
    name: 'programSource',
    folders: ['src/data', 'src/core'],
  },
];

/** Gives whether anything was built. */
export async function buildWorker(context: BuildContext): Promise<boolean> {
  const built = await Promise.all(PROGRAMS.map((program) => buildProgram(context, program)));
  return built.includes(true);
}

async function buildProgram(context: BuildContext, program: Program): Promise<boolean> {
  const { root } = context;
  const { stage, entry, output, name, folders } = program;
  const files = folders
    .flatMap((folder) => listFiles(root, folder, ['.ts']))
    .filter((file) => !file.endsWith('.generated.ts'));
  const own = readFileSync(join(root, 'tools/stages/worker.ts'), 'utf8');
  const key = hashInputs(root, files, [own, packageVersion(root, 'esbuild')]);
  if (isFresh(context, stage, key)) return false;
  const bundle = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  const code = bundle.outputFiles[0]?.text ?? '';
  const lines = [`// Made by tools/stages/worker.ts from ${entry}.`, `export const ${name}: string =`];
  writeBeside(join(root, output), `${lines.join('\n')}\n  ${JSON.stringify(code)};\n`);
  markFresh(context, stage, key, [output]);
  return true;
}
