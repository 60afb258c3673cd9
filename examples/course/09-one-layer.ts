// Ng: one layer of a convolutional network, relu(W * a + b), with two 3x3x3 filters on a 6x6x3 picture. Kernel and bias
// hold 2 (27 + 1) parameters, however large the picture is.
import { add, conv2d, initializers, layers, relu } from 'fovea';
import { asBatch, largestDifference, photo, sizes } from './lib.js';

const layer = layers.conv2d({
  filters: 2,
  kernelSize: 3,
  activation: 'relu',
  kernelInitializer: initializers.heNormal({ seed: 1 }),
  biasInitializer: initializers.constant(0.1),
});
const a = asBatch(await photo(6, 6));
const output = layer.apply(a);
const [w, b] = layer.weights.map((weight) => weight.value) as [typeof a, typeof a];
const written = relu(add(conv2d(a, w), b));

console.log(`input ${sizes(a.shape.slice(1))}, filters ${layer.weights[0]?.shape[3]} of ${sizes(w.shape.slice(0, 3))}`);
console.log(`output ${sizes(output.shape.slice(1))}, ${layer.countParams()} parameters`);
console.log(`the layer equals relu(W * a + b): ${(await largestDifference(output, written)) < 1e-6}`);
