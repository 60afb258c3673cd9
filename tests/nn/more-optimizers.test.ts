// Lion, Ftrl, Adafactor, Muon and loss scaling against Keras 3.15 on TensorFlow 2.21: six steps of a
// kernel and a bias with the numbers of `numbers` (keras-optimizers.json); and options that change without compiling.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { currentEngine } from '../../src/engine/current.js';
import { compile, FoveaError, layers, models, optimizers, tensor, Variable } from '../../src/index.js';
import { type Optimizer, optimizerFromConfig } from '../../src/nn/optimizers.js';
import golden from './keras-optimizers.json' with { type: 'json' };

afterEach(() => {
  vi.restoreAllMocks();
});

/** Numbers of the given range in a fixed order. */
function numbers(size: number, step: number, low = -0.5, high = 0.5): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => low + ((high - low) * ((i * step) % 101)) / 100);
}

const makers = {
  lion: () => optimizers.lion({ learningRate: 0.01, weightDecay: 0.1 }),
  ftrl: () => optimizers.ftrl({ learningRate: 0.1 }),
  'ftrl-all': () =>
    optimizers.ftrl({
      learningRate: 0.1,
      learningRatePower: -0.7,
      l1RegularizationStrength: 0.05,
      l2RegularizationStrength: 0.1,
      l2ShrinkageRegularizationStrength: 0.02,
      beta: 0.3,
    }),
  adafactor: () => optimizers.adafactor({ learningRate: 0.05 }),
  'adafactor-fixed': () =>
    optimizers.adafactor({ learningRate: 0.05, relativeStep: false, clipThreshold: 0.5, weightDecay: 0.01 }),
  muon: () => optimizers.muon({ learningRate: 0.02 }),
  'muon-plain': () =>
    optimizers.muon({
      learningRate: 0.02,
      nesterov: false,
      rmsRate: null,
      nsSteps: 3,
      weightDecay: null,
      adamWeightDecay: null,
      adamLrRatio: 0.1,
    }),
  'loss-scale': () =>
    optimizers.lossScaleOptimizer({
      innerOptimizer: optimizers.adam({ learningRate: 0.01 }),
      initialScale: 4,
      dynamicGrowthSteps: 3,
    }),
} satisfies Record<keyof typeof golden, () => Optimizer>;

/** The optimizer's step on these weights as a compiled function of their gradients. */
const stepOf = (optimizer: Optimizer, weights: readonly Variable[]) =>
  compile((...gradients) => {
    optimizer.apply(weights.map((variable, i) => ({ variable, gradient: gradients[i] as (typeof gradients)[0] })));
    return [];
  });

const near = (got: ArrayLike<number>, want: readonly number[], label: string): void => {
  want.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value), `${label}[${i}]: ${got[i]} for ${value}`).toBeLessThan(
      2e-5 * Math.max(1, Math.abs(value)),
    );
  });
};

describe('optimizers', () => {
  it.each(Object.keys(makers) as (keyof typeof golden)[])('%s goes where Keras goes', async (name) => {
    const optimizer = makers[name]();
    const kernel = new Variable(tensor(numbers(12, 37), { shape: [4, 3] }), { name: 'kernel' });
    const bias = new Variable(tensor(numbers(3, 11)), { name: 'bias' });
    optimizer.build([kernel, bias]);
    const want = golden[name];
    expect(optimizer.variables.map(({ shape }) => [...shape])).toEqual(want.shapes);
    const step = stepOf(optimizer, [kernel, bias]);
    for (let i = 0; i < 6; i++) {
      await step(tensor(numbers(12, 23 + 2 * i, -1, 1), { shape: [4, 3] }), tensor(numbers(3, 7 + i, -1, 1)));
    }
    near(await kernel.tensor.data(), want.kernel, 'kernel');
    near(await bias.tensor.data(), want.bias, 'bias');
    const last = await Promise.all(optimizer.variables.map(async (each) => (await each.elements()).at(-1) as number));
    near(last, want.last, 'variables');
    const config = optimizer.getConfig();
    for (const [key, value] of Object.entries(want.config)) expect([key, config[key]]).toEqual([key, value]);
    const again = optimizerFromConfig(JSON.parse(JSON.stringify(optimizer.serialize())));
    expect(again.serialize()).toEqual(optimizer.serialize());
  });

  // Keras's own numbers depend on its backend: on TensorFlow it recovers the average from the point after the step.
  it.each([
    { warmupSteps: 0, weightDecay: 0 },
    { warmupSteps: 4, weightDecay: 0.1 },
  ])('ScheduleFreeAdamW is what its paper says, with %o', async (options) => {
    const optimizer = optimizers.scheduleFreeAdamW({ learningRate: 0.02, ...options });
    const weight = new Variable(tensor(numbers(12, 37)), { name: 'w' });
    const step = stepOf(optimizer, [weight]);
    const y = Float64Array.from(numbers(12, 37));
    const z = y.slice();
    const v = new Float64Array(12);
    for (let t = 1; t <= 6; t++) {
      const gradient = numbers(12, 21 + 2 * t, -1, 1);
      await step(tensor(gradient));
      const rate = 0.02 * (options.warmupSteps === 0 ? 1 : Math.min(t / options.warmupSteps, 1));
      gradient.forEach((g, i) => {
        const [point, decayed] = [z[i] as number, (y[i] as number) * (1 - options.weightDecay * 0.02)];
        v[i] = 0.999 * (v[i] as number) + 0.001 * g * g;
        z[i] = point - (rate * g) / (Math.sqrt((v[i] as number) / (1 - 0.999 ** t)) + 1e-8);
        const average = (decayed - 0.1 * point) / 0.9;
        y[i] = 0.1 * (z[i] as number) + 0.9 * (average + ((z[i] as number) - average) / t);
      });
    }
    near(await weight.tensor.data(), [...y], 'weight');
    const again = optimizerFromConfig(JSON.parse(JSON.stringify(optimizer.serialize())));
    expect(again.serialize()).toEqual(optimizer.serialize());
  });

  it('Muon leaves named matrices and embeddings to Adam', () => {
    const optimizer = optimizers.muon({ excludeLayers: ['head'] });
    const [body, head] = [layers.dense({ units: 2, name: 'body' }), layers.dense({ units: 2, name: 'head' })];
    const embedding = layers.embedding({ inputDim: 3, outputDim: 2 });
    for (const layer of [body, head]) layer.ensureBuilt([[null, 2]]);
    embedding.ensureBuilt([[null, 2]]);
    const matrices = [body, head, embedding].map((layer) => layer.weights[0] as Variable);
    optimizer.build(matrices);
    expect(optimizer.variables.slice(2).map(({ name }) => name)).toEqual([
      ...['muon/kernel_momentum', 'muon/kernel_momentum', 'muon/kernel_velocity'],
      ...['muon/embeddings_momentum', 'muon/embeddings_velocity'],
    ]);
  });
});

describe('loss scaling', () => {
  it('leaves out steps that overflow, as Keras does, and grows again', async () => {
    const optimizer = optimizers.lossScaleOptimizer({
      innerOptimizer: optimizers.sgd({ learningRate: 0.5, momentum: 0.9 }),
      initialScale: 4,
      dynamicGrowthSteps: 2,
    });
    const weight = new Variable(tensor([1]), { name: 'w' });
    optimizer.build([weight]);
    const step = stepOf(optimizer, [weight]);
    // gradient, then what Keras has after it: weight, scale, good steps, iterations
    const want = [
      [2, 0.75, 4, 1, 1],
      [2, 0.2750000059604645, 8, 0, 2],
      [Number.POSITIVE_INFINITY, 0.2750000059604645, 4, 0, 2],
      [2, -0.4025000035762787, 4, 1, 3],
      [Number.NaN, -0.4025000035762787, 2, 0, 3],
      [2, -1.5122500658035278, 2, 1, 4],
      [2, -3.0110249519348145, 4, 0, 5],
      [2, -4.609922409057617, 4, 1, 6],
    ] as const;
    for (const [gradient, ...after] of want) {
      await step(tensor([gradient]));
      const { dynamicScale, stepCounter, iterations } = optimizer;
      const found = await Promise.all(
        [weight, dynamicScale, stepCounter, iterations].map((each) => each.tensor.item()),
      );
      near(found, after, `after ${gradient}`);
    }
  });

  it('is for one optimizer without a scale of its own', () => {
    const of = (innerOptimizer: unknown) => () =>
      optimizers.lossScaleOptimizer({ innerOptimizer: innerOptimizer as Optimizer });
    expect(of('adam')).toThrow('LossScaleOptimizer: innerOptimizer must be another optimizer; got "adam".');
    expect(of(optimizers.sgd({ lossScaleFactor: 2 }))).toThrow('innerOptimizer has a lossScaleFactor of its own.');
  });

  it('of a fixed factor changes nothing but what overflows', async () => {
    const train = async (lossScaleFactor: number | null): Promise<Float32Array[]> => {
      const model = models.sequential([layers.input([2]), layers.dense({ units: 1, kernelInitializer: 'ones' })]);
      model.compile({ optimizer: optimizers.sgd({ learningRate: 0.125, lossScaleFactor }), loss: 'mse' });
      await model.fit(tensor([[1, 2]]), tensor([[0]]), { epochs: 3, verbose: 0 });
      return model.getWeights();
    };
    expect(await train(1024)).toEqual(await train(null));
  });
});

describe('options that are numbers', () => {
  const all: Record<string, [Optimizer, Readonly<Record<string, number>>]> = {
    sgd: [optimizers.sgd({ momentum: 0.9, clipnorm: 1 }), { learningRate: 0.5, momentum: 0.5, clipnorm: 0.25 }],
    rmsprop: [optimizers.rmsprop({ weightDecay: 0.1 }), { rho: 0.5, epsilon: 1e-3, weightDecay: 0.01 }],
    adam: [
      optimizers.adam({ clipvalue: 1, useEma: true }),
      { beta1: 0.5, beta2: 0.9, clipvalue: 0.1, emaMomentum: 0.5 },
    ],
    adadelta: [optimizers.adadelta({ globalClipnorm: 1 }), { rho: 0.9, globalClipnorm: 0.5 }],
    ftrl: [optimizers.ftrl(), { l1RegularizationStrength: 0.1, learningRatePower: -0.25 }],
    muon: [optimizers.muon(), { momentum: 0.5, muonA: 3, adamBeta1: 0.5 }],
  };

  it.each(Object.keys(all))('of %s change without compiling anew, and do what they would have done', async (name) => {
    const [optimizer, changes] = all[name] as (typeof all)[string];
    const weights = () => [
      new Variable(
        tensor([
          [1, -2],
          [0.5, 3],
        ]),
        { name: 'kernel' },
      ),
      new Variable(tensor([1, 2]), { name: 'bias' }),
    ];
    const given = [
      tensor([
        [3, 4],
        [-1, 2],
      ]),
      tensor([0.5, -2]),
    ] as const;
    const [changing, fixed] = [weights(), weights()];
    const step = stepOf(optimizer, changing);
    optimizer.set(changes);
    const load = vi.spyOn(await currentEngine(), 'load');
    await step(...given);
    const compiled = load.mock.calls.length;
    const other = optimizerFromConfig(JSON.parse(JSON.stringify(optimizer.serialize())));
    for (const [option, value] of Object.entries(changes)) expect(other.get(option)).toBeCloseTo(value, 7);
    await stepOf(other, fixed)(...given);
    for (const [i, weight] of changing.entries())
      expect(await weight.tensor.data()).toEqual(await (fixed[i] as Variable).tensor.data());
    // And between steps, where the Program is there already.
    const before = load.mock.calls.length;
    expect(compiled).toBeGreaterThan(0);
    for (const [option, value] of Object.entries(changes)) {
      optimizer.set({ [option]: value * 0.75 });
      await step(...given);
    }
    expect(load.mock.calls.length).toBe(before);
  });

  it('reach a running fit', async () => {
    const model = models.sequential([layers.input([2]), layers.dense({ units: 1, kernelInitializer: 'ones' })]);
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }), loss: 'mse' });
    const load = vi.spyOn(await currentEngine(), 'load');
    const data = [tensor([[1, 2]]), tensor([[0]])] as const;
    await model.fit(...data, { verbose: 0 });
    const before = load.mock.calls.length;
    model.optimizer.set({ learningRate: 0, momentum: 0.0001 });
    const weights = await model.getWeights();
    await model.fit(...data, { verbose: 0 });
    const after = await model.getWeights();
    // No rate, and hardly any of the momentum.
    after.forEach((values, i) => {
      values.forEach((value, k) => {
        expect(Math.abs(value - (weights[i]?.[k] as number))).toBeLessThan(1e-3);
      });
    });
    expect(load.mock.calls.length).toBe(before);
  });

  it('refuse what would make another step, and what is out of range', () => {
    const messageOf = (body: () => void): string => {
      try {
        body();
      } catch (error) {
        if (error instanceof FoveaError) return error.message.split('\n')[0] as string;
      }
      return 'no error';
    };
    const sgd = optimizers.sgd();
    expect(messageOf(() => sgd.set({ momentum: 0.9 }))).toBe('SGD: momentum cannot be changed.');
    expect(messageOf(() => sgd.set({ clipnorm: 1 }))).toBe('SGD: clipnorm cannot be changed.');
    expect(messageOf(() => sgd.set({ nesterov: 1 }))).toBe('SGD: nesterov cannot be changed.');
    const adam = optimizers.adam({ gradientAccumulationSteps: 2 });
    expect(messageOf(() => adam.set({ gradientAccumulationSteps: 4 }))).toContain('cannot be changed');
    expect(messageOf(() => adam.set({ beta1: 1.5 }))).toBe('Adam: beta1 must be a number from 0 to 1; got 1.5.');
    const moving = optimizers.sgd({ momentum: 0.9 });
    expect(messageOf(() => moving.set({ momentum: 0 }))).toBe(
      'SGD: momentum must be a number from 0 to 1, and not 0 from now on; got 0.',
    );
    moving.set({ momentum: 0.5 });
    expect([moving.get('momentum'), moving.getConfig().momentum]).toEqual([0.5, 0.5]);
  });
});
