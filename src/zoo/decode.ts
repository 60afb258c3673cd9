// The classes behind a classifier's numbers, as Keras's `decode_predictions`.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { imagenetClasses } from '../data/imagenet.js';
import type { LoadOptions } from '../data/index.js';
import { bestOf, type Guess } from '../nn/classify-scores.js';

/** A class of ImageNet, or of `labels`. */
export interface DecodedClass extends Guess {
  /** WordNet's id of a class of ImageNet, such as `n02099601`. */
  readonly id?: string;
}

/** See `decodePredictions`. */
export interface DecodeOptions {
  /** Classes for each row; default 5. */
  top?: number;
  /** The classes' names in the order of the columns; default ImageNet's. */
  labels?: readonly string[];
  /** Where and how ImageNet's names are fetched. */
  download?: LoadOptions;
}

/**
 * The `top` classes of each row of predictions `[n, classes]`, the best first. Throws `shape` where the columns are not as many as
 * the labels, and `network` where ImageNet's names are not on this machine and cannot be fetched.
 *
 * @example
 * const predictions = { data: Float32Array.of(0.1, 0.7, 0.2), shape: [1, 3] };
 * const [classes] = await zoo.decodePredictions(predictions, { top: 1, labels: ['cat', 'dog', 'cow'] });
 * console.log(classes?.[0]?.label); // dog
 */
export async function decodePredictions(
  { data, shape }: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  { top = 5, labels, download = {} }: DecodeOptions = {},
): Promise<DecodedClass[][]> {
  const { names, ids } = labels === undefined ? await imagenetClasses(download) : { names: labels, ids: undefined };
  const [rows, columns] = shape;
  if (shape.length !== 2 || columns !== names.length) {
    throw new FoveaError({
      code: 'shape',
      op: 'zoo.decodePredictions',
      message: `predictions must be [n,${names.length}], a column for each class; got ${formatShape(shape)}.`,
      got: shape,
      want: ['n', names.length],
      hint:
        labels === undefined
          ? 'Pass labels for a network that tells other classes apart than ImageNet.'
          : 'Pass a label for each column.',
    });
  }
  if (!Number.isInteger(top) || top < 1) {
    throw new FoveaError({
      code: 'argument',
      op: 'zoo.decodePredictions',
      message: `top must be a whole number from 1; got ${top}.`,
      got: top,
    });
  }
  return Array.from({ length: rows as number }, (_, row) => {
    const scores = Array.from({ length: columns }, (_, column) => data[row * columns + column] as number);
    return bestOf(scores, top, names).map((each) =>
      ids === undefined ? each : { ...each, id: ids[each.index] as string },
    );
  });
}
