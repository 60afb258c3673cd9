// Operations on pictures against figures of Keras (keras.json, six digits), where the golden values have none of them.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { add, divide, layers, multiply, reshape, slice, vision, zeros } from '../../src/index.js';
import { toCamelCase } from '../../src/nn/keras-config.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { evaluate, expectClose } from '../nn/golden.js';

interface Figures {
  readonly shape: Shape;
  readonly values: readonly number[];
}

const keras = JSON.parse(readFileSync(new URL('keras.json', import.meta.url), 'utf8')) as {
  readonly sobelEdges: Figures;
  readonly ssim: number[];
  readonly ssimSmall: number[];
  readonly ssimOne: number[];
  readonly psnr: number[];
  readonly extractPatches3d: Readonly<Record<string, Figures>>;
  readonly clahe: Readonly<Record<string, number[]>>;
  readonly claheConfig: Record<string, unknown>;
  readonly maxBoxesConfig: Record<string, unknown>;
};
const { ops } = vision;

/** The numbers that Keras was given. */
function scattered(shape: Shape, high = 1, skip = 0): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const fraction = (i: number): number => Math.abs(Math.sin(12.9898 * (i + 1)) * 43758.5453) % 1;
  return tensor(
    Float32Array.from({ length: size }, (_, i) => high * fraction(i + skip)),
    { shape },
  );
}

async function expectFigures(got: Tensor, want: readonly number[], shape?: Shape): Promise<void> {
  if (shape !== undefined) expect(got.shape).toEqual(shape);
  expectClose((await evaluate([got]))[0] as ArrayLike<number>, want, 1e-5, 'against Keras');
}

test('Sobel edges', async () => {
  await expectFigures(ops.sobelEdges(scattered([2, 4, 5, 2])), keras.sobelEdges.values, keras.sobelEdges.shape);
  expect(ops.sobelEdges(zeros([2, 4, 5]), { dataFormat: 'channelsFirst' }).shape).toEqual([2, 4, 5, 2]);
});

describe('likeness', () => {
  const a = scattered([2, 13, 14, 2]);
  const b = add(multiply(a, 0.7), multiply(scattered([2, 13, 14, 2], 1, 1000), 0.3));

  test('by structure', async () => {
    await expectFigures(ops.ssim(a, b), keras.ssim, [2]);
    const small = ops.ssim(multiply(a, 255), multiply(b, 255), { maxVal: 255, filterSize: 5, filterSigma: 1 });
    await expectFigures(small, keras.ssimSmall, [2]);
    const first = (x: Tensor): Tensor => slice(x, [0, 0, 0, 0], [1, 13, 14, 2]);
    const one = (x: Tensor): Tensor => reshape(first(x), [13, 14, 2]);
    await expectFigures(ops.ssim(one(a), one(b)), keras.ssimOne, []);
    await expectFigures(ops.ssim(a, a), [1, 1]);
    expect(() => ops.ssim(zeros([8, 8, 1]), zeros([8, 8, 1]))).toThrow('ssim: a window of 11 does not fit into 8x8.');
    expect(() => ops.ssim(a, zeros([2, 13, 14, 1]))).toThrow(
      'ssim: the pictures must have one shape; got [2,13,14,2] and [2,13,14,1].',
    );
  });

  test('by signal and noise', async () => {
    await expectFigures(ops.psnr(a, b, 1), keras.psnr, []);
  });
});

describe('patches of volumes', () => {
  const volume = scattered([1, 4, 5, 4, 2]);
  const options: Readonly<Record<string, vision.ops.ExtractPatches3dOptions>> = {
    tiles: { size: 2 },
    overlap: { size: [1, 2, 2], strides: [2, 1, 2] },
    same: { size: [2, 3, 2], strides: 2, padding: 'same' },
    dilated: { size: 2, strides: 1, dilationRate: 2 },
  };
  test.each(Object.entries(options))('%s', async (name, each) => {
    const { values, shape } = keras.extractPatches3d[name] as Figures;
    await expectFigures(ops.extractPatches3d(volume, each), values, shape);
  });
});

describe('equalising by neighbourhood', () => {
  const x = scattered([2, 9, 11, 2], 255);

  test('as a function', async () => {
    await expectFigures(ops.contrastLimitedEqualize(x, { tileGridSize: [3, 2] }), keras.clahe.usual as number[]);
    const unit = { valueRange: [0, 1] as const, clipLimit: 1.5, tileGridSize: [2, 4] as const };
    await expectFigures(ops.contrastLimitedEqualize(divide(x, 255), unit), keras.clahe.unit as number[]);
    const none = ops.contrastLimitedEqualize(x, { clipLimit: 0, tileGridSize: 2 });
    await expectFigures(none, keras.clahe.none as number[]);
    expect(() => ops.contrastLimitedEqualize(x, { clipLimit: -1 })).toThrow(
      'contrastLimitedEqualize: clipLimit must be at least 0 and valueRange must rise; got -1 and [0, 255].',
    );
  });

  test('as a layer', async () => {
    const layer = layers.contrastLimitedAdaptiveHistogramEqualization({ tileGridSize: [3, 2] });
    await expectFigures(layer.apply(x), keras.clahe.usual as number[]);
    expect(layers.contrastLimitedAdaptiveHistogramEqualization().getConfig()).toEqual(keras.claheConfig);
    expect(layerFromConfig(layer.className, keras.claheConfig).getConfig()).toEqual(keras.claheConfig);
  });
});

describe('a number of boxes', () => {
  const layer = layers.maxNumBoundingBoxes({ maxNumber: 3 });

  test('is reached by filling up or leaving out', async () => {
    const images = zeros([2, 4, 4, 1]);
    for (const count of [1, 3, 5]) {
      const boxes = scattered([2, count, 4], 4);
      const labels = tensor(new Int32Array(2 * count).fill(7), { shape: [2, count] });
      const changed = layer.transform({ images, boundingBoxes: { boxes, labels } });
      const found = changed.boundingBoxes as layers.BoundingBoxes;
      expect([found.boxes.shape, found.labels?.shape, found.labels?.dtype]).toEqual([[2, 3, 4], [2, 3], 'int32']);
      const [got, given, classes] = await evaluate([found.boxes, boxes, found.labels as Tensor]);
      const kept = Math.min(count, 3);
      expect(Array.from(got as ArrayLike<number>).slice(0, 4 * kept)).toEqual(
        Array.from(given as ArrayLike<number>).slice(0, 4 * kept),
      );
      expect(Array.from(classes as ArrayLike<number>).slice(0, 3)).toEqual([0, 1, 2].map((i) => (i < count ? 7 : -1)));
      expect((got as ArrayLike<number>)[11]).toBe(count < 3 ? -1 : (given as ArrayLike<number>)[11]);
    }
  });

  test('goes through files', () => {
    const config = layerFromConfig('MaxNumBoundingBoxes', keras.maxBoxesConfig).getConfig();
    expect(config).toEqual(keras.maxBoxesConfig);
    expect(layers.maxNumBoundingBoxes({ maxNumber: 2, fillValue: 0 }).getConfig().fill_value).toBe(0);
    expect(toCamelCase('MaxNumBoundingBoxes') in layers).toBe(true);
    expect(() => layers.maxNumBoundingBoxes({ maxNumber: 0 })).toThrow(
      'MaxNumBoundingBoxes: maxNumber must be a whole number of at least 1; got 0.',
    );
  });
});
