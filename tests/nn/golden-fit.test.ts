// `fit` and `evaluate` against Keras: the history, the scores and the weights of three epochs, on this machine's engine.
import { describe, expect, it } from 'vitest';
import { layers, models } from '../../src/index.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { optimizerFromConfig } from '../../src/nn/optimizers.js';
import { goldenFolder, readGolden } from './golden.js';
import { arraysOf, type GoldenObject, toKeras } from './golden-training.js';

interface Run {
  readonly optimizer: GoldenObject;
  readonly loss: string;
  readonly metrics: readonly string[];
  readonly layers: readonly GoldenObject[];
  readonly frozen?: readonly number[];
  readonly one_hot?: boolean;
  readonly sample_weight?: boolean;
  readonly fit: { batch_size: number; epochs: number; shuffle: boolean; validation_split?: number };
  readonly history: Record<string, number[]>;
  readonly evaluate: Record<string, number>;
}

const RUNS = ['plain', 'validation', 'regularised', 'frozen', 'accumulate', 'ema'];

describe.skipIf(goldenFolder === undefined)('fit, as Keras does it', () => {
  for (const name of RUNS) {
    it(name, async () => {
      const run = readGolden<Run>(`training/fit-${name}.json`);
      const arrays = arraysOf(`training/fit-${name}.safetensors`);
      const data = arraysOf('training/data.safetensors');
      const stack = run.layers.map(({ class: className, args }) =>
        layerFromConfig(className, toKeras(args) as Record<string, unknown>),
      );
      const model = models.sequential([layers.input([8, 8, 2]), ...stack]);
      for (const index of run.frozen ?? []) (stack[index] as (typeof stack)[0]).trainable = false;
      model.weights.forEach((weight, i) => {
        weight.set((arrays.get(`initial/${i}`) as Float32Array).slice());
      });
      model.compile({ optimizer: optimizerFromConfig(toKeras(run.optimizer)), loss: run.loss, metrics: run.metrics });
      const classes = Int32Array.from(data.get('y') as Float32Array);
      const x = { data: data.get('x') as Float32Array, shape: [60, 8, 8, 2], dtype: 'float32' } as const;
      const y = run.one_hot
        ? ({
            data: Float32Array.from({ length: 180 }, (_, i) => Number(classes[Math.floor(i / 3)] === i % 3)),
            shape: [60, 3],
            dtype: 'float32',
          } as const)
        : ({ data: classes, shape: [60], dtype: 'int32' } as const);
      const weights = { data: data.get('sample_weight') as Float32Array, shape: [60], dtype: 'float32' } as const;
      const { history } = await model.fit(x, y, {
        batchSize: run.fit.batch_size,
        epochs: run.fit.epochs,
        shuffle: run.fit.shuffle,
        verbose: 0,
        ...(run.fit.validation_split === undefined ? {} : { validationSplit: run.fit.validation_split }),
        ...(run.sample_weight ? { sampleWeight: weights } : {}),
      });
      expect(Object.keys(history).sort()).toEqual(Object.keys(run.history).sort());
      for (const [metric, want] of Object.entries(run.history)) {
        want.forEach((value, epoch) => {
          expect(
            Math.abs((history[metric]?.[epoch] as number) - value),
            `${metric} of epoch ${epoch + 1}`,
          ).toBeLessThanOrEqual(1e-4);
        });
      }
      const scores = await model.evaluate(x, y, { batchSize: run.evaluate.batch_size as number });
      for (const metric of ['loss', 'accuracy']) {
        expect(
          Math.abs((scores[metric] as number) - (run.evaluate[metric] as number)),
          `evaluated ${metric}`,
        ).toBeLessThanOrEqual(1e-4);
      }
      const got = await model.getWeights();
      got.forEach((values, i) => {
        const want = arrays.get(`final/${i}`) as Float32Array;
        const worst = values.reduce((most, value, at) => Math.max(most, Math.abs(value - (want[at] as number))), 0);
        expect(worst, `weight ${i}`).toBeLessThanOrEqual(1e-4);
      });
    });
  }
});
