// GoogLeNet (Szegedy et al. 2014, arXiv 1409.4842) as in the paper: biases and no batch norm, 5x5 convolutions, normalisation
// over neighbouring channels, two further classifiers on the way. torchvision's form is ../torchvision/googlenet.ts.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, classifier, pooled, through } from '../applications/build.js';
import { responseNorm } from './alexnet.js';

/** See `googlenet`. */
export interface PaperGoogLeNetOptions extends ApplicationOptions {
  /** The two classifiers on the way, as second and third output; default false. */
  auxLogits?: boolean;
}

/** Channels of the 1x1; the 3x3 after its 1x1; the 5x5 after its 1x1; the 1x1 after the pooling. */
const BLOCKS = {
  '3a': [64, 96, 128, 16, 32, 32],
  '3b': [128, 128, 192, 32, 96, 64],
  '4a': [192, 96, 208, 16, 48, 64],
  '4b': [160, 112, 224, 24, 64, 64],
  '4c': [128, 128, 256, 24, 64, 64],
  '4d': [112, 144, 288, 32, 64, 64],
  '4e': [256, 160, 320, 32, 128, 128],
  '5a': [256, 160, 320, 32, 128, 128],
  '5b': [384, 192, 384, 48, 128, 128],
} as const;

const conv = (filters: number, kernelSize: number, name: string, strides = 1): Layer =>
  layers.conv2d({ filters, kernelSize, strides, padding: 'same', activation: 'relu', name });
const pool = (name: string, strides = 2): Layer => layers.maxPooling2d({ poolSize: 3, strides, padding: 'same', name });

function inception(x: SymbolicTensor, at: keyof typeof BLOCKS): SymbolicTensor {
  const [one, before3, three, before5, five, after] = BLOCKS[at];
  const name = `inception_${at}`;
  return layers
    .concatenate({ name })
    .apply([
      conv(one, 1, `${name}_1x1`).apply(x),
      through(x, conv(before3, 1, `${name}_3x3_reduce`), conv(three, 3, `${name}_3x3`)),
      through(x, conv(before5, 1, `${name}_5x5_reduce`), conv(five, 5, `${name}_5x5`)),
      through(x, pool(`${name}_pool`, 1), conv(after, 1, `${name}_pool_proj`)),
    ]);
}

function aside(x: SymbolicTensor, at: string, options: ApplicationOptions): SymbolicTensor {
  return through(
    x,
    layers.averagePooling2d({ poolSize: 5, strides: 3, name: `${at}_pool` }),
    conv(128, 1, `${at}_conv`),
    layers.flatten({ name: `${at}_flatten` }),
    layers.dense({ units: 1024, activation: 'relu', name: `${at}_fc` }),
    layers.dropout({ rate: 0.7, name: `${at}_drop` }),
    classifier(options, { name: `${at}_predictions` }),
  );
}

/** For pictures of 224: 6,998,552 parameters; 13,378,280 with both further classifiers. */
export function googlenet({ auxLogits = false, ...options }: PaperGoogLeNetOptions = {}): Model {
  const { includeTop = true } = options;
  const inputs = applicationInput('googlenet', options, 224, 32);
  let x = through(inputs, conv(64, 7, 'conv1', 2), pool('pool1'), responseNorm('norm1'));
  x = through(x, conv(64, 1, 'conv2_reduce'), conv(192, 3, 'conv2'), responseNorm('norm2'), pool('pool2'));
  const ways: SymbolicTensor[] = [];
  for (const name of Object.keys(BLOCKS) as (keyof typeof BLOCKS)[]) {
    if (name === '4a' || name === '5a') x = pool(`pool${Number(name[0]) - 1}`).apply(x);
    x = inception(x, name);
    if (name === '4a' || name === '4d') ways.push(x);
  }
  if (!includeTop) return new Model({ inputs, outputs: pooled(x, options), name: options.name ?? 'googlenet' });
  const main = through(
    x,
    layers.globalAveragePooling2d({ name: 'avg_pool' }),
    layers.dropout({ rate: 0.4, name: 'drop' }),
    classifier(options),
  );
  const others = auxLogits ? ways.map((way, i) => aside(way, `aux${i + 1}`, options)) : [];
  return new Model({
    inputs,
    outputs: others.length === 0 ? main : [main, ...others],
    name: options.name ?? 'googlenet',
  });
}
