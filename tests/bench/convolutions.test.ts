// The table of convolutions against what is published of its networks: weights of the convolutions alone (the
// parameters, less those of normalisation, biases and dense layers) and multiply-adds.
import { describe, expect, test } from 'vitest';
import {
  convolutions,
  everyLayer,
  multiplyAddsOf,
  nameOf,
  outputOf,
  weightsOf,
} from '../../bench/shapes/convolutions.js';

/** Layers, weights, and multiply-adds of one picture in millions. */
const PUBLISHED: Readonly<Record<string, readonly [layers: number, weights: number, millions: number]>> = {
  // Parameters: 25,557,032; 3,504,872; 5,288,548; 138,357,544; 27,161,264 with the classifier at its side; 41,609,928; 31,037,633.
  'ResNet-50': [53, 23_454_912, 4087],
  'ResNet-50 b8': [53, 23_454_912, 4087],
  MobileNetV2: [52, 2_189_760, 299],
  EfficientNetB0: [81, 3_956_192, 385],
  VGG16: [13, 14_710_464, 15_347],
  'Darknet-53': [52, 40_549_216, 24_516],
  'Inception v3': [94, 21_751_136, 5711],
  'U-Net': [23, 31_024_896, 48_167],
  "lecture's CNN": [5, 1_109_056, 89],
  'style transfer': [16, 1_674_432, 8267],
};

const layersOf = (network: string) => everyLayer().filter((layer) => layer.network === network);
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

describe.each(Object.entries(PUBLISHED))('%s', (network, [count, weights, millions]) => {
  test('has its layers, weights and work', () => {
    const layers = layersOf(network);
    expect(layers).toHaveLength(count);
    expect(total(layers.map(weightsOf))).toBe(weights);
    expect(Math.round(total(layers.map((layer) => multiplyAddsOf(layer) / layer.n)) / 1e6)).toBe(millions);
  });
});

test('every network of the table is compared', () => {
  expect([...new Set(everyLayer().map(({ network }) => network))]).toEqual(Object.keys(PUBLISHED));
});

test('a convolution that occurs several times stands there once', () => {
  const found = convolutions();
  expect(total(found.map(({ count }) => count))).toBe(everyLayer().length);
  const names = found.map((each) => `${each.network}: ${nameOf(each)} ${each.padH},${each.padW}`);
  expect(new Set(names).size).toBe(names.length);
});

test('a transposed convolution doubles the size that the convolution it turns round halves', () => {
  const transposed = convolutions().filter(({ isTransposed }) => isTransposed);
  expect(transposed).toHaveLength(6);
  for (const each of transposed) expect(outputOf(each)).toEqual([each.h / 2, each.w / 2]);
});
