// Pooling layers over sequences, pictures and volumes. Padding never counts, neither as a maximum nor in an average.
import type { Tensor } from '../../graph/tensor.js';
import { adaptiveAveragePool, adaptiveMaxPool } from '../../ops/adaptive-pool.js';
import { cast, divide } from '../../ops/arithmetic.js';
import {
  averagePool1d,
  averagePool2d,
  globalAveragePool,
  globalMaxPool,
  maxPool1d,
  maxPool2d,
} from '../../ops/pool.js';
import { sum } from '../../ops/reduce.js';
import { expandDims } from '../../ops/shape.js';
import { averagePool3d, maxPool3d, type Triple } from '../../ops/volume.js';
import { where } from '../../ops/where.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import type { CallContext } from '../layer.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { choice, dataFormat, type Field, flag, optional, pair, single, triple } from './fields.js';

interface PoolingOptions<Size> extends CommonOptions {
  /** Default 2. */
  poolSize?: Size;
  /** Default: poolSize. */
  strides?: Size;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
}

/** See `layers.maxPooling1d`. */
export type Pooling1DOptions = PoolingOptions<number>;
/** See `layers.maxPooling2d`. */
export type Pooling2DOptions = PoolingOptions<number | Pair>;
/** See `layers.maxPooling3d`. */
export type Pooling3DOptions = PoolingOptions<number | Triple>;

/** See `layers.globalAveragePooling2d`. */
export interface GlobalPoolingOptions extends CommonOptions {
  dataFormat?: DataFormat;
  /** Leaves the pooled axes with size 1; default false. */
  keepDims?: boolean;
}

/** See `layers.adaptiveAveragePooling2d`. */
export interface AdaptivePoolingOptions<Size> extends CommonOptions {
  /** Cells of the result along each axis. */
  outputSize: Size;
  dataFormat?: DataFormat;
}

const fieldsWith = <V>(poolSize: Field<V>, strides: Field<V>) => ({
  poolSize,
  padding: choice(['valid', 'same'], 'valid'),
  strides: optional(strides),
  dataFormat: dataFormat(),
});

type PoolFields<V> = ReturnType<typeof fieldsWith<V>>;
type Size = number | Pair | Triple;

abstract class Pooling<V extends Size, O> extends ConfiguredLayer<PoolFields<V>> {
  protected abstract readonly rank: 1 | 2 | 3;

  constructor(options: PoolingOptions<O> = {}) {
    super(options);
  }

  override getConfig(): Record<string, unknown> {
    const { pool_size: size, strides, ...rest } = super.getConfig();
    return { pool_size: size, ...rest, strides: strides ?? size };
  }

  protected abstract pool(
    x: Tensor,
    options: { poolSize: V; strides: V; padding: PaddingWord; dataFormat: DataFormat },
  ): Tensor;

  override call([x]: readonly [Tensor]): Tensor {
    const { poolSize, strides, padding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format));
    return this.pool(x, { poolSize, strides: strides ?? poolSize, padding, dataFormat: format });
  }
}

abstract class Pooling1D extends Pooling<number, number> {
  static override readonly fields = fieldsWith(single(1, 2), single(1));
  protected override readonly rank = 1;
}

abstract class Pooling2D extends Pooling<Pair, number | Pair> {
  static override readonly fields = fieldsWith(pair(1, 2), pair(1));
  protected override readonly rank = 2;
}

abstract class Pooling3D extends Pooling<Triple, number | Triple> {
  static override readonly fields = fieldsWith(triple(1, 2), triple(1));
  protected override readonly rank = 3;
}

/** The largest value of every window of a sequence. */
export class MaxPooling1D extends Pooling1D {
  static override readonly className: string = 'MaxPooling1D';
  protected override readonly pool = maxPool1d;
}

/** The largest value of every window of a picture. */
export class MaxPooling2D extends Pooling2D {
  static override readonly className: string = 'MaxPooling2D';
  protected override readonly pool = maxPool2d;
}

/** The largest value of every window of a volume. */
export class MaxPooling3D extends Pooling3D {
  static override readonly className: string = 'MaxPooling3D';
  protected override readonly pool = maxPool3d;
}

/** The mean of every window of a sequence. */
export class AveragePooling1D extends Pooling1D {
  static override readonly className: string = 'AveragePooling1D';
  protected override readonly pool = averagePool1d;
}

/** The mean of every window of a picture. */
export class AveragePooling2D extends Pooling2D {
  static override readonly className: string = 'AveragePooling2D';
  protected override readonly pool = averagePool2d;
}

/** The mean of every window of a volume. */
export class AveragePooling3D extends Pooling3D {
  static override readonly className: string = 'AveragePooling3D';
  protected override readonly pool = averagePool3d;
}

const globalFields = { dataFormat: dataFormat(), keepDims: flag(false, ['keepdims']) };

abstract class GlobalPooling extends ConfiguredLayer<typeof globalFields> {
  static override readonly fields = globalFields;
  protected abstract readonly rank: 1 | 2 | 3;
  protected abstract readonly pool: typeof globalMaxPool;

  constructor(options: GlobalPoolingOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { dataFormat: format, keepDims } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format));
    return this.pool(x, { dataFormat: format, keepDims });
  }
}

/** The mean of every channel over the sequence. */
export class GlobalAveragePooling1D extends GlobalPooling {
  static override readonly className: string = 'GlobalAveragePooling1D';
  protected override readonly rank = 1;
  protected override readonly pool = globalAveragePool;

  /** Over the steps that count, where the input has a mask. */
  override call([x]: readonly [Tensor], context?: CallContext): Tensor {
    const mask = context?.masks?.[0];
    if (mask === undefined) return super.call([x]);
    const { dataFormat: format, keepDims } = this.settings;
    checkAxes(this, x.shape, spatialAxes(1, format));
    const counts = expandDims(mask, format === 'channelsLast' ? 2 : 1);
    const over = { axis: format === 'channelsLast' ? 1 : 2, keepDims };
    return divide(sum(where(counts, x, 0), over), sum(cast(counts, x.dtype), over));
  }
}

/** The mean of every channel over the picture. */
export class GlobalAveragePooling2D extends GlobalPooling {
  static override readonly className: string = 'GlobalAveragePooling2D';
  protected override readonly rank = 2;
  protected override readonly pool = globalAveragePool;
}

/** The mean of every channel over the volume. */
export class GlobalAveragePooling3D extends GlobalPooling {
  static override readonly className: string = 'GlobalAveragePooling3D';
  protected override readonly rank = 3;
  protected override readonly pool = globalAveragePool;
}

/** The largest value of every channel over the sequence. */
export class GlobalMaxPooling1D extends GlobalPooling {
  static override readonly className: string = 'GlobalMaxPooling1D';
  protected override readonly rank = 1;
  protected override readonly pool = globalMaxPool;
}

/** The largest value of every channel over the picture. */
export class GlobalMaxPooling2D extends GlobalPooling {
  static override readonly className: string = 'GlobalMaxPooling2D';
  protected override readonly rank = 2;
  protected override readonly pool = globalMaxPool;
}

/** The largest value of every channel over the volume. */
export class GlobalMaxPooling3D extends GlobalPooling {
  static override readonly className: string = 'GlobalMaxPooling3D';
  protected override readonly rank = 3;
  protected override readonly pool = globalMaxPool;
}

const adaptiveFieldsWith = <V>(outputSize: Field<V>) => ({ outputSize, dataFormat: dataFormat() });

type AdaptiveFields<V> = ReturnType<typeof adaptiveFieldsWith<V>>;

abstract class AdaptivePooling<V extends Size, O> extends ConfiguredLayer<AdaptiveFields<V>> {
  protected abstract readonly rank: 1 | 2 | 3;
  protected abstract readonly pool: typeof adaptiveMaxPool;

  constructor(options: AdaptivePoolingOptions<O>) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { outputSize, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format));
    return this.pool(x, outputSize, { dataFormat: format });
  }
}

abstract class AdaptivePooling1D extends AdaptivePooling<number, number> {
  static override readonly fields = adaptiveFieldsWith(single(1));
  protected override readonly rank = 1;
}

abstract class AdaptivePooling2D extends AdaptivePooling<Pair, number | Pair> {
  static override readonly fields = adaptiveFieldsWith(pair(1));
  protected override readonly rank = 2;
}

abstract class AdaptivePooling3D extends AdaptivePooling<Triple, number | Triple> {
  static override readonly fields = adaptiveFieldsWith(triple(1));
  protected override readonly rank = 3;
}

/** The mean of every cell of a grid of a given size over the sequence. */
export class AdaptiveAveragePooling1D extends AdaptivePooling1D {
  static override readonly className: string = 'AdaptiveAveragePooling1D';
  protected override readonly pool = adaptiveAveragePool;
}

/** The mean of every cell of a grid of a given size over the picture. */
export class AdaptiveAveragePooling2D extends AdaptivePooling2D {
  static override readonly className: string = 'AdaptiveAveragePooling2D';
  protected override readonly pool = adaptiveAveragePool;
}

/** The mean of every cell of a grid of a given size over the volume. */
export class AdaptiveAveragePooling3D extends AdaptivePooling3D {
  static override readonly className: string = 'AdaptiveAveragePooling3D';
  protected override readonly pool = adaptiveAveragePool;
}

/** The largest value of every cell of a grid of a given size over the sequence. */
export class AdaptiveMaxPooling1D extends AdaptivePooling1D {
  static override readonly className: string = 'AdaptiveMaxPooling1D';
  protected override readonly pool = adaptiveMaxPool;
}

/** The largest value of every cell of a grid of a given size over the picture. */
export class AdaptiveMaxPooling2D extends AdaptivePooling2D {
  static override readonly className: string = 'AdaptiveMaxPooling2D';
  protected override readonly pool = adaptiveMaxPool;
}

/** The largest value of every cell of a grid of a given size over the volume. */
export class AdaptiveMaxPooling3D extends AdaptivePooling3D {
  static override readonly className: string = 'AdaptiveMaxPooling3D';
  protected override readonly pool = adaptiveMaxPool;
}
