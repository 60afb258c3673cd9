// The steps, done to one picture and, where asked, to its boxes.
import { FoveaError } from '../../core/errors.js';
import { keyFromSeed, type RandomKey, uniform } from '../../core/random.js';
import type { HostArray } from '../host-array.js';
import { type PictureStep, sizeOfPicture } from '../steps.js';
import type { Picture } from './picture.js';

/** Numbers in [0, 1) of one element in one pass: a step's own, whatever the steps before it draw. */
export class Draws {
  private readonly key: RandomKey;

  constructor(
    seed: number,
    private readonly pass: number,
    index: number,
  ) {
    this.key = { ...keyFromSeed(seed), stepLow: index >>> 0, stepHigh: Math.floor(index / 2 ** 32) };
  }

  /** Draw `k` (0 to 15) of step `step`. */
  of(step: number, k: number): number {
    return uniform(this.key, this.pass, 16 * step + k);
  }
}

/** A whole number from 0 to `most`. */
function upTo(most: number, draw: number): number {
  return Math.min(most, Math.floor(draw * (most + 1)));
}

/** Boxes `[n, 4 or more]`: top, left, bottom, right in pixels, then what is kept as it is, such as a class. */
export class Boxes {
  readonly data: Float32Array;
  private readonly columns: number;

  constructor(private readonly from: HostArray) {
    const columns = from.shape[1];
    if (from.shape.length !== 2 || columns === undefined || columns < 4) {
      throw new FoveaError({
        code: 'shape',
        op: 'map',
        message: `boxes have the shape [n,4 or more], not [${from.shape.join(',')}].`,
        got: from.shape,
        hint: 'Give top, left, bottom, right in pixels, and a class if there is one.',
      });
    }
    this.columns = columns;
    this.data = Float32Array.from(from.data);
  }

  /** Moves every box; those without area (padding too) stay as they are. */
  move(fn: (top: number, left: number, bottom: number, right: number) => readonly number[]): void {
    for (let i = 0; i < this.data.length; i += this.columns) {
      const [top, left, bottom, right] = this.data.subarray(i, i + 4) as unknown as [number, number, number, number];
      if (bottom > top && right > left) this.data.set(fn(top, left, bottom, right), i);
    }
  }

  /** Cuts boxes to the picture; those outside become -1 throughout, as padding is. */
  clip(height: number, width: number): void {
    const within = (value: number, most: number): number => Math.max(0, Math.min(most, value));
    for (let i = 0; i < this.data.length; i += this.columns) {
      const box = this.data.subarray(i, i + this.columns);
      const [top, left, bottom, right] = box as unknown as [number, number, number, number];
      const cut = [within(top, height), within(left, width), within(bottom, height), within(right, width)] as const;
      if (cut[2] > cut[0] && cut[3] > cut[1]) box.set(cut);
      else box.fill(-1);
    }
  }

  toArray(): HostArray {
    return { data: this.data, shape: this.from.shape, dtype: 'float32' };
  }
}

/** What a step may look at. */
interface StepContext {
  readonly at: number;
  readonly draws: Draws;
  readonly boxes: Boxes | undefined;
}

/** Does all steps of a stage but `decode`, which comes before there is a picture. */
export function applySteps(picture: Picture, steps: readonly PictureStep[], draws: Draws, boxes?: Boxes): void {
  for (const [at, step] of steps.entries()) applyStep(picture, step, { at, draws, boxes });
}

function applyStep(picture: Picture, step: PictureStep, { at, draws, boxes }: StepContext): void {
  switch (step.op) {
    case 'decode':
      return;
    case 'resize':
      resize(picture, step, boxes);
      return;
    case 'centerCrop':
    case 'randomCrop': {
      const own = picture.size(step.op);
      const [top, left, height, width] = cropPlace(step, own, draws, at);
      picture.crop(top, left, height, width, step.op);
      moveByCrop(boxes, top, left, height, width);
      return;
    }
    case 'randomResizedCrop': {
      const [top, left, height, width] = randomPart(picture.size(step.op), step, draws, at);
      const [toHeight, toWidth] = sizeOfPicture(step.size);
      picture.crop(top, left, height, width, step.op);
      picture.resize(toHeight, toWidth, step.method ?? 'bilinear');
      moveByCrop(boxes, top, left, height, width);
      scaleBoxes(boxes, toHeight / height, toWidth / width);
      return;
    }
    case 'randomFlip': {
      const [height, width] = picture.size(step.op);
      const { mode = 'horizontal', probability = 0.5 } = step;
      if (mode !== 'vertical' && draws.of(at, 0) < probability) {
        picture.mirror();
        boxes?.move((top, left, bottom, right) => [top, width - right, bottom, width - left]);
      }
      if (mode !== 'horizontal' && draws.of(at, 1) < probability) {
        picture.flip();
        boxes?.move((top, left, bottom, right) => [height - bottom, left, height - top, right]);
      }
      return;
    }
    case 'randomBrightness': {
      const shift = (2 * draws.of(at, 0) - 1) * step.factor * (picture.dtype === 'uint8' ? 255 : 1);
      picture.mapValues((value) => value + shift);
      return;
    }
    case 'randomContrast': {
      const strength = 1 + (2 * draws.of(at, 0) - 1) * step.factor;
      const mean = picture.mean();
      picture.mapValues((value) => (value - mean) * strength + mean);
      return;
    }
    case 'rescale':
      picture.rescale([step.scale ?? 1 / 255], [step.offset ?? 0]);
      return;
    case 'normalize': {
      const std = [step.std].flat();
      const mean = [step.mean].flat();
      const count = Math.max(std.length, mean.length);
      const each = (values: readonly number[], c: number): number =>
        (values.length === 1 ? values[0] : values[c]) as number;
      picture.rescale(
        Array.from({ length: count }, (_, c) => 1 / each(std, c)),
        Array.from({ length: count }, (_, c) => -each(mean, c) / each(std, c)),
      );
      return;
    }
  }
}

type Crop = Extract<PictureStep, { op: 'centerCrop' | 'randomCrop' }>;

function cropPlace(
  step: Crop,
  [ownHeight, ownWidth]: readonly [number, number],
  draws: Draws,
  at: number,
): readonly [top: number, left: number, height: number, width: number] {
  const [height, width] = sizeOfPicture(step.size);
  if (step.op === 'centerCrop') {
    return [Math.floor((ownHeight - height) / 2), Math.floor((ownWidth - width) / 2), height, width];
  }
  const top = upTo(Math.max(0, ownHeight - height), draws.of(at, 0));
  return [top, upTo(Math.max(0, ownWidth - width), draws.of(at, 1)), height, width];
}

function resize(picture: Picture, step: Extract<PictureStep, { op: 'resize' }>, boxes: Boxes | undefined): void {
  const { fit = 'stretch', method = 'bilinear', fillValue = 0 } = step;
  const [height, width] = sizeOfPicture(step.size);
  const [ownHeight, ownWidth] = picture.size('resize');
  if (fit === 'crop') {
    // The largest part of the aspect ratio asked for, as Keras rounds it.
    const cropHeight = Math.min(ownHeight, Math.max(1, Math.trunc((ownWidth * height) / width)));
    const cropWidth = Math.min(ownWidth, Math.max(1, Math.trunc((ownHeight * width) / height)));
    const top = Math.trunc((ownHeight - cropHeight) / 2);
    const left = Math.trunc((ownWidth - cropWidth) / 2);
    picture.crop(top, left, cropHeight, cropWidth, 'resize');
    moveByCrop(boxes, top, left, cropHeight, cropWidth);
    picture.resize(height, width, method);
    scaleBoxes(boxes, height / cropHeight, width / cropWidth);
    return;
  }
  if (fit === 'pad') {
    const padHeight = Math.max(ownHeight, Math.trunc((ownWidth * height) / width));
    const padWidth = Math.max(ownWidth, Math.trunc((ownHeight * width) / height));
    const top = Math.trunc((padHeight - ownHeight) / 2);
    const left = Math.trunc((padWidth - ownWidth) / 2);
    picture.pad(top, left, padHeight, padWidth, fillValue);
    boxes?.move((y, x, bottom, right) => [y + top, x + left, bottom + top, right + left]);
    picture.resize(height, width, method);
    scaleBoxes(boxes, height / padHeight, width / padWidth);
    return;
  }
  scaleBoxes(boxes, height / ownHeight, width / ownWidth);
  picture.resize(height, width, method);
}

/** A part of random area and aspect ratio; after four tries without one that fits, the largest in the middle. */
function randomPart(
  [ownHeight, ownWidth]: readonly [number, number],
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: Extract<PictureStep, { op: 'randomResizedCrop' }>,
  draws: Draws,
  at: number,
): readonly [top: number, left: number, height: number, width: number] {
  for (let attempt = 0; attempt < 4; attempt++) {
    const draw = (k: number): number => draws.of(at, 4 * attempt + k);
    const area = ownHeight * ownWidth * (scale[0] + (scale[1] - scale[0]) * draw(0));
    const aspect = Math.exp(Math.log(ratio[0]) + (Math.log(ratio[1]) - Math.log(ratio[0])) * draw(1));
    const width = Math.round(Math.sqrt(area * aspect));
    const height = Math.round(Math.sqrt(area / aspect));
    if (width < 1 || height < 1 || width > ownWidth || height > ownHeight) continue;
    return [upTo(ownHeight - height, draw(2)), upTo(ownWidth - width, draw(3)), height, width];
  }
  const own = ownWidth / ownHeight;
  const height = own < ratio[0] ? Math.max(1, Math.round(ownWidth / ratio[0])) : ownHeight;
  const width = own > ratio[1] ? Math.max(1, Math.round(ownHeight * ratio[1])) : ownWidth;
  return [Math.floor((ownHeight - height) / 2), Math.floor((ownWidth - width) / 2), height, width];
}

function moveByCrop(boxes: Boxes | undefined, top: number, left: number, height: number, width: number): void {
  boxes?.move((y, x, bottom, right) => [y - top, x - left, bottom - top, right - left]);
  boxes?.clip(height, width);
}

function scaleBoxes(boxes: Boxes | undefined, down: number, across: number): void {
  boxes?.move((top, left, bottom, right) => [top * down, left * across, bottom * down, right * across]);
}
