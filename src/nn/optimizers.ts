// The optimizers by name, and the factories for those with options. The methods are in optimizers/.
import { FoveaError } from '../core/errors.js';
import { readSerialized, unknownName } from './keras-config.js';
import { Adam, Adamax, AdamW, Lamb, Nadam } from './optimizers/adam.js';
import { Adadelta, Adagrad, RMSprop, SGD } from './optimizers/momentum.js';
import { Optimizer, type OptimizerOptions } from './optimizers/optimizer.js';

export { Adam, Adamax, AdamW, Lamb, Nadam } from './optimizers/adam.js';
export { Adadelta, Adagrad, RMSprop, SGD } from './optimizers/momentum.js';
export {
  type GradientPair,
  Optimizer,
  type OptimizerOptions,
  type StepInput,
  type StepOutput,
} from './optimizers/optimizer.js';
export { type LearningRateSchedule, schedules } from './optimizers/schedules.js';

const CLASSES = { SGD, RMSprop, Adam, AdamW, Nadam, Adamax, Adagrad, Adadelta, Lamb };

/** The means that Adam and its family keep: how much of the old stays, and what keeps a division from 0. */
export interface AdamOptions extends OptimizerOptions {
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-7. */
  epsilon?: number;
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
} as const;

/** Optimizers by name, with their defaults. */
export type OptimizerName = keyof typeof optimizers;

/** What may stand where an optimizer is wanted. */
export type OptimizerLike = OptimizerName | (string & {}) | Optimizer;

const plain = (name: string): string => name.replace(/_/g, '').toLowerCase();

/** An optimizer from its name, or itself. Throws `argument` for an unknown name, listing the known ones. */
export function makeOptimizer(like: OptimizerLike): Optimizer {
  if (like instanceof Optimizer) return like;
  if (typeof like === 'string') {
    const found = Object.entries(optimizers).find(([name]) => plain(name) === plain(like));
    if (found !== undefined) return found[1]();
  }
  const known = Object.keys(optimizers);
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
