// What a step does where a model says nothing else: the losses of the outputs, added losses, metrics.
import { FoveaError } from '../../core/errors.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import { add, cast, multiply } from '../../ops/arithmetic.js';
import { sum } from '../../ops/reduce.js';
import { maskedWeight } from '../losses/loss.js';
import { lossValue } from '../losses.js';
import { maskOf, setMask } from '../masks.js';
import type { Compiled } from './compiled.js';
import type { Reported, StepBatch } from './step.js';

/** A prediction as float32, with its mask: losses and metrics are float32, whatever the model computes in. */
export function widened(prediction: Tensor): Tensor {
  const wide = cast(prediction, 'float32');
  const mask = maskOf(prediction);
  if (mask !== undefined) setMask(wide, mask);
  return wide;
}

/** The sum of the outputs' losses, weighted, and of `added`. Throws `argument` where there is nothing to add up. */
export function totalLoss(
  { losses, lossWeights, outputTrackers }: Compiled,
  batch: StepBatch,
  predictions: readonly Tensor[],
  added: readonly Tensor[],
): Tensor {
  const size = scalar(batch.size);
  const parts = losses.flatMap((loss, i) => {
    if (loss === undefined) return [];
    const value = lossValue(loss, labelsOf(batch, i), predictions[i] as Tensor, batch.sampleWeight);
    outputTrackers[i]?.update(value, size);
    return [multiply(value, lossWeights[i] ?? 1)];
  });
  parts.push(...added.map((loss) => sum(cast(loss, 'float32'))));
  if (parts.length > 0) return parts.reduce((total, part) => add(total, part), scalar(0));
  throw new FoveaError({
    code: 'argument',
    op: 'compile',
    message: 'no loss was given.',
    hint: "Pass loss, e.g. 'sparseCategoricalCrossentropy', or let a layer add one with addLoss.",
  });
}

/** Takes a batch into the metrics of the outputs. */
export function updateMetrics({ metrics }: Compiled, batch: StepBatch, predictions: readonly Tensor[]): void {
  for (const { metric, output, isWeighted } of metrics) {
    const prediction = predictions[output] as Tensor;
    const weight = maskedWeight(prediction, isWeighted ? batch.sampleWeight : undefined);
    metric.update(labelsOf(batch, output), prediction, weight);
  }
}

/** What the default step reports: the loss, those of the outputs, the metrics. */
export function reportsOf({ lossTracker, outputTrackers, metrics }: Compiled): Readonly<Record<string, Reported>> {
  return Object.fromEntries<Reported>([
    [lossTracker.name, lossTracker],
    ...outputTrackers.flatMap((tracker): [string, Reported][] =>
      tracker === undefined ? [] : [[tracker.name, tracker]],
    ),
    ...metrics.map(({ label, metric }): [string, Reported] => [label, metric]),
  ]);
}

function labelsOf(batch: StepBatch, output: number): Tensor {
  const labels = batch.labels[output];
  if (labels !== undefined) return labels;
  throw new FoveaError({
    code: 'data',
    op: 'fit',
    message: `output ${output} has a loss or a metric but no labels.`,
    hint: 'Pass labels for every output that has a loss or a metric.',
  });
}
