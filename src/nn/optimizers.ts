// The optimizers by name, and the factories for those with options. The methods are in optimizers/.
import { FoveaError } from '../core/errors.js';
import { readSerialized, unknownName } from './keras-config.js';
import { Adafactor } from './optimizers/adafactor.js';
import { Adam, Adamax, AdamW, Lamb, Nadam } from './optimizers/adam.js';
import type { OptimizerOptions } from './optimizers/common-options.js';
import { Ftrl } from './optimizers/ftrl.js';
import { Lion } from './optimizers/lion.js';
import { LossScaleOptimizer, type LossScaleOptions } from './optimizers/loss-scale.js';
import { Adadelta, Adagrad, RMSprop, SGD } from './optimizers/momentum.js';
import { Muon } from './optimizers/muon.js';
import { Optimizer } from './optimizers/optimizer.js';
import { ScheduleFreeAdamW } from './optimizers/schedule-free.js';
import { number, optionsFromConfig } from './options.js';

export { Adafactor } from './optimizers/adafactor.js';
export { Adam, Adamax, AdamW, Lamb, Nadam } from './optimizers/adam.js';
export type { OptimizerOptions } from './optimizers/common-options.js';
export { Ftrl } from './optimizers/ftrl.js';
export { Lion } from './optimizers/lion.js';
export { LossScaleOptimizer, type LossScaleOptions } from './optimizers/loss-scale.js';
export { Adadelta, Adagrad, RMSprop, SGD } from './optimizers/momentum.js';
export { Muon } from './optimizers/muon.js';
export {
  type GradientPair,
  Optimizer,
  type StepInput,
  type StepOutput,
} from './optimizers/optimizer.js';
export { ScheduleFreeAdamW } from './optimizers/schedule-free.js';
export { type LearningRateSchedule, schedules } from './optimizers/schedules.js';

const CLASSES = {
  SGD,
  RMSprop,
  Adam,
  AdamW,
  Nadam,
  Adamax,
  Adagrad,
  Adadelta,
  Lamb,
  Lion,
  Ftrl,
  Adafactor,
  Muon,
  ScheduleFreeAdamW,
};

/** The means that Adam and its family keep: how much of the old stays, and what keeps a division from 0. */
export interface AdamOptions extends OptimizerOptions {
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-7. */
  epsilon?: number;
}

/** See `optimizers.ftrl`. */
export interface FtrlOptions extends OptimizerOptions {
  /** Default -0.5; at most 0. */
  learningRatePower?: number;
  /** Default 0.1. */
  initialAccumulatorValue?: number;
  l1RegularizationStrength?: number;
  l2RegularizationStrength?: number;
  l2ShrinkageRegularizationStrength?: number;
  beta?: number;
}

/** See `optimizers.adafactor`. */
export interface AdafactorOptions extends OptimizerOptions {
  /** Default -0.8. */
  beta2Decay?: number;
  /** Added to squares of gradients; default 1e-30. */
  epsilon1?: number;
  /** The least size of weights that steps are in proportion to; default 0.001. */
  epsilon2?: number;
  /** Default 1. */
  clipThreshold?: number;
  /** Whether the rate is at most 1 over the root of the step; default true. */
  relativeStep?: boolean;
}

/** See `optimizers.muon`. */
export interface MuonOptions extends OptimizerOptions {
  adamBeta1?: number;
  adamBeta2?: number;
  /** Default 0.004. */
  adamWeightDecay?: number | null;
  epsilon?: number;
  /** Parts of the names (`dense/kernel`) of matrices that Adam is to change. */
  excludeLayers?: readonly string[];
  /** Default true. */
  excludeEmbeddings?: boolean;
  muonA?: number;
  muonB?: number;
  muonC?: number;
  adamLrRatio?: number;
  /** Default 0.95. */
  momentum?: number;
  /** Default 5. */
  nsSteps?: number;
  nesterov?: boolean;
  /** The root mean square of a step over the rate, for a square matrix; null leaves steps as they come. Default 0.2. */
  rmsRate?: number | null;
}

/**
 * Optimizers with options; without, their names do.
 *
 * @example
 * model.compile({ optimizer: optimizers.sgd({ learningRate: 0.01, momentum: 0.9 }), loss: 'mse' });
 */
export const optimizers = {
  sgd: (options: OptimizerOptions & { momentum?: number; nesterov?: boolean } = {}) => new SGD(options),
  rmsprop: (
    options: OptimizerOptions & { rho?: number; momentum?: number; epsilon?: number; centered?: boolean } = {},
  ) => new RMSprop(options),
  adam: (options: AdamOptions & { amsgrad?: boolean } = {}) => new Adam(options),
  adamW: (options: AdamOptions & { amsgrad?: boolean } = {}) => new AdamW(options),
  nadam: (options: AdamOptions = {}) => new Nadam(options),
  adamax: (options: AdamOptions = {}) => new Adamax(options),
  adagrad: (options: OptimizerOptions & { initialAccumulatorValue?: number; epsilon?: number } = {}) =>
    new Adagrad(options),
  adadelta: (options: OptimizerOptions & { rho?: number; epsilon?: number } = {}) => new Adadelta(options),
  lamb: (options: AdamOptions = {}) => new Lamb(options),
  /** Steps of one size, in the direction of a running mean. */
  lion: (options: OptimizerOptions & { beta1?: number; beta2?: number } = {}) => new Lion(options),
  /** Leaves weights at 0 which do not earn their keep. */
  ftrl: (options: FtrlOptions = {}) => new Ftrl(options),
  /** Keeps the mean of squares as a row and a column. */
  adafactor: (options: AdafactorOptions = {}) => new Adafactor(options),
  /** Orthogonal steps for matrices, Adam for all other weights. */
  muon: (options: MuonOptions = {}) => new Muon(options),
  /** AdamW that needs no schedule of the learning rate. */
  scheduleFreeAdamW: (options: AdamOptions & { warmupSteps?: number } = {}) => new ScheduleFreeAdamW(options),
  /** Scales the loss for another optimizer, for float16; `compile` adds it to a `mixed_float16` model by itself. */
  lossScaleOptimizer: (options: LossScaleOptions) => new LossScaleOptimizer(options),
} as const;

/** Optimizers by name, with their defaults. */
export type OptimizerName = Exclude<keyof typeof optimizers, 'lossScaleOptimizer'>;

/** What may stand where an optimizer is wanted. */
export type OptimizerLike = OptimizerName | (string & {}) | Optimizer;

const plain = (name: string): string => name.replace(/_/g, '').toLowerCase();

/** An optimizer from its name, or itself. Throws `argument` for an unknown name, listing the known ones. */
export function makeOptimizer(like: OptimizerLike): Optimizer {
  if (like instanceof Optimizer) return like;
  const known = Object.keys(optimizers).filter((name): name is OptimizerName => name !== 'lossScaleOptimizer');
  if (typeof like === 'string') {
    const found = known.find((name) => plain(name) === plain(like));
    if (found !== undefined) return optimizers[found]();
  }
  const error = unknownName('compile', 'optimizer', like, known);
  throw new FoveaError({
    code: 'argument',
    op: 'compile',
    message: error.message.replace(/^compile: /, '').split('\n')[0] as string,
    got: like,
    want: known,
    hint: `Known are ${known.join(', ')}; options go through a factory, e.g. optimizers.sgd({ momentum: 0.9 }).`,
  });
}

/** An optimizer from Keras's serialized form. Throws `unsupported` for a class that is not known. */
export function optimizerFromConfig(value: unknown): Optimizer {
  const found = readSerialized(value);
  if (found?.className === LossScaleOptimizer.className) {
    const { inner_optimizer: inner, name, ...config } = found.config;
    const rules = { initialScale: number(), dynamicGrowthSteps: number() };
    return new LossScaleOptimizer({
      innerOptimizer: optimizerFromConfig(inner),
      ...optionsFromConfig(config, rules),
      ...(typeof name === 'string' ? { name } : {}),
    });
  }
  const Class = Object.values(CLASSES).find(
    ({ className }) => found !== undefined && plain(className) === plain(found.className),
  );
  if (found === undefined || Class === undefined) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'optimizer',
      message: `optimizer ${JSON.stringify(found?.className ?? value)} is not supported.`,
      got: value,
      want: Object.keys(CLASSES),
      hint: 'Compile the model again after loading it.',
    });
  }
  return (Class as typeof SGD).fromConfig(found.config) as Optimizer;
}
