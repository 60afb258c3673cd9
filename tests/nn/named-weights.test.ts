// Weights by name. The figures are PyTorch 2.15's, in float64: every parameter is sin(i + 1) / 2 in PyTorch's order (a running
// variance that squared plus 1/2), the input sin(i / 10) with the channels last; six outputs, channels last, and their sum.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js';
import { type StoredArray, storedArray, storedFloats } from '../../src/formats/stored.js';
import type { Layer } from '../../src/nn/layer.js';
import * as layers from '../../src/nn/layers/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import * as models from '../../src/nn/models.js';
import { namedWeights, torchForm } from '../../src/nn/named-weights.js';

const WANT: readonly (readonly [string, readonly number[], () => Layer, readonly number[]])[] = [
  [
    'conv',
    [1, 5, 4, 2],
    () => layers.conv2d({ filters: 4, kernelSize: [3, 2], name: 'it' }),
    [-1.023779, -0.562941, -0.202319, 0.178649, -0.654849, -0.162564, 31.28233],
  ],
  [
    'grouped',
    [1, 4, 4, 4],
    () => layers.conv2d({ filters: 6, kernelSize: 3, groups: 2, name: 'it' }),
    [0.2839, -0.00744, -0.402854, -0.455241, -0.170306, 0.345414, 0.14011],
  ],
  [
    'depthwise',
    [1, 4, 4, 2],
    () => layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, name: 'it' }),
    [0.730887, 0.167922, 0.304618, -0.498888, 0.754557, 0.13238, 2.62541],
  ],
  [
    'transposed',
    [1, 3, 3, 2],
    () => layers.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 2, name: 'it' }),
    [0.441709, 0.406659, 0.112323, 0.470183, 0.417162, 0.070118, 34.31455],
  ],
  [
    'conv1d',
    [1, 6, 2],
    () => layers.conv1d({ filters: 3, kernelSize: 3, name: 'it' }),
    [0.29209, 0.329632, -0.04087, 0.289519, 0.335967, -0.026132, 2.4884],
  ],
  [
    'conv3d',
    [1, 3, 3, 3, 2],
    () => layers.conv3d({ filters: 3, kernelSize: 2, name: 'it' }),
    [0.329733, 0.410696, 0.245747, 0.154641, 0.641145, -0.020545, 2.80084],
  ],
  [
    'dense',
    [2, 4],
    () => layers.dense({ units: 3, name: 'it' }),
    [0.368318, 0.65215, -0.135214, 0.598616, 0.70512, -0.434759, 1.75423],
  ],
  [
    'norm',
    [1, 2, 2, 3],
    () => layers.batchNormalization({ epsilon: 1e-5, name: 'it' }),
    [0.205599, 0.262757, 0.08328, 0.356709, 0.419371, 0.111157, 4.04718],
  ],
  [
    'prelu',
    [1, 2, 2, 3],
    () => layers.prelu({ sharedAxes: [1, 2], name: 'it' }),
    [0.0, 0.099833, 0.198669, 0.29552, 0.389418, 0.479426, 5.90509],
  ],
  [
    'layer norm',
    [2, 5],
    () => layers.layerNormalization({ epsilon: 1e-5, name: 'it' }),
    [-0.179517, 0.135242, 0.071574, -0.649668, -1.149733, -0.197743, -3.53414],
  ],
];

/** What PyTorch would keep for a layer, by the rule above. */
function torchWeights(model: TrainableModel): Map<string, StoredArray> {
  return new Map(
    namedWeights(model).map(({ key, form }) => {
      const shape = form?.shape ?? [];
      const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i + 1) / 2);
      const data = key?.endsWith('running_var') ? values.map((value) => value * value + 0.5) : values;
      return [key ?? '', storedArray(shape, 'float32', data)];
    }),
  );
}

function wave(shape: readonly number[]): { data: Float32Array; shape: readonly number[]; dtype: 'float32' } {
  return { data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i / 10)), shape, dtype: 'float32' };
}

function sequence(shape: readonly number[], ...chain: Layer[]): TrainableModel {
  return models.sequential([layers.input(shape.slice(1)), ...chain]);
}

beforeAll(async () => {
  await setEngine('native', { threads: 1 });
});
afterAll(() => disposeEngine());

describe("PyTorch's weights", () => {
  test.each(WANT)('%s', async (_name, shape, make, want) => {
    const model = sequence(shape, make());
    const weights = torchWeights(model);
    await model.loadWeights(writeSafetensors(weights, new Map([['format', 'pt']])));
    const { data } = await model.predict(wave(shape));
    const values = Array.from(data as Float32Array);
    const sum = values.reduce((total, value) => total + value, 0);
    [...values.slice(0, 6), sum].forEach((value, i) => {
      expect(Math.abs(value - (want[i] as number))).toBeLessThan(i === 6 ? 2e-5 : 3e-6);
    });
  });

  test('what PyTorch has no form of', () => {
    const model = sequence([1, 4, 4, 2], layers.separableConv2d({ filters: 2, kernelSize: 3, name: 'it' }));
    const [kernel] = model.layers.flatMap((layer) => layer.weights.map((weight) => torchForm(layer, weight)));
    expect(kernel).toBeUndefined();
  });

  const make = (): TrainableModel =>
    sequence(
      [1, 4, 4, 2],
      layers.conv2d({ filters: 3, kernelSize: 3, name: 'features.0' }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'fc' }),
    );

  test('every mismatch is in one error', async () => {
    const model = make();
    const weights = torchWeights(model);
    weights.set('fc.weight', storedArray([5, 12], 'float32', new Float32Array(60)));
    weights.delete('fc.bias');
    weights.set('aux.weight', storedArray([1], 'float32', new Float32Array(1)));
    weights.set('bn.num_batches_tracked', storedArray([], 'int64', new BigInt64Array(1)));
    const bytes = writeSafetensors(weights);
    const before = await model.getWeights();
    await expect(model.loadWeights(bytes)).rejects.toThrow(
      [
        'loadWeights: the weights do not fit the model: 3 mismatches.',
        '  fc.weight: the model has [2,12], the file [5,12]',
        '  missing: fc.bias [2]',
        '  not in the model: aux.weight [1]',
        '  Build the same model as the one that was saved, or pass skipMismatch to load what fits.',
        '  at weights',
      ].join('\n'),
    );
    expect(await model.getWeights()).toEqual(before);
    await model.loadWeights(bytes, { skipMismatch: true });
    const after = await model.getWeights();
    expect(after[0]).not.toEqual(before[0]);
    expect(after[2]).toEqual(before[2]);
  });

  test('names behind a prefix', async () => {
    const model = make();
    const weights = [...torchWeights(model)].map(([name, array]) => [`model.${name}`, array] as const);
    await model.loadWeights(writeSafetensors(new Map(weights)));
    expect((await model.getWeights())[1]?.[0]).toBeCloseTo(Math.sin(1) / 2);
    const other = writeSafetensors(new Map(weights.map(([name, array]) => [name.replace(/.*\./, 'x.y.'), array])));
    await expect(model.loadWeights(other)).rejects.toThrow("the file's names begin with x.y.");
  });
});

describe('safetensors of a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-named-'));
  const make = (): TrainableModel => {
    const inner = models.sequential(
      [layers.input([4, 4, 2]), layers.conv2d({ filters: 3, kernelSize: 3, name: 'conv' })],
      {
        name: 'inner',
      },
    );
    return sequence(
      [1, 4, 4, 2],
      inner,
      layers.batchNormalization({ name: 'norm' }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'fc' }),
    );
  };

  test('weights and metadata come back, and 16 bits are read', async () => {
    const model = make();
    model.metadata = { labels: ['cat', 'dog'], note: 'tiny' };
    const path = join(folder, 'tiny.safetensors');
    await model.saveWeights(path);
    const { tensors, metadata } = readSafetensors(readFileSync(path));
    expect([...tensors.keys()].sort()).toEqual([
      'fc/bias',
      'fc/kernel',
      'inner/conv/bias',
      'inner/conv/kernel',
      'norm/beta',
      'norm/gamma',
      'norm/moving_mean',
      'norm/moving_variance',
    ]);
    expect(metadata.get('format')).toBe('keras');
    const copy = make();
    await copy.loadWeights(path);
    expect(await copy.getWeights()).toEqual(await model.getWeights());
    expect(copy.metadata).toEqual(model.metadata);

    // The upper halves of float32 are bfloat16.
    const halves = [...tensors].map(([name, array]) => {
      const bits = new Uint16Array(Float32Array.from(storedFloats(array)).buffer).filter((_, i) => i % 2 === 1);
      return [name, storedArray(array.shape, 'bfloat16', bits)] as const;
    });
    await copy.loadWeights(writeSafetensors(new Map(halves), new Map([['note', 'of a file']])));
    const near = await copy.getWeights();
    (await model.getWeights()).forEach((values, i) => {
      values.forEach((value, at) => {
        expect(Math.abs((near[i]?.[at] as number) - value)).toBeLessThanOrEqual(Math.abs(value) / 128);
      });
    });
    expect(copy.metadata.note).toBe('of a file');
  });

  test('another ending is refused', async () => {
    await expect(make().saveWeights(join(folder, 'tiny.bin'))).rejects.toThrow(
      'does not end in .weights.h5 or .safetensors.',
    );
  });
});
