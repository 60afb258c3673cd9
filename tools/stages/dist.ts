// src to dist with tsc, declarations included, and dist/node: the same in a few files, which Node loads several times
// sooner than hundreds. Made beside it and renamed, so that dist never holds a mixture.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { type ModuleInfo, rolldown } from 'rolldown';
import { type BuildContext, hashInputs, isFresh, listFiles, markFresh, packageVersion } from './cache.js';

/** Gives whether anything was built. */
export async function buildDist(context: BuildContext): Promise<boolean> {
  const { root } = context;
  const files = [...listFiles(root, 'src', ['.ts']), 'tsconfig.json', 'tools/stages/dist.ts'];
  const key = hashInputs(
    root,
    files,
    ['typescript', 'esbuild', 'rolldown'].map((name) => packageVersion(root, name)),
  );
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

/** The entry points of package.json, and the command. */
const ENTRIES: Readonly<Record<string, string>> = {
  index: 'index',
  data: 'data/index',
  formats: 'formats/index',
  plot: 'plot/index',
  vision: 'vision/index',
  explain: 'tasks/explain/index',
  cli: 'cli/main',
};

/** Not bundled: found only at run time, no ES modules, or without the text of its licence. */
const APART = ['sharp', 'esbuild', 'commander', 'jpeg-js', '@bufbuild/protobuf'];

/**
 * The entry points for Node and the command, which share their parts: a model file's layers are then the command's. As
 * deep as the folders of dist: files of the package are found by relative addresses. The packages that they need are
 * within, a hundred small files that took as long to load as fovea itself; beside them lie their licences.
 */
async function bundle(root: string, dist: string): Promise<void> {
  const modules = new Map<string, ModuleInfo>();
  let nameOf: (id: string) => string | null = () => null;
  const bundled = await rolldown({
    cwd: root,
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, join(dist, `${file}.js`)])),
    platform: 'node',
    preserveEntrySignatures: 'allow-extension',
    logLevel: 'silent',
    external: APART.map((name) => new RegExp(`^${name}(/|$)`)),
    // What it has for Node loads worker threads and streams at once, and only its functions that wait use them.
    resolve: { alias: { fflate: 'fflate/browser' } },
    plugins: [
      {
        name: 'parts',
        moduleParsed: (module) => {
          modules.set(module.id, module);
        },
        buildEnd: () => {
          nameOf = partNames(modules, dist);
        },
      },
    ],
  });
  const { output } = await bundled.generate({
    format: 'esm',
    hashCharacters: 'base36',
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: { groups: [{ name: (id) => nameOf(id) }], includeDependenciesRecursively: false },
  });
  await bundled.close();
  mkdirSync(join(dist, 'node'));
  for (const chunk of output) {
    if (chunk.type !== 'chunk') throw new Error(`${chunk.fileName} is no module.`);
    const { code } = await transform(chunk.code, {
      format: 'esm',
      target: 'node20',
      // Half of what has to be read; names stay, for stack traces.
      minifyWhitespace: true,
      // Node shows the whole line of an error that nobody caught.
      lineLimit: 120,
      minifySyntax: true,
    });
    const mode = code.startsWith('#!') ? 0o755 : 0o644;
    writeFileSync(join(dist, 'node', chunk.fileName), code, { mode });
  }
  const packages = [...modules.keys()].map((file) => /node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  writeFileSync(join(dist, 'node/LICENSES.txt'), licences(root, [...new Set(packages)].sort()));
}

/**
 * The file of each module that the package's entry loads. Every file costs Node half a millisecond, so what one of the small entry
 * points needs too is one file for each of them, what several need another, and the rest two.
 */
function partNames(modules: ReadonlyMap<string, ModuleInfo>, dist: string): (id: string) => string | null {
  const small = ['data', 'formats', 'plot', 'vision'];
  const users = new Map<string, Set<string>>();
  const visit = (id: string, entry: string): void => {
    const names = users.get(id) ?? new Set();
    if (names.has(entry)) return;
    users.set(id, names.add(entry));
    for (const next of modules.get(id)?.importedIds ?? []) if (modules.has(next)) visit(next, entry);
  };
  for (const [entry, file] of Object.entries(ENTRIES)) if (entry !== 'cli') visit(join(dist, `${file}.js`), entry);
  return (id) => {
    const names = users.get(id);
    // What one small entry point alone needs is mostly loaded on demand by others.
    if (names === undefined || !names.has('index')) return null;
    const served = small.filter((name) => names.has(name));
    if (served.length > 1) return 'base';
    if (served[0] !== undefined) return `${served[0]}-part`;
    return names.has('explain') ? 'network' : 'models';
  };
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
