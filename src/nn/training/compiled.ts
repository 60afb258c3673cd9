// What `compile` was given, sorted by output: losses, their weights, metrics. The outputs' names may come later, once a
// model has seen data.
import { FoveaError } from '../../core/errors.js';
import { isRecord, nearestName } from '../keras-config.js';
import { type Loss, type LossLike, makeLoss } from '../losses.js';
import { Mean, type Metric, type MetricLike, makeMetric } from '../metrics.js';
import type { Optimizer } from '../optimizers.js';
import type { CompileOptions } from './types.js';

/** A metric of an output. */
export interface OutputMetric {
  readonly metric: Metric;
  readonly output: number;
  readonly isWeighted: boolean;
  readonly label: string;
}

/** What `compile` decided. */
export interface Compiled {
  readonly optimizer: Optimizer;
  /** One per output; undefined where an output has none. */
  readonly losses: readonly (Loss | undefined)[];
  readonly lossWeights: readonly number[];
  readonly lossTracker: Mean;
  /** The losses of single outputs, where there are several. */
  readonly outputTrackers: readonly (Mean | undefined)[];
  readonly metrics: readonly OutputMetric[];
  /** The outputs that need labels. */
  readonly labelled: readonly number[];
  readonly options: CompileOptions;
}

/** The outputs of a model that has met no data, as far as its losses tell. */
export function guessOutputs({ loss }: CompileOptions): string[] {
  if (Array.isArray(loss)) return loss.map((_, i) => `output_${i + 1}`);
  return isByName(loss) ? Object.keys(loss) : ['output'];
}

/** Sorts options by output. Throws `argument` for what names no output or does not fit their number. */
export function resolveCompile(options: CompileOptions, optimizer: Optimizer, names: readonly string[]): Compiled {
  const losses = spread<LossLike>(options.loss, names, 'loss').map((like) =>
    like === undefined ? undefined : makeLoss(like),
  );
  const counted = losses.filter((loss) => loss !== undefined).length;
  const metrics = [options.metrics, options.weightedMetrics].flatMap((given, weighted) =>
    spreadMetrics(given, names, weighted === 1 ? 'weightedMetrics' : 'metrics').flatMap((list, output) =>
      list.map((like): OutputMetric => {
        const metric = makeMetric(like, losses[output]);
        const label = names.length === 1 ? metric.name : `${names[output]}_${metric.name}`;
        return { metric, output, isWeighted: weighted === 1, label };
      }),
    ),
  );
  const ordered = names.flatMap((_, output) => metrics.filter((each) => each.output === output));
  return {
    optimizer,
    losses,
    lossWeights: spread<number>(options.lossWeights, names, 'lossWeights').map((weight) => weight ?? 1),
    lossTracker: new Mean('loss'),
    outputTrackers: losses.map((loss, i) =>
      loss === undefined || counted < 2 ? undefined : new Mean(`${names[i]}_loss`),
    ),
    metrics: ordered,
    labelled: names.flatMap((_, i) =>
      losses[i] !== undefined || ordered.some(({ output }) => output === i) ? [i] : [],
    ),
    options,
  };
}

/** Whether a value is a record by output name rather than a loss or a metric. */
function isByName(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    isRecord(value) && Object.getPrototypeOf(value) === Object.prototype && !('perSample' in value || 'update' in value)
  );
}

/** The record's entries in the order of the outputs. Throws `argument` for a name that is no output's. */
function byName<T>(value: Readonly<Record<string, T>>, names: readonly string[], what: string): (T | undefined)[] {
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = nearestName(unknown, names);
    throw new FoveaError({
      code: 'argument',
      op: 'compile',
      message: `${what} names "${unknown}", which is no output of the model${near === undefined ? '.' : `; did you mean "${near}"?`}`,
      got: unknown,
      want: names,
      hint: `Its outputs are ${names.join(', ')}.`,
    });
  }
  return names.map((name) => value[name]);
}

function checkCount(value: readonly unknown[], names: readonly string[], what: string): void {
  if (value.length === names.length) return;
  throw new FoveaError({
    code: 'argument',
    op: 'compile',
    message: `${what} has ${value.length} entries for ${names.length} outputs.`,
    got: value.length,
    want: names.length,
    hint: 'Give one for each output.',
  });
}

/** One value per output, out of one for all, a list, or a record by name. */
function spread<T>(value: unknown, names: readonly string[], what: string): (T | undefined)[] {
  if (Array.isArray(value)) checkCount(value, names, what);
  const all = Array.isArray(value) ? value : isByName(value) ? byName(value, names, what) : names.map(() => value);
  return all.map((each) => (each === null ? undefined : (each as T)));
}

/** The metrics of every output. A list with an entry per output is Keras's: each entry for its output. */
function spreadMetrics(
  value: CompileOptions['metrics'],
  names: readonly string[],
  what: string,
): readonly (readonly MetricLike[])[] {
  const listOf = (each: unknown): readonly MetricLike[] =>
    each === undefined || each === null ? [] : ((Array.isArray(each) ? each : [each]) as readonly MetricLike[]);
  if (isByName(value)) return byName<unknown>(value, names, what).map(listOf);
  const list = listOf(value);
  const isNested = list.some((each) => each === null || Array.isArray(each));
  if (names.length === 1 && !isNested) return [list];
  if (isNested) checkCount(list, names, what);
  return list.length === names.length ? list.map(listOf) : names.map(() => list);
}
