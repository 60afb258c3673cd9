// The callbacks, as classes and as factories (`callbacks.earlyStopping`). A callback of one's own is a plain object: see `Callback`.
import { CSVLogger, type CSVLoggerOptions } from './csv-logger.js';
import { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.js';
import {
  type LearningRateFunction,
  LearningRateScheduler,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from './learning-rate.js';
import { ModelCheckpoint, type ModelCheckpointOptions } from './model-checkpoint.js';
import { TerminateOnNaN } from './terminate-on-nan.js';

export type { Callback, FitControl, Logs, TrainingParams } from './callback.js';
export { CSVLogger, type CSVLoggerOptions } from './csv-logger.js';
export { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.js';
export {
  type LearningRateFunction,
  LearningRateScheduler,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from './learning-rate.js';
export { ModelCheckpoint, type ModelCheckpointOptions } from './model-checkpoint.js';
export type { MonitorMode } from './monitor.js';
export { TerminateOnNaN } from './terminate-on-nan.js';

/** Ends training when the monitored number has not improved for `patience` epochs. */
export const earlyStopping = (options: EarlyStoppingOptions = {}): EarlyStopping => new EarlyStopping(options);

/** Saves the model after every epoch, or when the monitored number improves. */
export const modelCheckpoint = (options: ModelCheckpointOptions): ModelCheckpoint => new ModelCheckpoint(options);

/** Lowers the learning rate when the monitored number stops improving. */
export const reduceLROnPlateau = (options: ReduceLROnPlateauOptions = {}): ReduceLROnPlateau =>
  new ReduceLROnPlateau(options);

/** Sets the learning rate before every epoch. */
export const learningRateScheduler = (
  schedule: LearningRateFunction,
  options: { verbose?: boolean } = {},
): LearningRateScheduler => new LearningRateScheduler(schedule, options);

/** Writes losses and metrics of every epoch to a CSV file. */
export const csvLogger = (options: CSVLoggerOptions): CSVLogger => new CSVLogger(options);

/** Ends training where the loss is not a number, for `onNaN: 'ignore'`. */
export const terminateOnNaN = (): TerminateOnNaN => new TerminateOnNaN();
