// Layers that move, add or drop elements without computing: Flatten, Reshape, Permute, padding, cropping, enlarging.
import { FoveaError } from '../../core/errors.js';
import { formatShape, sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { resizeBilinear, resizeNearest } from '../../ops/image.js';
import { pad } from '../../ops/join.js';
import { reshape, slice, transpose } from '../../ops/shape.js';
import type { DataFormat, Pair } from '../../ops/window.js';
import { checkAxes, pictureAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { choice, dataFormat, list, pair, sides } from './fields.js';

/** See `layers.flatten`. */
export interface FlattenOptions extends CommonOptions {
  dataFormat?: DataFormat;
}

/** See `layers.reshape`. */
export interface ReshapeOptions extends CommonOptions {
  /** Sizes without the batch; one may be -1, which stands for what is left. */
  targetShape: readonly number[];
}

/** See `layers.permute`. */
export interface PermuteOptions extends CommonOptions {
  /** Where each axis comes from, counted from 1, without the batch. */
  dims: readonly number[];
}

/** Cells per side: a number, [vertical, horizontal], or [[top, bottom], [left, right]]. */
export type Sides = number | Pair | readonly [Pair, Pair];

/** See `layers.zeroPadding2d`. */
export interface ZeroPadding2DOptions extends CommonOptions {
  /** Default 1. */
  padding?: Sides;
  dataFormat?: DataFormat;
}

/** See `layers.cropping2d`. */
export interface Cropping2DOptions extends CommonOptions {
  /** Default 0. */
  cropping?: Sides;
  dataFormat?: DataFormat;
}

/** See `layers.upSampling2d`. */
export interface UpSampling2DOptions extends CommonOptions {
  /** Default 2. */
  size?: number | Pair;
  /** Default `nearest`. */
  interpolation?: 'nearest' | 'bilinear';
  dataFormat?: DataFormat;
}

const flattenFields = { dataFormat: dataFormat() };
const reshapeFields = { targetShape: list('sizes of at least 0, or -1 for one of them', (dim) => dim >= -1) };
const permuteFields = { dims: list('axes counted from 1', (axis) => axis >= 1) };
const paddingFields = { padding: sides(1), dataFormat: dataFormat() };
const croppingFields = { cropping: sides(0), dataFormat: dataFormat() };
const upSamplingFields = {
  size: pair(1, 2),
  dataFormat: dataFormat(),
  interpolation: choice(['nearest', 'bilinear'], 'nearest'),
};

/** All axes but the batch in one. */
export class Flatten extends ConfiguredLayer<typeof flattenFields> {
  static override readonly className: string = 'Flatten';
  static override readonly fields = flattenFields;

  constructor(options: FlattenOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const isFirst = this.settings.dataFormat === 'channelsFirst' && x.rank > 2;
    const inner = Array.from({ length: x.rank - 2 }, (_, i) => i + 2);
    const from = isFirst ? transpose(x, [0, ...inner, 1]) : x;
    return reshape(from, [x.shape[0] ?? 1, sizeOf(x.shape.slice(1))]);
  }
}

/** The same elements in another shape. */
export class Reshape extends ConfiguredLayer<typeof reshapeFields> {
  static override readonly className: string = 'Reshape';
  static override readonly fields = reshapeFields;

  constructor(options: ReshapeOptions) {
    super(options);
    const { targetShape } = this.settings;
    if (targetShape.filter((dim) => dim === -1).length > 1) {
      throw new FoveaError({
        code: 'argument',
        op: 'Reshape',
        message: `only one size of targetShape can be -1; got ${formatShape(targetShape)}.`,
        got: targetShape,
        path: this.name,
      });
    }
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { targetShape } = this.settings;
    const [batch = 1, ...inner] = x.shape;
    const count = sizeOf(inner);
    const known = sizeOf(targetShape.filter((dim) => dim !== -1));
    const isOpen = targetShape.includes(-1);
    if (isOpen ? known === 0 || count % known !== 0 : known !== count) {
      throw new FoveaError({
        code: 'shape',
        op: 'Reshape',
        message: `cannot make ${formatShape(targetShape)} of ${formatShape(inner)}: it has ${count} elements.`,
        got: x.shape,
        want: targetShape,
      });
    }
    return reshape(x, [batch, ...targetShape.map((dim) => (dim === -1 ? count / known : dim))]);
  }
}

/** The axes in another order. */
export class Permute extends ConfiguredLayer<typeof permuteFields> {
  static override readonly className: string = 'Permute';
  static override readonly fields = permuteFields;

  constructor(options: PermuteOptions) {
    super(options);
    const { dims } = this.settings;
    const sorted = [...dims].sort((a, b) => a - b);
    if (sorted.every((axis, i) => axis === i + 1)) return;
    throw new FoveaError({
      code: 'argument',
      op: 'Permute',
      message: `dims must hold every axis from 1 to ${dims.length} once; got ${formatShape(dims)}.`,
      got: dims,
      path: this.name,
    });
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { dims } = this.settings;
    if (x.rank !== dims.length + 1) checkAxes(this, x.shape, ['batch', ...dims.map((axis) => `axis${axis}`)]);
    return transpose(x, [0, ...dims]);
  }
}

/** [before, after] of every axis of a picture. */
function perAxis([rows, columns]: readonly [Pair, Pair], format: DataFormat): Pair[] {
  const none: Pair = [0, 0];
  return format === 'channelsFirst' ? [none, none, rows, columns] : [none, rows, columns, none];
}

/** Zeros around a picture. */
export class ZeroPadding2D extends ConfiguredLayer<typeof paddingFields> {
  static override readonly className: string = 'ZeroPadding2D';
  static override readonly fields = paddingFields;

  constructor(options: ZeroPadding2DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { padding, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, pictureAxes(format));
    return pad(x, perAxis(padding, format));
  }
}

/** A picture without its border. */
export class Cropping2D extends ConfiguredLayer<typeof croppingFields> {
  static override readonly className: string = 'Cropping2D';
  static override readonly fields = croppingFields;

  constructor(options: Cropping2DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { cropping, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, pictureAxes(format));
    const cut = perAxis(cropping, format);
    const size = x.shape.map((dim, axis) => dim - (cut[axis] as Pair)[0] - (cut[axis] as Pair)[1]);
    if (size.some((dim) => dim < 1)) {
      throw new FoveaError({
        code: 'shape',
        op: 'Cropping2D',
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

/** Enlarges pictures by whole factors. */
export class UpSampling2D extends ConfiguredLayer<typeof upSamplingFields> {
  static override readonly className: string = 'UpSampling2D';
  static override readonly fields = upSamplingFields;

  constructor(options: UpSampling2DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { size, interpolation, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, pictureAxes(format));
    const isFirst = format === 'channelsFirst';
    const from = isFirst ? transpose(x, [0, 2, 3, 1]) : x;
    const [, height, width] = from.shape as readonly [number, number, number, number];
    const y =
      interpolation === 'nearest'
        ? resizeNearest(from, size)
        : resizeBilinear(from, [height * size[0], width * size[1]]);
    return isFirst ? transpose(y, [0, 3, 1, 2]) : y;
  }
}
