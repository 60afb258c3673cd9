// DenseNet (Huang et al. 2016, arXiv 1608.06993): every layer sees the maps of all layers before it in its block.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, finish, through } from './build.js';

/** Maps that each layer adds. */
const GROWTH = 32;

const norm = (name: string): Layer => layers.batchNormalization({ epsilon: 1.001e-5, name });
const relu = (name: string): Layer => layers.activation({ activation: 'relu', name });
const conv = (filters: number, kernelSize: number, name: string): Layer =>
  layers.conv2d({ filters, kernelSize, padding: kernelSize > 1 ? 'same' : 'valid', useBias: false, name });

function denseLayer(x: SymbolicTensor, at: string): SymbolicTensor {
  const added = through(
    x,
    norm(`${at}_0_bn`),
    relu(`${at}_0_relu`),
    conv(4 * GROWTH, 1, `${at}_1_conv`),
    norm(`${at}_1_bn`),
    relu(`${at}_1_relu`),
    conv(GROWTH, 3, `${at}_2_conv`),
  );
  return layers.concatenate({ name: `${at}_concat` }).apply([x, added]);
}

/** Half the channels and half the size. */
function transition(x: SymbolicTensor, at: string): SymbolicTensor {
  return through(
    x,
    norm(`${at}_bn`),
    relu(`${at}_relu`),
    conv(Math.floor((x.shape.at(-1) as number) / 2), 1, `${at}_conv`),
    layers.averagePooling2d({ poolSize: 2, strides: 2, name: `${at}_pool` }),
  );
}

function densenet(name: string, depths: readonly number[], options: ApplicationOptions): Model {
  const inputs = applicationInput(name, options, 224, 32);
  let x = through(
    inputs,
    layers.zeroPadding2d({ padding: 3, name: 'zero_padding2d' }),
    layers.conv2d({ filters: 64, kernelSize: 7, strides: 2, useBias: false, name: 'conv1_conv' }),
    norm('conv1_bn'),
    relu('conv1_relu'),
    layers.zeroPadding2d({ padding: 1, name: 'zero_padding2d_1' }),
    layers.maxPooling2d({ poolSize: 3, strides: 2, name: 'pool1' }),
  );
  depths.forEach((depth, block) => {
    for (let i = 1; i <= depth; i++) x = denseLayer(x, `conv${block + 2}_block${i}`);
    if (block < depths.length - 1) x = transition(x, `pool${block + 2}`);
  });
  return finish(inputs, through(x, norm('bn'), relu('relu')), name, options);
}

/** 8,062,504 parameters. */
export const densenet121 = (options: ApplicationOptions = {}): Model =>
  densenet('densenet121', [6, 12, 24, 16], options);
/** 14,307,880 parameters. */
export const densenet169 = (options: ApplicationOptions = {}): Model =>
  densenet('densenet169', [6, 12, 32, 32], options);
/** 20,242,984 parameters. */
export const densenet201 = (options: ApplicationOptions = {}): Model =>
  densenet('densenet201', [6, 12, 48, 32], options);
