// Chollet, listings 5.1 and 5.2: a small convnet for 28x28 digits, 3x3 convolutions without padding between pools of 2,
// then a dense classifier on top. (36,928 parameters stand there twice by chance.)
import { layers, models } from 'fovea';
import { sizes } from './lib.js';

const model = models.sequential([
  layers.input([28, 28, 1]),
  layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
  layers.maxPooling2d({ poolSize: 2 }),
  layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
  layers.maxPooling2d({ poolSize: 2 }),
  layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
]);
console.log(`convolutional base: ${model.countParams().toLocaleString('en')} parameters`);

model.add(layers.flatten());
model.add(layers.dense({ units: 64, activation: 'relu' }));
model.add(layers.dense({ units: 10, activation: 'softmax' }));
for (const layer of model.layers) {
  const output = sizes(layer.calls.at(-1)?.outputs[0]?.shape.slice(1) as number[]);
  console.log(`${layer.name.padEnd(16)} ${output.padEnd(9)} ${layer.countParams()}`);
}
console.log(`total ${model.countParams().toLocaleString('en')}`);
