// Ng: fine-tune the last layers. The base is made trainable, the layers before one are frozen again, and the model is compiled
// anew with a much lower rate, for a few epochs. Of MobileNetV2's 154 layers the course lets those from number 120 on learn.
import { layers, models, optimizers, setRandomSeed, zoo } from 'fovea';
import { flowerBase, flowerParts, side } from './flowers.js';

function unfreezeFrom(base: models.Model, first: number): void {
  base.trainable = true;
  for (const layer of base.layers.slice(0, first)) layer.trainable = false;
}
const parameters = (model: models.Model): string =>
  model.trainableWeights.reduce((sum, { size }) => sum + size, 0).toLocaleString('en');
function around(base: models.Model, pixels: number, units: number): models.Model {
  const inputs = layers.input([pixels, pixels, 3]);
  const scaled = layers.rescaling({ scale: 1 / 127.5, offset: -1 }).apply(inputs);
  const mean = layers.globalAveragePooling2d().apply(base.apply(scaled, { training: false }));
  return models.model({ inputs, outputs: layers.dense({ units }).apply(mean) });
}

setRandomSeed(1);
const usual = zoo.mobilenetV2({ includeTop: false, inputShape: [160, 160, 3] });
unfreezeFrom(usual, 120);
console.log(
  `MobileNetV2: ${usual.layers.length} layers; from 120 on ${parameters(around(usual, 160, 1))} parameters train`,
);

const { train } = await flowerParts();
const base = await flowerBase();
unfreezeFrom(base, 74);
const model = around(base, side, 5);
const first = await base.getLayer('conv1').getWeights();
const last = await base.getLayer('conv_pw_13').getWeights();
// A tenth of the usual rate, and the base at a tenth of that.
const optimizer = optimizers.adam({ learningRate: 1e-4 });
optimizer.setRateFactor(base.weights, 0.1);
model.compile({ optimizer, loss: 'meanSquaredError' });
const targets = {
  data: Float32Array.from({ length: 5 * train.length }, (_, i) => Number(train.y.data[Math.floor(i / 5)] === i % 5)),
  shape: [train.length, 5],
  dtype: 'float32' as const,
};
await model.fit(train.x, targets, { epochs: 1, verbose: 0 });
const isSame = async (name: string, before: readonly Float32Array[]): Promise<boolean> => {
  const after = await base.getLayer(name).getWeights();
  return before.every((each, i) => each.every((value, k) => value === after[i]?.[k]));
};
console.log(
  `the first convolution is as it was: ${await isSame('conv1', first)}; the last one: ${await isSame('conv_pw_13', last)}`,
);
