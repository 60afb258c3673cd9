// Losses beside what golden values show (../golden.test.ts): names, stability, errors.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { FoveaError } from '../../src/core/errors.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { type Loss, losses, lossValue, makeLoss } from '../../src/nn/losses.js';
import { cast, multiply } from '../../src/ops/arithmetic.js';
import { equal } from '../../src/ops/compare.js';
import { expandDims, transpose } from '../../src/ops/shape.js';
import { softmax } from '../../src/ops/softmax.js';
import { sigmoid } from '../../src/ops/unary.js';
import { evaluate, expectClose } from './golden.js';

const failure = (body: () => unknown): FoveaError => {
  try {
    body();
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

const numberOf = async (value: Tensor): Promise<number> =>
  ((await evaluate([value]))[0] as ArrayLike<number>)[0] as number;

describe('losses', () => {
  it('go by names in camelCase and snake_case, and short ones', () => {
    for (const name of [
      'sparseCategoricalCrossentropy',
      'sparse_categorical_crossentropy',
      'SparseCategoricalCrossentropy',
    ]) {
      expect(makeLoss(name)).toMatchObject({ name: 'sparse_categorical_crossentropy', labels: 'classes' });
    }
    expect(makeLoss('mse').className).toBe('MeanSquaredError');
    expect(makeLoss('mean_absolute_error').name).toBe('mean_absolute_error');
    expect(makeLoss('kl_divergence')).toMatchObject({ name: 'kl_divergence', className: 'KLDivergence' });
    expect(makeLoss(losses.huber).className).toBe('Huber');
  });

  it('refuse an unknown name with the nearest and the list', () => {
    const error = failure(() => makeLoss('sparse_categorical_crossentrpy'));
    expect(error.code).toBe('argument');
    expect(error.message).toBe(
      'compile: unknown loss "sparse_categorical_crossentrpy"; did you mean "sparseCategoricalCrossentropy"?\n' +
        `  Known are ${Object.keys(losses).join(', ')}; or pass a function (yTrue, yPred) => tensor.`,
    );
  });

  it('refuse an unknown option', () => {
    const error = failure(() => losses.sparseCategoricalCrossentropy({ fromLogit: true } as object));
    expect(error.message).toBe(
      'sparseCategoricalCrossentropy: unknown option "fromLogit"; did you mean "fromLogits"?\n' +
        '  The options are fromLogits, ignoreClass, axis, reduction, name.',
    );
  });

  it('stay exact where the softmax saturates', async () => {
    const logits = tensor([[60, 0, -60]]);
    const yPred = softmax(logits);
    const value = lossValue(makeLoss('sparseCategoricalCrossentropy'), tensor(new Uint8Array([2])), yPred);
    expect(await numberOf(value)).toBeCloseTo(120, 4);
    const oneHot = lossValue(makeLoss('categoricalCrossentropy'), tensor([[0, 0, 1]]), yPred);
    expect(await numberOf(oneHot)).toBeCloseTo(120, 4);
    const [slope] = await evaluate(gradients(value, [logits]));
    expectClose(slope as ArrayLike<number>, [1, 0, -1], 1e-6, 'gradient');
    const binary = lossValue(makeLoss('binaryCrossentropy'), tensor([[0]]), sigmoid(tensor([[90]])));
    expect(await numberOf(binary)).toBeCloseTo(90, 4);
  });

  it('take labels of any dtype, [n] and [n, 1]', async () => {
    const yPred = tensor([
      [0.2, 0.8],
      [0.6, 0.4],
    ]);
    const want = -(Math.log(0.8) + Math.log(0.6)) / 2;
    for (const dtype of ['uint8', 'int32', 'float32'] as const) {
      for (const labels of [tensor([1, 0], { dtype }), tensor([[1], [0]], { dtype })]) {
        expect(await numberOf(lossValue(makeLoss('sparseCategoricalCrossentropy'), labels, yPred))).toBeCloseTo(
          want,
          6,
        );
      }
    }
    const mse = lossValue(makeLoss('mse'), tensor(new Uint8Array([1, 3])), tensor([[2], [5]]));
    expect(await numberOf(mse)).toBeCloseTo(2.5, 6);
  });

  it('average a function of the caller and weigh it', async () => {
    const loss = makeLoss((yTrue, yPred) => multiply(yTrue, yPred));
    const value = lossValue(loss, tensor([1, 2]), tensor([3, 4]), tensor([1, 0.5]));
    expect(await numberOf(value)).toBeCloseTo(3.5, 6);
    expect(failure(() => loss.getConfig()).code).toBe('unsupported');
  });

  it('find the classes along any axis', async () => {
    // Two pictures of 3 classes and 2 pixels, classes first, and the same with classes last.
    const scores = [1, 2, 3, 4, 5, 6, 2, 1, 4, 3, 6, 5];
    const first = tensor(Float32Array.from(scores), { shape: [2, 3, 2] });
    const last = transpose(first, [0, 2, 1]);
    const classes = tensor(Int32Array.from([0, 2, 1, 1]), { shape: [2, 2] });
    const hot = cast(equal(expandDims(classes, -1), tensor([0, 1, 2])), 'float32');
    const both = async (make: (axis: number) => Loss, labels: readonly [Tensor, Tensor]): Promise<void> => {
      const got = await evaluate([make(1).perSample(labels[0], first), make(-1).perSample(labels[1], last)]);
      expect(got[0]).toEqual(got[1]);
    };
    const hots = [transpose(hot, [0, 2, 1]), hot] as const;
    await both((axis) => losses.sparseCategoricalCrossentropy({ axis, fromLogits: true }), [classes, classes]);
    await both((axis) => losses.categoricalCrossentropy({ axis }), hots);
    await both((axis) => losses.categoricalFocalCrossentropy({ axis }), hots);
    await both((axis) => losses.binaryCrossentropy({ axis, fromLogits: true }), hots);
    const counted = losses.sparseCategoricalCrossentropy({ axis: 1, fromLogits: true, ignoreClass: 1 });
    expect((await evaluate([counted.mask?.(classes, first) as Tensor]))[0]).toEqual(Float64Array.of(1, 1, 0, 0));
  });

  it('refuse labels that do not fit', () => {
    const yPred = tensor([[0.5, 0.5]]);
    const error = failure(() => makeLoss('categoricalCrossentropy').perSample(tensor([1]), yPred));
    expect(error.message).toBe(
      'categoricalCrossentropy: labels [1] and predictions [1,2] must have one shape.\n' +
        "  Class numbers go with 'sparseCategoricalCrossentropy'; or make rows of them with toCategorical.",
    );
    expect(failure(() => makeLoss('sparseCategoricalCrossentropy').perSample(tensor([[0, 1]]), yPred)).code).toBe(
      'shape',
    );
    expect(failure(() => lossValue(makeLoss('mse'), yPred, yPred, tensor([1, 2]))).code).toBe('shape');
  });
});
