// Legacy .h5 files: whole models out and in, weights by order and by name.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { readHdf5, readLegacyH5, writeLegacyH5 } from '../../src/formats/index.js';
import { storedArray } from '../../src/formats/stored.js';
import { layers, models, type Tensor } from '../../src/index.js';
import { modelToLegacyBytes } from '../../src/nn/legacy-h5.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-h5-'));
afterAll(() => rmSync(folder, { recursive: true }));

const wave = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7));
const X = { data: wave(4 * 36), shape: [4, 6, 6, 1], dtype: 'float32' as const };
const Y = { data: Int32Array.of(0, 1, 2, 1), shape: [4], dtype: 'int32' as const };

/** A model in a model, a frozen layer in it, an optimizer with slots. */
function nested(): models.Model {
  const inner = models.sequential([
    layers.input([6, 6, 1]),
    layers.conv2d({ filters: 3, kernelSize: 3 }),
    layers.batchNormalization(),
  ]);
  (inner.layers[1] as models.Sequential).trainable = false;
  const x = layers.input([6, 6, 1]);
  const y = layers.flatten().apply(layers.relu().apply(inner.apply(x)));
  const model = models.model({ inputs: x, outputs: layers.dense({ units: 3, activation: 'softmax' }).apply(y) });
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  return model;
}

describe('a model as .h5', () => {
  it('comes back with optimizer and metadata, and trains on to the same bits', async () => {
    const model = nested();
    model.metadata = { labels: ['a', 'b', 'c'] };
    await model.trainOnBatch(X, Y);
    const path = join(folder, 'nested.h5');
    await model.save(path);
    const again = await models.load(path);
    expect(again.metadata).toEqual(model.metadata);
    expect([...(await again.predict(X)).data]).toEqual([...(await model.predict(X)).data]);
    for (let i = 0; i < 2; i++) expect(await again.trainOnBatch(X, Y)).toEqual(await model.trainOnBatch(X, Y));
    expect(again.trainableWeights.length).toBe(model.trainableWeights.length);
  });

  it('lays groups and names out as Keras does', async () => {
    const model = models.sequential(
      [layers.input([2]), layers.dense({ units: 3, name: 'one' }), layers.flatten({ name: 'two' })],
      { name: 'plain' },
    );
    const bytes = await modelToLegacyBytes(model);
    const root = readHdf5(bytes);
    expect([...root.attributes.keys()].sort()).toEqual(['backend', 'fovea_training', 'keras_version', 'model_config']);
    const weights = root.groups.get('model_weights');
    expect(weights?.attributes.get('layer_names')).toEqual(['one', 'two']);
    expect([...(weights?.groups.keys() ?? [])].sort()).toEqual(['one', 'top_level_model_weights', 'two']);
    expect(weights?.groups.get('one')?.attributes.get('weight_names')).toEqual(['one/kernel', 'one/bias']);
    expect(weights?.groups.get('one')?.groups.get('one')?.datasets.get('kernel')?.shape).toEqual([2, 3]);
    expect(readLegacyH5(bytes, 'm.h5').trainingConfig).toBeNull();
  });

  it('is refused for a class of its own', async () => {
    class Own extends models.Model {
      readonly inside = layers.dense({ units: 1 });
      override call([x]: readonly [Tensor]): Tensor {
        return this.inside.apply(x) as Tensor;
      }
    }
    const model = new Own();
    model.build([[null, 2]]);
    await expect(model.save(join(folder, 'own.h5'))).rejects.toThrow('which an .h5 file cannot hold');
  });

  it('splits lists of names that are too long for HDF5', () => {
    const layer = (i: number) => ({ name: `layer_with_a_long_name_${i}`, weights: [] });
    const many = Array.from({ length: 9000 }, (_, i) => layer(i));
    const bytes = writeLegacyH5({
      kerasVersion: '3',
      config: null,
      trainingConfig: null,
      layers: many,
      topLevel: [{ name: 'own', array: storedArray([1], 'float32', Float32Array.of(7)) }],
      optimizerWeights: null,
    });
    const read = readLegacyH5(bytes, 'm.h5');
    expect(read.layers.map(({ name }) => name)).toEqual(many.map(({ name }) => name));
    expect([...(read.topLevel[0]?.array.data() ?? [])]).toEqual([7]);
  });
});

describe("Keras 2's optimizers in .h5", () => {
  const model = (): models.Sequential => {
    const made = models.sequential([
      layers.input([6, 6, 1]),
      layers.conv2d({ filters: 2, kernelSize: 3, activation: 'relu' }),
      layers.flatten(),
      layers.dense({ units: 3, activation: 'softmax' }),
    ]);
    made.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
    return made;
  };
  /** The file as Keras 2.4 named its parts: no learning rate, all first moments, then all second ones. */
  const asKeras2 = (bytes: Uint8Array, isByWeight: boolean): Uint8Array => {
    const file = readLegacyH5(bytes, 'm.h5');
    const [iteration, , ...slots] = file.optimizerWeights ?? [];
    const named = slots.map(({ array }, i) => {
      const slot = i % 2 === 0 ? 'm' : 'v';
      const weight = `layer_${i >> 1}/kernel`;
      return { name: isByWeight ? `Adam/${slot}/${weight}:0` : `Adam/${weight}/${slot}:0`, array };
    });
    const bySlot = [...named.filter((_, i) => i % 2 === 0), ...named.filter((_, i) => i % 2 === 1)];
    const counter = {
      name: isByWeight ? 'iteration:0' : 'Adam/iter:0',
      array: (iteration as (typeof slots)[number]).array,
    };
    const { training: _, ...rest } = file;
    return writeLegacyH5({
      ...rest,
      kerasVersion: '2.4.0',
      optimizerWeights: [counter, ...(isByWeight ? named : bySlot)],
    });
  };

  it.each([false, true])('are taken over, weight by weight %s', async (isByWeight) => {
    const from = model();
    await from.trainOnBatch(X, Y);
    await from.trainOnBatch(X, Y);
    const again = await models.load(asKeras2(await modelToLegacyBytes(from), isByWeight));
    expect(await again.trainOnBatch(X, Y)).toEqual(await from.trainOnBatch(X, Y));
    expect(await again.trainOnBatch(X, Y)).toEqual(await from.trainOnBatch(X, Y));
  });

  it('that do not fit are left out with a warning', async () => {
    const from = model();
    await from.trainOnBatch(X, Y);
    const file = readLegacyH5(asKeras2(await modelToLegacyBytes(from), false), 'm.h5');
    const bytes = writeLegacyH5({
      ...file,
      kerasVersion: '2.4.0',
      optimizerWeights: (file.optimizerWeights ?? []).slice(0, -1),
    });
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const again = await models.load(bytes, { name: 'old.h5' });
    expect(warn.mock.calls).toEqual([
      ["fovea: old.h5: the state of Keras 2's optimizer does not fit the model; training starts without it."],
    ]);
    warn.mockRestore();
    expect([...(await again.predict(X)).data]).toEqual([...(await from.predict(X)).data]);
  });
});

describe('saving', () => {
  it('goes by the ending', async () => {
    const model = models.sequential([layers.input([2]), layers.dense({ units: 1 })]);
    for (const [name, kind] of [
      ['m.keras', 'keras'],
      ['m.h5', 'keras-h5'],
      ['m.weights.h5', 'keras-weights'],
      ['m.safetensors', 'safetensors'],
      ['m.onnx', 'onnx'],
    ] as const) {
      const path = join(folder, name);
      await model.save(path);
      const { readFileSync } = await import('node:fs');
      expect(await models.kindOf(new Uint8Array(readFileSync(path)))).toBe(kind);
    }
    await expect(model.save(join(folder, 'm.pb'))).rejects.toThrow(/does not end in \.keras, \.h5/);
  });
});

describe('weights from .h5', () => {
  const dense = (units: number, name: string) => layers.dense({ units, name });
  const saved = async (): Promise<Uint8Array> =>
    modelToLegacyBytes(models.sequential([layers.input([4]), dense(3, 'a'), dense(2, 'b'), dense(2, 'c')]));

  it('go by order', async () => {
    const model = models.sequential([layers.input([4]), dense(3, 'x'), dense(2, 'y'), dense(2, 'z')]);
    const bytes = await saved();
    await model.loadWeights(bytes);
    const want = readLegacyH5(bytes, '').layers.flatMap(({ weights }) => weights.map(({ array }) => [...array.data()]));
    expect((await model.getWeights()).map((each) => [...each])).toEqual(want);
  });

  it('go by name, leaving layers alone that the file does not know', async () => {
    const model = models.sequential([layers.input([3]), dense(2, 'b'), dense(5, 'new')]);
    const before = await model.getLayer('new').getWeights();
    const bytes = await saved();
    await model.loadWeights(bytes, { byName: true });
    const [, b] = readLegacyH5(bytes, '').layers;
    expect((await model.getLayer('b').getWeights()).map((each) => [...each])).toEqual(
      b?.weights.map(({ array }) => [...array.data()]),
    );
    expect(await model.getLayer('new').getWeights()).toEqual(before);
    const stranger = models.sequential([layers.input([3]), dense(2, 'q')]);
    await expect(stranger.loadWeights(bytes, { byName: true })).rejects.toThrow('no layer of the file (a, b, c)');
  });

  it('that do not fit are all told, and left out where that is asked for', async () => {
    const model = models.sequential([layers.input([4]), dense(3, 'a'), dense(5, 'b'), dense(2, 'c')]);
    const before = await model.getWeights();
    const bytes = await saved();
    const wanted = [
      'loadWeights: the weights do not fit the model: 3 mismatches.',
      '  kernel of "b" is [3,5], "b/kernel" in the file [3,2]',
      '  bias of "b" is [5], "b/bias" in the file [2]',
      '  kernel of "c" is [5,2], "c/kernel" in the file [2,2]',
    ].join('\n');
    for (const byName of [false, true])
      await expect(model.loadWeights(bytes, { byName, name: 'w.h5' })).rejects.toThrow(wanted);
    expect(await model.getWeights()).toEqual(before);
    await model.loadWeights(bytes, { skipMismatch: true });
    const after = await model.getWeights();
    expect(after.map((each, i) => each.some((value, at) => value !== before[i]?.[at]))).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('of Keras 3 go by the names of layers, too', async () => {
    const path = join(folder, 'three.weights.h5');
    const from = models.sequential([layers.input([4]), dense(3, 'a'), dense(2, 'b')]);
    await from.saveWeights(path);
    const model = models.sequential([layers.input([3]), dense(2, 'b'), dense(5, 'new')]);
    await model.loadWeights(path, { byName: true });
    expect(await model.getLayer('b').getWeights()).toEqual(await from.getLayer('b').getWeights());
  });
});
