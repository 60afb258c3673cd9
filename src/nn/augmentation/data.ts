// What an augmentation layer changes together: pictures, boxes, key points, masks and labels.
import { isFloat } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { expandDims, squeeze, transpose } from '../../ops/shape.js';
import type { DataFormat } from '../../ops/window.js';

/** Boxes of a picture [k,4], or of a batch [n,k,4], in the layer's `boundingBoxFormat`. */
export interface BoundingBoxes {
  boxes: Tensor;
  /** One class per box, [k] or [n,k]; -1 where nothing is left of the box. */
  labels?: Tensor;
}

/** A picture or a batch with what belongs to it. */
export interface AnnotatedImages {
  images: Tensor;
  boundingBoxes?: BoundingBoxes;
  /** Points [k,2] or [n,k,2] as [x, y] in pixels from the top left corner; the middle of the first pixel is (.5, .5). */
  keypoints?: Tensor;
  /** Classes of pixels, with an axis for the channel ([h,w,1], [n,h,w,1]) or without ([h,w], [n,h,w]). */
  segmentationMasks?: Tensor;
  /** Classes of the pictures, [n,classes] where they are mixed. */
  labels?: Tensor;
}

/** Sizes of a batch, channels last. */
export interface BatchSize {
  readonly n: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Everything as a batch with channels last, and the way back. */
export interface Unpacked {
  readonly data: AnnotatedImages;
  readonly size: BatchSize;
  pack(changed: AnnotatedImages): AnnotatedImages;
}

const LAST: Readonly<Record<number, readonly number[]>> = { 3: [1, 2, 0], 4: [0, 2, 3, 1] };
const FIRST: Readonly<Record<number, readonly number[]>> = { 3: [2, 0, 1], 4: [0, 3, 1, 2] };

/** Throws `shape` where pictures are neither [h,w,c] nor [n,h,w,c] or the rest does not belong to them. */
export function unpack(op: string, given: AnnotatedImages, dataFormat: DataFormat): Unpacked {
  const { rank } = given.images;
  const isFirst = dataFormat === 'channelsFirst';
  if (rank !== 3 && rank !== 4) {
    const axes = isFirst ? 'c,h,w' : 'h,w,c';
    throw new FoveaError({
      code: 'shape',
      op,
      message: `images must be [${axes}] or [n,${axes}]; got ${formatShape(given.images.shape)}.`,
      got: given.images.shape,
    });
  }
  const isOne = rank === 3;
  const more = (x: Tensor): Tensor => (isOne ? expandDims(x, 0) : x);
  const less = (x: Tensor): Tensor => (isOne ? squeeze(x, 0) : x);
  const toLast = (x: Tensor): Tensor => more(isFirst ? transpose(x, LAST[x.rank] as readonly number[]) : x);
  const fromLast = (x: Tensor): Tensor => {
    const one = less(x);
    return isFirst ? transpose(one, FIRST[one.rank] as readonly number[]) : one;
  };
  const isPlane = given.segmentationMasks?.rank === rank - 1;
  const images = toLast(given.images);
  const [n, height, width, channels] = images.shape as [number, number, number, number];
  const data: AnnotatedImages = { images };
  const { boundingBoxes, keypoints, segmentationMasks, labels } = given;
  if (boundingBoxes !== undefined) {
    data.boundingBoxes = { boxes: check(op, 'boxes', more(boundingBoxes.boxes), n, 4) };
    if (boundingBoxes.labels !== undefined) data.boundingBoxes.labels = more(boundingBoxes.labels);
  }
  if (keypoints !== undefined) data.keypoints = check(op, 'keypoints', more(keypoints), n, 2);
  if (segmentationMasks !== undefined) {
    data.segmentationMasks = isPlane ? expandDims(more(segmentationMasks), 3) : toLast(segmentationMasks);
    const found = data.segmentationMasks.shape;
    if (found[0] !== n || found[1] !== height || found[2] !== width) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `segmentationMasks ${formatShape(segmentationMasks.shape)} do not cover images ${formatShape(given.images.shape)}.`,
        got: segmentationMasks.shape,
      });
    }
  }
  if (labels !== undefined) data.labels = more(labels);
  return {
    data,
    size: { n, height, width, channels },
    pack(changed) {
      const result: AnnotatedImages = { images: fromLast(changed.images) };
      if (changed.boundingBoxes !== undefined) {
        result.boundingBoxes = { boxes: less(changed.boundingBoxes.boxes) };
        if (changed.boundingBoxes.labels !== undefined) {
          result.boundingBoxes.labels = less(changed.boundingBoxes.labels);
        }
      }
      if (changed.keypoints !== undefined) result.keypoints = less(changed.keypoints);
      if (changed.segmentationMasks !== undefined) {
        const masks = changed.segmentationMasks;
        result.segmentationMasks = isPlane ? less(squeeze(masks, 3)) : fromLast(masks);
      }
      if (changed.labels !== undefined) result.labels = less(changed.labels);
      return result;
    },
  };
}

function check(op: string, name: string, x: Tensor, n: number, width: number): Tensor {
  if (x.rank === 3 && x.shape[0] === n && x.shape[2] === width && isFloat(x.dtype)) return x;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `${name} must be floats [${n},k,${width}]; got ${x.dtype} ${formatShape(x.shape)}.`,
    got: x.shape,
    hint: 'Give one list per picture, all of one length; fill short ones up with zeros.',
  });
}
