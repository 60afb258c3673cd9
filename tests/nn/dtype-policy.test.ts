// Dtype policies: what layers compute in and keep, files, and training. Wanted values: Keras 3.15 on TensorFlow 2.21 in
// mixed_bfloat16 with the weights and data of `numbers` below, SGD(0.1), trainOnBatch four times on the same batch.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZipReader } from '../../src/formats/zip.js';
import {
  add,
  type DtypePolicyName,
  dtypePolicy,
  type FoveaError,
  Layer,
  layers,
  models,
  optimizers,
  type PartialShape,
  setDtypePolicy,
  setRandomSeed,
  type Tensor,
  tensor,
  type Variable,
} from '../../src/index.js';
import { strokesAccuracy } from './strokes-accuracy.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => setRandomSeed(7));
afterEach(() => setDtypePolicy('float32'));

/** Numbers of the given range in a fixed order. */
function numbers(size: number, step: number, low = -0.5, high = 0.5): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => low + ((high - low) * ((i * step) % 101)) / 100);
}

function kerasModel(dtype?: DtypePolicyName) {
  const own = dtype === undefined ? {} : { dtype };
  const model = models.sequential([
    layers.input([5, 5, 2]),
    layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv', ...own }),
    layers.batchNormalization({ name: 'norm', ...own }),
    layers.maxPooling2d({ poolSize: 2, name: 'pool', ...own }),
    layers.flatten(own),
    layers.dense({ units: 3, activation: 'softmax', name: 'head', ...own }),
  ]);
  model.setWeights([
    numbers(54, 37),
    numbers(3, 11),
    numbers(3, 29, 0.5, 1.5),
    numbers(3, 17),
    numbers(3, 13),
    numbers(3, 23, 0.5, 1.5),
    numbers(36, 41),
    numbers(3, 7),
  ]);
  return model;
}
const kerasX = { data: numbers(200, 43, -1, 1), shape: [4, 5, 5, 2], dtype: 'float32' } as const;
const kerasY = { data: Int32Array.of(0, 2, 1, 2), shape: [4], dtype: 'int32' } as const;

/** Within some units of bfloat16, 2^-7 of the value; below 1/4 of that, since the terms of a sum were rounded, too. */
function expectNear(got: ArrayLike<number>, want: readonly number[], units: number): void {
  want.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value), `[${i}] ${got[i]} for ${value}`).toBeLessThanOrEqual(
      units * 2 ** -7 * Math.max(Math.abs(value), 0.25),
    );
  });
}

describe('a policy', () => {
  it('says what layers compute in and keep', () => {
    expect(dtypePolicy()).toBe('float32');
    setDtypePolicy('mixed_bfloat16');
    const names = (layer: Layer): string[] => [layer.dtypePolicy, layer.computeDtype, layer.dtype];
    expect(names(layers.dense({ units: 2 }))).toEqual(['mixed_bfloat16', 'bfloat16', 'float32']);
    expect(names(layers.dense({ units: 2, dtype: 'float32' }))).toEqual(['float32', 'float32', 'float32']);
    expect(names(layers.dense({ units: 2, dtype: 'bfloat16' }))).toEqual(['bfloat16', 'bfloat16', 'bfloat16']);
    expect(layers.input([3]).dtype).toBe('float32');
  });

  it('is refused where it is not known', () => {
    const message = (body: () => unknown): string => {
      try {
        body();
      } catch (error) {
        return (error as FoveaError).message;
      }
      return 'no error';
    };
    expect(message(() => setDtypePolicy('half' as DtypePolicyName))).toBe(
      'setDtypePolicy: dtype "half" is not supported.\n  Give one of float32, mixed_bfloat16, mixed_float16, bfloat16, float16, int32, uint8.',
    );
    expect(dtypePolicy()).toBe('float32');
  });

  it('gives outputs in the dtype of computation and keeps weights in float32', () => {
    setDtypePolicy('mixed_bfloat16');
    const x = tensor(numbers(72, 43), { shape: [2, 6, 6, 1] });
    const all: [Layer, string][] = [
      [layers.conv2d({ filters: 3, kernelSize: 3 }), 'bfloat16'],
      [layers.batchNormalization(), 'bfloat16'],
      [layers.maxPooling2d({ poolSize: 2 }), 'bfloat16'],
      [layers.globalAveragePooling2d(), 'bfloat16'],
      [layers.activation({ activation: 'softmax' }), 'bfloat16'],
      [layers.activation({ activation: 'softmax', dtype: 'float32' }), 'float32'],
      [layers.flatten(), 'bfloat16'],
      [layers.rescaling({ scale: 0.5 }), 'bfloat16'],
      [layers.dense({ units: 2, dtype: 'bfloat16' }), 'bfloat16'],
    ];
    for (const [layer, dtype] of all) {
      expect(layer.apply(x).dtype, layer.className).toBe(dtype);
      for (const weight of layer.weights) expect(weight.dtype, layer.className).toBe(layer.dtype);
    }
  });

  it('reaches the weights of a custom layer, but for those that are to stay exact', () => {
    class Shift extends Layer {
      static override readonly className = 'Shift';
      seen: string[] = [];
      private rounded!: Variable;
      private exact!: Variable;
      override build([shape]: readonly PartialShape[]): void {
        const size = shape?.at(-1) as number;
        this.rounded = this.addWeight({ name: 'rounded', shape: [size] });
        this.exact = this.addWeight({ name: 'exact', shape: [size], autocast: false });
      }
      override call([x]: readonly Tensor[]): Tensor {
        this.seen = [(x as Tensor).dtype, this.rounded.value.dtype, this.exact.value.dtype];
        return add(x as Tensor, this.rounded.value);
      }
    }
    const layer = new Shift({ dtype: 'mixed_bfloat16' });
    expect(layer.apply(tensor([[1, 2]])).dtype).toBe('bfloat16');
    expect(layer.seen).toEqual(['bfloat16', 'bfloat16', 'float32']);
    expect(layer.weights.map((weight) => weight.value.dtype)).toEqual(['float32', 'float32']);
  });
});

describe('mixed_bfloat16', () => {
  it('gives what Keras gives, layer by layer', async () => {
    const model = kerasModel('mixed_bfloat16');
    const at = (name: string) => models.model({ inputs: model.inputs, outputs: model.getLayer(name).output });
    const output = async (name: string) => (await at(name).predict(kerasX)).data;
    expect((await at('head').predict(kerasX)).data).toBeInstanceOf(Float32Array);
    expectNear(await output('conv'), [0, 0, 0, 0.12109375, 0, 0, 0, 0.78125], 1);
    expectNear(
      await output('norm'),
      [-0.146484375, 0.01190185546875, 0.1044921875, -0.061279296875, 0.01190185546875, 0.1044921875],
      3,
    );
    expectNear(
      await output('pool'),
      [-0.061279296875, 0.01190185546875, 0.1044921875, -0.05029296875, 0.734375, 0.578125, -0.146484375, 0.7265625],
      3,
    );
    expectNear(
      await output('head'),
      [0.2451171875, 0.42578125, 0.330078125, 0.24609375, 0.3671875, 0.38671875, 0.1630859375, 0.4375],
      3,
    );
  });

  it('trains as Keras trains', async () => {
    setDtypePolicy('mixed_bfloat16');
    const model = kerasModel();
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'sparseCategoricalCrossentropy' });
    const losses: number[] = [];
    for (let step = 0; step < 4; step++) losses.push((await model.trainOnBatch(kerasX, kerasY)).loss as number);
    const wanted = [1.2785825729370117, 0.7959259748458862, 0.4370223581790924, 0.21689441800117493];
    losses.forEach((loss, i) => {
      expect(Math.abs(loss - (wanted[i] as number)), `loss ${i}: ${loss}`).toBeLessThan(2e-2);
    });
    const after = await model.getWeights();
    const want = [
      [-0.48981934785842896, -0.09768188744783401, 0.34029296040534973, -0.4138427972793579],
      [-0.480712890625, -0.4995214641094208, -0.2618359327316284],
      [0.4948902428150177, 0.8581647872924805, 1.0507956743240356],
      [-0.49243298172950745, -0.335629940032959, -0.16615425050258636],
      [-0.4790137708187103, -0.35111746191978455, -0.22500622272491455],
      [0.48069748282432556, 0.7033156156539917, 0.9238989353179932],
      [-0.507568359375, -0.05927185341715813, 0.2968432605266571, -0.34391602873802185],
      [-0.4990234375, -0.4426831007003784, -0.34852540493011475],
    ];
    want.forEach((values, i) => {
      values.forEach((value, j) => {
        expect(Math.abs((after[i]?.[j] as number) - value), `weight ${i}[${j}]`).toBeLessThan(4e-3);
      });
    });
    expect(model.weights.every(({ dtype }) => dtype === 'float32')).toBe(true);
    expect(model.optimizerWeights?.every(({ dtype }) => dtype === 'float32' || dtype === 'int32')).toBe(true);
  });

  it('learns the strokes nearly as well as float32', async () => {
    const [exact, mixed] = [await strokesAccuracy('float32'), await strokesAccuracy('mixed_bfloat16')];
    expect(exact).toBeGreaterThan(0.8);
    expect(mixed).toBeGreaterThan(exact - 0.04);
  });

  it('is saved and loaded with the layer', async () => {
    setDtypePolicy('mixed_bfloat16');
    const model = kerasModel();
    const mixed = {
      module: 'keras',
      class_name: 'DTypePolicy',
      config: { name: 'mixed_bfloat16' },
      registered_name: null,
    };
    const path = join(folder, 'mixed.keras');
    await model.save(path);
    setDtypePolicy('float32');
    const loaded = await models.load(path);
    expect(loaded.layers.map((layer) => layer.dtypePolicy)).toEqual(model.layers.map(() => 'mixed_bfloat16'));
    expect(loaded.dtypePolicy).toBe('mixed_bfloat16');
    expect([...(await loaded.predict(kerasX)).data]).toEqual([...(await model.predict(kerasX)).data]);
    const text = new TextDecoder().decode(new ZipReader(await loaded.toBytes(), 'mixed.keras').read('config.json'));
    const config = JSON.parse(text) as {
      config: { dtype: unknown; layers: { class_name: string; config: { dtype: unknown } }[] };
    };
    expect(config.config.dtype).toEqual(mixed);
    for (const layer of config.config.layers)
      expect(layer.config.dtype, layer.class_name).toEqual(layer.class_name === 'InputLayer' ? 'float32' : mixed);
  });

  it('does not touch layers that a file keeps in float32', async () => {
    const path = join(folder, 'exact.keras');
    await kerasModel().save(path);
    setDtypePolicy('mixed_bfloat16');
    const loaded = await models.load(path);
    expect(new Set(loaded.layers.map((layer) => layer.dtypePolicy))).toEqual(new Set(['float32']));
  });
});

describe('bfloat16', () => {
  it('keeps weights in bfloat16 through a file', async () => {
    const model = kerasModel('bfloat16');
    expect(new Set(model.weights.map(({ dtype }) => dtype))).toEqual(new Set(['bfloat16']));
    const path = join(folder, 'narrow.keras');
    await model.save(path);
    const loaded = await models.load(path);
    expect(new Set(loaded.weights.map(({ dtype }) => dtype))).toEqual(new Set(['bfloat16']));
    expect(await loaded.getWeights()).toEqual(await model.getWeights());
    expect((await model.getWeights())[1]?.[1]).toBe(-0.390625);
    expect([...(await loaded.predict(kerasX)).data]).toEqual([...(await model.predict(kerasX)).data]);
  });

  it('trains', async () => {
    const model = kerasModel('bfloat16');
    model.compile({ optimizer: optimizers.adam({ learningRate: 0.05 }), loss: 'sparseCategoricalCrossentropy' });
    const losses: number[] = [];
    for (let step = 0; step < 8; step++) losses.push((await model.trainOnBatch(kerasX, kerasY)).loss as number);
    expect(losses[7]).toBeLessThan(0.3 * (losses[0] as number));
    expect(model.optimizerWeights?.filter(({ dtype }) => dtype === 'bfloat16').length).toBe(12);
  });
});
