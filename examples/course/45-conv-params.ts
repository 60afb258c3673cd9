// Kim, Lee and Ng: a convolution of `out` filters on `in` maps has out (in kh kw + 1) parameters, the 1 for the bias,
// whatever the size of the picture. Each count is that of a layer.
import { layers } from 'fovea';

const rows = [
  { filters: 64, kernelSize: 7, channels: 1 },
  { filters: 128, kernelSize: 3, channels: 64 },
  { filters: 256, kernelSize: 3, channels: 256 },
  { filters: 10, kernelSize: 3, channels: 3 },
];
for (const { filters, kernelSize, channels } of rows) {
  const layer = layers.conv2d({ filters, kernelSize });
  // Height and width are left open: no weight depends on them.
  layer.ensureBuilt([[null, null, null, channels]]);
  const inputs = channels * kernelSize ** 2;
  const formula = `${filters} (${inputs} + 1) = ${filters * (inputs + 1)}`;
  console.log(
    `${filters} filters ${kernelSize}x${kernelSize}x${channels}: ${formula}, the layer has ${layer.countParams()}`,
  );
}
// The last one by filters: each has 27 weights and a bias.
const each = layers.conv2d({ filters: 1, kernelSize: 3 });
each.ensureBuilt([[null, null, null, 3]]);
console.log(`${each.countParams()} x 10 = ${10 * each.countParams()}`);
