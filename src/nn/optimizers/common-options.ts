// The options that all optimizers share, and the rules by which they are read.
import { flag, number, optional, type Rule, whole } from '../options.js';
import { isSchedule, type LearningRateSchedule } from './schedules.js';

/** @internal */
export const LEARNING_RATE: Rule<number | LearningRateSchedule> = {
  want: 'a number of at least 0, or one of schedules',
  accepts: (value) => isSchedule(value) || (typeof value === 'number' && Number.isFinite(value) && value >= 0),
};

const optionalPositive = (): Rule<number | null> => optional(number(undefined, { low: 0 }));

/** @internal What every optimizer accepts, as rules. */
export const COMMON = {
  weightDecay: optionalPositive(),
  clipnorm: optionalPositive(),
  globalClipnorm: optionalPositive(),
  clipvalue: optionalPositive(),
  useEma: flag(false),
  emaMomentum: number(0.99, { low: 0, high: 1 }),
  emaOverwriteFrequency: optional(whole(undefined, 1)),
  lossScaleFactor: optionalPositive(),
  gradientAccumulationSteps: optional(whole(undefined, 2)),
};

/** What every optimizer accepts. */
export interface OptimizerOptions {
  /** A number, which callbacks may change, or a schedule. */
  learningRate?: number | LearningRateSchedule;
  /** Subtracts this times the rate times the weight itself in every step. */
  weightDecay?: number | null;
  /** Shortens each weight's gradient to at most this length. */
  clipnorm?: number | null;
  /** Shortens all gradients together to at most this length. */
  globalClipnorm?: number | null;
  /** Limits each gradient element to -clipvalue..clipvalue. */
  clipvalue?: number | null;
  /** Keeps a moving average of the weights, which `finalize` puts in their place. */
  useEma?: boolean;
  emaMomentum?: number;
  /** Puts the average in place every so many steps. */
  emaOverwriteFrequency?: number | null;
  /** The factor the loss was multiplied by; gradients are divided by it. */
  lossScaleFactor?: number | null;
  /** Updates once in so many steps, with the mean of their gradients. */
  gradientAccumulationSteps?: number | null;
  name?: string;
}
