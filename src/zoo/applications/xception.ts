// Xception (Chollet 2016, arXiv 1610.02357): depthwise separable convolutions throughout, with residual connections.

import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, finish, Numbering, through } from './build.js';

const norm = (name: string): Layer => layers.batchNormalization({ name });
const relu = (name: string): Layer => layers.activation({ activation: 'relu', name });

const separable = (filters: number, name: string): Layer[] => [
  layers.separableConv2d({ filters, kernelSize: 3, padding: 'same', useBias: false, name }),
  norm(`${name}_bn`),
];

/** 22,910,480 parameters. */
export function xception(options: ApplicationOptions = {}): Model {
  const inputs = applicationInput('xception', options, 299, 71);
  const numbering = new Numbering();
  let x = through(
    inputs,
    layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, useBias: false, name: 'block1_conv1' }),
    norm('block1_conv1_bn'),
    relu('block1_conv1_act'),
    layers.conv2d({ filters: 64, kernelSize: 3, useBias: false, name: 'block1_conv2' }),
    norm('block1_conv2_bn'),
    relu('block1_conv2_act'),
  );

  /** Halves the map; the shortcut is a 1x1 convolution. */
  const shrink = (from: SymbolicTensor, block: number, filters: readonly [number, number]): SymbolicTensor => {
    const at = `block${block}`;
    const shortcut = through(
      from,
      layers.conv2d({
        filters: filters[1],
        kernelSize: 1,
        strides: 2,
        padding: 'same',
        useBias: false,
        name: numbering.name('conv2d'),
      }),
      norm(numbering.name('batch_normalization')),
    );
    const deep = through(
      from,
      ...(block === 2 ? [] : [relu(`${at}_sepconv1_act`)]),
      ...separable(filters[0], `${at}_sepconv1`),
      relu(`${at}_sepconv2_act`),
      ...separable(filters[1], `${at}_sepconv2`),
      layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same', name: `${at}_pool` }),
    );
    return layers.add({ name: numbering.name('add') }).apply([deep, shortcut]);
  };

  x = shrink(x, 2, [128, 128]);
  x = shrink(x, 3, [256, 256]);
  x = shrink(x, 4, [728, 728]);
  for (let block = 5; block <= 12; block++) {
    const steps = [1, 2, 3].flatMap((i) => [
      relu(`block${block}_sepconv${i}_act`),
      ...separable(728, `block${block}_sepconv${i}`),
    ]);
    x = layers.add({ name: numbering.name('add') }).apply([through(x, ...steps), x]);
  }
  x = shrink(x, 13, [728, 1024]);
  x = through(
    x,
    ...separable(1536, 'block14_sepconv1'),
    relu('block14_sepconv1_act'),
    ...separable(2048, 'block14_sepconv2'),
    relu('block14_sepconv2_act'),
  );
  return finish(inputs, x, 'xception', options);
}
