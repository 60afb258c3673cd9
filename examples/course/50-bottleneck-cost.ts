// Ng: a 1x1 convolution as a bottleneck. 28x28x192 to 32 maps by 5x5 filters, directly, and through 16 maps: a tenth of
// the multiplications for an output of the same shape.
import { layers, models } from 'fovea';

const input = layers.input([28, 28, 192]);
const direct = layers.conv2d({ filters: 32, kernelSize: 5, padding: 'same', useBias: false });
const narrow = layers.conv2d({ filters: 16, kernelSize: 1, useBias: false });
const wide = layers.conv2d({ filters: 32, kernelSize: 5, padding: 'same', useBias: false });
const model = models.model({ inputs: input, outputs: [direct.apply(input), wide.apply(narrow.apply(input))] });
console.log(`outputs ${model.outputs.map(({ shape }) => shape.slice(1).join('x')).join(' and ')}`);

const costs = model.cost().layers;
const [all, first, second] = [direct, narrow, wide].map(
  ({ name }) => costs.find((each) => each.name === name)?.multiplications,
) as [number, number, number];
const grouped = (count: number): string => count.toLocaleString('en');
console.log(`direct: ${grouped(all)} multiplications`);
console.log(`through 16 maps: ${grouped(first)} + ${grouped(second)} = ${grouped(first + second)}`);
console.log(`share ${((first + second) / all).toFixed(3)}`);
