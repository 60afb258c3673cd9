// `--model`: an architecture by name, or a module that makes a model. TypeScript runs where Node can run it, or
// through esbuild where that is installed.
import { rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FoveaError } from '../core/errors.js';
import { missingPathError } from '../core/node-files.js';
import type { TrainableModel } from '../nn/model.js';
import { entryOf } from '../zoo/create.js';
import { isFile, loadModel } from './models.js';

/** What a model is made for. */
export interface ModelPurpose {
  readonly inputShape: readonly [height: number, width: number, channels: number];
  readonly classes: number;
}

/** The model that a name or file stands for. Throws `argument` for a name that is neither. */
export async function modelFor(name: string, purpose: ModelPurpose, op: string): Promise<TrainableModel> {
  if (/\.(m?[jt]s)$/.test(name)) return modelFromModule(name, purpose, op);
  // A file is told by its content; what looks like one and is not there is said to be missing.
  if (/\.(keras|h5|onnx|json|cfg|weights|prototxt|caffemodel)$/.test(name) || (await isFile(name)))
    return loadModel(name);
  return entryOf(name, op, 'Give one of these, or a .ts or .js file that exports a model.').make(purpose);
}

/** The same, or the model of a run's folder; what is made is made for the lecture's pictures. */
export async function anyModel(name: string, op: string): Promise<TrainableModel> {
  const isFolder = (await stat(name).catch(() => undefined))?.isDirectory() === true;
  return isFolder ? loadModel(name) : modelFor(name, { inputShape: [28, 28, 1], classes: 10 }, op);
}

/** A module whose default export is a model, or a function of a `ModelPurpose` that gives one. */
async function modelFromModule(path: string, purpose: ModelPurpose, op: string): Promise<TrainableModel> {
  if (!(await isFile(path))) throw await missingPathError(path, op);
  const module = (await importModule(resolve(path), path, op)) as { default?: unknown };
  const made: unknown = typeof module.default === 'function' ? await module.default(purpose) : module.default;
  if (typeof made !== 'object' || made === null || !('fit' in made)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `${path} does not export a model.`,
      got: Object.keys(module),
      hint: 'Write `export default ({ inputShape, classes }) => models.sequential([...])`.',
    });
  }
  return made as TrainableModel;
}

async function importModule(full: string, path: string, op: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(full).href);
  } catch (error) {
    if (!full.endsWith('ts') || (error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION')
      throw notLoaded(op, path, error);
  }
  const esbuild = await loadEsbuild();
  if (esbuild === undefined) {
    throw new FoveaError({
      code: 'unsupported',
      op,
      message: `Node ${process.versions.node} cannot run TypeScript files.`,
      path,
      hint: 'Install esbuild (npm install -D esbuild), use Node 22.18 or newer, or give a .js file.',
    });
  }
  // Beside the original, so that its imports of packages are found.
  const outfile = join(dirname(full), `.${basename(full)}.${process.pid}.mjs`);
  try {
    await esbuild.build({
      entryPoints: [full],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'silent',
    });
    return await import(pathToFileURL(outfile).href);
  } catch (error) {
    throw notLoaded(op, path, error);
  } finally {
    await rm(outfile, { force: true });
  }
}

async function loadEsbuild(): Promise<typeof import('esbuild') | undefined> {
  // A computed name: the package works without it.
  const name: string = 'esbuild';
  return (await import(name).catch(() => undefined)) as typeof import('esbuild') | undefined;
}

function notLoaded(op: string, path: string, cause: unknown): FoveaError {
  return new FoveaError({
    code: 'file',
    op,
    message: `${path} cannot be loaded: ${(cause as Error).message}`,
    path,
    hint: 'Run it with node to see where it fails.',
    cause,
  });
}
