// Training steps of a model's own: what they are given, several optimizers, losses and metrics of their own, one Program.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { currentEngine } from '../../src/engine/current.js';
import {
  abs,
  add,
  type CompileOptions,
  dropout,
  type FoveaError,
  Layer,
  layers,
  log,
  mean,
  models,
  multiply,
  optimizers,
  randomNormal,
  type StepBatch,
  type StepLogs,
  setRandomSeed,
  sigmoid,
  square,
  subtract,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { Mean } from '../../src/nn/metrics.js';

const x = tensor(
  Float32Array.from({ length: 24 }, (_, i) => ((i * 37) % 41) / 41 - 0.5),
  { shape: [8, 3] },
);
const y = tensor(
  Float32Array.from({ length: 8 }, (_, i) => (i % 3) - 1),
  { shape: [8, 1] },
);
const quiet = { verbose: 0, batchSize: 4 } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

const graph = () => {
  const input = layers.input([3]);
  const hidden = layers.dropout({ rate: 0.25 }).apply(layers.dense({ units: 4, activation: 'tanh' }).apply(input));
  return { inputs: input, outputs: layers.dense({ units: 1 }).apply(hidden) };
};

/** The default step, written out. */
class Written extends models.Model {
  override trainStep(batch: StepBatch): StepLogs {
    const prediction = this.apply(batch.x);
    const loss = mean(square(subtract(prediction, batch.y)));
    this.optimizer.minimize(loss, this.trainableWeights);
    return { loss, distance: mean(abs(subtract(prediction, batch.y))) };
  }
}

describe('trainStep', () => {
  it('does what the default does where it says the same', async () => {
    const train = async (Class: typeof models.Model) => {
      setRandomSeed(11);
      const model = new Class(graph());
      model.compile({ optimizer: 'adam', loss: 'mse' });
      const { history } = await model.fit(x, y, { ...quiet, epochs: 3 });
      return { weights: await model.getWeights(), history };
    };
    const [own, usual] = [await train(Written), await train(models.Model)];
    expect(own.weights).toEqual(usual.weights);
    expect(Object.keys(own.history)).toEqual(['loss', 'distance']);
    // A scalar that is reported is the last batch's; the default's loss is the epoch's mean.
    expect(own.history.loss?.[0]).not.toBe(usual.history.loss?.[0]);
  });

  it('reports the last batch of scalars and the mean of metrics, and keeps the values of tests apart', async () => {
    class Reporting extends models.Model {
      readonly total = new Mean('total');
      readonly dense = layers.dense({ units: 1, kernelInitializer: 'zeros' });
      override call([input]: readonly [Tensor]): Tensor {
        return this.dense.apply(input);
      }
      override trainStep(batch: StepBatch): StepLogs {
        const value = mean(batch.y);
        this.total.update(value);
        return { value, total: this.total };
      }
      override testStep(batch: StepBatch): StepLogs {
        return { seen: mean(square(subtract(this.apply(batch.x), batch.y))) };
      }
    }
    const model = new Reporting();
    model.compile();
    const labels = tensor([[1], [1], [1], [1], [3], [3], [3], [3]]);
    const { history } = await model.fit(x, labels, {
      ...quiet,
      epochs: 2,
      shuffle: false,
      validationData: { x, y: labels },
    });
    // The mean is set back with every epoch.
    expect(history).toEqual({ value: [3, 3], total: [2, 2], val_seen: [9, 9] });
    expect(model.metrics.map(({ name }) => name)).toEqual(['loss', 'total']);
  });

  it('may have several optimizers, which move only what they are given', async () => {
    class Pair extends models.Model {
      readonly maker = layers.dense({ units: 3, name: 'maker' });
      readonly judge = layers.dense({ units: 1, name: 'judge' });
      private judgeOptimizer = optimizers.adam();
      private makerOptimizer = optimizers.sgd();

      override compile(options: CompileOptions & { judgeRate: number; makerRate: number }): void {
        super.compile();
        this.judgeOptimizer = optimizers.adam({ learningRate: options.judgeRate });
        this.makerOptimizer = optimizers.sgd({ learningRate: options.makerRate });
      }

      override call([noise]: readonly [Tensor]): Tensor {
        return this.maker.apply(noise);
      }

      override trainStep(batch: StepBatch): StepLogs {
        const { key, stream } = batch.random();
        const fake = this.maker.apply(randomNormal([batch.size, 2], key, { stream }));
        const score = (made: Tensor): Tensor => sigmoid(this.judge.apply(made));
        const judgeLoss = mean(multiply(add(log(score(batch.x)), log(subtract(1, score(fake)))), -1));
        this.judgeOptimizer.minimize(judgeLoss, this.judge.trainableWeights);
        const makerLoss = mean(multiply(log(score(fake)), -1));
        this.makerOptimizer.minimize(makerLoss, this.maker.trainableWeights);
        return { judgeLoss, makerLoss };
      }
    }
    const run = async (rates: { judgeRate: number; makerRate: number }) => {
      setRandomSeed(2);
      const model = new Pair();
      await model.predict(tensor(new Float32Array(2), { shape: [1, 2] }));
      model.judge.apply(x);
      const before = [await model.maker.getWeights(), await model.judge.getWeights()];
      model.compile(rates);
      const { history } = await model.fit(x, undefined, { ...quiet, epochs: 2 });
      expect(Object.keys(history)).toEqual(['judgeLoss', 'makerLoss']);
      return { before, after: [await model.maker.getWeights(), await model.judge.getWeights()] };
    };
    const judge = await run({ judgeRate: 0.1, makerRate: 0 });
    expect(judge.after[0]).toEqual(judge.before[0]);
    expect(judge.after[1]).not.toEqual(judge.before[1]);
    const maker = await run({ judgeRate: 0, makerRate: 0.1 });
    expect(maker.after[0]).not.toEqual(maker.before[0]);
    expect(maker.after[1]).toEqual(maker.before[1]);
  });

  it('is one Program, compiled once per batch shape', async () => {
    const model = new Written(graph());
    model.compile({ optimizer: 'adam' });
    const load = vi.spyOn(await currentEngine(), 'load');
    await model.fit(x, y, { ...quiet, epochs: 1 });
    // The step, and the Program that reads what it reports.
    const first = load.mock.calls.length;
    expect(first).toBeLessThanOrEqual(3);
    await model.fit(x, y, { ...quiet, epochs: 4 });
    expect(load.mock.calls.length).toBe(first);
  });

  it('draws other random numbers in every step, and the same after the same seed', async () => {
    class Drawing extends models.Model {
      readonly dense = layers.dense({ units: 1 });
      override call([input]: readonly [Tensor]): Tensor {
        return this.dense.apply(input);
      }
      override trainStep(batch: StepBatch): StepLogs {
        const { key, stream } = batch.random();
        return { drawn: mean(dropout(batch.x, 0.5, key, { stream })), loss: mean(this.apply(batch.x)) };
      }
    }
    const draw = async (): Promise<number[]> => {
      setRandomSeed(21);
      const model = new Drawing();
      model.compile();
      const { history } = await model.fit(x, undefined, { verbose: 0, batchSize: 8, shuffle: false, epochs: 3 });
      return history.drawn as number[];
    };
    const drawn = await draw();
    expect(new Set(drawn).size).toBe(3);
    expect(await draw()).toEqual(drawn);
  });

  it('changes nothing where a loss is not finite, and says so', async () => {
    class Breaking extends Written {
      override trainStep(batch: StepBatch): StepLogs {
        const loss = log(mean(multiply(this.apply(batch.x), 0)));
        this.optimizer.minimize(add(loss, mean(square(this.apply(batch.x)))), this.trainableWeights);
        return { loss };
      }
    }
    const model = new Breaking(graph());
    model.compile();
    const before = await model.getWeights();
    await expect(model.fit(x, y, quiet)).rejects.toThrow('fit: the loss is not a number in epoch 1, step 1.');
    expect(await model.getWeights()).toEqual(before);
  });

  it('says what is wrong in it', async () => {
    const failing = async (step: (model: models.Model, batch: StepBatch) => StepLogs): Promise<string> => {
      class Failing extends models.Model {
        override trainStep(batch: StepBatch): StepLogs {
          return step(this, batch);
        }
      }
      const model = new Failing(graph());
      model.compile();
      return model.fit(x, undefined, quiet).then(
        () => 'no error',
        (error: FoveaError) => error.message,
      );
    };
    expect(await failing((model, { x: input }) => ({ out: model.apply(input) }))).toBe(
      'trainStep: "out" is to be reported and must be a scalar; it is [4,1].\n  Average it: mean(value).',
    );
    expect(await failing((_, { y: labels }) => ({ out: mean(labels) }))).toBe(
      'fit: a step wants labels; the data has none.\n  Pass y, or data that has labels.',
    );
    expect(
      await failing((model, { x: input }) => {
        model.optimizer.minimize(mean(input), model.trainableWeights);
        return {};
      }),
    ).toBe(
      'minimize: the loss depends on none of the 4 weights.\n  Compute the loss in the step itself, after the last update of these weights.',
    );
  });
});

describe('other parts of a step', () => {
  it('computeLoss replaces the loss', async () => {
    class Tripled extends models.Model {
      override computeLoss(batch: StepBatch, predictions: readonly Tensor[]): Tensor {
        return multiply(super.computeLoss(batch, predictions), 3);
      }
    }
    const input = layers.input([3]);
    const model = new Tripled({ inputs: input, outputs: layers.dense({ units: 1 }).apply(input) });
    model.compile({ loss: 'mse', metrics: ['mse'] });
    const { loss, mse } = await model.evaluate(x, y);
    expect(loss).toBeCloseTo((mse as number) * 3, 5);
  });

  it('computeMetrics adds to what is reported', async () => {
    class Measured extends models.Model {
      readonly worst = new Mean('worst');
      override computeMetrics(batch: StepBatch, predictions: readonly Tensor[]): StepLogs {
        this.worst.update(abs(subtract(predictions[0] as Tensor, batch.y)));
        return super.computeMetrics(batch, predictions);
      }
    }
    const input = layers.input([3]);
    const model = new Measured({ inputs: input, outputs: layers.dense({ units: 1 }).apply(input) });
    model.compile({ loss: 'mae' });
    const { loss, worst } = await model.evaluate(x, y);
    expect(worst).toBeCloseTo(loss as number, 6);
  });

  it('predictStep replaces the prediction', async () => {
    class Doubled extends models.Model {
      override predictStep(batch: StepBatch): Tensor {
        return multiply(this.apply(batch.x), 2);
      }
    }
    const input = layers.input([3]);
    const model = new Doubled({ inputs: input, outputs: layers.dense({ units: 1 }).apply(input) });
    expect((await model.predict(x)).data).toEqual((await model.apply(x).data()).map((value) => value * 2));
  });

  it('layers report metrics of their own', async () => {
    class Gauge extends Layer {
      static override readonly className = 'Gauge';
      override call([input]: readonly [Tensor]): Tensor {
        this.addMetric(mean(input), { name: 'level' });
        return input;
      }
    }
    const model = models.sequential([layers.input([1]), new Gauge(), layers.dense({ units: 1 })]);
    model.compile({ loss: 'mse' });
    const data = tensor([[1], [2], [3], [6]]);
    const { history } = await model.fit(data, data, { verbose: 0, batchSize: 2, shuffle: false, epochs: 2 });
    expect(history.level).toEqual([3, 3]);
    expect((await model.evaluate(data, data)).level).toBe(3);
    expect((await model.predict(data)).shape).toEqual([4, 1]);
  });

  it('a loss may come from layers alone', async () => {
    class Pull extends Layer {
      static override readonly className = 'Pull';
      override call([input]: readonly [Tensor]): Tensor {
        this.addLoss(mean(square(input)));
        return input;
      }
    }
    const model = models.sequential([layers.input([3]), layers.dense({ units: 2 }), new Pull()]);
    model.compile({ optimizer: 'adam' });
    const { history } = await model.fit(x, undefined, { ...quiet, epochs: 5 });
    expect((history.loss?.[4] as number) < (history.loss?.[0] as number)).toBe(true);
    const none = models.sequential([layers.input([3]), layers.dense({ units: 2 })]);
    none.compile();
    await expect(none.fit(x, undefined, quiet)).rejects.toThrow('compile: no loss was given.');
  });
});
