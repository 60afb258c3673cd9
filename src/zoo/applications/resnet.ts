// ResNet (He et al. 2015, arXiv 1512.03385) and its second version with the activation in front of each convolution
// (2016, arXiv 1603.05027), as Keras has them: biases in the convolutions of the first, strides in its first 1x1.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, finish, Numbering, through } from './build.js';

type Depths = readonly [number, number, number, number];

const norm = (name: string): Layer => layers.batchNormalization({ epsilon: 1.001e-5, name });
const relu = (name: string): Layer => layers.activation({ activation: 'relu', name });

/** A 7x7 convolution and a pooling, each of stride 2. */
function stem(inputs: SymbolicTensor, isNormed: boolean): SymbolicTensor {
  return through(
    inputs,
    layers.zeroPadding2d({ padding: 3, name: 'conv1_pad' }),
    layers.conv2d({ filters: 64, kernelSize: 7, strides: 2, name: 'conv1_conv' }),
    ...(isNormed ? [norm('conv1_bn'), relu('conv1_relu')] : []),
    layers.zeroPadding2d({ padding: 1, name: 'pool1_pad' }),
    layers.maxPooling2d({ poolSize: 3, strides: 2, name: 'pool1_pool' }),
  );
}

/** 1x1, 3x3, 1x1 to four times the filters, and the input added before the last activation. */
function bottleneck(x: SymbolicTensor, at: string, filters: number, strides: number, isFirst: boolean): SymbolicTensor {
  const shortcut = isFirst
    ? through(
        x,
        layers.conv2d({ filters: 4 * filters, kernelSize: 1, strides, name: `${at}_0_conv` }),
        norm(`${at}_0_bn`),
      )
    : x;
  const residual = through(
    x,
    layers.conv2d({ filters, kernelSize: 1, strides, name: `${at}_1_conv` }),
    norm(`${at}_1_bn`),
    relu(`${at}_1_relu`),
    layers.conv2d({ filters, kernelSize: 3, padding: 'same', name: `${at}_2_conv` }),
    norm(`${at}_2_bn`),
    relu(`${at}_2_relu`),
    layers.conv2d({ filters: 4 * filters, kernelSize: 1, name: `${at}_3_conv` }),
    norm(`${at}_3_bn`),
  );
  return relu(`${at}_out`).apply(layers.add({ name: `${at}_add` }).apply([shortcut, residual]));
}

function resnet(name: string, depths: Depths, options: ApplicationOptions): Model {
  const inputs = applicationInput(name, options, 224, 32);
  let x = stem(inputs, true);
  depths.forEach((depth, stage) => {
    for (let block = 1; block <= depth; block++) {
      const isFirst = block === 1;
      x = bottleneck(x, `conv${stage + 2}_block${block}`, 64 * 2 ** stage, isFirst && stage > 0 ? 2 : 1, isFirst);
    }
  });
  return finish(inputs, x, name, options);
}

/** Normed and activated first; the sum stays as it is. The last block of a stage strides, its shortcut by pooling. */
function bottleneckV2(
  x: SymbolicTensor,
  at: string,
  filters: number,
  strides: number,
  isFirst: boolean,
  numbering: Numbering,
): SymbolicTensor {
  const ready = through(x, norm(`${at}_preact_bn`), relu(`${at}_preact_relu`));
  let shortcut = x;
  if (isFirst)
    shortcut = layers.conv2d({ filters: 4 * filters, kernelSize: 1, strides, name: `${at}_0_conv` }).apply(ready);
  else if (strides > 1)
    shortcut = layers.maxPooling2d({ poolSize: 1, strides, name: numbering.name('max_pooling2d') }).apply(x);
  const residual = through(
    ready,
    layers.conv2d({ filters, kernelSize: 1, useBias: false, name: `${at}_1_conv` }),
    norm(`${at}_1_bn`),
    relu(`${at}_1_relu`),
    layers.zeroPadding2d({ padding: 1, name: `${at}_2_pad` }),
    layers.conv2d({ filters, kernelSize: 3, strides, useBias: false, name: `${at}_2_conv` }),
    norm(`${at}_2_bn`),
    relu(`${at}_2_relu`),
    layers.conv2d({ filters: 4 * filters, kernelSize: 1, name: `${at}_3_conv` }),
  );
  return layers.add({ name: `${at}_out` }).apply([shortcut, residual]);
}

function resnetV2(name: string, depths: Depths, options: ApplicationOptions): Model {
  const inputs = applicationInput(name, options, 224, 32);
  const numbering = new Numbering();
  let x = stem(inputs, false);
  depths.forEach((depth, stage) => {
    for (let block = 1; block <= depth; block++) {
      const strides = block === depth && stage < 3 ? 2 : 1;
      x = bottleneckV2(x, `conv${stage + 2}_block${block}`, 64 * 2 ** stage, strides, block === 1, numbering);
    }
  });
  return finish(inputs, through(x, norm('post_bn'), relu('post_relu')), name, options);
}

/** 25,636,712 parameters. */
export const resnet50 = (options: ApplicationOptions = {}): Model => resnet('resnet50', [3, 4, 6, 3], options);
/** 44,707,176 parameters. */
export const resnet101 = (options: ApplicationOptions = {}): Model => resnet('resnet101', [3, 4, 23, 3], options);
/** 60,419,944 parameters. */
export const resnet152 = (options: ApplicationOptions = {}): Model => resnet('resnet152', [3, 8, 36, 3], options);
/** 25,613,800 parameters. */
export const resnet50v2 = (options: ApplicationOptions = {}): Model => resnetV2('resnet50v2', [3, 4, 6, 3], options);
/** 44,675,560 parameters. */
export const resnet101v2 = (options: ApplicationOptions = {}): Model => resnetV2('resnet101v2', [3, 4, 23, 3], options);
/** 60,380,648 parameters. */
export const resnet152v2 = (options: ApplicationOptions = {}): Model => resnetV2('resnet152v2', [3, 8, 36, 3], options);
