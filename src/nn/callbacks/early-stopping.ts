// Ends training when a number stops improving, and can go back to the best weights.
import { type Dtype, type TypedArray, viewTypedArray } from '../../core/dtype.js';
import { isRecord } from '../keras-config.js';
import type { TrainableModel } from '../model.js';
import { flag, number, optional, readOptions, whole } from '../options.js';
import type { Callback, FitControl, Logs } from './callback.js';
import { fromPlain, MONITOR, Monitor, type MonitorMode, toPlain } from './monitor.js';

/** Weights beyond this many bytes are not written into the saved state. */
const MAX_SAVED_BYTES = 2 ** 26;

export interface EarlyStoppingOptions {
  /** Default `val_loss`. */
  monitor?: string;
  /** What counts as an improvement; default 0. */
  minDelta?: number;
  /** Epochs without improvement before training ends; default 0. */
  patience?: number;
  /** Says when it stops and what it restores. */
  verbose?: boolean;
  mode?: MonitorMode;
  /** Training ends where this is not beaten within the patience. */
  baseline?: number | null;
  /** Puts the weights of the best epoch back at the end. */
  restoreBestWeights?: boolean;
  /** Epochs before it begins to watch; default 0. */
  startFromEpoch?: number;
}

const RULES = {
  ...MONITOR,
  minDelta: number(0),
  patience: whole(0),
  verbose: flag(false),
  baseline: optional(number()),
  restoreBestWeights: flag(false),
  startFromEpoch: whole(0),
};

/**
 * Ends training when the monitored number has not improved for `patience` epochs.
 *
 * @example
 * const early = callbacks.earlyStopping({ patience: 10, restoreBestWeights: true });
 * await model.fit(train, { epochs: 3, validationSplit: 0.2, callbacks: [early] });
 */
export class EarlyStopping implements Callback {
  readonly name = 'EarlyStopping';
  /** The epoch (from 0) after which training was stopped, or undefined. */
  stoppedEpoch: number | undefined;
  bestEpoch = 0;
  private readonly options: ReturnType<typeof readOptions<typeof RULES>>;
  private readonly monitor: Monitor;
  private wait = 0;
  private best: number;
  private bestWeights: readonly TypedArray[] | undefined;
  private isRestored = false;

  constructor(options: EarlyStoppingOptions = {}) {
    this.options = readOptions('earlyStopping', options, RULES);
    const { monitor, mode, minDelta } = this.options;
    this.monitor = new Monitor('earlyStopping', monitor, mode, Math.abs(minDelta));
    this.best = this.monitor.worst;
  }

  onTrainBegin(): void {
    if (!this.isRestored) {
      this.wait = 0;
      this.best = this.monitor.worst;
      this.bestWeights = undefined;
      this.bestEpoch = 0;
    }
    this.isRestored = false;
    this.stoppedEpoch = undefined;
  }

  async onEpochEnd(epoch: number, logs: Logs, { model, stop }: FitControl): Promise<void> {
    const { startFromEpoch, restoreBestWeights, baseline, patience } = this.options;
    const value = this.monitor.read(logs);
    if (value === undefined || epoch < startFromEpoch) return;
    // Without an improvement ever, the first weights seen are the best.
    if (restoreBestWeights && this.bestWeights === undefined) await this.keep(epoch, model);
    this.wait++;
    if (this.monitor.isBetter(value, this.best)) {
      this.best = value;
      this.bestEpoch = epoch;
      if (restoreBestWeights) await this.keep(epoch, model);
      if (baseline === null || this.monitor.isBetter(value, baseline)) this.wait = 0;
      return;
    }
    if (this.wait >= patience && epoch > 0) {
      this.stoppedEpoch = epoch;
      stop();
    }
  }

  onTrainEnd(_logs: Logs, { model }: FitControl): void {
    const { verbose, restoreBestWeights } = this.options;
    if (verbose && this.stoppedEpoch !== undefined) console.log(`Epoch ${this.stoppedEpoch + 1}: early stopping`);
    const best = this.bestWeights;
    if (!restoreBestWeights || best === undefined) return;
    if (verbose) console.log(`Restoring the weights of the best epoch: ${this.bestEpoch + 1}.`);
    model.weights.forEach((weight, i) => {
      weight.set((best[i] as TypedArray).slice());
    });
  }

  private async keep(epoch: number, model: TrainableModel): Promise<void> {
    this.bestEpoch = epoch;
    this.bestWeights = await Promise.all(model.weights.map((weight) => weight.elements()));
  }

  getState(): unknown {
    const bytes = this.bestWeights?.reduce((total, { byteLength }) => total + byteLength, 0) ?? 0;
    const weights = bytes > MAX_SAVED_BYTES ? undefined : this.bestWeights?.map(encode);
    return {
      wait: this.wait,
      best: toPlain(this.best),
      bestEpoch: this.bestEpoch,
      ...(weights === undefined ? {} : { weights }),
    };
  }

  setState(state: unknown): void {
    if (!isRecord(state)) return;
    this.wait = Number(state.wait);
    this.best = fromPlain(state.best);
    this.bestEpoch = Number(state.bestEpoch);
    this.bestWeights = Array.isArray(state.weights) ? state.weights.map(decode) : undefined;
    this.isRestored = true;
  }
}

interface EncodedArray {
  readonly dtype: Dtype;
  readonly base64: string;
}

function encode(array: TypedArray): EncodedArray {
  const dtype =
    array instanceof Float32Array
      ? 'float32'
      : array instanceof Int32Array
        ? 'int32'
        : array instanceof Uint16Array
          ? 'bfloat16'
          : 'uint8';
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return { dtype, base64: btoa(text) };
}

function decode({ dtype, base64 }: EncodedArray): TypedArray {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return viewTypedArray(dtype, bytes.buffer);
}
