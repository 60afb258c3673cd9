// Layers that bring pictures to one size: by resampling, or by cutting out the middle.
import type { Tensor } from '../../graph/tensor.js';
import { cast } from '../../ops/arithmetic.js';
import { KERAS_INTERPOLATIONS, type KerasInterpolation } from '../../ops/resize-weights.js';
import { slice } from '../../ops/shape.js';
import type { DataFormat } from '../../ops/window.js';
import { resize } from '../../vision/resize.js';
import { checkAxes, spatialAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { choice, dataFormat, flag, real, whole } from './fields.js';

/** See `layers.resizing`. */
export interface ResizingOptions extends CommonOptions {
  height: number;
  width: number;
  /** Default `bilinear`. */
  interpolation?: KerasInterpolation;
  /** Cuts what is too much off first, so that shapes keep their form; default false. */
  cropToAspectRatio?: boolean;
  /** Puts borders on first, so that shapes keep their form; default false. */
  padToAspectRatio?: boolean;
  /** How borders are filled; Keras has `constant` alone. */
  fillMode?: 'constant';
  /** What borders are filled with; default 0. */
  fillValue?: number;
  /** Smooths when shrinking; default false. */
  antialias?: boolean;
  dataFormat?: DataFormat;
}

/** See `layers.centerCrop`. */
export interface CenterCropOptions extends CommonOptions {
  height: number;
  width: number;
  dataFormat?: DataFormat;
}

const sizeFields = { height: whole(1), width: whole(1), dataFormat: dataFormat() };
const resizingFields = {
  ...sizeFields,
  interpolation: choice(KERAS_INTERPOLATIONS, 'bilinear'),
  cropToAspectRatio: flag(false),
  padToAspectRatio: flag(false),
  fillMode: choice(['constant'], 'constant'),
  fillValue: real(0),
  antialias: flag(false),
};

/** Pictures in another size. */
export class Resizing extends ConfiguredLayer<typeof resizingFields> {
  static override readonly className: string = 'Resizing';
  static override readonly fields = resizingFields;

  constructor(options: ResizingOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { height, width, ...options } = this.settings;
    checkAxes(this, x.shape, spatialAxes(2, options.dataFormat));
    return resize(cast(x, this.computeDtype), [height, width], options);
  }
}

/** The middle of pictures; where they are smaller than that, as much of them as has its form, enlarged. */
export class CenterCrop extends ConfiguredLayer<typeof sizeFields> {
  static override readonly className: string = 'CenterCrop';
  static override readonly fields = sizeFields;

  constructor(options: CenterCropOptions) {
    super(options);
  }

  override call([given]: readonly [Tensor]): Tensor {
    const { height, width, dataFormat: format } = this.settings;
    checkAxes(this, given.shape, spatialAxes(2, format));
    const x = cast(given, this.computeDtype);
    const first = format === 'channelsFirst' ? 2 : 1;
    const [down, across] = [(x.shape[first] as number) - height, (x.shape[first + 1] as number) - width];
    if (down < 0 || across < 0) return resize(x, [height, width], { cropToAspectRatio: true, dataFormat: format });
    const start = [0, 0, 0, 0].map((_, axis) =>
      axis === first ? Math.floor(down / 2) : axis === first + 1 ? Math.floor(across / 2) : 0,
    );
    const size = x.shape.map((dim, axis) => (axis === first ? height : axis === first + 1 ? width : dim));
    return slice(x, start, size);
  }
}
