// EfficientNetV2 (Tan and Le 2021, arXiv 2104.00298): plain convolutions instead of depthwise ones in the first stages,
// where those are slow, and smaller pictures.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, finish, through } from './build.js';
import { denseInitializer, dropBlock, excite, fanOut } from './efficientnet-parts.js';

/** See `efficientnetV2B0`. */
export interface EfficientNetV2Options extends ApplicationOptions {
  /** Whether the model takes pixels of 0..255 and scales them itself; default true. */
  includePreprocessing?: boolean;
}

/** Blocks, channels in and out, expansion, strides, and whether the blocks are fused: without depthwise convolution. */
type Stage = readonly [blocks: number, from: number, to: number, expansion: number, strides: number, isFused?: boolean];

const BASE: readonly Stage[] = [
  [1, 32, 16, 1, 1, true],
  [2, 16, 32, 4, 2, true],
  [2, 32, 48, 4, 2, true],
  [3, 48, 96, 4, 2],
  [5, 96, 112, 6, 1],
  [8, 112, 192, 6, 2],
];
const SMALL: readonly Stage[] = [
  [2, 24, 24, 1, 1, true],
  [4, 24, 48, 4, 2, true],
  [4, 48, 64, 4, 2, true],
  [6, 64, 128, 4, 2],
  [9, 128, 160, 6, 1],
  [15, 160, 256, 6, 2],
];
const MEDIUM: readonly Stage[] = [
  [3, 24, 24, 1, 1, true],
  [5, 24, 48, 4, 2, true],
  [5, 48, 80, 4, 2, true],
  [7, 80, 160, 4, 2],
  [14, 160, 176, 6, 1],
  [18, 176, 304, 6, 2],
  [5, 304, 512, 6, 1],
];
const LARGE: readonly Stage[] = [
  [4, 32, 32, 1, 1, true],
  [7, 32, 64, 4, 2, true],
  [7, 64, 96, 4, 2, true],
  [10, 96, 192, 4, 2],
  [19, 192, 224, 6, 1],
  [25, 224, 384, 6, 2],
  [7, 384, 640, 6, 1],
];

interface Scale {
  readonly stages: readonly Stage[];
  readonly width: number;
  readonly depth: number;
  readonly size: number;
}

/** To the nearest multiple of eight. */
const toEight = (filters: number): number => Math.max(8, Math.floor((filters + 4) / 8) * 8);

const norm = (name: string): Layer => layers.batchNormalization({ momentum: 0.9, name });
const silu = (name: string): Layer => layers.activation({ activation: 'silu', name });
const conv = (filters: number, kernelSize: number, strides: number, name: string): Layer =>
  layers.conv2d({ filters, kernelSize, strides, padding: 'same', useBias: false, kernelInitializer: fanOut(), name });

interface Block {
  readonly at: string;
  readonly filters: number;
  readonly expansion: number;
  readonly strides: number;
  readonly isFused: boolean;
  readonly dropRate: number;
}

function block(x: SymbolicTensor, { at, filters, expansion, strides, isFused, dropRate }: Block): SymbolicTensor {
  const channels = x.shape.at(-1) as number;
  let inner = x;
  if (expansion > 1) {
    const expand = isFused
      ? conv(channels * expansion, 3, strides, `${at}expand_conv`)
      : conv(channels * expansion, 1, 1, `${at}expand_conv`);
    inner = through(x, expand, norm(`${at}expand_bn`), silu(`${at}expand_activation`));
  }
  if (!isFused) {
    const depthwise = layers.depthwiseConv2d({
      kernelSize: 3,
      strides,
      padding: 'same',
      useBias: false,
      depthwiseInitializer: fanOut(),
      name: `${at}dwconv2`,
    });
    inner = through(inner, depthwise, norm(`${at}bn`), silu(`${at}activation`));
    inner = excite(inner, at, Math.max(1, Math.floor(channels / 4)));
  }
  // A fused block that does not expand is one convolution, and the one whose result is activated.
  const isAlone = isFused && expansion === 1;
  inner = through(
    inner,
    conv(filters, isAlone ? 3 : 1, isAlone ? strides : 1, `${at}project_conv`),
    norm(`${at}project_bn`),
    ...(isAlone ? [silu(`${at}project_activation`)] : []),
  );
  if (strides > 1 || channels !== filters) return inner;
  if (dropRate > 0) inner = dropBlock(`${at}drop`, dropRate).apply(inner);
  return layers.add({ name: `${at}add` }).apply([inner, x]);
}

/** The B models subtract ImageNet's means; the larger ones map to -1..1. */
function preprocessing(isBase: boolean): Layer[] {
  if (!isBase) return [layers.rescaling({ scale: 1 / 128, offset: -1, name: 'rescaling' })];
  const mean = [0.485, 0.456, 0.406];
  const variance = [0.229, 0.224, 0.225].map((deviation) => deviation ** 2);
  return [
    layers.rescaling({ scale: 1 / 255, name: 'rescaling' }),
    layers.normalization({ mean, variance, axis: -1, name: 'normalization' }),
  ];
}

function efficientnetV2(name: string, { stages, width, depth, size }: Scale, options: EfficientNetV2Options): Model {
  const inputs = applicationInput(name, options, size, 32);
  const channelsOf = (filters: number): number => toEight(filters * width);
  const repeats = (count: number): number => Math.ceil(depth * count);
  let x = inputs;
  if (options.includePreprocessing ?? true) x = through(x, ...preprocessing(stages === BASE));
  x = through(
    x,
    conv(channelsOf((stages[0] as Stage)[1]), 3, 2, 'stem_conv'),
    norm('stem_bn'),
    silu('stem_activation'),
  );
  // Counted before scaling, as Keras does: the last blocks of B1 to B3 drop more than a fifth.
  const total = stages.reduce((sum, [count]) => sum + count, 0);
  let index = 0;
  stages.forEach(([count, , filters, expansion, strides, isFused = false], stage) => {
    for (let i = 0; i < repeats(count); i++) {
      x = block(x, {
        at: `block${stage + 1}${String.fromCharCode(97 + i)}_`,
        filters: channelsOf(filters),
        expansion,
        strides: i === 0 ? strides : 1,
        isFused,
        dropRate: (0.2 * index++) / total,
      });
    }
  });
  x = through(x, conv(channelsOf(1280), 1, 1, 'top_conv'), norm('top_bn'), silu('top_activation'));
  return finish(inputs, x, name, options, { dropout: 0.2, kernelInitializer: denseInitializer() });
}

const scaled = (
  name: string,
  [stages, size, width = 1, depth = 1]: readonly [
    stages: readonly Stage[],
    size: number,
    width?: number,
    depth?: number,
  ],
  options: EfficientNetV2Options = {},
): Model => efficientnetV2(`efficientnetv2-${name}`, { stages, width, depth, size }, options);

/** 7,200,312 parameters, pictures of 224. */
export const efficientnetV2B0 = (options?: EfficientNetV2Options): Model => scaled('b0', [BASE, 224], options);
/** 8,212,124 parameters, pictures of 240. */
export const efficientnetV2B1 = (options?: EfficientNetV2Options): Model => scaled('b1', [BASE, 240, 1, 1.1], options);
/** 10,178,374 parameters, pictures of 260. */
export const efficientnetV2B2 = (options?: EfficientNetV2Options): Model =>
  scaled('b2', [BASE, 260, 1.1, 1.2], options);
/** 14,467,622 parameters, pictures of 300. */
export const efficientnetV2B3 = (options?: EfficientNetV2Options): Model =>
  scaled('b3', [BASE, 300, 1.2, 1.4], options);
/** 21,612,360 parameters, pictures of 384. */
export const efficientnetV2S = (options?: EfficientNetV2Options): Model => scaled('s', [SMALL, 384], options);
/** 54,431,388 parameters, pictures of 480. */
export const efficientnetV2M = (options?: EfficientNetV2Options): Model => scaled('m', [MEDIUM, 480], options);
/** 119,027,848 parameters, pictures of 480. */
export const efficientnetV2L = (options?: EfficientNetV2Options): Model => scaled('l', [LARGE, 480], options);
