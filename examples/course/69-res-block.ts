// Ng: a residual block computes g(z[l+2] + a[l]). With weights and biases of 0 and a >= 0 it gives a: nothing is lost by going
// deeper. Where the size changes, Ws makes a fit: g(z[l+2] + Ws a[l]) (printed W_l).
import { layers, models, zoo } from 'fovea';
import { sizes } from './lib.js';

const conv = (filters: number, strides = 1) =>
  layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', kernelInitializer: 'zeros' });

const a = layers.input([8, 8, 4]);
const z = conv(4).apply(layers.relu().apply(conv(4).apply(a)));
const block = models.model({ inputs: a, outputs: layers.relu().apply(layers.add().apply([z, a])) });
const x = { data: Float32Array.from({ length: 256 }, (_, i) => i % 7), shape: [1, 8, 8, 4], dtype: 'float32' } as const;
const { data } = await block.predict(x);
console.log(`weights 0: the block gives its input: ${x.data.every((value, i) => value === data[i])}`);

const smaller = conv(8, 2).apply(a);
const fitted = layers.conv2d({ filters: 8, kernelSize: 1, strides: 2, useBias: false, name: 'Ws' }).apply(a);
const other = models.model({ inputs: a, outputs: layers.relu().apply(layers.add().apply([smaller, fitted])) });
console.log(
  `another size: ${sizes(other.outputShape.slice(1) as number[])} by Ws of ${sizes(other.getLayer('Ws').weights[0]?.shape ?? [])}`,
);
console.log(`ResNet-50: ${zoo.resnet50().countParams().toLocaleString('en')} parameters`);
