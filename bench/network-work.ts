// fovea's side of a whole network (./networks.ts): `predict`, array in and array out, and `fit`, with their copies.
import { losses, optimizers } from '../src/index.js';
import { drawWeights, networkOf } from './networks.js';
import { numbers } from './numbers.js';
import type { NetworkWork } from './work.js';

/** A work that is ready. */
export interface Ready {
  results(): Promise<readonly ArrayLike<number>[]>;
  run(steps: number): Promise<unknown>;
  drop(): void;
}

const float32 = (data: Float32Array, shape: readonly number[]) => ({ data, shape, dtype: 'float32' as const });

/** The same batch so many times. */
function repeated<A extends Float32Array | Int32Array>(batch: A, times: number): A {
  const all = new (batch.constructor as new (size: number) => A)(batch.length * times);
  for (let i = 0; i < times; i++) all.set(batch, i * batch.length);
  return all;
}

export async function wholeNetwork({ network, batch, isTraining, checkedSteps }: NetworkWork): Promise<Ready> {
  const { make, scale, learningRate, target } = networkOf(network);
  const model = make();
  drawWeights(model);
  const sizesOf = ({ shape }: { shape: readonly (number | null)[] } = { shape: [] }) => shape.slice(1) as number[];
  const input = sizesOf(model.inputs[0]);
  const pixels = numbers(1, [batch, ...input]).map((value) => value * scale);
  const x = float32(pixels, [batch, ...input]);
  const drop = (): void => undefined;
  if (!isTraining) {
    return {
      results: async () => [(await model.predict(x)).data],
      async run(steps) {
        for (let step = 0; step < steps; step++) await model.predict(x);
      },
      drop,
    };
  }
  const options = { optimizer: optimizers.sgd({ learningRate, momentum: 0.9 }) };
  const mask = [batch, ...sizesOf(model.outputs[0])];
  const classes = Int32Array.from({ length: batch }, (_, i) => (i * 37) % 1000);
  const pixelsOf = numbers(2, mask).map((value) => (value > 0 ? 1 : 0));
  const labels = (times: number) =>
    target === 'class'
      ? { data: repeated(classes, times), shape: [batch * times], dtype: 'int32' as const }
      : float32(repeated(pixelsOf, times), [batch * times, ...mask.slice(1)]);
  model.compile({
    ...options,
    loss:
      target === 'class'
        ? losses.sparseCategoricalCrossentropy({ fromLogits: true })
        : losses.binaryCrossentropy({ fromLogits: true }),
  });
  return {
    async results() {
      const found: number[] = [];
      for (let step = 0; step < checkedSteps; step++) {
        found.push((await model.trainOnBatch(x, labels(1))).loss ?? Number.NaN);
      }
      return [found];
    },
    run: (steps) =>
      model.fit(float32(repeated(pixels, steps), [batch * steps, ...input]), labels(steps), {
        batchSize: batch,
        shuffle: false,
        verbose: 0,
      }),
    drop,
  };
}
