// What the application models share: their options, the input that fits them, batch norm and activation after a
// convolution, and the classifier on top. Layers carry Keras's names, so that files of Keras's weights fit by name.
import { FoveaError } from '../../core/errors.js';
import type { InitializerLike } from '../../nn/initializers.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';

/** What every application model accepts, as in Keras. */
export interface ApplicationOptions {
  /** With the classifier; default true. Without it the model gives maps, or vectors with `pooling`. */
  includeTop?: boolean;
  /** Height, width, channels; null where any size will do. Default: the published size, or any size without the top. */
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
  /** Without the top: `avg` or `max` over the map's pixels; default none. */
  pooling?: 'avg' | 'max';
  /** Classes of the top; default 1000. */
  classes?: number;
  /** Activation of the top; null gives logits. Default `softmax`. */
  classifierActivation?: 'softmax' | null;
  name?: string;
}

/** Applies layers one after the other. */
export function through(x: SymbolicTensor, ...chain: readonly Layer[]): SymbolicTensor {
  return chain.reduce((tensor, layer) => layer.apply(tensor), x);
}

/** Names of layers that have none of their own: `conv2d`, `conv2d_1`, ... */
export class Numbering {
  private readonly next = new Map<string, number>();

  name(kind: string): string {
    const number = this.next.get(kind) ?? 0;
    this.next.set(kind, number + 1);
    return number === 0 ? kind : `${kind}_${number}`;
  }
}

/** The input: the published size with the top, any size without it. Throws `argument` for pictures that are too small. */
export function applicationInput(
  model: string,
  { includeTop = true, inputShape }: ApplicationOptions,
  size: number,
  least: number,
): SymbolicTensor {
  const shape = inputShape ?? (includeTop ? [size, size, 3] : [null, null, 3]);
  const isLarge = shape.slice(0, 2).every((side) => side === null || side >= least);
  if (shape.length !== 3 || !isLarge) {
    throw new FoveaError({
      code: 'argument',
      op: model,
      message: `pictures must be [height,width,channels] of at least ${least}x${least}; got inputShape [${shape.join(',')}].`,
      got: shape,
      hint: `Give inputShape [${size}, ${size}, 3], or leave it out.`,
    });
  }
  return layers.input(shape, { name: 'input_layer' });
}

/** How the vectors before the classifier are made. */
interface TopOptions {
  /** The pooling's name; default `avg_pool`. */
  poolName?: string;
  /** Dropped before the classifier while training. */
  dropout?: number;
  dropoutName?: string;
  /** The classifier's name; default `predictions`. */
  name?: string;
  kernelInitializer?: InitializerLike;
}

/** Average pooling and the dense classifier, or what `pooling` asks for; closes the model. */
export function finish(
  inputs: SymbolicTensor,
  maps: SymbolicTensor,
  name: string,
  options: ApplicationOptions,
  { poolName = 'avg_pool', dropout = 0, dropoutName = 'top_dropout', ...dense }: TopOptions = {},
): Model {
  let x = maps;
  if (options.includeTop ?? true) {
    x = layers.globalAveragePooling2d({ name: poolName }).apply(x);
    if (dropout > 0) x = layers.dropout({ rate: dropout, name: dropoutName }).apply(x);
    x = classifier(options, dense).apply(x);
  } else x = pooled(x, options);
  return new Model({ inputs, outputs: x, name: options.name ?? name });
}

/** The dense layer on top. */
export function classifier(
  { classes = 1000, classifierActivation = 'softmax' }: ApplicationOptions,
  { name = 'predictions', kernelInitializer = 'glorotUniform' }: TopOptions = {},
): Layer {
  return layers.dense({ units: classes, activation: classifierActivation ?? 'linear', kernelInitializer, name });
}

/** The maps as they are, or their mean or maximum. */
export function pooled(x: SymbolicTensor, { pooling }: ApplicationOptions): SymbolicTensor {
  if (pooling === undefined) return x;
  const layer =
    pooling === 'avg'
      ? layers.globalAveragePooling2d({ name: 'avg_pool' })
      : layers.globalMaxPooling2d({ name: 'max_pool' });
  return layer.apply(x);
}

/** `channels * factor` as a multiple of `divisor`, to the nearest but never more than a tenth below. */
export function roundChannels(channels: number, divisor = 8, least = divisor): number {
  const nearest = Math.max(least, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return nearest < 0.9 * channels ? nearest + divisor : nearest;
}

/** Zeros around a map before a valid convolution of stride 2, so that the last row and column are seen: even sizes need less in front. */
export function stridePadding(
  { shape }: SymbolicTensor,
  kernel: number,
): readonly [readonly [number, number], readonly [number, number]] {
  const half = Math.floor(kernel / 2);
  const of = (size: number | null | undefined): readonly [number, number] => [
    half - (size == null || size % 2 === 0 ? 1 : 0),
    half,
  ];
  return [of(shape[1]), of(shape[2])];
}
