// What compile, fit, evaluate and predict take and give.

import type { Shape } from '../../core/shape.js';
import type { ArrayDataset, Dataset, HostArray, HostArrayLike } from '../../data/dataset.js';
import type { Precision } from '../../engine/precision.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Callback } from '../callbacks/callback.js';
import type { LossLike } from '../losses.js';
import type { MetricLike } from '../metrics.js';
import type { OptimizerLike } from '../optimizers.js';

/** Examples in memory, one row each; a list or a record by input name where a model has several inputs. */
export type TrainingInput = HostArrayLike | Tensor | readonly HostArray[] | Readonly<Record<string, HostArray>>;

/** Labels or targets in memory, one row each. */
export type TrainingLabels = TrainingInput;

/** Examples with their labels: in memory, or a stream. */
export type TrainingData = ArrayDataset | Dataset | { readonly x: TrainingInput; readonly y: TrainingLabels };

/** Metrics of one output, or of each of several: a metric, a list of them, or null for none. */
export type OutputMetrics =
  | readonly (MetricLike | readonly MetricLike[] | null)[]
  | Readonly<Record<string, MetricLike | readonly MetricLike[] | null>>;

/** How to train. */
export interface CompileOptions {
  /** Default: `rmsprop`, as in Keras. */
  optimizer?: OptimizerLike;
  /** One loss, or one per output (a list, or by output name; null for none). */
  loss?: LossLike | readonly (LossLike | null)[] | Readonly<Record<string, LossLike | null>>;
  /** What the losses of the outputs are multiplied by; default 1. */
  lossWeights?: readonly number[] | Readonly<Record<string, number>>;
  /** Of one output a list; of several a list with an entry for each, or a record by name. `accuracy` is the kind that fits the loss. */
  metrics?: OutputMetrics;
  /** Metrics that count sample and class weights. */
  weightedMetrics?: OutputMetrics;
  /** Whether the loss of a `mixed_float16` model is scaled, so that small gradients are not lost; default true. */
  autoScaleLoss?: boolean;
  /** `exact` keeps convolutions to plain sums in fit, evaluate and predict; default: what `setPrecision` says. */
  precision?: Precision;
}

/** What `fit` accepts beside the data. */
export interface FitOptions {
  /** Default 1. */
  epochs?: number;
  /** Default 32; a stream brings its own batches. */
  batchSize?: number;
  /** Where to start counting, for training on; default 0, or where a loaded model stopped if `resume` is set. */
  initialEpoch?: number;
  /** Continues a loaded model exactly where its training stopped. */
  resume?: boolean;
  /** The last part of the data, before shuffling, validates: 0..1. */
  validationSplit?: number;
  validationData?: TrainingData;
  /** Batches of the validation data to use; default all. */
  validationSteps?: number;
  validationBatchSize?: number;
  /** Validates every so many epochs; default 1. */
  validationFrequency?: number;
  /** Batches of an epoch; needed for endless data. */
  stepsPerEpoch?: number;
  /** Another order in every epoch; default true for data in memory. */
  shuffle?: boolean;
  callbacks?: readonly Callback[];
  /** A weight per class index, for labels that are class numbers or one-hot rows. */
  classWeight?: Readonly<Record<number, number>>;
  /** A weight per example. */
  sampleWeight?: TrainingInput;
  /** 0 nothing, 1 a progress bar, 2 a line per epoch; `auto`: 1 on a terminal, 2 elsewhere. */
  verbose?: 'auto' | 0 | 1 | 2;
  /** Stops cleanly after the running step. */
  signal?: AbortSignal;
  /** What to do when the loss is no longer a number; default `throw`. */
  onNaN?: 'throw' | 'ignore';
}

export interface EvaluateOptions {
  batchSize?: number;
  steps?: number;
  sampleWeight?: TrainingInput;
  signal?: AbortSignal;
}

export interface PredictOptions {
  batchSize?: number;
  steps?: number;
  signal?: AbortSignal;
}

/** One output's predictions: plain numbers that nobody must free. */
export interface Prediction {
  readonly data: Float32Array;
  readonly shape: Shape;
  readonly dtype: 'float32';
}

/** The predictions of a model's first output, which is also the first of `outputs`. */
export interface Predictions extends Prediction {
  readonly outputs: readonly Prediction[];
  /** The same by the outputs' names. */
  readonly named: Readonly<Record<string, Prediction>>;
}
