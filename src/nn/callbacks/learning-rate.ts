// Callbacks that change the learning rate between epochs.
import { FoveaError } from '../../core/errors.js';
import { describe, isRecord } from '../keras-config.js';
import { flag, number, readOptions, whole } from '../options.js';
import type { Callback, FitControl, Logs } from './callback.js';
import { fromPlain, MONITOR, Monitor, type MonitorMode, optimizerOf, toPlain } from './monitor.js';

export interface ReduceLROnPlateauOptions {
  /** Default `val_loss`. */
  monitor?: string;
  /** What the rate is multiplied by, below 1; default 0.1. */
  factor?: number;
  /** Epochs without improvement before the rate falls; default 10. */
  patience?: number;
  verbose?: boolean;
  mode?: MonitorMode;
  /** What counts as an improvement; default 0.0001. */
  minDelta?: number;
  /** Epochs after a fall during which none is counted; default 0. */
  cooldown?: number;
  /** The rate does not fall below this; default 0. */
  minLr?: number;
}

const RULES = {
  ...MONITOR,
  factor: number(0.1, { low: 0, high: 1 - Number.EPSILON }),
  patience: whole(10),
  verbose: flag(false),
  minDelta: number(1e-4),
  cooldown: whole(0),
  minLr: number(0, { low: 0 }),
};

/**
 * Lowers the learning rate when a number stops improving.
 *
 * @example
 * callbacks.reduceLROnPlateau({ monitor: 'val_loss', factor: 0.5, patience: 5 });
 */
export class ReduceLROnPlateau implements Callback {
  readonly name = 'ReduceLROnPlateau';
  private readonly options: ReturnType<typeof readOptions<typeof RULES>>;
  private readonly monitor: Monitor;
  private wait = 0;
  private cooldown = 0;
  private best: number;
  private isRestored = false;

  constructor(options: ReduceLROnPlateauOptions = {}) {
    this.options = readOptions('reduceLROnPlateau', options, RULES);
    const { monitor, mode, minDelta } = this.options;
    this.monitor = new Monitor('reduceLROnPlateau', monitor, mode, Math.abs(minDelta));
    this.best = this.monitor.worst;
  }

  onTrainBegin(): void {
    if (!this.isRestored) {
      this.wait = 0;
      this.cooldown = 0;
      this.best = this.monitor.worst;
    }
    this.isRestored = false;
  }

  onEpochEnd(epoch: number, logs: Logs, control: FitControl): void {
    const { patience, factor, minLr, verbose } = this.options;
    const optimizer = optimizerOf('reduceLROnPlateau', control);
    logs.learning_rate = optimizer.learningRate;
    const value = this.monitor.read(logs);
    if (value === undefined) return;
    const wasCooling = this.cooldown > 0;
    if (wasCooling) {
      this.cooldown--;
      this.wait = 0;
    }
    if (this.monitor.isBetter(value, this.best)) {
      this.best = value;
      this.wait = 0;
      return;
    }
    // The last epoch of the cooldown counts already.
    if (this.cooldown > 0 || ++this.wait < patience) return;
    const before = optimizer.learningRate;
    if (before <= Math.fround(minLr)) return;
    optimizer.learningRate = Math.max(before * factor, minLr);
    this.cooldown = this.options.cooldown;
    this.wait = 0;
    if (verbose) console.log(`Epoch ${epoch + 1}: the learning rate falls to ${optimizer.learningRate}.`);
  }

  getState(): unknown {
    return { wait: this.wait, cooldown: this.cooldown, best: toPlain(this.best) };
  }

  setState(state: unknown): void {
    if (!isRecord(state)) return;
    this.wait = Number(state.wait);
    this.cooldown = Number(state.cooldown);
    this.best = fromPlain(state.best);
    this.isRestored = true;
  }
}

/** The rate of an epoch (counted from 0), from that of the one before. */
export type LearningRateFunction = (epoch: number, learningRate: number) => number;

/**
 * Sets the learning rate before every epoch.
 *
 * @example
 * callbacks.learningRateScheduler((epoch, rate) => (epoch < 10 ? rate : rate * 0.9));
 */
export class LearningRateScheduler implements Callback {
  readonly name = 'LearningRateScheduler';
  private readonly verbose: boolean;

  constructor(
    private readonly schedule: LearningRateFunction,
    options: { verbose?: boolean } = {},
  ) {
    if (typeof schedule !== 'function') {
      throw new FoveaError({
        code: 'argument',
        op: 'learningRateScheduler',
        message: `the schedule must be a function; got ${describe(schedule)}.`,
        got: schedule,
        hint: 'Pass (epoch, rate) => rate.',
      });
    }
    this.verbose = readOptions('learningRateScheduler', options, { verbose: flag(false) }).verbose;
  }

  onEpochBegin(epoch: number, control: FitControl): void {
    const optimizer = optimizerOf('learningRateScheduler', control);
    const rate = this.schedule(epoch, optimizer.learningRate);
    if (typeof rate !== 'number' || !Number.isFinite(rate) || rate < 0) {
      throw new FoveaError({
        code: 'argument',
        op: 'learningRateScheduler',
        message: `the schedule gave ${describe(rate)} for epoch ${epoch}, which is not a rate.`,
        got: rate,
        want: 'a number of at least 0',
      });
    }
    optimizer.learningRate = rate;
    if (this.verbose) console.log(`Epoch ${epoch + 1}: the learning rate is ${rate}.`);
  }

  onEpochEnd(_epoch: number, logs: Logs, control: FitControl): void {
    logs.learning_rate = optimizerOf('learningRateScheduler', control).learningRate;
  }
}
