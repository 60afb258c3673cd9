// The layer that gives every picture as many boxes as every other.
import type { Tensor } from '../../graph/tensor.js';
import { pad } from '../../ops/join.js';
import { slice } from '../../ops/shape.js';
import type { CallContext } from '../layer.js';
import { type Field, refuseOption, whole } from '../layers/fields.js';
import { AugmentationLayer, type AugmentationOptions, type Plan, plainFields } from './base.js';
import type { AnnotatedImages } from './data.js';

/** See `layers.maxNumBoundingBoxes`. */
export interface MaxNumBoundingBoxesOptions extends Omit<AugmentationOptions, 'seed'> {
  /** How many boxes each picture has afterwards. */
  maxNumber: number;
  /** What stands for boxes and labels that there are not, a whole number; default -1. */
  fillValue?: number;
}

const fillField: Field<number> = {
  fallback: () => -1,
  check(value, place) {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    throw refuseOption(place, 'a whole number', value);
  },
  write: (value) => value,
};

const maxBoxesFields = { ...plainFields, maxNumber: whole(1), fillValue: fillField };

/** Leaves the first `maxNumber` boxes of each picture and fills missing ones up; pictures stay as they are. */
export class MaxNumBoundingBoxes extends AugmentationLayer<typeof maxBoxesFields> {
  static override readonly className: string = 'MaxNumBoundingBoxes';
  static override readonly fields = maxBoxesFields;

  constructor(options: MaxNumBoundingBoxesOptions) {
    super(options);
  }

  /** Keras writes no fill value; one that is not the usual is kept all the same. */
  override getConfig(): Record<string, unknown> {
    const { fill_value: fill, ...config } = super.getConfig();
    return fill === -1 ? config : { ...config, fill_value: fill };
  }

  override plan(): Plan {
    return { images: (pictures) => pictures };
  }

  override change(given: AnnotatedImages, context: CallContext): AnnotatedImages {
    const { boundingBoxes, ...rest } = given;
    const changed = super.change(rest, context);
    if (boundingBoxes === undefined) return changed;
    const axis = given.images.rank - 3;
    return {
      ...changed,
      boundingBoxes: {
        boxes: this.fit(boundingBoxes.boxes, axis),
        ...(boundingBoxes.labels === undefined ? {} : { labels: this.fit(boundingBoxes.labels, axis) }),
      },
    };
  }

  private fit(x: Tensor, axis: number): Tensor {
    const { maxNumber, fillValue } = this.settings;
    const count = Math.min(maxNumber, x.shape[axis] as number);
    const kept = slice(
      x,
      x.shape.map(() => 0),
      x.shape.map((size, each) => (each === axis ? count : size)),
    );
    if (count === maxNumber) return kept;
    return pad(
      kept,
      x.shape.map((_, each) => [0, each === axis ? maxNumber - count : 0] as const),
      { value: fillValue },
    );
  }
}
