// Losses, with the gradient of the prediction, and metrics, batch by batch.
import { gradients } from '../../src/compile/autodiff.js';
import { type NestedArray, type Tensor, tensor } from '../../src/graph/tensor.js';
import { lossFromConfig, lossValue } from '../../src/nn/losses.js';
import { Mean, metricFromConfig, Sum } from '../../src/nn/metrics.js';
import { multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { type GoldenCase, type GoldenFolder, listCases } from './folder.js';

interface LossCase {
  readonly name: string;
  readonly class: string;
  readonly args: Record<string, unknown>;
  readonly y_true: NestedArray;
  readonly y_pred: NestedArray;
  readonly y_true_dtype?: 'int32';
  readonly sample_weight?: NestedArray;
  readonly value: NestedArray;
  readonly dy?: NestedArray;
  readonly gradient: NestedArray;
}

interface MetricCase {
  readonly name: string;
  readonly class: string;
  readonly args: Record<string, unknown>;
  readonly batches: readonly {
    readonly y_true?: NestedArray;
    readonly y_pred?: NestedArray;
    readonly values?: NestedArray;
    readonly sample_weight?: NestedArray;
    readonly result: NestedArray;
  }[];
  /** Null where it is no number. */
  readonly after_reset: NestedArray | null;
}

/** Nested lists as one; null, which JSON has for NaN, is NaN. */
export function flat(values: NestedArray | null): number[] {
  if (values === null) return [Number.NaN];
  return typeof values === 'object' ? values.flatMap((each) => flat(each)) : [Number(values)];
}

/** The losses of a folder. */
export function lossCases(folder: GoldenFolder): GoldenCase[] {
  return listCases<LossCase>(folder, 'losses', 'losses.json', async (each, machine, findings) => {
    const loss = lossFromConfig({ class_name: each.class, config: each.args });
    const yTrue = tensor(each.y_true, { dtype: each.y_true_dtype ?? 'float32' });
    const yPred = tensor(each.y_pred);
    const weight = each.sample_weight === undefined ? undefined : tensor(each.sample_weight);
    const value = lossValue(loss, yTrue, yPred, weight);
    const scalar = each.dy === undefined ? value : sum(multiply(value, tensor(each.dy)));
    const slopes = gradients(scalar, [yPred]);
    const [got, slope] = await machine.evaluate([value, ...slopes]);
    findings.close('value', got ?? [], flat(each.value), 'score', value.shape);
    findings.close('gradient', slope ?? [], flat(each.gradient), 'gradient', yPred.shape);
    const { className, getConfig } = loss;
    const config = getConfig();
    findings.same('config of its config', lossFromConfig({ class_name: className, config }).getConfig(), config);
  });
}

/** The metrics of a folder. */
export function metricCases(folder: GoldenFolder): GoldenCase[] {
  return listCases<MetricCase>(folder, 'metrics', 'metrics.json', async (each, machine, findings) => {
    const metric = metricFromConfig({ class_name: each.class, config: each.args });
    const check = async (what: string, result: Tensor, want: NestedArray | null): Promise<void> => {
      const [got] = await machine.evaluate([result]);
      findings.close(what, got ?? [], flat(want), 'score');
    };
    for (const [i, batch] of each.batches.entries()) {
      const weight = batch.sample_weight === undefined ? undefined : tensor(batch.sample_weight);
      const { y_true: yTrue, y_pred: yPred, values } = batch;
      if (metric instanceof Mean || metric instanceof Sum) {
        if (values === undefined) throw new Error(`batch ${i} has no values`);
        metric.update(tensor(values), weight);
      } else {
        if (yTrue === undefined || yPred === undefined) throw new Error(`batch ${i} has no y_true or no y_pred`);
        metric.update(tensor(yTrue), tensor(yPred), weight);
      }
      await check(`after batch ${i + 1}`, metric.result(), batch.result);
    }
    metric.reset();
    await check('after reset', metric.result(), each.after_reset);
  });
}
