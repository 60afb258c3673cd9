// Lee and Kim: the area of the input that one output sees. Each layer widens it by (f - 1) times the product of the
// strides before it. Checked by gradients: on a picture a little larger than the field, the pixels that move one output.
import { abs, any, averagePool2d, conv2d, grad, greater, type models, ones, slice, sum, type Tensor, zoo } from 'fovea';

interface Window {
  readonly size: number;
  readonly stride: number;
  readonly isPool: boolean;
}

/** The convolutions and pools of a model, up to the dense layers. */
function windowsOf(model: models.Sequential): Window[] {
  return model.layers.flatMap((layer) => {
    const {
      kernel_size: kernel,
      pool_size: pool,
      strides,
    } = layer.getConfig() as Record<string, [number, number] | undefined>;
    const size = kernel ?? pool;
    return size === undefined ? [] : [{ size: size[0], stride: strides?.[0] ?? 1, isPool: pool !== undefined }];
  });
}

function fieldOf(windows: readonly Window[]): number {
  let [field, step] = [1, 1];
  for (const { size, stride } of windows) {
    field += (size - 1) * step;
    step *= stride;
  }
  return field;
}

/** The rows and columns whose change moves the first output, on a picture of `side` pixels. */
async function measured(windows: readonly Window[], side: number): Promise<string> {
  // One channel of ones sees what many would; averages, unlike maxima, pass a slope to every pixel of their window.
  const run = (x: Tensor): Tensor =>
    windows.reduce((y, { size, stride, isPool }) => {
      if (isPool) return averagePool2d(y, { poolSize: size, strides: stride });
      return conv2d(y, ones([size, size, 1, 1]), { strides: stride });
    }, x);
  const slope = grad((x) => sum(slice(run(x), [0, 0, 0, 0], [1, 1, 1, 1])))(ones([1, side, side, 1]));
  const isSeen = greater(abs(slope), 0);
  const count = (axis: number): Promise<number> => sum(any(isSeen, { axis: [0, axis, 3] })).item();
  return `${await count(2)}x${await count(1)}`;
}

const conv = (size: number): Window => ({ size, stride: 1, isPool: false });
const pool: Window = { size: 2, stride: 2, isPool: true };
const vgg16 = [2, 2, 3, 3, 3].flatMap((count) => [...Array.from({ length: count }, () => conv(3)), pool]);
const networks: [string, readonly Window[]][] = [
  ['two 3x3', [conv(3), conv(3)]],
  ['three 3x3', [conv(3), conv(3), conv(3)]],
  ['MNIST convnet (58)', windowsOf(zoo.mnistConvnet())],
  ['Fashion-MNIST network (54)', windowsOf(zoo.lectureCnn())],
  ['VGG16 (68)', vgg16],
];
for (const [name, windows] of networks) {
  const field = fieldOf(windows);
  console.log(`${name}: ${field}, by gradients ${await measured(windows, field + 8)}`);
}
