// Losses of layers' own: addLoss, activity and weight regularizers, and where they end up. Wanted values of the first test:
// Keras 3.15 on TensorFlow 2.21.
import { describe, expect, it } from 'vitest';
import {
  add,
  initializers,
  Layer,
  layers,
  mean,
  models,
  multiply,
  optimizers,
  type PartialShape,
  square,
  sum,
  type Tensor,
  tensor,
  type Variable,
} from '../../src/index.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';

const x = tensor(
  Float32Array.from({ length: 12 }, (_, i) => i / 10 - 0.5),
  { shape: [4, 3] },
);
const zeros = tensor(new Float32Array(8), { shape: [4, 2] });
const ones = tensor(new Float32Array(8).fill(1), { shape: [4, 2] });

/** Adds the mean square of what passes through. */
class Watched extends Layer {
  static override readonly className = 'Watched';

  override call([input]: readonly [Tensor]): Tensor {
    this.addLoss(mean(square(input)));
    return input;
  }
}

/** One weight, which is pulled to 3 by a loss that knows no inputs. */
class Pulled extends Layer {
  static override readonly className = 'Pulled';
  private weight!: Variable;

  override build(_: readonly PartialShape[]): void {
    this.weight = this.addWeight({ name: 'w', shape: [], initializer: 'zeros' });
    this.addLoss(() => square(add(this.weight.value, -3)));
  }

  override call([input]: readonly [Tensor]): Tensor {
    return multiply(input, add(multiply(this.weight.value, 0), 1));
  }
}

async function valuesOf(losses: readonly Tensor[]): Promise<number[]> {
  return Promise.all(losses.map((loss) => loss.item()));
}

describe('activity regularizers', () => {
  it('give what Keras gives, and train as there', async () => {
    const model = models.sequential([
      layers.input([3]),
      layers.dense({
        units: 2,
        kernelInitializer: initializers.constant(0.5),
        activityRegularizer: { l1: 0.1, l2: 0.2 },
        kernelRegularizer: 'l2',
      }),
    ]);
    model.compile({ optimizer: 'sgd', loss: 'mse' });
    expect((await model.evaluate(x, zeros)).loss).toBeCloseTo(0.4672499895095825, 6);
    await model.fit(x, ones, { batchSize: 4, shuffle: false, verbose: 0 });
    const [kernel, bias] = (await model.getWeights()) as [Float32Array, Float32Array];
    const want = [0.49678999185562134, 0.4976849853992462, 0.4985800087451935].flatMap((value) => [value, value]);
    want.forEach((value, i) => {
      expect(kernel[i]).toBeCloseTo(value, 6);
    });
    expect(bias[0]).toBeCloseTo(0.008949999697506428, 6);
  });

  it('are saved and read', () => {
    const dense = layers.dense({ units: 2, activityRegularizer: 'l1' });
    expect(dense.config.activity_regularizer).toMatchObject({ class_name: 'L1', config: { l1: 0.01 } });
    expect(layerFromConfig('Dense', dense.config).config).toEqual(dense.config);
    expect(layers.dense({ units: 2 }).config).not.toHaveProperty('activity_regularizer');
  });
});

describe('addLoss', () => {
  it('adds what call makes to the losses until the next call', async () => {
    const layer = new Watched();
    expect(layer.losses).toEqual([]);
    layer.apply(tensor([1, 2, 3]));
    layer.apply(tensor([2, 2]));
    expect(await valuesOf(layer.losses)).toEqual([4]);
  });

  it('counts a shared layer once for each call', async () => {
    const shared = new Watched();
    const input = layers.input([2]);
    const model = models.model({ inputs: input, outputs: shared.apply(shared.apply(input)) });
    expect(model.losses).toEqual([]);
    model.apply(tensor([[1, 2]]));
    expect(await valuesOf(model.losses)).toEqual([2.5, 2.5]);
    model.compile({ loss: 'mse' });
    const { loss } = await model.evaluate(tensor([[1, 2]]), tensor([[1, 1]]));
    expect(loss).toBeCloseTo(0.5 + 5, 6);
    // The tensors of the step that was compiled are nobody's.
    expect(model.losses).toEqual([]);
  });

  it('takes functions of weights, and trains by them', async () => {
    const model = models.sequential([layers.input([2]), new Pulled()]);
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0.25 }), loss: 'mse' });
    await model.fit(tensor([[1, 2]]), tensor([[1, 2]]), { epochs: 2, verbose: 0 });
    // 0, then half the way to 3 in each step.
    expect(await model.getWeights()).toEqual([Float32Array.of(2.25)]);
    expect(await valuesOf(model.losses)).toEqual([0.75 ** 2]);
  });

  it('belongs to models, too', async () => {
    const dense = layers.dense({ units: 1, useBias: false, kernelInitializer: 'ones' });
    const model = models.sequential([layers.input([2]), dense]);
    model.addLoss(() => sum(multiply(dense.weights[0]?.value as Tensor, 2)));
    expect(await valuesOf(model.losses)).toEqual([4]);
  });

  it('refuses what is no loss', () => {
    expect(() => new Watched({ name: 'w' }).addLoss(3 as never)).toThrow(
      'addLoss: takes a tensor, or a function that gives one; got 3.\n  at w',
    );
  });
});

describe('trainable', () => {
  const build = () => {
    const inner = models.sequential([layers.input([3]), layers.dense({ units: 2, kernelRegularizer: 'l2' })]);
    const input = layers.input([3]);
    const head = layers.dense({ units: 1, kernelRegularizer: 'l2' });
    return { inner, head, model: models.model({ inputs: input, outputs: head.apply(inner.apply(input)) }) };
  };

  it('is set in all layers inside', () => {
    const { inner, head, model } = build();
    inner.trainable = false;
    expect(inner.layers.map(({ trainable }) => trainable)).toEqual([false]);
    expect([head.trainable, model.trainable, model.trainableWeights.length]).toEqual([true, true, 2]);
    model.trainable = true;
    expect([inner.trainable, inner.layers[0]?.trainable, model.trainableWeights.length]).toEqual([true, true, 4]);
    model.trainable = false;
    head.trainable = true;
    expect([model.trainableWeights.length, head.trainableWeights.length]).toEqual([0, 2]);
  });

  it('decides which penalties count', () => {
    const { inner, model } = build();
    expect(model.losses.length).toBe(2);
    inner.trainable = false;
    expect(model.losses.length).toBe(1);
    model.trainable = false;
    expect(model.losses).toEqual([]);
  });

  it('comes back from a file layer by layer', async () => {
    const { inner, model } = build();
    (inner.layers[0] as Layer).trainable = false;
    const again = (await models.load(await model.toBytes())) as ReturnType<typeof models.model>;
    const [, loaded] = again.layers as [Layer, typeof inner];
    expect([again.trainable, loaded.trainable, loaded.layers[0]?.trainable]).toEqual([true, true, false]);
  });
});
