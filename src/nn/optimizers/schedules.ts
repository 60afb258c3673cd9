// Learning rates that follow from the number of the step, computed inside the training Program. Formulas and
// names as in Keras.

import { FoveaError } from '../../core/errors.js';
import { interpret } from '../../graph/interpret.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import { add, divide, maximum, minimum, multiply, power, subtract } from '../../ops/arithmetic.js';
import { equal, less, lessEqual } from '../../ops/compare.js';
import { ceil, cos, floor, log } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { readSerialized, type SerializedObject, serialized } from '../keras-config.js';
import {
  configOf,
  flag,
  list,
  number,
  type OptionsOf,
  optional,
  optionsFromConfig,
  type Rules,
  readOptions,
  type SettingsOf,
} from '../options.js';

/** A learning rate as a function of the step. */
export interface LearningRateSchedule {
  /** Keras's class name. */
  readonly className: string;
  /** The rate at a step (a float32 scalar that counts from 0). */
  rate(step: Tensor): Tensor;
  /** The same as a number. */
  at(step: number): number;
  getConfig(): Record<string, unknown>;
}

type Factory<R extends Rules> = ((options: OptionsOf<R>) => LearningRateSchedule) & {
  readonly className: string;
  readonly rules: R;
};

function defineSchedule<R extends Rules>(
  className: string,
  rules: R,
  compute: (step: Tensor, settings: SettingsOf<R>) => Tensor,
  keys: Readonly<Record<string, string>> = {},
): Factory<R> {
  const op = className.charAt(0).toLowerCase() + className.slice(1);
  const make = (options: OptionsOf<R>): LearningRateSchedule => {
    const settings = readOptions(op, options, rules);
    const rate = (step: Tensor): Tensor => compute(step, settings);
    return {
      className,
      rate,
      at: (step) => Math.fround(interpret([rate(scalar(step))])[0]?.data[0] as number),
      getConfig: () => ({
        ...Object.fromEntries(Object.entries(configOf(settings)).map(([key, value]) => [keys[key] ?? key, value])),
        name: className,
      }),
    };
  };
  return Object.assign(make, { className, rules });
}

const POSITIVE = number(undefined, { low: Number.MIN_VALUE });
const START = { initialLearningRate: number(undefined, { low: 0 }), decaySteps: POSITIVE };

/** How many decays lie behind a step: whole ones only where it goes in stairs. */
function decays(step: Tensor, { decaySteps, staircase }: { decaySteps: number; staircase: boolean }): Tensor {
  const count = divide(step, decaySteps);
  return staircase ? floor(count) : count;
}

/** From `from` to `from * alpha` along half a cosine while `fraction` goes from 0 to 1. */
function cosine(from: number, alpha: number, fraction: Tensor): Tensor {
  const wave = multiply(add(cos(multiply(fraction, Math.PI)), 1), 0.5);
  return multiply(add(multiply(wave, 1 - alpha), alpha), from);
}

/**
 * Learning rates that change with the step; pass one as `learningRate`.
 *
 * @example
 * optimizers.sgd({ learningRate: schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 1000, decayRate: 0.9 }) });
 */
export const schedules = {
  /** initial * decayRate^(step / decaySteps) */
  exponentialDecay: defineSchedule(
    'ExponentialDecay',
    { ...START, decayRate: number(undefined, { low: 0 }), staircase: flag(false) },
    (step, settings) =>
      multiply(power(scalar(settings.decayRate), decays(step, settings)), settings.initialLearningRate),
  ),
  /** initial / (1 + decayRate * step / decaySteps): with decaySteps 1 the `decay` of Keras 2. */
  inverseTimeDecay: defineSchedule(
    'InverseTimeDecay',
    { ...START, decayRate: number(undefined, { low: 0 }), staircase: flag(false) },
    (step, settings) =>
      divide(settings.initialLearningRate, add(multiply(decays(step, settings), settings.decayRate), 1)),
  ),
  /** Half a cosine from initial down to alpha times it, after a linear warmup where there is a target (Loshchilov and Hutter 2016). */
  cosineDecay: defineSchedule(
    'CosineDecay',
    { ...START, alpha: number(0), warmupTarget: optional(number()), warmupSteps: number(0, { low: 0 }) },
    (step, { initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps }) => {
      if (warmupTarget === null)
        return cosine(initialLearningRate, alpha, divide(minimum(step, decaySteps), decaySteps));
      const rise = add(
        multiply(divide(step, Math.max(1, warmupSteps)), warmupTarget - initialLearningRate),
        initialLearningRate,
      );
      const after = maximum(subtract(minimum(step, decaySteps + warmupSteps), warmupSteps), 0);
      return where(less(step, warmupSteps), rise, cosine(warmupTarget, alpha, divide(after, decaySteps)));
    },
  ),
  /** Cosine decays that start anew, each tMul times as long and mMul times as high as the one before. */
  cosineDecayRestarts: defineSchedule(
    'CosineDecayRestarts',
    {
      initialLearningRate: START.initialLearningRate,
      firstDecaySteps: POSITIVE,
      tMul: number(2, { low: 1 }),
      mMul: number(1, { low: 0 }),
      alpha: number(0),
    },
    (step, { initialLearningRate, firstDecaySteps, tMul, mMul, alpha }) => {
      const done = divide(step, firstDecaySteps);
      let restart = floor(done);
      let fraction = subtract(done, restart);
      if (tMul !== 1) {
        // A little more than the logarithm: at a restart rounding must not count one too few.
        restart = floor(add(multiply(log(add(multiply(done, tMul - 1), 1)), 1 / Math.log(tMul)), 1e-6));
        const length = power(scalar(tMul), restart);
        fraction = divide(subtract(done, divide(subtract(length, 1), tMul - 1)), length);
      }
      const height = multiply(power(scalar(mMul), restart), multiply(add(cos(multiply(fraction, Math.PI)), 1), 0.5));
      return multiply(add(multiply(height, 1 - alpha), alpha), initialLearningRate);
    },
  ),
  /** From initial to the end rate along (1 - step / decaySteps)^power; with `cycle` it starts anew, ever longer. */
  polynomialDecay: defineSchedule(
    'PolynomialDecay',
    { ...START, endLearningRate: number(0.0001), power: number(1), cycle: flag(false) },
    (step, { initialLearningRate, decaySteps, endLearningRate, power: exponent, cycle }) => {
      const length = cycle
        ? multiply(where(equal(step, 0), 1, ceil(divide(step, decaySteps))), decaySteps)
        : scalar(decaySteps);
      const fraction = divide(cycle ? step : minimum(step, decaySteps), length);
      const left = exponent === 1 ? subtract(1, fraction) : power(subtract(1, fraction), scalar(exponent));
      return add(multiply(left, initialLearningRate - endLearningRate), endLearningRate);
    },
  ),
  /** values[i] up to and including step boundaries[i], the last value after them all. */
  piecewiseConstantDecay: defineSchedule(
    'PiecewiseConstantDecay',
    { boundaries: list(number()), values: list(number()) },
    (step, { boundaries, values }) => {
      let rate: Tensor = scalar(values.at(-1) as number);
      for (let i = boundaries.length - 1; i >= 0; i--)
        rate = where(lessEqual(step, boundaries[i] as number), values[i] as number, rate);
      return rate;
    },
  ),
} as const;

/** Whether something may stand for a learning rate that changes. */
export function isSchedule(value: unknown): value is LearningRateSchedule {
  return typeof value === 'object' && value !== null && 'rate' in value && typeof value.rate === 'function';
}

/** Keras's form of a schedule. */
export function serializeSchedule(schedule: LearningRateSchedule): SerializedObject {
  return serialized('keras.optimizers.schedules', schedule.className, schedule.getConfig());
}

/** A schedule from Keras's form. Throws `unsupported` for a class that is not known. */
export function scheduleFromConfig(value: unknown): LearningRateSchedule {
  const found = readSerialized(value);
  const factory = Object.values(schedules).find(({ className }) => className === found?.className);
  if (found === undefined || factory === undefined) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'learningRate',
      message: `learning rate schedule ${JSON.stringify(found?.className ?? value)} is not supported.`,
      got: value,
      want: Object.values(schedules).map(({ className }) => className),
      hint: 'Compile the model again after loading it.',
    });
  }
  return (factory as (options: object) => LearningRateSchedule)(optionsFromConfig(found.config, factory.rules));
}
