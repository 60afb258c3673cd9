// `fovea train`: data, model, fit, test, and a folder with all that came of it.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FoveaError } from '../../core/errors.js';
import { missingPathError } from '../../core/node-files.js';
import type { ArrayDataset } from '../../data/index.js';
import { engineInfo } from '../../engine/current.js';
import type { Callback } from '../../nn/callbacks/callback.js';
import { csvLogger } from '../../nn/callbacks/index.js';
import { setRandomSeed } from '../../nn/random.js';
import type { TrainableModel } from '../../nn/model.js';
import { makeOptimizer } from '../../nn/optimizers.js';
import { architectures } from '../../zoo/index.js';
import { applyPreprocess, type CommandData, fitPreprocess, loadData, type Preprocess } from '../data.js';
import { onInterrupt } from '../interrupt.js';
import { loadModel } from '../models.js';
import type { Output } from '../output.js';
import { EXIT } from '../program.js';
import { makeReport } from '../report.js';
import { openRunFolder, type RunConfig, type RunFolder } from '../run-folder.js';

/** The options of `fovea train`, as parsed. */
export interface TrainOptions {
  data: string;
  model?: string;
  epochs: number;
  batch: number;
  optimizer: string;
  learningRate?: number;
  validation: number;
  limit?: number;
  size: number;
  seed: number;
  out?: string;
  resume?: string;
  preprocess?: Preprocess['kind'];
}

/** Trains and writes the run's folder; resolves with the exit code. */
export async function train(given: TrainOptions, output: Output): Promise<number> {
  const folder = await openRunFolder(given);
  const { options } = folder;
  setRandomSeed(options.seed);
  const data = await loadData(options.data, { ...limitOf(options), size: options.size, seed: options.seed, output });
  const preprocess = folder.config?.preprocess ?? fitPreprocess(options.preprocess, data.train);
  const model = await makeModel(folder, options, data, output);
  const config: RunConfig = { options, classNames: data.classNames, preprocess };
  model.metadata = { classNames: data.classNames, preprocess };
  await folder.writeConfig(config);

  const info = await engineInfo();
  output.text(model.summary());
  output.text();
  output.text(`Training on ${data.train.length} pictures of ${data.train.name}, ${data.classNames.length} classes; ${info.name} ${info.level}, ${info.threads} threads.`);
  output.event('start', { folder: folder.path, parameters: model.countParams(), engine: info, train: data.train.length, test: data.test.length });

  const trainSet = data.train.withX(applyPreprocess(preprocess, data.train.x));
  const testSet = data.test.withX(applyPreprocess(preprocess, data.test.x));
  const interrupt = onInterrupt(() => output.text('\nStopping after this step; once more to quit at once.'));
  const started = performance.now();
  try {
    const history = await model.fit(trainSet, {
      epochs: options.epochs,
      batchSize: options.batch,
      ...(options.validation > 0 ? { validationSplit: options.validation } : {}),
      resume: folder.isResumed,
      signal: interrupt.signal,
      verbose: output.isJson ? 0 : 'auto',
      callbacks: [csvLogger({ filename: join(folder.path, 'history.csv'), append: folder.isResumed }), saveEachEpoch(folder), emitEpochs(output)],
    });
    await model.save(folder.modelPath);
    if (history.wasAborted) {
      output.text(`Stopped. Saved ${folder.modelPath}; continue with: fovea train --resume ${folder.path}`);
      output.event('stopped', { model: folder.modelPath, resume: folder.path });
      return EXIT.interrupted;
    }
    return await finish({ model, folder, data, testSet, trainSet, config, seconds: (performance.now() - started) / 1000, output, batch: options.batch });
  } finally {
    interrupt.dispose();
  }
}

function limitOf({ limit }: TrainOptions): { limit?: number } {
  return limit === undefined ? {} : { limit };
}

async function makeModel(folder: RunFolder, options: TrainOptions, data: CommandData, output: Output): Promise<TrainableModel> {
  if (folder.isResumed) return loadModel(folder.modelPath);
  const [, height, width, channels] = data.train.x.shape as [number, number, number, number];
  const inputShape = [height, width, channels] as const;
  const name = options.model ?? 'lecture-cnn';
  const entry = architectures[name];
  const model = entry === undefined ? await modelFromFile(name, inputShape, data.classNames.length) : entry.make({ inputShape, classes: data.classNames.length });
  if (model.training.compiled === undefined) {
    const optimizer = makeOptimizer(options.optimizer);
    if (options.learningRate !== undefined) optimizer.learningRate = options.learningRate;
    model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  } else {
    output.text('The model file has compiled its model; --optimizer and --learning-rate are left to it.');
  }
  return model;
}

/** A module whose default export is a model, or a function of `{ inputShape, classes }` that gives one. */
async function modelFromFile(path: string, inputShape: readonly [number, number, number], classes: number): Promise<TrainableModel> {
  if (path.endsWith('.keras') || path.endsWith('.h5')) return loadModel(path);
  if (!/\.(m?[jt]s)$/.test(path)) {
    throw new FoveaError({
      code: 'argument',
      op: 'train',
      message: `there is no architecture "${path}".`,
      lines: Object.entries(architectures).map(([name, { about }]) => `${name}: ${about}`),
      got: path,
      hint: 'Give one of these, or a .ts or .js file that exports a model.',
    });
  }
  const module = (await importModule(path)) as { default?: unknown };
  const made = typeof module.default === 'function' ? await module.default({ inputShape, classes }) : module.default;
  if (typeof made !== 'object' || made === null || !('fit' in made)) {
    throw new FoveaError({
      code: 'argument',
      op: 'train',
      message: `${path} does not export a model.`,
      hint: 'Write `export default ({ inputShape, classes }) => models.sequential([...])`.',
    });
  }
  return made as TrainableModel;
}

async function importModule(path: string): Promise<unknown> {
  const full = resolve(path);
  if ((await stat(full).catch(() => undefined)) === undefined) throw await missingPathError(path, 'train');
  try {
    return await import(pathToFileURL(full).href);
  } catch (error) {
    if (path.endsWith('ts') && (error as { code?: string }).code === 'ERR_UNKNOWN_FILE_EXTENSION') return importTypeScript(full);
    throw new FoveaError({
      code: 'file',
      op: 'train',
      message: `${path} cannot be loaded: ${(error as Error).message}`,
      path,
      hint: 'Check what it imports.',
      cause: error,
    });
  }
}

/** For Node before 22.18, which cannot load TypeScript: through esbuild, where it is installed. */
async function importTypeScript(path: string): Promise<unknown> {
  const esbuild = await import('esbuild').catch(() => undefined);
  if (esbuild === undefined) {
    throw new FoveaError({
      code: 'file',
      op: 'train',
      message: `Node ${process.versions.node} cannot run TypeScript files.`,
      path,
      hint: 'Use Node 22.18 or newer, install esbuild beside fovea, or give a .js file.',
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'fovea-model-'));
  try {
    const outfile = join(folder, 'model.mjs');
    const self = new URL('../../index.js', import.meta.url).href;
    await esbuild.build({
      entryPoints: [path],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'silent',
      // The file's 'fovea' must be this one, or its layers would not be this one's layers.
      plugins: [{ name: 'fovea', setup: (build) => build.onResolve({ filter: /^fovea$/ }, () => ({ path: self, external: true })) }],
    });
    return await import(pathToFileURL(outfile).href);
  } catch (error) {
    throw new FoveaError({ code: 'file', op: 'train', message: `${path} cannot be loaded: ${(error as Error).message}`, path, cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function saveEachEpoch(folder: RunFolder): Callback {
  return { name: 'SaveEachEpoch', onEpochEnd: async (_epoch, _logs, { model }) => model.save(folder.modelPath) };
}

function emitEpochs(output: Output): Callback {
  return { name: 'EmitEpochs', onEpochEnd: (epoch, logs) => output.event('epoch', { epoch: epoch + 1, ...logs }) };
}

async function finish(run: {
  model: TrainableModel;
  folder: RunFolder;
  data: CommandData;
  trainSet: ArrayDataset;
  testSet: ArrayDataset;
  config: RunConfig;
  seconds: number;
  batch: number;
  output: Output;
}): Promise<number> {
  const { model, folder, testSet, output } = run;
  const scores = await model.evaluate(testSet, { batchSize: run.batch });
  const reportPath = await makeReport({ ...run, scores });
  const text = Object.entries(scores).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  output.text();
  output.text(`Test: ${text.join(', ')} (${testSet.length} pictures it has not seen, ${run.seconds.toFixed(0)} s of training)`);
  output.text(`Model:   ${folder.modelPath}`);
  output.text(`Report:  ${reportPath}`);
  output.text(`Predict: fovea predict ${folder.path} picture.png`);
  output.event('done', { scores, model: folder.modelPath, report: reportPath, seconds: run.seconds });
  return EXIT.done;
}
