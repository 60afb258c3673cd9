// How pictures are prepared, as it is kept with a model: the numbers by hand, what is refused, and the way through a file.
import { expect, test } from 'vitest';
import '../../src/engine/install.js';
import { layers, models } from '../../src/index.js';
import {
  checkLabels,
  checkPreprocessing,
  type PicturePreprocessing,
  scalePixels,
} from '../../src/nn/model-metadata.js';

const pixel = { data: Uint8Array.of(255, 0, 51), shape: [1, 1, 1, 3], dtype: 'uint8' } as const;
const square = { size: [1, 1] } as const;

test.each<[string, PicturePreprocessing, number[]]>([
  ['none', { ...square, mode: 'none' }, [255, 0, 51]],
  ['none, blue first', { ...square, mode: 'none', channelOrder: 'bgr' }, [51, 0, 255]],
  ['tf', { ...square, mode: 'tf' }, [1, -1, -0.6]],
  ['torch', { ...square, mode: 'torch' }, [0.515 / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]],
  ['caffe', { ...square, mode: 'caffe' }, [51 - 103.939, -116.779, 255 - 123.68]],
  ['caffe, red first', { ...square, mode: 'caffe', channelOrder: 'rgb' }, [255 - 103.939, -116.779, 51 - 123.68]],
  ['scale', { ...square, mode: 'scale', factor: 1 / 255, offset: 1 }, [2, 1, 1.2]],
  ['standardize', { ...square, mode: 'standardize', mean: [5, 0, 1], std: [2, 1, 10] }, [125, 0, 5]],
])('%s', (_name, preprocessing, want) => {
  const { data, dtype, shape } = scalePixels(checkPreprocessing(preprocessing, 'm', 'test'), pixel);
  expect([dtype, shape]).toEqual(['float32', [1, 1, 1, 3]]);
  want.forEach((value, i) => {
    expect(data[i]).toBeCloseTo(value, 4);
  });
  expect(pixel.data).toEqual(Uint8Array.of(255, 0, 51));
  const numbers = { ...pixel, data: Float32Array.from(pixel.data), dtype: 'float32' } as const;
  expect(scalePixels(preprocessing, numbers).data).toEqual(data);
});

test('a mean for every pixel', () => {
  const preprocessing = { mode: 'standardize', size: [1, 2], channels: 1, mean: [10, 20], std: [1, 2] } as const;
  const x = { data: Uint8Array.of(11, 30), shape: [1, 1, 2, 1], dtype: 'uint8' } as const;
  expect([...scalePixels(checkPreprocessing(preprocessing, 'm', 'test'), x).data]).toEqual([1, 5]);
});

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'test: model "m" does not say how its pictures are prepared.'],
  ['mode', { mode: 'tv', size: [1, 1] }, 'preprocessing.mode of model "m" must be one of \'none\''],
  ['size', { mode: 'tf', size: [0, 1] }, 'preprocessing.size of model "m" must be [height, width] in whole pixels'],
  [
    'kept',
    { mode: 'tf', size: [1, 1], kept: 2 },
    'preprocessing.kept of model "m" must be above 0 and at most 1; got 2',
  ],
  [
    'mean',
    { mode: 'standardize', size: [2, 2], mean: [1], std: [1] },
    'mean of model "m" must be 3 or 12 numbers; got [1]',
  ],
  [
    'std',
    { mode: 'standardize', size: [1, 1], channels: 1, mean: [1], std: [0] },
    'must be 1 or 1 numbers above 0; got [0]',
  ],
  ['channels', { mode: 'caffe', size: [1, 1], channels: 1 }, 'preprocessing.channels of model "m" must be 3; got 1'],
])('refuses: %s', (_name, value, message) => {
  expect(() => checkPreprocessing(value, 'm', 'test')).toThrow(message);
});

test('labels must be as many as classes', () => {
  expect(checkLabels(['a', 'b'], 2, 'm', 'test')).toEqual(['a', 'b']);
  expect(checkLabels(undefined, 2, 'm', 'test')).toBeUndefined();
  expect(() => checkLabels(['a'], 2, 'm', 'test')).toThrow('test: model "m" has 2 classes but 1 labels.');
  expect(() => checkLabels('a', 2, 'm', 'test')).toThrow('test: the labels of model "m" must be a list of names.');
});

test('travels in the file', async () => {
  const model = models.sequential([layers.input([4, 4, 3]), layers.globalAveragePooling2d(), layers.softmax()]);
  const metadata = {
    preprocessing: { mode: 'tf', size: [4, 4], fit: 'crop' },
    labels: ['r', 'g', 'b'],
    note: 1,
  } as const;
  model.metadata = metadata;
  expect((await models.load(await model.toBytes())).metadata).toEqual(metadata);
});
