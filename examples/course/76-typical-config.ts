// Kim: what is usual: stride 1 (at most 2), padding that keeps the size, square inputs, powers of two, kernels of 3x3 or 5x5.
// A checker tells which layers of a network are not: the lecture's Fashion-MNIST network fails by its 7x7 alone.
import { type models, zoo } from 'fovea';

interface Config {
  readonly kernel_size?: readonly number[];
  readonly strides?: readonly number[];
  readonly padding?: string;
  readonly filters?: number;
}

function unusual(model: models.TrainableModel): string[] {
  const [, height, width] = model.inputShape;
  const found = height === width ? [] : [`input ${height}x${width} is not square`];
  for (const layer of model.layers) {
    if (layer.className !== 'Conv2D') continue;
    const { kernel_size: kernel = [], strides = [], padding, filters = 0 } = layer.getConfig() as Config;
    if (kernel.some((side) => side !== 3 && side !== 5)) found.push(`${layer.name}: kernel ${kernel.join('x')}`);
    if (strides.some((stride) => stride > 2)) found.push(`${layer.name}: stride ${strides[0]}`);
    if (padding !== 'same') found.push(`${layer.name}: padding ${padding}`);
    if (!Number.isInteger(Math.log2(filters))) found.push(`${layer.name}: ${filters} filters`);
  }
  return found;
}

for (const [name, model] of [
  ["the lecture's network", zoo.lectureCnn()],
  ['VGG16', zoo.vgg16()],
  ['AlexNet', zoo.classics.alexnet()],
] as const) {
  const found = unusual(model);
  console.log(`${name}: ${found.length === 0 ? 'as usual' : found.join('; ')}`);
}
