// Models as classes: layers in attributes, building, the summary, files, layers shared and nested, and copies of models.
import { describe, expect, it } from 'vitest';
import { readKerasArchive } from '../../src/formats/index.js';
import {
  add,
  type CallContext,
  Layer,
  type LayerConfig,
  type LayerOptions,
  layers,
  models,
  multiply,
  type PartialShape,
  registerLayer,
  setRandomSeed,
  type Tensor,
  tensor,
  type Variable,
} from '../../src/index.js';

const x = tensor(
  Float32Array.from({ length: 12 }, (_, i) => i / 10 - 0.5),
  { shape: [4, 3] },
);
const y = tensor(new Float32Array(4).fill(1), { shape: [4, 1] });

class Block extends Layer {
  static override readonly className: string = 'Block';
  private readonly units: number;
  private readonly dense: Layer;
  private readonly norm = layers.batchNormalization();

  constructor({ units, ...options }: LayerOptions & { units: number }) {
    super(options);
    this.units = units;
    this.dense = layers.dense({ units });
  }

  override call([input]: readonly [Tensor]): Tensor {
    return this.norm.apply(this.dense.apply(input));
  }

  override getConfig(): LayerConfig {
    return { units: this.units };
  }
}
registerLayer(Block, { package: 'tests' });

class Net extends models.Model {
  private readonly units: number;
  private readonly stem: Layer;
  private readonly blocks: readonly Layer[];
  private readonly named: Readonly<Record<string, Layer>>;
  private readonly head: Layer;
  /** The stem once more: it is one layer all the same. */
  private readonly extra: Layer;
  private gain!: Variable;

  constructor({ units = 4, ...options }: LayerOptions & { units?: number } = {}) {
    super(options);
    this.units = units;
    this.stem = layers.dense({ units, activation: 'relu' });
    this.blocks = [new Block({ units }), new Block({ units }), layers.dense({ units: 3 })];
    this.named = { b: layers.dense({ units: 2, name: 'bb' }), a: layers.dense({ units: 2, name: 'aa' }) };
    this.head = layers.dense({ units: 1 });
    this.extra = this.stem;
  }

  override build(_shapes: readonly PartialShape[]): void {
    this.gain = this.addWeight({ name: 'gain', shape: [1], initializer: 'ones' });
  }

  override call([input]: readonly [Tensor]): Tensor {
    let value = this.extra.apply(input);
    for (const block of this.blocks) value = block.apply(value);
    value = (this.named.a as Layer).apply((this.named.b as Layer).apply(value));
    return multiply(this.head.apply(value), this.gain.value);
  }

  override getConfig(): LayerConfig {
    return { units: this.units };
  }
}
registerLayer(Net, { package: 'tests' });

async function trained(): Promise<Net> {
  setRandomSeed(3);
  const model = new Net({ units: 5, name: 'net' });
  model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] });
  await model.fit(x, y, { epochs: 2, batchSize: 2, verbose: 0 });
  return model;
}

describe('a model class', () => {
  it('has the layers of its attributes, lists and records, each once', async () => {
    const model = new Net({ name: 'net' });
    expect(model.layers.map(({ className }) => className)).toEqual([
      ...['Dense', 'Block', 'Block', 'Dense', 'Dense', 'Dense', 'Dense'],
    ]);
    expect(model.className).toBe('Net');
    expect(model.weights).toEqual([]);
    expect(model.summary({ lineLength: 80 })).toContain('│   0 (unbuilt) │');
    expect(() => model.inputs).toThrow('model: model "net" does not know its input yet.');
    await model.predict(x);
    expect(model.weights.map(({ name, shape }) => `${name} ${shape}`).slice(0, 5)).toEqual([
      ...['gain 1', 'kernel 3,4', 'bias 4', 'kernel 4,4', 'bias 4'],
    ]);
    expect([model.inputShape, model.outputShape]).toEqual([
      [null, 3],
      [null, 1],
    ]);
    expect(model.getLayer('bb').countParams()).toBe(8);
  });

  it('shows what it is made of', async () => {
    const text = (await trained()).summary({ lineLength: 80 });
    const rows = text.split('\n').filter((line) => line.startsWith('│'));
    expect(
      rows.map((row) =>
        row
          .split('│')
          .slice(2, 4)
          .map((cell) => cell.trim()),
      ),
    ).toEqual([
      ['(None, 5)', '20'],
      ['(None, 5)', '50'],
      ['(None, 5)', '50'],
      ['(None, 3)', '18'],
      ['(None, 2)', '8'],
      ['(None, 2)', '6'],
      ['(None, 1)', '3'],
    ]);
    // What Keras 3.15 counts.
    expect(text).toContain('Total params: 430 (1.68 KB)');
    expect(text).toContain('Optimizer params: 274 (1.07 KB)');
  });

  it('keeps weights where Keras keeps them', async () => {
    const { config, weights } = readKerasArchive(await (await trained()).toBytes(), 'net');
    // The groups that Keras 3.15 writes for the same class: attributes by the alphabet, `layers` in its place among them.
    expect([...weights.arrays.keys()].sort()).toEqual(
      [
        ...[0, 1].flatMap((i) => [
          `blocks/block/dense/vars/${i}`,
          `blocks/block_1/dense/vars/${i}`,
          `blocks/dense/vars/${i}`,
        ]),
        ...[0, 1, 2, 3].flatMap((i) => [`blocks/block/norm/vars/${i}`, `blocks/block_1/norm/vars/${i}`]),
        ...[0, 1].flatMap((i) =>
          ['extra', 'head', 'layers/dense_2', 'layers/dense_3'].map((group) => `${group}/vars/${i}`),
        ),
        'vars/0',
      ].sort(),
    );
    expect(config).toMatchObject({
      module: null,
      class_name: 'Net',
      registered_name: 'tests>Net',
      config: { name: 'net', trainable: true, units: 5, dtype: { class_name: 'DTypePolicy' } },
      build_config: { input_shape: [null, 3] },
    });
  });

  it('comes back from a file and trains on as if there had been no stop', async () => {
    const model = await trained();
    const again = (await models.load(await model.toBytes())) as Net;
    expect(again).toBeInstanceOf(Net);
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
    await model.fit(x, y, { initialEpoch: 2, epochs: 4, batchSize: 2, verbose: 0 });
    await again.fit(x, y, { epochs: 4, resume: true, batchSize: 2, verbose: 0 });
    expect(await again.getWeights()).toEqual(await model.getWeights());
  });

  it('is refused by name where it is not registered', async () => {
    class Stranger extends models.Model {
      readonly dense = layers.dense({ units: 1 });
      override call([input]: readonly [Tensor]): Tensor {
        return this.dense.apply(input);
      }
    }
    const model = new Stranger();
    model.build([[null, 3]]);
    await expect(models.load(await model.toBytes())).rejects.toThrow(
      'If it is a class of yours, call registerLayer(Stranger) before loading; or build the model in code',
    );
    registerLayer(Stranger);
    const again = await models.load(await model.toBytes());
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
  });

  it('may stand in another model, and several times', async () => {
    const net = new Net({ units: 2 });
    const input = layers.input([3]);
    const model = models.model({ inputs: input, outputs: layers.add().apply([net.apply(input), net.apply(input)]) });
    const [whole, single] = [await model.predict(x), await net.predict(x)];
    expect(whole.data).toEqual(single.data.map((value) => value * 2));
    expect(model.trainableWeights.length).toBe(net.trainableWeights.length);
    net.trainable = false;
    expect(model.trainableWeights).toEqual([]);
    const again = await models.load(await model.toBytes());
    expect((await again.predict(x)).data).toEqual(whole.data);
  });

  it('passes the mode of the call on to its layers', async () => {
    const seen: boolean[] = [];
    class Ear extends Layer {
      static override readonly className = 'Ear';
      override call([input]: readonly [Tensor], { training }: CallContext): Tensor {
        seen.push(training);
        return input;
      }
    }
    class Noisy extends models.Model {
      readonly ear = new Ear();
      readonly drop = layers.dropout({ rate: 0.5 });
      override call([input]: readonly [Tensor]): Tensor {
        return this.drop.apply(this.ear.apply(this.ear.apply(input), { training: false }));
      }
    }
    setRandomSeed(5);
    const model = new Noisy();
    const big = tensor(new Float32Array(64).fill(1), { shape: [1, 64] });
    expect(await model.apply(big).data()).toEqual(new Float32Array(64).fill(1));
    expect(seen).toEqual([false, false]);
    seen.length = 0;
    const dropped = [...(await model.apply(big, { training: true }).data())];
    expect(new Set(dropped)).toEqual(new Set([0, 2]));
    expect(seen).toEqual([true, false]);
  });

  it('may give several outputs by name and take several inputs', async () => {
    class Two extends models.Model {
      readonly a = layers.dense({ units: 2 });
      readonly b = layers.dense({ units: 1 });
      override call([u, v]: readonly [Tensor, Tensor]): Record<string, Tensor> {
        return { sum: this.a.apply(add(u, v)), head: this.b.apply(u) };
      }
    }
    const model = new Two();
    model.compile({ optimizer: 'sgd', loss: { head: 'mse', sum: 'mae' }, metrics: { head: ['mae'] } });
    const two = tensor(new Float32Array(8), { shape: [4, 2] });
    const host = (data: Float32Array, shape: number[]) => ({ data, shape, dtype: 'float32' as const });
    const data = host(new Float32Array(12).fill(0.5), [4, 3]);
    const labels = { sum: host(new Float32Array(8), [4, 2]), head: host(new Float32Array(4), [4, 1]) };
    const { history } = await model.fit({ u: data, v: data }, labels, { verbose: 0 });
    expect(Object.keys(history)).toEqual(['loss', 'sum_loss', 'head_loss', 'head_mae']);
    expect([model.inputNames, model.outputNames]).toEqual([
      ['u', 'v'],
      ['sum', 'head'],
    ]);
    expect(two.shape).toEqual((await model.predict({ u: data, v: data })).named.sum?.shape);
  });

  it('says what it lacks', () => {
    class Empty extends models.Model {}
    expect(() => new Empty({ name: 'e' }).apply(x)).toThrow(
      'Empty: has no call.\n  Write call([x], context) in the class; a model that only trains needs a trainStep.\n  at e',
    );
    expect(() => new models.Model({ name: 'm' })).toThrow('model: no inputs were given.');
  });
});

describe('a functional model class', () => {
  class Mlp extends models.Model {
    static override readonly className: string = 'Mlp';
    constructor({ units, ...options }: LayerOptions & { units: number }) {
      const input = layers.input([3]);
      super({ inputs: input, outputs: layers.dense({ units }).apply(input), ...options });
    }

    override getConfig(): LayerConfig {
      return { units: this.outputShape[1] as number };
    }
  }
  registerLayer(Mlp);

  /** The same constructor as Model: it is saved as the graph that it is. */
  class Plain extends models.Model {
    readonly more = layers.dense({ units: 2 });
  }
  registerLayer(Plain);

  it('is saved with its config and made by its constructor', async () => {
    const model = new Mlp({ units: 4, name: 'mlp' });
    const bytes = await model.toBytes();
    const { config, weights } = readKerasArchive(bytes, 'mlp');
    expect(config).toMatchObject({
      class_name: 'Mlp',
      registered_name: 'Custom>Mlp',
      config: { name: 'mlp', units: 4 },
    });
    expect([...weights.arrays.keys()]).toEqual(['layers/dense/vars/0', 'layers/dense/vars/1']);
    const again = await models.load(bytes);
    expect(again).toBeInstanceOf(Mlp);
    expect((await again.predict(x)).data).toEqual((await model.predict(x)).data);
  });

  it('is saved as a graph where it has no config of its own', async () => {
    const input = layers.input([3]);
    const model = new Plain({ inputs: input, outputs: layers.dense({ units: 1 }).apply(input) });
    expect(model.layers.map(({ className }) => className)).toEqual(['InputLayer', 'Dense', 'Dense']);
    model.more.apply(x);
    const again = await models.load(await model.toBytes()).catch((error: Error) => error.message);
    // The layer beside the graph is not built yet: its weights have no place.
    expect(again).toContain('unexpected: layers/dense_1/vars/0');
    const bare = new Plain({ inputs: input, outputs: layers.dense({ units: 1 }).apply(input) });
    const loaded = await models.load(await bare.toBytes());
    expect(loaded).toBeInstanceOf(Plain);
    expect((await loaded.predict(x)).data).toEqual((await bare.predict(x)).data);
  });
});

describe('cloneModel', () => {
  const build = () => {
    const input = layers.input([3], { name: 'in' });
    const shared = layers.dense({ units: 3, name: 'shared' });
    const inner = models.sequential([layers.input([3]), layers.dense({ units: 2 })], { name: 'inner' });
    const head = layers.dense({ units: 1, name: 'head' });
    const model = models.model({ inputs: input, outputs: head.apply(inner.apply(shared.apply(shared.apply(input)))) });
    model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] });
    return model;
  };

  it('gives new weights, keeps layers shared and names, and is compiled', async () => {
    const model = build();
    const copy = models.cloneModel(model);
    expect(copy.layers.map(({ name }) => name)).toEqual(model.layers.map(({ name }) => name));
    expect(copy.weights.length).toBe(model.weights.length);
    expect(copy.weights.some((weight) => model.weights.includes(weight))).toBe(false);
    copy.setWeights(await model.getWeights());
    expect((await copy.predict(x)).data).toEqual((await model.predict(x)).data);
    const before = await model.getWeights();
    await copy.fit(x, y, { verbose: 0 });
    expect(await model.getWeights()).toEqual(before);
    expect(await copy.getWeights()).not.toEqual(before);
  });

  it('replaces layers, and stands on other inputs', async () => {
    const model = build();
    const input = layers.input([3], { name: 'other' });
    const scaled = layers.rescaling({ scale: 2 }).apply(input);
    const copy = models.cloneModel(model, {
      inputTensors: scaled,
      cloneFunction: (layer) => (layer.name === 'head' ? layers.dense({ units: 4, name: 'wide' }) : layer),
    });
    expect(copy.outputShape).toEqual([null, 4]);
    expect(copy.getLayer('shared')).toBe(model.getLayer('shared'));
    expect(() => models.cloneModel(model, { inputTensors: [input, input] })).toThrow(
      'cloneModel: inputTensors must be 1 symbolic tensor; got 2.',
    );
  });

  it('copies rows and classes', async () => {
    const row = models.sequential([layers.dense({ units: 2 }), layers.lambda((value) => add(value, 1))]);
    const copy = models.cloneModel(row);
    expect(copy.isKnown).toBe(false);
    expect((await copy.predict(x)).shape).toEqual([4, 2]);
    const net = await trained();
    const second = models.cloneModel(net);
    second.setWeights(await net.getWeights());
    expect((await second.predict(x)).data).toEqual((await net.predict(x)).data);
    expect(() => models.cloneModel(net, { cloneFunction: (layer) => layer })).toThrow(
      'need a Sequential or functional',
    );
  });
});

describe('Sequential', () => {
  it('grows and shrinks', async () => {
    const model = models.sequential([layers.input([3]), layers.dense({ units: 4 }), layers.dense({ units: 2 })]);
    expect(model.outputShape).toEqual([null, 2]);
    expect(model.pop()?.className).toBe('Dense');
    expect([model.outputShape, model.layers.length]).toEqual([[null, 4], 1]);
    model.add(layers.dense({ units: 1, name: 'last' }));
    expect(model.outputShape).toEqual([null, 1]);
    model.compile({ optimizer: 'sgd', loss: 'mse' });
    await model.fit(x, y, { verbose: 0 });
    model.pop();
    model.add(layers.dense({ units: 6 }));
    expect((await model.predict(x)).shape).toEqual([4, 6]);
  });
});
