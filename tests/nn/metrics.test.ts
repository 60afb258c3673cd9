// Metrics beside what golden values show (../golden.test.ts): counting without loss, what `accuracy` means, configs.
import { describe, expect, it } from 'vitest';
import type { Dtype } from '../../src/core/dtype.js';
import type { FoveaError } from '../../src/core/errors.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { type Loss, makeLoss } from '../../src/nn/losses.js';
import { Mean, type Metric, makeMetric, metricFromConfig, metrics, Sum } from '../../src/nn/metrics.js';
import { evaluate } from './golden.js';

const anyLoss: Loss = makeLoss('mse');

async function numbers(value: Tensor): Promise<number[]> {
  return Array.from((await evaluate([value]))[0] as ArrayLike<number>);
}

describe('metrics', () => {
  const scores = tensor([
    [0.1, 0.9],
    [0.8, 0.2],
    [0.3, 0.7],
  ]);

  it('take accuracy to be the kind that fits', async () => {
    const run = async (loss: string, yTrue: Tensor, yPred: Tensor): Promise<number[]> => {
      const metric = makeMetric('accuracy', makeLoss(loss));
      metric.update(yTrue, yPred);
      return numbers(metric.result());
    };
    for (const dtype of ['uint8', 'int32', 'float32'] as const satisfies readonly Dtype[]) {
      expect((await run('sparseCategoricalCrossentropy', tensor([1, 0, 0], { dtype }), scores))[0]).toBeCloseTo(
        2 / 3,
        6,
      );
      expect((await run('sparseCategoricalCrossentropy', tensor([[1], [0], [0]], { dtype }), scores))[0]).toBeCloseTo(
        2 / 3,
        6,
      );
    }
    const rows = tensor([
      [0, 1],
      [1, 0],
      [1, 0],
    ]);
    expect((await run('categoricalCrossentropy', rows, scores))[0]).toBeCloseTo(2 / 3, 6);
    expect((await run('binaryCrossentropy', tensor([1, 0, 1]), tensor([[0.9], [0.4], [0.2]])))[0]).toBeCloseTo(
      2 / 3,
      6,
    );
    expect(makeMetric('acc', anyLoss).name).toBe('acc');
    expect(makeMetric('sparseCategoricalAccuracy', anyLoss).name).toBe('sparse_categorical_accuracy');
  });

  it('count beyond what one float32 can', async () => {
    // On an engine: the float64 reference would not need it.
    await import('../../src/engine/install.js');
    const mean = new Mean('m');
    // 2^24 + 1 is no float32: a plain sum would stay at 2^24.
    mean.update(tensor([1]), tensor([2 ** 24]));
    for (let i = 0; i < 3; i++) mean.update(tensor([0]), tensor([1]));
    const [, , count, rest] = await Promise.all(
      mean.variables.map(async (variable) => (await variable.value.item()) as number),
    );
    expect(count).toBe(2 ** 24);
    expect(rest).toBe(3);
  });

  it('are exact over 60,000 examples', async () => {
    const metric = makeMetric('accuracy', makeLoss('sparseCategoricalCrossentropy'));
    let right = 0;
    for (let batch = 0; batch < 6; batch++) {
      const labels = Int32Array.from({ length: 10_000 }, (_, i) => (i * 7 + batch) % 3);
      const rows = new Float32Array(30_000);
      labels.forEach((label, i) => {
        const guess = (i * i + batch) % 5 === 0 ? (label + 1) % 3 : label;
        rows[3 * i + guess] = 1;
        right += Number(guess === label);
      });
      metric.update(tensor(labels), tensor(rows, { shape: [10_000, 3] }));
    }
    expect((await numbers(metric.result()))[0]).toBeCloseTo(right / 60_000, 9);
  });

  it('rank ties as hits, as TensorFlow does', async () => {
    const metric = metrics.sparseTopKCategoricalAccuracy({ k: 1 });
    metric.update(
      tensor([0, 1, 2]),
      tensor([
        [1, 1, 0],
        [1, 1, 0],
        [1, 1, 0],
      ]),
    );
    expect((await numbers(metric.result()))[0]).toBeCloseTo(2 / 3, 6);
  });

  it('may be losses and functions', async () => {
    const mse = makeMetric('mse', anyLoss);
    expect(mse.name).toBe('mse');
    mse.update(tensor([[1, 2]]), tensor([[3, 2]]));
    expect(await numbers(mse.result())).toEqual([2]);
    const own = makeMetric(function topError(_yTrue: Tensor, yPred: Tensor) {
      return yPred;
    }, anyLoss);
    own.update(tensor([0, 0]), tensor([1, 3]));
    expect([own.name, ...(await numbers(own.result()))]).toEqual(['top_error', 2]);
  });

  it('take the options of Keras', async () => {
    const scoreOf = async (metric: Metric, yTrue: Tensor, yPred: Tensor, weight?: Tensor): Promise<number[]> => {
      metric.update(yTrue, yPred, weight);
      return numbers(metric.result());
    };
    const [labels, two] = [
      tensor([
        [0, 1],
        [0, 1],
      ]),
      tensor([
        [0.9, 0.8],
        [0.2, 0.6],
      ]),
    ];
    // Only the larger score of each row counts, whatever it is.
    expect(await scoreOf(metrics.precision({ topK: 1 }), labels, two)).toEqual([0.5]);
    expect(await scoreOf(metrics.recall({ topK: 1 }), labels, two)).toEqual([0.5]);
    expect(await scoreOf(metrics.precision({ topK: 1, thresholds: [0.5, 0.7] }), labels, two)).toEqual([0.5, 0]);
    const classes = [tensor(Int32Array.of(0, 1, 255, 1)), tensor(Int32Array.of(0, 0, 1, 1))] as const;
    const overlap = metrics.meanIoU({ numClasses: 2, ignoreClass: 255 });
    expect(await scoreOf(overlap, ...classes)).toEqual([0.5]);
    // The fractions of weights are cut off: 2, 1, 0, 0.
    const weighted = metrics.meanIoU({ numClasses: 2, ignoreClass: 255 });
    expect((await scoreOf(weighted, ...classes, tensor([2.9, 1.5, 0.9, 0.9])))[0]).toBeCloseTo(1 / 3, 6);
    const hot = tensor([
      [
        [1, 0],
        [0, 1],
      ],
    ]); // classes along axis 1: class 0, then 1
    const scores = tensor([
      [
        [0.9, 0.8],
        [0.1, 0.2],
      ],
    ]);
    expect(await scoreOf(metrics.oneHotMeanIoU({ numClasses: 2, axis: 1 }), hot, scores)).toEqual([0.25]);
    const sorted = metrics.sparseTopKCategoricalAccuracy({ k: 2, fromSortedIds: true });
    expect(
      await scoreOf(
        sorted,
        tensor(Int32Array.of(4, 1)),
        tensor([
          [3, 4, 1],
          [2, 0, 1],
        ]),
      ),
    ).toEqual([0.5]);
    const [x, y] = [tensor([[1, 2, 3]]), tensor([[2, 4, 7]])];
    expect((await scoreOf(metrics.pearsonCorrelation(), x, y))[0]).toBeCloseTo(5 / Math.sqrt(2 * (38 / 3)), 6);
    const spread = 2 / 3 + 38 / 9 + (2 - 13 / 3) ** 2;
    expect((await scoreOf(metrics.concordanceCorrelation(), x, y))[0]).toBeCloseTo((2 * (5 / 3)) / spread, 6);
    expect((await scoreOf(metrics.logCoshError(), tensor([0]), tensor([1])))[0]).toBeCloseTo(Math.log(Math.cosh(1)), 6);
  });

  it('are read from configs', () => {
    const scores = metricFromConfig({ class_name: 'R2Score', config: { name: 'r', class_aggregation: null } });
    expect(scores.name).toBe('r');
    expect(metricFromConfig({ class_name: 'Sum', config: { dtype: 'float32' } })).toBeInstanceOf(Sum);
    expect(metricFromConfig('KLDivergence').name).toBe('kl_divergence');
    expect(() => metricFromConfig({ class_name: 'Precision', config: { tresholds: 1 } })).toThrow(
      'precision: unknown option "tresholds"; did you mean "thresholds"?',
    );
    expect(() => metricFromConfig({ class_name: 'Precisely', config: {} })).toThrow(
      'metric: metric "Precisely" is not supported.',
    );
  });

  it('refuse an unknown name', () => {
    let message = '';
    try {
      makeMetric('acuracy', anyLoss);
    } catch (error) {
      message = (error as FoveaError).message;
    }
    expect(message).toBe(
      `compile: unknown metric "acuracy"; did you mean "accuracy"?\n  Known are ${Object.keys(metrics).join(', ')}, every loss, or a function (yTrue, yPred) => tensor.`,
    );
  });
});
