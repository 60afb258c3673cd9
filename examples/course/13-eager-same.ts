// intro: row 12's convolution with padding 'same'. A 2x2 filter needs one zero more; it goes after the last row and
// column, so the output keeps 3x3. Draws it in gray.
import { layers, range, reshape } from 'fovea';
import { draw, picture } from './drawing.js';
import { pictureOf, planeOf, print } from './lib.js';

const image = reshape(range(1, 10, 1, { dtype: 'float32' }), [1, 3, 3, 1]);
const layer = layers.conv2d({ filters: 1, kernelSize: 2, padding: 'same', kernelInitializer: 'ones' });
const output = layer.apply(image);
console.log(`output [${output.shape.join(',')}]`);
print('output', await planeOf(output));
await draw(
  '13-eager-same',
  "A 2×2 filter of ones, padding 'same'",
  picture(await pictureOf(output), { scale: 64, colormap: 'gray', colorbar: true }),
);
