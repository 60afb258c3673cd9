// Resizing against figures of Keras 3.15 (TensorFlow) and Pillow 13, its gradient, and what it refuses.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { resizeImage } from '../../src/data/resize.js';
import { interpret } from '../../src/graph/interpret.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { ops } from '../../src/vision/index.js';
import type { ResizeOptions } from '../../src/vision/resize.js';
import { evaluate } from '../nn/golden.js';

const SOURCE = tensor(
  Float32Array.from({ length: 15 }, (_, i) => (i * 37) % 101),
  { shape: [1, 3, 5, 1] },
);
const BYTES = Uint8Array.from({ length: 20 }, (_, i) => (i * 97) % 256);
const round = (values: ArrayLike<number>): number[] => Array.from(values, (value) => Math.round(value * 1e4) / 1e4);
const valuesOf = async (x: Tensor): Promise<number[]> => Array.from((await evaluate([x]))[0] as ArrayLike<number>);

/** `keras.ops.image.resize` of the source to [4,3]. */
const KERAS: readonly (readonly [ResizeOptions, readonly number[]])[] = [
  [
    { interpolation: 'lanczos3' },
    [2.0859, 74.8252, 30.2941, 42.8023, 66.4288, 44.6181, 65.4637, 47.5712, 44.968, 44.9276, 39.1748, 30.9556],
  ],
  [
    { interpolation: 'lanczos5' },
    [-0.9596, 74.2968, 29.1055, 41.8645, 67.499, 43.5248, 69.8833, 46.501, 43.4853, 45.2007, 39.7032, 29.0404],
  ],
  [
    { interpolation: 'lanczos3', antialias: true },
    [14.4425, 52.4042, 27.03, 40.3121, 57.7416, 50.6313, 50.4223, 50.4944, 58.824, 33.556, 38.7032, 42.5184],
  ],
  [
    { interpolation: 'bicubic' },
    [5.9854, 74.8881, 33.8553, 45.3196, 64.5379, 44.7603, 62.6894, 49.4621, 43.5649, 47.2054, 39.1119, 31.0185],
  ],
  [
    { interpolation: 'bicubic', antialias: true },
    [14.1659, 52.6442, 29.3341, 41.7975, 56.6476, 49.5804, 51.5252, 50.9452, 54.4851, 37.2504, 39.1119, 40.9735],
  ],
  [
    { interpolation: 'bilinear', antialias: true },
    [15.8571, 51.5556, 31.1429, 41.3036, 54.9583, 47.5714, 50.1964, 50.625, 51.0536, 39.5714, 40, 40.4286],
  ],
  [{ interpolation: 'area' }, [14.8, 53.8, 32.2, 43.8667, 55.9333, 47.8, 52.7333, 51.3333, 49.9333, 41.4, 40, 38.6]],
  [{ interpolation: 'nearest' }, [0, 74, 47, 84, 57, 30, 84, 57, 30, 67, 40, 13]],
  [{ cropToAspectRatio: true }, [37, 55.5, 74, 26.375, 44.875, 63.375, 13.625, 32.125, 50.625, 3, 21.5, 40]],
  [
    { padToAspectRatio: true, fillValue: 50 },
    [45.2917, 53, 48.0833, 31.2083, 67.625, 40.9167, 52.0417, 46.375, 40.7083, 49.4583, 48.75, 48.0417],
  ],
];

/** Pillow's resize of the bytes as a picture of 5 rows and 4 columns to [4,3]. */
const PILLOW = {
  nearest: [0, 194, 35, 132, 70, 167, 140, 78, 175, 16, 210, 51],
  box: [0, 146, 35, 70, 152, 105, 140, 158, 175, 16, 162, 51],
  bilinear: [62, 147, 97, 109, 152, 118, 114, 156, 123, 76, 161, 111],
  hamming: [27, 146, 68, 106, 151, 124, 111, 157, 129, 43, 162, 83],
  bicubic: [53, 153, 93, 107, 155, 115, 113, 160, 120, 68, 168, 107],
  lanczos: [59, 158, 95, 105, 158, 110, 110, 164, 115, 74, 173, 110],
  mks2013: [49, 156, 92, 107, 156, 112, 113, 162, 117, 65, 172, 107],
  mks2021: [53, 155, 91, 106, 156, 111, 111, 162, 116, 68, 170, 106],
} as const;

describe('resize', () => {
  it.each(KERAS)('is Keras with %j', async (options, want) => {
    expect(round(await valuesOf(ops.resize(SOURCE, [4, 3], options)))).toEqual(want);
  });

  it.each(Object.entries(PILLOW))('is Pillow by %s', async (name, want) => {
    const picture = tensor(BYTES, { shape: [5, 4, 1] });
    const made = ops.resize(picture, [4, 3], { like: 'pil', interpolation: name as keyof typeof PILLOW });
    expect(made.dtype).toBe('uint8');
    expect(await valuesOf(made)).toEqual(want);
  });

  it('makes rows before columns where Pillow does', async () => {
    const picture = tensor(BYTES, { shape: [5, 4, 1] });
    const made = ops.resize(picture, [3, 7], { like: 'pil', interpolation: 'lanczos' });
    const rows = [
      [41, 80, 142, 169, 140, 103, 80],
      [66, 111, 171, 170, 127, 114, 114],
      [54, 93, 155, 182, 153, 116, 93],
    ];
    expect(await valuesOf(made)).toEqual(rows.flat());
  });

  it('keeps integers, rounded, and takes channels first', async () => {
    const bytes = tensor(
      Uint8Array.from({ length: 15 }, (_, i) => 2 * ((i * 37) % 101)),
      { shape: [3, 5, 1] },
    );
    const made = ops.resize(bytes, [4, 3], { interpolation: 'lanczos3' });
    expect(await valuesOf(made)).toEqual([4, 150, 61, 86, 133, 89, 131, 95, 90, 90, 78, 62]);
    const two = tensor(
      Float32Array.from({ length: 24 }, (_, i) => (i * i) % 17),
      { shape: [2, 3, 4] },
    );
    const last = ops.resize(ops.resize(two, [5, 2], { dataFormat: 'channelsFirst' }), [5, 2], {
      dataFormat: 'channelsFirst',
    });
    expect(last.shape).toEqual([2, 5, 2]);
  });

  it('computes alike for few and for many channels', async () => {
    const one = Float32Array.from({ length: 35 }, (_, i) => (i * 13) % 31);
    const many = Float32Array.from({ length: 35 * 20 }, (_, i) => one[Math.floor(i / 20)] as number);
    const size = [9, 3] as const;
    const thin = await valuesOf(ops.resize(tensor(one, { shape: [5, 7, 1] }), size, { interpolation: 'bicubic' }));
    const thick = await valuesOf(ops.resize(tensor(many, { shape: [5, 7, 20] }), size, { interpolation: 'bicubic' }));
    thick.forEach((value, i) => {
      expect(value).toBeCloseTo(thin[Math.floor(i / 20)] as number, 10);
    });
  });

  it('is the same for arrays on the host', async () => {
    const data = Float32Array.from({ length: 42 }, (_, i) => (i * 29) % 83);
    const host = resizeImage({ data, shape: [6, 7, 1], dtype: 'float32' }, [4, 9], { method: 'lanczos' });
    const made = ops.resize(tensor(data, { shape: [6, 7, 1] }), [4, 9], { like: 'pil', interpolation: 'lanczos' });
    (await valuesOf(made)).forEach((value, i) => {
      expect(value).toBeCloseTo(host.data[i] as number, 4);
    });
  });

  it.each(['bicubic', 'nearest', 'area'] as const)('has the adjoint of %s as its gradient', (interpolation) => {
    const x = tensor(
      Float32Array.from({ length: 70 }, (_, i) => Math.sin(i)),
      { shape: [1, 5, 7, 2] },
    );
    const dy = tensor(
      Float32Array.from({ length: 48 }, (_, i) => Math.cos(3 * i)),
      { shape: [1, 8, 3, 2] },
    );
    const y = ops.resize(x, [8, 3], { interpolation });
    const [dx] = gradients(sum(multiply(y, dy)), [x]);
    const [forward, backward] = interpret([sum(multiply(y, dy)), sum(multiply(x, dx as Tensor))]);
    expect(forward?.data[0]).toBeCloseTo(backward?.data[0] as number, 5);
  });

  it('refuses what it cannot do', () => {
    const refusal = (size: readonly [number, number], options: object): string => {
      try {
        ops.resize(SOURCE, size, options as ResizeOptions);
      } catch (error) {
        return (error as Error).message.split('\n')[0] as string;
      }
      return 'it did not fail';
    };
    expect(refusal([0, 3], {})).toBe('resize: size must be two whole numbers from 1, height and width; got [0,3].');
    expect(refusal([2, 3], { interpolation: 'box' })).toMatch(/^resize: interpolation must be 'nearest' or 'bilinear'/);
    expect(refusal([2, 3], { like: 'pil', interpolation: 'area' })).toMatch(
      /^resize: interpolation must be 'nearest' or 'box'/,
    );
    expect(refusal([2, 3], { cropToAspectRatio: true, padToAspectRatio: true })).toBe(
      'resize: only one of cropToAspectRatio and padToAspectRatio can be true.',
    );
    expect(refusal([2, 3], { fillMode: 'reflect' })).toBe('resize: fillMode must be \'constant\'; got "reflect".');
  });
});

describe('scaleAndTranslate', () => {
  it('moves by whole pixels and has gradients of scale and translation', () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const [scale, translation] = [tensor([1, 1]), tensor([0, 1])];
    const options = { outputShape: [2, 4], spatialDims: [0, 1], method: 'linear' } as const;
    const y = ops.scaleAndTranslate(x, scale, translation, options);
    expect([...(interpret([y])[0]?.data ?? [])]).toEqual([0, 1, 2, 3, 0, 4, 5, 6]);
    const moved = (shift: number): number => {
      const made = ops.scaleAndTranslate(x, tensor([1, 0.9]), tensor([0, shift]), { ...options, antialias: false });
      return interpret([sum(multiply(made, made))])[0]?.data[0] as number;
    };
    const shift = tensor([0, 0.3]);
    const made = ops.scaleAndTranslate(x, tensor([1, 0.9]), shift, { ...options, antialias: false });
    const [slope] = gradients(sum(multiply(made, made)), [shift]);
    const difference = (moved(0.301) - moved(0.299)) / 0.002;
    expect(interpret([slope as Tensor])[0]?.data[1]).toBeCloseTo(difference, 1);
  });

  it('refuses shapes that do not fit', () => {
    const x = tensor([[1, 2]]);
    const options = { outputShape: [2, 2], spatialDims: [1], method: 'cubic' } as const;
    expect(() => ops.scaleAndTranslate(x, tensor([1]), tensor([0]), options)).toThrow(
      'scaleAndTranslate: outputShape [2,2] may differ from images [1,2] along spatialDims [1] alone.',
    );
    expect(() => ops.scaleAndTranslate(x, tensor([1, 1]), tensor([0]), { ...options, outputShape: [1, 3] })).toThrow(
      'scaleAndTranslate: scale must have one number for each of 1 spatialDims; got [2].',
    );
  });
});
