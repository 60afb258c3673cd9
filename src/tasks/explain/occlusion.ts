// Which parts of a picture a score cannot do without: they are covered one after the other (Zeiler and Fergus 2014).
import { FoveaError } from '../../core/errors.js';
import type { HostArray } from '../../data/index.js';
import type { Tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { type Explanation, explain } from './class-maps.js';
import { aimAt, type TargetOptions } from './classes.js';
import { ask, type Look } from './look.js';
import { checkCount, type FloatArray, floats, type OverlayOptions, type Size } from './maps.js';
import { type Picture, readPicture } from './pictures.js';

/** See `occlusion`. */
export interface OcclusionOptions extends TargetOptions, OverlayOptions {
  /** Side of the square that covers, in pixels of the model's input; default an eighth of the shorter side. */
  patch?: number;
  /** Pixels from one place to the next; default half of `patch`. */
  stride?: number;
  /** What covers: a number 0..255; default the picture's mean colour. */
  fill?: number;
  /** Covered pictures at once; default 32. */
  batchSize?: number;
  /** For models that take pictures of any size; default the picture's own. */
  size?: Size;
}

/**
 * Covers the picture square by square: `map` says for every pixel of the model's input [h,w] how much the score falls, on average, where it is
 * covered. Asks nothing of the model but its scores. Throws `argument` for sizes that do not fit.
 */
export async function occlusion(
  model: TrainableModel,
  picture: Picture,
  options: OcclusionOptions = {},
): Promise<Explanation> {
  const op = 'occlusion';
  const { input, shown } = await readPicture(model, picture, options, op);
  const [height, width, channels] = input.shape as [number, number, number];
  const patch = options.patch ?? Math.max(1, Math.round(Math.min(height, width) / 8));
  const stride = options.stride ?? Math.max(1, Math.floor(patch / 2));
  const batchSize = options.batchSize ?? 32;
  for (const [name, value] of Object.entries({ patch, stride, batchSize })) checkCount(op, name, value);
  if (patch > Math.min(height, width)) throw tooLarge(patch, height, width);
  const aim = await aimAt(model, input, options, op);
  const question = {
    key: `scores ${aim.key}`,
    preparation: aim.preparation,
    ask: (look: Look, _pictures: Tensor, selector: Tensor) => [aim.scoresOf(look, selector)],
  };
  const cover = options.fill === undefined ? meanColour(input) : new Float32Array(channels).fill(options.fill);
  const places = placesOf(height, patch, stride).flatMap((top) =>
    placesOf(width, patch, stride).map((left) => [top, left] as const),
  );
  const falls = new Float64Array(height * width);
  const counts = new Float64Array(height * width);
  const batch = Math.min(batchSize, places.length);
  for (let start = 0; start < places.length; start += batch) {
    const covered = new Float32Array(batch * input.data.length);
    for (let i = 0; i < batch; i++) {
      const one = covered.subarray(i * input.data.length, (i + 1) * input.data.length);
      one.set(input.data);
      const place = places[start + i];
      if (place !== undefined) eachPixel(place, patch, width, (pixel) => one.set(cover, pixel * channels));
    }
    const [scores] = (await ask(model, question, [floats(covered, [batch, ...input.shape]), aim.selector])) as [
      FloatArray,
    ];
    for (let i = 0; i < batch && start + i < places.length; i++) {
      const fall = aim.target.score - (scores.data[i] as number);
      eachPixel(places[start + i] as Size, patch, width, (pixel) => {
        falls[pixel] = (falls[pixel] as number) + fall;
        counts[pixel] = (counts[pixel] as number) + 1;
      });
    }
  }
  const map = floats(
    Float32Array.from(falls, (fall, i) => fall / (counts[i] as number)),
    [height, width],
  );
  return explain(aim.target, { layer: undefined, map, input, shown }, options);
}

/** Where patches start; the last one ends with the picture. */
function placesOf(size: number, patch: number, stride: number): number[] {
  const last = size - patch;
  const places = Array.from({ length: Math.floor(last / stride) + 1 }, (_, i) => i * stride);
  return places.at(-1) === last ? places : [...places, last];
}

function eachPixel([top, left]: Size, patch: number, width: number, body: (pixel: number) => void): void {
  for (let row = top; row < top + patch; row++)
    for (let column = left; column < left + patch; column++) body(row * width + column);
}

function meanColour({ data, shape }: HostArray): Float32Array {
  const channels = shape[2] as number;
  const sums = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) sums[i % channels] = (sums[i % channels] as number) + (data[i] as number);
  return Float32Array.from(sums, (sum) => (sum * channels) / data.length);
}

function tooLarge(patch: number, height: number, width: number): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'occlusion',
    message: `a patch of ${patch} does not fit into ${height} x ${width}.`,
    got: patch,
    want: `at most ${Math.min(height, width)}`,
  });
}
