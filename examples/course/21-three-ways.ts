// Ng: the same convolution three ways: our own loops over every place and filter, the op conv2d, and the layer Conv2D.
// Padding 1, strides 2, as in the course's exercise.
import { add, conv2d, initializers, layers, tensor } from 'fovea';
import { formatNumber, sizes } from './lib.js';

const [n, h, w, c, f, filters, stride, pad] = [2, 5, 7, 4, 3, 8, 2, 1];
const random = (seed: number, shape: number[]) =>
  tensor(initializers.randomNormal({ stddev: 1, seed }).values(shape), { shape });
const [x, kernel, bias] = [random(1, [n, h, w, c]), random(2, [f, f, c, filters]), random(3, [filters])];

/** Every output is the sum of one window times one filter, plus the filter's bias. */
async function convForward(): Promise<Float32Array> {
  const [from, by, b] = [await x.data(), await kernel.data(), await bias.data()];
  const [oh, ow] = [h, w].map((size) => Math.floor((size + 2 * pad - f) / stride) + 1) as [number, number];
  const out = new Float32Array(n * oh * ow * filters);
  let at = 0;
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        for (let k = 0; k < filters; k++) out[at++] = window(image, i * stride - pad, j * stride - pad, k);
      }
    }
  }
  return out;

  function window(image: number, top: number, left: number, k: number): number {
    let sum = b[k] as number;
    for (let row = Math.max(0, -top); row < f && top + row < h; row++) {
      for (let column = Math.max(0, -left); column < f && left + column < w; column++) {
        const [cell, weight] = [((image * h + top + row) * w + left + column) * c, (row * f + column) * c];
        for (let d = 0; d < c; d++) sum += (from[cell + d] as number) * (by[(weight + d) * filters + k] as number);
      }
    }
    return sum;
  }
}

const own = await convForward();
const op = add(conv2d(x, kernel, { strides: stride, padding: pad }), bias);
// Odd sizes and stride 2: 'same' puts one zero on every side, too.
const layer = layers.conv2d({ filters, kernelSize: f, strides: stride, padding: 'same' });
layer.ensureBuilt([x.shape]);
layer.setWeights([(await kernel.data()) as Float32Array, (await bias.data()) as Float32Array]);
const byLayer = layer.apply(x);

console.log(`output ${sizes(op.shape)}`);
const ways: [name: string, values: ArrayLike<number>][] = [
  ['loops', own],
  ['conv2d', await op.data()],
  ['Conv2D', await byLayer.data()],
];
for (const [name, values] of ways) {
  const difference = Math.max(...own.map((value, i) => Math.abs(value - (values[i] as number))));
  const first = Array.from(values)
    .slice(0, 4)
    .map((value) => formatNumber(value, 4));
  console.log(`${name.padEnd(7)}${first.join(' ')} ...  equals the loops to 1e-4: ${difference < 1e-4}`);
}
