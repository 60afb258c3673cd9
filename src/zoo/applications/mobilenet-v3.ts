// MobileNetV3 (Howard et al. 2019, arXiv 1905.02244): found by search; some blocks weigh their channels, and the costly
// activation is made of straight pieces. Pixels of 0..255 are scaled inside.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import {
  type ApplicationOptions,
  applicationInput,
  Numbering,
  pooled,
  roundChannels,
  stridePadding,
  through,
} from './build.js';
import { type Block, MOBILENET_V3_LARGE, MOBILENET_V3_SMALL } from './inverted-stages.js';

/** See `mobilenetV3Small`. */
export interface MobileNetV3Options extends ApplicationOptions {
  /** Multiplies the channels of every layer; default 1. */
  alpha?: number;
  /** Default 0.2. */
  dropout?: number;
  /** Whether the model takes pixels of 0..255 and scales them itself; default true. */
  includePreprocessing?: boolean;
}

const norm = (name: string): Layer => layers.batchNormalization({ momentum: 0.999, name });
const conv = (filters: number, name: string): Layer =>
  layers.conv2d({ filters, kernelSize: 1, padding: 'same', useBias: false, name });

/** The layers of one model, those without names of their own numbered as they are made. */
class Builder {
  private readonly numbering = new Numbering();

  activation(isHard: boolean): Layer {
    return isHard
      ? layers.activation({ activation: 'hardSilu', name: this.numbering.name('activation') })
      : layers.relu({ name: this.numbering.name('re_lu') });
  }

  /** Weighs channels by a small network of their means. */
  private excite(x: SymbolicTensor, at: string): SymbolicTensor {
    const channels = x.shape.at(-1) as number;
    const dense = (filters: number, name: string): Layer =>
      layers.conv2d({ filters, kernelSize: 1, padding: 'same', name: `${at}${name}` });
    const gate = through(
      x,
      layers.globalAveragePooling2d({ keepDims: true, name: `${at}avg_pool` }),
      dense(roundChannels(channels / 4), 'conv'),
      layers.relu({ name: `${at}relu` }),
      dense(channels, 'conv_1'),
      layers.activation({ activation: 'hardSigmoid', name: `${at}gate` }),
    );
    return layers.multiply({ name: `${at}mul` }).apply([x, gate]);
  }

  block(
    x: SymbolicTensor,
    id: number,
    filters: number,
    { expansion, kernel, strides, weighs, isHard }: Block,
  ): SymbolicTensor {
    const at = id === 0 ? 'expanded_conv_' : `expanded_conv_${id}_`;
    const channels = x.shape.at(-1) as number;
    let inner = x;
    if (id > 0) {
      const wide = roundChannels(channels * expansion);
      inner = through(x, conv(wide, `${at}expand`), norm(`${at}expand_bn`), this.activation(isHard));
    }
    if (strides === 2) {
      inner = layers.zeroPadding2d({ padding: stridePadding(inner, kernel), name: `${at}depthwise_pad` }).apply(inner);
    }
    const padding = strides === 1 ? 'same' : 'valid';
    inner = through(
      inner,
      layers.depthwiseConv2d({ kernelSize: kernel, strides, padding, useBias: false, name: `${at}depthwise` }),
      norm(`${at}depthwise_bn`),
      this.activation(isHard),
    );
    if (weighs) inner = this.excite(inner, `${at}squeeze_excite_`);
    inner = through(inner, conv(filters, `${at}project`), norm(`${at}project_bn`));
    if (strides === 2 || channels !== filters) return inner;
    return layers.add({ name: `${at}add` }).apply([x, inner]);
  }
}

function mobilenetV3(name: string, blocks: readonly Block[], lastUnits: number, options: MobileNetV3Options): Model {
  const { alpha = 1, dropout = 0.2, classes = 1000, classifierActivation = 'softmax' } = options;
  const inputs = applicationInput(name, options, 224, 32);
  const builder = new Builder();
  let x = inputs;
  if (options.includePreprocessing ?? true) {
    x = layers.rescaling({ scale: 1 / 127.5, offset: -1, name: 'rescaling' }).apply(x);
  }
  x = through(
    x,
    layers.conv2d({ filters: 16, kernelSize: 3, strides: 2, padding: 'same', useBias: false, name: 'conv' }),
    norm('conv_bn'),
    builder.activation(true),
  );
  blocks.forEach((each, id) => {
    x = builder.block(x, id, roundChannels(each.channels * alpha), each);
  });
  const last = roundChannels((x.shape.at(-1) as number) * 6);
  x = through(x, conv(last, 'conv_1'), norm('conv_1_bn'), builder.activation(true));
  if (options.includeTop ?? true) {
    const units = alpha > 1 ? roundChannels(lastUnits * alpha) : lastUnits;
    x = through(
      x,
      layers.globalAveragePooling2d({ keepDims: true, name: 'global_average_pooling2d' }),
      layers.conv2d({ filters: units, kernelSize: 1, padding: 'same', name: 'conv_2' }),
      builder.activation(true),
      ...(dropout > 0 ? [layers.dropout({ rate: dropout, name: 'dropout' })] : []),
      layers.conv2d({ filters: classes, kernelSize: 1, padding: 'same', name: 'logits' }),
      layers.flatten({ name: 'flatten' }),
      layers.activation({ activation: classifierActivation ?? 'linear', name: 'predictions' }),
    );
  } else x = pooled(x, options);
  return new Model({ inputs, outputs: x, name: options.name ?? name });
}

/** 2,554,968 parameters with alpha 1. */
export const mobilenetV3Small = (options: MobileNetV3Options = {}): Model =>
  mobilenetV3('MobileNetV3Small', MOBILENET_V3_SMALL, 1024, options);

/** 5,507,432 parameters with alpha 1. */
export const mobilenetV3Large = (options: MobileNetV3Options = {}): Model =>
  mobilenetV3('MobileNetV3Large', MOBILENET_V3_LARGE, 1280, options);
