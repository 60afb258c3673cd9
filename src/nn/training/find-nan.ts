// Finds the layer that made the first number that is none, after a step's loss was not finite.

import { FoveaError } from '../../core/errors.js';
import { constant, type Tensor } from '../../graph/tensor.js';
import { all, isFinite as allFinite, cast, stack } from '../../ops/index.js';
import type { TrainableModel } from '../model.js';
import type { BatchSource, HostBatch } from './batches.js';
import { weighByClass } from './check-batch.js';
import type { Steps } from './steps.js';

/** Where training stood. */
export interface BadStep {
  readonly epoch: number;
  /** Step within the epoch. */
  readonly step: number;
  readonly classWeight: Readonly<Record<number, number>> | undefined;
}

/** The error that tells where the loss stopped being a number, and which layer did it first. */
export async function findNaN(
  model: TrainableModel,
  steps: Steps,
  source: BatchSource,
  { epoch, step, classWeight }: BadStep,
): Promise<FoveaError> {
  const batch = await batchAt(source, epoch, step);
  const culprit =
    batch === undefined
      ? undefined
      : await firstNonFinite(model, steps, weighByClass(batch, classWeight), steps.badStep);
  return new FoveaError({
    code: 'nan',
    op: 'fit',
    message: `the loss is not a number in epoch ${epoch + 1}, step ${step + 1}.`,
    lines: [
      culprit?.text ?? 'Every layer gives finite numbers: the loss itself overflows.',
      'The weights are those from before that step.',
    ],
    hint: culprit?.isData
      ? 'Remove or repair the examples that hold NaN or infinity.'
      : 'Lower the learning rate, scale the inputs to about 1, or clip gradients (clipnorm).',
    ...(culprit?.path === undefined ? {} : { path: culprit.path }),
    got: culprit?.path,
  });
}

async function batchAt(source: BatchSource, epoch: number, step: number): Promise<HostBatch | undefined> {
  for await (const batch of source.batches(epoch, step)) return batch;
  return undefined;
}

interface Culprit {
  readonly text: string;
  readonly path?: string;
  readonly isData?: boolean;
}

async function firstNonFinite(
  model: TrainableModel,
  steps: Steps,
  batch: HostBatch,
  badStep: number,
): Promise<Culprit | undefined> {
  for (const array of [...batch.x, ...batch.y]) {
    const at = array.data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      const row = Math.floor(at / (array.data.length / batch.size));
      return { text: `The data holds ${array.data[at]}: example ${row} of the batch.`, isData: true };
    }
  }
  const found: Culprit[] = [];
  const [flags] = (await steps.inspect(batch, badStep, (args, context) => {
    const checks: Tensor[] = [];
    const check = (tensor: Tensor, culprit: Culprit): void => {
      found.push(culprit);
      checks.push(cast(all(allFinite(tensor)), 'int32'));
    };
    const inputs = args.slice(0, batch.x.length).map((each, i) => cast(each, model.inputDtype(i, each.dtype)));
    if (model.takesAnyData('trainStep')) return [constant([1], [1], 'int32')];
    model.callWatched(inputs, context, (layer, outputs) => {
      for (const weight of layer.weights) {
        if (weight.dtype === 'float32') {
          check(weight.value, {
            text: `Weight "${weight.name}" of layer "${layer.name}" is the first that is not finite.`,
            path: layer.name,
          });
        }
      }
      for (const output of outputs)
        check(output, {
          text: `Layer "${layer.name}" is the first to give numbers that are not finite.`,
          path: layer.name,
        });
    });
    return checks.length === 0 ? [constant([1], [1], 'int32')] : [stack(checks)];
  })) as [ArrayBuffer];
  const first = new Int32Array(flags).indexOf(0);
  return first < 0 ? undefined : found[first];
}
