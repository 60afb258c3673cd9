// What a filter or a class looks for: a picture that makes it answer as much as possible, found by gradient ascent from noise
// (Erhan et al. 2009; Simonyan et al. 2013; jitter and the bands of the gradient after Mordvintsev et al. 2015).
import { FoveaError } from '../../core/errors.js';
import { fillNormal, keyFromSeed, uniform } from '../../core/random.js';
import { type HostArray, rowOf } from '../../data/index.js';
import type { Tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { leakyRelu } from '../../ops/activation.js';
import { cast, multiply } from '../../ops/arithmetic.js';
import { mean, sum } from '../../ops/reduce.js';
import type { Figure } from '../../plot/figure.js';
import { grid } from '../../plot/image.js';
import { bandsFor, climb, type Goal } from './ascent.js';
import { aimAt } from './classes.js';
import { findLayer, type LayerInfo, type Look, layersFor, mapsOf, type SeenLayer, seenAt } from './look.js';
import { blur, checkCount, drawable, type FloatArray, floats, roll, type Size, toBytes } from './maps.js';
import { inputSizes, type ModelOptions, preparationOf } from './pictures.js';

/** See `maximize`. */
export interface MaximizeOptions extends ModelOptions {
  /** A layer by name or path, whose `channel` is to answer. */
  layer?: string;
  /** One channel or several, each of which gets a picture; default the first 16. */
  channel?: number | readonly number[];
  /** Instead of a layer: one class or several, by number or name. */
  class?: number | string | readonly (number | string)[];
  /** Default 128. */
  steps?: number;
  /** How far a step goes, as a share of the range; default 0.03. */
  stepSize?: number;
  /** Every step sees the picture moved by up to so many pixels; default a fourteenth of the shorter side. */
  jitter?: number;
  /** Deviation in pixels of a blur every fourth step, which shrinks to 0 until the last one; default a fiftieth of the shorter side. */
  blur?: number;
  /** Share of the distance to grey that each step takes back; default 0.003. */
  l2?: number;
  /** How strongly each step evens out neighbouring pixels (total variation), 0..1; default 0.05. */
  tv?: number;
  /** What pixels may be; default 0 to 255. */
  range?: readonly [low: number, high: number];
  /** For models that take pictures of any size; default 128 by 128. */
  size?: Size;
  /** Of the noise that all begins with; default 0. */
  seed?: number;
  columns?: number;
}

/** A picture that was climbed to. */
export interface Maximized {
  /** The channel or class, in words. */
  readonly label: string;
  readonly index: number;
  /** Bytes [h,w,c]. */
  readonly image: HostArray;
  /** As the model is given it, [h,w,c] in the range. */
  readonly picture: FloatArray;
  /** Of the noise, and of the picture. */
  readonly scoreBefore: number;
  readonly score: number;
}

/** What `maximize` gives. */
export interface MaximizedPictures {
  readonly pictures: readonly Maximized[];
  readonly figure: Figure;
}

/** Pictures that are climbed together. */
const BATCH = 8;

/**
 * Pictures that make channels of a layer (the mean of their maps) or classes (their logits) answer as much as possible. Compiled once; the
 * same seed gives the same pictures. Throws `argument` for an unknown layer or class and `range` for an unknown channel.
 */
export async function maximize(model: TrainableModel, options: MaximizeOptions): Promise<MaximizedPictures> {
  const op = 'maximize';
  const [height, width, channels] = inputSizes(model);
  const shape = [height ?? options.size?.[0] ?? 128, width ?? options.size?.[1] ?? 128, channels ?? 3] as const;
  const [low, high] = options.range ?? [0, 255];
  if (!(low < high))
    throw new FoveaError({ code: 'argument', op, message: `range is ${low} to ${high}.`, got: [low, high] });
  checkCount(op, 'steps', options.steps ?? 1);
  const goals = await goalsOf(model, shape, options, op);
  const pictures: Maximized[] = [];
  for (let start = 0; start < goals.labels.length; start += BATCH) {
    const count = Math.min(BATCH, goals.labels.length - start);
    // Fewer than a batch stay fewer where they are all there is.
    const rows = goals.labels.length <= BATCH ? count : BATCH;
    const goal = goals.rows(Array.from({ length: rows }, (_, i) => Math.min(start + i, goals.labels.length - 1)));
    const { data, before, after } = await ascend(model, goal, [rows, ...shape], options, start);
    const batch = floats(data, [rows, ...shape]);
    for (let i = 0; i < count; i++) {
      const picture = rowOf(batch, i) as FloatArray;
      pictures.push({
        ...(goals.labels[start + i] as { label: string; index: number }),
        picture,
        image: drawable(toBytes(picture, [low, high])),
        scoreBefore: before[i] as number,
        score: after[i] as number,
      });
    }
  }
  const labels = pictures.map(({ label }) => label);
  const scale = Math.max(1, Math.round(96 / Math.max(shape[0], shape[1])));
  const columns = options.columns === undefined ? {} : { columns: options.columns };
  const images = pictures.map(({ image }) => image);
  return { pictures, figure: grid(images, { labels, scale, ...columns, colormap: 'gray', vmin: 0, vmax: 255 }) };
}

interface Goals {
  readonly labels: readonly { readonly label: string; readonly index: number }[];
  /** The goal of a batch in which each picture climbs to one of the labels. */
  rows(chosen: readonly number[]): Goal;
}

async function goalsOf(
  model: TrainableModel,
  shape: readonly number[],
  options: MaximizeOptions,
  op: string,
): Promise<Goals> {
  const { class: wanted, layer: name, channel } = options;
  if ((wanted === undefined) === (name === undefined)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: wanted === undefined ? 'neither a layer nor a class is given.' : 'both a layer and a class are given.',
      hint: "Give { layer: 'conv1', channel: 3 } or { class: 'cat' }.",
    });
  }
  const preparation = preparationOf(model, options.preprocessing);
  if (name !== undefined) {
    const layer = findLayer(layersFor(model, shape), name, op);
    const count = layer.shape.at(-1) ?? 0;
    const list = channel === undefined ? Array.from({ length: Math.min(16, count) }, (_, i) => i) : [channel].flat();
    for (const each of list) checkChannel(op, each, layer, count);
    const meanOf = (seen: SeenLayer, given: Tensor, selector: Tensor): Tensor => {
      const output = cast(mapsOf(seen, given), 'float32');
      const axes = output.shape.map((_, axis) => axis).slice(1, -1);
      return sum(multiply(axes.length === 0 ? output : mean(output, { axis: axes }), selector), { axis: 1 });
    };
    const scoresOf = (look: Look, selector: Tensor): Tensor => {
      const seen = seenAt(look, layer.path);
      return meanOf(seen, seen.output, selector);
    };
    // A channel that noise leaves at 0 has no slope behind its rectifier, so that one is made leaky.
    const slopeOf = (look: Look, selector: Tensor): Tensor => {
      const seen = seenAt(look, layer.path);
      const { op, inputs } = seen.output.node;
      const isFlat = op.name === 'relu' || op.name === 'relu6';
      return meanOf(seen, isFlat ? leakyRelu(inputs[0] as Tensor, 0.1) : seen.output, selector);
    };
    return {
      labels: list.map((index) => ({ label: `${layer.name} ${index}`, index })),
      rows: (chosen) => ({
        key: `channels ${layer.path}`,
        preparation,
        selector: selectorOf(
          chosen.map((i) => list[i] as number),
          count,
        ),
        scoresOf,
        slopeOf,
      }),
    };
  }
  const grey = floats(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(128), shape);
  const aims = [];
  for (const each of [wanted].flat() as (number | string)[])
    aims.push(await aimAt(model, grey, { ...options, class: each } as never, op));
  const [first] = aims;
  if (first === undefined) throw new FoveaError({ code: 'argument', op, message: 'no class is given.' });
  const classes = aims.map(({ target }) => target.class as number);
  return {
    labels: aims.map(({ target }) => ({ label: target.label, index: target.class as number })),
    rows: (chosen) => ({
      key: first.key,
      preparation,
      selector: selectorOf(
        chosen.map((i) => classes[i] as number),
        first.selector.data.length,
      ),
      scoresOf: first.scoresOf,
    }),
  };
}

function checkChannel(op: string, channel: number, layer: LayerInfo, count: number): void {
  if (Number.isInteger(channel) && channel >= 0 && channel < count) return;
  throw new FoveaError({
    code: 'range',
    op,
    message: `layer "${layer.name}" has no channel ${channel}.`,
    got: channel,
    want: `0 to ${count - 1}`,
  });
}

/** Rows with a 1 at the chosen place. */
function selectorOf(chosen: readonly number[], count: number): HostArray {
  const data = new Float32Array(chosen.length * count);
  chosen.forEach((at, row) => {
    data[row * count + at] = 1;
  });
  return floats(data, [chosen.length, count]);
}

type BatchShape = readonly [n: number, height: number, width: number, channels: number];

async function ascend(
  model: TrainableModel,
  goal: Goal,
  shape: BatchShape,
  options: MaximizeOptions,
  stream: number,
): Promise<{ data: Float32Array; before: readonly number[]; after: readonly number[] }> {
  const [, height, width] = shape;
  const side = Math.min(height, width);
  const { steps = 128, stepSize = 0.03, l2 = 0.003, tv = 0.05, seed = 0 } = options;
  const jitter = options.jitter ?? Math.max(1, Math.round(side / 14));
  const softness = options.blur ?? side / 50;
  const [low, high] = options.range ?? [0, 255];
  const [middle, span] = [(low + high) / 2, high - low];
  const key = keyFromSeed(seed);
  let x: Float32Array = new Float32Array(shape.reduce((a, b) => a * b, 1));
  fillNormal(x, key, 2 * stream);
  for (let i = 0; i < x.length; i++) x[i] = middle + 0.04 * span * (x[i] as number);
  const bands = bandsFor([height, width]);
  let before: readonly number[] = [];
  for (let step = 0; step < steps; step++) {
    const shift = (at: number): number =>
      Math.floor(uniform(key, 2 * stream + 1, 2 * step + at) * (2 * jitter + 1)) - jitter;
    const [down, right] = [shift(0), shift(1)];
    const { direction, scores } = await climb(model, goal, floats(roll(x, shape, [down, right]), shape), bands);
    if (step === 0) before = scores;
    const back = roll(direction, shape, [-down, -right]);
    // Steps grow shorter towards the end, so that the last ones settle.
    const far = stepSize * span * (1 - (0.75 * step) / steps);
    for (let i = 0; i < x.length; i++) {
      const moved = (x[i] as number) + far * (back[i] as number);
      x[i] = moved - l2 * (moved - middle);
    }
    if (tv > 0) x = evened(x, shape, tv);
    const sigma = softness * (1 - (step + 1) / steps);
    if (step % 4 === 3 && sigma > 0.3) x = blur(x, shape, sigma);
    for (let i = 0; i < x.length; i++) x[i] = Math.min(high, Math.max(low, x[i] as number));
  }
  const { scores } = await climb(model, goal, floats(x, shape), bands);
  return { data: x, before, after: scores };
}

/** A step down the total variation (of squared differences): every pixel goes a part of the way to the mean of its neighbours. */
function evened(x: Float32Array, [n, height, width, channels]: BatchShape, part: number): Float32Array {
  const out = new Float32Array(x.length);
  const line = width * channels;
  for (let row = 0; row < n * height; row++) {
    const inner = row % height;
    const up = inner === 0 ? 0 : -line;
    const down = inner === height - 1 ? 0 : line;
    for (let i = row * line; i < (row + 1) * line; i++) {
      const column = i - row * line;
      const left = column < channels ? 0 : -channels;
      const right = column >= line - channels ? 0 : channels;
      const around =
        (x[i + up] as number) + (x[i + down] as number) + (x[i + left] as number) + (x[i + right] as number);
      out[i] = (1 - part) * (x[i] as number) + (part * around) / 4;
    }
  }
  return out;
}
