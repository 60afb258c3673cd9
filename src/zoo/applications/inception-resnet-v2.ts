// Inception-ResNet v2 (Szegedy et al. 2016, arXiv 1602.07261): inception blocks whose joined branches are scaled down and
// added to their input.
import { CustomScaleLayer } from '../../nn/layers/architecture.js';
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, finish, through } from './build.js';
import { InceptionParts } from './inception-parts.js';

/** The branches of a residual block, joined, brought to the input's channels and added to it. */
function residual(
  b: InceptionParts,
  x: SymbolicTensor,
  name: string,
  branches: readonly SymbolicTensor[],
  scale: number,
  hasActivation = true,
): SymbolicTensor {
  const up = layers
    .conv2d({ filters: x.shape.at(-1) as number, kernelSize: 1, padding: 'same', name: `${name}_conv` })
    .apply(b.join(branches, `${name}_mixed`));
  const sum = new CustomScaleLayer({ scale, name: b.numbering.name('custom_scale_layer') }).apply([x, up]);
  return hasActivation ? layers.activation({ activation: 'relu', name: `${name}_ac` }).apply(sum) : sum;
}

/** 55,873,736 parameters. */
export function inceptionResnetV2(options: ApplicationOptions = {}): Model {
  const inputs = applicationInput('inception_resnet_v2', options, 299, 75);
  const b = new InceptionParts();
  let x = b.stem(inputs);
  x = b.join(
    [
      b.conv(x, 96, 1),
      b.row(x, [48, 1], [64, 5]),
      b.row(x, [64, 1], [96, 3], [96, 3]),
      b.conv(b.averagePool(x), 64, 1),
    ],
    'mixed_5b',
  );
  for (let i = 1; i <= 10; i++) {
    const branches = [b.conv(x, 32, 1), b.row(x, [32, 1], [32, 3]), b.row(x, [32, 1], [48, 3], [64, 3])];
    x = residual(b, x, `block35_${i}`, branches, 0.17);
  }
  x = b.join(
    [b.conv(x, 384, 3, 'valid', 2), b.conv(b.row(x, [256, 1], [256, 3]), 384, 3, 'valid', 2), b.maxPool(x)],
    'mixed_6a',
  );
  for (let i = 1; i <= 20; i++) {
    const branches = [b.conv(x, 192, 1), b.row(x, [128, 1], [160, [1, 7]], [192, [7, 1]])];
    x = residual(b, x, `block17_${i}`, branches, 0.1);
  }
  x = b.join(
    [
      b.conv(b.conv(x, 256, 1), 384, 3, 'valid', 2),
      b.conv(b.conv(x, 256, 1), 288, 3, 'valid', 2),
      b.conv(b.row(x, [256, 1], [288, 3]), 320, 3, 'valid', 2),
      b.maxPool(x),
    ],
    'mixed_7a',
  );
  for (let i = 1; i <= 10; i++) {
    const branches = [b.conv(x, 192, 1), b.row(x, [192, 1], [224, [1, 3]], [256, [3, 1]])];
    x = residual(b, x, `block8_${i}`, branches, i < 10 ? 0.2 : 1, i < 10);
  }
  x = through(
    x,
    layers.conv2d({ filters: 1536, kernelSize: 1, padding: 'same', useBias: false, name: 'conv_7b' }),
    layers.batchNormalization({ scale: false, name: 'conv_7b_bn' }),
    layers.activation({ activation: 'relu', name: 'conv_7b_ac' }),
  );
  return finish(inputs, x, 'inception_resnet_v2', options);
}
