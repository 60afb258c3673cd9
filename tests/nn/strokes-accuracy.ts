// How well a small network learns drawn strokes under a policy: what narrow numbers may cost.
import {
  type DtypePolicyName,
  datasets,
  layers,
  models,
  optimizers,
  scale,
  setDtypePolicy,
  setRandomSeed,
} from '../../src/index.js';

/** The accuracy after six epochs; leaves the policy set. */
export async function strokesAccuracy(policy: DtypePolicyName, headDtype: DtypePolicyName = policy): Promise<number> {
  const { train, test } = await datasets.strokes({ count: 600, testCount: 200, seed: 1 });
  setDtypePolicy(policy);
  setRandomSeed(3);
  const model = models.sequential([
    layers.input([28, 28, 1]),
    layers.conv2d({ filters: 8, kernelSize: 5, padding: 'same', activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.conv2d({ filters: 16, kernelSize: 3, strides: 2, activation: 'relu' }),
    layers.batchNormalization({ momentum: 0.8 }),
    layers.flatten(),
    layers.dense({ units: 10, activation: 'softmax', dtype: headDtype }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 0.005 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  });
  await model.fit(scale(train.x), train.y, { epochs: 6, batchSize: 30, verbose: 0 });
  return (await model.evaluate(scale(test.x), test.y)).accuracy as number;
}
