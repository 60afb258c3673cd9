// src to dist with tsc, declarations included, and dist/node: the same in a few files, which Node loads several times
// sooner than hundreds. Made beside it and renamed, so that dist never holds a mixture.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type BuildContext, hashInputs, isFresh, listFiles, markFresh, packageVersion } from './cache.js';

/** Gives whether anything was built. */
export async function buildDist(context: BuildContext): Promise<boolean> {
  const { root } = context;
  const files = [...listFiles(root, 'src', ['.ts']), 'tsconfig.json', 'tools/stages/dist.ts'];
  const key = hashInputs(root, files, [packageVersion(root, 'typescript'), packageVersion(root, 'esbuild')]);
  if (isFresh(context, 'dist', key)) return false;
  const next = join(root, 'dist.next'); // as deep as dist, so that source maps point right
  rmSync(next, { recursive: true, force: true });
  const started = performance.now();
  await tsc(root, ['-p', 'tsconfig.json', '--outDir', next]);
  await bundle(root, next);
  const old = join(root, 'dist.old');
  rmSync(old, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
  renameSync(next, join(root, 'dist'));
  rmSync(old, { recursive: true, force: true });
  context.log(`dist in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  markFresh(context, 'dist', key, ['dist/index.js', 'dist/node/index.js']);
  return true;
}

/** Not bundled: found only at run time, no ES modules, or without the text of its licence. */
const APART = ['sharp', 'commander', 'jpeg-js', '@bufbuild/protobuf'];

/**
 * The entry points for Node and the command, which share their parts: a model file's layers are then the command's. As
 * deep as the folders of dist: files of the package are found by relative addresses. The packages that they need are
 * within, a hundred small files that took as long to load as fovea itself; beside them lie their licences.
 */
async function bundle(root: string, dist: string): Promise<void> {
  const entries = [
    'index',
    'data/index',
    'formats/index',
    'plot/index',
    'vision/index',
    'tasks/explain/index',
    'cli/main',
  ];
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      entries.map((entry) => [entry.replace(/^tasks\//, '').split('/')[0], join(dist, `${entry}.js`)]),
    ),
    outdir: join(dist, 'node'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: APART,
    // What it has for Node loads worker threads and streams at once, and only its functions that wait use them.
    alias: { fflate: 'fflate/browser' },
    // Half of what has to be read; names stay, for stack traces.
    minifyWhitespace: true,
    // Node shows the whole line of an error that nobody caught.
    lineLimit: 120,
    minifySyntax: true,
    metafile: true,
    logLevel: 'error',
  });
  const packages = Object.keys(metafile.inputs).map((file) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  writeFileSync(join(dist, 'node/LICENSES.txt'), licences(root, [...new Set(packages)].sort()));
}

/** The licences of the packages in these folders, one after the other. */
function licences(root: string, folders: readonly (string | undefined)[]): string {
  const texts = folders.flatMap((folder) => {
    if (folder === undefined) return [];
    const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined) throw new Error(`${folder} has no licence to put beside the bundle.`);
    const name = folder.split('node_modules/').at(-1);
    return [`${name}\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`];
  });
  return texts.join('\n----\n\n');
}

function tsc(root: string, args: string[]): Promise<void> {
  const program = join(root, 'node_modules/typescript/bin/tsc');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`tsc finds errors:\n${stdout}${stderr}`));
    });
  });
}
