// MobileNet (Howard et al. 2017, arXiv 1704.04861), whose every convolution is depthwise and then 1x1, and MobileNetV2
// (Sandler et al. 2018, arXiv 1801.04381) with residuals between narrow layers. `alpha` scales the channels of both.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import {
  type ApplicationOptions,
  applicationInput,
  finish,
  pooled,
  roundChannels,
  stridePadding,
  through,
} from './build.js';
import { MOBILENET_V2 } from './inverted-stages.js';

/** See `mobilenet` and `mobilenetV2`. */
export interface MobileNetOptions extends ApplicationOptions {
  /** Multiplies the channels of every layer; default 1. */
  alpha?: number;
  /** MobileNet's share of dropped features before the classifier; default 0.001. */
  dropout?: number;
  /** MobileNet's depthwise filters per channel; default 1. */
  depthMultiplier?: number;
}

const relu6 = (name: string): Layer => layers.relu({ maxValue: 6, name });

/** `mobilenet_1.00_224`: the name says alpha and the rows of the picture. */
function versionName(model: string, alpha: number, { shape }: SymbolicTensor): string {
  return `${model}_${alpha.toFixed(2)}_${shape[1] ?? 224}`;
}

/** Output channels and strides of MobileNet's 13 separable blocks. */
const BLOCKS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** 4,253,864 parameters with alpha 1. */
export function mobilenet(options: MobileNetOptions = {}): Model {
  const { alpha = 1, dropout = 1e-3, depthMultiplier = 1, classes = 1000, classifierActivation = 'softmax' } = options;
  const inputs = applicationInput('mobilenet', options, 224, 32);
  const width = (filters: number): number => Math.floor(filters * alpha);
  let x = through(
    inputs,
    layers.conv2d({ filters: width(32), kernelSize: 3, strides: 2, padding: 'same', useBias: false, name: 'conv1' }),
    layers.batchNormalization({ name: 'conv1_bn' }),
    relu6('conv1_relu'),
  );
  BLOCKS.forEach(([filters, strides], index) => {
    const id = index + 1;
    const padding = strides === 1 ? 'same' : 'valid';
    const corner = [[0, 1] as const, [0, 1] as const] as const;
    x = through(
      x,
      ...(strides === 1 ? [] : [layers.zeroPadding2d({ padding: corner, name: `conv_pad_${id}` })]),
      layers.depthwiseConv2d({
        kernelSize: 3,
        padding,
        depthMultiplier,
        strides,
        useBias: false,
        name: `conv_dw_${id}`,
      }),
      layers.batchNormalization({ name: `conv_dw_${id}_bn` }),
      relu6(`conv_dw_${id}_relu`),
      layers.conv2d({ filters: width(filters), kernelSize: 1, padding: 'same', useBias: false, name: `conv_pw_${id}` }),
      layers.batchNormalization({ name: `conv_pw_${id}_bn` }),
      relu6(`conv_pw_${id}_relu`),
    );
  });
  if (options.includeTop ?? true) {
    x = through(
      x,
      layers.globalAveragePooling2d({ keepDims: true, name: 'global_average_pooling2d' }),
      layers.dropout({ rate: dropout, name: 'dropout' }),
      layers.conv2d({ filters: classes, kernelSize: 1, padding: 'same', name: 'conv_preds' }),
      layers.reshape({ targetShape: [classes], name: 'reshape_2' }),
      layers.activation({ activation: classifierActivation ?? 'linear', name: 'predictions' }),
    );
  } else x = pooled(x, options);
  return new Model({ inputs, outputs: x, name: options.name ?? versionName('mobilenet', alpha, inputs) });
}

/** Channels are expanded, filtered depthwise and projected; the input is added where the shapes allow it. */
function invertedResidual(
  x: SymbolicTensor,
  id: number,
  filters: number,
  strides: number,
  expansion: number,
): SymbolicTensor {
  const at = id === 0 ? 'expanded_conv_' : `block_${id}_`;
  const channels = x.shape.at(-1) as number;
  const norm = (name: string): Layer => layers.batchNormalization({ momentum: 0.999, name });
  const conv = (out: number, name: string): Layer =>
    layers.conv2d({ filters: out, kernelSize: 1, padding: 'same', useBias: false, name });
  let inner = x;
  if (id > 0)
    inner = through(x, conv(expansion * channels, `${at}expand`), norm(`${at}expand_BN`), relu6(`${at}expand_relu`));
  if (strides === 2) inner = layers.zeroPadding2d({ padding: stridePadding(inner, 3), name: `${at}pad` }).apply(inner);
  const padding = strides === 1 ? 'same' : 'valid';
  inner = through(
    inner,
    layers.depthwiseConv2d({ kernelSize: 3, strides, padding, useBias: false, name: `${at}depthwise` }),
    norm(`${at}depthwise_BN`),
    relu6(`${at}depthwise_relu`),
    conv(filters, `${at}project`),
    norm(`${at}project_BN`),
  );
  if (strides === 2 || channels !== filters) return inner;
  return layers.add({ name: `${at}add` }).apply([x, inner]);
}

/** 3,538,984 parameters with alpha 1. */
export function mobilenetV2(options: MobileNetOptions = {}): Model {
  const { alpha = 1 } = options;
  const inputs = applicationInput('mobilenet_v2', options, 224, 32);
  const norm = (name: string): Layer => layers.batchNormalization({ momentum: 0.999, name });
  let x = through(
    inputs,
    layers.conv2d({
      filters: roundChannels(32 * alpha),
      kernelSize: 3,
      strides: 2,
      padding: 'same',
      useBias: false,
      name: 'Conv1',
    }),
    norm('bn_Conv1'),
    relu6('Conv1_relu'),
  );
  let id = 0;
  for (const { expansion, channels, blocks, strides } of MOBILENET_V2) {
    for (let block = 0; block < blocks; block++) {
      x = invertedResidual(x, id++, roundChannels(Math.floor(channels * alpha)), block === 0 ? strides : 1, expansion);
    }
  }
  const last = alpha > 1 ? roundChannels(1280 * alpha) : 1280;
  x = through(
    x,
    layers.conv2d({ filters: last, kernelSize: 1, useBias: false, name: 'Conv_1' }),
    norm('Conv_1_bn'),
    relu6('out_relu'),
  );
  const name = versionName('mobilenetv2', alpha, inputs);
  return finish(inputs, x, name, options, { poolName: 'global_average_pooling2d' });
}
