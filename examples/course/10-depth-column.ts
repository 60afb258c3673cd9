// Kim: five filters are five neurons that look at the same patch. Their outputs are the depth column out[i,j,:], which
// is relu(patch . W + b) with the patch and every filter laid flat.
import { add, conv2d, initializers, matmul, relu, reshape, slice, tensor } from 'fovea';
import { asBatch, formatNumber, largestDifference, photo } from './lib.js';

const [i, j, f, neurons] = [4, 7, 3, 5];
const image = asBatch(await photo(16, 16));
const kernel = tensor(initializers.heNormal({ seed: 3 }).values([f, f, 3, neurons]), { shape: [f, f, 3, neurons] });
const bias = tensor([0.1, -0.1, 0, 0.2, 0.05]);

const output = relu(add(conv2d(image, kernel), bias));
const column = reshape(slice(output, [0, i, j, 0], [1, 1, 1, neurons]), [1, neurons]);
const patch = reshape(slice(image, [0, i, j, 0], [1, f, f, 3]), [1, f * f * 3]);
const dense = relu(add(matmul(patch, reshape(kernel, [f * f * 3, neurons])), bias));

const write = (values: ArrayLike<number>): string => Array.from(values, (value) => formatNumber(value, 4)).join(' ');
console.log(`out[${i},${j},:]          ${write(await column.data())}`);
console.log(`relu(patch . W + b) ${write(await dense.data())}`);
console.log(
  `${neurons} neurons on one patch of ${f}x${f}x3, equal: ${(await largestDifference(column, dense)) < 1e-5}`,
);
