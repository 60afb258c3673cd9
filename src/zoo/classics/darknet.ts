// Darknet-19 (Redmon and Farhadi 2016, arXiv 1612.08242) and Darknet-53 (2018, arXiv 1804.02767), which YOLOv2 and YOLOv3 stand
// on, as classifiers of ImageNet.
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, pooled, through } from '../applications/build.js';

/** Convolutions of Darknet-19: 3x3 and 1x1 by turns, `M` halves the map. */
const NINETEEN = [
  32,
  'M',
  64,
  'M',
  128,
  64,
  128,
  'M',
  256,
  128,
  256,
  'M',
  512,
  256,
  512,
  256,
  512,
  'M',
  1024,
  512,
  1024,
  512,
  1024,
] as const;

/** Residual blocks of Darknet-53 after each halving, to twice the channels. */
const BLOCKS = [1, 2, 8, 8, 4];

/** Numbers the convolutions of a network. */
class Convolutions {
  private count = 0;

  /** Without bias, then batch norm and leaky ReLU. */
  apply(x: SymbolicTensor, filters: number, kernelSize: number, strides = 1): SymbolicTensor {
    const at = `conv${++this.count}`;
    // Zeros on both sides, where Keras's `same` would put them behind alone.
    const padded = strides === 1 ? x : layers.zeroPadding2d({ padding: 1, name: `${at}_pad` }).apply(x);
    return through(
      padded,
      layers.conv2d({
        filters,
        kernelSize,
        strides,
        padding: strides === 1 ? 'same' : 'valid',
        useBias: false,
        name: at,
      }),
      layers.batchNormalization({ epsilon: 1e-6, name: `${at}_bn` }),
      layers.leakyRelu({ negativeSlope: 0.1, name: `${at}_leaky` }),
    );
  }
}

/** The scores' activation, or without the top the maps. */
function closed(
  inputs: SymbolicTensor,
  maps: SymbolicTensor,
  scores: (maps: SymbolicTensor) => SymbolicTensor,
  name: string,
  options: ApplicationOptions,
): Model {
  const { includeTop = true, classifierActivation = 'softmax' } = options;
  const outputs = includeTop
    ? layers.activation({ activation: classifierActivation ?? 'linear', name: 'predictions' }).apply(scores(maps))
    : pooled(maps, options);
  return new Model({ inputs, outputs, name: options.name ?? name });
}

/** For pictures of 224: 20,856,776 parameters. */
export function darknet19(options: ApplicationOptions = {}): Model {
  const inputs = applicationInput('darknet19', options, 224, 32);
  const convolutions = new Convolutions();
  let x = inputs;
  let pools = 0;
  let kernelSize = 3;
  for (const each of NINETEEN) {
    if (each === 'M') {
      x = layers.maxPooling2d({ poolSize: 2, name: `pool${++pools}` }).apply(x);
      kernelSize = 3;
      continue;
    }
    x = convolutions.apply(x, each, kernelSize);
    kernelSize = 4 - kernelSize;
  }
  const { classes = 1000 } = options;
  const scores = (maps: SymbolicTensor): SymbolicTensor =>
    through(
      maps,
      layers.conv2d({ filters: classes, kernelSize: 1, name: 'scores' }),
      layers.globalAveragePooling2d({ name: 'avg_pool' }),
    );
  return closed(inputs, x, scores, 'darknet19', options);
}

/** For pictures of 256: 41,645,640 parameters. */
export function darknet53(options: ApplicationOptions = {}): Model {
  const inputs = applicationInput('darknet53', options, 256, 32);
  const convolutions = new Convolutions();
  let x = convolutions.apply(inputs, 32, 3);
  BLOCKS.forEach((count, stage) => {
    const filters = 64 * 2 ** stage;
    x = convolutions.apply(x, filters, 3, 2);
    for (let i = 0; i < count; i++) {
      const inner = convolutions.apply(convolutions.apply(x, filters / 2, 1), filters, 3);
      x = layers.add({ name: `add${stage + 1}_${i + 1}` }).apply([x, inner]);
    }
  });
  const { classes = 1000 } = options;
  const scores = (maps: SymbolicTensor): SymbolicTensor =>
    through(
      maps,
      layers.globalAveragePooling2d({ name: 'avg_pool' }),
      layers.dense({ units: classes, name: 'scores' }),
    );
  return closed(inputs, x, scores, 'darknet53', options);
}
