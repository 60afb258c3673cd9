// A run's folder: model.keras, history.csv, config.json, report.html. config.json holds all that is needed
// to repeat the run or to go on with it.
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FoveaError } from '../core/errors.js';
import { makeFolder, writeFileAtomic } from '../core/node-files.js';
import type { PicturePreprocessing } from '../nn/model-metadata.js';
import type { PreprocessKind } from './data.js';

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
  overwrite?: boolean;
  resume?: string;
  preprocess?: PreprocessKind;
}

/** What config.json holds. */
export interface RunConfig {
  readonly options: TrainOptions;
  readonly classNames: readonly string[];
  readonly preprocessing: PicturePreprocessing;
}

/** A run's folder. It is made by `create`, once everything that may be refused has been looked at. */
export interface RunFolder {
  readonly path: string;
  readonly modelPath: string;
  readonly historyPath: string;
  readonly isResumed: boolean;
  /** The options in force: a resumed run has its own. */
  readonly options: TrainOptions;
  readonly config: RunConfig | undefined;
  create(): Promise<void>;
  writeConfig(config: RunConfig): Promise<void>;
}

/** Chooses a run's folder, or opens the one to resume. `given` are the options that were written out. */
export async function openRunFolder(options: TrainOptions, given: readonly string[]): Promise<RunFolder> {
  if (options.resume !== undefined) return resumeFolder(options.resume, options, given);
  const path = options.out ?? (await freeFolder(options.data, options.model ?? 'lecture-cnn'));
  const folder = folderAt(path, options, undefined);
  if (!options.overwrite && (await exists(folder.modelPath))) {
    throw new FoveaError({
      code: 'argument',
      op: 'train',
      message: `${path} holds a run already.`,
      got: path,
      hint: `Go on with it by --resume ${quoted(path)}, choose another --out, or add --overwrite.`,
    });
  }
  return folder;
}

function folderAt(path: string, options: TrainOptions, config: RunConfig | undefined): RunFolder {
  return {
    path,
    modelPath: join(path, 'model.keras'),
    historyPath: join(path, 'history.csv'),
    isResumed: config !== undefined,
    options,
    config,
    create: () => makeFolder(path, 'train'),
    writeConfig: (next) =>
      writeFileAtomic(join(path, 'config.json'), `${JSON.stringify(next, undefined, 2)}\n`, 'train'),
  };
}

async function resumeFolder(path: string, asked: TrainOptions, given: readonly string[]): Promise<RunFolder> {
  const others = given.filter((name) => !['resume', 'epochs', 'json'].includes(name));
  if (others.length > 0) {
    throw new FoveaError({
      code: 'argument',
      op: 'train',
      message: `${others.map(flagOf).join(', ')} cannot be changed in a run that goes on.`,
      got: others,
      hint: 'Give --resume with --epochs alone, or start a new run.',
    });
  }
  const config = await readRunConfig(path);
  if (config === undefined) {
    throw new FoveaError({
      code: 'file',
      op: 'train',
      message: `${path} is not the folder of a run: it has no config.json.`,
      hint: 'Give a folder that fovea train made.',
      path,
    });
  }
  const folder = folderAt(
    path,
    { ...config.options, epochs: Math.max(config.options.epochs, given.includes('epochs') ? asked.epochs : 0) },
    config,
  );
  if (!(await exists(folder.modelPath))) {
    throw new FoveaError({
      code: 'file',
      op: 'train',
      message: `${path} has no model.keras: the run ended before its first epoch did.`,
      hint: 'Start it again.',
      path,
    });
  }
  return folder;
}

/** Drops rows of history.csv from `epoch` on: a process that was killed may have written one that its model has not seen. */
export async function trimHistory({ historyPath }: RunFolder, epoch: number): Promise<void> {
  const text = await readFile(historyPath, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const lines = text.split('\n').slice(0, -1);
  const kept = lines.filter((line, i) => i === 0 || Number.parseInt(line, 10) < epoch);
  if (kept.length < lines.length) await writeFileAtomic(historyPath, `${kept.join('\n')}\n`, 'train');
}

/** An option as it is written: `learningRate` is `--learning-rate`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w./:@%+,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** A run's config.json, or undefined where there is none. */
export async function readRunConfig(path: string): Promise<RunConfig | undefined> {
  const file = join(path, 'config.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const refuse = (problem: string): FoveaError =>
    new FoveaError({
      code: 'format',
      op: 'train',
      message: `${file} ${problem}`,
      path: file,
      hint: 'Start a new run.',
    });
  let config: Partial<RunConfig> | null;
  try {
    config = JSON.parse(text) as Partial<RunConfig> | null;
  } catch (error) {
    throw refuse(`is not JSON: ${(error as Error).message}`);
  }
  if (
    typeof config?.options?.data !== 'string' ||
    !Array.isArray(config.classNames) ||
    config.preprocessing === undefined
  ) {
    throw refuse("does not hold a run's options.");
  }
  return config as RunConfig;
}

/** A folder below runs/ that is not there yet, named by data, model and time. */
export async function freeFolder(data: string, model: string): Promise<string> {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const base = join('runs', `${basename(data)}-${basename(model).replace(/\.\w+$/, '')}-${time}`);
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`;
    if (!(await exists(path))) return path;
  }
}
