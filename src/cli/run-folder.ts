// A run's folder: model.keras, history.csv, config.json, report.html. config.json holds all that is needed
// to repeat the run or to go on with it.
import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FoveaError } from '../core/errors.js';
import { fileError, writeFileAtomic } from '../core/node-files.js';
import type { TrainOptions } from './commands/train.js';
import type { Preprocess } from './data.js';

/** What config.json holds. */
export interface RunConfig {
  readonly options: TrainOptions;
  readonly classNames: readonly string[];
  readonly preprocess: Preprocess;
}

/** An open run folder. */
export interface RunFolder {
  readonly path: string;
  readonly modelPath: string;
  readonly isResumed: boolean;
  /** The options in force: a resumed run has its own. */
  readonly options: TrainOptions;
  readonly config: RunConfig | undefined;
  writeConfig(config: RunConfig): Promise<void>;
}

/** Makes a run's folder, or opens the one to resume. */
export async function openRunFolder(options: TrainOptions): Promise<RunFolder> {
  if (options.resume !== undefined) return resumeFolder(options.resume, options);
  const path = options.out ?? (await freeFolder(options));
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw fileError('train', path, 'make the folder', error);
  }
  return folderAt(path, options, undefined);
}

function folderAt(path: string, options: TrainOptions, config: RunConfig | undefined): RunFolder {
  return {
    path,
    modelPath: join(path, 'model.keras'),
    isResumed: config !== undefined,
    options,
    config,
    writeConfig: (next) => writeFileAtomic(join(path, 'config.json'), `${JSON.stringify(next, undefined, 2)}\n`),
  };
}

async function resumeFolder(path: string, asked: TrainOptions): Promise<RunFolder> {
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
  // More epochs may be asked for; everything else is as it was.
  const epochs = Math.max(config.options.epochs, asked.epochs);
  return folderAt(path, { ...config.options, epochs }, config);
}

/** A run's config.json, or undefined where there is none. */
export async function readRunConfig(path: string): Promise<RunConfig | undefined> {
  const file = join(path, 'config.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as RunConfig;
  } catch (error) {
    throw new FoveaError({ code: 'format', op: 'train', message: `${file} is not JSON: ${(error as Error).message}`, path: file, hint: 'Start a new run.' });
  }
}

async function freeFolder({ data, model = 'lecture-cnn' }: TrainOptions): Promise<string> {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const base = join('runs', `${basename(data)}-${basename(model).replace(/\.\w+$/, '')}-${time}`);
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`;
    if ((await stat(path).catch(() => undefined)) === undefined) return path;
  }
}
