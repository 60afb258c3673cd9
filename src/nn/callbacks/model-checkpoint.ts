// Saves the model while it trains: after every epoch, or whenever a number improves.
import { FoveaError } from '../../core/errors.js';
import { isRecord } from '../keras-config.js';
import { flag, number, optional, type Rule, readOptions, text } from '../options.js';
import type { Callback, FitControl, Logs } from './callback.js';
import { fromPlain, MONITOR, Monitor, type MonitorMode, toPlain } from './monitor.js';

/** What saving needs of a model. */
interface SavedModel {
  save(path: string): Promise<void>;
  saveWeights(path: string): Promise<void>;
}

export interface ModelCheckpointOptions {
  /** May hold {epoch:02d} (from 1) and any name of the logs with a format, such as {val_loss:.2f}. */
  filepath: string;
  /** Default `val_loss`. */
  monitor?: string;
  /** Says when it saves. */
  verbose?: boolean;
  /** Saves only when the monitored number is the best so far. */
  saveBestOnly?: boolean;
  saveWeightsOnly?: boolean;
  mode?: MonitorMode;
  /** `epoch`, or a number of batches. Counting batches makes `fit` read the metrics after every step. */
  saveFreq?: 'epoch' | number;
  /** What must be beaten before the first save. */
  initialValueThreshold?: number | null;
}

const SAVE_FREQ: Rule<'epoch' | number> = {
  want: "'epoch' or a whole number of batches",
  fallback: 'epoch',
  accepts: (value) => value === 'epoch' || (Number.isInteger(value) && (value as number) >= 1),
};

const RULES = {
  ...MONITOR,
  filepath: text(),
  verbose: flag(false),
  saveBestOnly: flag(false),
  saveWeightsOnly: flag(false),
  saveFreq: SAVE_FREQ,
  initialValueThreshold: optional(number()),
};

/**
 * Saves the model during training.
 *
 * @example
 * const best = callbacks.modelCheckpoint({ filepath: 'best.keras', saveBestOnly: true });
 * await model.fit(train, { epochs: 2, validationSplit: 0.2, callbacks: [best] });
 */
export class ModelCheckpoint implements Callback {
  readonly name = 'ModelCheckpoint';
  readonly onTrainBatchEnd?: NonNullable<Callback['onTrainBatchEnd']>;
  private readonly options: ReturnType<typeof readOptions<typeof RULES>>;
  private readonly monitor: Monitor;
  private best: number;
  private epoch = 0;
  private batches = 0;

  constructor(options: ModelCheckpointOptions) {
    this.options = readOptions('modelCheckpoint', options, RULES);
    const { monitor, mode, initialValueThreshold, saveFreq } = this.options;
    this.monitor = new Monitor('modelCheckpoint', monitor, mode);
    this.best = initialValueThreshold ?? this.monitor.worst;
    if (saveFreq !== 'epoch') {
      this.onTrainBatchEnd = async (_batch, logs, control) => {
        if (++this.batches % saveFreq === 0) await this.save(logs, control);
      };
    }
  }

  onEpochBegin(epoch: number): void {
    this.epoch = epoch;
  }

  async onEpochEnd(epoch: number, logs: Logs, control: FitControl): Promise<void> {
    this.epoch = epoch;
    if (this.options.saveFreq === 'epoch') await this.save(logs, control);
  }

  private async save(logs: Logs, { model }: FitControl): Promise<void> {
    const { saveBestOnly, saveWeightsOnly, verbose, filepath } = this.options;
    const path = formatPath(filepath, { epoch: this.epoch + 1, ...logs });
    const place = `Epoch ${this.epoch + 1}`;
    if (saveBestOnly) {
      const value = this.monitor.read(logs);
      if (value === undefined) return;
      if (!this.monitor.isBetter(value, this.best)) {
        if (verbose) console.log(`${place}: ${this.monitor.name} did not improve from ${this.best.toFixed(5)}`);
        return;
      }
      if (verbose)
        console.log(
          `${place}: ${this.monitor.name} improved from ${this.best.toFixed(5)} to ${value.toFixed(5)}, saving to ${path}`,
        );
      this.best = value;
    } else if (verbose) {
      console.log(`${place}: saving to ${path}`);
    }
    const saved = model as unknown as SavedModel;
    await (saveWeightsOnly ? saved.saveWeights(path) : saved.save(path));
  }

  getState(): unknown {
    return { best: toPlain(this.best), batches: this.batches };
  }

  setState(state: unknown): void {
    if (!isRecord(state)) return;
    this.best = fromPlain(state.best);
    this.batches = Number(state.batches);
  }
}

/** Fills {name}, {name:03d}, {name:.2f} and {name:.1e}. Throws `argument` for a name that is not among the values. */
export function formatPath(template: string, values: Readonly<Record<string, number>>): string {
  return template.replace(/\{([^{}:]+)(?::([^{}]*))?\}/g, (_, name: string, format = '') => {
    const value = values[name];
    if (value === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'modelCheckpoint',
        message: `filepath "${template}" names {${name}}, which is not in the logs.`,
        got: name,
        want: Object.keys(values),
        hint: `There are ${Object.keys(values).join(', ')}.`,
      });
    }
    const parts = /^(0?)(\d*)(?:\.(\d+))?([dfeg]?)$/.exec(format as string);
    if (parts === null) {
      throw new FoveaError({
        code: 'argument',
        op: 'modelCheckpoint',
        message: `{${name}:${format}} is not a format.`,
        got: format,
        hint: 'Use for example {epoch:02d} or {val_loss:.2f}.',
      });
    }
    const [, zero, width, digits, kind] = parts;
    const places = digits === undefined ? 6 : Number(digits);
    const shown =
      kind === 'd'
        ? String(Math.trunc(value))
        : kind === 'e'
          ? value.toExponential(places)
          : kind === 'f' || digits !== undefined
            ? value.toFixed(places)
            : String(value);
    return shown.padStart(Number(width || 0), zero === '0' ? '0' : ' ');
  });
}
