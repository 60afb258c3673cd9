// How a model was compiled, as Keras writes it into files: `compile_config` of .keras, `training_config` of .h5.
import { FoveaError } from '../core/errors.js';
import { isRecord, serialized, toCamelCase, toSnakeCase } from './keras-config.js';
import { type Loss, lossFromConfig } from './losses.js';
import type { MetricLike } from './metrics.js';
import type { TrainableModel } from './model.js';
import { optimizerFromConfig } from './optimizers.js';
import type { Compiled } from './training/compiled.js';
import type { CompileOptions, OutputMetrics } from './training/types.js';

/** Keras's `compile_config` of a compiled model, or undefined for one that is not. */
export function makeCompileConfig(model: TrainableModel): Record<string, unknown> | undefined {
  const { compiled } = model.training;
  if (compiled === undefined) return undefined;
  const { optimizer, losses, options } = compiled;
  const written = losses.map((loss) => (loss === undefined ? null : serializeLoss(loss)));
  return {
    optimizer: serialized('keras.optimizers', optimizer.className, optimizer.getConfig()),
    loss: losses.length === 1 ? written[0] : written.some((each) => each !== null) ? written : null,
    loss_weights: options.lossWeights === undefined ? null : compiled.lossWeights,
    metrics: writeMetrics(options.metrics, compiled, false),
    weighted_metrics: writeMetrics(options.weightedMetrics, compiled, true),
    run_eagerly: false,
    steps_per_execution: 1,
    jit_compile: false,
  };
}

/** Metrics by name: of one output a list, of several a list for each. */
function writeMetrics(given: OutputMetrics | undefined, { losses, metrics }: Compiled, isWeighted: boolean): unknown {
  const likes = Object.values(given ?? []).flat();
  if (likes.length === 0) return null;
  // A function has a name, but the name has no function.
  for (const like of likes) if (like !== null) metricName(like);
  if (losses.length === 1) return likes.flatMap((like) => (like === null ? [] : [metricName(like)]));
  return losses.map((_, i) =>
    metrics.flatMap((each) =>
      each.output === i && each.isWeighted === isWeighted ? [toSnakeCase(each.metric.name)] : [],
    ),
  );
}

function serializeLoss(loss: Loss): unknown {
  return serialized('keras.losses', loss.className, loss.getConfig());
}

function metricName(metric: MetricLike): string {
  if (typeof metric === 'string') return toSnakeCase(metric);
  if (typeof metric === 'function') {
    throw new FoveaError({
      code: 'unsupported',
      op: 'save',
      message: `metric "${metric.name}" is a function and cannot be saved.`,
      hint: 'Compile with named metrics before saving.',
    });
  }
  return toSnakeCase(metric.name);
}

/** The options of `compile` that a file's config stands for. Throws `unsupported` for what is not known. */
export function readCompileConfig(value: unknown, file: string): CompileOptions {
  if (!isRecord(value)) {
    throw new FoveaError({
      code: 'format',
      op: 'load',
      message: 'compile_config is not an object.',
      path: file,
      hint: 'Load with { compile: false }.',
    });
  }
  try {
    const optimizer = value.optimizer ?? value.optimizer_config;
    const metrics = readOutputMetrics(value.metrics);
    const weighted = readOutputMetrics(value.weighted_metrics);
    const weights = value.loss_weights;
    return {
      ...(optimizer === undefined || optimizer === null ? {} : { optimizer: optimizerFromConfig(optimizer) }),
      ...(value.loss === undefined || value.loss === null ? {} : { loss: readLosses(value.loss) }),
      ...(Array.isArray(weights) || isRecord(weights)
        ? { lossWeights: weights as number[] | Record<string, number> }
        : {}),
      ...(metrics === undefined ? {} : { metrics }),
      ...(weighted === undefined ? {} : { weightedMetrics: weighted }),
    };
  } catch (error) {
    throw error instanceof FoveaError ? error.at(file) : error;
  }
}

function readLosses(value: unknown): NonNullable<CompileOptions['loss']> {
  const read = (each: unknown): Loss | null => (each === null ? null : lossFromConfig(each));
  if (Array.isArray(value)) return value.map(read);
  if (isRecord(value) && !('class_name' in value))
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, read(each)]));
  return lossFromConfig(value);
}

/** Metrics of one output, or nested by output as Keras writes them for several; undefined for none. */
function readOutputMetrics(value: unknown): OutputMetrics | undefined {
  const all = readMetrics(value);
  if (all.length === 0) return undefined;
  if (Array.isArray(value) && value.some((each) => each === null || Array.isArray(each))) return value.map(readMetrics);
  if (isRecord(value) && typeof value.class_name !== 'string')
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, readMetrics(each)]));
  return all;
}

/** Metrics by name, without their nesting; those that Keras made itself are written as objects. */
function readMetrics(value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (typeof value === 'string') return [toCamelCase(value)];
  if (Array.isArray(value)) return [...new Set(value.flatMap(readMetrics))];
  if (!isRecord(value)) return [];
  if (typeof value.class_name !== 'string') return Object.values(value).flatMap(readMetrics);
  const config = isRecord(value.config) ? value.config : {};
  // `MeanMetricWrapper` around a function is known by the name it reports under.
  return [
    toCamelCase(
      value.class_name === 'MeanMetricWrapper' && typeof config.name === 'string' ? config.name : value.class_name,
    ),
  ];
}
