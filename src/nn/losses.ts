// The losses by name, and the factories for those with options. The formulas are in losses/.
import { FoveaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import { isRecord, readSerialized, toCamelCase, toSnakeCase, unknownName } from './keras-config.js';
import {
  binary,
  binaryFocal,
  categorical,
  categoricalFocal,
  generalized,
  isCounted,
  sparseCategorical,
} from './losses/crossentropy.js';
import { circle } from './losses/embedding.js';
import { alignLabels, type LabelKind, type Loss, type Reduction } from './losses/loss.js';
import {
  type AlignedLoss,
  absoluteError,
  categoricalHinge,
  cosineSimilarity,
  dice,
  divergence,
  hinge,
  huber,
  logarithmicError,
  logCosh,
  percentageError,
  poisson,
  squaredError,
  squaredHinge,
  tversky,
} from './losses/regression.js';
import { snakeCase } from './naming.js';
import {
  choice,
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
  text,
  whole,
} from './options.js';

export { type LabelKind, type Loss, lossValue, type Reduction } from './losses/loss.js';

/** A loss of the caller's own: one value per sample, or a scalar, from labels and predictions. */
export type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

interface LossKind<R extends Rules> {
  readonly className: string;
  readonly labels: LabelKind;
  readonly rules: R;
  compute(yTrue: Tensor, yPred: Tensor, settings: SettingsOf<R>): Tensor;
  mask?(yTrue: Tensor, yPred: Tensor, settings: SettingsOf<R>): Tensor | undefined;
}

const COMMON = {
  reduction: choice<Reduction>(['sumOverBatchSize', 'sum', 'none', 'meanWithSampleWeight'], 'sumOverBatchSize'),
};

type Factory<R extends Rules> = ((
  options?: OptionsOf<R & typeof COMMON & { name: ReturnType<typeof text> }>,
) => Loss) & {
  readonly className: string;
  readonly rules: Rules;
};

function defineLoss<R extends Rules>(kind: LossKind<R>): Factory<R> {
  const { className, labels } = kind;
  const option = className.charAt(0).toLowerCase() + className.slice(1);
  const rules = { ...kind.rules, ...COMMON, name: text(snakeCase(className)) };
  const make = (options: object = {}): Loss => {
    const { name, ...settings } = readOptions(option, options, rules) as SettingsOf<R & typeof COMMON> & {
      name: string;
    };
    const mask = kind.mask;
    const isMasking = mask !== undefined && 'ignoreClass' in settings && settings.ignoreClass !== null;
    return {
      name,
      className,
      labels,
      reduction: settings.reduction as Reduction,
      perSample: (yTrue, yPred) => kind.compute(yTrue, yPred, settings as SettingsOf<R>),
      ...(isMasking
        ? { mask: (yTrue: Tensor, yPred: Tensor) => mask(yTrue, yPred, settings as SettingsOf<R>) as Tensor }
        : {}),
      getConfig: () => ({ name, ...configOf(settings), reduction: toSnakeCase(settings.reduction as string) }),
    };
  };
  return Object.assign(make, { className, rules });
}

function defineAligned(
  className: string,
  compute: AlignedLoss,
  labels: LabelKind = 'values',
): Factory<Record<never, never>> {
  const op = className.charAt(0).toLowerCase() + className.slice(1);
  return defineLoss({
    className,
    labels,
    rules: {},
    compute: (yTrue, yPred) => compute(alignLabels(op, yTrue, yPred), yPred),
  });
}

/** The axis of the classes, or of what is averaged. */
const AXIS = { axis: whole(-1, -8) };
const SMOOTHED = { fromLogits: flag(false), labelSmoothing: number(0, { low: 0, high: 1 }), ...AXIS };
const FOCAL = { ...SMOOTHED, alpha: number(0.25), gamma: number(2, { low: 0 }) };
const AXES = { axis: optional(list(whole(undefined, -8))) };

/**
 * Losses with options; without, their names do.
 *
 * @example
 * model.compile({ loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }) });
 */
export const losses = {
  /** For class numbers: -log of the probability given to the true class. */
  sparseCategoricalCrossentropy: defineLoss({
    className: 'SparseCategoricalCrossentropy',
    labels: 'classes',
    rules: { fromLogits: flag(false), ignoreClass: optional(whole(undefined, -1)), ...AXIS },
    compute: sparseCategorical,
    mask: (yTrue, yPred, { ignoreClass, axis }) =>
      ignoreClass === null ? undefined : isCounted(yTrue, yPred, ignoreClass, axis),
  }),
  /** For one-hot rows or class probabilities. */
  categoricalCrossentropy: defineLoss({
    className: 'CategoricalCrossentropy',
    labels: 'oneHot',
    rules: SMOOTHED,
    compute: categorical,
  }),
  /** For labels of 0 and 1, each output by itself. */
  binaryCrossentropy: defineLoss({
    className: 'BinaryCrossentropy',
    labels: 'binary',
    rules: SMOOTHED,
    compute: binary,
  }),
  binaryFocalCrossentropy: defineLoss({
    className: 'BinaryFocalCrossentropy',
    labels: 'binary',
    rules: { ...FOCAL, applyClassBalancing: flag(false) },
    compute: binaryFocal,
  }),
  categoricalFocalCrossentropy: defineLoss({
    className: 'CategoricalFocalCrossentropy',
    labels: 'oneHot',
    rules: FOCAL,
    compute: categoricalFocal,
  }),
  categoricalGeneralizedCrossEntropy: defineLoss({
    className: 'CategoricalGeneralizedCrossEntropy',
    labels: 'classes',
    rules: { q: number(0.5, { low: 1e-6, high: 1 }) },
    compute: (yTrue, yPred, { q }) => generalized(yTrue, yPred, q),
  }),
  meanSquaredError: defineAligned('MeanSquaredError', squaredError),
  meanAbsoluteError: defineAligned('MeanAbsoluteError', absoluteError),
  meanAbsolutePercentageError: defineAligned('MeanAbsolutePercentageError', percentageError),
  meanSquaredLogarithmicError: defineAligned('MeanSquaredLogarithmicError', logarithmicError),
  huber: defineLoss({
    className: 'Huber',
    labels: 'values',
    rules: { delta: number(1, { low: 0 }) },
    compute: (yTrue, yPred, { delta }) => huber(alignLabels('huber', yTrue, yPred), yPred, delta),
  }),
  logCosh: defineAligned('LogCosh', logCosh),
  hinge: defineAligned('Hinge', hinge),
  squaredHinge: defineAligned('SquaredHinge', squaredHinge),
  categoricalHinge: defineAligned('CategoricalHinge', categoricalHinge, 'oneHot'),
  kullbackLeiblerDivergence: defineAligned('KLDivergence', divergence, 'oneHot'),
  poisson: defineAligned('Poisson', poisson),
  cosineSimilarity: defineLoss({
    className: 'CosineSimilarity',
    labels: 'values',
    rules: AXIS,
    compute: (yTrue, yPred, { axis }) => cosineSimilarity(alignLabels('cosineSimilarity', yTrue, yPred), yPred, axis),
  }),
  /** Pulls embeddings of one class together and pushes those of others apart. */
  circle: defineLoss({
    className: 'Circle',
    labels: 'classes',
    rules: { gamma: number(80, { low: 0 }), margin: number(0.4), removeDiagonal: flag(true) },
    compute: circle,
  }),
  dice: defineLoss({
    className: 'Dice',
    labels: 'values',
    rules: AXES,
    compute: (yTrue, yPred, { axis }) => dice(alignLabels('dice', yTrue, yPred), yPred, axis),
  }),
  tversky: defineLoss({
    className: 'Tversky',
    labels: 'values',
    rules: { alpha: number(0.5), beta: number(0.5), ...AXES },
    compute: (yTrue, yPred, settings) => tversky(alignLabels('tversky', yTrue, yPred), yPred, settings),
  }),
} as const;

/** Losses that need no options; snake_case is understood too. */
export type LossName = keyof typeof losses | keyof typeof SHORT_NAMES;

const SHORT_NAMES = {
  mse: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  mape: 'meanAbsolutePercentageError',
  msle: 'meanSquaredLogarithmicError',
  bce: 'binaryCrossentropy',
  logcosh: 'logCosh',
  kld: 'kullbackLeiblerDivergence',
  klDivergence: 'kullbackLeiblerDivergence',
} as const satisfies Record<string, keyof typeof losses>;

/** A factory of `losses`, which stands for the loss with its defaults. */
type LossFactory = ((options?: never) => Loss) & { readonly className: string };

/** What may stand where a loss is wanted. */
export type LossLike = LossName | (string & {}) | Loss | LossFactory | LossFunction;

/** The factory of a name in camelCase, snake_case, Keras's class name or a short form, or undefined. */
export function findLoss(name: string): ((options?: object) => Loss) | undefined {
  const plain = (each: string): string => each.replace(/_/g, '').toLowerCase();
  const given = plain(toCamelCase(name));
  const short = Object.entries(SHORT_NAMES).find(([key]) => plain(key) === given)?.[1];
  const entry = Object.entries(losses).find(
    ([key, { className }]) => key === short || plain(key) === given || plain(className) === given,
  );
  return entry?.[1] as ((options?: object) => Loss) | undefined;
}

/** A loss from its name, itself or a function. Throws `argument` for an unknown name, listing the known ones. */
export function makeLoss(like: LossLike): Loss {
  if (typeof like === 'function') {
    if ('className' in like) return (like as unknown as () => Loss)();
    return functionLoss(like as LossFunction);
  }
  if (isRecord(like) && typeof like.perSample === 'function') return like as unknown as Loss;
  if (typeof like === 'string') {
    const factory = findLoss(like);
    if (factory !== undefined) return factory();
  }
  const known = Object.keys(losses);
  const error = unknownName('loss', 'loss', like, [...known, ...Object.keys(SHORT_NAMES)]);
  throw new FoveaError({
    code: 'argument',
    op: 'compile',
    message: error.message.replace(/^loss: /, '').split('\n')[0] as string,
    got: like,
    want: known,
    hint: `Known are ${known.join(', ')}; or pass a function (yTrue, yPred) => tensor.`,
  });
}

function functionLoss(compute: LossFunction): Loss {
  const name = compute.name === '' ? 'loss' : toSnakeCase(compute.name);
  return {
    name,
    className: 'Function',
    labels: 'values',
    reduction: 'sumOverBatchSize',
    perSample: compute,
    getConfig() {
      throw new FoveaError({
        code: 'unsupported',
        op: 'getConfig',
        message: `loss "${name}" is a function and cannot be saved.`,
        hint: 'Save with { optimizer: false }, or use a named loss.',
      });
    },
  };
}

/** A loss from Keras's serialized form or name. Throws `unsupported` for a class that is not known. */
export function lossFromConfig(value: unknown): Loss {
  const found = readSerialized(value);
  const factory = found === undefined ? undefined : findLoss(found.className);
  if (found === undefined || factory === undefined) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'loss',
      message: `loss ${JSON.stringify(found?.className ?? value)} is not supported.`,
      got: value,
      want: Object.keys(losses),
      hint: 'Compile the model again after loading it.',
    });
  }
  const { rules } = factory as unknown as { rules: Rules };
  const options = optionsFromConfig(found.config, rules);
  // Keras 2 wrote `auto` for the default.
  if (typeof options.reduction === 'string') {
    const reduction = toCamelCase(options.reduction);
    options.reduction = ['auto', 'mean'].includes(reduction) ? 'sumOverBatchSize' : reduction;
  }
  // Dice and Tversky take a list of axes, and Keras one as well.
  if (typeof options.axis === 'number' && rules.axis?.accepts(options.axis) === false) options.axis = [options.axis];
  return factory(options);
}
