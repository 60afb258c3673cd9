// EfficientNet (Tan and Le 2019, arXiv 1905.11946): MobileNetV2's blocks with squeeze-and-excitation, scaled in width,
// depth and picture size by one formula.
import { FoveaError } from '../../core/errors.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { Model, TrainableModel } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput, finish, roundChannels, stridePadding, through } from './build.js';
import { denseInitializer, dropBlock, excite, fanOut } from './efficientnet-parts.js';
import { EFFICIENTNET } from './inverted-stages.js';

/** How much larger than B0, and the picture size and dropout of that. */
export interface Scale {
  readonly width: number;
  readonly depth: number;
  readonly size: number;
  readonly dropout: number;
}

const SCALES: readonly Scale[] = [
  { width: 1, depth: 1, size: 224, dropout: 0.2 },
  { width: 1, depth: 1.1, size: 240, dropout: 0.2 },
  { width: 1.1, depth: 1.2, size: 260, dropout: 0.3 },
  { width: 1.2, depth: 1.4, size: 300, dropout: 0.3 },
  { width: 1.4, depth: 1.8, size: 380, dropout: 0.4 },
  { width: 1.6, depth: 2.2, size: 456, dropout: 0.4 },
  { width: 1.8, depth: 2.6, size: 528, dropout: 0.5 },
  { width: 2, depth: 3.1, size: 600, dropout: 0.5 },
];

/** The published scale of EfficientNet-B`phi`. */
export const scaleOf = (phi: number): Scale => SCALES[phi] as Scale;

/** Of the standard deviations of ImageNet's channels. */
const CHANNEL_DEVIATIONS = [0.229, 0.224, 0.225];

/** See `efficientnetB0`. */
export interface EfficientNetOptions extends ApplicationOptions {
  /** Share of blocks that are skipped while training, at the last block; default 0.2. */
  dropConnectRate?: number;
  /** Divides pictures by the channels' deviations once more, as the published ImageNet weights want it; default false. */
  rescalesDeviations?: boolean;
}

const norm = (name: string): Layer => layers.batchNormalization({ name });
const silu = (name: string): Layer => layers.activation({ activation: 'silu', name });

/** A convolution without bias, of the published initializer. */
const conv = (filters: number, kernelSize: number, name: string, strides = 1): Layer =>
  layers.conv2d({
    filters,
    kernelSize,
    strides,
    padding: strides === 1 ? 'same' : 'valid',
    useBias: false,
    kernelInitializer: fanOut(),
    name,
  });

/** What one block of EfficientNet is made of. */
interface Block {
  readonly at: string;
  readonly kernel: number;
  readonly filters: number;
  readonly expansion: number;
  readonly strides: number;
  readonly dropRate: number;
}

function block(x: SymbolicTensor, { at, kernel, filters, expansion, strides, dropRate }: Block): SymbolicTensor {
  const channels = x.shape.at(-1) as number;
  const wide = channels * expansion;
  let inner = x;
  if (expansion > 1) {
    inner = through(x, conv(wide, 1, `${at}expand_conv`), norm(`${at}expand_bn`), silu(`${at}expand_activation`));
  }
  if (strides > 1) {
    inner = layers.zeroPadding2d({ padding: stridePadding(inner, kernel), name: `${at}dwconv_pad` }).apply(inner);
  }
  inner = through(
    inner,
    layers.depthwiseConv2d({
      kernelSize: kernel,
      strides,
      padding: strides > 1 ? 'valid' : 'same',
      useBias: false,
      depthwiseInitializer: fanOut(),
      name: `${at}dwconv`,
    }),
    norm(`${at}bn`),
    silu(`${at}activation`),
  );
  inner = excite(inner, at, Math.max(1, Math.floor(channels / 4)));
  inner = through(inner, conv(filters, 1, `${at}project_conv`), norm(`${at}project_bn`));
  if (strides > 1 || channels !== filters) return inner;
  if (dropRate > 0) inner = dropBlock(`${at}drop`, dropRate).apply(inner);
  return layers.add({ name: `${at}add` }).apply([inner, x]);
}

function made(name: string, scale: Scale, options: EfficientNetOptions): Model {
  const { dropConnectRate = 0.2, rescalesDeviations = false } = options;
  const inputs = applicationInput(name, options, scale.size, 32);
  const width = (filters: number): number => roundChannels(filters * scale.width);
  const repeats = (count: number): number => Math.ceil(scale.depth * count);
  let x = through(
    inputs,
    layers.rescaling({ scale: 1 / 255, name: 'rescaling' }),
    layers.normalization({ axis: -1, name: 'normalization' }),
    ...(rescalesDeviations
      ? [layers.rescaling({ scale: CHANNEL_DEVIATIONS.map((each) => 1 / Math.sqrt(each)), name: 'rescaling_1' })]
      : []),
  );
  x = layers.zeroPadding2d({ padding: stridePadding(x, 3), name: 'stem_conv_pad' }).apply(x);
  x = through(x, conv(width(32), 3, 'stem_conv', 2), norm('stem_bn'), silu('stem_activation'));
  const total = EFFICIENTNET.reduce((sum, { blocks }) => sum + repeats(blocks), 0);
  let index = 0;
  EFFICIENTNET.forEach(({ expansion, kernel, channels, blocks, strides }, stage) => {
    for (let i = 0; i < repeats(blocks); i++) {
      x = block(x, {
        at: `block${stage + 1}${String.fromCharCode(97 + i)}_`,
        kernel,
        filters: width(channels),
        expansion,
        strides: i === 0 ? strides : 1,
        dropRate: (dropConnectRate * index++) / total,
      });
    }
  });
  x = through(x, conv(width(1280), 1, 'top_conv'), norm('top_bn'), silu('top_activation'));
  return finish(inputs, x, name, options, { dropout: scale.dropout, kernelInitializer: denseInitializer() });
}

/** Puts the rescaling that the published weights want into the variances of a network that was made without it. */
export async function foldDeviations(model: TrainableModel): Promise<void> {
  const variance = model.getLayer('normalization').weights.find(({ name }) => name === 'variance');
  const values = await variance?.elements();
  variance?.set(Float32Array.from(CHANNEL_DEVIATIONS, (each, channel) => each * Number(values?.[channel])));
}

const scaled = (phi: number, options: EfficientNetOptions = {}): Model =>
  made(`efficientnetb${phi}`, SCALES[phi] as Scale, options);

/** 5,330,571 parameters, pictures of 224. */
export const efficientnetB0 = (options?: EfficientNetOptions): Model => scaled(0, options);
/** 7,856,239 parameters, pictures of 240. */
export const efficientnetB1 = (options?: EfficientNetOptions): Model => scaled(1, options);
/** 9,177,569 parameters, pictures of 260. */
export const efficientnetB2 = (options?: EfficientNetOptions): Model => scaled(2, options);
/** 12,320,535 parameters, pictures of 300. */
export const efficientnetB3 = (options?: EfficientNetOptions): Model => scaled(3, options);
/** 19,466,823 parameters, pictures of 380. */
export const efficientnetB4 = (options?: EfficientNetOptions): Model => scaled(4, options);
/** 30,562,527 parameters, pictures of 456. */
export const efficientnetB5 = (options?: EfficientNetOptions): Model => scaled(5, options);
/** 43,265,143 parameters, pictures of 528. */
export const efficientnetB6 = (options?: EfficientNetOptions): Model => scaled(6, options);
/** 66,658,687 parameters, pictures of 600. */
export const efficientnetB7 = (options?: EfficientNetOptions): Model => scaled(7, options);

/** See `efficientnet`. */
export interface CompoundScalingOptions extends EfficientNetOptions {
  /** How much more may be spent: each step about doubles the multiplications. 0 is B0; need not be whole. */
  phi: number;
  /** Factor of depth, width and picture size for each step; default the paper's 1.2, 1.1 and 1.15. */
  alpha?: number;
  beta?: number;
  gamma?: number;
}

/**
 * EfficientNet by the paper's formula: alpha^phi as deep, beta^phi as wide, for pictures gamma^phi as large as B0's. The published
 * B1 to B7 are rounded by hand and differ a little. Throws `argument` where a factor is not above 0.
 *
 * @example
 * const model = zoo.efficientnet({ phi: 1 });
 * console.log(model.inputShape); // [null, 258, 258, 3]
 */
export function efficientnet({
  phi,
  alpha = 1.2,
  beta = 1.1,
  gamma = 1.15,
  ...options
}: CompoundScalingOptions): Model {
  for (const [option, value] of Object.entries({ alpha, beta, gamma })) {
    if (value > 0) continue;
    throw new FoveaError({
      code: 'argument',
      op: 'efficientnet',
      message: `${option} must be above 0; got ${value}.`,
      got: value,
    });
  }
  if (!Number.isFinite(phi)) {
    throw new FoveaError({
      code: 'argument',
      op: 'efficientnet',
      message: `phi must be a number; got ${phi}.`,
      got: phi,
    });
  }
  const scale: Scale = {
    width: beta ** phi,
    depth: alpha ** phi,
    size: Math.round(224 * gamma ** phi),
    // As the published ones have it, from 0.2 to 0.5 at B6.
    dropout: Math.min(0.5, Math.max(0, 0.2 + 0.05 * phi)),
  };
  return made(`efficientnet_phi${phi}`, scale, options);
}
