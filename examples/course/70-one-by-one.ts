// Ng: a 1x1 convolution is a dense layer applied to every pixel: 28x28x192 by 32 filters gives 28x28x32, the same numbers.
import { layers, models } from 'fovea';
import { sizes } from './lib.js';

const input = layers.input([28, 28, 192]);
const conv = layers.conv2d({ filters: 32, kernelSize: 1, activation: 'relu', name: 'conv' });
const dense = layers.dense({ units: 32, activation: 'relu', name: 'dense' });
const model = models.model({ inputs: input, outputs: [conv.apply(input), dense.apply(input)] });
const shared = await conv.weights[0]?.elements();
if (shared !== undefined) dense.weights[0]?.set(shared);

const data = Float32Array.from({ length: 28 * 28 * 192 }, (_, i) => Math.sin(i));
const { outputs } = await model.predict({ data, shape: [1, 28, 28, 192], dtype: 'float32' });
const [first, second] = outputs.map((each) => each.data) as [Float32Array, Float32Array];
const apart = first.reduce((most, value, i) => Math.max(most, Math.abs(value - (second[i] as number))), 0);
console.log(`outputs ${outputs.map(({ shape }) => sizes(shape.slice(1))).join(' and ')}`);
console.log(`parameters ${conv.countParams()} and ${dense.countParams()}, the same numbers: ${apart < 1e-5}`);
