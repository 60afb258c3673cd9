// GoogLeNet (Szegedy et al. 2014, arXiv 1409.4842): 1x1, 3x3 and wider convolutions and a pooling side by side. As
// torchvision has it: with batch norm, a 3x3 where the paper has 5x5, and two further classifiers on the way.

import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** See `googlenet`. */
export interface GoogLeNetOptions extends TorchvisionOptions {
  /** The two classifiers on the way, as second and third output; default false. */
  auxLogits?: boolean;
}

/** Channels of 1x1; of 3x3 after its 1x1; of the wider one after its 1x1; of the 1x1 after the pooling. */
type Widths = readonly [number, number, number, number, number, number];

const BLOCKS: readonly (readonly [name: string, widths: Widths] | 'pool')[] = [
  ['3a', [64, 96, 128, 16, 32, 32]],
  ['3b', [128, 128, 192, 32, 96, 64]],
  'pool',
  ['4a', [192, 96, 208, 16, 48, 64]],
  ['4b', [160, 112, 224, 24, 64, 64]],
  ['4c', [128, 128, 256, 24, 64, 64]],
  ['4d', [112, 144, 288, 32, 64, 64]],
  ['4e', [256, 160, 320, 32, 128, 128]],
  'pool',
  ['5a', [256, 160, 320, 32, 128, 128]],
  ['5b', [384, 192, 384, 48, 128, 128]],
];

function conv(
  b: TorchBuilder,
  x: SymbolicTensor,
  at: string,
  filters: number,
  kernel = 1,
  strides = 1,
): SymbolicTensor {
  const padding = (kernel - 1) / 2;
  return b.relu(b.norm(b.conv(x, `${at}.conv`, filters, { kernel, strides, padding }), `${at}.bn`, 1e-3));
}

function inception(b: TorchBuilder, x: SymbolicTensor, at: string, widths: Widths): SymbolicTensor {
  const [one, before3, three, before5, five, pooled] = widths;
  return b.join([
    conv(b, x, `${at}.branch1`, one),
    conv(b, conv(b, x, `${at}.branch2.0`, before3), `${at}.branch2.1`, three, 3),
    conv(b, conv(b, x, `${at}.branch3.0`, before5), `${at}.branch3.1`, five, 3),
    conv(
      b,
      layers.maxPooling2d({ poolSize: 3, strides: 1, padding: 'same', name: `${at}.pool` }).apply(x),
      `${at}.branch4.1`,
      pooled,
    ),
  ]);
}

/** A classifier on the way: its gradient reaches the early layers. */
function aside(b: TorchBuilder, x: SymbolicTensor, at: string): SymbolicTensor {
  const small = conv(b, b.averageTo(x, 4), `${at}.conv`, 128);
  const hidden = b.dropout(b.relu(b.dense(b.flatten(small), `${at}.fc1`, 1024)), 0.7);
  return b.dense(hidden, `${at}.fc2`, b.classes);
}

/** 6,624,904 parameters; 13,004,888 with both further classifiers. */
export function googlenet({ auxLogits = false, ...options }: GoogLeNetOptions = {}): Model {
  const b = new TorchBuilder('googlenet', options);
  let x = b.maxPoolCeil(conv(b, b.inputs, 'conv1', 64, 7, 2), 3, 2);
  x = b.maxPoolCeil(conv(b, conv(b, x, 'conv2', 64), 'conv3', 192, 3), 3, 2);
  const ways: SymbolicTensor[] = [];
  let pools = 0;
  for (const each of BLOCKS) {
    if (each === 'pool') {
      x = pools++ === 0 ? b.maxPoolCeil(x, 3, 2) : b.maxPoolCeil(x, 2, 2);
      continue;
    }
    const [name, widths] = each;
    x = inception(b, x, `inception${name}`, widths);
    if (name === '4a' || name === '4d') ways.push(x);
  }
  // Last, as PyTorch lists them.
  const others = auxLogits && b.hasTop ? ways.map((way, i) => aside(b, way, `aux${i + 1}`)) : [];
  return b.model(x, (maps) => b.dense(b.dropout(b.means(maps), 0.2), 'fc', b.classes), others);
}
