// AlexNet (Krizhevsky, Sutskever and Hinton 2012) as in the paper: its two columns as groups of channels, and the normalisation
// over neighbouring channels. torchvision's form is ../torchvision/alexnet.ts.
import type { Layer } from '../../nn/layer.js';
import { LocalResponseNormalization } from '../../nn/layers/foreign.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import { type ApplicationOptions, applicationInput, classifier, pooled, through } from '../applications/build.js';

/** See `alexnet`. */
export interface AlexNetOptions extends ApplicationOptions {
  /** Two columns that meet at the third layer, for the two graphics cards of the time; default true. */
  grouped?: boolean;
}

/** Neighbours, and the paper's sum as a mean of five. */
export const responseNorm = (name: string): Layer =>
  new LocalResponseNormalization({ size: 5, alpha: 5e-4, beta: 0.75, bias: 2, name });

/** For pictures of 227: 60,965,224 parameters, or 62,378,344 with `grouped: false`. */
export function alexnet({ grouped = true, ...options }: AlexNetOptions = {}): Model {
  const groups = grouped ? 2 : 1;
  const conv = (filters: number, kernelSize: number, name: string, more: object = {}): Layer =>
    layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu', name, ...more });
  const pool = (name: string): Layer => layers.maxPooling2d({ poolSize: 3, strides: 2, name });
  const inputs = applicationInput('alexnet', options, 227, 67);
  const maps = through(
    inputs,
    conv(96, 11, 'conv1', { strides: 4, padding: 'valid' }),
    responseNorm('norm1'),
    pool('pool1'),
    conv(256, 5, 'conv2', { groups }),
    responseNorm('norm2'),
    pool('pool2'),
    conv(384, 3, 'conv3'),
    conv(384, 3, 'conv4', { groups }),
    conv(256, 3, 'conv5', { groups }),
    pool('pool5'),
  );
  const outputs =
    options.includeTop === false
      ? pooled(maps, options)
      : through(
          maps,
          layers.flatten({ name: 'flatten' }),
          layers.dense({ units: 4096, activation: 'relu', name: 'fc6' }),
          layers.dropout({ rate: 0.5, name: 'drop6' }),
          layers.dense({ units: 4096, activation: 'relu', name: 'fc7' }),
          layers.dropout({ rate: 0.5, name: 'drop7' }),
          classifier(options),
        );
  return new Model({ inputs, outputs, name: options.name ?? 'alexnet' });
}
