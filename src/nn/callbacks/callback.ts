// What a callback may do, and what it is told.
import type { TrainableModel } from '../model.js';

/** Losses and metrics by name: `loss`, `accuracy`, `val_loss`, ... */
export type Logs = Record<string, number>;

/** What every callback learns when training begins. */
export interface TrainingParams {
  readonly epochs: number;
  readonly initialEpoch: number;
  /** Steps of an epoch, undefined where only a pass can tell. */
  readonly steps: number | undefined;
  readonly batchSize: number | undefined;
  readonly verbose: 'auto' | 0 | 1 | 2;
}

/**
 * Hooks into training. All are optional and may be async. `onTrainBatchEnd` makes `fit` read the metrics
 * after every step; without it they are read a few times a second.
 *
 * @example
 * const stopAt: Callback = { onEpochEnd: (_epoch, logs, { stop }) => { if ((logs.loss ?? 1) < 0.1) stop(); } };
 */
export interface Callback {
  /** Under which its state is saved; default: the class's name. */
  readonly name?: string;
  onTrainBegin?(params: TrainingParams, control: FitControl): void | Promise<void>;
  onTrainEnd?(logs: Logs, control: FitControl): void | Promise<void>;
  onEpochBegin?(epoch: number, control: FitControl): void | Promise<void>;
  onEpochEnd?(epoch: number, logs: Logs, control: FitControl): void | Promise<void>;
  onTrainBatchEnd?(batch: number, logs: Logs, control: FitControl): void | Promise<void>;
  /** Told of progress a few times a second, whenever the metrics have been read. `batch` counts finished steps. */
  onProgress?(batch: number, logs: Logs, control: FitControl): void;
  /** What an exact resume needs; plain data. */
  getState?(): unknown;
  setState?(state: unknown): void;
}

/** What a callback may do to the training it watches. */
export interface FitControl {
  readonly model: TrainableModel;
  /** Ends training after this epoch (or this step, from `onTrainBatchEnd`). */
  stop(): void;
}
