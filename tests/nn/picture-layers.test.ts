// Resizing, CenterCrop and Normalization beside what golden values show: adapting, configs, files, errors.
import { describe, expect, it } from 'vitest';
import { Dataset } from '../../src/data/index.js';
import { tensor } from '../../src/graph/tensor.js';
import { FoveaError, layers, models } from '../../src/index.js';
import { findLayerClass, layerFromConfig } from '../../src/nn/layers/registry.js';
import { evaluate } from './golden.js';

const rows = (count: number) => ({
  data: Float32Array.from({ length: count * 24 }, (_, i) => (i * 29) % 83),
  shape: [count, 4, 2, 3],
  dtype: 'float32' as const,
});

/** Mean and variance of every third number, in one go. */
function expected({ data }: { data: Float32Array }): { mean: number[]; variance: number[] } {
  const of = (channel: number): number[] => Array.from(data).filter((_, i) => i % 3 === channel);
  const mean = [0, 1, 2].map((channel) => of(channel).reduce((a, b) => a + b) / of(channel).length);
  const variance = [0, 1, 2].map((channel) =>
    of(channel)
      .map((value) => (value - (mean[channel] as number)) ** 2)
      .reduce((a, b, _, all) => a + b / all.length, 0),
  );
  return { mean, variance };
}

const failure = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof FoveaError) return error.message.split('\n')[0] as string;
    throw error;
  }
  throw new Error('it did not fail');
};

describe('Normalization', () => {
  const data = rows(10);
  const { mean, variance } = expected(data);
  const check = async (layer: ReturnType<typeof layers.normalization>): Promise<void> => {
    const [gotMean = [], gotVariance = []] = await layer.getWeights();
    mean.forEach((value, i) => {
      expect(gotMean[i]).toBeCloseTo(value, 4);
    });
    variance.forEach((value, i) => {
      expect(gotVariance[i]).toBeCloseTo(value, 2);
    });
  };

  it('adapts to arrays, data sets and batches of any size', async () => {
    const sources = {
      array: data,
      tensor: tensor(data.data, { shape: data.shape }),
      dataset: Dataset.fromArrays(data).batch(3),
      examples: Dataset.fromArrays(data),
      batches: [
        { ...data, data: data.data.slice(0, 24), shape: [1, 4, 2, 3] },
        { ...data, data: data.data.slice(24), shape: [9, 4, 2, 3] },
      ],
    };
    for (const source of Object.values(sources)) {
      const layer = layers.normalization();
      await layer.adapt(source);
      await check(layer);
    }
  });

  it('forgets what it adapted to before', async () => {
    const layer = layers.normalization();
    await layer.adapt({ ...data, data: data.data.map((value) => 5 * value + 3) });
    await layer.adapt(data);
    await check(layer);
  });

  it('keeps several axes, or none', async () => {
    const table = [
      [1, 10],
      [3, 30],
    ];
    const whole = layers.normalization({ axis: null });
    await whole.adapt(table);
    expect(await whole.getWeights()).toEqual([Float32Array.of(11), Float32Array.of(131.5), Int32Array.of(0)]);
    const both = layers.normalization({ axis: [2, 1] });
    await both.adapt(data);
    expect(both.weights.map(({ shape }) => shape)).toEqual([[4, 2], [4, 2], []]);
    const given = layers.normalization({ axis: [1, 2], mean: [1, 2], variance: [4, 4] });
    const y = given.apply(tensor([[[3, 4]], [[5, 6]]].map(([each]) => [each as number[], each as number[]])));
    expect((await evaluate([y]))[0]).toEqual(Float64Array.of(1, 1, 1, 1, 2, 2, 2, 2));
  });

  it('comes back from a file', async () => {
    const layer = layers.normalization({ invert: true });
    await layer.adapt(data);
    const model = models.sequential([layers.input([4, 2, 3]), layer]);
    const back = await models.load(await model.toBytes());
    await check(back.layers[0] as typeof layer);
    expect((back.layers[0] as typeof layer).config).toEqual(layer.config);
  });

  it('refuses what does not go together', async () => {
    expect(failure(() => layers.normalization({ mean: 1 }))).toBe(
      'Normalization: mean and variance go together: give both or neither.',
    );
    expect(failure(() => layers.normalization({ mean: [1, 2], variance: [1, 2, 3] }))).toBe(
      'Normalization: mean [2] and variance [3] must have one shape.',
    );
    await expect(layers.normalization({ mean: 0, variance: 1 }).adapt(data)).rejects.toThrow(
      'Normalization: mean and variance were given; there is nothing to find.',
    );
    await expect(layers.normalization().adapt([])).rejects.toThrow('Normalization: adapt was given no data.');
    const layer = layers.normalization({ mean: [1, 2], variance: [1, 1] });
    expect(failure(() => layer.apply(tensor([[1, 2, 3]])))).toMatch(/^Normalization: expects \[batch,2\]; got \[1,3\]/);
  });
});

describe("Keras's second names", () => {
  it('stand for the same layers', () => {
    expect(layers.maxPool2d({ name: 'a' }).config).toEqual(layers.maxPooling2d({ name: 'a' }).config);
    for (const [second, first] of [
      ['AvgPool1D', 'AveragePooling1D'],
      ['GlobalAvgPool2D', 'GlobalAveragePooling2D'],
      ['GlobalMaxPool3D', 'GlobalMaxPooling3D'],
      ['Convolution2DTranspose', 'Conv2DTranspose'],
      ['SeparableConvolution1D', 'SeparableConv1D'],
    ] as const) {
      expect(findLayerClass(second)).toBe(findLayerClass(first));
      expect(findLayerClass(first)).toBeDefined();
    }
    expect(findLayerClass('AvgPool4')).toBeUndefined();
  });
});

describe('Resizing and CenterCrop', () => {
  it('have the options of Keras', () => {
    const config = layers.resizing({
      height: 4,
      width: 5,
      interpolation: 'lanczos5',
      padToAspectRatio: true,
      name: 'r',
    }).config;
    expect(config).toMatchObject({
      ...{ height: 4, width: 5, interpolation: 'lanczos5', pad_to_aspect_ratio: true, crop_to_aspect_ratio: false },
      ...{ fill_mode: 'constant', fill_value: 0, antialias: false, data_format: 'channels_last' },
    });
    expect(layerFromConfig('Resizing', config).config).toEqual(config);
  });

  it('know their shapes where the input has none', () => {
    for (const layer of [layers.resizing({ height: 4, width: 5 }), layers.centerCrop({ height: 4, width: 5 })]) {
      expect(layer.apply(layers.input([null, null, 3])).shape).toEqual([null, 4, 5, 3]);
    }
  });

  it('take channels first', async () => {
    const x = tensor(
      Float32Array.from({ length: 60 }, (_, i) => i),
      { shape: [1, 3, 4, 5] },
    );
    const crop = layers.centerCrop({ height: 2, width: 1, dataFormat: 'channelsFirst' });
    expect((await evaluate([crop.apply(x)]))[0]).toEqual(Float64Array.of(7, 12, 27, 32, 47, 52));
    const same = layers.resizing({ height: 2, width: 5, dataFormat: 'channelsFirst', interpolation: 'nearest' });
    expect(same.apply(x).shape).toEqual([1, 3, 2, 5]);
  });

  it('give integers where told to, and only layers without weights do', () => {
    const layer = layers.resizing({ height: 2, width: 2, dtype: 'uint8' });
    const y = layer.apply(
      tensor(
        Uint8Array.from({ length: 48 }, (_, i) => i),
        { shape: [1, 4, 4, 3] },
      ),
    );
    expect(y.dtype).toBe('uint8');
    expect(failure(() => layers.dense({ units: 1, dtype: 'uint8' }).apply(tensor([[1, 2]])))).toBe(
      'Dense: weight "kernel" is trained and cannot be uint8.',
    );
  });
});
