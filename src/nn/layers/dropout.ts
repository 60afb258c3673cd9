// Dropout: zeroes at random while training, and does nothing else.
import { keyFromSeed } from '../../core/random.js';
import { constant, type Tensor } from '../../graph/tensor.js';
import { concat } from '../../ops/join.js';
import { dropout as dropoutOp } from '../../ops/random.js';
import { slice } from '../../ops/shape.js';
import type { DataFormat } from '../../ops/window.js';
import { isRecord } from '../keras-config.js';
import type { CallContext, LayerConfig } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { dataFormat, type Field, optional, real, refuseOption } from './fields.js';

/** See `layers.dropout`. */
export interface DropoutOptions extends CommonOptions {
  /** The share of elements that are dropped, from 0 up to but without 1. */
  rate: number;
  /** Makes the masks independent of the global seed. */
  seed?: number;
  /** The mask's shape, null where it is the input's; a size of 1 drops along that axis together. */
  noiseShape?: PartialShape;
}

/** See `layers.spatialDropout2d`. */
export interface SpatialDropoutOptions extends CommonOptions {
  rate: number;
  seed?: number;
  dataFormat?: DataFormat;
}

/** @internal A seed of the layer's own, null where the global one decides. */
export const seedField: Field<number | null> = optional({
  check(value, place) {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    throw refuseOption(place, 'a whole number', value);
  },
  write: (value) => value,
  // Keras writes a generator that was handed in as an object of its own.
  read: (value) => (isRecord(value) && isRecord(value.config) ? value.config.seed : value),
});

/** @internal The mask's shape, null where it is the input's. */
export const noiseField: Field<PartialShape | null> = optional({
  check(value, place) {
    const isRight = Array.isArray(value) && value.every((dim) => dim === null || (Number.isInteger(dim) && dim > 0));
    if (isRight) return value as PartialShape;
    throw refuseOption(place, 'sizes, null where they are those of the input', value);
  },
  write: (value) => [...value],
});

const rate = real(undefined, { low: 0, high: 1 });
const dropoutFields = { rate, seed: seedField, noiseShape: noiseField };
const spatialFields = { rate, seed: seedField, dataFormat: dataFormat() };

/** @internal The step's key, or the seed's where there is one: then only the step comes from the context. */
export function layerKey(seed: number | null, context: CallContext): { key: Tensor; stream: number } {
  const { key, stream } = context.random();
  if (seed === null) return { key, stream };
  const { seedLow, seedHigh } = keyFromSeed(seed);
  const words = constant([seedLow | 0, seedHigh | 0], [2], 'int32');
  return { key: concat([words, slice(key, [2])]), stream: 0 };
}

function drop(x: Tensor, share: number, seed: number | null, context: CallContext, mask?: readonly number[]): Tensor {
  const { key, stream } = layerKey(seed, context);
  return dropoutOp(x, share, key, { stream, ...(mask === undefined ? {} : { noiseShape: mask }) });
}

/** Drops elements while training, and scales the others so that the mean stays. */
export class Dropout extends ConfiguredLayer<typeof dropoutFields> {
  static override readonly className: string = 'Dropout';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = dropoutFields;

  constructor(options: DropoutOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { rate: share, seed, noiseShape } = this.settings;
    if (!context.training || share === 0) return x;
    const mask = noiseShape?.map((dim, axis) => dim ?? (x.shape[axis] as number));
    return drop(x, share, seed, context, mask);
  }
}

abstract class SpatialDropout extends ConfiguredLayer<typeof spatialFields> {
  protected abstract readonly rank: 1 | 2 | 3;

  constructor(options: SpatialDropoutOptions) {
    super(options);
  }

  /** Keras's own classes take no `trainable`. */
  override get config(): LayerConfig {
    const { trainable: _trainable, ...config } = super.config;
    return config;
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { rate: share, seed, dataFormat: format = 'channelsLast' } = this.settings;
    const axes = spatialAxes(this.rank, format);
    checkAxes(this, x.shape, axes);
    if (!context.training || share === 0) return x;
    const mask = x.shape.map((dim, axis) => (axes[axis] === 'batch' || axes[axis] === 'channels' ? dim : 1));
    return drop(x, share, seed, context, mask);
  }
}

/** Drops whole channels of sequences while training. */
export class SpatialDropout1D extends SpatialDropout {
  static override readonly className: string = 'SpatialDropout1D';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = { rate, seed: seedField };
  protected override readonly rank = 1;
}

/** Drops whole channels of pictures while training. */
export class SpatialDropout2D extends SpatialDropout {
  static override readonly className: string = 'SpatialDropout2D';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = spatialFields;
  protected override readonly rank = 2;
}

/** Drops whole channels of volumes while training. */
export class SpatialDropout3D extends SpatialDropout {
  static override readonly className: string = 'SpatialDropout3D';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = spatialFields;
  protected override readonly rank = 3;
}
