// Checks that every batch passes before it may reach an engine, and class weights as sample weights.
import { FoveaError } from '../../core/errors.js';
import { formatShape, sizeOf } from '../../core/shape.js';
import type { HostArray } from '../../data/dataset.js';
import { checkInput } from '../functional.js';
import type { Loss } from '../losses.js';
import type { TrainableModel } from '../model.js';
import type { SymbolicTensor } from '../symbolic.js';
import type { HostBatch } from './batches.js';
import type { Compiled } from './compiled.js';

/** Throws `shape` or `range` for a batch that the model cannot take. `first` is its first example's number. */
export function checkBatch(
  batch: HostBatch,
  model: TrainableModel,
  { losses, labelled }: Compiled,
  first: number,
): void {
  if (model.takesAnyData('trainStep')) return;
  if (model.fixesInputs) {
    model.inputs.forEach((input, i) => {
      const array = batch.x[i];
      if (array !== undefined) checkInput(input, array);
    });
  }
  const isAll = batch.y.length === model.outputs.length;
  labelled.forEach((output, i) => {
    const labels = batch.y[isAll ? output : i];
    if (labels === undefined) {
      throw new FoveaError({
        code: 'data',
        op: 'fit',
        message: 'a batch came without labels.',
        hint: 'Yield { x, y }.',
      });
    }
    checkLabels(labels, model.outputs[output] as SymbolicTensor, losses[output], {
      size: batch.size,
      first,
      isFixed: model.fixesInputs,
    });
  });
}

function checkLabels(
  labels: HostArray,
  output: SymbolicTensor,
  loss: Loss | undefined,
  { size, first, isFixed }: { size: number; first: number; isFixed: boolean },
): void {
  if (labels.shape[0] !== size) {
    throw new FoveaError({
      code: 'shape',
      op: 'fit',
      message: `a batch has ${size} examples but ${labels.shape[0]} labels.`,
      got: labels.shape,
      want: size,
      hint: 'Give one row for each example.',
    });
  }
  if (loss === undefined) return;
  const classes = output.shape.at(-1);
  if (loss.labels === 'classes' && typeof classes === 'number') {
    const { data } = labels;
    for (let i = 0; i < data.length; i++) {
      const label = data[i] as number;
      if (label >= 0 && label < classes) continue;
      const perRow = data.length / size;
      throw new FoveaError({
        code: 'range',
        op: 'fit',
        message: `label ${label} of example ${first + Math.floor(i / perRow)} is not a class of output "${output.source?.call.layer.name}", which has ${classes}.`,
        got: label,
        want: `0..${classes - 1}`,
        hint: `Labels count from 0 to ${classes - 1}; give the last layer more units if there are more classes.`,
      });
    }
    return;
  }
  const wanted = output.shape.slice(1);
  const isKnown = isFixed && wanted.every((dim) => dim !== null);
  if (loss.labels === 'oneHot' && isKnown && sizeOf(labels.shape.slice(1)) !== sizeOf(wanted as number[])) {
    throw new FoveaError({
      code: 'shape',
      op: 'fit',
      message: `${loss.name} compares labels with outputs of shape ${formatShape([size, ...(wanted as number[])])}; the labels are ${formatShape(labels.shape)}.`,
      got: labels.shape,
      want: wanted,
      hint:
        labels.data.length === size
          ? "Class numbers go with 'sparseCategoricalCrossentropy'; or make rows of them with toCategorical."
          : 'Give one row of class probabilities for each example.',
    });
  }
}

/** Multiplies the sample weights by the weight of each example's class. */
export function weighByClass(batch: HostBatch, classWeight: Readonly<Record<number, number>> | undefined): HostBatch {
  if (classWeight === undefined) return batch;
  const labels = batch.y[0] as HostArray;
  const perRow = labels.data.length / batch.size;
  const data = new Float32Array(batch.size);
  for (let row = 0; row < batch.size; row++) {
    const label =
      perRow === 1 ? (labels.data[row] as number) : largest(labels.data.subarray(row * perRow, (row + 1) * perRow));
    data[row] = (classWeight[label] ?? 1) * ((batch.sampleWeight?.data[row] as number | undefined) ?? 1);
  }
  return { ...batch, sampleWeight: { data, shape: [batch.size], dtype: 'float32' } };
}

function largest(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i;
  return best;
}
