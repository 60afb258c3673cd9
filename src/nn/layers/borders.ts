// Layers that put zeros around sequences, pictures and volumes, or cut their borders off.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { pad } from '../../ops/join.js';
import { slice } from '../../ops/shape.js';
import type { DataFormat, Pair } from '../../ops/window.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { dataFormat, type Field, pair, sides } from './fields.js';

/** Cells before and after a sequence: a number for both, or each. */
export type Sides1D = number | Pair;
/** Cells per side: a number, [vertical, horizontal], or [[top, bottom], [left, right]]. */
export type Sides = number | Pair | readonly [Pair, Pair];
/** Cells per side of a volume: a number, one per axis, or [before, after] of each axis. */
export type Sides3D = number | readonly [number, number, number] | readonly [Pair, Pair, Pair];

interface PaddingOptions<S> extends CommonOptions {
  /** Default 1. */
  padding?: S;
  dataFormat?: DataFormat;
}

interface CroppingOptions<S> extends CommonOptions {
  /** Default 0; for sequences and volumes 1. */
  cropping?: S;
  dataFormat?: DataFormat;
}

/** See `layers.zeroPadding1d`. */
export type ZeroPadding1DOptions = PaddingOptions<Sides1D>;
/** See `layers.zeroPadding2d`. */
export type ZeroPadding2DOptions = PaddingOptions<Sides>;
/** See `layers.zeroPadding3d`. */
export type ZeroPadding3DOptions = PaddingOptions<Sides3D>;
/** See `layers.cropping1d`. */
export type Cropping1DOptions = CroppingOptions<Sides1D>;
/** See `layers.cropping2d`. */
export type Cropping2DOptions = CroppingOptions<Sides>;
/** See `layers.cropping3d`. */
export type Cropping3DOptions = CroppingOptions<Sides3D>;

type PairsOf = Field<readonly Pair[]>;

/** [before, after] of the one axis of a sequence, which Keras writes without a list around. */
const sides1d = (fallback: number): PairsOf => {
  const inner = pair(0, fallback);
  return {
    ...inner,
    check: (value, place) => [inner.check(value, place)],
    write: ([both]) => [...(both as Pair)],
  };
};
const sides2d = (fallback: number): PairsOf => sides(fallback, 2);
const sides3d = (fallback: number): PairsOf => sides(fallback, 3);

const paddingFields = { padding: sides2d(1), dataFormat: dataFormat() };
const croppingFields = { cropping: sides2d(0), dataFormat: dataFormat() };

/** [before, after] of every axis of x. */
function perAxis(inner: readonly Pair[], format: DataFormat): Pair[] {
  const none: Pair = [0, 0];
  return format === 'channelsFirst' ? [none, none, ...inner] : [none, ...inner, none];
}

abstract class ZeroPadding<S> extends ConfiguredLayer<typeof paddingFields> {
  protected abstract readonly rank: 1 | 2 | 3;

  constructor(options: PaddingOptions<S> = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { padding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format));
    return pad(x, perAxis(padding, format));
  }
}

/** Zeros before and after a sequence. */
export class ZeroPadding1D extends ZeroPadding<Sides1D> {
  static override readonly className: string = 'ZeroPadding1D';
  static override readonly fields = { ...paddingFields, padding: sides1d(1) };
  protected override readonly rank = 1;
}

/** Zeros around a picture. */
export class ZeroPadding2D extends ZeroPadding<Sides> {
  static override readonly className: string = 'ZeroPadding2D';
  static override readonly fields = paddingFields;
  protected override readonly rank = 2;
}

/** Zeros around a volume. */
export class ZeroPadding3D extends ZeroPadding<Sides3D> {
  static override readonly className: string = 'ZeroPadding3D';
  static override readonly fields = { ...paddingFields, padding: sides3d(1) };
  protected override readonly rank = 3;
}

abstract class Cropping<S> extends ConfiguredLayer<typeof croppingFields> {
  protected abstract readonly rank: 1 | 2 | 3;

  constructor(options: CroppingOptions<S> = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { cropping, dataFormat: format = 'channelsLast' } = this.settings;
    checkAxes(this, x.shape, spatialAxes(this.rank, format));
    const cut = perAxis(cropping, format);
    const size = x.shape.map((dim, axis) => dim - (cut[axis] as Pair)[0] - (cut[axis] as Pair)[1]);
    if (size.some((dim) => dim < 1)) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `cropping ${JSON.stringify(cropping)} leaves nothing of ${formatShape(x.shape)}.`,
        got: x.shape,
      });
    }
    return slice(
      x,
      cut.map(([before]) => before),
      size,
    );
  }
}

/** A sequence without its ends. */
export class Cropping1D extends Cropping<Sides1D> {
  static override readonly className: string = 'Cropping1D';
  static override readonly fields = { cropping: sides1d(1) };
  protected override readonly rank = 1;
}

/** A picture without its border. */
export class Cropping2D extends Cropping<Sides> {
  static override readonly className: string = 'Cropping2D';
  static override readonly fields = croppingFields;
  protected override readonly rank = 2;
}

/** A volume without its border. */
export class Cropping3D extends Cropping<Sides3D> {
  static override readonly className: string = 'Cropping3D';
  static override readonly fields = { ...croppingFields, cropping: sides3d(1) };
  protected override readonly rank = 3;
}
