// intro: a convolution called at once on numbers. The picture 1..9 as [1,3,3,1]; a layer of one 2x2 filter whose kernel
// starts from an array of ones [2,2,1,1]; the layer is applied to the tensor. Draws the input in Greys and the output
// in gray.
import { layers, range, reshape } from 'fovea';
import { arrow, beside, draw, picture, titled } from './drawing.js';
import { pictureOf, planeOf, print } from './lib.js';

const image = reshape(range(1, 10, 1, { dtype: 'float32' }), [1, 3, 3, 1]);
console.log(`image [${image.shape.join(',')}]`);
const weights = new Float32Array(2 * 2 * 1 * 1).fill(1);
const layer = layers.conv2d({ filters: 1, kernelSize: 2, padding: 'valid', kernelInitializer: () => weights });
const output = layer.apply(image);
console.log(`weights [${layer.weights[0]?.shape.join(',')}]`);
console.log(`output [${output.shape.join(',')}]`);
print('output', await planeOf(output));

const look = { scale: 48, colorbar: true };
const input = titled(
  'input in Greys: 1 white, 9 black',
  picture(await pictureOf(image), { ...look, colormap: 'Greys' }),
);
const result = titled('output in gray', picture(await pictureOf(output), { ...look, colormap: 'gray' }));
await draw('12-eager-valid', "A 2×2 filter of ones, padding 'valid'", beside([input, arrow(), result]));
