// DenseNet (Huang et al. 2016, arXiv 1608.06993) in torchvision's form.
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** Channels that a layer adds are made from this many times as many. */
const BOTTLENECK = 4;

interface Plan {
  readonly depths: readonly [number, number, number, number];
  /** Channels that each layer adds. */
  readonly growth: number;
  /** Channels of the first convolution. */
  readonly stem: number;
}

function densenet(name: string, { depths, growth, stem }: Plan, options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder(name, options);
  let x = b.conv(b.inputs, 'features.conv0', stem, { kernel: 7, strides: 2, padding: 3 });
  x = b.maxPool(b.relu(b.norm(x, 'features.norm0')), 3, 2, 1);
  depths.forEach((depth, block) => {
    for (let i = 1; i <= depth; i++)
      x = b.join([x, grown(b, x, `features.denseblock${block + 1}.denselayer${i}`, growth)]);
    if (block === depths.length - 1) return;
    const at = `features.transition${block + 1}`;
    const half = Math.floor((x.shape.at(-1) as number) / 2);
    x = b.conv(b.relu(b.norm(x, `${at}.norm`)), `${at}.conv`, half);
    x = layers.averagePooling2d({ poolSize: 2, strides: 2, name: `${at}.pool` }).apply(x);
  });
  x = b.relu(b.norm(x, 'features.norm5'));
  return b.model(x, (maps) => b.dense(b.means(maps), 'classifier', b.classes));
}

function grown(b: TorchBuilder, x: SymbolicTensor, at: string, growth: number): SymbolicTensor {
  const narrow = b.conv(b.relu(b.norm(x, `${at}.norm1`)), `${at}.conv1`, BOTTLENECK * growth);
  return b.conv(b.relu(b.norm(narrow, `${at}.norm2`)), `${at}.conv2`, growth, { kernel: 3, padding: 1 });
}

/** 7,978,856 parameters. */
export const densenet121 = (options?: TorchvisionOptions): Model =>
  densenet('densenet121', { depths: [6, 12, 24, 16], growth: 32, stem: 64 }, options);
/** 28,681,000 parameters. */
export const densenet161 = (options?: TorchvisionOptions): Model =>
  densenet('densenet161', { depths: [6, 12, 36, 24], growth: 48, stem: 96 }, options);
/** 14,149,480 parameters. */
export const densenet169 = (options?: TorchvisionOptions): Model =>
  densenet('densenet169', { depths: [6, 12, 32, 32], growth: 32, stem: 64 }, options);
/** 20,013,928 parameters. */
export const densenet201 = (options?: TorchvisionOptions): Model =>
  densenet('densenet201', { depths: [6, 12, 48, 32], growth: 32, stem: 64 }, options);
