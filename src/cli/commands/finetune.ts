// `fovea finetune`: a network that knows other pictures learns those of a folder; what comes of it is in the run's folder.
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { FoveaError } from '../../core/errors.js';
import { writeFileAtomic } from '../../core/node-files.js';
import { engineInfo } from '../../engine/current.js';
import type { OptimizerName } from '../../nn/optimizers.js';
import { type FinetuneEvent, type FinetuneOptions, finetune } from '../../tasks/transfer/finetune.js';
import type { Scenario } from '../../tasks/transfer/plan.js';
import { writeFinetuneReport } from '../finetune-report.js';
import { isOutputClosed, onInterrupt } from '../interrupt.js';
import { isFile } from '../models.js';
import { EXIT, type Output, ownCommand } from '../output.js';
import { flagOf, freeFolder, quoted } from '../run-folder.js';

/** The options of `fovea finetune`, as parsed. */
export interface FinetuneCommandOptions {
  base?: string;
  weights?: string;
  alpha?: number;
  size?: number;
  preprocess?: FinetuneOptions['preprocessing'];
  cutAt?: string;
  scenario: Scenario | 'auto';
  unfreezeFrom?: string;
  headEpochs?: number;
  epochs?: number;
  headRate?: number;
  rate?: number;
  baseRate?: number;
  batch: number;
  optimizer: string;
  dropout: number;
  classWeight: 'balanced' | 'none';
  augment: boolean;
  patience: number;
  test: number;
  validation: number;
  seed: number;
  out?: string;
  overwrite?: boolean;
  resume?: string;
}

/** What config.json holds. */
interface FinetuneConfig {
  readonly command: 'finetune';
  readonly folder: string;
  readonly options: FinetuneCommandOptions;
}

/** Fine-tunes and writes the run's folder; resolves with the exit code. `given` are the options that were written out. */
export async function finetuneFolder(
  asked: string | undefined,
  options: FinetuneCommandOptions,
  given: readonly string[],
  output: Output,
): Promise<number> {
  const { path, config } = await openRun(asked, options, given);
  const { folder, options: own } = config;
  const events = new Narrator(output);
  const interrupt = onInterrupt(() => {
    output.text('\nStopping after this step; once more to quit at once.');
    output.event('stopping');
  });
  const info = await engineInfo();
  output.text(`Fine-tuning ${own.base} on ${folder}; ${info.name} ${info.level}, ${info.threads} threads.`);
  output.event('start', { folder: path, data: folder, base: own.base, engine: info });
  const started = performance.now();
  try {
    const result = await finetune(own.base as string, folder, {
      ...libraryOptions(own),
      folder: path,
      resume: options.resume !== undefined,
      signal: interrupt.signal,
      verbose: output.isJson ? 0 : 'auto',
      callbacks: [
        { name: 'EmitEpochs', onEpochEnd: (epoch, logs) => output.event('epoch', { epoch: epoch + 1, ...logs }) },
      ],
      // Written when data and base have been looked at: what is refused leaves no folder.
      onEvent: (event) => events.tell(event),
      onBegin: () =>
        writeFileAtomic(join(path, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`, 'finetune'),
    });
    const seconds = (performance.now() - started) / 1000;
    const { judgement, headScores } = result;
    if (judgement === undefined) {
      const text = `Stopped. Continue with: ${ownCommand()} finetune --resume ${quoted(path)}`;
      output.text(text);
      output.event('stopped', { resume: path });
      if (!isOutputClosed()) return EXIT.interrupted;
      process.stderr.write(`fovea finetune: nobody reads the output. ${text}\n`);
      return EXIT.closed;
    }
    const report = await writeFinetuneReport({
      result,
      path,
      folder,
      base: own.base as string,
      seconds,
      command: repeatCommand(config),
    });
    const model = join(path, 'model.keras');
    const part = result.sizes.test > 0 ? 'Test' : 'Validation';
    const before = headScores === undefined ? '' : `; with the base frozen ${headScores.accuracy.toFixed(4)}`;
    output.text();
    output.text(
      `${part}: accuracy ${judgement.accuracy.toFixed(4)}, loss ${judgement.loss.toFixed(4)} (${judgement.count} pictures, ${seconds.toFixed(0)} s)${before}`,
    );
    output.text(`Model:   ${model}`);
    output.text(`Report:  ${report}`);
    output.text(`Predict: ${ownCommand()} predict ${quoted(path)} picture.jpg`);
    const scores = { loss: judgement.loss, accuracy: judgement.accuracy };
    output.event('done', { scores, headScores, model, report, seconds });
    return EXIT.done;
  } finally {
    interrupt.dispose();
  }
}

/** The options under the library's names. */
function libraryOptions(options: FinetuneCommandOptions): FinetuneOptions {
  const { alpha, preprocess, batch, optimizer, classWeight, augment, base, out, overwrite, resume, ...same } = options;
  return {
    ...same,
    ...(alpha === undefined ? {} : { zoo: { alpha } }),
    ...(preprocess === undefined ? {} : { preprocessing: preprocess }),
    ...(classWeight === 'balanced' ? { classWeight } : {}),
    batchSize: batch,
    optimizer: optimizer as OptimizerName,
    augmentation: augment,
  };
}

async function openRun(
  asked: string | undefined,
  options: FinetuneCommandOptions,
  given: readonly string[],
): Promise<{ path: string; config: FinetuneConfig }> {
  if (options.resume !== undefined) {
    const others = given.filter((name) => !['resume', 'json'].includes(name));
    if (others.length > 0 || asked !== undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'finetune',
        message: `${[...(asked === undefined ? [] : [asked]), ...others.map(flagOf)].join(', ')} cannot be changed in a run that goes on.`,
        got: others,
        hint: 'Give --resume alone, or start a new run.',
      });
    }
    return { path: options.resume, config: await readConfig(options.resume) };
  }
  const { base } = options;
  if (asked === undefined || base === undefined) {
    throw new FoveaError({
      code: 'argument',
      op: 'finetune',
      message: asked === undefined ? 'no folder of pictures was given.' : 'no base was given.',
      hint: 'Write: fovea finetune FOLDER --base mobilenet_v2, or --base model.keras.',
    });
  }
  const path = options.out ?? (await freeFolder(basename(asked), basename(base)));
  if (!options.overwrite && (await isFile(join(path, 'config.json')))) {
    throw new FoveaError({
      code: 'argument',
      op: 'finetune',
      message: `${path} holds a run already.`,
      got: path,
      hint: `Go on with it by --resume ${quoted(path)}, choose another --out, or add --overwrite.`,
    });
  }
  // A run may be resumed from another folder.
  const isThere = (await stat(base).catch(() => undefined)) !== undefined;
  const weights =
    options.weights === undefined || options.weights === 'imagenet' ? {} : { weights: resolve(options.weights) };
  const kept = { ...options, ...weights, base: isThere ? resolve(base) : base };
  return { path, config: { command: 'finetune', folder: resolve(asked), options: kept } };
}

async function readConfig(path: string): Promise<FinetuneConfig> {
  const file = join(path, 'config.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  let config: Partial<FinetuneConfig> | undefined;
  try {
    config = text === undefined ? undefined : (JSON.parse(text) as Partial<FinetuneConfig>);
  } catch {
    config = undefined;
  }
  if (config?.command === 'finetune' && typeof config.folder === 'string' && typeof config.options?.base === 'string')
    return config as FinetuneConfig;
  throw new FoveaError({
    code: 'file',
    op: 'finetune',
    message: `${path} is not the folder of a run of finetune${text === undefined ? ': it has no config.json.' : '.'}`,
    hint: 'Give a folder that fovea finetune made.',
    path,
  });
}

function repeatCommand({ folder, options }: FinetuneConfig): string {
  const { resume, out, overwrite, augment, ...rest } = options;
  const flags = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [`${flagOf(name)} ${quoted(String(value))}`],
  );
  return `fovea finetune ${quoted(folder)} ${flags.join(' ')}${augment ? '' : ' --no-augment'}`;
}

/** Tells what is going on. */
class Narrator {
  constructor(private readonly output: Output) {}

  tell(event: FinetuneEvent): void {
    const { output } = this;
    if (event.kind === 'data') {
      for (const { path, problem } of event.broken) {
        output.text(`skipped ${path}: ${problem}`);
        output.event('skipped', { picture: path, problem });
      }
      const { train, validation, test, plan } = event;
      const then = plan.epochs === 0 ? '' : `, then from layer ${plan.unfreezeFrom} on for up to ${plan.epochs}`;
      output.text(`${train} pictures to train on, ${validation} to validate, ${test} to test.`);
      output.text(
        plan.isFromScratch
          ? `Scenario ${plan.scenario}: from scratch, up to ${plan.epochs} epochs.`
          : `Scenario ${plan.scenario}: a new classifier for up to ${plan.headEpochs} epochs${then}.`,
      );
      output.event('data', { train, validation, test, plan });
    } else if (event.kind === 'features') {
      if (event.done < event.of) return;
      output.text(`Features of the ${event.part} pictures: ${event.isCached ? 'as they were kept' : 'computed'}.`);
      output.event('features', { part: event.part, count: event.done, isCached: event.isCached });
    } else if (event.kind === 'stage') {
      const what = event.stage === 'head' ? 'The classifier alone' : 'With the base';
      output.text(`${what}: ${event.trainable.toLocaleString('en')} parameters train.`);
      output.event('stage', { stage: event.stage, trainable: event.trainable });
    } else {
      output.text(`With the base frozen: test accuracy ${event.accuracy.toFixed(4)}, loss ${event.loss.toFixed(4)}.`);
      output.event('head', { loss: event.loss, accuracy: event.accuracy });
    }
  }
}
