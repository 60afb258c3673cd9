// Kim: one neuron's formula, written as loops: z[i,j,k] = b[k] + the sum over u, v, c of
// x[i*sh+u, j*sw+v, c] * w[u,v,c,k]. It must agree with conv2d, whatever the strides.
import { add, conv2d, initializers, max, subtract, tensor } from 'fovea';
import { formatNumber, sizes } from './lib.js';

const [height, width, channels, filters, side] = [9, 8, 3, 4, 3];
const draw = (seed: number, count: number): Float32Array =>
  initializers.randomUniform({ low: -1, high: 1, seed }).values([count]);
const x = draw(1, height * width * channels);
const w = draw(2, side * side * channels * filters);
const b = draw(3, filters);

function neuron(i: number, j: number, k: number, [sh, sw]: readonly [number, number]): number {
  let z = b[k] as number;
  for (let u = 0; u < side; u++) {
    for (let v = 0; v < side; v++) {
      for (let c = 0; c < channels; c++) {
        const input = x[((i * sh + u) * width + j * sw + v) * channels + c] as number;
        z += input * (w[((u * side + v) * channels + c) * filters + k] as number);
      }
    }
  }
  return z;
}

const image = tensor(x, { shape: [1, height, width, channels] });
const kernel = tensor(w, { shape: [side, side, channels, filters] });
const layer = (bias: Float32Array, strides: readonly [number, number]) =>
  add(conv2d(image, kernel, { strides }), tensor(bias));

for (const strides of [
  [1, 1],
  [2, 1],
] as const) {
  const output = layer(b, strides);
  const [, rows, columns] = output.shape as [number, number, number, number];
  const data = await output.data();
  const differences = Array.from(data, (value, at) => {
    const [i, j, k] = [Math.floor(at / filters / columns), Math.floor(at / filters) % columns, at % filters];
    return Math.abs(value - neuron(i, j, k, strides));
  });
  const isEqual = Math.max(...differences) < 1e-5;
  console.log(
    `strides ${strides.join(',')}: output ${sizes([rows, columns, filters])}, loops = conv2d to 1e-5: ${isEqual}`,
  );
}

const raised = b.slice();
raised[2] = (raised[2] as number) + 0.5;
const change = await max(subtract(layer(raised, [1, 1]), layer(b, [1, 1])), { axis: [0, 1, 2] }).data();
console.log(
  `bias of map 2 raised by 0.5, the four maps rise by: ${[...change].map((value) => formatNumber(value)).join(' ')}`,
);
