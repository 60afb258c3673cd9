// Pooling layers. Padding never counts, neither as a maximum nor in an average.
import type { Tensor } from '../../graph/tensor.js';
import { averagePool2d, globalAveragePool, globalMaxPool, maxPool2d } from '../../ops/pool.js';
import type { DataFormat, PaddingWord, Pair } from '../../ops/window.js';
import { checkAxes, pictureAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { choice, dataFormat, flag, optional, pair } from './fields.js';

/** See `layers.maxPooling2d`. */
export interface Pooling2DOptions extends CommonOptions {
  /** Default 2. */
  poolSize?: number | Pair;
  /** Default: poolSize. */
  strides?: number | Pair;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
}

/** See `layers.globalAveragePooling2d`. */
export interface GlobalPooling2DOptions extends CommonOptions {
  dataFormat?: DataFormat;
  /** Leaves height and width with size 1; default false. */
  keepDims?: boolean;
}

const poolFields = {
  poolSize: pair(1, 2),
  padding: choice(['valid', 'same'], 'valid'),
  strides: optional(pair(1)),
  dataFormat: dataFormat(),
};

const globalFields = { dataFormat: dataFormat(), keepDims: flag(false, ['keepdims']) };

abstract class Pooling2D extends ConfiguredLayer<typeof poolFields> {
  static override readonly fields = poolFields;
  protected abstract readonly pool: typeof maxPool2d;

  constructor(options: Pooling2DOptions = {}) {
    super(options);
  }

  override getConfig(): Record<string, unknown> {
    const { poolSize, strides } = this.settings;
    return { ...super.getConfig(), strides: [...(strides ?? poolSize)] };
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { poolSize, strides, padding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, pictureAxes(format));
    return this.pool(x, { poolSize, strides: strides ?? poolSize, padding, dataFormat: format });
  }
}

/** The largest value of every window. */
export class MaxPooling2D extends Pooling2D {
  static override readonly className: string = 'MaxPooling2D';
  protected override readonly pool = maxPool2d;
}

/** The mean of every window. */
export class AveragePooling2D extends Pooling2D {
  static override readonly className: string = 'AveragePooling2D';
  protected override readonly pool = averagePool2d;
}

abstract class GlobalPooling2D extends ConfiguredLayer<typeof globalFields> {
  static override readonly fields = globalFields;
  protected abstract readonly pool: typeof globalMaxPool;

  constructor(options: GlobalPooling2DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { dataFormat: format, keepDims } = this.settings;
    checkAxes(this, x.shape, pictureAxes(format));
    return this.pool(x, { dataFormat: format, keepDims });
  }
}

/** The mean of every channel over the picture. */
export class GlobalAveragePooling2D extends GlobalPooling2D {
  static override readonly className: string = 'GlobalAveragePooling2D';
  protected override readonly pool = globalAveragePool;
}

/** The largest value of every channel over the picture. */
export class GlobalMaxPooling2D extends GlobalPooling2D {
  static override readonly className: string = 'GlobalMaxPooling2D';
  protected override readonly pool = globalMaxPool;
}
