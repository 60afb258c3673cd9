// Kim: the Fashion-MNIST network. A helper holds what all convolutions share (3x3, ReLU, SAME); the first one is 7x7.
// After each of three pools the maps halve and the filters double; two dense layers with dropout, then ten classes.
import { type Layer, layers, models } from 'fovea';
import { sizes } from './lib.js';

const conv = (name: string, filters: number, kernelSize = 3): Layer =>
  layers.conv2d({ name, filters, kernelSize, activation: 'relu', padding: 'same' });
const pool = (name: string): Layer => layers.maxPooling2d({ name, poolSize: 2 });

const model = models.sequential(
  [
    layers.input([28, 28, 1]),
    conv('conv1', 64, 7),
    pool('pool1'),
    conv('conv2', 128),
    conv('conv3', 128),
    pool('pool2'),
    conv('conv4', 256),
    conv('conv5', 256),
    pool('pool3'),
    layers.flatten({ name: 'flatten' }),
    layers.dense({ name: 'dense1', units: 128, activation: 'relu' }),
    layers.dropout({ name: 'dropout1', rate: 0.5 }),
    layers.dense({ name: 'dense2', units: 64, activation: 'relu' }),
    layers.dropout({ name: 'dropout2', rate: 0.5 }),
    layers.dense({ name: 'softmax', units: 10, activation: 'softmax' }),
  ],
  { name: 'fashion' },
);
for (const layer of model.layers) {
  const output = sizes(layer.calls[0]?.outputs[0]?.shape.slice(1) as number[]);
  console.log(`${layer.name.padEnd(9)} ${output.padEnd(10)} ${layer.countParams()}`);
}
const trainable = model.trainableWeights.reduce((total, { size }) => total + size, 0);
console.log(`total ${model.countParams().toLocaleString('en')}, trainable ${trainable.toLocaleString('en')}`);
console.log(model.summary({ lineLength: 72 }));
