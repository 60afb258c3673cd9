// The base of the augmentation layers. A layer draws, once per picture, what is to happen (a plan), and the plan is carried
// out on pictures, masks, boxes and points alike, in a model's training step or on plain tensors.

import { FoveaError } from '../../core/errors.js';
import { keyFromSeed } from '../../core/random.js';
import { constantOp } from '../../graph/node.js';
import { constant, Tensor, tensor } from '../../graph/tensor.js';
import { add, cast, multiply } from '../../ops/arithmetic.js';
import { concat } from '../../ops/join.js';
import { randomKey, randomNormal, randomUniform } from '../../ops/random.js';
import { reshape, slice } from '../../ops/shape.js';
import type { DataFormat } from '../../ops/window.js';
import { type CallContext, inferenceContext } from '../layer.js';
import { type CommonOptions, ConfiguredLayer } from '../layers/configured.js';
import { seedField } from '../layers/dropout.js';
import { choice, dataFormat, type Field, optional } from '../layers/fields.js';
import { drawSeed } from '../random.js';
import { BOX_FORMATS, type BoundingBoxFormat, clipBoxes, fromCorners, moveCorners, toCorners } from './boxes.js';
import { type AnnotatedImages, type BatchSize, type BoundingBoxes, unpack } from './data.js';

/** What all augmentation layers take. */
export interface AugmentationOptions extends CommonOptions {
  /** Makes the layer's numbers independent of the global seed. */
  seed?: number;
  dataFormat?: DataFormat;
  /** How boxes are given; needed only where there are boxes. */
  boundingBoxFormat?: BoundingBoxFormat;
}

/** @internal The fields of every augmentation layer, without those of one that draws nothing. */
export const plainFields = {
  dataFormat: dataFormat(),
  boundingBoxFormat: optional(choice(BOX_FORMATS, 'xyxy')),
};
/** @internal */
export const augmentationFields = { ...plainFields, seed: seedField };

/** How `transform` runs. */
export interface TransformOptions {
  /** Default true; false leaves the data as in inference. */
  training?: boolean;
  /** What is drawn from, by default something new each time: a number, or a key of `randomKey(seed, step)`. */
  key?: number | Tensor;
}

/** What every augmentation layer can do; also a pipeline of them. */
export interface Augmenting {
  transform(data: Tensor, options?: TransformOptions): Tensor;
  transform(data: AnnotatedImages, options?: TransformOptions): AnnotatedImages;
}

/** What is to happen to a batch with channels last. What is left out stays as it is. */
export interface Plan {
  /** Floats [n,h,w,c]. */
  images(pictures: Tensor): Tensor;
  /** Masks [n,h,w,c] of any dtype. */
  masks?(masks: Tensor): Tensor;
  /** Where points [n,k,2] (x and y in pixels) go; boxes follow from it. */
  points?(points: Tensor): Tensor;
  /** Boxes as corners in pixels, where they do more than follow points. */
  boxes?(boxes: BoundingBoxes): BoundingBoxes;
  labels?(labels: Tensor): Tensor;
  /** Height and width of what comes out; default as before. */
  readonly size?: readonly [number, number];
}

/** Random numbers for one call: every draw is from a sequence of its own. */
export interface Draws {
  /** Evenly spread numbers of a shape, default from 0 to 1. */
  uniform(shape: readonly number[], low?: number, high?: number): Tensor;
  /** Normal numbers of mean 0 and deviation 1. */
  normal(shape: readonly number[]): Tensor;
  /** A key and a stream of which `count` streams are the caller's. */
  streams(count: number): { key: Tensor; stream: number };
}

/** Streams of one seed that a call may use; more are never needed. */
const CALL_STREAMS = 4096;

/** @internal Draws for a layer: from the step's key, or from its own seed with the step's number. */
export function drawsFor(seed: number | null, context: CallContext): Draws {
  const { key: given, stream: first } = context.random();
  const own = seed === null ? undefined : keyFromSeed(seed);
  const words = own && constant([own.seedLow | 0, own.seedHigh | 0], [2], 'int32');
  const key = words === undefined ? given : concat([words, slice(given, [2])]);
  // The streams of calls count up from 0; each call's draws have their own range far above.
  let next = (own === undefined ? first + 1 : 0) * CALL_STREAMS;
  const take = (count: number): number => {
    next += count;
    return next - count;
  };
  return {
    uniform(shape, low = 0, high = 1) {
      const stream = take(1);
      if (low === high) return add(multiply(randomUniform(shape, key, { stream }), 0), low);
      return randomUniform(shape, key, { low, high, stream });
    },
    normal: (shape) => randomNormal(shape, key, { stream: take(1) }),
    streams: (count) => ({ key, stream: take(count) }),
  };
}

/** @internal A key that nobody has had since the global seed was set. */
export const newKey = (): Tensor => tensor(Int32Array.of(drawSeed(), drawSeed(), 0, 0));

/** A key as data: the words of a constant are part of the Program, which would be compiled anew for every key. */
function asData(key: Tensor): Tensor {
  if (key.node.op !== constantOp) return key;
  const { values } = key.node.params as { readonly values: readonly number[] };
  return tensor(Int32Array.from(values), { shape: key.shape });
}

/** @internal The context of a call on plain tensors. */
export function eagerContext({ training = true, key }: TransformOptions, otherwise: () => Tensor): CallContext {
  const from = asData(key instanceof Tensor ? key : key !== undefined ? randomKey(key) : otherwise());
  let stream = 0;
  return { ...inferenceContext, training, random: () => ({ key: from, stream: stream++ }) };
}

interface BaseFields {
  readonly dataFormat: Field<DataFormat>;
  readonly boundingBoxFormat: Field<BoundingBoxFormat | null>;
}

/** A layer that changes pictures, at random where it has a seed. */
export abstract class AugmentationLayer<
  F extends BaseFields & Readonly<Record<string, Field<unknown>>>,
> extends ConfiguredLayer<F> {
  private steps = 0;

  /** What is to happen to a batch of this size while training. */
  abstract plan(size: BatchSize, draws: Draws): Plan;

  /** What happens otherwise; undefined for nothing. */
  protected planInference(_size: BatchSize): Plan | undefined {
    return undefined;
  }

  override getConfig(): Record<string, unknown> {
    const { bounding_box_format: format, ...config } = super.getConfig();
    return format === null ? config : { ...config, bounding_box_format: format };
  }

  override call([images]: readonly [Tensor], context: CallContext): Tensor {
    return this.change({ images }, context).images;
  }

  /**
   * Changes a picture [h,w,c], a batch [n,h,w,c], or either with boxes, key points, masks and labels, which go with the pixels.
   * Every call draws anew; what a `key` gives is always the same. Throws `shape` and `argument`.
   *
   * @example
   * const flip = fovea.layers.randomFlip({ mode: 'horizontal', boundingBoxFormat: 'xyxy' });
   * const images = fovea.zeros([2, 8, 8, 3]);
   * const boxes = fovea.tensor([[[0, 0, 2, 8]], [[0, 0, 2, 8]]]);
   * const flipped = flip.transform({ images, boundingBoxes: { boxes } }, { key: 1 });
   */
  transform(data: Tensor, options?: TransformOptions): Tensor;
  transform(data: AnnotatedImages, options?: TransformOptions): AnnotatedImages;
  transform(data: Tensor | AnnotatedImages, options: TransformOptions = {}): Tensor | AnnotatedImages {
    // With a seed of its own a layer goes on from call to call; without, it follows the global seed.
    const context = eagerContext(options, () => (this.ownSeed() === null ? newKey() : randomKey(0, this.steps++)));
    try {
      if (data instanceof Tensor) return this.change({ images: data }, context).images;
      return this.change(data, context);
    } catch (error) {
      throw error instanceof FoveaError ? error.at(this.name) : error;
    }
  }

  private ownSeed(): number | null {
    const { seed } = this.settings as { readonly seed?: number | null };
    return seed ?? null;
  }

  /** @internal Everything changed together. */
  change(given: AnnotatedImages, context: CallContext): AnnotatedImages {
    const settings = this.settings as {
      readonly dataFormat: DataFormat;
      readonly boundingBoxFormat: BoundingBoxFormat | null;
    };
    const { data, size, pack } = unpack(this.className, given, settings.dataFormat);
    const images = cast(data.images, this.computeDtype);
    const plan = context.training ? this.plan(size, this.draws(context)) : this.planInference(size);
    if (plan === undefined) return pack({ ...data, images });
    const changed: AnnotatedImages = { ...data, images: cast(plan.images(images), this.computeDtype) };
    const { segmentationMasks, keypoints, labels, boundingBoxes } = data;
    if (segmentationMasks !== undefined && plan.masks !== undefined) {
      changed.segmentationMasks = plan.masks(segmentationMasks);
    }
    if (keypoints !== undefined && plan.points !== undefined) {
      changed.keypoints = cast(plan.points(cast(keypoints, 'float32')), keypoints.dtype);
    }
    if (labels !== undefined && plan.labels !== undefined) changed.labels = plan.labels(labels);
    if (boundingBoxes !== undefined) changed.boundingBoxes = this.changeBoxes(boundingBoxes, plan, size);
    return pack(changed);
  }

  /** @internal */
  protected draws(context: CallContext): Draws {
    return drawsFor(this.ownSeed(), context);
  }

  private changeBoxes(given: BoundingBoxes, plan: Plan, size: BatchSize): BoundingBoxes {
    const { boundingBoxFormat: format } = this.settings as { readonly boundingBoxFormat: BoundingBoxFormat | null };
    if (format === null) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: 'was given boundingBoxes but not told what their numbers are.',
        hint: "Give the layer the option boundingBoxFormat, such as 'xyxy'.",
      });
    }
    const { points: move } = plan;
    if (move === undefined && plan.boxes === undefined) return given;
    const [height, width] = plan.size ?? [size.height, size.width];
    const after: BatchSize = { ...size, height, width };
    let boxes: BoundingBoxes = { ...given, boxes: toCorners(cast(given.boxes, 'float32'), format, size) };
    if (move !== undefined) boxes = clipBoxes({ ...boxes, boxes: moveCorners(boxes.boxes, move) }, after);
    if (plan.boxes !== undefined) boxes = plan.boxes(boxes);
    return { ...boxes, boxes: cast(fromCorners(boxes.boxes, format, after), given.boxes.dtype) };
  }
}

/** @internal One number per picture [n] as it multiplies pictures [n,h,w,c]. */
export const perPicture = (x: Tensor): Tensor => reshape(x, [x.shape[0] as number, 1, 1, 1]);
