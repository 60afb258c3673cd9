// SENet-154: the count that is known of it, the names and shapes that its weights circulate under, and its stem.
import { expect, test } from 'vitest';
import '../../src/engine/install.js';
import { hostArray, models, zoo } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import type { SymbolicTensor } from '../../src/nn/symbolic.js';
import { senet } from '../../src/zoo/torchvision/senet.js';

const trainable = (model: TrainableModel): number => model.trainableWeights.reduce((sum, { size }) => sum + size, 0);
const kernel = (model: TrainableModel, name: string): readonly number[] | undefined =>
  model.getLayer(name).weights[0]?.shape;

test('SENet-154 has 115,088,984 parameters', () => {
  const model = zoo.create('SENet-154');
  expect(trainable(model)).toBe(115_088_984);
  expect(model.outputShape).toEqual([null, 1000]);
  const order = zoo.torchvision.stateOrder(model) ?? [];
  expect(order.slice(0, 6)).toEqual([1, 2, 3].flatMap((i) => [`layer0.conv${i}`, `layer0.bn${i}`]));
  expect(order.slice(-4)).toEqual(['layer4.2.bn3', 'layer4.2.se_module.fc1', 'layer4.2.se_module.fc2', 'last_linear']);
  expect([0, 1, 2, 3].map((stage) => order.filter((name) => name.startsWith(`layer${stage + 1}.`)).length)).toEqual(
    // Eight of each block, two of each projection.
    [3, 8, 36, 3].map((depth) => 8 * depth + 2),
  );
});

test('widths, groups and projections', () => {
  const model = zoo.torchvision.senet154({ includeTop: false });
  expect(model.outputShape).toEqual([null, null, null, 2048]);
  expect(kernel(model, 'layer2.1.conv1')).toEqual([1, 1, 512, 256]);
  expect(kernel(model, 'layer2.1.conv2')).toEqual([3, 3, 4, 512]);
  expect(kernel(model, 'layer2.1.conv3')).toEqual([1, 1, 512, 512]);
  expect(kernel(model, 'layer2.1.se_module.fc1')).toEqual([1, 1, 512, 32]);
  expect(kernel(model, 'layer1.0.downsample.0')).toEqual([1, 1, 128, 256]);
  expect(kernel(model, 'layer2.0.downsample.0')).toEqual([3, 3, 256, 512]);
});

test.each([64, 65, 67])('the stem of %i pixels ends with the window that reaches over the edge', async (size) => {
  const stem = (model: models.Model): models.Model => {
    const [outputs] = model.getLayer('layer1.0.conv1').calls[0]?.inputs ?? [];
    return new models.Model({ inputs: model.inputs, outputs: outputs as SymbolicTensor });
  };
  const options = { includeTop: false } as const;
  const known = stem(senet('known', [1, 1, 1, 1], { ...options, inputShape: [size, size, 3] }));
  const unknown = stem(senet('unknown', [1, 1, 1, 1], options));
  // Half the size, then windows of three every second pixel, until one ends at or after the edge.
  const side = Math.ceil((Math.ceil(size / 2) - 3) / 2) + 1;
  expect(known.outputShape).toEqual([null, side, side, 128]);
  unknown.setWeights(await known.getWeights());
  const x = hostArray(
    Float32Array.from({ length: size * size * 3 }, (_, i) => Math.sin(i * i)),
    [1, size, size, 3],
  );
  const [{ data, shape }, other] = await Promise.all([known.predict(x), unknown.predict(x)]);
  expect(other.shape).toEqual(shape);
  expect(other.data).toEqual(data);
});
