// ConvNeXt (Liu et al. 2022, arXiv 2201.03545): a ResNet brought up to date step by step: 7x7 depthwise convolutions, layer
// norm, GELU, fewer of each. Pixels of 0..255 are normalised inside.
import type { Layer } from '../../nn/layer.js';
import { LayerScale } from '../../nn/layers/architecture.js';
import * as layers from '../../nn/layers/index.js';
import { Model, Sequential } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, classifier, Numbering, pooled, through } from './build.js';

/** See `convnextTiny`. */
export interface ConvNextOptions extends ApplicationOptions {
  /** Whether the model takes pixels of 0..255 and normalises them itself; default true. */
  includePreprocessing?: boolean;
}

interface Sizes {
  readonly depths: readonly [number, number, number, number];
  readonly widths: readonly [number, number, number, number];
}

const norm = (name: string): Layer => layers.layerNormalization({ epsilon: 1e-6, name });

function block(x: SymbolicTensor, at: string, channels: number, numbering: Numbering): SymbolicTensor {
  const inner = through(
    x,
    layers.conv2d({
      filters: channels,
      kernelSize: 7,
      padding: 'same',
      groups: channels,
      name: `${at}_depthwise_conv`,
    }),
    norm(`${at}_layernorm`),
    layers.dense({ units: 4 * channels, name: `${at}_pointwise_conv_1` }),
    layers.activation({ activation: 'gelu', name: `${at}_gelu` }),
    layers.dense({ units: channels, name: `${at}_pointwise_conv_2` }),
    new LayerScale({ initValues: 1e-6, projectionDim: channels, name: `${at}_layer_scale` }),
    layers.activation({ activation: 'linear', name: `${at}_identity` }),
  );
  return layers.add({ name: numbering.name('add') }).apply([x, inner]);
}

function convnext(name: string, { depths, widths }: Sizes, options: ConvNextOptions): Model {
  const inputs = applicationInput(name, options, 224, 32);
  const numbering = new Numbering();
  let x = inputs;
  if (options.includePreprocessing ?? true) {
    const mean = [0.485 * 255, 0.456 * 255, 0.406 * 255];
    const variance = [(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2];
    x = layers.normalization({ mean, variance, name: `${name}_prestem_normalization` }).apply(x);
  }
  widths.forEach((channels, stage) => {
    const stem = [
      layers.conv2d({ filters: channels, kernelSize: 4, strides: 4, name: `${name}_stem_conv` }),
      norm(`${name}_stem_layernorm`),
    ];
    const down = [
      norm(`${name}_downsampling_layernorm_${stage - 1}`),
      layers.conv2d({ filters: channels, kernelSize: 2, strides: 2, name: `${name}_downsampling_conv_${stage - 1}` }),
    ];
    const shrink = new Sequential(stage === 0 ? stem : down, {
      name: stage === 0 ? `${name}_stem` : `${name}_downsampling_block_${stage - 1}`,
    });
    x = shrink.apply(x);
    for (let i = 0; i < (depths[stage] as number); i++) {
      x = block(x, `${name}_stage_${stage}_block_${i}`, channels, numbering);
    }
  });
  if (options.includeTop ?? true) {
    x = through(
      x,
      layers.globalAveragePooling2d({ name: `${name}_head_gap` }),
      norm(`${name}_head_layernorm`),
      classifier(options, { name: `${name}_head_dense` }),
    );
  } else x = norm('layer_normalization').apply(pooled(x, options));
  return new Model({ inputs, outputs: x, name: options.name ?? name });
}

/** 28,589,128 parameters. */
export const convnextTiny = (options: ConvNextOptions = {}): Model =>
  convnext('convnext_tiny', { depths: [3, 3, 9, 3], widths: [96, 192, 384, 768] }, options);
/** 50,223,688 parameters. */
export const convnextSmall = (options: ConvNextOptions = {}): Model =>
  convnext('convnext_small', { depths: [3, 3, 27, 3], widths: [96, 192, 384, 768] }, options);
/** 88,591,464 parameters. */
export const convnextBase = (options: ConvNextOptions = {}): Model =>
  convnext('convnext_base', { depths: [3, 3, 27, 3], widths: [128, 256, 512, 1024] }, options);
/** 197,767,336 parameters. */
export const convnextLarge = (options: ConvNextOptions = {}): Model =>
  convnext('convnext_large', { depths: [3, 3, 27, 3], widths: [192, 384, 768, 1536] }, options);
/** 350,196,968 parameters. */
export const convnextXLarge = (options: ConvNextOptions = {}): Model =>
  convnext('convnext_xlarge', { depths: [3, 3, 27, 3], widths: [256, 512, 1024, 2048] }, options);
