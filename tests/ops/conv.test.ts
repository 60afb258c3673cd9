// Convolution: against loops written out, its adjoints, sizes, variants and messages.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { ANY_TARGET, type TensorType } from '../../src/graph/op.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { multiply } from '../../src/ops/arithmetic.js';
import { type Conv2dOptions, conv2d, convOps } from '../../src/ops/conv.js';
import { conv1d, conv2dTranspose, depthwiseConv2d, separableConv2d } from '../../src/ops/conv-variants.js';
import { ones, zeros } from '../../src/ops/create.js';
import { matmul } from '../../src/ops/matmul.js';
import { sum } from '../../src/ops/reduce.js';
import { reshape, transpose } from '../../src/ops/shape.js';
import { square } from '../../src/ops/unary.js';
import type { Pair } from '../../src/ops/window.js';
import { dot, expectGradient, messageOf, nestedOf, randomTensor, SEED, seeded, valuesOf, whole } from './numeric.js';

/** The course's formula over a picture that was padded first: another way than the op's own reference. */
function byHand(x: Tensor, filter: Tensor, options: Required<Omit<Conv2dOptions, 'dataFormat'>>): Float64Array {
  const [n, h, w, cin] = x.shape as [number, number, number, number];
  const [kh, kw, groupIn, cout] = filter.shape as [number, number, number, number];
  const [[top, bottom], [left, right]] = options.padding as [Pair, Pair];
  const [strides, dilation] = [options.strides as Pair, options.dilationRate as Pair];
  const [ph, pw] = [h + top + bottom, w + left + right];
  const source = valuesOf(x);
  const taps = valuesOf(filter);
  const padded = new Float64Array(n * ph * pw * cin);
  for (let i = 0; i < source.length; i++) {
    const c = i % cin;
    const column = Math.floor(i / cin) % w;
    const row = Math.floor(i / (cin * w)) % h;
    const image = Math.floor(i / (cin * w * h));
    padded[((image * ph + row + top) * pw + column + left) * cin + c] = source[i] as number;
  }
  const oh = Math.floor((ph - (kh - 1) * dilation[0] - 1) / strides[0]) + 1;
  const ow = Math.floor((pw - (kw - 1) * dilation[1] - 1) / strides[1]) + 1;
  const out: number[] = [];
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        for (let k = 0; k < cout; k++) {
          const first = Math.floor((k * options.groups) / cout) * groupIn;
          let z = 0;
          for (let u = 0; u < kh; u++) {
            for (let v = 0; v < kw; v++) {
              for (let c = 0; c < groupIn; c++) {
                const row = i * strides[0] + u * dilation[0];
                const column = j * strides[1] + v * dilation[1];
                const value = padded[((image * ph + row) * pw + column) * cin + first + c] as number;
                z += value * (taps[((u * kw + v) * groupIn + c) * cout + k] as number);
              }
            }
          }
          out.push(z);
        }
      }
    }
  }
  return Float64Array.from(out);
}

/** A convolution of random shape that fits. */
function randomConv(next: () => number) {
  const groups = whole(next, 1, 3);
  const dilationRate: Pair = [whole(next, 1, 3), whole(next, 1, 2)];
  const kernel: Pair = [whole(next, 1, 4), whole(next, 1, 4)];
  const padding: [Pair, Pair] = [
    [whole(next, 0, 2), whole(next, 0, 3)],
    [whole(next, 0, 3), whole(next, 0, 2)],
  ];
  const room = (axis: 0 | 1): number =>
    Math.max(1, (kernel[axis] - 1) * dilationRate[axis] + 1 - padding[axis][0] - padding[axis][1]);
  const size: Pair = [room(0) + whole(next, 0, 5), room(1) + whole(next, 0, 5)];
  const groupIn = whole(next, 1, 3);
  const x = randomTensor(next, [whole(next, 1, 2), ...size, groupIn * groups]);
  const filter = randomTensor(next, [...kernel, groupIn, groups * whole(next, 1, 3)]);
  return {
    x,
    filter,
    options: { strides: [whole(next, 1, 3), whole(next, 1, 3)] as Pair, padding, dilationRate, groups },
  };
}

describe(`conv2d on random geometry, seed ${SEED}`, () => {
  it('equals the formula written out', () => {
    const next = seeded(SEED);
    for (let round = 0; round < 60; round++) {
      const { x, filter, options } = randomConv(next);
      const got = valuesOf(conv2d(x, filter, options));
      const want = byHand(x, filter, options);
      expect(got.length, JSON.stringify({ round, x: x.shape, filter: filter.shape, options })).toBe(want.length);
      got.forEach((value, i) => {
        expect(value, JSON.stringify({ round, x: x.shape, filter: filter.shape, options })).toBeCloseTo(
          want[i] as number,
          10,
        );
      });
    }
  });

  it('has dx and dFilter adjoint to it', () => {
    const next = seeded(SEED + 1);
    for (let round = 0; round < 40; round++) {
      const { x, filter, options } = randomConv(next);
      const y = conv2d(x, filter, options);
      const dy = randomTensor(next, y.shape);
      const [dx, dFilter] = gradients(y, [x, filter], dy) as [Tensor, Tensor];
      expect([dx.shape, dFilter.shape]).toEqual([x.shape, filter.shape]);
      const product = dot(valuesOf(y), valuesOf(dy));
      expect(dot(valuesOf(x), valuesOf(dx))).toBeCloseTo(product, 9);
      expect(dot(valuesOf(filter), valuesOf(dFilter))).toBeCloseTo(product, 9);
    }
  });

  it('is linear in x', () => {
    const next = seeded(SEED + 2);
    const { x, filter, options } = randomConv(next);
    const other = randomTensor(next, x.shape);
    const both = valuesOf(
      conv2d(
        tensor(
          valuesOf(x).map((value, i) => value + (valuesOf(other)[i] as number)),
          { shape: x.shape },
        ),
        filter,
        options,
      ),
    );
    const [a, b] = [valuesOf(conv2d(x, filter, options)), valuesOf(conv2d(other, filter, options))];
    // The sum of two float32 numbers was rounded to float32.
    for (let i = 0; i < both.length; i++) expect(both[i]).toBeCloseTo((a[i] as number) + (b[i] as number), 5);
  });

  it('has first and second derivatives that central differences agree with', () => {
    const next = seeded(SEED + 3);
    for (let round = 0; round < 6; round++) {
      const { x, filter, options } = randomConv(next);
      const loss = (...xs: Tensor[]): Tensor => sum(square(conv2d(xs[0] as Tensor, xs[1] as Tensor, options)));
      expectGradient(loss, [x, filter], next);
      expectGradient(
        (...xs) =>
          gradients(loss(...xs), xs)
            .map((slope) => sum(square(slope)))
            .reduce((a, b) => multiply(a, b)),
        [x, filter],
        next,
      );
    }
  });
});

describe('conv2d', () => {
  it('keeps ceil(size / stride) outputs with same padding, the odd zero after', () => {
    for (const [size, kernel, stride] of [
      [28, 5, 2],
      [11, 6, 4],
      [13, 6, 5],
      [7, 3, 1],
      [1, 4, 3],
    ] as const) {
      const y = conv2d(zeros([1, size, size, 1]), zeros([kernel, kernel, 1, 1]), { padding: 'same', strides: stride });
      expect(y.shape).toEqual([1, Math.ceil(size / stride), Math.ceil(size / stride), 1]);
    }
    // One zero is missing for an even filter: the last output sees it.
    const ends = conv2d(ones([1, 1, 3, 1]), ones([1, 2, 1, 1]), { padding: 'same' });
    expect(nestedOf(ends)).toEqual([[[[2], [2], [1]]]]);
  });

  it.each([
    [7, 3, 0, 2, 3],
    [4, 3, 1, 1, 4],
    [28, 5, 2, 2, 14],
    [32, 5, 2, 2, 16],
    [11, 3, 0, 1, 9],
    [11, 3, 0, 2, 5],
  ])('gives floor((n + 2p - f) / s) + 1 of n %i, f %i, p %i, s %i: %i', (n, f, p, s, want) => {
    const y = conv2d(zeros([1, n, n, 1]), zeros([f, f, 1, 1]), { padding: p, strides: s });
    expect(y.shape).toEqual([1, want, want, 1]);
  });

  it('takes channels first', () => {
    const next = seeded(SEED + 4);
    const x = randomTensor(next, [2, 5, 6, 3]);
    const filter = randomTensor(next, [3, 3, 3, 4]);
    const first = conv2d(transpose(x, [0, 3, 1, 2]), filter, { dataFormat: 'channelsFirst', padding: 'same' });
    expect(first.shape).toEqual([2, 4, 5, 6]);
    expect(nestedOf(transpose(first, [0, 2, 3, 1]))).toEqual(nestedOf(conv2d(x, filter, { padding: 'same' })));
  });

  it('with a 1x1 filter is a dense layer on every pixel', () => {
    const next = seeded(SEED + 5);
    const x = randomTensor(next, [1, 3, 4, 5]);
    const filter = randomTensor(next, [1, 1, 5, 6]);
    const dense = matmul(reshape(x, [12, 5]), reshape(filter, [5, 6]));
    expect(nestedOf(reshape(conv2d(x, filter), [12, 6]))).toEqual(nestedOf(dense));
  });

  it('promotes integers to float32', () => {
    const y = conv2d(tensor(new Uint8Array([1, 2, 3, 4]), { shape: [1, 2, 2, 1] }), ones([2, 2, 1, 1]));
    expect(y.dtype).toBe('float32');
    expect(nestedOf(y)).toEqual([[[[10]]]]);
  });
});

describe('what follows from conv2d', () => {
  it('convolves each channel with its own filters, side by side', () => {
    const x = tensor([[[[2, 3]]]]);
    const y = depthwiseConv2d(
      x,
      tensor([
        [
          [
            [1, 10],
            [100, 1000],
          ],
        ],
      ]),
    );
    expect(nestedOf(y)).toEqual([[[[2, 20, 300, 3000]]]]);
  });

  it('separates depth and space', () => {
    const next = seeded(SEED + 6);
    const x = randomTensor(next, [1, 6, 6, 3]);
    const [depthwise, pointwise] = [randomTensor(next, [3, 3, 3, 1]), randomTensor(next, [1, 1, 3, 5])];
    const y = separableConv2d(x, depthwise, pointwise);
    expect(y.shape).toEqual([1, 4, 4, 5]);
    // The outer product of both filters does the same in one step, at 2160 products instead of 672.
    const whole = multiply(reshape(depthwise, [3, 3, 3, 1]), reshape(pointwise, [1, 1, 3, 5]));
    const want = valuesOf(conv2d(x, whole));
    valuesOf(y).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i] as number, 10);
    });
    const flops = (op: Tensor): number => op.node.op.flops?.(op.node.inputs, op.node.params, op.node.types) as number;
    expect([flops(conv2d(x, whole)) / 2, (flops(y) + flops(y.node.inputs[0] as Tensor)) / 2]).toEqual([2160, 672]);
  });

  it('transposes: the adjoint of the convolution back', () => {
    const next = seeded(SEED + 7);
    for (const [size, kernel, strides, padding, outputPadding, want] of [
      [4, 3, 2, 'same', undefined, 8],
      [4, 3, 2, 'valid', undefined, 9],
      [4, 2, 3, 'valid', undefined, 12],
      [4, 2, 3, 'same', undefined, 12],
      [4, 3, 2, 'same', 0, 7],
      [4, 3, 2, 'same', 1, 8],
      [4, 2, 2, 'same', 0, 6],
      [4, 3, 2, 'valid', 1, 10],
      [5, 4, 2, 1, undefined, 10],
      [3, 1, 1, 'same', undefined, 3],
    ] as const) {
      const x = randomTensor(next, [1, size, size, 2]);
      const filter = randomTensor(next, [kernel, kernel, 3, 2]);
      const y = conv2dTranspose(x, filter, {
        strides,
        padding,
        ...(outputPadding === undefined ? {} : { outputPadding }),
      });
      expect(y.shape).toEqual([1, want, want, 3]);
      const back = gradients(y, [x], randomTensor(next, y.shape))[0] as Tensor;
      expect(back.shape).toEqual(x.shape);
    }
  });

  it('stamps the filter where a single cell is set', () => {
    const x = tensor([[[[0], [2]]]]);
    const y = conv2dTranspose(x, tensor([[[[1]], [[2]], [[3]]]]), { strides: [1, 2] });
    expect(nestedOf(y)).toEqual([[[[0], [0], [2], [4], [6]]]]);
  });

  it('runs along one dimension, causally too', () => {
    const x = tensor([[[1], [2], [3], [4]]]);
    const pair = tensor([[[1]], [[10]]]);
    expect(nestedOf(conv1d(x, pair))).toEqual([[[21], [32], [43]]]);
    expect(nestedOf(conv1d(x, pair, { padding: 'causal' }))).toEqual([[[10], [21], [32], [43]]]);
    expect(nestedOf(conv1d(x, pair, { padding: 'causal', dilationRate: 2 }))).toEqual([[[10], [20], [31], [42]]]);
    expect(nestedOf(conv1d(x, pair, { padding: 'same', strides: 2 }))).toEqual([[[21], [43]]]);
    const first = conv1d(transpose(x, [0, 2, 1]), pair, { dataFormat: 'channelsFirst' });
    expect(nestedOf(first)).toEqual([[[21, 32, 43]]]);
  });
});

it.each(['SAME', 'VALID'] as const)('padding %s in capitals is the same word', (padding) => {
  const small = padding === 'SAME' ? 'same' : 'valid';
  const shapes = (word: typeof padding | typeof small) => [
    conv2d(zeros([1, 5, 7, 2]), zeros([2, 3, 2, 4]), { padding: word, strides: 2 }).shape,
    conv1d(zeros([1, 5, 2]), zeros([2, 2, 4]), { padding: word, strides: 2 }).shape,
    conv2dTranspose(zeros([1, 5, 7, 2]), zeros([3, 3, 4, 2]), { padding: word, strides: 2 }).shape,
  ];
  expect(shapes(padding)).toEqual(shapes(small));
});

describe('convolution messages', () => {
  it.each([
    [
      () => conv2d(zeros([1, 224, 224, 3]), zeros([3, 3, 4, 8])),
      'conv2d: filter expects 4 input channels but x has 3.\n  x=[1,224,224,3] filter=[3,3,4,8] groups=1\n  Give the filter 3 input channels, or change groups.',
    ],
    [
      () => conv2d(zeros([1, 9, 9, 6]), zeros([3, 3, 2, 6]), { groups: 2 }),
      'conv2d: filter expects 4 input channels but x has 6.\n  x=[1,9,9,6] filter=[3,3,2,6] groups=2\n  Give the filter 3 input channels per group, or change groups.',
    ],
    [
      () => conv2d(zeros([1, 9, 9, 6]), zeros([3, 3, 2, 4]), { groups: 3 }),
      "conv2d: 3 groups do not divide the filter's 4 output channels.\n  x=[1,9,9,6] filter=[3,3,2,4] groups=3\n  Input and output channels must be multiples of groups.",
    ],
    [
      () => conv2d(zeros([1, 4, 8, 1]), zeros([3, 3, 1, 1]), { dilationRate: 2 }),
      "conv2d: a filter of 5x5 cells does not fit the padded x of 4x8.\n  x=[1,4,8,1] filter=[3,3,1,1] groups=1\n  Use a smaller filter or padding: 'same'.",
    ],
    [
      () => conv2d(zeros([28, 28, 1]), zeros([3, 3, 1, 1])),
      'conv2d: x must be [n,h,w,channels]; got [28,28,1].\n  Add the missing axis with fovea.expandDims.',
    ],
    [
      () => conv2d(zeros([1, 28, 28, 1]), zeros([3, 3])),
      'conv2d: filter must be [height,width,channels/groups,filters]; got [3,3].',
    ],
    [
      () => conv2d(zeros([1, 5, 5, 1]), ones([2, 2, 1, 1]), { strides: 0 }),
      'conv2d: strides must be whole numbers of at least 1; got 0, 0.',
    ],
    [
      () => conv2d(zeros([1, 5, 5, 1]), ones([2, 2, 1, 1]), { padding: -1 }),
      'conv2d: padding must be whole numbers of at least 0; got -1, -1, -1, -1.',
    ],
    [
      () => conv2d(zeros([1, 5, 5, 1]), ones([2, 2, 1, 1]), { padding: 'full' as 'same' }),
      "conv2d: padding 'full' is unknown.\n  Give 'valid', 'same', a number, or [[top, bottom], [left, right]].",
    ],
    [
      () => conv2dTranspose(zeros([1, 5, 5, 4]), zeros([2, 2, 4, 8])),
      "conv2dTranspose: filter expects 8 input channels but x has 4.\n  x=[1,5,5,4] filter=[2,2,4,8] groups=1\n  The last axis of a transposed convolution's filter holds the channels of x.",
    ],
    [
      () => conv2dTranspose(zeros([1, 5, 5, 4]), zeros([2, 2, 8, 4]), { outputPadding: 1 }),
      'conv2dTranspose: outputPadding 1, 1 must be less than strides 1, 1.',
    ],
    [
      () => depthwiseConv2d(zeros([1, 5, 5, 4]), zeros([2, 2, 4])),
      'depthwiseConv2d: filter must be [height,width,channels,multiplier]; got [2,2,4].',
    ],
    [
      () => depthwiseConv2d(zeros([1, 5, 5, 4]), zeros([2, 2, 3, 1])),
      'depthwiseConv2d: filter has 3 channels but x has 4.\n  x=[1,5,5,4] filter=[2,2,3,1]',
    ],
  ])('case %#', (body, want) => {
    expect(messageOf(body)).toBe(want);
  });
});

describe('the cases of the ops', () => {
  it('are quick enough for the reference', () => {
    for (const op of convOps) {
      for (const { name, inputs, params } of op.cases()) {
        const types = inputs.map(({ shape }): TensorType => ({ shape, dtype: 'float32' }));
        // The three ops differ in their parameters' type, which the union of them hides.
        const { shape, flops } = op as unknown as (typeof convOps)[0];
        const outputs = shape(types, params);
        expect(flops?.(types, params, outputs), `${op.name} ${name}`).toBeLessThanOrEqual(2 * 200_000);
      }
    }
  });

  it('choose the depthwise kernels for one filter per channel, and only there', () => {
    const kernelOf = (x: number[], filter: number[], groups: number): string | undefined => {
      const { node } = conv2d(zeros(x), zeros(filter), { groups });
      const { inputs, types: outputs, params } = node;
      return node.op.kernels?.({ inputs, outputs, params, layouts: [], target: ANY_TARGET, isConstant: [] })[0]?.kernel;
    };
    expect(kernelOf([1, 4, 4, 6], [3, 3, 1, 12], 6)).toBe('depthwiseConv2d');
    expect(kernelOf([1, 4, 4, 6], [3, 3, 2, 12], 3)).toBe('conv2d');
    expect(kernelOf([1, 4, 4, 1], [3, 3, 1, 12], 1)).toBe('conv2d');
  });
});
