// Layers that mirror pictures and cut parts out.
import type { Tensor } from '../../graph/tensor.js';
import { add, cast, minimum, multiply, subtract } from '../../ops/arithmetic.js';
import { lessEqual } from '../../ops/compare.js';
import { range } from '../../ops/create.js';
import { gather } from '../../ops/gather.js';
import { resizeBilinear } from '../../ops/image.js';
import { concat } from '../../ops/join.js';
import { flip, reshape, slice } from '../../ops/shape.js';
import { floor } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { choice, whole } from '../layers/fields.js';
import {
  AugmentationLayer,
  type AugmentationOptions,
  augmentationFields,
  type Draws,
  type Plan,
  perPicture,
} from './base.js';
import type { BatchSize } from './data.js';

/** Which sides of a picture change places. */
export type FlipMode = 'horizontal' | 'vertical' | 'horizontalAndVertical';

/** See `layers.randomFlip`. */
export interface RandomFlipOptions extends AugmentationOptions {
  /** `horizontal`: left and right; `vertical`: top and bottom; default `horizontalAndVertical`: either, both or none. */
  mode?: FlipMode;
}

const flipFields = {
  ...augmentationFields,
  mode: choice<FlipMode>(['horizontal', 'vertical', 'horizontalAndVertical'], 'horizontalAndVertical'),
};

/** Mirrors half of the pictures, each direction by itself. */
export class RandomFlip extends AugmentationLayer<typeof flipFields> {
  static override readonly className: string = 'RandomFlip';
  static override readonly fields = flipFields;

  constructor(options: RandomFlipOptions = {}) {
    super(options);
  }

  override plan({ n, height, width }: BatchSize, draws: Draws): Plan {
    const { mode } = this.settings;
    const isAcross = mode === 'vertical' ? undefined : lessEqual(draws.uniform([n]), 0.5);
    const isDown = mode === 'horizontal' ? undefined : lessEqual(draws.uniform([n]), 0.5);
    const mirror = (x: Tensor): Tensor => {
      const across = isAcross === undefined ? x : where(perPicture(isAcross), flip(x, 2), x);
      return isDown === undefined ? across : where(perPicture(isDown), flip(across, 1), across);
    };
    const mirrorPoints = (points: Tensor): Tensor => {
      const k = points.shape[1] as number;
      const along = (axis: number, size: number, isMirrored: Tensor | undefined): Tensor => {
        const at = slice(points, [0, 0, axis], [n, k, 1]);
        return isMirrored === undefined ? at : where(reshape(isMirrored, [n, 1, 1]), subtract(size, at), at);
      };
      return concat([along(0, width, isAcross), along(1, height, isDown)], 2);
    };
    return { images: mirror, masks: mirror, points: mirrorPoints };
  }
}

/** See `layers.randomCrop`. */
export interface RandomCropOptions extends AugmentationOptions {
  height: number;
  width: number;
}

const cropFields = { ...augmentationFields, height: whole(1), width: whole(1) };

/**
 * Cuts a window of `height` x `width` out of larger pictures, in training anywhere (another place for each picture); in
 * inference, and of pictures that are not larger, the largest window of these proportions in the middle, resized.
 */
export class RandomCrop extends AugmentationLayer<typeof cropFields> {
  static override readonly className: string = 'RandomCrop';
  static override readonly fields = cropFields;

  constructor(options: RandomCropOptions) {
    super(options);
  }

  override plan(size: BatchSize, draws: Draws): Plan {
    const { height, width } = this.settings;
    if (size.height <= height || size.width <= width) return this.middle(size, [height, width]);
    const { n } = size;
    const start = (length: number, part: number): Tensor => {
      const drawn = floor(draws.uniform([n], 0, length - part + 1));
      return reshape(minimum(cast(drawn, 'int32'), length - part), [n, 1, 1]);
    };
    const [top, left] = [start(size.height, height), start(size.width, width)];
    const picture = reshape(multiply(range(n), size.height * size.width), [n, 1, 1]);
    const row = multiply(add(top, reshape(range(height), [1, height, 1])), size.width);
    const places = add(add(picture, row), add(left, reshape(range(width), [1, 1, width])));
    const cut = (x: Tensor): Tensor => {
      const channels = x.shape[3] as number;
      return gather(reshape(x, [n * size.height * size.width, channels]), places);
    };
    const shift = cast(concat([left, top], 2), 'float32');
    return { images: cut, masks: cut, points: (points) => subtract(points, shift), size: [height, width] };
  }

  protected override planInference(size: BatchSize): Plan {
    const { height, width } = this.settings;
    // As large as the proportions allow.
    const rows = Math.max(1, Math.min(size.height, Math.floor((size.width * height) / width)));
    const columns = Math.max(1, Math.min(size.width, Math.floor((size.height * width) / height)));
    return this.window(size, [rows, columns], [height, width]);
  }

  /** Of a picture that is too small: from where the proportions would begin, as much as there is, as Keras does. */
  private middle(size: BatchSize, [height, width]: readonly [number, number]): Plan {
    const rows = Math.max(1, Math.min(size.height, Math.floor((size.width * height) / width)));
    const columns = Math.max(1, Math.min(size.width, Math.floor((size.height * width) / height)));
    const top = Math.floor((size.height - rows) / 2);
    const left = Math.floor((size.width - columns) / 2);
    const part = [Math.min(height, size.height - top), Math.min(width, size.width - left)] as const;
    return this.resized(size, [top, left], part, [height, width]);
  }

  private window(size: BatchSize, part: readonly [number, number], to: readonly [number, number]): Plan {
    const start = [Math.floor((size.height - part[0]) / 2), Math.floor((size.width - part[1]) / 2)] as const;
    return this.resized(size, start, part, to);
  }

  private resized(
    { n }: BatchSize,
    [top, left]: readonly [number, number],
    [rows, columns]: readonly [number, number],
    [height, width]: readonly [number, number],
  ): Plan {
    const cut = (x: Tensor): Tensor => slice(x, [0, top, left, 0], [n, rows, columns, x.shape[3] as number]);
    const isSame = rows === height && columns === width;
    const nearest = (length: number, from: number): number[] =>
      Array.from({ length }, (_, i) => Math.min(from - 1, Math.floor(((i + 0.5) * from) / length)));
    return {
      images: (pictures) => (isSame ? cut(pictures) : resizeBilinear(cut(pictures), [height, width])),
      masks(masks) {
        const part = cut(masks);
        if (isSame) return part;
        return gather(gather(part, nearest(height, rows), 1), nearest(width, columns), 2);
      },
      points: (points) => multiply(subtract(points, [left, top]), [width / columns, height / rows]),
      size: [height, width],
    };
  }
}
