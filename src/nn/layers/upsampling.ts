// Layers that enlarge sequences, pictures and volumes by whole factors.
import type { Tensor } from '../../graph/tensor.js';
import { resizeNearest } from '../../ops/image.js';
import { repeat } from '../../ops/join.js';
import { KERAS_INTERPOLATIONS, type KerasInterpolation } from '../../ops/resize-weights.js';
import { transpose } from '../../ops/shape.js';
import type { Triple } from '../../ops/volume.js';
import type { DataFormat, Pair } from '../../ops/window.js';
import { resize } from '../../vision/resize.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { choice, dataFormat, pair, triple, whole } from './fields.js';

/** See `layers.upSampling1d`. */
export interface UpSampling1DOptions extends CommonOptions {
  /** Default 2. */
  size?: number;
}

/** See `layers.upSampling2d`. */
export interface UpSampling2DOptions extends CommonOptions {
  /** Default 2. */
  size?: number | Pair;
  /** Default `nearest`. */
  interpolation?: Exclude<KerasInterpolation, 'area'>;
  dataFormat?: DataFormat;
}

/** See `layers.upSampling3d`. */
export interface UpSampling3DOptions extends CommonOptions {
  /** Default 2. */
  size?: number | Triple;
  dataFormat?: DataFormat;
}

const fields1d = { size: whole(1, 2) };
const fields2d = {
  size: pair(1, 2),
  dataFormat: dataFormat(),
  interpolation: choice(
    KERAS_INTERPOLATIONS.filter((each) => each !== 'area'),
    'nearest',
  ),
};
const fields3d = { size: triple(1, 2), dataFormat: dataFormat() };

/** Repeats every element of a sequence. */
export class UpSampling1D extends ConfiguredLayer<typeof fields1d> {
  static override readonly className: string = 'UpSampling1D';
  static override readonly fields = fields1d;

  constructor(options: UpSampling1DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    checkAxes(this, x.shape, spatialAxes(1, 'channelsLast'));
    return repeat(x, this.settings.size, 1);
  }
}

/** Enlarges pictures by whole factors. */
export class UpSampling2D extends ConfiguredLayer<typeof fields2d> {
  static override readonly className: string = 'UpSampling2D';
  static override readonly fields = fields2d;

  constructor(options: UpSampling2DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { size, interpolation, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, format));
    const axis = format === 'channelsFirst' ? 2 : 1;
    const [height, width] = [x.shape[axis] as number, x.shape[axis + 1] as number];
    if (interpolation !== 'nearest') {
      return resize(x, [height * size[0], width * size[1]], { interpolation, dataFormat: format });
    }
    if (format === 'channelsLast') return resizeNearest(x, size);
    return transpose(resizeNearest(transpose(x, [0, 2, 3, 1]), size), [0, 3, 1, 2]);
  }
}

/** Repeats every cell of a volume along depth, height and width. */
export class UpSampling3D extends ConfiguredLayer<typeof fields3d> {
  static override readonly className: string = 'UpSampling3D';
  static override readonly fields = fields3d;

  constructor(options: UpSampling3DOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { size, dataFormat: format } = this.settings;
    checkAxes(this, x.shape, spatialAxes(3, format));
    const first = format === 'channelsFirst' ? 2 : 1;
    return size.reduce((y, factor, axis) => repeat(y, factor, first + axis), x);
  }
}
