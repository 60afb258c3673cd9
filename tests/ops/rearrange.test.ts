// Joining, padding, gathering, selecting and creating, by values worked out by hand.
import { describe, expect, test } from 'vitest';
import { grad, gradients } from '../../src/compile/autodiff.js';
import { type NestedArray, type Tensor, tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { messageOf, nestedOf, valuesOf } from './numeric.js';

const int = (values: NestedArray): Tensor => tensor(values, { dtype: 'int32' });

describe('concat, stack, split', () => {
  const a = tensor([[1, 2]]);
  const b = tensor([
    [3, 4],
    [5, 6],
  ]);

  test('along an axis', () => {
    expect(nestedOf(ops.concat([a, b]))).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(nestedOf(ops.concat([b, ops.transpose(b)], -1))).toEqual([
      [3, 4, 3, 5],
      [5, 6, 4, 6],
    ]);
    expect(nestedOf(ops.stack([tensor([1, 2]), tensor([3, 4])], 1))).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  test('the widest dtype wins', () => {
    expect(ops.concat([int([1]), tensor([0.5])]).dtype).toBe('float32');
  });

  test('split undoes concat, unstack undoes stack', () => {
    expect(ops.split(tensor([[1, 2, 3]]), [1, 2], 1).map(nestedOf)).toEqual([[[1]], [[2, 3]]]);
    expect(ops.unstack(b).map(nestedOf)).toEqual([
      [3, 4],
      [5, 6],
    ]);
    expect(ops.split(b, 2, 1).map(nestedOf)).toEqual([
      [[3], [5]],
      [[4], [6]],
    ]);
  });

  test('errors', () => {
    expect(messageOf(() => ops.concat([ops.zeros([2, 3]), ops.zeros([2, 4])], 0))).toBe(
      'concat: shapes [2,3], [2,4] do not fit along axis 0.\n  All sizes but that of the axis must be equal.',
    );
    expect(messageOf(() => ops.split(ops.zeros([5, 2]), 2))).toBe(
      'split: axis 0 of [5,2] has size 5 and does not split into 2 equal parts.',
    );
    expect(messageOf(() => ops.concat([]))).toBe('concat: needs at least one tensor; got none.');
  });
});

describe('pad, tile, repeat', () => {
  const x = tensor([1, 2, 3]);

  test('pad', () => {
    expect(nestedOf(ops.pad(x, [[1, 2]], { value: 9 }))).toEqual([9, 1, 2, 3, 9, 9]);
    expect(nestedOf(ops.pad(x, [[0, 1]], { gaps: [1] }))).toEqual([1, 0, 2, 0, 3, 0]);
    expect(nestedOf(ops.pad(x, [[2, 1]], { mode: 'reflect' }))).toEqual([3, 2, 1, 2, 3, 2]);
    expect(nestedOf(ops.pad(x, [[2, 1]], { mode: 'symmetric' }))).toEqual([2, 1, 1, 2, 3, 3]);
  });

  test('what a mirror shows twice collects two gradients', () => {
    const slope = grad((each) =>
      ops.sum(ops.multiply(ops.pad(each, [[2, 1]], { mode: 'reflect' }), tensor([1, 2, 4, 8, 16, 32]))),
    );
    expect(nestedOf(slope(x))).toEqual([4, 2 + 8 + 32, 1 + 16]);
  });

  test('the gradient of a slice with steps puts gaps', () => {
    const slope = grad((each) => ops.sum(ops.multiply(ops.slice(each, [1], [2], [2]), tensor([5, 7]))));
    expect(nestedOf(slope(tensor([0, 0, 0, 0, 0])))).toEqual([0, 5, 0, 7, 0]);
    const back = grad((each) => ops.sum(ops.multiply(ops.slice(each, [4], [2], [-2]), tensor([5, 7]))));
    expect(nestedOf(back(tensor([0, 0, 0, 0, 0])))).toEqual([0, 0, 7, 0, 5]);
  });

  test('tile and repeat', () => {
    expect(nestedOf(ops.tile(tensor([[1, 2]]), [2, 2]))).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ]);
    expect(ops.tile(x, [2, 1]).shape).toEqual([2, 3]);
    expect(nestedOf(ops.tile(x, [2]))).toEqual([1, 2, 3, 1, 2, 3]);
    expect(nestedOf(ops.repeat(x, 2))).toEqual([1, 1, 2, 2, 3, 3]);
    expect(
      nestedOf(grad((each) => ops.sum(ops.multiply(ops.tile(each, [2]), tensor([1, 2, 3, 10, 20, 30]))))(x)),
    ).toEqual([11, 22, 33]);
  });

  test('errors', () => {
    expect(messageOf(() => ops.pad(x, [[3, 0]], { mode: 'reflect' }))).toBe(
      'pad: axis 0 of [3] cannot be padded by 3 and 0 in mode reflect.\n  Mirroring gives at most one less than the size of the axis.',
    );
    expect(messageOf(() => ops.pad(x, [[-1, 0]]))).toBe(
      'pad: paddings [[-1,0]] with gaps [0] do not fit [3].\n  Give [before, after] for every axis, whole numbers of at least 0.',
    );
    expect(messageOf(() => ops.repeat(x, 1.5))).toBe('repeat: counts must be whole numbers of at least 0; got 1.5.');
  });
});

describe('gather and its kin', () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  test('gather takes rows, columns and shapes of indices; outside is 0', () => {
    expect(nestedOf(ops.gather(x, [1, -1, 0]))).toEqual([
      [4, 5, 6],
      [0, 0, 0],
      [1, 2, 3],
    ]);
    expect(nestedOf(ops.gather(x, int([[2, 0]]), 1))).toEqual([[[3, 1]], [[6, 4]]]);
    expect(nestedOf(ops.gather(x, int(1), -1))).toEqual([2, 5]);
  });

  test('scatterAdd adds what meets', () => {
    expect(nestedOf(ops.scatterAdd([1, 2, 4, 8], [0, 2, 0, 5], 3))).toEqual([5, 0, 2]);
    expect(nestedOf(ops.scatterAdd(x, [1, 1, 0], 4, -1))).toEqual([
      [3, 3, 0, 0],
      [6, 9, 0, 0],
    ]);
  });

  test('takeAlongAxis takes within each row, and its gradient goes back there', () => {
    expect(nestedOf(ops.takeAlongAxis(x, [[2], [0]]))).toEqual([[3], [4]]);
    expect(nestedOf(ops.takeAlongAxis(x, [[1, 0, 9]], 0))).toEqual([[4, 2, 0]]);
    const slope = grad((each) =>
      ops.sum(
        ops.multiply(
          ops.takeAlongAxis(each, [
            [2, 2],
            [0, 1],
          ]),
          tensor([
            [1, 10],
            [3, 4],
          ]),
        ),
      ),
    );
    expect(nestedOf(slope(x))).toEqual([
      [0, 0, 11],
      [3, 4, 0],
    ]);
  });

  test('oneHot', () => {
    expect(nestedOf(ops.oneHot(tensor([2, 0], { dtype: 'uint8' }), 3))).toEqual([
      [0, 0, 1],
      [1, 0, 0],
    ]);
    expect([...valuesOf(ops.oneHot(int([1, -1]), 2, { onValue: 0.9, offValue: 0.05 }))]).toEqual([
      0.05, 0.9, 0.05, 0.05,
    ]);
    expect(ops.oneHot(int([1]), 2, { dtype: 'int32' }).dtype).toBe('int32');
  });

  test('errors', () => {
    expect(messageOf(() => ops.gather(x, tensor([0.5])))).toBe(
      'gather: indices must be int32; got float32.\n  Cast them with fovea.cast.',
    );
    expect(messageOf(() => ops.takeAlongAxis(x, [[1]]))).toBe(
      'takeAlongAxis: indices [1,1] do not fit x [2,3] along axis 1.\n  All sizes but that of the axis must be equal.',
    );
    expect(messageOf(() => ops.scatterAdd(int([1]), [0], 2))).toBe(
      'scatterAdd: is not defined for int32; it takes floats.\n  Cast the values with fovea.cast.',
    );
  });
});

describe('selecting', () => {
  test('topK: descending, the first of equals first', () => {
    const { values, indices } = ops.topK([[1, 5, 3, 5]], 3);
    expect(nestedOf(values)).toEqual([[5, 5, 3]]);
    expect(nestedOf(indices)).toEqual([[1, 3, 2]]);
  });

  test('the gradient of topK goes to what was taken', () => {
    const slope = grad((x) => ops.sum(ops.multiply(ops.topK(x, 2).values, tensor([10, 1]))));
    expect(
      nestedOf(
        slope(
          tensor([
            [1, 5, 3],
            [7, 8, 9],
          ]),
        ),
      ),
    ).toEqual([
      [0, 10, 1],
      [0, 1, 10],
    ]);
  });

  test('topK of large integers gives them whole', () => {
    const { values } = ops.topK(int([16777217, 3]), 1);
    expect([values.dtype, nestedOf(values)]).toEqual(['int32', [16777217]]);
  });

  test('sorting along any axis', () => {
    const x = tensor([
      [3, 1],
      [2, 2],
      [1, 3],
    ]);
    expect(nestedOf(ops.sort(x))).toEqual([
      [1, 3],
      [2, 2],
      [1, 3],
    ]);
    expect(nestedOf(ops.sort(x, { axis: 0, direction: 'descending' }))).toEqual([
      [3, 3],
      [2, 2],
      [1, 1],
    ]);
    expect(nestedOf(ops.argSort(tensor([2, 1, 2, 0])))).toEqual([3, 1, 0, 2]);
    expect(
      nestedOf(grad((each) => ops.sum(ops.multiply(ops.sort(each), tensor([1, 2, 4]))))(tensor([9, 7, 8]))),
    ).toEqual([4, 1, 2]);
  });

  test('nonZero: coordinates, then -1; the count is true beyond the bound', () => {
    const { indices, count } = ops.nonZero(
      tensor([
        [0, 1],
        [1, 1],
      ]),
      { bound: 4 },
    );
    expect(nestedOf(indices)).toEqual([
      [0, 1],
      [1, 0],
      [1, 1],
      [-1, -1],
    ]);
    expect(nestedOf(count)).toEqual([3]);
    const few = ops.nonZero(tensor([1, 1, 1]), { bound: 2 });
    expect([nestedOf(few.indices), nestedOf(few.count)]).toEqual([[[0], [1]], [3]]);
  });

  test('booleanMask keeps slices in order, then zeros', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const { values, count } = ops.booleanMask(x, tensor([true, false, true]));
    expect([nestedOf(values), nestedOf(count)]).toEqual([
      [
        [1, 2],
        [5, 6],
        [0, 0],
      ],
      [2],
    ]);
    const single = ops.booleanMask(x, ops.greater(x, 2), { bound: 2 });
    expect([nestedOf(single.values), nestedOf(single.count)]).toEqual([[3, 4], [4]]);
    const slope = grad((each) => ops.sum(ops.booleanMask(each, tensor([true, false, true])).values));
    expect(nestedOf(slope(x))).toEqual([
      [1, 1],
      [0, 0],
      [1, 1],
    ]);
  });

  test('errors', () => {
    expect(messageOf(() => ops.topK([1, 2], 3))).toBe(
      'topK: cannot take 3 of the last axis of [2].\n  k must be a whole number from 1 to the size of the last axis.',
    );
    expect(messageOf(() => ops.booleanMask(ops.zeros([3, 2]), ops.zeros([2])))).toBe(
      'booleanMask: mask [2] does not cover the leading axes of [3,2].',
    );
    expect(messageOf(() => ops.nonZero(tensor(3)))).toBe('nonZero: a scalar has no coordinates.');
  });
});

describe('creating', () => {
  test('constants', () => {
    expect(nestedOf(ops.full([2, 2], 7, { dtype: 'int32' }))).toEqual([
      [7, 7],
      [7, 7],
    ]);
    expect(ops.onesLike(int([1, 2])).dtype).toBe('int32');
    expect(nestedOf(ops.eye(2, 3))).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });

  test('range', () => {
    expect(nestedOf(ops.range(3))).toEqual([0, 1, 2]);
    expect(nestedOf(ops.range(5, 0, -2))).toEqual([5, 3, 1]);
    expect(nestedOf(ops.range(0, 1, 0.25))).toEqual([0, 0.25, 0.5, 0.75]);
    expect(ops.range(3, 1).shape).toEqual([0]);
    expect([ops.range(2).dtype, ops.range(0, 1, 0.5).dtype, ops.range(2, { dtype: 'float32' }).dtype]).toEqual([
      'int32',
      'float32',
      'float32',
    ]);
    expect(messageOf(() => ops.range(0, 3, 0))).toBe(
      'range: 0 to 3 in steps of 0 has no end.\n  Give finite bounds and a step that is not 0.',
    );
  });

  test('linspace meets both ends', () => {
    expect(nestedOf(ops.linspace(-1, 1, 5))).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect(valuesOf(ops.linspace(0.1, 0.7, 7))[6]).toBe(0.7);
  });
});

describe('random', () => {
  const key = ops.randomKey(42);

  test('a key and a stream say everything', () => {
    const draw = (seed: number, stream: number): number[] => [
      ...valuesOf(ops.randomUniform([5], ops.randomKey(seed), { stream })),
    ];
    expect(draw(1, 0)).toEqual(draw(1, 0));
    expect(draw(1, 0)).not.toEqual(draw(1, 1));
    expect(draw(1, 0)).not.toEqual(draw(2, 0));
    expect([...valuesOf(ops.randomBits([3], ops.randomKey(1, 5)))]).not.toEqual([
      ...valuesOf(ops.randomBits([3], ops.randomKey(1, 6))),
    ]);
  });

  test('means and deviations', () => {
    const statistics = (data: Float64Array): [number, number] => {
      const mean = data.reduce((total, value) => total + value, 0) / data.length;
      return [mean, Math.sqrt(data.reduce((total, value) => total + (value - mean) ** 2, 0) / data.length)];
    };
    const [mean, deviation] = statistics(valuesOf(ops.randomNormal([20000], key, { mean: 3, stddev: 2 })));
    // Four standard errors of 20000 draws.
    expect(Math.abs(mean - 3)).toBeLessThan((4 * 2) / Math.sqrt(20000));
    expect(Math.abs(deviation - 2)).toBeLessThan((4 * 2) / Math.sqrt(40000));
    const [middle, width] = statistics(valuesOf(ops.randomUniform([20000], key, { low: -1, high: 3 })));
    expect(Math.abs(middle - 1)).toBeLessThan((4 * 4) / Math.sqrt(12 * 20000));
    expect(width).toBeCloseTo(4 / Math.sqrt(12), 1);
  });

  test('dropout drops, scales the rest, and treats its gradient the same', () => {
    const x = ops.range(1, 2001, 1, { dtype: 'float32' });
    const y = valuesOf(ops.dropout(x, 0.25, key));
    const kept = y.filter((value) => value !== 0).length;
    expect(Math.abs(kept - 1500)).toBeLessThan(4 * Math.sqrt(2000 * 0.25 * 0.75));
    const slope = valuesOf(gradients(ops.sum(ops.dropout(x, 0.25, key)), [x])[0] as Tensor);
    y.forEach((value, i) => {
      if (value !== 0) expect(value).toBeCloseTo((i + 1) / 0.75, 9);
      expect(slope[i]).toBeCloseTo(value / (i + 1), 9);
    });
  });

  test('dropout can be differentiated twice', () => {
    // f = sum(d(x)^2) / 2 with a mask m of 0 and 2: f' = m^2 x, and the slope of sum(f'^2) / 2 is m^4 x.
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]);
    const mask = valuesOf(ops.dropout(ops.ones([8]), 0.5, key));
    const inner = grad((each) => ops.multiply(ops.sum(ops.square(ops.dropout(each, 0.5, key))), 0.5));
    const outer = grad((each) => ops.multiply(ops.sum(ops.square(inner(each))), 0.5));
    expect(mask.some((m) => m === 0) && mask.some((m) => m === 2)).toBe(true);
    expect([...valuesOf(outer(x))]).toEqual([...mask].map((m, i) => m ** 4 * (i + 1)));
  });

  test('whole channels share a mask', () => {
    const y = nestedOf(ops.dropout(ops.ones([4, 3, 8]), 0.5, key, { noiseShape: [4, 1, 8] })) as number[][][];
    for (const rows of y) expect(rows[1]).toEqual(rows[0]);
    expect(new Set(y.flat(2))).toEqual(new Set([0, 2]));
  });

  test('rates', () => {
    const x = ops.ones([3]);
    expect(ops.dropout(x, 0, key)).toBe(x);
    expect(messageOf(() => ops.dropout(x, 1, key))).toBe('dropout: rate must be at least 0 and less than 1; got 1.');
    expect(messageOf(() => ops.dropout(x, 0.5, [1, 2]))).toBe(
      'dropout: the key must be int32 [4]; got int32 [2].\n  Make one with fovea.randomKey(seed).',
    );
  });
});
