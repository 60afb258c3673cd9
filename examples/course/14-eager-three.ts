// intro: three 2x2 filters at once, of 1, 10 and -1, kernel [2,2,1,3]. The output's last axis counts the maps; axes 0
// and 3 are swapped so that a loop meets the maps one by one. Draws them in gray, each with its own range.
import { layers, range, reshape, transpose, unstack } from 'fovea';
import { beside, draw, picture, titled } from './drawing.js';
import { filled, print } from './lib.js';

const image = reshape(range(1, 10, 1, { dtype: 'float32' }), [1, 3, 3, 1]);
const weights = Float32Array.from(filled(4, 3, (_, filter) => [1, 10, -1][filter] as number).flat());
const layer = layers.conv2d({ filters: 3, kernelSize: 2, padding: 'same', kernelInitializer: () => weights });
const output = layer.apply(image);
console.log(`weights [${layer.weights[0]?.shape.join(',')}], output [${output.shape.join(',')}]`);

const swapped = transpose(output, [3, 1, 2, 0]);
const panels = [];
for (const [i, map] of unstack(swapped).entries()) {
  print(`map ${i + 1}`, (await reshape(map, [3, 3]).array()) as number[][]);
  const array = { data: await map.data(), shape: [3, 3] };
  panels.push(titled(`filter of ${[1, 10, -1][i]}`, picture(array, { scale: 48, colormap: 'gray', colorbar: true })));
}
await draw('14-eager-three', 'Three filters, three maps, each with its own range', beside(panels, 28));
