// The metrics by name, and the factories for those with options. What they are made of is in metrics/.
import { FoveaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import { negative } from '../ops/arithmetic.js';
import { sqrt } from '../ops/unary.js';
import { isRecord, readSerialized, toCamelCase, toSnakeCase, unknownName } from './keras-config.js';
import { alignLabels } from './losses/loss.js';
import { squaredError } from './losses/regression.js';
import { findLoss, type Loss, lossFromConfig } from './losses.js';
import {
  accuracyKind,
  binaryAccuracy,
  categoricalAccuracy,
  exactAccuracy,
  sortedTopKAccuracy,
  sparseCategoricalAccuracy,
  sparseTopKAccuracy,
  topKAccuracy,
} from './metrics/accuracy.js';
import {
  type Cell,
  LOWEST_SCORE,
  OverlapMetric,
  precision,
  recall,
  ScoreMetric,
  ThresholdMetric,
  type ThresholdSettings,
} from './metrics/counts.js';
import { AreaMetric, type Rate, RateAtMetric } from './metrics/curves.js';
import { Mean, MeanOf, type Metric } from './metrics/metric.js';
import { concordanceCorrelation, DeterminationMetric, pearsonCorrelation, Sum } from './metrics/regression.js';
import { snakeCase } from './naming.js';
import {
  choice,
  flag,
  list,
  nullable,
  number,
  type OptionsOf,
  optional,
  type Rule,
  type Rules,
  readOptions,
  type SettingsOf,
  text,
  whole,
} from './options.js';

export { Mean, type Metric } from './metrics/metric.js';
export { Sum } from './metrics/regression.js';

/** A metric of the caller's own: one value per example, which is averaged. */
export type MetricFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

type NamedOptions<R extends Rules> = OptionsOf<R> & { readonly name?: string | undefined };
type Factory<R extends Rules> = ((options?: NamedOptions<R>) => Metric) & {
  readonly className: string;
  readonly rules: Rules;
};

function defineMetric<R extends Rules>(
  className: string,
  rules: R,
  make: (name: string, settings: SettingsOf<R>) => Metric,
): Factory<R> {
  const op = className.charAt(0).toLowerCase() + className.slice(1);
  const factory = (options: object = {}): Metric => {
    const { name, ...settings } = readOptions(op, options, {
      ...rules,
      name: text(snakeCase(className)),
    }) as SettingsOf<R> & { name: string };
    return make(name, settings as unknown as SettingsOf<R>);
  };
  return Object.assign(factory, { className, rules });
}

/** One threshold or several. */
const THRESHOLDS: Rule<number | readonly number[]> = {
  want: 'a number from 0 to 1, or a list of them',
  fallback: 0.5,
  accepts: (value) =>
    (Array.isArray(value) ? value : [value]).every((each) => typeof each === 'number' && each >= 0 && each <= 1),
};
const THRESHOLDED = {
  thresholds: optional(THRESHOLDS),
  topK: optional(whole(undefined, 1)),
  classId: optional(whole()),
};

/** Without thresholds 0.5 is one; where the largest scores count, all of them are positive. */
function many({ thresholds, topK, classId }: SettingsOf<typeof THRESHOLDED>): ThresholdSettings {
  const given = thresholds ?? (topK === null ? 0.5 : LOWEST_SCORE);
  return { thresholds: typeof given === 'number' ? [given] : given, topK, classId };
}

const cellMetric = (className: string, cell: Cell) =>
  defineMetric(
    className,
    { thresholds: THRESHOLDS },
    (name, { thresholds }) =>
      new ThresholdMetric(name, many({ thresholds, topK: null, classId: null }), [cell], ([count]) => count as Tensor),
  );

const OVERLAP = {
  numClasses: whole(undefined, 1),
  ignoreClass: optional(whole(undefined, -8)),
  sparseYTrue: flag(true),
  sparseYPred: flag(true),
  axis: whole(-1, -8),
};
const { sparseYPred: _sparseYPred, sparseYTrue: _sparseYTrue, ...HOT_OVERLAP } = OVERLAP;
const SCORE = {
  average: optional(choice(['micro', 'macro', 'weighted'] as const, 'micro')),
  threshold: optional(number()),
};

const share = (): Rule<number> => number(undefined, { low: 0, high: 1 });

/** The best of one rate among the thresholds where another is at least the option of its name. */
function rateMetric<K extends string>(className: string, wanted: Rate, held: Rate, option: K) {
  const rules = { [option]: share(), numThresholds: whole(200, 2), classId: optional(whole()) } as {
    readonly [key in K]: Rule<number>;
  } & { readonly numThresholds: Rule<number>; readonly classId: Rule<number | null> };
  return defineMetric(className, rules, (name, settings) => {
    const { numThresholds, classId } = settings as unknown as { numThresholds: number; classId: number | null };
    const least = (settings as Readonly<Record<string, unknown>>)[option] as number;
    return new RateAtMetric(name, { numThresholds, classId }, { wanted, held, least });
  });
}

/**
 * Metrics with options; without, their names do.
 *
 * @example
 * model.compile({ loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy', metrics.sparseTopKCategoricalAccuracy({ k: 3 })] });
 */
export const metrics = {
  /** The accuracy that fits the loss and the shapes, found at the first batch. */
  accuracy: defineMetric('Accuracy', {}, (name) => resolvedAccuracy(name)),
  /** Where labels equal predictions, number by number: Keras's class `Accuracy`. */
  exactAccuracy: defineMetric('ExactAccuracy', {}, (name) => new MeanOf(name, exactAccuracy)),
  binaryAccuracy: defineMetric(
    'BinaryAccuracy',
    { threshold: number(0.5) },
    (name, { threshold }) => new MeanOf(name, (yTrue, yPred) => binaryAccuracy(yTrue, yPred, threshold)),
  ),
  categoricalAccuracy: defineMetric('CategoricalAccuracy', {}, (name) => new MeanOf(name, categoricalAccuracy)),
  sparseCategoricalAccuracy: defineMetric(
    'SparseCategoricalAccuracy',
    {},
    (name) => new MeanOf(name, sparseCategoricalAccuracy),
  ),
  /** Whether the true class is among the k best; for one-hot labels, and class numbers where the shapes say so. */
  topKAccuracy: defineMetric(
    'TopKAccuracy',
    { k: whole(5, 1) },
    (name, { k }) =>
      new MeanOf(name, (yTrue, yPred) =>
        accuracyKind(yTrue, yPred) === 'sparse' ? sparseTopKAccuracy(yTrue, yPred, k) : topKAccuracy(yTrue, yPred, k),
      ),
  ),
  topKCategoricalAccuracy: defineMetric(
    'TopKCategoricalAccuracy',
    { k: whole(5, 1) },
    (name, { k }) => new MeanOf(name, (yTrue, yPred) => topKAccuracy(yTrue, yPred, k)),
  ),
  sparseTopKCategoricalAccuracy: defineMetric(
    'SparseTopKCategoricalAccuracy',
    { k: whole(5, 1), fromSortedIds: flag(false) },
    (name, { k, fromSortedIds }) =>
      new MeanOf(name, (yTrue, yPred) =>
        fromSortedIds ? sortedTopKAccuracy(yTrue, yPred, k) : sparseTopKAccuracy(yTrue, yPred, k),
      ),
  ),
  precision: defineMetric('Precision', THRESHOLDED, (name, settings) => precision(name, many(settings))),
  recall: defineMetric('Recall', THRESHOLDED, (name, settings) => recall(name, many(settings))),
  truePositives: cellMetric('TruePositives', 'truePositives'),
  falsePositives: cellMetric('FalsePositives', 'falsePositives'),
  trueNegatives: cellMetric('TrueNegatives', 'trueNegatives'),
  falseNegatives: cellMetric('FalseNegatives', 'falseNegatives'),
  f1Score: defineMetric('F1Score', SCORE, (name, settings) => new ScoreMetric(name, { ...settings, beta: 1 })),
  fBetaScore: defineMetric(
    'FBetaScore',
    { ...SCORE, beta: number(1, { low: 0 }) },
    (name, settings) => new ScoreMetric(name, settings),
  ),
  meanIoU: defineMetric(
    'MeanIoU',
    OVERLAP,
    (name, settings) => new OverlapMetric(name, { ...settings, targetClassIds: null }),
  ),
  ioU: defineMetric(
    'IoU',
    { ...OVERLAP, targetClassIds: list(whole()) },
    (name, settings) => new OverlapMetric(name, settings),
  ),
  oneHotIoU: defineMetric(
    'OneHotIoU',
    { ...HOT_OVERLAP, sparseYPred: flag(false), targetClassIds: list(whole()) },
    (name, settings) => new OverlapMetric(name, { ...settings, sparseYTrue: false }),
  ),
  /** Overlap of two classes, told apart by a threshold. */
  binaryIoU: defineMetric(
    'BinaryIoU',
    { targetClassIds: list(whole(), [0, 1]), threshold: number(0.5) },
    (name, { targetClassIds, threshold }) =>
      new OverlapMetric(name, { numClasses: 2, targetClassIds, sparseYTrue: true, sparseYPred: true, threshold }),
  ),
  oneHotMeanIoU: defineMetric(
    'OneHotMeanIoU',
    { ...HOT_OVERLAP, sparseYPred: flag(false) },
    (name, settings) => new OverlapMetric(name, { ...settings, sparseYTrue: false, targetClassIds: null }),
  ),
  /** The area under the ROC or the precision-recall curve; `thresholds` given between 0 and 1, or so many even ones. */
  auc: defineMetric(
    'AUC',
    {
      numThresholds: whole(200, 2),
      curve: choice(['ROC', 'PR'] as const, 'ROC'),
      summationMethod: choice(['interpolation', 'minoring', 'majoring'] as const, 'interpolation'),
      thresholds: optional(list(share())),
      multiLabel: flag(false),
      /** Known from the first batch anyway. */
      numLabels: optional(whole(undefined, 1)),
      labelWeights: optional(list(number(undefined, { low: 0 }))),
      fromLogits: flag(false),
    },
    (name, { numThresholds, thresholds, numLabels: _, ...settings }) =>
      new AreaMetric(name, { count: numThresholds, given: thresholds }, settings),
  ),
  sensitivityAtSpecificity: rateMetric('SensitivityAtSpecificity', 'recall', 'specificity', 'specificity'),
  specificityAtSensitivity: rateMetric('SpecificityAtSensitivity', 'specificity', 'recall', 'sensitivity'),
  precisionAtRecall: rateMetric('PrecisionAtRecall', 'precision', 'recall', 'recall'),
  recallAtPrecision: rateMetric('RecallAtPrecision', 'recall', 'precision', 'precision'),
  /** The share of the labels' variance that the predictions explain. */
  r2Score: defineMetric(
    'R2Score',
    {
      classAggregation: nullable(choice(['uniformAverage', 'varianceWeightedAverage'] as const, 'uniformAverage')),
      numRegressors: whole(0),
    },
    (name, settings) => new DeterminationMetric(name, settings),
  ),
  rootMeanSquaredError: defineMetric(
    'RootMeanSquaredError',
    {},
    (name) =>
      new MeanOf(name, (yTrue, yPred) => squaredError(alignLabels('rootMeanSquaredError', yTrue, yPred), yPred), sqrt),
  ),
  /** The mean of log(cosh(prediction - label)). */
  logCoshError: defineMetric(
    'LogCoshError',
    {},
    (name) => new MeanOf(name, (findLoss('logCosh') as () => Loss)().perSample),
  ),
  /** Pearson's correlation of labels and predictions along an axis. */
  pearsonCorrelation: defineMetric(
    'PearsonCorrelation',
    { axis: whole(-1, -8) },
    (name, { axis }) => new MeanOf(name, (yTrue, yPred) => pearsonCorrelation(yTrue, yPred, axis)),
  ),
  /** Lin's concordance of labels and predictions along an axis. */
  concordanceCorrelation: defineMetric(
    'ConcordanceCorrelation',
    { axis: whole(-1, -8) },
    (name, { axis }) => new MeanOf(name, (yTrue, yPred) => concordanceCorrelation(yTrue, yPred, axis)),
  ),
  /** The cosine of the angle between labels and predictions: 1 where they point the same way. */
  cosineSimilarity: defineMetric('CosineSimilarity', { axis: whole(-1, -8) }, (name, { axis }) => {
    const loss = findLoss('cosineSimilarity')?.({ axis }) as Loss;
    return new MeanOf(name, loss.perSample, negative);
  }),
} as const;

/** Metrics that need no options; snake_case is understood too, and every loss is a metric as well. */
export type MetricName = keyof typeof metrics | 'acc' | 'rmse';

/** A factory of `metrics`, which stands for the metric with its defaults. */
type MetricFactory = ((options?: never) => Metric) & { readonly className: string };

/** What may stand where a metric is wanted. */
export type MetricLike = MetricName | (string & {}) | Metric | MetricFactory | MetricFunction;

/** `accuracy` whose kind is known once labels and predictions are. */
function resolvedAccuracy(name: string, loss?: Loss): Metric {
  return new MeanOf(name, (yTrue, yPred) => {
    const kind = accuracyKind(yTrue, yPred, loss);
    if (kind === 'binary') return binaryAccuracy(yTrue, yPred, 0.5);
    return kind === 'sparse' ? sparseCategoricalAccuracy(yTrue, yPred) : categoricalAccuracy(yTrue, yPred);
  });
}

/** A metric from its name, itself or a function; `accuracy` becomes the kind that fits. Throws `argument` for an unknown name. */
export function makeMetric(like: MetricLike, loss?: Loss): Metric {
  if (typeof like === 'function') {
    if ('className' in like) return (like as unknown as () => Metric)();
    return new MeanOf(like.name === '' ? 'metric' : toSnakeCase(like.name), like as MetricFunction);
  }
  if (isRecord(like) && typeof like.update === 'function') return like as unknown as Metric;
  if (typeof like === 'string') {
    const name = snakeCase(like);
    if (name === 'accuracy' || name === 'acc') return resolvedAccuracy(name, loss);
    const plain = (each: string): string => each.replace(/_/g, '').toLowerCase();
    const wanted = plain(like) === 'rmse' ? 'rootmeansquarederror' : plain(like);
    const found = Object.entries(metrics).find(
      ([key, { className }]) => plain(key) === wanted || plain(className) === wanted,
    );
    if (found !== undefined) return (found[1] as (options: object) => Metric)({ name });
    const asLoss = plain(like) === 'crossentropy' || plain(like) === 'ce' ? loss : findLoss(like)?.();
    if (asLoss !== undefined) return new MeanOf(name, (yTrue, yPred) => asLoss.perSample(yTrue, yPred));
  }
  const known = Object.keys(metrics);
  const error = unknownName('compile', 'metric', like, [...known, 'acc', 'mse', 'mae']);
  throw new FoveaError({
    code: 'argument',
    op: 'compile',
    message: error.message.replace(/^compile: /, '').split('\n')[0] as string,
    got: like,
    want: known,
    hint: `Known are ${known.join(', ')}, every loss, or a function (yTrue, yPred) => tensor.`,
  });
}

/**
 * A metric from Keras's serialized form or class name: one of `metrics`, a loss as a metric, or `Mean` and `Sum`, which take
 * values. Throws `unsupported` for a class that is not known, `argument` for options that it does not have.
 */
export function metricFromConfig(value: unknown): Metric | Mean | Sum {
  const found = readSerialized(value);
  const { dtype: _, ...config } = found?.config ?? {};
  const name = typeof config.name === 'string' ? config.name : snakeCase(found?.className ?? '');
  if (found?.className === 'Mean') return new Mean(name);
  if (found?.className === 'Sum') return new Sum(name);
  // Keras's Accuracy compares number by number; `accuracy` as a name is another thing.
  const className = found?.className === 'Accuracy' ? 'ExactAccuracy' : found?.className;
  const factory = Object.values(metrics).find((each) => each.className === className);
  if (found !== undefined && factory !== undefined) {
    const make = factory as unknown as ((options: object) => Metric) & { readonly rules: Rules };
    return make({ ...optionsOf(config, make.rules), name });
  }
  if (found !== undefined && findLoss(found.className) !== undefined) {
    const loss = lossFromConfig({ class_name: found.className, config });
    return new MeanOf(name, loss.perSample);
  }
  throw new FoveaError({
    code: 'unsupported',
    op: 'metric',
    message: `metric ${JSON.stringify(found?.className ?? value)} is not supported.`,
    got: value,
    want: Object.keys(metrics),
    hint: 'Compile the model again after loading it.',
  });
}

/** Options out of a config: words in camelCase where the table has them so, nulls only where they are an option. */
function optionsOf(config: Readonly<Record<string, unknown>>, rules: Rules): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => {
      const option = toCamelCase(key);
      const rule = rules[option];
      if (value === null && rule?.accepts(null) !== true) return [];
      const isWord = typeof value === 'string' && rule?.accepts(value) === false;
      return [[option, isWord ? toCamelCase(value) : value]];
    }),
  );
}
