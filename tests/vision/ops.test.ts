// Filters, corners, histograms, preprocessing and elastic distortion: small cases by hand; gradients of what can be
// differentiated against differences, in float64.
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import type { Shape } from '../../src/core/shape.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { add, multiply, sum, vision } from '../../src/index.js';
import { evaluate } from '../nn/golden.js';

const { ops, kernels } = vision;

async function values(x: Tensor): Promise<number[]> {
  return Array.from((await evaluate([x]))[0] as ArrayLike<number>);
}

/** Numbers from low to high that look random, the same every time. */
function scattered(shape: Shape, low = 0, high = 1): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const fraction = (i: number): number => Math.abs(Math.sin(12.9898 * (i + 1)) * 43758.5453) % 1;
  return tensor(
    Float32Array.from({ length: size }, (_, i) => low + (high - low) * fraction(i)),
    { shape },
  );
}

function rowsOf(flat: readonly number[], width: number): number[][] {
  return Array.from({ length: flat.length / width }, (_, row) => flat.slice(row * width, (row + 1) * width));
}

describe('filters', () => {
  const corner = tensor([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  const picture = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], { shape: [3, 3, 1] });

  test('slide without turning, each channel by itself', async () => {
    const two = tensor(
      Float32Array.from({ length: 18 }, (_, i) => (i % 2 === 0 ? i / 2 + 1 : 10)),
      { shape: [3, 3, 2] },
    );
    const kernel = [
      [0, 1],
      [2, 0],
    ];
    expect(await values(ops.filter2d(two, kernel, { padding: 'valid' }))).toEqual([10, 30, 13, 30, 19, 30, 22, 30]);
    expect(ops.filter2d(two, corner, { padding: 'valid' }).shape).toEqual([1, 1, 2]);
  });

  test('read zeros, the border, its mirror image or the other side beyond the border', async () => {
    const left = [[1, 0, 0]];
    const at = async (fillMode: vision.ops.FillMode): Promise<number[]> =>
      values(ops.filter2d(picture, left, { fillMode }));
    expect(await at('constant')).toEqual([0, 1, 2, 0, 4, 5, 0, 7, 8]);
    expect(await at('nearest')).toEqual([1, 1, 2, 4, 4, 5, 7, 7, 8]);
    expect(await at('reflect')).toEqual([1, 1, 2, 4, 4, 5, 7, 7, 8]);
    expect(await at('wrap')).toEqual([3, 1, 2, 6, 4, 5, 9, 7, 8]);
    const far = [[1, 0, 0, 0, 0]];
    expect(rowsOf(await values(ops.filter2d(picture, far, { fillMode: 'reflect' })), 3)[0]).toEqual([2, 1, 1]);
  });

  test('leave a flat picture as it is, or make it 0', async () => {
    const flat = tensor(new Float32Array(25).fill(7), { shape: [5, 5, 1] });
    for (const name of Object.keys(kernels) as (keyof typeof kernels)[]) {
      const total = kernels[name].flat().reduce((a: number, b) => a + b, 0);
      const [first, ...rest] = await values(ops.filter2d(flat, name, { padding: 'valid' }));
      expect(first, name).toBeCloseTo(7 * Math.round(total), 5);
      expect(Math.abs(total - Math.round(total)), name).toBeLessThan(1e-12);
      expect(new Set(rest.map((each) => each.toFixed(5))), name).toEqual(new Set([(first as number).toFixed(5)]));
    }
  });

  test('find steps: Sobel and Scharr', async () => {
    const step = tensor(
      Float32Array.from({ length: 16 }, (_, i) => (i % 4 < 2 ? 10 : 0)),
      { shape: [4, 4, 1] },
    );
    expect(await values(ops.filter2d(step, 'sobelX', { padding: 'valid' }))).toEqual([-40, -40, -40, -40]);
    expect(await values(ops.filter2d(step, 'scharrX', { padding: 'valid' }))).toEqual([-160, -160, -160, -160]);
    expect(await values(ops.filter2d(step, 'sobelY', { padding: 'valid' }))).toEqual([0, 0, 0, 0]);
    expect(await values(ops.edgeStrength(step, { padding: 'valid' }))).toEqual([40, 40, 40, 40]);
    expect(await values(ops.filter2d(picture, 'emboss', { padding: 'valid' }))).toEqual([5 - 2 - 2 - 4 + 6 + 8 + 18]);
  });

  test('keep bytes apart from floats, channels first from last', async () => {
    const bytes = tensor(Uint8Array.of(200, 100, 50, 0), { shape: [2, 2, 1] });
    const blurred = ops.filter2d(bytes, [[1, 1]]);
    expect(blurred.dtype).toBe('float32');
    expect(await values(blurred)).toEqual([300, 100, 50, 0]);
    const first = tensor([1, 2, 3, 4, 10, 20, 30, 40], { shape: [2, 2, 2] });
    expect(await values(ops.filter2d(first, [[1, 1]], { dataFormat: 'channelsFirst' }))).toEqual([
      3, 2, 7, 4, 30, 20, 70, 40,
    ]);
  });

  test('are refused where they are none', () => {
    expect(() => ops.filter2d(picture, 'sobel' as 'sobelX')).toThrow(/^filter2d: kernel must be 'identity' or 'edge'/);
    expect(() => ops.filter2d(picture, [1, 2])).toThrow('filter2d: kernel must be [height,width]; got [2].');
    expect(() => ops.gaussianBlur(picture, { sigma: 0 })).toThrow(
      'gaussianBlur: sigma must be numbers above 0; got 0, 0.',
    );
  });

  test('blur in two passes as in one', async () => {
    const x = scattered([2, 6, 7, 2]);
    const [down, across] = [0.8, 1.7];
    const weight = (i: number, sigma: number): number => Math.exp(-0.5 * ((i - 2) / sigma) ** 2);
    const matrix = Array.from({ length: 5 }, (_, i) =>
      Array.from({ length: 5 }, (_, j) => weight(i, down) * weight(j, across)),
    );
    const total = matrix.flat().reduce((a, b) => a + b, 0);
    const want = await values(
      ops.filter2d(
        x,
        matrix.map((row) => row.map((each) => each / total)),
      ),
    );
    const got = await values(ops.gaussianBlur(x, { kernelSize: 5, sigma: [across, down] }));
    got.forEach((each, i) => {
      expect(each).toBeCloseTo(want[i] as number, 5);
    });
  });
});

describe('corners', () => {
  test('of a white square are its four', async () => {
    const inside = (i: number): boolean => i >= 6 && i < 18;
    const square = tensor(
      Float32Array.from({ length: 24 * 24 }, (_, i) => (inside(Math.floor(i / 24)) && inside(i % 24) ? 1 : 0)),
      { shape: [24, 24, 1] },
    );
    const { corners, count } = ops.harrisCorners(square, { bound: 10 });
    expect(await values(count)).toEqual([4]);
    const found = rowsOf(await values(corners), 3);
    expect(found.slice(4)).toEqual(Array.from({ length: 6 }, () => [-1, -1, -1]));
    const expected = [
      [6, 6],
      [6, 17],
      [17, 6],
      [17, 17],
    ];
    found.slice(0, 4).forEach(([picture, row, column], i) => {
      const [y, x] = expected[i] as [number, number];
      expect(picture).toBe(0);
      expect(Math.hypot((row as number) - y, (column as number) - x)).toBeLessThanOrEqual(Math.SQRT2);
    });
    const response = rowsOf(await values(ops.harrisResponse(square)), 24);
    expect(response[12]?.[6]).toBeLessThan(0);
    expect(response[12]?.[12]).toBe(0);
    expect(() => ops.harrisResponse(square, { sigma: 0 })).toThrow('harrisResponse: sigma must be above 0; got 0.');
  });
});

describe('histograms', () => {
  test('count per picture and channel', async () => {
    const bytes = tensor(Uint8Array.of(0, 255, 3, 255, 3, 7, 0, 0), { shape: [2, 2, 2] });
    const counts = ops.histogram(bytes);
    expect(counts.shape).toEqual([2, 256]);
    expect(counts.dtype).toBe('int32');
    const [red, green] = rowsOf(await values(counts), 256) as [number[], number[]];
    expect([red[0], red[3], red[255]]).toEqual([2, 2, 0]);
    expect([green[0], green[7], green[255]]).toEqual([1, 1, 2]);
    const two = ops.histogram(tensor([0, 0.5, 1, 2, -1, 0.25], { shape: [2, 3, 1, 1] }), { bins: 2, range: [0, 1] });
    expect(two.shape).toEqual([2, 1, 2]);
    expect(await values(two)).toEqual([1, 2, 1, 0]);
    expect(() => ops.histogram(bytes, { bins: 0 })).toThrow(
      'histogram: needs at least 1 bin and a range that rises; got 0 bins from 0 to 256.',
    );
  });

  test('become even; a flat channel stays', async () => {
    const dark = tensor(Uint8Array.of(10, 11, 12, 13), { shape: [2, 2, 1] });
    expect(await values(ops.equalize(dark))).toEqual([0, 85, 170, 255]);
    const flat = tensor(new Float32Array(8).fill(0.25), { shape: [2, 2, 2] });
    expect(await values(ops.equalize(flat, { valueRange: [0, 1] }))).toEqual(Array(8).fill(0.25));
    // Each picture of a batch has a table of its own.
    const both = tensor([10, 11, 12, 13, 100, 101, 102, 103], { shape: [2, 2, 2, 1] });
    expect(await values(ops.equalize(both))).toEqual([0, 85, 170, 255, 0, 85, 170, 255]);
  });

  test('are stretched by contrast', async () => {
    const x = tensor([50, 7, 100, 7, 75, 7, 50, 7], { shape: [2, 2, 2] });
    expect(await values(ops.autoContrast(x))).toEqual([0, 7, 255, 7, 127.5, 7, 0, 7]);
    const bytes = tensor(Uint8Array.of(50, 100, 75, 50), { shape: [2, 2, 1] });
    expect(await values(ops.autoContrast(bytes))).toEqual([0, 255, 128, 0]);
  });
});

describe('preprocessing', () => {
  test('gives arrays the numbers that it gives tensors', async () => {
    const data = Uint8Array.from({ length: 24 }, (_, i) => (i * 37) % 256);
    for (const mode of ['tf', 'torch', 'caffe'] as const) {
      for (const dataFormat of ['channelsLast', 'channelsFirst'] as const) {
        const shape = dataFormat === 'channelsLast' ? [2, 4, 3] : [3, 2, 4];
        const array = vision.ops.preprocessInput({ data, shape }, { mode, dataFormat });
        const want = await values(vision.ops.preprocessInput(tensor(data, { shape }), { mode, dataFormat }));
        expect(array.shape).toEqual(shape);
        array.data.forEach((value, i) => {
          expect(value, `${mode} ${dataFormat}`).toBeCloseTo(want[i] as number, 4);
        });
      }
    }
    expect(() => ops.preprocessInput({ data, shape: [2, 3, 4] }, { mode: 'torch' })).toThrow(
      'preprocessInput: images must have 3 channels; got 4.',
    );
  });
});

describe('elastic distortion', () => {
  const x = scattered([2, 12, 10, 1]);

  test('follows its seed, and differs between pictures', async () => {
    const first = await values(ops.elasticTransform(x, { alpha: 3, sigma: 2, seed: 5 }));
    expect(await values(ops.elasticTransform(x, { alpha: 3, sigma: 2, seed: 5 }))).toEqual(first);
    expect(await values(ops.elasticTransform(x, { alpha: 3, sigma: 2, seed: 6 }))).not.toEqual(first);
    const same = tensor([...(await values(x)).slice(0, 120), ...(await values(x)).slice(0, 120)], {
      shape: [2, 12, 10, 1],
    });
    const both = await values(ops.elasticTransform(same, { alpha: 3, sigma: 2, seed: 5 }));
    expect(both.slice(0, 120)).not.toEqual(both.slice(120));
  });

  test('changes nothing at strength 0, and only moves pixels', async () => {
    (await values(ops.elasticTransform(x, { alpha: 0 }))).forEach((each, i, all) => {
      expect(all.length).toBe(240);
      expect(Number.isFinite(each), String(i)).toBe(true);
    });
    expect(await values(ops.elasticTransform(x, { alpha: 0 }))).toEqual(await values(x));
    const picked = await values(ops.elasticTransform(x, { alpha: 3, sigma: 2, interpolation: 'nearest' }));
    const known = new Set(await values(x));
    expect(picked.every((each) => known.has(each))).toBe(true);
    expect(picked).not.toEqual(await values(x));
  });
});

describe('gradients', () => {
  const x = scattered([2, 5, 6, 3], 0.1, 0.9);
  const turn = tensor([0.913, 0.217, 0.371, -0.173, 1.107, 0.233, 0.011, -0.019]);
  const points = scattered([4, 2], -0.4, 0.4);
  const corners = tensor([0, 0, 5, 0, 0, 4, 5, 4], { shape: [4, 2] });
  const places = scattered([2, 7], 0.3, 3.7);
  const plane = scattered([5, 6]);
  const cases: readonly [string, readonly Tensor[], (...inputs: Tensor[]) => Tensor][] = [
    [
      'affineTransform',
      [x, turn],
      (image, t) => ops.affineTransform(image as Tensor, t as Tensor, { fillMode: 'reflect' }),
    ],
    ['affineTransform, constant', [x, turn], (image, t) => ops.affineTransform(image as Tensor, t as Tensor)],
    [
      'affineTransform, nearest',
      [x],
      (image) => ops.affineTransform(image as Tensor, turn, { interpolation: 'nearest', fillMode: 'wrap' }),
    ],
    [
      'perspectiveTransform',
      [x, points],
      (image, shift) => ops.perspectiveTransform(image as Tensor, corners, add(corners, shift as Tensor)),
    ],
    [
      'mapCoordinates',
      [plane, places],
      (image, at) => ops.mapCoordinates(image as Tensor, at as Tensor, { order: 1, fillMode: 'nearest' }),
    ],
    ['rgbToHsv', [x], (image) => ops.rgbToHsv(image as Tensor)],
    ['hsvToRgb', [x], (image) => ops.hsvToRgb(image as Tensor)],
    ['rgbToGrayscale', [x], (image) => ops.rgbToGrayscale(image as Tensor)],
    ['gaussianBlur', [x], (image) => ops.gaussianBlur(image as Tensor, { kernelSize: 5 })],
    ['filter2d', [x, plane], (image, k) => ops.filter2d(image as Tensor, k as Tensor, { fillMode: 'reflect' })],
    ['extractPatches', [x], (image) => ops.extractPatches(image as Tensor, { size: 3, strides: 2, padding: 'same' })],
    ['harrisResponse', [x], (image) => ops.harrisResponse(image as Tensor)],
    ['elasticTransform', [x], (image) => ops.elasticTransform(image as Tensor, { alpha: 2, sigma: 2 })],
    ['preprocessInput', [x], (image) => ops.preprocessInput(image as Tensor)],
    ['rotate90', [x], (image) => ops.rotate90(image as Tensor)],
  ];

  test.each(cases)('of %s', async (name, inputs, operation) => {
    const y = operation(...inputs);
    const weights = scattered(y.shape, -1, 1);
    const found = gradients(sum(multiply(y, weights)), inputs);
    for (const [at, input] of inputs.entries()) {
      const direction = await values(scattered(input.shape, -1, 1));
      const base = await values(input);
      const along = async (step: number): Promise<number> => {
        const moved = tensor(
          base.map((each, i) => each + step * (direction[i] as number)),
          { shape: input.shape },
        );
        const result = operation(...inputs.map((each, i) => (i === at ? moved : each)));
        return (await values(sum(multiply(result, weights))))[0] as number;
      };
      // Large against the rounding of float32 inputs, small against the cells between which interpolation bends.
      const step = 1e-4;
      const want = ((await along(step)) - (await along(-step))) / (2 * step);
      const gradient = await values(found[at] as Tensor);
      const got = gradient.reduce((total, each, i) => total + each * (direction[i] as number), 0);
      expect(Math.abs(got - want), `${name}, input ${at}: ${got} against ${want}`).toBeLessThan(
        2e-3 * Math.max(1, Math.abs(want)),
      );
    }
  });
});
